//! Records of findings, so that a remote homeserver is not asked again for each request
//! (`docs/kv-schema.md`).
//!
//! The key is `remote:<server name>`, in lower case and with the port as a number. The value is versioned
//! JSON:
//! `{"v":1,"policy":"enforce","verdict":"rejected","fetched_ts":1790000000000,"expires_ts":1790003600000}`.

use serde::{Deserialize, Serialize};

use super::{Finding, RemotePolicy, Source, Verdict};
use crate::protocol::ServerName;

const VERSION: u8 = 1;
/// The shortest lifetime of a record that Workers KV accepts, in seconds.
const KV_MIN_TTL_SECS: u64 = 60;

/// How long findings are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheTimes {
    /// The time in milliseconds if the remote homeserver answered.
    pub answered_ms: u64,
    /// The time in milliseconds if it did not answer.
    pub failed_ms: u64,
}

impl CacheTimes {
    /// Returns `answered_secs` as the time after an answer, and a sixth of it as the time after a failure.
    pub fn from_secs(answered_secs: u64) -> Self {
        Self { answered_ms: answered_secs * 1000, failed_ms: answered_secs * 1000 / 6 }
    }
}

impl Default for CacheTimes {
    /// Returns one hour after an answer and ten minutes after a failure.
    fn default() -> Self {
        Self { answered_ms: 60 * 60 * 1000, failed_ms: 10 * 60 * 1000 }
    }
}

/// The record of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    policy: RemotePolicy,
    verdict: Verdict,
    fetched_ts: u64,
    expires_ts: u64,
}

/// Returns the key for the record of a remote homeserver. All spellings of its server name have the same key.
pub fn record_key(server: &ServerName) -> String {
    let host = server.host().to_ascii_lowercase();
    match server.port() {
        Some(port) => format!("remote:{host}:{port}"),
        None => format!("remote:{host}"),
    }
}

impl Record {
    /// Makes the record of a finding under `policy` at `now_ms`, in milliseconds since 1970. Returns `None`
    /// if no request was made, because such a finding costs nothing to repeat.
    pub fn of(finding: Finding, policy: RemotePolicy, times: CacheTimes, now_ms: u64) -> Option<Self> {
        let holds_ms = match finding.source {
            Source::Answered => times.answered_ms,
            Source::Failed => times.failed_ms,
            Source::NotAsked => return None,
        };
        let expires_ts = now_ms.saturating_add(holds_ms);
        Some(Self { policy, verdict: finding.verdict, fetched_ts: now_ms, expires_ts })
    }

    /// Returns the verdict if the record has not expired at `now_ms` and was made under the same `policy`.
    pub fn verdict(&self, policy: RemotePolicy, now_ms: u64) -> Option<Verdict> {
        (self.policy == policy && now_ms < self.expires_ts).then_some(self.verdict)
    }

    /// Returns the time at which the record expires, in milliseconds since 1970.
    pub fn expires_ts(&self) -> u64 {
        self.expires_ts
    }

    /// Returns the lifetime for the key store, in seconds. It may be longer than until `expires_ts`, which
    /// readers check.
    pub fn kv_ttl_secs(&self) -> u64 {
        self.expires_ts.saturating_sub(self.fetched_ts).div_ceil(1000).max(KV_MIN_TTL_SECS)
    }

    /// Returns the JSON of the record.
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

    /// Reads a record. Returns `None` unless it is complete and of this version; then a lookup replaces it.
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

/// The JSON of a record.
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
    fn records_can_be_read_again() {
        let rejected = record(Verdict::Rejected, Source::Answered).unwrap();
        insta::assert_snapshot!(rejected.to_json(), @r#"{"v":1,"policy":"enforce","verdict":"rejected","fetched_ts":1790000000000,"expires_ts":1790003600000}"#);
        let proceed = record(Verdict::Proceed, Source::Failed).unwrap();
        for record in [rejected, proceed] {
            assert_eq!(Record::from_json(&record.to_json()), Some(record));
        }
    }

    #[test]
    fn anything_else_is_not_a_record() {
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
    fn answers_are_valid_for_an_hour_and_failures_for_ten_minutes() {
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
    fn a_record_of_another_mode_does_not_count() {
        let record = record(Verdict::Rejected, Source::Answered).unwrap();
        assert_eq!(record.verdict(RemotePolicy::Legacy, NOW_MS), None);
    }

    #[test]
    fn the_lifetime_is_at_least_the_stores_minimum() {
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
