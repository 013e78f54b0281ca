//! Bytes as text: keys, tokens, sealed metadata and names in the cache.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Unpadded base64url (RFC 4648 section 5), the only binary-to-text encoding of this program.
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The strict inverse of [`to_base64url`]: no padding, no white space, no stray trailing bits.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
