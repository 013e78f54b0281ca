//! Rules for hosts that other people choose: which of them we may send requests to.
//!
//! | host | decision |
//! |---|---|
//! | `A-Z a-z 0-9 - _ .` | converted to lower case; punycode stays as it is |
//! | any other character: `@ # ? / \ %`, white space, Unicode | refused |
//! | empty labels: dots at the beginning or end, or two in a row | refused |
//! | labels over 63 bytes, names over 253 bytes | refused |
//! | IPv4 and IPv6 literals, public ones too | refused |
//! | a last label that is a number: `127.1`, `2130706433`, `a.0x7f` | refused: an IPv4 address in URLs |
//! | single labels; `localhost`, `local`, `internal`, `home.arpa` and names under them | refused |
//! | our own hosts' domains and everything under them | refused |
//!
//! `ALLOW_PRIVATE_NETWORK` (for development) lifts the rules about addresses and names, but not those about
//! syntax.
//!
//! **Our own domains** are those of the server name, the homeserver's host and the edge's host, cut to their
//! last two labels, or to three under a country's registry such as `co.uk`. We do not use the public suffix
//! list because of its size. If an operator shares another registry with strangers (`me.duckdns.org`), the
//! strangers are refused too. Then we only miss their policies.
//!
//! A name may resolve to a private address. No rule can see that, because a Worker is not told the address.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::TargetError;

const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// Domains that are reserved for private use (RFC 6761, RFC 6762, RFC 8375; `internal` by ICANN).
const PRIVATE_SUFFIXES: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];

/// The second-level labels under which countries register names.
const REGISTRY_LABELS: [&str; 7] = ["ac", "co", "com", "edu", "gov", "net", "org"];

/// The rules for hosts under an operator's configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct HostRules {
    own_domains: Vec<String>,
    pub(super) allow_private_network: bool,
}

impl HostRules {
    pub(super) fn new<'h>(own_hosts: impl IntoIterator<Item = &'h str>, allow_private_network: bool) -> Self {
        Self { own_domains: own_hosts.into_iter().map(own_domain).collect(), allow_private_network }
    }

    /// Returns the host in canonical form: names in lower case, addresses as `std` prints them.
    ///
    /// # Errors
    /// The rule that refuses the host.
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

/// Returns whether a host with this last label is an IPv4 address in the WHATWG URL standard (section 3.5,
/// "ends in a number checker").
fn is_number(label: &str) -> bool {
    let hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    label.bytes().all(|byte| byte.is_ascii_digit()) || label.strip_prefix("0x").is_some_and(hexadecimal)
}

fn is_at_or_under(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Returns the domain of one of our own hosts, as the module's documentation defines it.
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
    fn allowed_hosts() {
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
    fn invalid_host_names() {
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
    fn addresses_in_every_notation() {
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
    fn hosts_allowed_in_development() {
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
        fn allowed_hosts_are_canonical(text in "[a-zA-Z0-9.:@%_\\[\\]\u{e4}-]{0,20}") {
            if let Ok(host) = judge(&text) {
                prop_assert!(host.contains('.') && host.parse::<std::net::IpAddr>().is_err());
                prop_assert_eq!(&host, &text.to_ascii_lowercase());
                prop_assert_eq!(judge(&host), Ok(host));
            }
        }

        #[test]
        fn our_own_domains_are_refused(prefix in "([a-zA-Z0-9-]{1,10}\\.){0,4}", upper in any::<bool>()) {
            let host = format!("{prefix}example.com");
            let host = if upper { host.to_uppercase() } else { host };
            prop_assert_eq!(judge(&host), Err(TargetError::OwnDomain));
        }
    }
}
