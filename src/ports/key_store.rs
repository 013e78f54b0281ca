//! The port to the key store (Workers KV), which holds short named records with a time to live.

use zeroize::Zeroizing;

/// Stores and reads records.
pub trait KeyStore {
    /// Stores a record for `ttl_secs` seconds, at least 60.
    async fn put(&self, name: &str, record: &str, ttl_secs: u64) -> Result<(), KeyStoreError>;
    /// Reads a record. The key store may cache a miss for 30 seconds or more, so a new record may be missing.
    async fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, KeyStoreError>;
}

/// The key store refused the request or could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key store cannot be reached")]
pub struct KeyStoreError;
