//! Web origins (RFC 6454): scheme, host and port.
//!
//! Web origins decide where access tokens and links go, so all of them are read by one parser:
//!
//! | constructor | reads | used for |
//! |---|---|---|
//! | [`WebOrigin::parse`] | only a secure web origin in canonical form | the operator's variables |
//! | [`WebOrigin::canonical`] | a web origin in canonical form, secure or not, without a trailing slash | the advertised edge, to say what is wrong with it |
//! | [`WebOrigin::of`] | the web origin of an absolute URL | the homeserver's address, redirects, requests |
//! | [`WebOrigin::split`] | the same; returns the rest of the URL or an error | targets (`policy`) |

use std::fmt;
use std::net::Ipv6Addr;

use super::{ServerName, decimal};

/// The hosts that mean the local machine.
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The web origin of an `http:` or `https:` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    https: bool,
    port: u16,
    /// `scheme://host[:port]` in lower case, with the port only if it is not the scheme's default.
    text: String,
}

/// The reason why a URL has no web origin. It names the rule and never contains the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WebOriginError {
    /// The URL is not `scheme://host…` in printable ASCII without backslashes.
    Form,
    /// The scheme is neither `http` nor `https`.
    Scheme,
    /// The URL has a user name (`user@host`), which can make one host look like another.
    UserInfo,
    /// The host is not a host name, an IPv4 address or an `[IPv6 address]`.
    Host,
    /// The port is not a decimal number up to 65535.
    Port,
}

impl WebOrigin {
    /// Reads a secure web origin in canonical form: lower case, no path, query, fragment or user name, no
    /// dot at the end of the host, and no default port. One slash at the end is dropped. Returns `None` for
    /// any other text.
    ///
    /// Links and requests are compared with the web origin as text, so other spellings are not accepted.
    pub fn parse(text: &str) -> Option<Self> {
        Self::canonical(text.strip_suffix('/').unwrap_or(text)).filter(Self::is_secure)
    }

    /// Reads a web origin in its one spelling, as [`WebOrigin::parse`] does, but without a slash at the end and
    /// secure or not.
    pub fn canonical(text: &str) -> Option<Self> {
        let origin = Self::of(text).filter(|origin| origin.text == text)?;
        let named = ServerName::parse(origin.authority()).is_ok() && !origin.host().ends_with('.');
        named.then_some(origin)
    }

    /// Returns the web origin of an absolute URL with any path. Returns `None` for other schemes, for URLs
    /// with a user name, and for text that is not a URL.
    pub fn of(url: &str) -> Option<Self> {
        Self::split(url).ok().map(|(origin, _)| origin)
    }

    /// Splits an absolute URL into its web origin and the rest: path, query and fragment.
    ///
    /// # Errors
    /// The reason why the URL has no web origin.
    pub(crate) fn split(url: &str) -> Result<(Self, &str), WebOriginError> {
        // Some URL parsers skip white space, or read a backslash as a slash.
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(WebOriginError::Form);
        }
        let (scheme, rest) = url.split_once(':').ok_or(WebOriginError::Form)?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(WebOriginError::Scheme),
        };
        let rest = rest.strip_prefix("//").ok_or(WebOriginError::Form)?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(WebOriginError::UserInfo);
        }
        let (host, port) = split_authority(authority);
        if !is_host(host) {
            return Err(WebOriginError::Host);
        }
        let port = match port {
            None => default_port(https),
            Some(digits) => decimal(digits).ok_or(WebOriginError::Port)?,
        };
        Ok((Self::new(https, host, port), rest))
    }

    /// Builds a web origin from its parts. The caller must have checked the host.
    pub(crate) fn new(https: bool, host: &str, port: u16) -> Self {
        let scheme = if https { "https" } else { "http" };
        let port_text = if port == default_port(https) { String::new() } else { format!(":{port}") };
        Self { https, port, text: format!("{scheme}://{}{port_text}", host.to_ascii_lowercase()) }
    }

    /// Returns `scheme://host[:port]`, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns `host[:port]`, as in a `Host` header.
    pub fn authority(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Returns the host in lower case. An IPv6 address is in brackets.
    pub fn host(&self) -> &str {
        split_authority(self.authority()).0
    }

    /// Returns the port, which may be the scheme's default.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Returns whether the host is the local machine: `localhost`, `127.0.0.1` or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        LOOPBACK_HOSTS.contains(&self.host())
    }

    /// Returns whether nobody can read requests on their way: https, or http to the local machine.
    pub fn is_secure(&self) -> bool {
        self.https || self.is_loopback()
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits `host`, `host:port`, `[address]` or `[address]:port` into the host and the text of the port,
/// without checking either.
pub(crate) fn split_authority(authority: &str) -> (&str, Option<&str>) {
    let after_brackets = authority.rfind(']').map_or(0, |end| end + 1);
    match authority.get(after_brackets..).and_then(|rest| rest.find(':')) {
        Some(colon) => {
            let (host, port) = authority.split_at(after_brackets + colon);
            (host, port.get(1..))
        }
        None => (authority, None),
    }
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn web_origins_are_canonical() {
        for (url, origin, host, port) in [
            ("https://Example.org/a?b#c", "https://example.org", "example.org", 443),
            ("HTTPS://example.org:443", "https://example.org", "example.org", 443),
            ("https://example.org:8448/", "https://example.org:8448", "example.org", 8448),
            ("https://example.org?x=@y", "https://example.org", "example.org", 443),
            ("http://127.0.0.1:80/x", "http://127.0.0.1", "127.0.0.1", 80),
            ("http://[::1]:8008", "http://[::1]:8008", "[::1]", 8008),
            (
                "https://my_bucket.s3.example.org/k",
                "https://my_bucket.s3.example.org",
                "my_bucket.s3.example.org",
                443,
            ),
        ] {
            let parsed = WebOrigin::of(url).unwrap();
            assert_eq!((parsed.as_str(), parsed.host(), parsed.port()), (origin, host, port), "{url}");
            assert_eq!(parsed.to_string(), origin);
        }
        assert_ne!(WebOrigin::of("http://a.example"), WebOrigin::of("https://a.example"));
    }

    #[test]
    fn urls_without_a_web_origin() {
        use WebOriginError as No;
        for (url, error) in [
            ("", No::Form),
            ("/path", No::Form),
            ("//host/path", No::Form),
            ("example.org", No::Form),
            ("https:example.org", No::Form),
            ("https://exa mple.org", No::Form),
            ("https://example.org/\u{e4}", No::Form),
            ("https://example.org\\@evil.example", No::Form),
            ("ftp://example.org", No::Scheme),
            ("https://", No::Host),
            ("https://ex%61mple.org", No::Host),
            ("https://[::1", No::Host),
            ("https://[::1]x", No::Host),
            ("https://[example]", No::Host),
            ("https://user@example.org", No::UserInfo),
            ("https://example.org@evil.example", No::UserInfo),
            ("https://example.org:", No::Port),
            ("https://example.org:x", No::Port),
            ("https://example.org:+443", No::Port),
            ("https://example.org:99999", No::Port),
            ("https://example.org:443:443", No::Port),
        ] {
            assert_eq!(WebOrigin::split(url), Err(error), "{url}");
            assert_eq!(WebOrigin::of(url), None, "{url}");
        }
    }

    #[test]
    fn a_lone_origin_must_be_canonical() {
        for good in [
            "https://a.example",
            "https://a.example:8443/",
            "https://a.example:80",
            "http://localhost:443",
            "http://127.0.0.1",
            "http://[::1]:8787",
        ] {
            assert_eq!(WebOrigin::parse(good).unwrap().as_str(), good.trim_end_matches('/'), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "https://",
            "https://A.example",
            "HTTPS://a.example",
            "https://a.example:443",
            "https://a.example:0443",
            "http://localhost:80/",
            "https://a.example.",
            "https://a.example.:8443",
            "https://.",
            "https://a_b.example",
            "https://a.example//",
            "https://a.example/path",
            "https://a.example/path/",
            "https://a.example?x",
            "https://a.example/?x",
            "https://a.example#x",
            "https://me@a.example",
            " https://a.example",
            "http://a.example",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://localhost:80@evil.example",
        ] {
            assert_eq!(WebOrigin::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_https_and_the_local_machine_are_secure() {
        let secure = |url| WebOrigin::of(url).unwrap().is_secure();
        for url in ["https://a.example", "http://LOCALHOST:1", "http://127.0.0.1/x", "http://[::1]"] {
            assert!(secure(url), "{url}");
        }
        for url in
            ["http://a.example", "http://localhost.evil.example", "http://localhost.", "http://127.0.0.2"]
        {
            assert!(!secure(url), "{url}");
        }
    }

    proptest! {
        /// A web origin that was accepted once is accepted again, unchanged.
        #[test]
        fn a_web_origin_can_be_read_again(rest in "[a-zA-Z0-9.:@#?/\\\\%_\\[\\]\u{e4}-]{0,40}") {
            if let Some(origin) = WebOrigin::of(&format!("https://{rest}")) {
                prop_assert_eq!(WebOrigin::of(origin.as_str()), Some(origin.clone()));
                prop_assert!(!origin.host().contains(['@', '/', '?', '#', '\\', '%']));
            }
            if let Some(origin) = WebOrigin::parse(&format!("https://{rest}")) {
                prop_assert_eq!(WebOrigin::of(origin.as_str()), Some(origin.clone()));
                prop_assert_eq!(WebOrigin::parse(origin.as_str()), Some(origin));
            }
        }
    }
}
