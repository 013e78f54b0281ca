//! Bindings: `glue.js`, and the globals of the runtime that `web-sys` does not know.

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{Headers, ReadableStream, Request, Response};

#[wasm_bindgen(module = "/src/platform/glue.js")]
extern "C" {
    /// All headers as one text: `name`, line, `value`, line, …
    #[wasm_bindgen(js_name = headersText)]
    pub(super) fn headers_text(headers: &Headers) -> String;

    /// Headers as an object of the runtime.
    #[wasm_bindgen(js_name = headersObject)]
    pub(super) fn headers_object(text: &str) -> Headers;

    /// A response with headers that many share and headers of its own. The body may be `null`, bytes
    /// or a stream.
    #[wasm_bindgen(catch)]
    pub(super) fn respond(
        status: u16,
        shared: &Headers,
        own: &str,
        body: &JsValue,
    ) -> Result<Response, JsValue>;

    /// The same with bytes, which are copied.
    #[wasm_bindgen(js_name = respond, catch)]
    pub(super) fn respond_with(
        status: u16,
        shared: &Headers,
        own: &str,
        bytes: &[u8],
    ) -> Result<Response, JsValue>;

    /// What every request of ours says: no redirect is followed, no cache asked or filled.
    pub(super) fn uncached(method: &str, headers: &str) -> JsValue;

    /// An uncached `fetch` with a time limit for the headers. Throws "timed out".
    #[wasm_bindgen(js_name = fetchHeaders, catch)]
    pub(super) async fn fetch_headers(
        url: &str,
        method: &str,
        headers: &str,
        timeout_ms: f64,
    ) -> Result<JsValue, JsValue>;

    /// What a promise comes to, within a time limit. Throws "timed out".
    #[wasm_bindgen(js_name = inTime, catch)]
    pub(super) async fn in_time(promise: &Promise, timeout_ms: f64) -> Result<JsValue, JsValue>;

    /// Reads a stream up to a limit.
    #[wasm_bindgen(js_name = readAtMost)]
    pub(super) fn read_at_most(stream: &ReadableStream, limit: f64) -> Promise;

    /// A stream of what `push` makes of a source's chunks.
    #[wasm_bindgen(js_name = bodyStream, catch)]
    pub(super) fn body_stream(
        source: &ReadableStream,
        length: f64,
        push: &JsValue,
        end: &JsValue,
    ) -> Result<ReadableStream, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// `fetch(request, init)`: the request object itself, handed on.
    #[wasm_bindgen(js_name = fetch, catch)]
    pub(super) async fn fetch_request(request: &Request, init: &JsValue) -> Result<JsValue, JsValue>;

    /// `console.warn`.
    #[wasm_bindgen(js_namespace = console, js_name = warn)]
    pub(super) fn console_warn(line: &str);

    /// `caches.open`.
    #[wasm_bindgen(js_namespace = caches, js_name = open, catch)]
    pub(super) async fn open_cache(name: &str) -> Result<JsValue, JsValue>;

    /// `Cache`.
    #[derive(Clone)]
    pub(super) type Cache;

    /// `match`, of a `Request` or a URL.
    #[wasm_bindgen(method, js_name = match, catch)]
    pub(super) async fn match_request(this: &Cache, request: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) async fn put(this: &Cache, url: &str, response: &Response) -> Result<JsValue, JsValue>;

    /// A URL, parsed as the URL standard does: dot segments are resolved.
    #[wasm_bindgen(js_name = URL)]
    pub(super) type StandardUrl;

    #[wasm_bindgen(constructor, js_class = "URL", catch)]
    pub(super) fn new(url: &str) -> Result<StandardUrl, JsValue>;

    #[wasm_bindgen(method, getter)]
    pub(super) fn href(this: &StandardUrl) -> String;

    /// A namespace of Workers KV.
    pub(super) type KvNamespace;

    /// The record as a text, or `null`.
    #[wasm_bindgen(method, catch)]
    pub(super) async fn get(this: &KvNamespace, name: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, js_name = put, catch)]
    pub(super) async fn put_record(
        this: &KvNamespace,
        name: &str,
        record: &str,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;
}

/// `{name: value, …}`.
pub(super) fn object(members: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in members {
        // Setting a property of a fresh plain object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object
}
