//! URLs of incoming requests, split into the parts that a decision depends on.

use std::borrow::Cow;

/// The URL of an incoming request. The platform has normalised it by the URL standard: scheme and host are in
/// lower case, and dot segments are resolved.
#[derive(Debug)]
pub struct Url<'a> {
    /// `host[:port]`, without a trailing dot of the host: `example.org.` names the same host.
    pub authority: Cow<'a, str>,
    /// The path, still percent-encoded: `/…`.
    pub path: &'a str,
    /// The query, still percent-encoded, without the question mark.
    pub query: &'a str,
    /// Path and query as written.
    pub path_and_query: &'a str,
}

impl<'a> Url<'a> {
    /// Splits an absolute URL and drops its fragment.
    pub fn split(url: &'a str) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_and_loses_the_trailing_dot_of_its_host() {
        for (url, expected) in [
            ("https://a.org/x?y=z#f", ("a.org", "/x", "y=z", "/x?y=z")),
            ("https://a.org.:8443/x", ("a.org:8443", "/x", "", "/x")),
            ("https://a.org./", ("a.org", "/", "", "/")),
            ("http://[::1]:80/a?b?c", ("[::1]:80", "/a", "b?c", "/a?b?c")),
            ("https://a.org", ("a.org", "", "", "")),
        ] {
            let split = Url::split(url);
            assert_eq!((&*split.authority, split.path, split.query, split.path_and_query), expected);
        }
    }
}
