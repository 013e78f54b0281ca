//! Where a client may send what: web origins, and the homeserver's address.

use std::fmt;

use crate::protocol::{decimal, is_secure_origin};

/// A web origin (RFC 6454): scheme, host and port. Whether two URLs have the same one decides
/// where an access token goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    https: bool,
    /// Lower case, IPv6 in brackets.
    host: String,
    port: u16,
}

impl WebOrigin {
    /// The origin of an absolute `http:` or `https:` URL; `None` for anything else, and for a URL
    /// with a user name, which is a way to make a host look like another.
    pub fn of(url: &str) -> Option<Self> {
        let uri: http::Uri = url.parse().ok()?;
        let https = match uri.scheme_str()?.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host();
        let port = match authority.as_str().strip_prefix(host)? {
            "" if https => 443,
            "" => 80,
            rest => decimal(rest.strip_prefix(':')?)?,
        };
        let nameable = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        let valid = !host.is_empty() && host.bytes().all(nameable);
        valid.then(|| Self { https, host: host.to_ascii_lowercase(), port })
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Https, or plain http to this very machine.
    pub fn is_secure(&self) -> bool {
        is_secure_origin(&self.to_string())
    }
}

/// `https://example.org`, the port only where it is not the scheme's own.
impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.https { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Why a text is no address to send an access token to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeserverUrlError {
    /// Not `https://host[:port][/path]`.
    #[error("expected https://host, with a port or a path where the homeserver has one")]
    NotUrl,
    /// Plain http to another machine: the access token could be read on the way.
    #[error(
        "http would send the access token unencrypted: use https (http is for localhost, 127.0.0.1, [::1])"
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
    fn origins_are_compared_in_one_form() {
        let shown = |url| WebOrigin::of(url).map(|origin| origin.to_string());
        for (url, origin) in [
            ("https://Example.org/a?b#c", "https://example.org"),
            ("https://example.org:443", "https://example.org"),
            ("https://example.org:8448/", "https://example.org:8448"),
            ("http://127.0.0.1:80/x", "http://127.0.0.1"),
            ("http://[::1]:8008", "http://[::1]:8008"),
        ] {
            assert_eq!(shown(url).as_deref(), Some(origin), "{url}");
        }
        assert_ne!(WebOrigin::of("http://a.example"), WebOrigin::of("https://a.example"));
    }

    #[test]
    fn what_has_no_web_origin() {
        for url in [
            "",
            "/path",
            "//host/path",
            "example.org",
            "ftp://example.org",
            "https://",
            "https://user@example.org",
            "https://example.org@evil.example",
            "https://example.org:99999",
            "https://example.org:x",
            "https://example.org:+443",
            "https://example.org\\@evil.example",
            "https://ex%61mple.org",
            "https://exa mple.org",
        ] {
            assert_eq!(WebOrigin::of(url), None, "{url}");
        }
    }

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
