//! Redirect tokens: the name of a grant, and the only thing a link carries.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{from_base64url, to_base64url};

/// 32 random bytes as 43 characters of unpadded base64url. To clients an opaque path segment.
///
/// A token is no key, but a link that is still good gives the ciphertext, so it is kept out of
/// `Debug` and logs like a key, and wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct RedirectToken(String);

/// The text is no redirect token. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a redirect token is 43 characters of unpadded base64url (32 bytes)")]
pub struct RedirectTokenError;

impl RedirectToken {
    /// The length of the wire form in characters.
    pub const CHARS: usize = 43;

    /// A token from 32 bytes of a cryptographic random source.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(to_base64url(&bytes))
    }

    /// Reads a token off a URL's path segment, strictly: one text for one token.
    pub fn parse(text: &str) -> Result<Self, RedirectTokenError> {
        if text.len() != Self::CHARS || from_base64url(text).is_none() {
            return Err(RedirectTokenError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name of the token's grant in the key store: `grant:<token>`.
    pub fn record_name(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("grant:{}", self.0))
    }

    /// The wire form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RedirectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedirectToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_character() {
        insta::assert_snapshot!(format!("{:?}", RedirectToken::from_bytes([7; 32])), @"RedirectToken(..)");
    }

    #[test]
    fn only_the_canonical_form_parses() {
        let token = RedirectToken::from_bytes([0xfe; 32]);
        assert_eq!(RedirectToken::parse(token.as_str()).unwrap(), token);
        let stray_bits = format!("{}B", "A".repeat(42));
        let padded = format!("{}=", "A".repeat(42));
        for wrong in [
            "",
            "A",
            &"A".repeat(42),
            &"A".repeat(44),
            &stray_bits,
            &padded,
            &"/".repeat(43),
            &"é".repeat(21),
        ] {
            assert_eq!(RedirectToken::parse(wrong), Err(RedirectTokenError), "{wrong}");
        }
    }
}
