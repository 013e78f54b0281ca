//! The port to the homeserver.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LOCATION, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use zeroize::Zeroizing;

use crate::protocol::AccessToken;

/// The headers of a response that anybody here looks at: an object's info, and what is relayed.
pub const READ_HEADERS: [HeaderName; 11] = [
    CONTENT_LENGTH,
    CONTENT_TYPE,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_RANGE,
    ETAG,
    LOCATION,
    RETRY_AFTER,
    WWW_AUTHENTICATE,
    CACHE_CONTROL,
    VARY,
];

/// Sends requests to the homeserver.
pub trait Homeserver<B> {
    /// Sends a request, follows no redirect, uses no cache. A coding that the platform decodes by itself is
    /// removed from the headers, with the length of the coded body.
    async fn send(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<B>, UpstreamError>;
}

/// Whose access token a request carries, as `Authorization: Bearer …`.
#[expect(missing_debug_implementations, reason = "tokens are secrets")]
#[derive(Clone)]
pub enum Account {
    /// The client's own, where it came in the header.
    Client(Option<AccessToken>),
    /// The service account's.
    Service(AccessToken),
}

impl Account {
    /// The token, if there is one.
    pub fn token(&self) -> Option<&AccessToken> {
        match self {
            Self::Client(token) => token.as_ref(),
            Self::Service(token) => Some(token),
        }
    }
}

/// A request to the homeserver. The path holds what the client sent and may hold its access token: `Debug` is
/// left out on purpose.
#[expect(missing_debug_implementations, reason = "path and token are secrets")]
#[derive(Clone)]
pub struct UpstreamRequest {
    /// `GET` or `HEAD`.
    pub method: Method,
    /// Path and query, rebuilt from typed values.
    pub path: Zeroizing<String>,
    /// Who asks.
    pub account: Account,
    /// `If-None-Match` or `Range`, nothing else.
    pub headers: HeaderMap,
    /// What `X-Forwarded-For` is set to.
    pub client_ip: Option<String>,
}

/// The homeserver's response.
#[derive(Debug)]
pub struct UpstreamResponse<B> {
    /// The status, 200-599.
    pub status: StatusCode,
    /// Those of [`READ_HEADERS`] that are there.
    pub headers: HeaderMap,
    /// The body, possibly empty.
    pub body: B,
}

/// Why the homeserver gave no answer that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection, or it broke before the headers.
    #[error("the homeserver cannot be reached")]
    Unreachable,
    /// No headers in time.
    #[error("the homeserver did not respond in time")]
    TimedOut,
    /// A status outside 200-599.
    #[error("the homeserver sent the invalid status {0}")]
    OddStatus(u16),
}
