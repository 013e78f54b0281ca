//! A body that knows which bytes of an object it covers.

use std::ops::Range;

use http::HeaderMap;

use crate::cipher::{Keystream, KeystreamEnd, Window};
use crate::ports::{Reply, ReplyBody};
use crate::protocol::{ByteRange, ObjectInfo};

/// A body, and the bytes of an object that it covers.
#[derive(Debug)]
pub struct Source<B> {
    /// The bytes of `covers`. Fewer or more bytes are an error.
    pub body: B,
    /// The covered range: offsets in the object, in bytes.
    pub covers: Range<u64>,
}

/// An object of known length, opened at the requested range.
#[derive(Debug)]
pub struct Opened<B> {
    /// The object's info.
    pub info: ObjectInfo,
    /// The body.
    pub source: Source<B>,
    /// The length of the whole object in bytes.
    pub size: u64,
    /// The range to respond with (206); `None` for the whole object (200).
    pub range: Option<ByteRange>,
}

impl<B> Opened<B> {
    /// Returns a 200, or a 206 for a range, with `headers` and the object's bytes. Encrypts the bytes if
    /// there is a `keystream`.
    ///
    /// # Errors
    /// `KeystreamEnd` if the bytes lie beyond the end of the keystream.
    pub fn into_reply(
        self,
        headers: HeaderMap,
        keystream: Option<Keystream>,
    ) -> Result<Reply<B>, KeystreamEnd> {
        let head = Reply::media_head(headers, self.size, self.range);
        let wanted = self.range.map_or(0..self.size, Range::from);
        let Source { body, covers } = self.source;
        let window = Window::onto(covers, wanted, keystream)?;
        Ok(Reply { body: ReplyBody::Media(body, window), ..head })
    }
}
