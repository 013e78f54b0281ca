//! Server names, media ids and `mxc://` URIs.
//!
//! Source: Matrix specification, appendices 4.1 (server names) and client-server API 11.7.2
//! (security considerations: media ids are `[A-Za-z0-9_-]+`).

use std::fmt;

use super::{decimal, split_authority};

/// The longest server name and media id, in bytes: identifiers of the specification end at 255.
const MAX_IDENTIFIER_BYTES: usize = 255;

/// Which part of an identifier is wrong. Names the rule, never the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Not a server name of the Matrix grammar: host name, IPv4 or `[IPv6]`, optional port.
    #[error("invalid server name: expected a host name or IP address, with an optional port")]
    ServerName,
    /// A media id may hold only `[A-Za-z0-9_-]`, 1 to 255 of them.
    #[error("invalid media id: expected 1 to 255 characters of A-Z a-z 0-9 _ -")]
    MediaId,
    /// Not `mxc://<server name>/<media id>`.
    #[error("not an mxc URI: expected mxc://<server name>/<media id>")]
    MxcUri,
    /// A path, query or fragment behind the media id.
    #[error("unexpected text after the media id: remove everything from '{0}' on")]
    MxcTail(char),
}

/// A valid Matrix server name, as it was written (case kept: it is an identifier).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerName(String);

impl ServerName {
    /// Checks the grammar of the Matrix specification, appendix 4.1.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        // The grammar allows `.` and `..`, which a URL's path would resolve away.
        let names_something = text.bytes().any(|byte| byte.is_ascii_alphanumeric());
        let grammatical = ruma_identifiers_validation::server_name::validate(text).is_ok();
        // `a:+80` is a number to Rust and no port to anyone else.
        let grammatical = grammatical && !text.contains('+');
        if names_something && grammatical && text.len() <= MAX_IDENTIFIER_BYTES {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentifierError::ServerName)
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without the port, and without the brackets' content being touched (`[::1]`).
    pub fn host(&self) -> &str {
        split_authority(&self.0).0
    }

    /// The port, where one is written.
    pub fn port(&self) -> Option<u16> {
        split_authority(&self.0).1.and_then(decimal)
    }
}

/// A valid media id: 1 to 255 characters of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaId(String);

impl MediaId {
    /// Checks the alphabet and the length. No path, URL or store ever sees anything else.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let valid = (1..=MAX_IDENTIFIER_BYTES).contains(&text.len()) && text.bytes().all(allowed);
        if valid { Ok(Self(text.to_owned())) } else { Err(IdentifierError::MediaId) }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `mxc://<server name>/<media id>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MxcUri {
    /// The homeserver that the media was uploaded to.
    pub server_name: ServerName,
    /// The media's id there.
    pub media_id: MediaId,
}

impl MxcUri {
    /// Checks scheme, server name and media id. Nothing may follow the media id.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let rest = text.strip_prefix("mxc://").ok_or(IdentifierError::MxcUri)?;
        let (server_name, media_id) = rest.split_once('/').ok_or(IdentifierError::MxcUri)?;
        let server_name = ServerName::parse(server_name)?;
        match media_id.find(['#', '?', '/']).map(|end| media_id.split_at(end)) {
            Some((id, tail)) if MediaId::parse(id).is_ok() => {
                Err(tail.chars().next().map_or(IdentifierError::MxcUri, IdentifierError::MxcTail))
            }
            _ => Ok(Self { server_name, media_id: MediaId::parse(media_id)? }),
        }
    }
}

impl fmt::Display for MxcUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mxc://{}/{}", self.server_name.as_str(), self.media_id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_names_of_the_specification() {
        for good in [
            "matrix.org",
            "matrix.org:8888",
            "1.2.3.4",
            "1.2.3.4:1234",
            "[1234:5678::abcd]",
            "[1234:5678::abcd]:5678",
        ] {
            assert_eq!(ServerName::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(256);
        for bad in [
            "",
            "a b",
            "a/b",
            ".",
            "..",
            "a/../b",
            "a?b",
            "a#b",
            "a@b",
            "a%2fb",
            "ex\u{e4}mple.org",
            "[::1",
            "a:port",
            "a:+80",
            &long,
        ] {
            assert_eq!(ServerName::parse(bad), Err(IdentifierError::ServerName), "{bad}");
        }
    }

    #[test]
    fn host_and_port() {
        let split = |text| {
            let name = ServerName::parse(text).unwrap();
            (name.host().to_owned(), name.port())
        };
        assert_eq!(split("matrix.org"), ("matrix.org".to_owned(), None));
        assert_eq!(split("matrix.org:8888"), ("matrix.org".to_owned(), Some(8888)));
        assert_eq!(split("[::1]"), ("[::1]".to_owned(), None));
        assert_eq!(split("[::1]:8448"), ("[::1]".to_owned(), Some(8448)));
    }

    #[test]
    fn media_ids_hold_one_alphabet() {
        assert!(MediaId::parse("Abc-09_z").is_ok());
        for bad in ["", "a.b", "..", "a/b", "a%2e", "a b", "é", &"a".repeat(256)] {
            assert_eq!(MediaId::parse(bad), Err(IdentifierError::MediaId), "{bad}");
        }
    }

    #[test]
    fn nothing_follows_the_media_id() {
        for (uri, tail) in [
            ("mxc://example.org/AbC#auto", '#'),
            ("mxc://example.org/AbC?width=32", '?'),
            ("mxc://example.org/AbC/", '/'),
            ("mxc://example.org/AbC/thumbnail#x", '/'),
        ] {
            assert_eq!(MxcUri::parse(uri), Err(IdentifierError::MxcTail(tail)), "{uri}");
        }
        // The id itself is what is wrong.
        for uri in ["mxc://example.org/#auto", "mxc://example.org/a.b#auto", "mxc://example.org//AbC"] {
            assert_eq!(MxcUri::parse(uri), Err(IdentifierError::MediaId), "{uri}");
        }
        let shown = IdentifierError::MxcTail('#').to_string();
        insta::assert_snapshot!(shown, @"unexpected text after the media id: remove everything from '#' on");
    }

    #[test]
    fn mxc_uris() {
        let uri = MxcUri::parse("mxc://example.org:8448/AbC").unwrap();
        assert_eq!(uri.to_string(), "mxc://example.org:8448/AbC");
        for bad in ["mxc://example.org", "MXC://a/b", "http://a/b", "mxc://a/b/c", "mxc:///b", "mxc://a/"] {
            assert!(MxcUri::parse(bad).is_err(), "{bad}");
        }
    }
}
