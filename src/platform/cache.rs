//! The cache's door: the Cache API of this data centre.
//!
//! Entries lie under `<edge>/_cloakroom/…`, a path that no request reaches (both hosts answer it with
//! 404), in a named cache that `fetch` does not share. An object is a 200 whose `Cloakroom-Facts`
//! header holds the facts; the facts lie once more by themselves, so that they are known even where
//! the bytes are not held.

use std::cell::RefCell;

use http::HeaderMap;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Request, RequestInit, Response};

use super::Workers;
use super::body::WorkerBody;
use super::glue::{self, Cache};
use super::host::is_filling;
use super::incoming::{header_map, push_header};
use crate::protocol::{ByteRange, Facts, Object, from_base64url, to_base64url};
use crate::upstream::{Body as _, Cached, Host as _, ObjectCache};

const CACHE_NAME: &str = "cloakroom-v1";
const FACTS_HEADER: &str = "cloakroom-facts";

thread_local! {
    static CACHE: RefCell<Option<Cache>> = const { RefCell::new(None) };
}

impl Workers {
    fn cache_url(&self, kind: &str, object: &Object) -> String {
        format!("{}/_cloakroom/{kind}/1/{}", self.config.edge.as_str(), object.cache_name())
    }

    async fn cache_match(&self, url: &str, range: Option<ByteRange>) -> Option<(Response, HeaderMap)> {
        let request = match range {
            None => JsValue::from_str(url),
            Some(range) => {
                let init = RequestInit::new();
                let header = JsValue::from_str(&range.to_range_header());
                init.set_headers(&glue::object(&[("range", header)]).into());
                Request::new_with_str_and_init(url, &init).ok()?.into()
            }
        };
        let response: Response = cache().await?.match_request(&request).await.ok()?.dyn_into().ok()?;
        let headers = header_map(&response.headers());
        Some((response, headers))
    }

    async fn cache_put(&self, url: &str, facts: &Facts, body: Option<&JsValue>) -> bool {
        let Ok(json) = serde_json::to_vec(facts) else { return false };
        let mut headers = String::with_capacity(512);
        push_header(&mut headers, "content-type", "application/octet-stream");
        push_header(&mut headers, "cache-control", &format!("max-age={}", self.config.cache_ttl_secs));
        push_header(&mut headers, FACTS_HEADER, &to_base64url(&json));
        let facts_only = JsValue::from_str("facts");
        let response = glue::respond(200, &headers, body.unwrap_or(&facts_only));
        let (Ok(response), Some(cache)) = (response, cache().await) else { return false };
        cache.put(url, &response).await.is_ok()
    }

    /// Whether the entry has its last byte. What broke off on the way in must not stay: a cache may
    /// keep what came of it, under the length that was promised.
    async fn holds_all(&self, url: &str, facts: &Facts) -> bool {
        let Some(size) = facts.size else { return false };
        let Some(start) = size.checked_sub(1) else { return true };
        let last = ByteRange { start, end: size };
        let Some((response, headers)) = self.cache_match(url, Some(last)).await else { return false };
        let whole = ByteRange::from_content_range(&headers) == Some((last, size));
        let body = WorkerBody::Response(response);
        if whole { body.buffer(1).await.is_ok() } else { false }
    }
}

/// Best effort: a cache that cannot delete cannot be read either.
async fn cache_delete(url: &str) {
    if let Some(cache) = cache().await {
        let _ = cache.delete(url).await;
    }
}

/// The cache, opened once per isolate: the object is a name and belongs to no request.
async fn cache() -> Option<Cache> {
    if let Some(cache) = CACHE.with_borrow(Clone::clone) {
        return Some(cache);
    }
    let cache: Cache = glue::open_cache(CACHE_NAME).await.ok()?.unchecked_into();
    CACHE.set(Some(cache.clone()));
    Some(cache)
}

impl ObjectCache<WorkerBody> for Workers {
    async fn facts(&self, object: &Object) -> Option<Facts> {
        let (response, headers) = self.cache_match(&self.cache_url("facts", object), None).await?;
        WorkerBody::Response(response).cancel();
        stored_facts(&headers)
    }

    async fn open(&self, object: &Object, range: Option<ByteRange>) -> Option<Cached<WorkerBody>> {
        if is_filling(object, self.now_ms()) {
            return None;
        }
        let (response, headers) = self.cache_match(&self.cache_url("object", object), range).await?;
        let status = response.status();
        let body = WorkerBody::Response(response);
        let held = stored_facts(&headers).and_then(|facts| {
            let given = ByteRange::from_content_range(&headers);
            match (status, range, given) {
                (200, _, _) if Facts::from_headers(&headers).size == facts.size => Some((facts, None)),
                (206, Some(asked), Some((range, size))) if range == asked && Some(size) == facts.size => {
                    Some((facts, Some(range)))
                }
                _ => None,
            }
        });
        let Some((facts, range)) = held else {
            body.cancel();
            return None;
        };
        Some(Cached { facts, body, range })
    }

    async fn hold(&self, object: &Object, facts: &Facts, body: Option<WorkerBody>) -> bool {
        let value = match &body {
            None => None,
            Some(WorkerBody::Buffer(buffer)) => Some(buffer.clone().into()),
            Some(WorkerBody::Response(response)) => match WorkerBody::stream(response) {
                Some(stream) => Some(stream.into()),
                None => return false,
            },
        };
        if let Some(value) = &value {
            let url = self.cache_url("object", object);
            if !self.cache_put(&url, facts, Some(value)).await || !self.holds_all(&url, facts).await {
                cache_delete(&url).await;
                return false;
            }
        }
        self.cache_put(&self.cache_url("facts", object), facts, None).await
    }
}

fn stored_facts(headers: &HeaderMap) -> Option<Facts> {
    let text = headers.get(FACTS_HEADER)?.to_str().ok()?;
    serde_json::from_slice(&from_base64url(text)?).ok()
}
