//! What one isolate, or one process, remembers between requests: plain data, never promises or streams.

use crate::policy;

/// The memory of one isolate or process.
#[derive(Debug, Default)]
pub struct Memory {
    /// The policies of remote homeservers.
    pub policies: policy::Memory,
    /// Until when we assume that the homeserver has only legacy media endpoints, in milliseconds since 1970.
    pub legacy_only_until_ms: u64,
}
