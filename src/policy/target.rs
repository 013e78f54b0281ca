//! Targets: rules for URLs that other people choose, against server-side request forgery.
//!
//! Strangers choose server names, delegations and redirects. We split each of them into parts, check every
//! part, and build the URL that we fetch from the checked parts, so that no other parser can read it
//! differently.
//!
//! | part | decision |
//! |---|---|
//! | scheme | `https`; `http` too with `ALLOW_PRIVATE_NETWORK` |
//! | user name or password (`@` before the path) | refused |
//! | fragment (`#`) | dropped; `?` and `#` end the host, `?` begins the query |
//! | white space, control characters, `\`, non-ASCII characters | refused |
//! | port | 443, and 1024 or more; with `ALLOW_PRIVATE_NETWORK` all but 0; empty and signed ones refused |
//! | relative path in a `Location` | refused, except `/path` and `//host/path` |
//! | host | see `host.rs` |

use std::fmt;

use super::host::HostRules;
use crate::protocol::{ServerName, WebOrigin, WebOriginError};

/// The rule that refuses a target. The messages never contain the URL, which may contain secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The URL is not `scheme://host[:port][/path][?query]` in printable ASCII, or its port is not a number.
    #[error("not an absolute URL in printable ASCII")]
    Form,
    /// The scheme is not `https`.
    #[error("the scheme is not https")]
    Scheme,
    /// The URL has a user name (`user@host`).
    #[error("the URL holds a user name")]
    UserInfo,
    /// The host is not a host name.
    #[error("the host is not a host name: expected labels of A-Z a-z 0-9 - _ separated by single dots")]
    HostName,
    /// The host is a literal IP address, or URL parsers read it as one.
    #[error("the host is a literal IP address")]
    IpLiteral,
    /// The host is `localhost`, a single label, or a name of a private network.
    #[error("the host name belongs to a private network")]
    PrivateName,
    /// The host is one of our own domains or a name under it.
    #[error("the host is in our own domain")]
    OwnDomain,
    /// The port is below 1024 and not 443.
    #[error("the port is neither 443 nor 1024 or more")]
    Port,
}

/// A scheme, host and port to which we may send requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(WebOrigin);

/// A URL that we may fetch. `Debug` shows the target only, because paths and queries may contain signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl {
    target: Target,
    path_and_query: String,
}

/// The rules for targets under an operator's configuration.
#[derive(Clone, Debug, Default)]
pub struct TargetRules(HostRules);

impl TargetRules {
    /// Makes rules that refuse the domains of `own_hosts` unless private networks are allowed. `own_hosts`
    /// are the hosts of the server name, the homeserver's URL and the edge's URL, without ports.
    pub fn new<'h>(own_hosts: impl IntoIterator<Item = &'h str>, allow_private_network: bool) -> Self {
        Self(HostRules::new(own_hosts, allow_private_network))
    }

    /// Returns the target of a server name: https, and the name's port or `default_port`.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn server(&self, name: &ServerName, default_port: u16) -> Result<Target, TargetError> {
        self.target(true, name.host(), name.port().unwrap_or(default_port))
    }

    /// Reads an absolute URL.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn url(&self, text: &str) -> Result<TargetUrl, TargetError> {
        let (origin, rest) = WebOrigin::split(text)?;
        if !origin.is_https() && !self.0.allow_private_network {
            return Err(TargetError::Scheme);
        }
        let target = self.target(origin.is_https(), origin.host(), origin.port())?;
        Ok(target.at(rest))
    }

    /// Reads the `Location` of a redirect from `from`: an absolute URL, `//host/path` or `/path`.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn redirect(&self, from: &TargetUrl, location: &str) -> Result<TargetUrl, TargetError> {
        if location.starts_with("//") {
            let scheme = if from.target.0.is_https() { "https" } else { "http" };
            self.url(&format!("{scheme}:{location}"))
        } else if location.starts_with('/') {
            self.url(&format!("{}{location}", from.target))
        } else {
            self.url(location)
        }
    }

    fn target(&self, https: bool, host: &str, port: u16) -> Result<Target, TargetError> {
        let host = self.0.judge(host)?;
        let usual = port == 443 || port >= 1024;
        let allowed = usual || (port != 0 && self.0.allow_private_network);
        if allowed { Ok(Target(WebOrigin::new(https, &host, port))) } else { Err(TargetError::Port) }
    }
}

impl Target {
    /// Returns the URL of a path on this target, with its query if it has one. A fragment is dropped.
    pub fn at(&self, path_and_query: &str) -> TargetUrl {
        let (path_and_query, _fragment) = path_and_query.split_once('#').unwrap_or((path_and_query, ""));
        let slash = if path_and_query.starts_with('/') { "" } else { "/" };
        TargetUrl { target: self.clone(), path_and_query: format!("{slash}{path_and_query}") }
    }
}

impl From<WebOriginError> for TargetError {
    fn from(error: WebOriginError) -> Self {
        match error {
            WebOriginError::Form | WebOriginError::Port => Self::Form,
            WebOriginError::Scheme => Self::Scheme,
            WebOriginError::UserInfo => Self::UserInfo,
            WebOriginError::Host => Self::HostName,
        }
    }
}

/// Writes `scheme://host[:port]`, with the port only if it is not the scheme's default.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Writes the URL.
impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.target, self.path_and_query)
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TargetUrl({}/..)", self.target)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules() -> TargetRules {
        TargetRules::new(["example.com", "media.example.net"], false)
    }

    fn url(text: &str) -> Result<String, TargetError> {
        rules().url(text).map(|url| url.to_string())
    }

    #[test]
    fn urls_are_rebuilt_from_their_parts() {
        for (text, expected) in [
            ("https://peer.org", "https://peer.org/"),
            ("HTTPS://Peer.ORG:443/A?b=C#d", "https://peer.org/A?b=C"),
            ("https://peer.org?x=@y", "https://peer.org/?x=@y"),
            ("https://peer.org#@127.0.0.1/", "https://peer.org/"),
            ("https://peer.org:8448/a/../b//c", "https://peer.org:8448/a/../b//c"),
            ("https://s3.example.org:9000/k?sig=%2F", "https://s3.example.org:9000/k?sig=%2F"),
        ] {
            assert_eq!(url(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refused_urls() {
        for (text, error) in [
            ("", TargetError::Form),
            ("peer.org/path", TargetError::Form),
            ("https:/peer.org", TargetError::Form),
            ("https:peer.org", TargetError::Form),
            ("https:\\\\peer.org", TargetError::Form),
            ("https://peer.org\\@evil.org", TargetError::Form),
            ("https://peer.org/a b", TargetError::Form),
            ("https://peer.org/\t", TargetError::Form),
            ("https://peer.org/\u{e4}", TargetError::Form),
            ("https://peer.org:/", TargetError::Form),
            ("https://peer.org:+443/", TargetError::Form),
            ("https://peer.org:99999/", TargetError::Form),
            ("https://peer.org:443:443/", TargetError::Form),
            ("http://peer.org/", TargetError::Scheme),
            ("javascript:alert(1)", TargetError::Scheme),
            ("https://user@peer.org/", TargetError::UserInfo),
            ("https://peer.org:pw@evil.org/", TargetError::UserInfo),
            ("https:///peer.org", TargetError::HostName),
            ("https://peer.org./", TargetError::HostName),
            ("https://[::1]x/", TargetError::HostName),
            ("https://127.1:8448/", TargetError::IpLiteral),
            ("https://[2001:db8::1]:8448/", TargetError::IpLiteral),
            ("https://LOCALHOST:8448/", TargetError::PrivateName),
            ("https://Other.Example.COM/", TargetError::OwnDomain),
            ("https://peer.org:0/", TargetError::Port),
            ("https://peer.org:22/", TargetError::Port),
            ("https://peer.org:80/", TargetError::Port),
            ("https://peer.org:1023/", TargetError::Port),
        ] {
            assert_eq!(url(text), Err(error), "{text}");
        }
    }

    #[test]
    fn targets_of_server_names() {
        let server = |name| {
            let name = ServerName::parse(name).unwrap();
            rules().server(&name, 8448).map(|target| target.to_string())
        };
        for (name, expected) in [
            ("peer.org", Ok("https://peer.org:8448")),
            ("Peer.ORG:443", Ok("https://peer.org")),
            ("peer.org.", Err(TargetError::HostName)),
            ("1.2.3.4:8448", Err(TargetError::IpLiteral)),
            ("[::1]", Err(TargetError::IpLiteral)),
            ("peer", Err(TargetError::PrivateName)),
            ("matrix.example.com", Err(TargetError::OwnDomain)),
            ("peer.org:25", Err(TargetError::Port)),
            ("peer.org:0", Err(TargetError::Port)),
        ] {
            assert_eq!(server(name).as_deref(), expected.as_ref().copied(), "{name}");
        }
    }

    #[test]
    fn urls_allowed_in_development() {
        let url = |text| TargetRules::new(["example.com"], true).url(text).map(|url| url.to_string());
        for allowed in [
            "http://localhost:9000/a",
            "https://127.0.0.1:22/",
            "https://[::1]:8448/",
            "https://example.com/",
        ] {
            assert_eq!(url(allowed).as_deref(), Ok(allowed));
        }
        for (text, error) in [
            ("https://u@localhost/", TargetError::UserInfo),
            ("https://localhost:0/", TargetError::Port),
            ("file:///etc/passwd", TargetError::Scheme),
        ] {
            assert_eq!(url(text), Err(error), "{text}");
        }
    }

    #[test]
    fn the_targets_of_redirects_are_checked() {
        let from = rules().url("https://peer.org:8448/.well-known/x").unwrap();
        let redirect = |location| rules().redirect(&from, location).map(|url| url.to_string());
        for (location, expected) in [
            ("/other?x", Ok("https://peer.org:8448/other?x")),
            ("//Third.org/y", Ok("https://third.org/y")),
            ("https://third.org", Ok("https://third.org/")),
            ("https://localhost/", Err(TargetError::PrivateName)),
            ("//127.0.0.1/", Err(TargetError::IpLiteral)),
            ("///third.org", Err(TargetError::HostName)),
            ("/\\third.org", Err(TargetError::Form)),
            ("http://third.org/", Err(TargetError::Scheme)),
            ("other", Err(TargetError::Form)),
            ("", Err(TargetError::Form)),
        ] {
            assert_eq!(redirect(location).as_deref(), expected.as_ref().copied(), "{location}");
        }
    }

    #[test]
    fn debug_shows_no_path() {
        let url = rules().url("https://peer.org/bucket?X-Signature=secret").unwrap();
        insta::assert_snapshot!(format!("{url:?}"), @"TargetUrl(https://peer.org/..)");
    }

    proptest! {
        /// An allowed URL is https, its host is a name with dots, and it is accepted again unchanged.
        #[test]
        fn allowed_urls_are_canonical(rest in "[a-zA-Z0-9.:@#?/\\\\%_\\[\\]\u{e4}-]{0,40}") {
            if let Ok(url) = rules().url(&format!("https://{rest}")) {
                prop_assert!(url.target.0.host().contains('.') && !url.to_string().contains('#'));
                prop_assert_eq!(rules().url(&url.to_string()), Ok(url));
            }
        }
    }
}
