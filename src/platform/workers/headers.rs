//! Headers between the runtime and the pure parts. They cross the border as one text: `name`, line,
//! `value`, line, … A crossing with a string costs more than the lines it holds, and no header has a
//! line end.
//!
//! The runtime has the values as UTF-8 on both ways, as the text has: what a server sent as UTF-8 is
//! relayed byte for byte. Bytes that are no UTF-8 arrive as U+FFFD. (The Fetch standard wants a letter
//! for each byte instead; `tests/edge/obs-text.test.mjs` sees what the runtime does.)

use std::cell::RefCell;
use std::thread::LocalKey;

use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::Array;
use wasm_bindgen::JsValue;
use web_sys::Headers;

use super::glue;
use crate::protocol::{field_text, header};

/// More sets of shared headers than we make ourselves; relayed ones may be anything.
const MAX_SHARED: usize = 16;

/// Stands for a value that is no field value of HTTP: U+FFFD.
const UNREADABLE: &[u8] = "\u{fffd}".as_bytes();

thread_local! {
    /// Objects with shared headers, by their texts.
    static SHARED: RefCell<Vec<(String, Headers)>> = const { RefCell::new(Vec::new()) };
}

/// The names of the headers that are looked at in one kind of message, as JavaScript has them.
pub(super) struct Names(Array);

impl Names {
    pub(super) fn of(names: &[HeaderName]) -> Self {
        Self(names.iter().map(|name| JsValue::from_str(name.as_str())).collect())
    }
}

/// Those of the named headers that are there. A name that is none is left out.
pub(super) fn read_headers(headers: &Headers, names: &'static LocalKey<Names>) -> HeaderMap {
    let mut map = HeaderMap::new();
    let text = names.with(|names| glue::header_text(headers, &names.0));
    let mut lines = text.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        if let Ok(name) = HeaderName::try_from(name) {
            // A value with control characters is there, though nobody can read it.
            let value =
                HeaderValue::from_bytes(value.as_bytes()).or_else(|_| HeaderValue::from_bytes(UNREADABLE));
            map.extend(value.ok().map(|value| (name, value)));
        }
    }
    map
}

/// Headers of a response: an object with those that whole groups of responses share, and a text with
/// the rest. The runtime copies an object several times faster than it makes one.
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

/// Adds one header to such a text. Neither name nor value has a line end.
pub(super) fn push_header(text: &mut String, name: &str, value: &str) {
    for part in [name, "\n", value, "\n"] {
        text.push_str(part);
    }
}
