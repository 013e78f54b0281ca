//! Headers between the runtime and the pure parts. They cross the border as one text: `name`, line,
//! `value`, line, … A crossing with a string costs more than the lines it holds, and no header has a
//! line end.

use std::cell::RefCell;

use http::{HeaderMap, HeaderName, HeaderValue};
use web_sys::Headers;

use super::glue;
use crate::protocol::header;

/// More sets of shared headers than we make ourselves; relayed ones may be anything.
const MAX_SHARED: usize = 16;

thread_local! {
    /// Objects with shared headers, by their texts.
    static SHARED: RefCell<Vec<(String, Headers)>> = const { RefCell::new(Vec::new()) };
}

/// Copies headers. What is no header to `http` cannot be one of those that we look at.
pub(super) fn header_map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    let text = glue::headers_text(headers);
    let mut lines = text.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes()))
        {
            map.append(name, value);
        }
    }
    map
}

/// Those of the named headers that are there: where few of many matter.
pub(super) fn some_headers<const N: usize>(headers: &Headers, names: [HeaderName; N]) -> HeaderMap {
    let values = names.into_iter().filter_map(|name| {
        let value = headers.get(name.as_str()).ok()??;
        Some((name, HeaderValue::try_from(value).ok()?))
    });
    values.collect()
}

/// Headers of a response: an object with those that whole groups of responses share, and a text with
/// the rest. The runtime copies an object several times faster than it makes one.
pub(super) fn response_headers(map: &HeaderMap) -> (Headers, String) {
    let (mut shared, mut own) = (String::with_capacity(1024), String::with_capacity(2048));
    for (name, value) in map {
        if let Ok(value) = value.to_str() {
            let text = if header::SHARED.contains(name) { &mut shared } else { &mut own };
            push_header(text, name.as_str(), value);
        }
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
