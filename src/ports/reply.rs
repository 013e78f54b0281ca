//! Responses, before the platform sends them.

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
    /// All headers; `Content-Length` is here where the length is known.
    pub headers: HeaderMap,
    /// The body.
    pub body: ReplyBody<B>,
}

/// A response's body.
#[derive(Debug)]
pub enum ReplyBody<B> {
    /// None: replies to `HEAD`, 204, 304.
    Empty,
    /// A short document; wiped on drop, because answers hold keys.
    Bytes(Zeroizing<Vec<u8>>),
    /// Media of a known length: the bytes of a window, encrypted or not.
    Media(B, Window),
    /// Whatever the homeserver sent, of unknown length, as it comes.
    Relay(B),
}

impl<B> Reply<B> {
    /// A response without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: ReplyBody::Empty }
    }

    /// A JSON document, never stored.
    pub fn json(status: StatusCode, json: Zeroizing<Vec<u8>>) -> Self {
        let mut headers = HeaderMap::new();
        header::insert_sandbox(&mut headers);
        headers.insert(CACHE_CONTROL, header::NO_STORE);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, json.len().into());
        Self { status, headers, body: ReplyBody::Bytes(json) }
    }

    /// The headers of 200, or of 206 for a range, of an object of `size` bytes, without a body.
    pub fn media_head(mut headers: HeaderMap, size: u64, range: Option<ByteRange>) -> Self {
        headers.insert(CONTENT_LENGTH, range.map_or(size, ByteRange::length).into());
        let content_range = range.and_then(|range| HeaderValue::from_str(&range.to_content_range(size)).ok());
        headers.extend(content_range.map(|value| (CONTENT_RANGE, value)));
        let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        Self { status, headers, body: ReplyBody::Empty }
    }

    /// 416, with the size that a range may lie in.
    pub fn unsatisfiable(size: u64) -> Self {
        let message = format!("The range starts beyond the end of the media ({size} bytes)");
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        let mut reply = Self::error(&MatrixError::new(status, "M_UNKNOWN", message));
        let value = HeaderValue::from_str(&format!("bytes */{size}"));
        reply.headers.extend(value.ok().map(|value| (CONTENT_RANGE, value)));
        reply
    }

    /// An error of ours.
    pub fn error(error: &MatrixError) -> Self {
        Self::json(error.status, Zeroizing::new(error.to_json()))
    }

    /// The same without its body, as `HEAD` is answered. The headers stay, `Content-Length` too.
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
