//! The port to the homeserver.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LOCATION, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use zeroize::Zeroizing;

use crate::protocol::AccessToken;

/// The response headers that we read: those that describe an object, and those that are relayed.
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
    /// Sends a request. Follows no redirect and uses no cache. If the platform decodes the body itself, the
    /// response has neither `Content-Encoding` nor `Content-Length`, which is the length of the coded body.
    async fn send(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<B>, UpstreamError>;
}

/// The account whose access token a request carries, as `Authorization: Bearer …`.
#[expect(missing_debug_implementations, reason = "tokens are secrets")]
#[derive(Clone)]
pub enum Account {
    /// The client's own account, with its token if that came in the header.
    Client(Option<AccessToken>),
    /// The service account.
    Service(AccessToken),
}

impl Account {
    /// Returns the token, if there is one.
    pub fn token(&self) -> Option<&AccessToken> {
        match self {
            Self::Client(token) => token.as_ref(),
            Self::Service(token) => Some(token),
        }
    }
}

/// A request to the homeserver. It has no `Debug`, because the path holds what the client sent, perhaps its
/// access token.
#[expect(missing_debug_implementations, reason = "path and token are secrets")]
#[derive(Clone)]
pub struct UpstreamRequest {
    /// `GET` or `HEAD`.
    pub method: Method,
    /// Path and query. For media, they are rebuilt from parsed values.
    pub path: Zeroizing<String>,
    /// The account that asks.
    pub account: Account,
    /// `If-None-Match` or `Range`, and nothing else.
    pub headers: HeaderMap,
    /// The value of `X-Forwarded-For`, if there is one.
    pub client_ip: Option<String>,
}

/// The homeserver's response.
#[derive(Debug)]
pub struct UpstreamResponse<B> {
    /// The status, 200-599.
    pub status: StatusCode,
    /// The response's headers, as far as they are in [`READ_HEADERS`].
    pub headers: HeaderMap,
    /// The body, possibly empty.
    pub body: B,
}

/// Why the homeserver sent no usable response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// There was no connection, or it broke before the headers arrived.
    #[error("the homeserver cannot be reached")]
    Unreachable,
    /// The headers did not arrive in time.
    #[error("the homeserver did not respond in time")]
    TimedOut,
    /// The status lies outside of 200-599.
    #[error("the homeserver sent the invalid status {0}")]
    OddStatus(u16),
}
