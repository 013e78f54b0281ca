//! Web origins (RFC 6454): scheme, host and port.
//!
//! A web origin decides where access tokens and links go, so one parser reads all of them:
//!
//! | constructor | reads | used for |
//! |---|---|---|
//! | [`WebOrigin::parse`] | a web origin and nothing else, in its one spelling, secure | the operator's variables |
//! | [`WebOrigin::canonical`] | the same, secure or not, without a slash at the end | the advertised edge, to say what is wrong with it |
//! | [`WebOrigin::of`] | the web origin of an absolute URL | the homeserver's address, redirects, requests |
//! | [`WebOrigin::split`] | the same, with the reason for a refusal and the rest of the URL | targets (`policy`) |

use std::fmt;
use std::net::Ipv6Addr;

use super::{ServerName, decimal};

/// Hosts that stand for this very machine.
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The web origin of an `http:` or `https:` URL. Two URLs with equal ones go to the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    https: bool,
    port: u16,
    /// `scheme://host[:port]` in lower case, the port only if it is not the scheme's own.
    text: String,
}

/// Why a URL has no web origin. Names the rule, never the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WebOriginError {
    /// Not `scheme://host…` in printable ASCII without backslashes.
    Form,
    /// Neither `http` nor `https`.
    Scheme,
    /// `user@host`, which can make one host look like another.
    UserInfo,
    /// Not a host name, IPv4 address or `[IPv6 address]`.
    Host,
    /// Not a number up to 65535 in plain digits.
    Port,
}

impl WebOrigin {
    /// Reads a secure web origin that is written as in the URL of a request: lower case, no path,
    /// query, fragment or user name, no dot at the end of the host, no port that is the scheme's
    /// own. A slash at the end is dropped.
    ///
    /// Links and requests are compared with it as text, so no other spelling is accepted.
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

    /// Returns the web origin of an absolute URL, whatever its path; `None` for other schemes, for
    /// URLs with a user name, and for text that is no URL.
    pub fn of(url: &str) -> Option<Self> {
        Self::split(url).ok().map(|(origin, _)| origin)
    }

    /// Splits an absolute URL into its web origin and the rest: path, query and fragment.
    pub(crate) fn split(url: &str) -> Result<(Self, &str), WebOriginError> {
        // URL parsers skip white space or read a backslash as a slash.
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

    /// Builds a web origin from parts. The caller has checked the host.
    pub(crate) fn new(https: bool, host: &str, port: u16) -> Self {
        let scheme = if https { "https" } else { "http" };
        let port_text = if port == default_port(https) { String::new() } else { format!(":{port}") };
        Self { https, port, text: format!("{scheme}://{}{port_text}", host.to_ascii_lowercase()) }
    }

    /// Returns `scheme://host[:port]`, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns `host[:port]`, as in the `Host` header of a request.
    pub fn authority(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Returns the host in lower case, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        split_authority(self.authority()).0
    }

    /// Returns the port: the written one, or the scheme's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host stands for this very machine: `localhost`, `127.0.0.1` or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        LOOPBACK_HOSTS.contains(&self.host())
    }

    /// Whether requests cannot be read on their way: https, or plain http to this very machine.
    pub fn is_secure(&self) -> bool {
        self.https || self.is_loopback()
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits `host`, `host:port`, `[address]` or `[address]:port` into the host and the text of the
/// port. Checks neither.
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
    fn urls_have_one_spelling_of_their_origin() {
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
    fn an_origin_alone_is_written_as_in_the_url_of_a_request() {
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
    fn only_https_and_this_very_machine_are_secure() {
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
        /// What one constructor accepts reads the same a second time, with both.
        #[test]
        fn an_origin_reads_back_as_itself(rest in "[a-zA-Z0-9.:@#?/\\\\%_\\[\\]\u{e4}-]{0,40}") {
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
