//! `Content-Disposition` (RFC 6266, RFC 8187): whether a browser may show media inline, and its file name.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The types that may be shown inline (Matrix specification, "Serving inline content"). Media of any other
/// type are attachments.
const INLINE_TYPES: [&str; 26] = [
    "text/css",
    "text/plain",
    "text/csv",
    "application/json",
    "application/ld+json",
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/webm",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wav",
    "audio/flac",
    "audio/x-flac",
];

/// Encodes all but the `attr-char` of RFC 8187, for extended parameter values.
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The length limit of a file name's extension, in bytes and with its dot. A longer one is no extension.
const MAX_EXTENSION_BYTES: usize = 32;

/// A file name: text that is not empty and has no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// Removes the control characters from a text. Returns `None` if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let clean: String = text.chars().filter(|char| !char.is_control()).collect();
        (!clean.is_empty()).then_some(Self(clean))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name cut to at most `max_bytes` of UTF-8. It keeps its extension if that fits.
    #[must_use]
    pub fn shortened(&self, max_bytes: usize) -> Self {
        Self(self.cut(max_bytes, char::len_utf8))
    }

    /// Returns the name cut so that its characters cost at most `budget` in total. It keeps its extension if
    /// that fits. Returns `None` if no character fits. Reads only as much of the name as it keeps.
    pub(super) fn fitting(&self, budget: usize, cost: impl Fn(char) -> usize) -> Option<Self> {
        Some(self.cut(budget, cost)).filter(|name| !name.is_empty()).map(Self)
    }

    fn cut(&self, budget: usize, cost: impl Fn(char) -> usize) -> String {
        let name = self.as_str();
        if affordable(name, budget, &cost).0 == name {
            return name.to_owned();
        }
        let extension = name.rfind('.').filter(|dot| *dot > 0 && name.len() - dot <= MAX_EXTENSION_BYTES);
        let (stem, extension) = extension.map_or((name, ""), |dot| name.split_at(dot));
        match affordable(extension, budget, &cost) {
            (whole, left) if whole == extension => format!("{}{extension}", affordable(stem, left, &cost).0),
            _ => affordable(name, budget, &cost).0.to_owned(),
        }
    }
}

/// Returns the longest beginning of `text` whose characters cost at most `budget`, and the unused budget.
fn affordable(text: &str, budget: usize, cost: impl Fn(char) -> usize) -> (&str, usize) {
    let mut left = budget;
    for (index, char) in text.char_indices() {
        match left.checked_sub(cost(char)) {
            Some(rest) => left = rest,
            None => return (text.get(..index).unwrap_or_default(), left),
        }
    }
    (text, left)
}

/// The parts of a `Content-Disposition` that Matrix uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Whether the type is `inline` and not `attachment`.
    pub inline: bool,
    /// The file name, if there is one.
    pub file_name: Option<FileName>,
}

impl Disposition {
    /// Returns the disposition for serving media of `content_type`. `stored` is the homeserver's header;
    /// `inline` becomes `attachment` for types that must not be shown inline. `file_name` is the client's
    /// and replaces the homeserver's.
    pub fn for_media(stored: Option<&str>, content_type: &str, file_name: Option<&FileName>) -> Self {
        let stored = stored.map(Self::parse);
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let inline = INLINE_TYPES.contains(&essence.as_str());
        Self {
            inline: inline && stored.as_ref().is_some_and(|stored| stored.inline),
            file_name: file_name.cloned().or(stored.and_then(|stored| stored.file_name)),
        }
    }

    /// Reads a header leniently. Every type but `inline` is `attachment`, and an unreadable name is ignored.
    pub fn parse(header: &str) -> Self {
        let mut parameters = split_parameters(header).into_iter();
        let inline = parameters.next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("inline"));
        let (mut plain, mut extended) = (None, None);
        for parameter in parameters {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                "filename" => plain = FileName::new(&unquote(value.trim())),
                "filename*" => extended = decode_extended(value.trim()),
                _ => {}
            }
        }
        Self { inline, file_name: extended.or(plain) }
    }
}

/// Writes the header's value. An ASCII name is a quoted string, any other name is a `filename*` of RFC 8187.
impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.inline { "inline" } else { "attachment" })?;
        match &self.file_name {
            None => Ok(()),
            Some(FileName(name)) if name.is_ascii() => {
                write!(f, "; filename=\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Some(FileName(name)) => write!(f, "; filename*=utf-8''{}", utf8_percent_encode(name, EXTENDED)),
        }
    }
}

impl Disposition {
    /// Returns the disposition with its file name cut so that the header's value, written as a JSON string,
    /// has at most `max_bytes`. The name is dropped if none of it fits. The time depends on `max_bytes`, not
    /// on the length of the name.
    pub(super) fn fitting_json(&self, max_bytes: usize) -> Self {
        let bare = Self { inline: self.inline, file_name: None };
        let file_name = self.file_name.as_ref().and_then(|name| {
            // The cut name may be all ASCII, so each of its characters costs the maximum of both forms.
            let (parameter, cost): (_, fn(char) -> usize) = if name.as_str().is_ascii() {
                ("; filename=\\\"\\\"", quoted_cost)
            } else {
                ("; filename*=utf-8''", encoded_cost)
            };
            let others = format!("\"{bare}{parameter}\"").len();
            name.fitting(max_bytes.checked_sub(others)?, cost)
        });
        Self { file_name, ..bare }
    }
}

/// Returns the bytes of a character in a quoted string within JSON, where `"` is `\\\"`.
fn quoted_cost(char: char) -> usize {
    if matches!(char, '"' | '\\') { 4 } else { 1 }
}

/// Returns the bytes of a character when percent-encoded, or in a quoted string if that is longer.
fn encoded_cost(char: char) -> usize {
    let encoded: usize = utf8_percent_encode(char.encode_utf8(&mut [0; 4]), EXTENDED).map(str::len).sum();
    encoded.max(quoted_cost(char))
}

/// Splits a header at semicolons outside quoted strings.
fn split_parameters(header: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, char) in header.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                parts.extend(header.get(start..index));
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.extend(header.get(start..));
    parts
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    let (mut text, mut escaped) = (String::new(), false);
    for char in inner.chars() {
        if char == '\\' && !escaped {
            escaped = true;
        } else {
            text.push(char);
            escaped = false;
        }
    }
    text
}

fn decode_extended(value: &str) -> Option<FileName> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    FileName::new(&percent_decode_str(encoded).decode_utf8().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> FileName {
        FileName::new(text).unwrap()
    }

    #[test]
    fn reads_the_headers_of_homeservers() {
        let parsed = |header| {
            let Disposition { inline, file_name } = Disposition::parse(header);
            (inline, file_name.map_or(String::new(), |FileName(name)| name))
        };
        assert_eq!(parsed("inline"), (true, String::new()));
        assert_eq!(parsed("inline; filename=a.png"), (true, "a.png".to_owned()));
        assert_eq!(parsed("attachment; filename=\"a;b \\\"c\\\".pdf\""), (false, "a;b \"c\".pdf".to_owned()));
        assert_eq!(parsed("INLINE; filename*=utf-8''%E2%98%83.png"), (true, "\u{2603}.png".to_owned()));
        assert_eq!(parsed("attachment; filename=x; filename*=UTF-8'en'y"), (false, "y".to_owned()));
        assert_eq!(parsed("filename=x"), (false, String::new()));
        assert_eq!(parsed("attachment; filename*=latin1''%ff"), (false, String::new()));
    }

    #[test]
    fn only_safe_types_are_inline() {
        let inline = |stored, content_type| Disposition::for_media(stored, content_type, None).inline;
        assert!(inline(Some("inline"), "image/PNG"));
        assert!(inline(Some("inline"), "text/plain; charset=utf-8"));
        assert!(!inline(Some("attachment"), "image/png"));
        assert!(!inline(None, "image/png"));
        for active in ["text/html", "image/svg+xml", "application/pdf", "", "text/plain2"] {
            assert!(!inline(Some("inline"), active), "{active}");
        }
    }

    #[test]
    fn the_clients_name_replaces_the_homeservers() {
        let served = Disposition::for_media(Some("inline; filename=a"), "image/png", Some(&name("b")));
        assert_eq!(served.to_string(), "inline; filename=\"b\"");
    }

    #[test]
    fn a_shortened_name_keeps_its_extension() {
        assert_eq!(name("abcdefgh.png").shortened(8), name("abcd.png"));
        assert_eq!(name("abc.png").shortened(8), name("abc.png"));
        assert_eq!(name("\u{2603}\u{2603}\u{2603}.png").shortened(9), name("\u{2603}.png"));
        assert_eq!(name(&format!("a.{}", "b".repeat(50))).shortened(10).as_str().len(), 10);
    }

    proptest! {
        #[test]
        fn any_name_survives_the_header(text in "\\PC{1,60}") {
            let written = Disposition { inline: false, file_name: FileName::new(&text) };
            let header = written.to_string();
            prop_assert!(http::HeaderValue::from_str(&header).unwrap().to_str().is_ok());
            prop_assert_eq!(Disposition::parse(&header), written);
        }
    }
}
