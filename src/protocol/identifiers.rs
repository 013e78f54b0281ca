//! Server names, media ids and `mxc://` URIs (`spec/msc4097.md`, section 1.3).
//!
//! The Matrix specification defines them: server names in the appendices, "Server Name"; media ids and
//! URIs in the client-server API, "Content repository", where "Security considerations" limits media ids
//! to `[A-Za-z0-9_-]`.

use std::fmt;

use super::{decimal, split_authority};

/// The length limit of server names and media ids, in bytes. The Matrix specification has the same limit
/// for user ids and room aliases.
const MAX_IDENTIFIER_BYTES: usize = 255;

/// The part of an identifier that is invalid. The messages state the rule and never repeat the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// The server name does not follow the Matrix grammar: host name, IPv4 or `[IPv6]`, optional port.
    #[error("invalid server name: expected a host name or IP address, with an optional port")]
    ServerName,
    /// The media id is not 1 to 255 characters of `[A-Za-z0-9_-]`.
    #[error("invalid media id: expected 1 to 255 characters of A-Z a-z 0-9 _ -")]
    MediaId,
    /// The text is not `mxc://<server name>/<media id>`.
    #[error("not an mxc URI: expected mxc://<server name>/<media id>")]
    MxcUri,
    /// A path, query or fragment follows the media id. The field is its first character.
    #[error("unexpected text after the media id: remove everything from '{0}' on")]
    MxcTail(char),
}

/// A valid Matrix server name. It keeps its case, because it is an identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerName(String);

impl ServerName {
    /// Reads a server name (`spec/msc4097.md`, section 1.3). It must follow the Matrix grammar, have at most
    /// 255 bytes, and contain a letter or a digit.
    ///
    /// # Errors
    /// [`IdentifierError::ServerName`] for any other text.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        // The grammar allows `.` and `..`, but URL parsers remove them from paths.
        let names_something = text.bytes().any(|byte| byte.is_ascii_alphanumeric());
        let grammatical = ruma_identifiers_validation::server_name::validate(text).is_ok();
        // The library accepts `a:+80`, because Rust reads `+80` as a number. Other software does not.
        let grammatical = grammatical && !text.contains('+');
        if names_something && grammatical && text.len() <= MAX_IDENTIFIER_BYTES {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentifierError::ServerName)
        }
    }

    /// Returns the server name in its original spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host without the port. An IPv6 address keeps its brackets (`[::1]`).
    pub fn host(&self) -> &str {
        split_authority(&self.0).0
    }

    /// Returns the port if the server name has one.
    pub fn port(&self) -> Option<u16> {
        split_authority(&self.0).1.and_then(decimal)
    }
}

/// A valid media id: 1 to 255 characters of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaId(String);

impl MediaId {
    /// Reads a media id. Only checked ids reach paths, URLs and stores.
    ///
    /// # Errors
    /// [`IdentifierError::MediaId`] if a character or the length is not allowed.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let valid = (1..=MAX_IDENTIFIER_BYTES).contains(&text.len()) && text.bytes().all(allowed);
        if valid { Ok(Self(text.to_owned())) } else { Err(IdentifierError::MediaId) }
    }

    /// Returns the media id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The URI of uploaded media: `mxc://<server name>/<media id>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MxcUri {
    /// The homeserver to which the media was uploaded.
    pub server_name: ServerName,
    /// The id of the media on that homeserver.
    pub media_id: MediaId,
}

impl MxcUri {
    /// Reads a URI with the scheme in lower case and nothing after the media id.
    ///
    /// # Errors
    /// The part that is invalid.
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
    fn server_names_follow_the_grammar() {
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
    fn media_ids_have_a_fixed_alphabet() {
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
        // Here the id itself is invalid.
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
