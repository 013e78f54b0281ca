//! Replies: our responses, before the platform sends them.

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use zeroize::Zeroizing;

use super::Body;
use crate::cipher::Window;
use crate::protocol::{ByteRange, MatrixError, header};

/// A response, ready for the platform to send.
#[derive(Debug)]
pub struct Reply<B> {
    /// The status, 200-599.
    pub status: StatusCode,
    /// All headers, with `Content-Length` if the length is known.
    pub headers: HeaderMap,
    /// The body.
    pub body: ReplyBody<B>,
}

/// A response's body.
#[derive(Debug)]
pub enum ReplyBody<B> {
    /// No body, as in replies to `HEAD`, 204, 304 and plain redirects.
    Empty,
    /// A short document. It is wiped on drop, because answers hold keys.
    Bytes(Zeroizing<Vec<u8>>),
    /// Media of a known length: the bytes of a window, encrypted or not.
    Media(B, Window),
    /// A body of the homeserver, relayed as it arrives.
    Relay(B),
}

impl<B> Reply<B> {
    /// Creates a reply without headers and body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: ReplyBody::Empty }
    }

    /// Creates a reply with a JSON document, which no cache may store.
    pub fn json(status: StatusCode, json: Zeroizing<Vec<u8>>) -> Self {
        let mut headers = HeaderMap::new();
        header::insert_sandbox(&mut headers);
        headers.insert(CACHE_CONTROL, header::NO_STORE);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, json.len().into());
        Self { status, headers, body: ReplyBody::Bytes(json) }
    }

    /// Creates a 200, or a 206 for a range, for an object of `size` bytes: status and headers without a body.
    pub fn media_head(mut headers: HeaderMap, size: u64, range: Option<ByteRange>) -> Self {
        headers.insert(CONTENT_LENGTH, range.map_or(size, ByteRange::length).into());
        let content_range = range.and_then(|range| HeaderValue::from_str(&range.to_content_range(size)).ok());
        headers.extend(content_range.map(|value| (CONTENT_RANGE, value)));
        let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        Self { status, headers, body: ReplyBody::Empty }
    }

    /// Creates a 416 that tells the object's length, `size` bytes.
    pub fn unsatisfiable(size: u64) -> Self {
        let message = format!("The range starts beyond the end of the media ({size} bytes)");
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        let mut reply = Self::error(&MatrixError::new(status, "M_UNKNOWN", message));
        let value = HeaderValue::from_str(&format!("bytes */{size}"));
        reply.headers.extend(value.ok().map(|value| (CONTENT_RANGE, value)));
        reply
    }

    /// Creates a reply with a Matrix error.
    pub fn error(error: &MatrixError) -> Self {
        Self::json(error.status, Zeroizing::new(error.to_json()))
    }

    /// Removes the body, as for a `HEAD`. The headers stay, including `Content-Length`.
    #[must_use]
    pub fn without_body(mut self) -> Self
    where
        B: Body,
    {
        match std::mem::replace(&mut self.body, ReplyBody::Empty) {
            ReplyBody::Media(body, _) | ReplyBody::Relay(body) => body.cancel(),
            ReplyBody::Empty | ReplyBody::Bytes(_) => {}
        }
        self
    }
}
