//! Field values of HTTP as text (RFC 9110 section 5.5).
//!
//! A value may hold bytes above 127, obs-text, of which the standard does not say what they mean.
//! Servers write UTF-8 in practice, some ISO-8859-1. `HeaderValue::to_str` refuses all of them, which
//! loses the whole value for one letter of a file name. So text that people read is read here, and what
//! has a grammar of its own (numbers, ranges, tokens) goes on with `to_str`: obs-text is no part of it.

use std::borrow::Cow;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, percent_encode};

/// Stands for bytes that were no UTF-8. The Workers runtime decodes values with it, so nobody can say
/// what stood there.
const LOST: char = char::REPLACEMENT_CHARACTER;

/// Only what is not ASCII is encoded (by every set); all else of a URL is the sender's.
const NOT_ASCII: &AsciiSet = &AsciiSet::EMPTY;

/// The value as text: UTF-8, or ISO-8859-1 if it is no UTF-8.
pub fn field_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}

/// The value as text whose UTF-8 is exactly what was sent, so that it can be repeated and compared;
/// `None` if there is no such text.
pub fn verbatim_text(value: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok().filter(|text| !text.contains(LOST))
}

/// A URL reference in ASCII: bytes above 127 are percent-encoded, as the URL standard does with UTF-8.
/// `None` if it is not what was sent any more.
pub fn ascii_reference(value: &HeaderValue) -> Option<HeaderValue> {
    let lost = std::str::from_utf8(value.as_bytes()).is_ok_and(|text| text.contains(LOST));
    let encoded = (!lost).then(|| percent_encode(value.as_bytes(), NOT_ASCII).to_string())?;
    HeaderValue::try_from(encoded).ok()
}

/// A media type in ASCII: as it stands, or without its parameters where these have other letters.
/// `None` if the type itself has.
pub fn ascii_media_type(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().or_else(|| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next()?;
        std::str::from_utf8(essence).ok().map(str::trim).filter(|essence| essence.is_ascii())
    })
}

/// Whether a body arrives in another form than it has, and so with another length. A coding that
/// cannot be read is one all the same.
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
    fn a_text_that_stands_for_others_too_is_not_verbatim() {
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
