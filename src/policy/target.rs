//! Targets: where a URL that somebody else chose may lead us (no server-side request forgery).
//!
//! Remote homeservers' server names, their delegations and redirects are chosen by others. Each is judged by one
//! set of rules, taken apart, and the URL that is fetched is built anew from the parts, so that no
//! second parser can read it differently.
//!
//! | what | decided |
//! |---|---|
//! | scheme | `https`; `http` too with `ALLOW_PRIVATE_NETWORK` |
//! | user name or password (`@` before the path) | refused |
//! | fragment (`#`) | dropped; `?` and `#` end the host, `?` begins the query |
//! | white space, control characters, `\`, non-ASCII anywhere | refused |
//! | ports | 443, and 1024 or more; with `ALLOW_PRIVATE_NETWORK` all but 0; empty or signed ones refused |
//! | relative paths in a `Location` | refused, except `/path` and `//host/path` |
//! | hosts | see `host.rs` |

use std::fmt;

use super::host::HostRules;
use crate::protocol::{ServerName, WebOrigin, WebOriginError};

/// Why a target is never fetched. Names the rule, never the URL, which may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not of the form `scheme://host[:port][/path][?query]`, or with characters that no URL has.
    #[error("not an absolute URL in printable ASCII")]
    Form,
    /// Another scheme.
    #[error("the scheme is not https")]
    Scheme,
    /// `user@host`.
    #[error("the URL holds a user name")]
    UserInfo,
    /// Not a host name.
    #[error("the host is not a host name: expected labels of A-Z a-z 0-9 - _ separated by single dots")]
    HostName,
    /// A literal IP address, or a name that URL parsers take for one.
    #[error("the host is a literal IP address")]
    IpLiteral,
    /// `localhost`, a single label, or a name of a private network.
    #[error("the host name belongs to a private network")]
    PrivateName,
    /// At or under a domain of our own hosts.
    #[error("the host is in our own domain")]
    OwnDomain,
    /// Below 1024 and not 443.
    #[error("the port is neither 443 nor 1024 or more")]
    Port,
}

/// A scheme, host and port that may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(WebOrigin);

/// A URL that may be fetched. `Debug` shows the target only: paths and queries may be signed.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl {
    target: Target,
    path_and_query: String,
}

/// What may be fetched, by an operator's configuration.
#[derive(Clone, Debug, Default)]
pub struct TargetRules(HostRules);

impl TargetRules {
    /// Rules that refuse the domains of `own_hosts` (host names without ports: those of the server
    /// name, the homeserver's URL and the edge's URL), unless private networks are allowed.
    pub fn new<'h>(own_hosts: impl IntoIterator<Item = &'h str>, allow_private_network: bool) -> Self {
        Self(HostRules::new(own_hosts, allow_private_network))
    }

    /// Judges a server name of the Matrix grammar, reached by https at its port or `default_port`.
    pub fn server(&self, name: &ServerName, default_port: u16) -> Result<Target, TargetError> {
        self.target(true, name.host(), name.port().unwrap_or(default_port))
    }

    /// Judges an absolute URL.
    pub fn url(&self, text: &str) -> Result<TargetUrl, TargetError> {
        let (origin, rest) = WebOrigin::split(text)?;
        if !origin.is_https() && !self.0.allow_private_network {
            return Err(TargetError::Scheme);
        }
        let target = self.target(origin.is_https(), origin.host(), origin.port())?;
        Ok(target.at(rest))
    }

    /// Judges the `Location` of a redirect from `from`: an absolute URL, `//host/path` or `/path`.
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
    /// The URL of a path there, with or without a query; a fragment is dropped.
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

/// `scheme://host[:port]`, the port only where it is not the scheme's own.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The URL to fetch.
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
    fn urls_are_built_anew() {
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
    fn urls_that_are_refused() {
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
    fn server_names_of_peers() {
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
    fn what_development_allows() {
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
    fn redirects_are_judged_where_they_lead() {
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
        /// What is let through is https to a name with dots, and reads the same a second time.
        #[test]
        fn what_is_let_through_is_canonical(rest in "[a-zA-Z0-9.:@#?/\\\\%_\\[\\]\u{e4}-]{0,40}") {
            if let Ok(url) = rules().url(&format!("https://{rest}")) {
                prop_assert!(url.target.0.host().contains('.') && !url.to_string().contains('#'));
                prop_assert_eq!(rules().url(&url.to_string()), Ok(url));
            }
        }
    }
}
