//! Hosts that somebody else named: which of them may ever be asked.
//!
//! | host | decided |
//! |---|---|
//! | `A-Z a-z 0-9 - _ .` | lower-cased; punycode as written |
//! | any other character: `@ # ? / \ %`, white space, Unicode | refused |
//! | empty labels: leading, doubled and trailing dots | refused |
//! | labels over 63, names over 253 bytes | refused |
//! | IPv4 and IPv6 literals, public ones too | refused |
//! | a last label that is a number: `127.1`, `2130706433`, `a.0x7f` | refused: URL parsers make it an IPv4 address |
//! | single labels; `localhost`, `local`, `internal`, `home.arpa` and names under them | refused |
//! | our own hosts' domains and everything under them | refused |
//!
//! `ALLOW_PRIVATE_NETWORK` (development) lifts the rules on addresses and names, never those on form.
//!
//! **Our own domains** are those of the server name, the homeserver's host and the edge's host, cut to
//! their last two labels, or three where the last two are a country's registry such as `co.uk`.
//! There is no public suffix list in here: it would be larger than all the rest. Where an operator
//! lives under another registry with siblings (`me.duckdns.org`), the siblings are refused too, which
//! costs nothing but the knowledge of their policy.
//!
//! What no rule here can see is what a name resolves to: a Worker is not told.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::TargetError;

const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// Names that are private by registration: RFC 6761, RFC 6762, RFC 8375, and `internal` by ICANN.
const PRIVATE_SUFFIXES: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];

/// Second labels under which countries register names.
const REGISTRY_LABELS: [&str; 7] = ["ac", "co", "com", "edu", "gov", "net", "org"];

/// Which hosts may be asked, by an operator's configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct HostRules {
    own_domains: Vec<String>,
    pub(super) allow_private_network: bool,
}

impl HostRules {
    pub(super) fn new<'h>(own_hosts: impl IntoIterator<Item = &'h str>, allow_private_network: bool) -> Self {
        Self { own_domains: own_hosts.into_iter().map(own_domain).collect(), allow_private_network }
    }

    /// The host in its one spelling: lower case, addresses as `std` prints them.
    pub(super) fn judge(&self, host: &str) -> Result<String, TargetError> {
        let literal = |text: String| self.allow_private_network.then_some(text).ok_or(TargetError::IpLiteral);
        if let Some(address) = host.strip_prefix('[') {
            let address = address.strip_suffix(']').and_then(|text| text.parse::<Ipv6Addr>().ok());
            return literal(format!("[{}]", address.ok_or(TargetError::HostName)?));
        }
        let host = host.to_ascii_lowercase();
        if host.len() > MAX_NAME_BYTES || !host.split('.').all(is_label) {
            return Err(TargetError::HostName);
        }
        if host.rsplit('.').next().is_some_and(is_number) {
            let address = host.parse::<Ipv4Addr>().map_err(|_| TargetError::IpLiteral)?;
            return literal(address.to_string());
        }
        if self.allow_private_network {
            return Ok(host);
        }
        if !host.contains('.') || PRIVATE_SUFFIXES.iter().any(|suffix| is_at_or_under(&host, suffix)) {
            return Err(TargetError::PrivateName);
        }
        if self.own_domains.iter().any(|domain| is_at_or_under(&host, domain)) {
            return Err(TargetError::OwnDomain);
        }
        Ok(host)
    }
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_LABEL_BYTES).contains(&label.len()) && label.bytes().all(allowed)
}

/// Whether the URL standard takes a name with this last label for an IPv4 address: its "ends in a
/// number checker" (section 3.5).
fn is_number(label: &str) -> bool {
    let hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    label.bytes().all(|byte| byte.is_ascii_digit()) || label.strip_prefix("0x").is_some_and(hexadecimal)
}

fn is_at_or_under(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The domain that a host of ours is taken to belong to: see the head of this file.
fn own_domain(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let mut labels = host.rsplit('.');
    let (top, second) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
    let dots_inside = if top.len() == 2 && REGISTRY_LABELS.contains(&second) { 2 } else { 1 };
    let start = host.rmatch_indices('.').nth(dots_inside).map_or(0, |(dot, _)| dot + 1);
    host.get(start..).unwrap_or(&host).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(host: &str) -> Result<String, TargetError> {
        let own = ["example.com", "synapse.example.com", "media.example.co.uk", "edge.example.net"];
        HostRules::new(own, false).judge(host)
    }

    #[test]
    fn hosts_that_may_be_asked() {
        for (host, expected) in [
            ("peer.org", "peer.org"),
            ("Peer.ORG", "peer.org"),
            ("notexample.com", "notexample.com"),
            ("other.co.uk", "other.co.uk"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("my_bucket.s3.example.org", "my_bucket.s3.example.org"),
            ("1and1.com", "1and1.com"),
            ("127.0.0.1.peer.org", "127.0.0.1.peer.org"),
        ] {
            assert_eq!(judge(host).as_deref(), Ok(expected), "{host}");
        }
    }

    #[test]
    fn what_is_no_host_name() {
        let (label, name) = (format!("{}.org", "a".repeat(64)), format!("{}org", "a.".repeat(126)));
        for host in [
            "",
            ".",
            "peer.org.",
            ".peer.org",
            "peer..org",
            "peer%2eorg",
            "peer@org",
            "peer#org",
            "peer?org",
            "b\u{fc}cher.example",
            "\u{24db}ocalhost",
            "peer\u{3002}org",
            "[::1",
            "[::1]x",
            "[1.2.3.4]",
            "::1",
            &label,
            &name,
        ] {
            assert_eq!(judge(host), Err(TargetError::HostName), "{host}");
        }
    }

    #[test]
    fn addresses_in_every_disguise() {
        for host in [
            "127.0.0.1",
            "8.8.8.8",
            "[2001:db8::1]",
            "[::ffff:127.0.0.1]",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "0177.0.0.01",
            "1.2.3.4.5",
            "peer.0x",
            "peer.99999999999",
        ] {
            assert_eq!(judge(host), Err(TargetError::IpLiteral), "{host}");
        }
    }

    #[test]
    fn names_of_private_networks() {
        for host in [
            "localhost",
            "LocalHost",
            "a.localhost",
            "intranet",
            "printer.local",
            "metadata.google.internal",
            "router.home.arpa",
        ] {
            assert_eq!(judge(host), Err(TargetError::PrivateName), "{host}");
        }
    }

    #[test]
    fn our_own_domains() {
        for (host, domain) in [
            ("synapse.matrix.example.com", "example.com"),
            ("Example.COM.", "example.com"),
            ("a.b.example.co.uk", "example.co.uk"),
            ("example.com.au", "example.com.au"),
            ("a.com.de.example", "de.example"),
            ("localhost", "localhost"),
            ("co.uk", "co.uk"),
        ] {
            assert_eq!(own_domain(host), domain, "{host}");
        }
        for host in ["example.com", "Other.Example.COM", "example.co.uk", "a.b.example.net"] {
            assert_eq!(judge(host), Err(TargetError::OwnDomain), "{host}");
        }
    }

    #[test]
    fn what_development_allows() {
        let judge = |host| HostRules::new(["localhost", "example.com"], true).judge(host);
        for (host, expected) in [
            ("LOCALHOST", Ok("localhost")),
            ("127.0.0.1", Ok("127.0.0.1")),
            ("[0:0::1]", Ok("[::1]")),
            ("example.com", Ok("example.com")),
            ("127.1", Err(TargetError::IpLiteral)),
            ("localhost.", Err(TargetError::HostName)),
        ] {
            assert_eq!(judge(host).as_deref(), expected.as_ref().copied(), "{host}");
        }
    }

    proptest! {
        #[test]
        fn what_may_be_asked_has_one_spelling(text in "[a-zA-Z0-9.:@%_\\[\\]\u{e4}-]{0,20}") {
            if let Ok(host) = judge(&text) {
                prop_assert!(host.contains('.') && host.parse::<std::net::IpAddr>().is_err());
                prop_assert_eq!(&host, &text.to_ascii_lowercase());
                prop_assert_eq!(judge(&host), Ok(host));
            }
        }

        #[test]
        fn our_own_domains_are_closed(prefix in "([a-zA-Z0-9-]{1,10}\\.){0,4}", upper in any::<bool>()) {
            let host = format!("{prefix}example.com");
            let host = if upper { host.to_uppercase() } else { host };
            prop_assert_eq!(judge(&host), Err(TargetError::OwnDomain));
        }
    }
}
