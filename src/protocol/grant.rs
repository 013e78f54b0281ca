//! Grants: the records that the origin injects and the edge looks up (`spec/msc4097.md`, section 8.2;
//! `docs/kv-schema.md`).

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::object::{Thumbnail, ThumbnailMethod, Variant};
use super::{Algorithm, MediaId, Object, ObjectInfo, ServerName};
use crate::cipher::Key;
use crate::encoding::to_wiped_json;

/// The version of the record. A reader accepts only its own version.
const VERSION: u8 = 1;

/// The content of a link: the key, the object, and the pins that the object must match.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The form of the bytes that the edge sends.
    pub content: Content,
    /// The object.
    pub object: Object,
    /// The pins of the object. If it no longer matches them, the edge sends none of it.
    pub pins: Pins,
    /// The JSON of the metadata. It is fixed at mint, so that all responses of a token seal the same bytes.
    pub metadata: String,
    /// The strong, quoted `ETag` of the link. It is random, so that it reveals nothing about the object.
    pub etag: String,
    /// The time at which the link ends, in milliseconds since 1970.
    pub expires_ts: u64,
}

/// The form of the bytes that the edge sends.
#[derive(Clone, Debug)]
pub enum Content {
    /// The object, encrypted under a key that serves this token only.
    Encrypted(Key),
    /// The object as stored, without its type and name, because it is ciphertext already (`alg: none`).
    Verbatim,
    /// The object as stored, with its type and name, for clients that did not opt in. The client gets no
    /// answer, only a plain redirect.
    Plain,
}

/// The state of an object when its grant was minted (`spec/msc4097.md`, section 8.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// The length in bytes. An object of unknown length gets no grant.
    pub size: u64,
    /// The store's `ETag`, unchanged even if it is invalid; absent if the store sent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// A difference between an object and the pins of its grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The length differs or is no longer known.
    Length,
    /// The store sent an `ETag` at mint and sends none now.
    TagMissing,
    /// The store sends another `ETag`, or sends one although it sent none at mint.
    TagDifferent,
}

impl Change {
    /// Returns the name in the log.
    pub fn label(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::TagMissing => "tag_missing",
            Self::TagDifferent => "tag_different",
        }
    }
}

impl Pins {
    /// Returns the pins of an object with `size` bytes.
    pub fn new(size: u64, info: &ObjectInfo) -> Self {
        Self { size, etag: info.etag.clone() }
    }

    /// Checks that `info` describes the granted object. A missing `ETag` counts as a change, because two
    /// plaintexts under one keystream reveal each other.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, info: &ObjectInfo) -> Result<(), Change> {
        if info.size != Some(self.size) {
            return Err(Change::Length);
        }
        match (&self.etag, &info.etag) {
            (pinned, told) if pinned == told => Ok(()),
            (Some(_), None) => Err(Change::TagMissing),
            _ => Err(Change::TagDifferent),
        }
    }
}

/// The record is not a grant of this version. The error contains no part of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record under this token is not a grant of version {VERSION}")]
pub struct GrantError;

impl Grant {
    /// Returns the JSON of the record. It contains the key, so it is wiped on drop.
    pub fn to_json(&self) -> Zeroizing<String> {
        let record = Record::from(self);
        let names = record.server_name.len() + record.media_id.len();
        let tags = record.etag.len() + record.pins.etag.as_ref().map_or(0, String::len);
        to_wiped_json(&record, record.metadata.len() + names + tags)
    }

    /// Reads a record. Every field is checked as if it came from outside.
    ///
    /// # Errors
    /// [`GrantError`] if a field is missing, unknown or invalid.
    pub fn from_json(json: &str) -> Result<Self, GrantError> {
        let record: Record = serde_json::from_str(json).map_err(|_| GrantError)?;
        record.try_into()
    }

    /// Returns whether the link has ended at `now_ms`, in milliseconds since 1970.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        now_ms >= self.expires_ts
    }
}

/// The JSON of a grant.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    v: u8,
    content: ContentWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Zeroizing<String>>,
    server_name: String,
    media_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thumbnail: Option<ThumbnailRecord>,
    pins: Pins,
    metadata: String,
    etag: String,
    expires_ts: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ContentWord {
    Encrypted,
    Verbatim,
    Plain,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThumbnailRecord {
    width: u32,
    height: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    animated: Option<bool>,
}

impl From<&Grant> for Record {
    fn from(grant: &Grant) -> Self {
        let (content, alg, key) = match &grant.content {
            Content::Encrypted(key) => {
                (ContentWord::Encrypted, Some(key.alg().as_str().to_owned()), Some(key.to_base64url()))
            }
            Content::Verbatim => (ContentWord::Verbatim, None, None),
            Content::Plain => (ContentWord::Plain, None, None),
        };
        let thumbnail = match &grant.object.variant {
            Variant::Original => None,
            Variant::Thumbnail(thumbnail) => Some(ThumbnailRecord {
                width: thumbnail.width,
                height: thumbnail.height,
                method: thumbnail.method.map(|method| method.as_str().to_owned()),
                animated: thumbnail.animated,
            }),
        };
        Self {
            v: VERSION,
            content,
            alg,
            key,
            server_name: grant.object.server_name.as_str().to_owned(),
            media_id: grant.object.media_id.as_str().to_owned(),
            thumbnail,
            pins: grant.pins.clone(),
            metadata: grant.metadata.clone(),
            etag: grant.etag.clone(),
            expires_ts: grant.expires_ts,
        }
    }
}

impl TryFrom<Record> for Grant {
    type Error = GrantError;

    fn try_from(record: Record) -> Result<Self, GrantError> {
        if record.v != VERSION {
            return Err(GrantError);
        }
        let content = match (record.content, record.alg.as_deref(), record.key) {
            (ContentWord::Encrypted, Some(alg), Some(key)) => {
                let alg = Algorithm::parse(alg).ok_or(GrantError)?;
                Content::Encrypted(Key::from_base64url(alg, &key).ok_or(GrantError)?)
            }
            (ContentWord::Verbatim, None, None) => Content::Verbatim,
            (ContentWord::Plain, None, None) => Content::Plain,
            _ => return Err(GrantError),
        };
        let variant = match record.thumbnail {
            None => Variant::Original,
            Some(ThumbnailRecord { width, height, method, animated }) => {
                let method = match method {
                    None => None,
                    Some(method) => Some(ThumbnailMethod::parse(&method).ok_or(GrantError)?),
                };
                Variant::Thumbnail(Thumbnail { width, height, method, animated })
            }
        };
        let object = Object {
            server_name: ServerName::parse(&record.server_name).map_err(|_| GrantError)?,
            media_id: MediaId::parse(&record.media_id).map_err(|_| GrantError)?,
            variant,
        };
        let (pins, metadata, etag, expires_ts) =
            (record.pins, record.metadata, record.etag, record.expires_ts);
        Ok(Self { content, object, pins, metadata, etag, expires_ts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(content: Content) -> Grant {
        Grant {
            content,
            object: Object {
                server_name: ServerName::parse("a.org").unwrap(),
                media_id: MediaId::parse("b").unwrap(),
                variant: Variant::Thumbnail(Thumbnail {
                    width: 3,
                    height: 4,
                    method: Some(ThumbnailMethod::Crop),
                    animated: None,
                }),
            },
            pins: Pins { size: 5, etag: Some("\"e\"".to_owned()) },
            metadata: "{}".to_owned(),
            etag: "\"t\"".to_owned(),
            expires_ts: 1000,
        }
    }

    fn encrypted() -> Grant {
        grant(Content::Encrypted(Key::chacha20([0xab; 32])))
    }

    #[test]
    fn records_can_be_read_again() {
        insta::assert_snapshot!(*encrypted().to_json(), @r#"{"v":1,"content":"encrypted","alg":"chacha20","key":"q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s","server_name":"a.org","media_id":"b","thumbnail":{"width":3,"height":4,"method":"crop"},"pins":{"size":5,"etag":"\"e\""},"metadata":"{}","etag":"\"t\"","expires_ts":1000}"#);
        for content in [encrypted(), grant(Content::Verbatim), grant(Content::Plain)] {
            let json = content.to_json();
            assert_eq!(Grant::from_json(&json).unwrap().to_json(), json);
        }
    }

    #[test]
    fn anything_else_is_not_a_grant() {
        let good = encrypted().to_json();
        for (from, to) in [
            ("\"v\":1", "\"v\":2"),
            ("chacha20", "rot13"),
            ("\"key\":\"q", "\"key\":\""),
            ("\"a.org\"", "\"a/org\""),
            ("\"b\"", "\"../b\""),
            ("\"crop\"", "\"fit\""),
            ("\"encrypted\"", "\"plain\""),
            ("\"etag\":\"\\\"t", "\"extra\":1,\"etag\":\"\\\"t"),
            ("}", ""),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(*good, bad, "{from}");
            assert_eq!(Grant::from_json(&bad).unwrap_err(), GrantError, "{to}");
        }
    }

    #[test]
    fn another_length_or_tag_and_a_missing_tag_are_changes() {
        let info = |size, etag: Option<&str>| ObjectInfo {
            size,
            content_type: String::new(),
            content_disposition: None,
            etag: etag.map(str::to_owned),
        };
        for (pinned, size, etag, expected) in [
            (Some("\"e\""), Some(5), Some("\"e\""), Ok(())),
            (Some("1"), Some(5), Some("1"), Ok(())),
            (Some("W/\"e\""), Some(5), Some("W/\"e\""), Ok(())),
            (None, Some(5), None, Ok(())),
            (Some("\"e\""), Some(5), Some("\"f\""), Err(Change::TagDifferent)),
            (Some("\"e\""), Some(5), Some("W/\"e\""), Err(Change::TagDifferent)),
            (Some("\"e\""), Some(5), Some("1"), Err(Change::TagDifferent)),
            (None, Some(5), Some("\"e\""), Err(Change::TagDifferent)),
            (Some("\"e\""), Some(5), None, Err(Change::TagMissing)),
            (Some("1"), Some(5), None, Err(Change::TagMissing)),
            (Some("\"e\""), Some(6), Some("\"e\""), Err(Change::Length)),
            (Some("\"e\""), None, Some("\"e\""), Err(Change::Length)),
        ] {
            let pins = Pins { size: 5, etag: pinned.map(str::to_owned) };
            assert_eq!(pins.check(&info(size, etag)), expected, "{pinned:?} {size:?} {etag:?}");
            assert_eq!(Pins::new(5, &info(Some(5), pinned)), pins);
        }
    }

    #[test]
    fn a_grant_is_expired_from_expires_ts_on() {
        assert!(!encrypted().is_expired(999));
        assert!(encrypted().is_expired(1000));
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", encrypted());
        assert!(
            shown.contains("Key(chacha20, ..)") && !shown.contains("171") && !shown.contains("q6ur"),
            "{shown}"
        );
    }
}
