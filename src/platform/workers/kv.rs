//! The adapter for the key store: Workers KV.

use wasm_bindgen::{JsCast as _, JsValue};
use zeroize::Zeroizing;

use super::Workers;
use super::glue::{self, Bindings, KvNamespace};
use super::task::settled_within;
use crate::ports::{KeyStore, KeyStoreError};

/// How long a request to Workers KV may take before it counts as failed, in milliseconds.
const LIMIT_MS: f64 = 30_000.0;

/// Returns the bound namespace, if there is one.
pub(super) fn namespace(env: &worker::Env) -> Option<KvNamespace> {
    let value = env.unchecked_ref::<Bindings>().grants();
    value.is_object().then(|| value.unchecked_into())
}

impl KeyStore for Workers {
    async fn put(&self, name: &str, record: &str, ttl_secs: u64) -> Result<(), KeyStoreError> {
        let store = namespace(&self.env).ok_or(KeyStoreError)?;
        #[expect(clippy::cast_precision_loss, reason = "at most days, in seconds")]
        let options = glue::object(&[("expirationTtl", JsValue::from_f64(ttl_secs as f64))]);
        settled_within(LIMIT_MS, store.put_record(name, record, &options))
            .await
            .map(drop)
            .map_err(|_| KeyStoreError)
    }

    async fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, KeyStoreError> {
        let store = namespace(&self.env).ok_or(KeyStoreError)?;
        let record = settled_within(LIMIT_MS, store.get(name)).await.map_err(|_| KeyStoreError)?;
        Ok(record.as_string().map(Zeroizing::new))
    }
}
