//! The homeserver's address: the only place that the access token is sent to.

use crate::protocol::WebOrigin;

/// Why a text is no address to send an access token to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeserverUrlError {
    /// Not `https://host[:port][/path]`.
    #[error("expected https://host, with a port or path if the homeserver has one")]
    NotUrl,
    /// Plain http to another machine: the access token could be read on the way.
    #[error(
        "http would send the access token unencrypted: use https (http works only for localhost, 127.0.0.1, [::1])"
    )]
    Insecure,
}

/// The base of the homeserver's client-server API: secure, without query or trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeserverUrl {
    base: String,
    origin: WebOrigin,
}

impl HomeserverUrl {
    /// Checks scheme and form.
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

    /// The URL of a path on the homeserver; `path` starts with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The only web origin that the access token is sent to.
    pub fn origin(&self) -> &WebOrigin {
        &self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_homeserver_is_https_or_this_machine() {
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
