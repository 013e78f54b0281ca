//! Redirect tokens: the last part of a link, which names a grant.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::encoding::{from_base64url, to_base64url};

/// A redirect token: `name` or `name.sealed` (`spec/msc4097.md`, section 1.2). It is opaque to clients.
///
/// The name is 32 random bytes in base64url. The key store has the grant under this name. The sealed part is
/// reserved for grants that travel in the token itself; this version serves none.
///
/// The holder of a live token gets the ciphertext, so tokens never appear in `Debug` or logs. This copy is
/// wiped on drop. The copies in URLs and headers are not.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct RedirectToken(String);

/// The text is not a redirect token. The message does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid redirect token: expected 43 characters of unpadded base64url (32 bytes), then optionally a dot and more base64url"
)]
pub struct RedirectTokenError;

impl RedirectToken {
    /// The length of a name, in characters.
    pub const NAME_CHARS: usize = 43;

    /// The length limit of a token, in characters.
    pub const MAX_CHARS: usize = 2048;

    /// Makes a token without a sealed part. The bytes must come from a cryptographic random source.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(to_base64url(&bytes))
    }

    /// Reads a token from a path segment of a URL. Accepts only the canonical form.
    ///
    /// # Errors
    /// [`RedirectTokenError`] for any other text.
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

    /// Returns the name of the grant's record in the key store: `grant:<token>`. Returns `None` for a token
    /// with a sealed part, because such a token must never cause a read of the key store.
    pub fn record_name(&self) -> Option<Zeroizing<String>> {
        (self.0.len() == Self::NAME_CHARS).then(|| Zeroizing::new(format!("grant:{}", self.0)))
    }

    /// Returns the token's name: its first 43 characters. The key of a session's link derives from it.
    pub fn name(&self) -> &str {
        self.0.get(..Self::NAME_CHARS).unwrap_or_default()
    }

    /// Returns the token as in a link.
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
    fn a_token_with_a_sealed_part_has_no_record() {
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
