//! Redirect tokens: the name of a grant, and the only thing a link carries.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::encoding::{from_base64url, to_base64url};

/// `name` or `name.sealed`. To clients an opaque path segment.
///
/// A name is 32 random bytes, and finds the grant in the key store. What follows the dot is reserved for grants
/// that travel in the token itself; this version knows none.
///
/// A token is no key, but a link that is still good gives the ciphertext, so it is kept out of `Debug` and logs
/// like a key. This copy is wiped on drop; URLs and headers hold others, which are not.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct RedirectToken(String);

/// The text is no redirect token. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid redirect token: expected 43 characters of unpadded base64url (32 bytes), then optionally a dot and more base64url"
)]
pub struct RedirectTokenError;

impl RedirectToken {
    /// The length of a name in characters.
    pub const NAME_CHARS: usize = 43;

    /// The greatest length of a token in characters.
    pub const MAX_CHARS: usize = 2048;

    /// A token without a sealed part, from 32 bytes of a cryptographic random source.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(to_base64url(&bytes))
    }

    /// Reads a token off a URL's path segment, strictly: one text for one token.
    pub fn parse(text: &str) -> Result<Self, RedirectTokenError> {
        let (name, sealed) = match text.split_once('.') {
            Some((name, sealed)) => (name, Some(sealed)),
            None => (text, None),
        };
        let canonical = |text: &str| from_base64url(text).is_some();
        let named = name.len() == Self::NAME_CHARS && canonical(name);
        let fits = text.len() <= Self::MAX_CHARS
            && sealed.is_none_or(|sealed| !sealed.is_empty() && canonical(sealed));
        if named && fits { Ok(Self(text.to_owned())) } else { Err(RedirectTokenError) }
    }

    /// The name of the token's grant in the key store: `grant:<token>`. `None` for a token with a sealed part:
    /// the form alone decides where a grant is read.
    pub fn record_name(&self) -> Option<Zeroizing<String>> {
        (self.0.len() == Self::NAME_CHARS).then(|| Zeroizing::new(format!("grant:{}", self.0)))
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
    fn a_sealed_part_is_part_of_the_token_and_no_record_is_read_for_it() {
        for sealed in ["AA", "AAA", &"A".repeat(2004)] {
            let text = format!("{}.{sealed}", "A".repeat(43));
            let token = RedirectToken::parse(&text).unwrap();
            assert_eq!((token.as_str(), token.record_name()), (text.as_str(), None));
        }
        assert_eq!(
            **RedirectToken::from_bytes([0; 32]).record_name().unwrap(),
            format!("grant:{}", "A".repeat(43))
        );
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
            ".",
            &format!("{}.", token.as_str()),
            &format!(".{}", token.as_str()),
            &format!("{}..AA", token.as_str()),
            &format!("{}.AA.AA", token.as_str()),
            &format!("{}.AB", token.as_str()),
            &format!("{}.A", token.as_str()),
            &format!("{}.AA==", token.as_str()),
            &format!("{}%2EAA", token.as_str()),
            &format!("{}.{}", token.as_str(), "A".repeat(2005)),
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
