//! The adapter for remote homeservers, which fetches their documents.

use http::StatusCode;
use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use super::Workers;
use super::glue;
use super::task::settled;
use crate::policy::{FETCH_TIMEOUT_MS, MAX_BODY_BYTES, TargetUrl};
use crate::ports::{RemoteAnswer, RemoteHomeservers};

#[wasm_bindgen(module = "/src/platform/workers/js/remote_homeservers.js")]
extern "C" {
    #[wasm_bindgen(js_name = fetchDocument)]
    fn fetch_document(url: &str, init: &JsValue, timeout_ms: f64, limit: f64) -> Promise;

    fn sleep(ms: u32) -> Promise;
}

impl RemoteHomeservers for Workers {
    async fn fetch(&self, url: &TargetUrl) -> Option<RemoteAnswer> {
        #[expect(clippy::cast_precision_loss, reason = "64 KiB")]
        let limit = MAX_BODY_BYTES as f64;
        let init = glue::uncached("GET", "accept\napplication/json\n");
        let answer = fetch_document(&url.to_string(), &init, FETCH_TIMEOUT_MS.into(), limit);
        let answer = settled(Ok(answer)).await.ok()?;
        let member = |name| Reflect::get(&answer, &JsValue::from_str(name)).ok();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a status is below 1000")]
        let status = StatusCode::from_u16(member("status")?.as_f64()? as u16).ok()?;
        let body: Uint8Array = member("body")?.dyn_into().ok()?;
        let location = member("location").and_then(|location| location.as_string());
        Some(RemoteAnswer { status, location, body: body.to_vec() })
    }

    async fn sleep(&self, ms: u32) {
        // This promise is never rejected.
        let _ = settled(Ok(sleep(ms))).await;
    }
}
