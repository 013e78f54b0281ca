//! HTTP field values as text (RFC 9110 section 5.5).
//!
//! A value may contain bytes above 127 (`obs-text`), and the RFC does not define their encoding. Most servers
//! write UTF-8, some write ISO-8859-1. `HeaderValue::to_str` refuses such bytes, so a single letter of a file
//! name would lose the whole value. The functions here read text that is meant for people. Numbers, ranges
//! and tokens never contain `obs-text`, so `to_str` reads those.

use std::borrow::Cow;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, percent_encode};

/// The character that replaces bytes that are not UTF-8. The Workers runtime decodes values this way, and
/// the original bytes are lost.
const LOST: char = char::REPLACEMENT_CHARACTER;

/// Encodes no ASCII character. Every set encodes the bytes above 127.
const NOT_ASCII: &AsciiSet = &AsciiSet::EMPTY;

/// Decodes a value as UTF-8, or as ISO-8859-1 if it is not UTF-8.
pub fn field_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}

/// Returns a value as text if its UTF-8 is exactly the bytes that were sent, so that it can be sent back and
/// compared. Returns `None` otherwise.
pub fn verbatim_text(value: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok().filter(|text| !text.contains(LOST))
}

/// Returns a URL reference in ASCII. Bytes above 127 are percent-encoded, as in the URL standard. Returns
/// `None` if the original bytes are lost.
pub fn ascii_reference(value: &HeaderValue) -> Option<HeaderValue> {
    let lost = std::str::from_utf8(value.as_bytes()).is_ok_and(|text| text.contains(LOST));
    let encoded = (!lost).then(|| percent_encode(value.as_bytes(), NOT_ASCII).to_string())?;
    HeaderValue::try_from(encoded).ok()
}

/// Returns a media type in ASCII, without its parameters if these are not ASCII. Returns `None` if the type
/// itself is not ASCII.
pub fn ascii_media_type(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().or_else(|| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next()?;
        std::str::from_utf8(essence).ok().map(str::trim).filter(|essence| essence.is_ascii())
    })
}

/// Returns whether a body has a content coding, so that its length differs from the object's. An unreadable
/// coding counts too.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    let identity = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !identity(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &[u8]) -> HeaderValue {
        HeaderValue::from_bytes(bytes).unwrap()
    }

    #[test]
    fn text_is_utf_8_or_latin_1() {
        assert_eq!(field_text(&value(b"plain")), "plain");
        assert_eq!(field_text(&value("na\u{ef}ve \u{444}".as_bytes())), "na\u{ef}ve \u{444}");
        assert_eq!(field_text(&value(b"na\xefve")), "na\u{ef}ve");
    }

    #[test]
    fn a_text_with_lost_bytes_is_not_verbatim() {
        assert_eq!(verbatim_text(&value("\"\u{e9}\"".as_bytes())), Some("\"\u{e9}\""));
        assert_eq!(verbatim_text(&value(b"\"\xe9\"")), None);
        assert_eq!(verbatim_text(&value("\"\u{fffd}\"".as_bytes())), None);
    }

    #[test]
    fn a_reference_becomes_ascii() {
        let encoded =
            |bytes: &[u8]| ascii_reference(&value(bytes)).map(|value| value.to_str().unwrap().to_owned());
        let plain = "https://a.example/b%20c?d=<e>#f";
        assert_eq!(encoded(plain.as_bytes()).as_deref(), Some(plain));
        assert_eq!(encoded("/na\u{ef}ve".as_bytes()).as_deref(), Some("/na%C3%AFve"));
        assert_eq!(encoded(b"/na\xefve").as_deref(), Some("/na%EFve"));
        assert_eq!(encoded("/na\u{fffd}ve".as_bytes()), None);
    }

    #[test]
    fn a_media_type_loses_parameters_that_are_not_ascii() {
        assert_eq!(ascii_media_type(&value(b"text/plain; charset=utf-8")), Some("text/plain; charset=utf-8"));
        assert_eq!(
            ascii_media_type(&value("text/plain ;name=\"na\u{ef}ve\"".as_bytes())),
            Some("text/plain")
        );
        assert_eq!(ascii_media_type(&value(b"text/plain; name=\xef")), Some("text/plain"));
        assert_eq!(ascii_media_type(&value(b"text/pl\xe4in")), None);
    }

    #[test]
    fn an_unreadable_coding_is_a_coding() {
        let encoded = |values: &[&[u8]]| {
            is_encoded(&values.iter().map(|bytes| (CONTENT_ENCODING, value(bytes))).collect())
        };
        assert!(!encoded(&[]) && !encoded(&[b"identity"]) && !encoded(&[b" Identity "]));
        assert!(encoded(&[b"gzip"]) && encoded(&[b"gz\xefp"]) && encoded(&[b"identity", b"br"]));
    }
}
