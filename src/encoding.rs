//! Encodings: base64url for keys, tokens, sealed metadata and cache names; JSON for grants and answers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use zeroize::Zeroizing;

/// Encodes bytes as base64url without padding (RFC 4648 section 5).
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url. Returns `None` for padding, white space, other characters, and unused bits that are not
/// zero, so that each byte string has one text (`spec/msc4097.md`, section 1.2).
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The maximum length of a record's JSON without its texts: member names, numbers, key and punctuation.
const FRAME_BYTES: usize = 512;
/// The maximum length of one byte of a text in JSON: `\u0000`.
const ESCAPED_BYTES: usize = 6;

/// Returns the JSON of a record that contains a key. It is wiped on drop. All records of ours have a JSON
/// form; for anything else the text is empty.
///
/// A buffer that grows leaves copies of its content in freed memory, so the buffer is large enough from the
/// start. `text_bytes` is the total length of the record's texts.
pub(crate) fn to_wiped_json(record: &impl Serialize, text_bytes: usize) -> Zeroizing<String> {
    let room = ESCAPED_BYTES * text_bytes + FRAME_BYTES;
    let mut json = Zeroizing::new(Vec::with_capacity(room));
    if serde_json::to_writer(&mut *json, record).is_err() {
        return Zeroizing::default();
    }
    debug_assert!(json.len() <= room, "a text of the record was not counted");
    // This does not copy, and JSON is UTF-8.
    Zeroizing::new(String::from_utf8(std::mem::take(&mut *json)).unwrap_or_default())
}
