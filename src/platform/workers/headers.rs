//! Headers between the runtime and the pure parts. All headers of a message cross between JavaScript and
//! WebAssembly as one text, `{name}\n{value}\n…`, because a crossing costs more than splitting the text into
//! lines. No header contains a line feed.
//!
//! The runtime reads and writes values as UTF-8, so it relays a server's UTF-8 byte for byte. Bytes that are
//! not UTF-8 arrive as U+FFFD. (The Fetch standard wants a character for each byte instead.
//! `tests/edge/obs-text.test.mjs` checks what the runtime does.)

use std::cell::RefCell;
use std::thread::LocalKey;

use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::Array;
use wasm_bindgen::JsValue;
use web_sys::Headers;

use super::glue;
use crate::protocol::{field_text, header};

/// How many sets of shared headers are kept. Our own replies need fewer, but sets with relayed headers could
/// be any number.
const MAX_SHARED: usize = 16;

/// The stand-in for a value that is not a valid HTTP field value: U+FFFD.
const UNREADABLE: &[u8] = "\u{fffd}".as_bytes();

thread_local! {
    /// The runtime's objects for shared headers, each with its text.
    static SHARED: RefCell<Vec<(String, Headers)>> = const { RefCell::new(Vec::new()) };
}

/// The names of the headers to read from one kind of message, as JavaScript strings.
pub(super) struct Names(Array);

impl Names {
    pub(super) fn of(names: &[HeaderName]) -> Self {
        Self(names.iter().map(|name| JsValue::from_str(name.as_str())).collect())
    }
}

/// Reads those of the named headers that a message has.
pub(super) fn read_headers(headers: &Headers, names: &'static LocalKey<Names>) -> HeaderMap {
    let mut map = HeaderMap::new();
    let text = names.with(|names| glue::header_text(headers, &names.0));
    let mut lines = text.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        if let Ok(name) = HeaderName::try_from(name) {
            // A header whose value has control characters is there, though its value is not readable.
            let value =
                HeaderValue::from_bytes(value.as_bytes()).or_else(|_| HeaderValue::from_bytes(UNREADABLE));
            map.extend(value.ok().map(|value| (name, value)));
        }
    }
    map
}

/// Returns the headers of a response: an object with the headers that many responses share, and a text with
/// the others. The runtime copies such an object several times faster than it makes one.
pub(super) fn response_headers(map: &HeaderMap) -> (Headers, String) {
    let (mut shared, mut own) = (String::with_capacity(1024), String::with_capacity(2048));
    for (name, value) in map {
        let text = if header::SHARED.contains(name) { &mut shared } else { &mut own };
        push_header(text, name.as_str(), &field_text(value));
    }
    (shared_headers(shared), own)
}

fn shared_headers(text: String) -> Headers {
    SHARED.with_borrow_mut(|known| {
        if let Some((_, headers)) = known.iter().find(|(known, _)| *known == text) {
            return headers.clone();
        }
        let headers = glue::headers_object(&text);
        if known.len() < MAX_SHARED {
            known.push((text, headers.clone()));
        }
        headers
    })
}

/// Adds a header to a text. Neither name nor value may contain a line feed.
pub(super) fn push_header(text: &mut String, name: &str, value: &str) {
    for part in [name, "\n", value, "\n"] {
        text.push_str(part);
    }
}
