//! Bytes and records as text: keys, tokens, sealed metadata, names in the cache; grants and answers.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use zeroize::Zeroizing;

/// Unpadded base64url (RFC 4648 section 5), the only binary-to-text encoding of this program.
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The strict inverse of [`to_base64url`]: no padding, no white space, no stray trailing bits.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The JSON of a record that holds a key, wiped on drop. Empty for what has no JSON, which no record of
/// ours is.
///
/// It is measured first and then written into memory of its full size: a text that grows leaves copies of
/// its beginning behind.
pub(crate) fn to_wiped_json(record: &impl Serialize) -> Zeroizing<String> {
    let mut length = Length(0);
    let measured = serde_json::to_writer(&mut length, record);
    let mut json = Zeroizing::new(Vec::with_capacity(length.0));
    if measured.and_then(|()| serde_json::to_writer(&mut *json, record)).is_err() {
        json = Zeroizing::default();
    }
    // The same memory; JSON is UTF-8.
    Zeroizing::new(String::from_utf8(std::mem::take(&mut *json)).unwrap_or_default())
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
