//! A body that knows which bytes of an object it covers.

use std::ops::Range;

use crate::cipher::{Keystream, KeystreamEnd, Window};
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
    /// The body, and the window through which a client sees it.
    ///
    /// # Errors
    /// `KeystreamEnd` if the bytes lie beyond the end of the keystream.
    pub fn into_window(self, keystream: Option<Keystream>) -> Result<(B, Window), KeystreamEnd> {
        let wanted = self.range.map_or(0..self.size, Range::from);
        let Source { body, covers } = self.source;
        Ok((body, Window::onto(covers, wanted, keystream)?))
    }
}
