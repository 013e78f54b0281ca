//! Bindings: the folder `js`, and the globals of the runtime that `web-sys` does not know.

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{Headers, ReadableStream, Request, Response, WritableStream};

use super::task::Task;

#[wasm_bindgen(module = "/src/platform/workers/js/request.js")]
extern "C" {
    /// Method and URL as one text: `method`, line, `URL`. Dot segments are resolved.
    #[wasm_bindgen(js_name = requestLine, catch)]
    pub(super) fn request_line(request: &Request) -> Result<String, JsValue>;
}

#[wasm_bindgen(module = "/src/platform/workers/js/headers.js")]
extern "C" {
    /// Those of the named headers that are there, as one text: `name`, line, `value`, line, …
    #[wasm_bindgen(js_name = headerText)]
    pub(super) fn header_text(headers: &Headers, names: &Array) -> String;

    /// Headers as an object of the runtime.
    #[wasm_bindgen(js_name = headersObject)]
    pub(super) fn headers_object(text: &str) -> Headers;
}

#[wasm_bindgen(module = "/src/platform/workers/js/response.js")]
extern "C" {
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
}

#[wasm_bindgen(module = "/src/platform/workers/js/fetch.js")]
extern "C" {
    /// What every request of ours says: no redirect is followed, no cache asked or filled.
    pub(super) fn uncached(method: &str, headers: &str) -> JsValue;

    /// Options of a request as those of `uncached`, which the runtime need not read anew each time.
    #[wasm_bindgen(js_name = uncachedTemplate)]
    pub(super) fn uncached_template(method: &str, headers: &str) -> JsValue;
}

#[wasm_bindgen(module = "/src/platform/workers/js/drive.js")]
extern "C" {
    /// The promise of a task's outcome; the task begins with the next microtask.
    #[wasm_bindgen(js_name = driveLater)]
    pub(super) fn drive_later(task: Task) -> Promise;
}

#[wasm_bindgen(module = "/src/platform/workers/js/pump.js")]
extern "C" {
    /// Moves a stream into another one, a chunk with each step.
    pub(super) type Pump;

    #[wasm_bindgen(constructor, catch)]
    pub(super) fn new(source: &ReadableStream, sink: &WritableStream) -> Result<Pump, JsValue>;

    /// Moves a chunk; the promise tells whether there may be more.
    #[wasm_bindgen(method, catch)]
    pub(super) fn step(this: &Pump) -> Result<Promise, JsValue>;

    /// Breaks both streams off.
    #[wasm_bindgen(method)]
    pub(super) fn abort(this: &Pump, reason: &JsValue);
}

#[wasm_bindgen(module = "/src/platform/workers/js/body.js")]
extern "C" {
    /// The promise itself, whose rejection nobody has to see.
    pub(super) fn handled(promise: Promise) -> Promise;

    /// Reads a stream up to a limit.
    #[wasm_bindgen(js_name = readAtMost)]
    pub(super) fn read_at_most(stream: &ReadableStream, limit: f64) -> Promise;

    /// A stream of what `push` makes of a source's chunks, encrypted with the cipher if there is one.
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
    /// `fetch` of a URL.
    #[wasm_bindgen(js_name = fetch, catch)]
    pub(super) fn fetch_url(url: &str, init: &JsValue) -> Result<Promise, JsValue>;

    /// `fetch(request, init)`: the request object itself, handed on.
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

    /// `match`, of a `Request` or a URL.
    #[wasm_bindgen(method, js_name = match, catch)]
    pub(super) fn match_request(this: &Cache, request: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn put(this: &Cache, url: &str, response: &Response) -> Result<Promise, JsValue>;

    /// The environment's bindings, as `wrangler.toml` names them.
    pub(super) type Bindings;

    /// The key store.
    #[wasm_bindgen(method, getter, js_name = GRANTS)]
    pub(super) fn grants(this: &Bindings) -> JsValue;

    /// A namespace of Workers KV.
    pub(super) type KvNamespace;

    /// The record as a text, or `null`.
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

/// `{name: value, …}`.
pub(super) fn object(members: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in members {
        // Setting a property of a fresh plain object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object
}
