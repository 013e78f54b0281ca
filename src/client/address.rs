//! The homeserver's address. The access token goes nowhere else.

use crate::protocol::WebOrigin;

/// The reason why a text cannot be the homeserver's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeserverUrlError {
    /// The text is not `https://host[:port][/path]`.
    #[error("expected https://host, with a port or path if the homeserver has one")]
    NotUrl,
    /// The text is plain http to another machine. Others could read the access token on the way.
    #[error(
        "http would send the access token unencrypted: use https (http works only for localhost, 127.0.0.1, [::1])"
    )]
    Insecure,
}

/// The base URL of the homeserver's client-server API. It is secure, and has no query, no fragment and no
/// slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeserverUrl {
    base: String,
    origin: WebOrigin,
}

impl HomeserverUrl {
    /// Reads a base URL: https, or http to the local machine.
    ///
    /// # Errors
    /// The reason why the text is refused.
    pub fn parse(text: &str) -> Result<Self, HomeserverUrlError> {
        let origin = WebOrigin::of(text).ok_or(HomeserverUrlError::NotUrl)?;
        if text.contains(['?', '#']) {
            return Err(HomeserverUrlError::NotUrl);
        }
        if !origin.is_secure() {
            return Err(HomeserverUrlError::Insecure);
        }
        Ok(Self { base: text.trim_end_matches('/').to_owned(), origin })
    }

    /// Returns the URL of `path` on the homeserver. `path` must start with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Returns the web origin to which the access token may be sent.
    pub fn origin(&self) -> &WebOrigin {
        &self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_homeserver_is_https_or_the_local_machine() {
        let join = |text| HomeserverUrl::parse(text).map(|url| url.join("/_matrix"));
        assert_eq!(join("https://a.example/").unwrap(), "https://a.example/_matrix");
        assert_eq!(join("https://a.example/base/").unwrap(), "https://a.example/base/_matrix");
        assert_eq!(join("http://localhost:8008").unwrap(), "http://localhost:8008/_matrix");
        assert_eq!(join("http://a.example"), Err(HomeserverUrlError::Insecure));
        assert_eq!(join("http://localhost.evil.example"), Err(HomeserverUrlError::Insecure));
        for bad in ["a.example", "https://a.example?x", "https://a.example#x", "https://me:pw@a.example"] {
            assert_eq!(join(bad), Err(HomeserverUrlError::NotUrl), "{bad}");
        }
    }
}
