//! The key store's door: Workers KV.

use zeroize::Zeroizing;

use super::Workers;
use crate::upstream::{KeyStore, KeyStoreError};

/// The binding in `wrangler.toml`.
pub(super) const BINDING: &str = "GRANTS";

impl KeyStore for Workers {
    async fn put(&self, name: &str, record: &str, ttl_secs: u64) -> Result<(), KeyStoreError> {
        let store = self.env.kv(BINDING).map_err(|_| KeyStoreError)?;
        let put = store.put(name, record).map_err(|_| KeyStoreError)?;
        put.expiration_ttl(ttl_secs).execute().await.map_err(|_| KeyStoreError)
    }

    async fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, KeyStoreError> {
        let store = self.env.kv(BINDING).map_err(|_| KeyStoreError)?;
        let record = store.get(name).text().await.map_err(|_| KeyStoreError)?;
        Ok(record.map(Zeroizing::new))
    }
}
