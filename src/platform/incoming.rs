//! The URLs of incoming requests, as the pure parts read them.

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
