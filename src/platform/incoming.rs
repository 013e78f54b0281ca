//! The runtime's requests and headers, as the pure parts read them.

use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::Array;
use wasm_bindgen::JsCast as _;
use web_sys::Headers;

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
    for entry in headers.entries().into_iter().flatten() {
        let pair: Array = entry.unchecked_into();
        let (Some(name), Some(value)) = (pair.get(0).as_string(), pair.get(1).as_string()) else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            map.append(name, value);
        }
    }
    map
}
