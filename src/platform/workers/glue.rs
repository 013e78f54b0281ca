//! Bindings to the folder `js`, and to globals of the runtime that `web-sys` does not have.

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{Headers, ReadableStream, Request, Response, WritableStream};

use super::task::Task;

#[wasm_bindgen(module = "/src/platform/workers/js/request.js")]
extern "C" {
    /// Returns method and URL as one text, `{method}\n{URL}`. Dot segments of the URL are resolved.
    #[wasm_bindgen(js_name = requestLine, catch)]
    pub(super) fn request_line(request: &Request) -> Result<String, JsValue>;
}

#[wasm_bindgen(module = "/src/platform/workers/js/headers.js")]
extern "C" {
    /// Returns those of the named headers that are there as one text, `{name}\n{value}\n…`.
    #[wasm_bindgen(js_name = headerText)]
    pub(super) fn header_text(headers: &Headers, names: &Array) -> String;

    /// Creates a `Headers` object from such a text.
    #[wasm_bindgen(js_name = headersObject)]
    pub(super) fn headers_object(text: &str) -> Headers;
}

#[wasm_bindgen(module = "/src/platform/workers/js/response.js")]
extern "C" {
    /// Creates a response with `shared` headers, which other responses have too, and with the headers of the
    /// text `own`. The body may be `null`, bytes or a stream.
    #[wasm_bindgen(catch)]
    pub(super) fn respond(
        status: u16,
        shared: &Headers,
        own: &str,
        body: &JsValue,
    ) -> Result<Response, JsValue>;

    /// Creates such a response with a copy of `bytes`.
    #[wasm_bindgen(js_name = respond, catch)]
    pub(super) fn respond_with(
        status: u16,
        shared: &Headers,
        own: &str,
        bytes: &[u8],
    ) -> Result<Response, JsValue>;
}

#[wasm_bindgen(module = "/src/platform/workers/js/fetch.js")]
extern "C" {
    /// Returns the options for a request of ours, which follows no redirect and neither asks nor fills a
    /// cache.
    pub(super) fn uncached(method: &str, headers: &str) -> JsValue;

    /// Returns the options of `uncached` in a form that the runtime does not have to read anew each time.
    #[wasm_bindgen(js_name = uncachedTemplate)]
    pub(super) fn uncached_template(method: &str, headers: &str) -> JsValue;
}

#[wasm_bindgen(module = "/src/platform/workers/js/drive.js")]
extern "C" {
    /// Returns a promise of a task's outcome. The task begins with the next microtask.
    #[wasm_bindgen(js_name = driveLater)]
    pub(super) fn drive_later(task: Task) -> Promise;
}

#[wasm_bindgen(module = "/src/platform/workers/js/pump.js")]
extern "C" {
    /// Copies a stream into another one, one chunk per step.
    pub(super) type Pump;

    #[wasm_bindgen(constructor, catch)]
    pub(super) fn new(source: &ReadableStream, sink: &WritableStream) -> Result<Pump, JsValue>;

    /// Copies a chunk. The promise tells whether there may be more.
    #[wasm_bindgen(method, catch)]
    pub(super) fn step(this: &Pump) -> Result<Promise, JsValue>;

    /// Aborts both streams.
    #[wasm_bindgen(method)]
    pub(super) fn abort(this: &Pump, reason: &JsValue);
}

#[wasm_bindgen(module = "/src/platform/workers/js/body.js")]
extern "C" {
    /// Returns the promise itself. Its rejection no longer counts as unhandled.
    pub(super) fn handled(promise: Promise) -> Promise;

    /// Reads a stream of at most `limit` bytes. The promise resolves to a `Uint8Array`, or to `undefined` if
    /// the stream is longer.
    #[wasm_bindgen(js_name = readAtMost)]
    pub(super) fn read_at_most(stream: &ReadableStream, limit: f64) -> Promise;

    /// Returns a stream of `length` bytes: what `push` makes of the source's chunks, encrypted by the cipher if there is one.
    #[wasm_bindgen(js_name = bodyStream, catch)]
    pub(super) fn body_stream(
        source: &ReadableStream,
        length: f64,
        push: &JsValue,
        end: &JsValue,
        cipher: Option<AesCtr>,
        misalignment: u32,
    ) -> Result<ReadableStream, JsValue>;
}

#[wasm_bindgen(module = "/src/platform/workers/js/aes_ctr.js")]
extern "C" {
    /// A keystream of AES-256 in counter mode.
    pub(super) type AesCtr;

    /// The keystream from byte `skip` of the block with this counter block on.
    #[wasm_bindgen(constructor)]
    pub(super) fn new(key: Uint8Array, counter_block: Uint8Array, skip: u32) -> AesCtr;

    /// Encrypts bytes.
    #[wasm_bindgen(method, catch)]
    pub(super) fn encrypt(this: &AesCtr, bytes: &Uint8Array) -> Result<Promise, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// `fetch(url, init)`.
    #[wasm_bindgen(js_name = fetch, catch)]
    pub(super) fn fetch_url(url: &str, init: &JsValue) -> Result<Promise, JsValue>;

    /// `fetch(request, init)`, which passes the request object itself on.
    #[wasm_bindgen(js_name = fetch, catch)]
    pub(super) fn fetch_request(request: &Request, init: &JsValue) -> Result<Promise, JsValue>;

    /// `console.warn`.
    #[wasm_bindgen(js_namespace = console, js_name = warn)]
    pub(super) fn console_warn(line: &str);

    /// `caches.open`.
    #[wasm_bindgen(js_namespace = caches, js_name = open, catch)]
    pub(super) fn open_cache(name: &str) -> Result<Promise, JsValue>;

    /// `Cache`.
    #[derive(Clone)]
    pub(super) type Cache;

    /// `Cache.match`, for a `Request` or a URL.
    #[wasm_bindgen(method, js_name = match, catch)]
    pub(super) fn match_request(this: &Cache, request: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn put(this: &Cache, url: &str, response: &Response) -> Result<Promise, JsValue>;

    /// The bindings of the environment, as `wrangler.toml` names them.
    pub(super) type Bindings;

    /// The key store.
    #[wasm_bindgen(method, getter, js_name = GRANTS)]
    pub(super) fn grants(this: &Bindings) -> JsValue;

    /// A namespace of Workers KV.
    pub(super) type KvNamespace;

    /// Reads a record. The promise resolves to its text, or to `null` if there is no such record.
    #[wasm_bindgen(method, catch)]
    pub(super) fn get(this: &KvNamespace, name: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, js_name = put, catch)]
    pub(super) fn put_record(
        this: &KvNamespace,
        name: &str,
        record: &str,
        options: &JsValue,
    ) -> Result<Promise, JsValue>;
}

/// Creates an object with these members, `{name: value, …}`.
pub(super) fn object(members: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in members {
        // Setting a property of a fresh plain object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object
}
