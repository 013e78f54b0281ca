//! Turns replies into the runtime's responses: documents, native streams, and streams that we encrypt.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsError, JsValue};
use web_sys::{ReadableStream, Response};

use super::Workers;
use super::body::{self, WorkerBody};
use super::glue::{self, AesCtr};
use super::headers::response_headers;
use super::task::settled;
use crate::cipher::{Algorithm, BLOCK_BYTES, Window};
use crate::objects::BUFFER_BYTES;
use crate::ports::{Event, Reply, ReplyBody, Runtime as _};

/// The size of the staging area in WebAssembly's memory. All chunks and buffered bodies pass through it, so
/// that a stream needs no more memory there than its key and position.
#[expect(clippy::cast_possible_truncation, reason = "1 MiB")]
const STAGING_BYTES: usize = BUFFER_BYTES as usize;

thread_local! {
    static STAGING: RefCell<Box<[u8]>> = RefCell::new(vec![0; STAGING_BYTES].into_boxed_slice());
}

/// Creates the runtime's response for a reply.
///
/// # Errors
/// Only errors that cannot happen: headers that the runtime refuses, or a buffered body that does not fit its
/// window.
pub(super) async fn send(platform: Option<&Workers>, reply: Reply<WorkerBody>) -> Result<Response, JsValue> {
    let status = reply.status.as_u16();
    let (shared, own) = response_headers(&reply.headers);
    let body = match reply.body {
        ReplyBody::Empty => JsValue::NULL,
        ReplyBody::Bytes(bytes) => return glue::respond_with(status, &shared, &own, &bytes),
        ReplyBody::Relay(body) => native(body),
        // Bytes that need no change never enter WebAssembly.
        ReplyBody::Media(body, window) if window.is_transparent() => native(body),
        ReplyBody::Media(WorkerBody::Buffer(buffer), mut window)
            if window.alg() == Some(Algorithm::A256Ctr) =>
        {
            let (cipher, _) = detach(&mut window)?;
            let chunk = shown(&mut window, &Uint8Array::new(&buffer))?;
            let encrypted = settled(cipher.encrypt(&chunk)).await;
            body::release(buffer);
            encrypted?
        }
        ReplyBody::Media(WorkerBody::Buffer(buffer), mut window) => {
            let respond = |bytes: &[u8]| glue::respond_with(status, &shared, &own, bytes);
            let sent = staged(&mut window, &Uint8Array::new(&buffer), respond);
            body::release(buffer);
            return sent;
        }
        ReplyBody::Media(WorkerBody::Response(response), window) => match response.body() {
            Some(source) => windowed(platform, &source, window)?.into(),
            None => JsValue::NULL,
        },
    };
    glue::respond(status, &shared, &own, &body)
}

/// Returns a body as the runtime's object.
fn native(body: WorkerBody) -> JsValue {
    match body {
        WorkerBody::Response(response) => response.body().map_or(JsValue::NULL, JsValue::from),
        WorkerBody::Buffer(buffer) => (*buffer).clone().into(),
    }
}

/// Returns a stream of the bytes of `source` that lie in a window. The window, and with it the key, is
/// dropped when the stream ends, fails or is cancelled.
fn windowed(
    platform: Option<&Workers>,
    source: &ReadableStream,
    mut window: Window,
) -> Result<ReadableStream, JsValue> {
    #[expect(clippy::cast_precision_loss, reason = "objects are shorter than 2^36 bytes")]
    let length = window.length() as f64;
    let (cipher, misalignment) = match window.alg() {
        Some(Algorithm::A256Ctr) => {
            detach(&mut window).map(|(cipher, misalignment)| (Some(cipher), misalignment))?
        }
        Some(Algorithm::ChaCha20) | None => (None, 0),
    };
    let encrypts_elsewhere = cipher.is_some();
    let window = Rc::new(RefCell::new(Some(window)));
    let platform = platform.cloned();
    let ended = Rc::clone(&window);
    let push =
        Closure::<dyn FnMut(Uint8Array) -> Result<Uint8Array, JsValue>>::new(move |chunk: Uint8Array| {
            match window.borrow_mut().as_mut() {
                Some(window) if encrypts_elsewhere => shown(window, &chunk),
                Some(window) => staged(window, &chunk, |bytes| Ok(Uint8Array::from(bytes))),
                None => Err(JsError::new("the stream has ended").into()),
            }
        });
    let end = Closure::<dyn FnMut(JsValue)>::new(move |reason: JsValue| {
        ended.borrow_mut().take();
        if let (false, Some(platform)) = (reason.is_undefined(), &platform) {
            platform.log(Event::BodyBroken);
        }
    });
    glue::body_stream(source, length, &push.into_js_value(), &end.into_js_value(), cipher, misalignment)
}

/// Takes the keystream of `a256ctr` out of a window: bodies are encrypted by `WebCrypto`. Returns it with how far the source
/// begins behind the start of a block.
///
/// # Errors
/// Only what cannot happen: the window ends beyond the keystream.
fn detach(window: &mut Window) -> Result<(AesCtr, u32), JsValue> {
    let detached = window.detach_keystream().map_err(|error| JsError::new(&error.to_string()))?;
    let (keystream, begins_at) = detached.ok_or_else(|| JsError::new("the window has no keystream"))?;
    let within_block = |offset: u64| u32::try_from(offset % BLOCK_BYTES).unwrap_or_default();
    let (key, counter) = (keystream.key().as_bytes().as_slice(), keystream.counter_block());
    let skip = within_block(keystream.position());
    let cipher = AesCtr::new(Uint8Array::from(key), Uint8Array::from(counter.as_slice()), skip);
    Ok((cipher, within_block(begins_at)))
}

/// Counts a chunk and returns what the window shows of it: the chunk's own memory.
///
/// # Errors
/// The source sent more than it promised.
fn shown(window: &mut Window, chunk: &Uint8Array) -> Result<Uint8Array, JsValue> {
    let shown = window.advance(chunk.length() as usize).map_err(|error| JsError::new(&error.to_string()))?;
    let at = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    Ok(chunk.subarray(at(shown.start), at(shown.end)))
}

/// Passes a chunk through the staging area and the window. Calls `use_bytes` with the bytes that lie in the
/// window.
///
/// # Errors
/// An error if the source sent more than it promised, or if the chunk is longer than the staging area, which
/// cannot happen.
fn staged<T>(
    window: &mut Window,
    chunk: &Uint8Array,
    use_bytes: impl FnOnce(&[u8]) -> Result<T, JsValue>,
) -> Result<T, JsValue> {
    STAGING.with_borrow_mut(|staging| {
        let bytes = staging.get_mut(..chunk.length() as usize);
        let bytes = bytes.ok_or_else(|| JsError::new("the chunk is longer than the staging area"))?;
        chunk.copy_to(bytes);
        let shown = window.push(bytes).map_err(|error| JsError::new(&error.to_string()))?;
        use_bytes(bytes.get(shown).unwrap_or_default())
    })
}
