//! The symmetric key of one redirect token.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Algorithm;
use crate::encoding::{from_base64url, to_base64url};

/// A symmetric key: 32 random bytes and their algorithm. A key serves one redirect token, and so it encrypts one object.
///
/// `Debug` shows none of the bytes. They stay in one place on the heap, so that moving a key leaves no copy
/// behind, and they are wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key {
    #[zeroize(skip)]
    alg: Algorithm,
    bytes: Box<[u8; 32]>,
}

impl Key {
    /// The key's length in bytes.
    pub const BYTES: usize = 32;

    /// Makes a key from 32 bytes of a cryptographic random source.
    pub fn new(alg: Algorithm, bytes: [u8; 32]) -> Self {
        Self { alg, bytes: Box::new(bytes) }
    }

    /// Makes a key for `ChaCha20`.
    pub fn chacha20(bytes: [u8; 32]) -> Self {
        Self::new(Algorithm::ChaCha20, bytes)
    }

    /// Parses a key from its wire form, 43 characters of unpadded base64url (specification section 1.2).
    /// Returns `None` for any other text.
    pub fn from_base64url(alg: Algorithm, text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(from_base64url(text)?);
        Some(Self::new(alg, bytes.as_slice().try_into().ok()?))
    }

    /// Returns the algorithm that the key is for.
    pub fn alg(&self) -> Algorithm {
        self.alg
    }

    /// Returns the wire form. The text is wiped on drop too.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        Zeroizing::new(to_base64url(self.as_bytes()))
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ..)", self.alg.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_byte() {
        insta::assert_snapshot!(format!("{:?}", Key::chacha20([0xab; 32])), @"Key(chacha20, ..)");
    }

    #[test]
    fn the_wire_form_is_strict() {
        let text = Key::chacha20([0xff; 32]).to_base64url();
        assert_eq!(text.len(), 43);
        assert_eq!(Key::from_base64url(Algorithm::A256Ctr, &text).unwrap().as_bytes(), &[0xff; 32]);
        for wrong in
            ["", "AAAA", &format!("{}=", *text), &text[1..], "+///////////////////////////////////////////"]
        {
            assert!(Key::from_base64url(Algorithm::A256Ctr, wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_wiped() {
        let mut key = Key::chacha20([1; 32]);
        key.zeroize();
        assert_eq!(key.as_bytes(), &[0; 32]);
    }
}
