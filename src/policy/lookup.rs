//! Lookups, which find out the policy of a remote homeserver.
//!
//! A lookup does the discovery, then `GET /_matrix/media/v3/config` without a token. In mode `legacy`, if the
//! remote homeserver serves nothing without authentication, `GET /_matrix/client/versions` follows. There are
//! at most six URLs: the well-known document with three redirects, the config, and the versions.
//!
//! The first revision of MSC2461 names no path. The later ones say `r0`, which became `v3` in Matrix 1.1.
//! A redirect of the config or the versions is not followed.

use http::StatusCode;

use super::discovery::{Discovery, Fetched, WellKnown};
use super::remote::{RemotePolicy, Verdict, has_authenticated_federation, published};
use super::{Target, TargetError, TargetRules, TargetUrl, Unauthenticated};
use crate::protocol::ServerName;

const CONFIG: &str = "/_matrix/media/v3/config";
const VERSIONS: &str = "/_matrix/client/versions";

/// The next step of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Fetch [`Lookup::url`] and pass the result to [`Lookup::answered`].
    Fetch(Lookup),
    /// The lookup has ended.
    Done(Finding),
}

/// The outcome of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The consequence for requests.
    pub verdict: Verdict,
    /// The basis of the verdict.
    pub source: Source,
}

impl Finding {
    /// The outcome of a lookup that was abandoned.
    pub const FAILED: Self = Self { verdict: Verdict::Proceed, source: Source::Failed };
}

/// The basis of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The remote homeserver answered: it published a policy, or none, or refused to tell.
    Answered,
    /// The remote homeserver was asked, but its response could not be read.
    Failed,
    /// No request was made: the mode is `off`, or the target rules refuse the server name.
    NotAsked,
}

/// A lookup that waits for the response of a URL.
///
/// The caller fetches with `GET`, without credentials, without following redirects, and within
/// [`super::FETCH_TIMEOUT_MS`] and [`super::MAX_BODY_BYTES`]. After [`super::LOOKUP_TIMEOUT_MS`] it fetches
/// nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    policy: RemotePolicy,
    step: Step,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Discovery(WellKnown),
    Config { remote: Target, url: TargetUrl },
    Versions { url: TargetUrl },
}

impl Lookup {
    /// Begins a lookup of `server`, which must not be our own.
    pub fn start(policy: RemotePolicy, server: &ServerName, rules: &TargetRules) -> Progress {
        if policy == RemotePolicy::Off {
            return done(Verdict::Proceed, Source::NotAsked);
        }
        Self::discovered(policy, Discovery::of(server, rules), Source::NotAsked)
    }

    /// Returns the URL to fetch.
    pub fn url(&self) -> &TargetUrl {
        match &self.step {
            Step::Discovery(well_known) => well_known.url(),
            Step::Config { url, .. } | Step::Versions { url } => url,
        }
    }

    /// Continues with the result of fetching [`Lookup::url`].
    pub fn answered(self, fetched: Fetched<'_>, rules: &TargetRules) -> Progress {
        match self.step {
            Step::Discovery(well_known) => {
                Self::discovered(self.policy, well_known.answered(fetched, rules), Source::Failed)
            }
            Step::Config { remote, .. } => Self::configured(self.policy, &remote, fetched),
            Step::Versions { .. } => versioned(fetched),
        }
    }

    /// Continues after a step of the discovery. `refused` is the source of the finding if the target rules
    /// refuse the remote homeserver.
    fn discovered(
        policy: RemotePolicy,
        discovery: Result<Discovery, TargetError>,
        refused: Source,
    ) -> Progress {
        let step = match discovery {
            Ok(Discovery::Ask(well_known)) => Step::Discovery(well_known),
            Ok(Discovery::Found(remote)) => Step::Config { url: remote.at(CONFIG), remote },
            Err(_) => return done(Verdict::Proceed, refused),
        };
        Progress::Fetch(Self { policy, step })
    }

    fn configured(policy: RemotePolicy, remote: &Target, fetched: Fetched<'_>) -> Progress {
        let Some((status, body)) = fetched.answer() else { return done(Verdict::Proceed, Source::Failed) };
        match status {
            StatusCode::OK => {}
            // Nearly every homeserver sends one of these, because it serves its config to its own users only.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                return done(Verdict::Proceed, Source::Answered);
            }
            _ => return done(Verdict::Proceed, Source::Failed),
        }
        match (published(body), policy) {
            (None, _) => done(Verdict::Proceed, Source::Failed),
            (Some(Unauthenticated::Nothing), RemotePolicy::Enforce) => {
                done(Verdict::Rejected, Source::Answered)
            }
            (Some(Unauthenticated::Nothing), RemotePolicy::Legacy) => {
                Progress::Fetch(Self { policy, step: Step::Versions { url: remote.at(VERSIONS) } })
            }
            (Some(_), _) => done(Verdict::Proceed, Source::Answered),
        }
    }
}

/// Ends a lookup with the versions of a remote homeserver that serves nothing without authentication. The
/// verdict is `Proceed` if our homeserver can authenticate itself there (MSC3916).
fn versioned(fetched: Fetched<'_>) -> Progress {
    let authenticated = match fetched.answer() {
        Some((StatusCode::OK, body)) => has_authenticated_federation(body),
        _ => None,
    };
    match authenticated {
        Some(true) => done(Verdict::Proceed, Source::Answered),
        Some(false) => done(Verdict::Rejected, Source::Answered),
        None => done(Verdict::Rejected, Source::Failed),
    }
}

fn done(verdict: Verdict, source: Source) -> Progress {
    Progress::Done(Finding { verdict, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a lookup against a list of responses, which must be requested in this order.
    fn look_up(policy: RemotePolicy, server: &str, answers: &[(&str, u16, &str)]) -> (Verdict, Source) {
        let rules = TargetRules::new(["example.com"], false);
        let mut answers = answers.iter();
        let mut progress = Lookup::start(policy, &ServerName::parse(server).unwrap(), &rules);
        loop {
            let lookup = match progress {
                Progress::Fetch(lookup) => lookup,
                Progress::Done(finding) => {
                    assert_eq!(answers.next(), None, "not asked");
                    return (finding.verdict, finding.source);
                }
            };
            let (url, status, body) = answers.next().unwrap_or_else(|| panic!("asked {}", lookup.url()));
            assert_eq!(lookup.url().to_string(), *url);
            let fetched = match StatusCode::from_u16(*status) {
                Ok(status) => Fetched::Response { status, location: None, body: body.as_bytes() },
                Err(_) => Fetched::Failed,
            };
            progress = lookup.answered(fetched, &rules);
        }
    }

    const FAILED: u16 = 0;
    const CONFIG_URL: &str = "https://peer.org:8448/_matrix/media/v3/config";
    const VERSIONS_URL: &str = "https://peer.org:8448/_matrix/client/versions";
    const NONE: &str = r#"{"m.upload.size":5,"m.media.unauthenticated":"m.none"}"#;

    fn config(policy: RemotePolicy, status: u16, body: &str) -> (Verdict, Source) {
        look_up(policy, "peer.org:8448", &[(CONFIG_URL, status, body)])
    }

    #[test]
    fn discovery_config_and_versions() {
        let asked = [
            ("https://peer.org/.well-known/matrix/server", 200, r#"{"m.server":"hs.peer.org:443"}"#),
            ("https://hs.peer.org/_matrix/media/v3/config", 200, NONE),
            ("https://hs.peer.org/_matrix/client/versions", 200, r#"{"versions":["v1.10"]}"#),
        ];
        let rejected = (Verdict::Rejected, Source::Answered);
        assert_eq!(look_up(RemotePolicy::Legacy, "peer.org", &asked), rejected);
        assert_eq!(look_up(RemotePolicy::Enforce, "peer.org", &asked[..2]), rejected);
    }

    #[test]
    fn enforce_rejects_only_if_nothing_may_be_read() {
        for nothing in [NONE, r#"{"m.media.unauthenticated":"m.all"}"#] {
            assert_eq!(config(RemotePolicy::Enforce, 200, nothing), (Verdict::Rejected, Source::Answered));
        }
        for word in ["m.cached", "m.local", "m.unspecified", "m.future"] {
            let body = format!(r#"{{"m.media.unauthenticated":"{word}"}}"#);
            for policy in [RemotePolicy::Enforce, RemotePolicy::Legacy] {
                assert_eq!(config(policy, 200, &body), (Verdict::Proceed, Source::Answered), "{word}");
            }
        }
    }

    #[test]
    fn an_unreadable_policy_means_proceed() {
        for (status, body, source) in [
            (200, "{}", Source::Answered),
            (401, r#"{"errcode":"M_MISSING_TOKEN"}"#, Source::Answered),
            (403, NONE, Source::Answered),
            (404, NONE, Source::Answered),
            (FAILED, "", Source::Failed),
            (200, "", Source::Failed),
            (200, "<html>m.none</html>", Source::Failed),
            (200, r#"{"m.media.unauthenticated":0}"#, Source::Failed),
            (204, "", Source::Failed),
            (206, NONE, Source::Failed),
            (302, NONE, Source::Failed),
            (429, NONE, Source::Failed),
            (500, NONE, Source::Failed),
        ] {
            for policy in [RemotePolicy::Enforce, RemotePolicy::Legacy] {
                assert_eq!(config(policy, status, body), (Verdict::Proceed, source), "{status} {body}");
            }
        }
        let long = format!("{NONE}{}", " ".repeat(super::super::MAX_BODY_BYTES));
        assert_eq!(config(RemotePolicy::Enforce, 200, &long), (Verdict::Proceed, Source::Failed));
    }

    #[test]
    fn legacy_lets_authenticated_federation_proceed() {
        for (status, versions, expected) in [
            (200, r#"{"versions":["v1.1","v1.11"]}"#, (Verdict::Proceed, Source::Answered)),
            (200, r#"{"versions":["v1.1"]}"#, (Verdict::Rejected, Source::Answered)),
            (200, "hello", (Verdict::Rejected, Source::Failed)),
            (404, r#"{"versions":["v1.11"]}"#, (Verdict::Rejected, Source::Failed)),
            (FAILED, "", (Verdict::Rejected, Source::Failed)),
        ] {
            let asked = [(CONFIG_URL, 200, NONE), (VERSIONS_URL, status, versions)];
            assert_eq!(look_up(RemotePolicy::Legacy, "peer.org:8448", &asked), expected, "{versions}");
        }
    }

    #[test]
    fn mode_off_and_refused_targets_cause_no_request() {
        let proceed = (Verdict::Proceed, Source::NotAsked);
        assert_eq!(look_up(RemotePolicy::Off, "peer.org", &[]), proceed);
        for name in
            ["127.0.0.1:8448", "[::1]", "localhost", "PEER", "hs.Example.com", "peer.org.", "peer.org:25"]
        {
            assert_eq!(look_up(RemotePolicy::Enforce, name, &[]), proceed, "{name}");
        }
    }

    #[test]
    fn a_refused_delegation_is_a_failed_lookup() {
        let asked = [("https://peer.org/.well-known/matrix/server", 200, r#"{"m.server":"127.0.0.1"}"#)];
        assert_eq!(look_up(RemotePolicy::Enforce, "peer.org", &asked), (Verdict::Proceed, Source::Failed));
    }
}
