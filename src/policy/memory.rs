//! Memory: the records that one isolate has at hand, before the key store is asked; and the lookups
//! that it has begun, because server names are made up as easily as they are asked for.

use std::collections::HashMap;

use super::{LOOKUP_WAIT_MS, LOOKUPS_PER_MINUTE, Record, RemotePolicy, Verdict};

const MINUTE_MS: u64 = 60_000;

/// Records by [`super::record_key`], bounded in number and, by their own expiry, in time.
#[derive(Debug, Default)]
pub struct Memory {
    records: HashMap<String, Record>,
    /// Remote homeservers that are being looked up, and since when.
    under_way: Vec<(String, u64)>,
    /// When the current minute began, and how many lookups did since.
    minute: (u64, u32),
}

/// Whether a lookup may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It has begun.
    Begun,
    /// Another request is looking this remote homeserver up: its record will be here soon.
    UnderWay,
    /// Enough for this minute.
    TooMany,
}

impl Memory {
    /// How many records are kept: at some 300 bytes each, a third of a megabyte.
    pub const CAPACITY: usize = 1024;

    /// The verdict under a key, if one is known that still holds.
    pub fn verdict(&self, key: &str, policy: RemotePolicy, now_ms: u64) -> Option<Verdict> {
        self.records.get(key)?.verdict(policy, now_ms)
    }

    /// Begins a lookup, unless this remote homeserver is being looked up or too many began in this minute. It ends
    /// with [`Memory::put`]; after [`LOOKUP_WAIT_MS`] it is waited for no longer.
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

    /// Keeps a record, with which a lookup has ended. A full memory first forgets what has expired, else
    /// what expires next.
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
    fn what_was_put_is_there_until_it_expires() {
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
    fn a_full_memory_forgets_what_expires_next() {
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
    fn a_full_memory_forgets_all_that_has_expired() {
        let mut memory = Memory::default();
        for n in 0..Memory::CAPACITY {
            memory.put(n.to_string(), record(Verdict::Proceed, 0), 0);
        }
        memory.put("new".into(), record(Verdict::Proceed, 1000), 1000);
        assert_eq!(memory.records.len(), 1);
    }

    #[test]
    fn a_minute_has_so_many_lookups() {
        let mut memory = Memory::default();
        let mut begin = |n: u32, now_ms| memory.begin_lookup(&n.to_string(), now_ms);
        for n in 0..LOOKUPS_PER_MINUTE {
            assert_eq!(begin(n, 1_000_000 + u64::from(n)), Permit::Begun);
        }
        assert_eq!(begin(100, 1_059_999), Permit::TooMany);
        assert_eq!(begin(100, 1_060_000), Permit::Begun);
    }

    #[test]
    fn a_peer_is_looked_up_by_one_request_at_a_time() {
        let mut memory = Memory::default();
        assert_eq!(memory.begin_lookup("a", 0), Permit::Begun);
        assert_eq!(memory.begin_lookup("a", 1), Permit::UnderWay);
        assert_eq!(memory.begin_lookup("b", 1), Permit::Begun);
        memory.put("a".into(), record(Verdict::Proceed, 2), 2);
        assert_eq!(memory.begin_lookup("a", 3), Permit::Begun, "it may have expired");
        // Whoever waited for it goes on.
        assert_eq!(memory.begin_lookup("a", 3 + LOOKUP_WAIT_MS), Permit::Begun);
    }
}
