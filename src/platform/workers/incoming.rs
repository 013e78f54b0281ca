//! The URLs of incoming requests, as the pure parts read them.

use std::borrow::Cow;

/// A URL of an incoming request, split. The runtime has parsed it: scheme and host are in lower case,
/// dot segments are resolved.
pub(super) struct Url<'a> {
    /// `host[:port]`, without the dot that a host may end in: it names the same host, and it is names
    /// that are compared.
    pub authority: Cow<'a, str>,
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
        let authority = match authority.rsplit_once(".:") {
            Some((host, port)) => Cow::Owned(format!("{}:{port}", host.trim_end_matches('.'))),
            None => Cow::Borrowed(authority.trim_end_matches('.')),
        };
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        Self { authority, path, query, path_and_query }
    }
}
