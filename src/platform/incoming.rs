//! The runtime's requests and headers, as the pure parts read and write them.

use http::{HeaderMap, HeaderName, HeaderValue};
use web_sys::Headers;

use super::glue;

/// A URL of an incoming request, split. The runtime has parsed it: scheme and host are in lower case,
/// dot segments are resolved.
#[derive(Clone, Copy)]
pub(super) struct Url<'a> {
    /// `host[:port]`.
    pub authority: &'a str,
    /// `/…`, still percent-encoded.
    pub path: &'a str,
    /// Without the question mark.
    pub query: &'a str,
    /// Path and query together.
    pub path_and_query: &'a str,
}

impl<'a> Url<'a> {
    pub(super) fn split(url: &'a str) -> Self {
        let url = url.split_once('#').map_or(url, |(url, _)| url);
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path_start = rest.find('/').unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at(path_start);
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        Self { authority, path, query, path_and_query }
    }
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

/// Headers as one text, as `glue.js` takes them.
pub(super) fn headers_text(map: &HeaderMap) -> String {
    let mut text = String::with_capacity(2048);
    for (name, value) in map {
        if let Ok(value) = value.to_str() {
            push_header(&mut text, name.as_str(), value);
        }
    }
    text
}

/// Adds one header to such a text. Neither name nor value has a line end.
pub(super) fn push_header(text: &mut String, name: &str, value: &str) {
    for part in [name, "\n", value, "\n"] {
        text.push_str(part);
    }
}
