//! What one isolate, or one process, remembers between requests: plain data, never promises or streams.

use crate::policy;

/// What is remembered.
#[derive(Debug, Default)]
pub struct Memory {
    /// The policies of remote homeservers.
    pub policies: policy::Memory,
    /// Until when (milliseconds since 1970) the homeserver is taken to have legacy media endpoints only.
    pub legacy_only_until_ms: u64,
}
