//! A body that knows which bytes of an object it covers.

use std::ops::Range;

use http::HeaderMap;

use crate::cipher::{Keystream, KeystreamEnd, Window};
use crate::ports::{Reply, ReplyBody};
use crate::protocol::{ByteRange, ObjectInfo};

/// A body, and which bytes of an object it covers.
#[derive(Debug)]
pub struct Source<B> {
    /// Exactly the bytes of `covers`; fewer or more are an error.
    pub body: B,
    /// Offsets in the object.
    pub covers: Range<u64>,
}

/// An object of a known length, opened at what a client asked for.
#[derive(Debug)]
pub struct Opened<B> {
    /// What is known of the object.
    pub info: ObjectInfo,
    /// Where the bytes come from.
    pub source: Source<B>,
    /// The length of the whole object in bytes.
    pub size: u64,
    /// Which bytes to answer with: one range (206), or everything (200).
    pub range: Option<ByteRange>,
}

impl<B> Opened<B> {
    /// Returns 200, or 206 for a range, with these headers and the object's bytes, encrypted if there is a
    /// keystream.
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
