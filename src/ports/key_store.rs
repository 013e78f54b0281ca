//! The port to the key store (Workers KV): short records under names, with a time to live.

use zeroize::Zeroizing;

/// Stores records.
pub trait KeyStore {
    /// Stores a record for `ttl_secs` (at least 60).
    async fn put(&self, name: &str, record: &str, ttl_secs: u64) -> Result<(), KeyStoreError>;
    /// Reads a record. A name that had no record may appear empty for half a minute and more.
    async fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, KeyStoreError>;
}

/// The key store refused or could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key store cannot be reached")]
pub struct KeyStoreError;
