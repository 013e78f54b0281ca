//! The adapter for the cache: the Cache API of this data centre.
//!
//! Entries lie under `<edge>/_cloakroom/…`, in a named cache that `fetch` does not share. No request reaches
//! that path, because both hosts return 404 for it. An object is a 200 with its info in the header
//! `Cloakroom-Object-Info`. The info is also stored by itself, so that it is known even if the bytes are not
//! cached.
//!
//! An interrupted streaming put can leave a truncated entry that looks complete, possibly much later. So each
//! such put has a random number, its receipt, which is stored by itself after all bytes have been put. An
//! object without its receipt does not count as cached. An object that is put from memory is complete and
//! needs no receipt.

use std::cell::RefCell;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderMap, HeaderName, HeaderValue};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{ReadableStream, Request, RequestInit, Response, WritableStream};
use worker::worker_sys::FixedLengthStream;

use super::Workers;
use super::body::WorkerBody;
use super::glue::{self, Cache};
use super::headers::{Names, push_header, read_headers};
use super::task::{self, settled, settled_within};
use crate::encoding::{from_base64url, to_base64url};
use crate::ports::{Body as _, Cached, ObjectCache, Runtime as _, STALL_MS};
use crate::protocol::{ByteRange, Object, ObjectInfo};

const CACHE_NAME: &str = "cloakroom-v2";
const INFO_HEADER: HeaderName = HeaderName::from_static("cloakroom-object-info");
const RECEIPT_HEADER: HeaderName = HeaderName::from_static("cloakroom-receipt");

thread_local! {
    static NAMES: Names = Names::of(&[INFO_HEADER, RECEIPT_HEADER, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_ENCODING]);
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
        let found = cache().await?.match_request(&request);
        let response: Response = settled(found).await.ok()?.dyn_into().ok()?;
        let headers = read_headers(&response.headers(), &NAMES);
        Some((response, headers))
    }

    async fn cache_put(
        &self,
        url: &str,
        info: &ObjectInfo,
        receipt: Option<&str>,
        body: Option<&JsValue>,
    ) -> bool {
        let Ok(json) = serde_json::to_vec(info) else { return false };
        let mut headers = String::with_capacity(512);
        push_header(&mut headers, "content-type", "application/octet-stream");
        push_header(&mut headers, "cache-control", &format!("max-age={}", self.config.cache_ttl_secs));
        push_header(&mut headers, INFO_HEADER.as_str(), &to_base64url(&json));
        if let Some(receipt) = receipt {
            push_header(&mut headers, RECEIPT_HEADER.as_str(), receipt);
        }
        let headers = glue::headers_object(&headers);
        let response = match body {
            Some(body) => glue::respond(200, &headers, "", body),
            None => glue::respond_with(200, &headers, "", b"info"),
        };
        let (Ok(response), Some(cache)) = (response, cache().await) else { return false };
        settled(cache.put(url, &response)).await.is_ok()
    }

    /// Puts an object and waits until all of its bytes have been put. Returns whether that succeeded.
    async fn put_bytes(&self, object: &Object, info: &ObjectInfo, body: WorkerBody) -> bool {
        let url = self.cache_url("object", object);
        let source = match body {
            WorkerBody::Buffer(buffer) => return self.cache_put(&url, info, None, Some(&buffer)).await,
            WorkerBody::Response(response) => WorkerBody::stream(&response),
        };
        // `FixedLengthStream` is how the runtime gives a stream a known length.
        let counter = info.size.and_then(|size| u32::try_from(size).ok()).map(FixedLengthStream::new);
        let (Some(source), Some(Ok(counter))) = (source, counter) else { return false };
        let mut number = [0; 16];
        self.fill_random(&mut number);
        let receipt = to_base64url(&number);
        let readable: ReadableStream = counter.readable();
        let platform = self.clone();
        let (name, writable) = (object.cache_name(), counter.writable());
        let through = task::start(async move { platform.pump(&name, &source, &writable).await });
        let through = glue::handled(through);
        let put = self.cache_put(&url, info, Some(&receipt), Some(&readable)).await;
        if !put {
            // Nothing reads the stream any more, and the pump would wait for a reader.
            let _ = readable.cancel();
        }
        settled(Ok(through)).await.is_ok()
            && put
            && self.cache_put(&self.cache_url("receipt", object), info, Some(&receipt), None).await
    }

    /// Copies a body into a stream, chunk by chunk. Gives up and aborts both when there is no progress for
    /// [`STALL_MS`].
    async fn pump(
        &self,
        object_name: &str,
        source: &ReadableStream,
        sink: &WritableStream,
    ) -> Result<JsValue, JsValue> {
        let pump = glue::Pump::new(source, sink)?;
        loop {
            match settled_within(STALL_MS.into(), pump.step()).await {
                Ok(more) if more.is_truthy() => self.note_progress(object_name),
                Ok(done) => return Ok(done),
                Err(error) => {
                    pump.abort(&error);
                    return Err(error);
                }
            }
        }
    }

    /// Returns whether an object that was put with this receipt is complete. Objects without a receipt always
    /// are.
    async fn is_whole(&self, object: &Object, receipt: Option<&HeaderValue>) -> bool {
        if receipt.is_none() {
            return true;
        }
        let url = self.cache_url("receipt", object);
        let Some((response, headers)) = self.cache_match(&url, None).await else { return false };
        WorkerBody::Response(response).cancel();
        headers.get(RECEIPT_HEADER) == receipt
    }
}

/// Returns the cache, which is opened once per isolate: the runtime's object is only a name and belongs to no
/// request.
async fn cache() -> Option<Cache> {
    if let Some(cache) = CACHE.with_borrow(Clone::clone) {
        return Some(cache);
    }
    let cache: Cache = settled(glue::open_cache(CACHE_NAME)).await.ok()?.unchecked_into();
    CACHE.set(Some(cache.clone()));
    Some(cache)
}

impl ObjectCache<WorkerBody> for Workers {
    async fn get_info(&self, object: &Object) -> Option<ObjectInfo> {
        let (response, headers) = self.cache_match(&self.cache_url("info", object), None).await?;
        WorkerBody::Response(response).cancel();
        stored_info(&headers)
    }

    async fn open(&self, object: &Object, range: Option<ByteRange>) -> Option<Cached<WorkerBody>> {
        let (response, headers) = self.cache_match(&self.cache_url("object", object), range).await?;
        let status = response.status();
        let body = WorkerBody::Response(response);
        let cached = stored_info(&headers).and_then(|info| {
            let given = ByteRange::from_content_range(&headers);
            match (status, range, given) {
                (200, _, _) if ObjectInfo::from_headers(&headers).size == info.size => Some((info, None)),
                (206, Some(asked), Some((range, size))) if range == asked && Some(size) == info.size => {
                    Some((info, Some(range)))
                }
                _ => None,
            }
        });
        match cached {
            Some((info, range)) if self.is_whole(object, headers.get(RECEIPT_HEADER)).await => {
                Some(Cached { info, body, range })
            }
            _ => {
                body.cancel();
                None
            }
        }
    }

    async fn put_object(&self, object: &Object, info: &ObjectInfo, body: WorkerBody) -> bool {
        self.put_bytes(object, info, body).await && self.put_info(object, info).await
    }

    async fn put_info(&self, object: &Object, info: &ObjectInfo) -> bool {
        self.cache_put(&self.cache_url("info", object), info, None, None).await
    }
}

fn stored_info(headers: &HeaderMap) -> Option<ObjectInfo> {
    let text = headers.get(INFO_HEADER)?.to_str().ok()?;
    serde_json::from_slice(&from_base64url(text)?).ok()
}
