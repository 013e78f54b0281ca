//! The records and lookups that one isolate remembers.
//!
//! Records in memory spare a read of the key store. Lookups are counted, because clients can make up any
//! number of server names.

use std::collections::HashMap;

use super::{LOOKUP_WAIT_MS, LOOKUPS_PER_MINUTE, Record, RemotePolicy, Verdict};

const MINUTE_MS: u64 = 60_000;

/// Records by [`super::record_key`], and the lookups of this isolate.
#[derive(Debug, Default)]
pub struct Memory {
    records: HashMap<String, Record>,
    /// The keys of the lookups that are under way, and the times at which they began, in milliseconds.
    under_way: Vec<(String, u64)>,
    /// The time at which the current minute began, in milliseconds, and the number of lookups since then.
    minute: (u64, u32),
}

/// Whether a lookup may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Yes. The lookup counts as begun.
    Begun,
    /// No: another request looks up the same remote homeserver. Its record will be here soon.
    UnderWay,
    /// No: the limit for this minute is reached.
    TooMany,
}

impl Memory {
    /// The maximum number of records. They take about 300 bytes each, a third of a megabyte in total.
    pub const CAPACITY: usize = 1024;

    /// Returns the verdict of the record under `key`, if there is one that is valid for `policy` at `now_ms`.
    pub fn verdict(&self, key: &str, policy: RemotePolicy, now_ms: u64) -> Option<Verdict> {
        self.records.get(key)?.verdict(policy, now_ms)
    }

    /// Registers a lookup and returns [`Permit::Begun`], unless another lookup of this remote homeserver is
    /// under way or the limit of [`LOOKUPS_PER_MINUTE`] is reached. The lookup ends with [`Memory::put`], or
    /// counts as ended after [`LOOKUP_WAIT_MS`].
    pub fn begin_lookup(&mut self, key: &str, now_ms: u64) -> Permit {
        self.under_way.retain(|(_, since)| now_ms.saturating_sub(*since) < LOOKUP_WAIT_MS);
        if self.under_way.iter().any(|(remote, _)| remote == key) {
            return Permit::UnderWay;
        }
        if now_ms.saturating_sub(self.minute.0) >= MINUTE_MS {
            self.minute = (now_ms, 0);
        }
        if self.minute.1 >= LOOKUPS_PER_MINUTE {
            return Permit::TooMany;
        }
        self.minute.1 += 1;
        self.under_way.push((key.to_owned(), now_ms));
        Permit::Begun
    }

    /// Stores a record and ends the lookup of `key`. A full memory drops its expired records, or if none has
    /// expired, the record that expires next.
    pub fn put(&mut self, key: String, record: Record, now_ms: u64) {
        self.under_way.retain(|(remote, _)| *remote != key);
        let records = &mut self.records;
        if records.len() >= Self::CAPACITY && !records.contains_key(&key) {
            records.retain(|_, record| record.expires_ts() > now_ms);
            let next =
                records.iter().min_by_key(|(_, record)| record.expires_ts()).map(|(key, _)| key.clone());
            if let Some(next) = next.filter(|_| records.len() >= Self::CAPACITY) {
                records.remove(&next);
            }
        }
        records.insert(key, record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{CacheTimes, Finding, Source};

    const POLICY: RemotePolicy = RemotePolicy::Enforce;

    fn record(verdict: Verdict, now_ms: u64) -> Record {
        let finding = Finding { verdict, source: Source::Answered };
        Record::of(finding, POLICY, CacheTimes { answered_ms: 1000, failed_ms: 0 }, now_ms).unwrap()
    }

    #[test]
    fn a_record_is_kept_until_it_expires() {
        let mut memory = Memory::default();
        memory.put("a".into(), record(Verdict::Rejected, 0), 0);
        assert_eq!(memory.verdict("a", POLICY, 999), Some(Verdict::Rejected));
        assert_eq!(memory.verdict("a", POLICY, 1000), None);
        assert_eq!(memory.verdict("a", RemotePolicy::Legacy, 0), None);
        assert_eq!(memory.verdict("b", POLICY, 0), None);
        memory.put("a".into(), record(Verdict::Proceed, 1000), 1000);
        assert_eq!(memory.verdict("a", POLICY, 1000), Some(Verdict::Proceed));
    }

    #[test]
    fn a_full_memory_drops_the_record_that_expires_next() {
        let mut memory = Memory::default();
        for n in 0..=Memory::CAPACITY {
            let now_ms = u64::try_from(n).unwrap() / 100;
            memory.put(n.to_string(), record(Verdict::Proceed, now_ms), now_ms);
            assert!(memory.records.len() <= Memory::CAPACITY);
        }
        let kept = |n: usize| memory.records.contains_key(&n.to_string());
        assert_eq!((0..100).filter(|n| kept(*n)).count(), 99);
        assert!((100..=Memory::CAPACITY).all(kept));
    }

    #[test]
    fn a_full_memory_drops_all_expired_records() {
        let mut memory = Memory::default();
        for n in 0..Memory::CAPACITY {
            memory.put(n.to_string(), record(Verdict::Proceed, 0), 0);
        }
        memory.put("new".into(), record(Verdict::Proceed, 1000), 1000);
        assert_eq!(memory.records.len(), 1);
    }

    #[test]
    fn lookups_per_minute_are_limited() {
        let mut memory = Memory::default();
        let mut begin = |n: u32, now_ms| memory.begin_lookup(&n.to_string(), now_ms);
        for n in 0..LOOKUPS_PER_MINUTE {
            assert_eq!(begin(n, 1_000_000 + u64::from(n)), Permit::Begun);
        }
        assert_eq!(begin(100, 1_059_999), Permit::TooMany);
        assert_eq!(begin(100, 1_060_000), Permit::Begun);
    }

    #[test]
    fn one_request_at_a_time_looks_up_a_remote_homeserver() {
        let mut memory = Memory::default();
        assert_eq!(memory.begin_lookup("a", 0), Permit::Begun);
        assert_eq!(memory.begin_lookup("a", 1), Permit::UnderWay);
        assert_eq!(memory.begin_lookup("b", 1), Permit::Begun);
        memory.put("a".into(), record(Verdict::Proceed, 2), 2);
        assert_eq!(memory.begin_lookup("a", 3), Permit::Begun, "it may have expired");
        // After this time a waiting request begins its own lookup.
        assert_eq!(memory.begin_lookup("a", 3 + LOOKUP_WAIT_MS), Permit::Begun);
    }
}
