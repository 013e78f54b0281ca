//! Records: what is kept of a finding, so that a remote homeserver is asked once in a while and not per request.
//!
//! Key `remote:<server name, lower case, port as a number>`, versioned JSON:
//! `{"v":1,"policy":"enforce","verdict":"rejected","fetched_ts":1790000000000,"expires_ts":1790003600000}`.

use serde::{Deserialize, Serialize};

use super::{Finding, RemotePolicy, Source, Verdict};
use crate::protocol::ServerName;

const VERSION: u8 = 1;
/// The shortest time for which Workers KV keeps anything, in seconds.
const KV_MIN_TTL_SECS: u64 = 60;

/// How long findings hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheTimes {
    /// Where the remote homeserver answered, in milliseconds.
    pub answered_ms: u64,
    /// Where it did not, in milliseconds.
    pub failed_ms: u64,
}

impl CacheTimes {
    /// So many seconds where the remote homeserver answered, and a sixth of it where it did not.
    pub fn from_secs(answered_secs: u64) -> Self {
        Self { answered_ms: answered_secs * 1000, failed_ms: answered_secs * 1000 / 6 }
    }
}

impl Default for CacheTimes {
    /// An hour, and ten minutes.
    fn default() -> Self {
        Self { answered_ms: 60 * 60 * 1000, failed_ms: 10 * 60 * 1000 }
    }
}

/// What is kept of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    policy: RemotePolicy,
    verdict: Verdict,
    fetched_ts: u64,
    expires_ts: u64,
}

/// The key under which the record of a remote homeserver is kept: one for all spellings that lead to the same place.
pub fn record_key(server: &ServerName) -> String {
    let host = server.host().to_ascii_lowercase();
    match server.port() {
        Some(port) => format!("remote:{host}:{port}"),
        None => format!("remote:{host}"),
    }
}

impl Record {
    /// Keeps a finding that was made under `policy` at `now_ms` (milliseconds since 1970); `None` where
    /// nobody was asked: finding that out again costs nothing.
    pub fn of(finding: Finding, policy: RemotePolicy, times: CacheTimes, now_ms: u64) -> Option<Self> {
        let holds_ms = match finding.source {
            Source::Answered => times.answered_ms,
            Source::Failed => times.failed_ms,
            Source::NotAsked => return None,
        };
        let expires_ts = now_ms.saturating_add(holds_ms);
        Some(Self { policy, verdict: finding.verdict, fetched_ts: now_ms, expires_ts })
    }

    /// The verdict, if it still holds at `now_ms` and was found under the same `policy`.
    pub fn verdict(&self, policy: RemotePolicy, now_ms: u64) -> Option<Verdict> {
        (self.policy == policy && now_ms < self.expires_ts).then_some(self.verdict)
    }

    /// When it ends, in milliseconds since 1970.
    pub fn expires_ts(&self) -> u64 {
        self.expires_ts
    }

    /// The `expirationTtl` to store it with, in seconds; `expires_ts` is what counts.
    pub fn kv_ttl_secs(&self) -> u64 {
        self.expires_ts.saturating_sub(self.fetched_ts).div_ceil(1000).max(KV_MIN_TTL_SECS)
    }

    /// The record's JSON.
    pub fn to_json(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Proceed => VerdictWord::Proceed,
            Verdict::Rejected => VerdictWord::Rejected,
        };
        let (policy, fetched_ts, expires_ts) =
            (self.policy.as_str().into(), self.fetched_ts, self.expires_ts);
        let wire = Wire { v: VERSION, policy, verdict, fetched_ts, expires_ts };
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// Reads a record; `None` for anything but a whole one of this version, which then is looked up anew.
    pub fn from_json(json: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(json).ok().filter(|wire: &Wire| wire.v == VERSION)?;
        let verdict = match wire.verdict {
            VerdictWord::Proceed => Verdict::Proceed,
            VerdictWord::Rejected => Verdict::Rejected,
        };
        let policy = RemotePolicy::parse(&wire.policy)?;
        Some(Self { policy, verdict, fetched_ts: wire.fetched_ts, expires_ts: wire.expires_ts })
    }
}

/// The wire form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    policy: String,
    verdict: VerdictWord,
    fetched_ts: u64,
    expires_ts: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum VerdictWord {
    Proceed,
    Rejected,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_790_000_000_000;

    fn record(verdict: Verdict, source: Source) -> Option<Record> {
        Record::of(Finding { verdict, source }, RemotePolicy::Enforce, CacheTimes::default(), NOW_MS)
    }

    #[test]
    fn the_record() {
        let rejected = record(Verdict::Rejected, Source::Answered).unwrap();
        insta::assert_snapshot!(rejected.to_json(), @r#"{"v":1,"policy":"enforce","verdict":"rejected","fetched_ts":1790000000000,"expires_ts":1790003600000}"#);
        let proceed = record(Verdict::Proceed, Source::Failed).unwrap();
        for record in [rejected, proceed] {
            assert_eq!(Record::from_json(&record.to_json()), Some(record));
        }
    }

    #[test]
    fn what_is_not_exactly_a_record_is_none() {
        let good = record(Verdict::Rejected, Source::Answered).unwrap().to_json();
        for (from, to) in [
            ("\"v\":1", "\"v\":2"),
            ("enforce", "sometimes"),
            ("rejected", "maybe"),
            ("\"fetched_ts\":1790000000000,", ""),
            ("1790003600000", "-1"),
            ("\"v\":1", "\"v\":1,\"x\":1"),
            ("}", ""),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(good, bad, "{from}");
            assert_eq!(Record::from_json(&bad), None, "{to}");
        }
    }

    #[test]
    fn answers_hold_an_hour_and_failures_ten_minutes() {
        for (source, holds_ms) in [(Source::Answered, 3_600_000), (Source::Failed, 600_000)] {
            let record = record(Verdict::Rejected, source).unwrap();
            let at = |now_ms| record.verdict(RemotePolicy::Enforce, now_ms);
            assert_eq!(at(NOW_MS + holds_ms - 1), Some(Verdict::Rejected));
            assert_eq!(at(NOW_MS + holds_ms), None);
            assert_eq!(record.kv_ttl_secs(), holds_ms / 1000);
        }
        assert_eq!(record(Verdict::Proceed, Source::NotAsked), None);
    }

    #[test]
    fn a_record_of_another_mode_is_none() {
        let record = record(Verdict::Rejected, Source::Answered).unwrap();
        assert_eq!(record.verdict(RemotePolicy::Legacy, NOW_MS), None);
    }

    #[test]
    fn short_times_keep_the_stores_minimum() {
        let times = CacheTimes { answered_ms: 1500, failed_ms: 0 };
        let finding = Finding { verdict: Verdict::Proceed, source: Source::Answered };
        let record = Record::of(finding, RemotePolicy::Legacy, times, NOW_MS).unwrap();
        assert_eq!((record.expires_ts(), record.kv_ttl_secs()), (NOW_MS + 1500, 60));
    }

    #[test]
    fn one_key_for_all_spellings() {
        let key = |name| record_key(&ServerName::parse(name).unwrap());
        assert_eq!(key("Peer.ORG"), "remote:peer.org");
        for name in ["peer.org:8448", "PEER.org:08448"] {
            assert_eq!(key(name), "remote:peer.org:8448");
        }
        assert_ne!(key("peer.org"), key("peer.org:8448"));
    }
}
