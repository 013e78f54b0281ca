//! Memory: the records that one isolate has at hand, before the key store is asked.

use std::collections::HashMap;

use super::{Record, RemotePolicy, Verdict};

/// Records by [`super::record_key`], bounded in number and, by their own expiry, in time.
#[derive(Debug, Default)]
pub struct Memory(HashMap<String, Record>);

impl Memory {
    /// How many records are kept: at some 300 bytes each, a third of a megabyte.
    pub const CAPACITY: usize = 1024;

    /// The verdict under a key, if one is known that still holds.
    pub fn verdict(&self, key: &str, policy: RemotePolicy, now_ms: u64) -> Option<Verdict> {
        self.0.get(key)?.verdict(policy, now_ms)
    }

    /// Keeps a record. A full memory first forgets what has expired, else what expires next.
    pub fn put(&mut self, key: String, record: Record, now_ms: u64) {
        if self.0.len() >= Self::CAPACITY && !self.0.contains_key(&key) {
            self.0.retain(|_, record| record.expires_ts() > now_ms);
            let next =
                self.0.iter().min_by_key(|(_, record)| record.expires_ts()).map(|(key, _)| key.clone());
            if let Some(next) = next.filter(|_| self.0.len() >= Self::CAPACITY) {
                self.0.remove(&next);
            }
        }
        self.0.insert(key, record);
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
            assert!(memory.0.len() <= Memory::CAPACITY);
        }
        let kept = |n: usize| memory.0.contains_key(&n.to_string());
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
        assert_eq!(memory.0.len(), 1);
    }
}
