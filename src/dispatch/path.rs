//! Spellings of a path. Another server may read `//`, `%2e%2e`, `\` or `DOWNLOAD` differently from us. So we
//! judge a path in canonical form, or refuse it, if any server could take it for a path to media.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// How many times we percent-decode a path before we refuse it.
const MAX_DECODINGS: usize = 4;

/// How many segments below `_matrix` the segment `media` may lie, as in
/// `client/unstable/org.matrix.msc3916/media`.
const MEDIA_DEPTH: usize = 4;

/// Returns the canonical form of a path: without empty segments, and with percent-encoded letters, digits,
/// `-`, `.`, `_` and `~` decoded (RFC 3986 section 6.2.2.2). Dot segments that appear by decoding are
/// resolved.
pub(super) fn canonical(path: &str) -> Cow<'_, str> {
    if is_plain(path) {
        return Cow::Borrowed(path);
    }
    let decoded = decode_unreserved(path);
    Cow::Owned(resolve(&decoded))
}

/// Returns whether a path is clearly in canonical form already. May return `false` for a canonical path.
fn is_plain(path: &str) -> bool {
    !path.contains("//") && !path.contains('%') && !path.contains("/.")
}

/// Returns whether some server could read the path as a path to media: after any number of percent-decodings,
/// in any case, with backslashes read as slashes and path parameters (`;x`) dropped, it has a segment `media`
/// and, later, a segment `download` or `thumbnail`. Server-to-server paths do not count: a signature
/// authenticates them, and no policy concerns them.
pub(super) fn may_name_media(path: &str) -> bool {
    let mut reading = path.to_owned();
    for _ in 0..MAX_DECODINGS {
        if names_media(&reading) {
            return true;
        }
        let decoded = percent_decode_str(&reading).decode_utf8_lossy().into_owned();
        if decoded == reading {
            return false;
        }
        reading = decoded;
    }
    // There is no good reason to encode a path so many times.
    true
}

fn names_media(path: &str) -> bool {
    let path = path.to_ascii_lowercase().replace('\\', "/");
    let bare = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default().trim());
    let path = resolve(&bare.collect::<Vec<_>>().join("/"));
    let segments = path.split('/');
    let mut segments = segments.skip_while(|segment| *segment != "_matrix").skip(1).peekable();
    if segments.peek() == Some(&"federation") {
        return false;
    }
    let beneath: Vec<&str> = segments.collect();
    let media = beneath.iter().take(MEDIA_DEPTH).position(|segment| *segment == "media");
    let mut after_media = beneath.iter().skip(media.map_or(usize::MAX, |media| media + 1));
    after_media.any(|segment| matches!(*segment, "download" | "thumbnail"))
}

/// Merges slashes and resolves dot segments.
fn resolve(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

fn decode_unreserved(path: &str) -> String {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(percent) = rest.find('%') {
        let (before, from_percent) = rest.split_at(percent);
        decoded.push_str(before);
        let digits =
            from_percent.get(1..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let unreserved = byte.filter(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte));
        let length = if digits.is_some() { 3 } else { 1 };
        match unreserved {
            Some(byte) => decoded.push(byte.into()),
            None => decoded.push_str(from_percent.get(..length).unwrap_or_default()),
        }
        rest = from_percent.get(length..).unwrap_or_default();
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form() {
        for (path, expected) in [
            ("/_matrix/media/v3/download/a.org/x", "/_matrix/media/v3/download/a.org/x"),
            ("//_matrix//media/v3/download/a.org/x", "/_matrix/media/v3/download/a.org/x"),
            ("/_matrix/media/v3/%64ownload/a%2Eorg/x%20y", "/_matrix/media/v3/download/a.org/x%20y"),
            ("/_matrix/media/v3/x/%2e%2E/download/a/b/", "/_matrix/media/v3/download/a/b/"),
            ("/a/b%2Fc%zz%", "/a/b%2Fc%zz%"),
            ("/..//../", "/"),
        ] {
            assert_eq!(canonical(path), expected);
        }
    }

    #[test]
    fn paths_that_some_server_might_read_as_media() {
        for path in [
            "/_matrix/media//v3/download/a/b",
            "/_matrix/media/v3/DOWNLOAD/a/b",
            "/_matrix/media/v3%2Fdownload/a/b",
            "/_matrix/media/v3%252fdownload/a/b",
            "/_matrix/media/v3\\download\\a\\b",
            "/_matrix/media/v3%5Cdownload/a/b",
            "/_matrix/media/v3/x/..%2Fdownload/a/b",
            "/_matrix/media;x/v3/download;y/a/b",
            "/_matrix/federation/..;/media/v3/download/a/b",
            "/_matrix/federation/%2e%2e;x/media/v3/download/a/b",
            "/_matrix/a/b/c/d/..;/..;/..;/..;/media/v3/download/a/b",
            "/_MATRIX/Media/v3/thumbnail/a/b/c",
            "/_matrix/media/v2/download/a/b",
            "/_matrix/media/unstable/download/a/b",
            "/_matrix/client/unstable/org.matrix.msc3916/media/download/a/b",
            "/x/../_matrix/media/v3/download/a/b",
            "/prefix/_matrix/media/v3/download/a/b",
            "/%255f%256datrix%25252525x",
        ] {
            assert!(may_name_media(path), "{path}");
        }
        for path in [
            "/_matrix/media/v3/upload",
            "/_matrix/media/v3/upload/a.org/Download1",
            "/_matrix//media/v3/config",
            "/_matrix/client/v1/media/preview_url",
            "/_matrix/federation/v1/media/download/x",
            "/_matrix/client/v3/rooms/!media:a/send/download/1%2F2",
            "/_matrix/client/v3/download/x",
            "/_matrix/client/v3/rooms/!a:b/state/media/download",
            "/_matrix/media/v3/upload/100%",
            "/_matrix/media/v3/upload/%zz%FF",
            "/download/media",
            "/",
        ] {
            assert!(!may_name_media(path), "{path}");
        }
    }
}
