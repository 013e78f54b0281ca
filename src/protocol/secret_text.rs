//! Access tokens, which go to the homeserver only.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A Matrix access token. `Debug` prints no character of it.
///
/// This copy is wiped on drop. The copies in queries, headers and the buffers of HTTP libraries are not.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct AccessToken(String);

impl AccessToken {
    /// Wraps any text. Returns `None` if the text is empty.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty()).then_some(Self(text))
    }

    /// Returns the token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_character() {
        let token = AccessToken::new("syt_secret").unwrap();
        insta::assert_snapshot!(format!("{token:?}"), @"AccessToken(..)");
    }
}
