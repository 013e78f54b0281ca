//! The cache's door: the Cache API of this data centre.
//!
//! Entries lie under `<edge>/_cloakroom/…`, a path that no request reaches (both hosts answer it with
//! 404), in a named cache that `fetch` does not share. An object is a 200 whose `Cloakroom-Facts`
//! header holds the facts; the facts lie once more by themselves, so that they are known even where
//! the bytes are not held.

use http::HeaderMap;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Request, RequestInit, Response, ResponseInit};

use super::Workers;
use super::body::WorkerBody;
use super::glue::{self, Cache};
use super::incoming::header_map;
use crate::protocol::{ByteRange, Facts, Object, from_base64url, to_base64url};
use crate::upstream::{Body as _, Cached, ObjectCache};

const CACHE_NAME: &str = "cloakroom-v1";
const FACTS_HEADER: &str = "cloakroom-facts";

impl Workers {
    fn cache_url(&self, kind: &str, object: &Object) -> String {
        format!("{}/_cloakroom/{kind}/1/{}", self.config.edge.as_str(), object.cache_name())
    }

    async fn cache_match(&self, url: &str, range: Option<ByteRange>) -> Option<(Response, HeaderMap)> {
        let init = RequestInit::new();
        if let Some(range) = range {
            let header = JsValue::from_str(&range.to_range_header());
            init.set_headers(&glue::object(&[("range", header)]).into());
        }
        let request = Request::new_with_str_and_init(url, &init).ok()?;
        let cache: Cache = glue::open_cache(CACHE_NAME).await.ok()?.unchecked_into();
        let response: Response = cache.match_request(&request).await.ok()?.dyn_into().ok()?;
        let headers = header_map(&response.headers());
        Some((response, headers))
    }

    async fn cache_put(&self, url: &str, facts: &Facts, body: Option<&JsValue>) -> bool {
        let Ok(json) = serde_json::to_vec(facts) else { return false };
        let init = ResponseInit::new();
        let headers = [
            ("content-type", JsValue::from_str("application/octet-stream")),
            ("cache-control", JsValue::from_str(&format!("max-age={}", self.config.cache_ttl_secs))),
            (FACTS_HEADER, JsValue::from_str(&to_base64url(&json))),
        ];
        init.set_headers(&glue::object(&headers).into());
        let response = match body {
            Some(body) if body.is_instance_of::<web_sys::ReadableStream>() => {
                Response::new_with_opt_readable_stream_and_init(Some(body.unchecked_ref()), &init)
            }
            Some(body) => Response::new_with_opt_buffer_source_and_init(Some(body.unchecked_ref()), &init),
            None => Response::new_with_opt_str_and_init(Some("facts"), &init),
        };
        let (Ok(response), Ok(cache)) = (response, glue::open_cache(CACHE_NAME).await) else { return false };
        cache.unchecked_ref::<Cache>().put(url, &response).await.is_ok()
    }
}

impl ObjectCache<WorkerBody> for Workers {
    async fn facts(&self, object: &Object) -> Option<Facts> {
        let (response, headers) = self.cache_match(&self.cache_url("facts", object), None).await?;
        WorkerBody::Response(response).cancel();
        stored_facts(&headers)
    }

    async fn open(&self, object: &Object, range: Option<ByteRange>) -> Option<Cached<WorkerBody>> {
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
        if let Some(value) = &value
            && !self.cache_put(&self.cache_url("object", object), facts, Some(value)).await
        {
            return false;
        }
        self.cache_put(&self.cache_url("facts", object), facts, None).await
    }
}

fn stored_facts(headers: &HeaderMap) -> Option<Facts> {
    let text = headers.get(FACTS_HEADER)?.to_str().ok()?;
    serde_json::from_slice(&from_base64url(text)?).ok()
}
