//! Bytes and records as text: keys, tokens, sealed metadata, names in the cache; grants and answers.

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

/// What names, numbers, the key and punctuation of a record take at most.
const FRAME_BYTES: usize = 512;
/// What a byte of a text takes at most: `\u0000`.
const ESCAPED_BYTES: usize = 6;

/// The JSON of a record that holds a key, wiped on drop. Empty for what has no JSON, which no record of
/// ours is.
///
/// A text that grows leaves copies of its beginning behind, so this one has room for the whole record
/// from the start: `text_bytes` is what all texts of the record have together.
pub(crate) fn to_wiped_json(record: &impl Serialize, text_bytes: usize) -> Zeroizing<String> {
    let room = ESCAPED_BYTES * text_bytes + FRAME_BYTES;
    let mut json = Zeroizing::new(Vec::with_capacity(room));
    if serde_json::to_writer(&mut *json, record).is_err() {
        return Zeroizing::default();
    }
    debug_assert!(json.len() <= room, "a text of the record was not counted");
    // The same memory; JSON is UTF-8.
    Zeroizing::new(String::from_utf8(std::mem::take(&mut *json)).unwrap_or_default())
}
