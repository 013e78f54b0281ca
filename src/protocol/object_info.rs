//! Object info: the description of an object in the response of a store.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::field::{ascii_media_type, field_text, is_encoded, verbatim_text};
use super::{Object, decimal};
use crate::encoding::to_base64url;

/// The description of an object that a store gives. The cache keeps it as JSON beside the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// The length of the whole object in bytes; `None` if unknown.
    pub size: Option<u64>,
    /// The `Content-Type` in ASCII; `application/octet-stream` if there is none.
    pub content_type: String,
    /// The `Content-Disposition` as text.
    pub content_disposition: Option<String>,
    /// The `ETag`, unchanged, so that a conditional request can repeat it. It need not be a valid one:
    /// Synapse sends `1`, without quotes, for every object.
    pub etag: Option<String>,
}

impl ObjectInfo {
    /// Reads the info from the headers of a response to `HEAD` or `GET`, for the whole object (200) or a
    /// part (206).
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let ascii = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let size = if headers.contains_key(CONTENT_RANGE) {
            // In `bytes 0-99/1234`, the object's length is the total. `Content-Length` is that of the part.
            ascii(CONTENT_RANGE)
                .and_then(|range| range.rsplit_once('/'))
                .and_then(|(_, total)| decimal(total))
        } else {
            ascii(CONTENT_LENGTH).and_then(decimal)
        };
        // Such a tag cannot be compared, and must not count as "the store sent no tag". An object without a
        // size gets no grant.
        let etag = headers.get(ETAG).map(verbatim_text);
        let is_pinnable = !is_encoded(headers) && etag != Some(None);
        let content_type = headers.get(CONTENT_TYPE).and_then(ascii_media_type);
        let disposition = headers.get(CONTENT_DISPOSITION).map(field_text);
        Self {
            // The length of an encoded body says nothing about the length of the object.
            size: size.filter(|_| is_pinnable),
            content_type: content_type.unwrap_or("application/octet-stream").to_owned(),
            content_disposition: disposition.map(Cow::into_owned),
            etag: etag.flatten().map(str::to_owned),
        }
    }

    /// Returns our strong entity tag for the plaintext, a hash of the object's name, its length and the
    /// store's `ETag`. A strong tag is correct because Matrix media never change.
    pub fn entity_tag(&self, object: &Object) -> String {
        let mut hash = Sha256::new();
        hash.update(object.cache_name());
        hash.update(self.size.unwrap_or(u64::MAX).to_be_bytes());
        hash.update(self.etag.as_deref().unwrap_or_default());
        let digest = to_base64url(&hash.finalize());
        format!("\"{}\"", digest.get(..22).unwrap_or(&digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{MediaId, ServerName, Variant};

    fn info(headers: &[(&'static str, &'static str)]) -> ObjectInfo {
        let pairs = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        ObjectInfo::from_headers(&pairs.collect())
    }

    #[test]
    fn headers_are_kept_unchanged() {
        let info =
            info(&[("content-length", "12"), ("etag", "1"), ("content-type", "text/plain; charset=UTF-8")]);
        assert_eq!((info.size, info.etag.as_deref()), (Some(12), Some("1")));
        assert_eq!(info.content_type, "text/plain; charset=UTF-8");
        assert_eq!(info.content_disposition, None);
    }

    #[test]
    fn missing_and_malformed_headers_are_unknown() {
        assert_eq!(info(&[]).content_type, "application/octet-stream");
        assert_eq!(info(&[("content-length", "12, 12")]).size, None);
        for length in ["-1", "+12", "1 2", "12.0", "0x12", ""] {
            assert_eq!(info(&[("content-length", length)]).size, None, "{length}");
        }
    }

    #[test]
    fn a_letter_outside_ascii_does_not_lose_the_whole_value() {
        let info = |bytes: &'static [u8]| {
            let value = http::HeaderValue::from_bytes(bytes).unwrap();
            let names = [CONTENT_TYPE, CONTENT_DISPOSITION, ETAG, CONTENT_LENGTH, CONTENT_RANGE];
            names.map(|name| ObjectInfo::from_headers(&[(name, value.clone())].into_iter().collect()))
        };
        let utf_8 = "inline; filename=\"na\u{ef}ve \u{444}.png\"";
        let [content_type, disposition, etag, length, range] = info(utf_8.as_bytes());
        assert_eq!(content_type.content_type, "inline");
        assert_eq!(disposition.content_disposition.as_deref(), Some(utf_8));
        assert_eq!(etag.etag.as_deref(), Some(utf_8));
        assert_eq!((length.size, range.size), (None, None));
        let [_, disposition, etag, ..] = info(b"attachment; filename=na\xefve");
        assert_eq!(disposition.content_disposition.as_deref(), Some("attachment; filename=na\u{ef}ve"));
        assert_eq!(etag.etag, None, "it could be repeated by other bytes only");
        let mut headers = HeaderMap::from_iter([(CONTENT_LENGTH, "2".parse().unwrap())]);
        assert_eq!(ObjectInfo::from_headers(&headers).size, Some(2));
        headers.insert(ETAG, http::HeaderValue::from_bytes(b"\"\xe9one\"").unwrap());
        assert_eq!(ObjectInfo::from_headers(&headers).size, None, "such an object is never granted");
    }

    #[test]
    fn an_unreadable_header_is_not_an_absent_header() {
        for name in ["content-encoding", "content-range"] {
            let mut headers = HeaderMap::from_iter([(CONTENT_LENGTH, "2".parse().unwrap())]);
            let value = http::HeaderValue::from_bytes(b"bytes 0-1/99\xe9").unwrap();
            headers.insert(name.parse::<http::HeaderName>().unwrap(), value);
            assert_eq!(ObjectInfo::from_headers(&headers).size, None, "{name}");
        }
    }

    #[test]
    fn an_encoded_body_has_an_unknown_length() {
        assert_eq!(info(&[("content-length", "12"), ("content-encoding", "gzip")]).size, None);
        assert_eq!(info(&[("content-length", "12"), ("content-encoding", "identity")]).size, Some(12));
    }

    #[test]
    fn a_part_gives_the_length_of_the_whole() {
        assert_eq!(info(&[("content-length", "2"), ("content-range", "bytes 0-1/99")]).size, Some(99));
        for total in ["*", "+99", "-99", "99 ", ""] {
            let range: &'static str = format!("bytes 0-1/{total}").leak();
            assert_eq!(info(&[("content-length", "2"), ("content-range", range)]).size, None, "{total}");
        }
    }

    #[test]
    fn entity_tags_are_strong_and_differ_by_object_and_length() {
        let object = |id| Object {
            server_name: ServerName::parse("a.org").unwrap(),
            media_id: MediaId::parse(id).unwrap(),
            variant: Variant::Original,
        };
        let (short, long) = (info(&[("content-length", "1")]), info(&[("content-length", "2")]));
        let tag = short.entity_tag(&object("b"));
        assert!(tag.len() == 24 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        assert_ne!(tag, short.entity_tag(&object("c")));
        assert_ne!(tag, long.entity_tag(&object("b")));
    }
}
