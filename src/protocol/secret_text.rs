//! Access tokens: passed to the homeserver and to nobody else.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A Matrix access token, as it came. `Debug` prints no character of it.
///
/// This copy is wiped on drop. Queries, header values and the buffers of HTTP libraries hold others,
/// which are not.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct AccessToken(String);

impl AccessToken {
    /// Takes any text; `None` if it is empty.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty()).then_some(Self(text))
    }

    /// The token itself.
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
