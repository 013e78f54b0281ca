//! Replies as the runtime's responses: documents, native streams handed through, and encrypted ones.

use std::cell::RefCell;
use std::rc::Rc;

use http::HeaderMap;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsError, JsValue};
use web_sys::{Headers, ReadableStream, Response, ResponseInit};

use super::Workers;
use super::body::WorkerBody;
use super::glue;
use crate::cipher::Window;
use crate::upstream::{Event, Host as _, Reply, ReplyBody};

/// The shared staging area in wasm memory: chunks pass through it piece by piece, so that a stream
/// costs its key and position here, and the piece stays in the processor's cache.
const STAGING_BYTES: usize = 64 * 1024;

thread_local! {
    static STAGING: RefCell<Box<[u8]>> = RefCell::new(vec![0; STAGING_BYTES].into_boxed_slice());
}

/// Makes the runtime's response.
///
/// # Errors
/// Only what cannot happen: headers that the runtime refuses.
pub(super) fn send(platform: Option<&Workers>, reply: Reply<WorkerBody>) -> Result<Response, JsValue> {
    let init = ResponseInit::new();
    init.set_status(reply.status.as_u16());
    init.set_headers(&js_headers(&reply.headers)?.into());
    match reply.body {
        ReplyBody::Empty => Response::new_with_opt_str_and_init(None, &init),
        ReplyBody::Bytes(bytes) => {
            let array = Uint8Array::from(bytes.as_slice());
            Response::new_with_opt_js_u8_array_and_init(Some(&array), &init)
        }
        ReplyBody::Relay(WorkerBody::Response(response)) => {
            Response::new_with_opt_readable_stream_and_init(response.body().as_ref(), &init)
        }
        ReplyBody::Relay(WorkerBody::Buffer(buffer)) => from_buffer(&buffer, &init),
        ReplyBody::Media(WorkerBody::Response(response), window) => {
            let Some(source) = response.body() else { return from_buffer(&ArrayBuffer::new(0), &init) };
            // Bytes that need no touching never enter this program.
            let stream = if window.is_transparent() { source } else { windowed(platform, &source, window)? };
            Response::new_with_opt_readable_stream_and_init(Some(&stream), &init)
        }
        ReplyBody::Media(WorkerBody::Buffer(buffer), window) if window.is_transparent() => {
            from_buffer(&buffer, &init)
        }
        ReplyBody::Media(WorkerBody::Buffer(buffer), mut window) => {
            // The buffer is shared with the cache: work on a copy.
            let copy = Uint8Array::new(&buffer.slice(0));
            let part = push(&mut window, &copy)?;
            Response::new_with_opt_js_u8_array_and_init(Some(&part), &init)
        }
    }
}

fn from_buffer(buffer: &ArrayBuffer, init: &ResponseInit) -> Result<Response, JsValue> {
    Response::new_with_opt_buffer_source_and_init(Some(buffer), init)
}

/// A stream of what a window shows of `source`. Its window, and with it the key, is dropped when the
/// stream ends, fails or is cancelled.
fn windowed(
    platform: Option<&Workers>,
    source: &ReadableStream,
    window: Window,
) -> Result<ReadableStream, JsValue> {
    #[expect(clippy::cast_precision_loss, reason = "objects are shorter than 2^36 bytes")]
    let length = window.length() as f64;
    let window = Rc::new(RefCell::new(Some(window)));
    let platform = platform.cloned();
    let ended = Rc::clone(&window);
    let push =
        Closure::<dyn FnMut(Uint8Array) -> Result<Uint8Array, JsValue>>::new(move |chunk: Uint8Array| {
            match window.borrow_mut().as_mut() {
                Some(window) => push(window, &chunk),
                None => Err(JsError::new("the stream has ended").into()),
            }
        });
    let end = Closure::<dyn FnMut(JsValue)>::new(move |reason: JsValue| {
        ended.borrow_mut().take();
        if let (false, Some(platform)) = (reason.is_undefined(), &platform) {
            platform.log(Event::BodyBroken);
        }
    });
    glue::body_stream(source, length, &push.into_js_value(), &end.into_js_value())
}

/// Passes a chunk through the staging area and returns the part to send, as a view of the same chunk.
fn push(window: &mut Window, chunk: &Uint8Array) -> Result<Uint8Array, JsValue> {
    let length = chunk.length();
    let (mut first, mut last) = (None, 0);
    STAGING.with_borrow_mut(|staging| {
        let mut at = 0;
        while at < length {
            let end = length.min(at + u32::try_from(STAGING_BYTES).unwrap_or(u32::MAX));
            let piece = chunk.subarray(at, end);
            let Some(bytes) = staging.get_mut(..(end - at) as usize) else { break };
            piece.copy_to(bytes);
            let shown = window.push(bytes).map_err(|error| JsError::new(&error.to_string()))?;
            piece.copy_from(bytes);
            if !shown.is_empty() {
                first = first.or(u32::try_from(shown.start).ok().map(|start| at + start));
                last = at + u32::try_from(shown.end).unwrap_or(0);
            }
            at = end;
        }
        Ok::<(), JsValue>(())
    })?;
    Ok(chunk.subarray(first.unwrap_or(0), last))
}

fn js_headers(map: &HeaderMap) -> Result<Headers, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in map {
        if let Ok(value) = value.to_str() {
            headers.append(name.as_str(), value)?;
        }
    }
    Ok(headers)
}
