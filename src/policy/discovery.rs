//! Discovery: finds the address of a remote homeserver from its server name.
//!
//! The source is the server-server API, "Resolving server names", steps 1 to 3 and 6: an explicit port, or
//! the document `https://<host>/.well-known/matrix/server`, or port 8448. The `SRV` steps 3.3, 3.4, 4 and 5
//! are missing, because a Worker cannot query DNS. We do not find a remote homeserver that has only an `SRV`
//! record, and so do not obey its policy, unless it also answers on port 8448.

use http::StatusCode;
use serde_json::Value;

use super::{Target, TargetError, TargetRules, TargetUrl};
use crate::protocol::ServerName;

/// The default port of homeservers.
pub const DEFAULT_PORT: u16 = 8448;
/// The size limit of a response body: 64 KiB. A longer response counts as failed.
pub const MAX_BODY_BYTES: usize = 64 << 10;
/// The time limit for one URL, from the connection to the last byte: 5 s. A slower response counts as failed.
pub const FETCH_TIMEOUT_MS: u32 = 5_000;
/// The time after which a lookup fetches no further URL and fails ([`super::Finding::FAILED`]): 10 s. A
/// client waits for the lookup, and six slow URLs would take 30 s. With this limit, a lookup takes 15 s at
/// most.
pub const LOOKUP_TIMEOUT_MS: u32 = 10_000;
/// How long requests wait for another request's lookup of the same remote homeserver: 5 s. Then one of them
/// begins its own, because the first may never end: the runtime stops a request whose client leaves.
pub const LOOKUP_WAIT_MS: u64 = 5_000;
/// The maximum number of lookups that one isolate begins in a minute. Each causes up to six requests and one
/// KV write, and a client can make up any number of server names.
pub const LOOKUPS_PER_MINUTE: u32 = 30;

const WELL_KNOWN: &str = "/.well-known/matrix/server";
/// The maximum number of redirects from the well-known document. No other redirect is followed.
const MAX_REDIRECTS: u8 = 3;

/// The result of fetching a URL, without following redirects.
#[derive(Clone, Copy, Debug)]
pub enum Fetched<'a> {
    /// A complete response.
    Response {
        /// The status.
        status: StatusCode,
        /// The `Location` header, unchanged.
        location: Option<&'a str>,
        /// The body, at most [`MAX_BODY_BYTES`] long.
        body: &'a [u8],
    },
    /// No complete response: no connection, an invalid certificate, too slow, too long, or interrupted.
    Failed,
}

impl<'a> Fetched<'a> {
    /// Returns status and body of a complete response within [`MAX_BODY_BYTES`].
    pub(super) fn answer(self) -> Option<(StatusCode, &'a [u8])> {
        match self {
            Self::Response { status, body, .. } if body.len() <= MAX_BODY_BYTES => Some((status, body)),
            _ => None,
        }
    }
}

/// The state of a discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// The address of the remote homeserver is known.
    Found(Target),
    /// A well-known document must be fetched first.
    Ask(WellKnown),
}

/// A well-known document to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WellKnown {
    url: TargetUrl,
    /// The address if the document names no server.
    fallback: Target,
    redirects_left: u8,
}

impl Discovery {
    /// Begins a discovery.
    ///
    /// # Errors
    /// The target rule that refuses the server name.
    pub fn of(name: &ServerName, rules: &TargetRules) -> Result<Self, TargetError> {
        let fallback = rules.server(name, DEFAULT_PORT)?;
        if name.port().is_some() || is_ip_literal(name.host()) {
            return Ok(Self::Found(fallback));
        }
        let url = rules.server(name, 443)?.at(WELL_KNOWN);
        Ok(Self::Ask(WellKnown { url, fallback, redirects_left: MAX_REDIRECTS }))
    }
}

impl WellKnown {
    /// Returns the URL to fetch.
    pub fn url(&self) -> &TargetUrl {
        &self.url
    }

    /// Continues with the result of fetching the document. If there is none (unreachable, not 200, too long,
    /// or a redirect that is refused or one too many), or if it names no server, the address is port 8448 of
    /// the server name.
    ///
    /// # Errors
    /// The target rule that refuses the server named in the document. Port 8448 is no substitute then,
    /// because it may belong to another server.
    pub fn answered(self, fetched: Fetched<'_>, rules: &TargetRules) -> Result<Discovery, TargetError> {
        if let Some(next) = self.redirected(fetched, rules) {
            return Ok(Discovery::Ask(next));
        }
        let delegated = match fetched.answer() {
            Some((StatusCode::OK, body)) => delegated_server(body),
            _ => None,
        };
        match delegated {
            Some(name) => rules.server(&name, DEFAULT_PORT).map(Discovery::Found),
            None => Ok(Discovery::Found(self.fallback)),
        }
    }

    fn redirected(&self, fetched: Fetched<'_>, rules: &TargetRules) -> Option<Self> {
        let Fetched::Response { status, location: Some(location), .. } = fetched else { return None };
        let redirects_left = self.redirects_left.checked_sub(1)?;
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let url = rules.redirect(&self.url, location).ok()?;
        Some(Self { url, fallback: self.fallback.clone(), redirects_left })
    }
}

/// Reads `{"m.server": "<server name>"}`.
fn delegated_server(body: &[u8]) -> Option<ServerName> {
    let document: Value = serde_json::from_slice(body).ok()?;
    ServerName::parse(document.get("m.server")?.as_str()?).ok()
}

fn is_ip_literal(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> TargetRules {
        TargetRules::new(["example.com"], false)
    }

    fn start(name: &str) -> Result<Discovery, TargetError> {
        Discovery::of(&ServerName::parse(name).unwrap(), &rules())
    }

    fn well_known(name: &str) -> WellKnown {
        match start(name) {
            Ok(Discovery::Ask(well_known)) => well_known,
            other => panic!("{other:?}"),
        }
    }

    fn ok(body: &[u8]) -> Fetched<'_> {
        Fetched::Response { status: StatusCode::OK, location: None, body }
    }

    fn redirect(status: u16, location: &str) -> Fetched<'_> {
        Fetched::Response {
            status: StatusCode::from_u16(status).unwrap(),
            location: Some(location),
            body: b"",
        }
    }

    fn found(discovery: &Result<Discovery, TargetError>) -> String {
        match discovery {
            Ok(Discovery::Found(target)) => target.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_explicit_port_needs_no_document() {
        assert_eq!(found(&start("peer.org:8449")), "https://peer.org:8449");
        assert_eq!(found(&start("Peer.org:443")), "https://peer.org");
        let name = ServerName::parse("[::1]").unwrap();
        let development = TargetRules::new([], true);
        assert_eq!(found(&Discovery::of(&name, &development)), "https://[::1]:8448");
        assert_eq!(start("[::1]"), Err(TargetError::IpLiteral));
        assert_eq!(start("localhost:8448"), Err(TargetError::PrivateName));
    }

    #[test]
    fn a_document_delegates() {
        assert_eq!(well_known("Peer.org").url().to_string(), "https://peer.org/.well-known/matrix/server");
        for (document, expected) in [
            (r#"{"m.server":"hs.peer.org:443"}"#, "https://hs.peer.org"),
            (r#"{"m.server":"hs.peer.org","x":[1]}"#, "https://hs.peer.org:8448"),
            (r#"{"m.server":"HS.Peer.org:8449"}"#, "https://hs.peer.org:8449"),
        ] {
            let discovery = well_known("peer.org").answered(ok(document.as_bytes()), &rules());
            assert_eq!(found(&discovery), expected, "{document}");
        }
    }

    #[test]
    fn port_8448_is_the_default_without_a_document() {
        let long = format!(r#"{{"m.server":"hs.peer.org","x":"{}"}}"#, "a".repeat(MAX_BODY_BYTES));
        let deep = "[".repeat(MAX_BODY_BYTES);
        let document = br#"{"m.server":"hs.peer.org"}"#;
        let with_status = |status| Fetched::Response { status, location: None, body: document };
        for fetched in [
            Fetched::Failed,
            with_status(StatusCode::NOT_FOUND),
            with_status(StatusCode::INTERNAL_SERVER_ERROR),
            with_status(StatusCode::NO_CONTENT),
            with_status(StatusCode::FOUND),
            ok(b""),
            ok(b"hello"),
            ok(b"\xff"),
            ok(b"[]"),
            ok(b"{}"),
            ok(br#"{"m.server":8448}"#),
            ok(br#"{"m.server":null}"#),
            ok(br#"{"m.server":""}"#),
            ok(br#"{"m.server":"https://hs.peer.org"}"#),
            ok(br#"{"m.server":"user@hs.peer.org"}"#),
            ok(br#"{"m.server":"hs.peer.org#x"}"#),
            ok(br#"{"m.server":"hs.peer.org?x"}"#),
            ok("{\"m.server\":\"b\u{fc}cher.example\"}".as_bytes()),
            ok(long.as_bytes()),
            ok(deep.as_bytes()),
            redirect(302, "http://hs.peer.org/"),
            redirect(302, "https://localhost/"),
            redirect(302, "https://user@hs.peer.org/"),
            redirect(304, "https://hs.peer.org/"),
        ] {
            let discovery = well_known("peer.org").answered(fetched, &rules());
            assert_eq!(found(&discovery), "https://peer.org:8448", "{fetched:?}");
        }
    }

    #[test]
    fn a_refused_delegation_ends_the_discovery() {
        for (server, error) in [
            ("127.0.0.1:8448", TargetError::IpLiteral),
            ("[fd00::1]", TargetError::IpLiteral),
            ("2130706433", TargetError::IpLiteral),
            ("localhost", TargetError::PrivateName),
            ("LOCALHOST:8448", TargetError::PrivateName),
            ("intranet:8448", TargetError::PrivateName),
            ("synapse.Example.com:443", TargetError::OwnDomain),
            ("hs.peer.org.", TargetError::HostName),
            ("hs.peer.org:22", TargetError::Port),
        ] {
            let document = format!(r#"{{"m.server":"{server}"}}"#);
            let discovery = well_known("peer.org").answered(ok(document.as_bytes()), &rules());
            assert_eq!(discovery, Err(error), "{server}");
        }
    }

    #[test]
    fn at_most_three_redirects_are_followed() {
        let mut discovery = start("peer.org");
        let mut asked = Vec::new();
        while let Ok(Discovery::Ask(well_known)) = discovery {
            asked.push(well_known.url().to_string());
            let location = if asked.len() % 2 == 1 { "//b.org/x" } else { "https://peer.org/y" };
            discovery = well_known.answered(redirect(308, location), &rules());
        }
        let expected = [
            "https://peer.org/.well-known/matrix/server",
            "https://b.org/x",
            "https://peer.org/y",
            "https://b.org/x",
        ];
        assert_eq!(asked, expected);
        assert_eq!(found(&discovery), "https://peer.org:8448");
    }

    #[test]
    fn a_redirected_document_delegates_too() {
        let next = well_known("peer.org").answered(redirect(301, "/moved"), &rules());
        let Ok(Discovery::Ask(moved)) = next else { panic!("{next:?}") };
        assert_eq!(moved.url().to_string(), "https://peer.org/moved");
        let discovery = moved.answered(ok(br#"{"m.server":"hs.peer.org:443"}"#), &rules());
        assert_eq!(found(&discovery), "https://hs.peer.org");
    }
}
