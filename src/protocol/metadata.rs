//! The metadata of an object, and its sealed form (`spec/msc4097.md`, sections 5 and 7).

use http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::disposition::Disposition;
use super::{FileName, ObjectInfo};
use crate::cipher::{KEYSTREAM_BYTES, Key, Keystream};
use crate::encoding::{from_base64url, to_base64url};

/// The length of sealed metadata, in bytes. A fixed length does not reveal the length of a file name.
pub const SEALED_METADATA_BYTES: usize = 1024;

/// The length limit of media types, in bytes: 127 for the type, a slash, and 127 for the subtype (RFC 6838
/// section 4.2).
const MAX_CONTENT_TYPE_BYTES: usize = 255;

/// The metadata of an object: the JSON that the answer contains and the edge seals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Metadata {
    /// The length of the object, in bytes.
    pub size: u64,
    /// The media type of the object.
    pub content_type: String,
    /// The disposition and file name of the object, as in the HTTP header `Content-Disposition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
}

/// Accepts only a JSON object. A derived reader would also accept an array with the members in order. `null`
/// is the same as an absent member.
impl TryFrom<Map<String, Value>> for Metadata {
    type Error = serde_json::Error;

    fn try_from(object: Map<String, Value>) -> Result<Self, Self::Error> {
        #[derive(Deserialize)]
        struct Record {
            size: u64,
            content_type: String,
            content_disposition: Option<String>,
        }
        let Record { size, content_type, content_disposition } = Record::deserialize(Value::Object(object))?;
        Ok(Self { size, content_type, content_disposition })
    }
}

/// The reason why sealed metadata cannot be read. The client must not release a byte of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The value is not base64url of 1,024 bytes.
    #[error("the sealed metadata is not {SEALED_METADATA_BYTES} bytes in base64url")]
    Malformed,
    /// The unsealed bytes are not the JSON of metadata.
    #[error("cannot open the sealed metadata: the key does not fit this link")]
    WrongKey,
}

impl Metadata {
    /// Returns the metadata of an object with `size` bytes, for a grant. Its JSON always fits into the
    /// sealed form: a media type that is too long becomes `application/octet-stream`, and the file name is
    /// shortened but keeps its extension.
    pub fn new(size: u64, info: &ObjectInfo, file_name: Option<&FileName>) -> Self {
        let content_type = if info.content_type.len() <= MAX_CONTENT_TYPE_BYTES {
            info.content_type.clone()
        } else {
            "application/octet-stream".to_owned()
        };
        let disposition =
            Disposition::for_media(info.content_disposition.as_deref(), &content_type, file_name);
        let mut metadata = Self { size, content_type, content_disposition: None };
        let others = metadata.to_json().len() + ",\"content_disposition\":".len();
        let fitting = disposition.fitting_json(SEALED_METADATA_BYTES.saturating_sub(others));
        metadata.content_disposition = Some(fitting.to_string());
        metadata
    }

    /// Returns whether an answer may have this metadata: the size and the length of the media type are
    /// within the limits of `spec/msc4097.md`, section 5.
    pub(super) fn fits_an_answer(&self) -> bool {
        self.size < KEYSTREAM_BYTES && self.content_type.len() <= MAX_CONTENT_TYPE_BYTES
    }

    /// Returns the JSON. That of [`Metadata::new`] has at most [`SEALED_METADATA_BYTES`].
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Seals `json`: pads it with spaces, encrypts it with the metadata keystream of `key`, and encodes it as
    /// base64url.
    ///
    /// Returns `None` if `json` has more than [`SEALED_METADATA_BYTES`].
    pub fn seal(json: &str, key: &Key) -> Option<HeaderValue> {
        let mut bytes = json.as_bytes().to_vec();
        if bytes.len() > SEALED_METADATA_BYTES {
            return None;
        }
        bytes.resize(SEALED_METADATA_BYTES, b' ');
        Keystream::metadata(key).apply(&mut bytes).ok()?;
        HeaderValue::from_str(&to_base64url(&bytes)).ok()
    }

    /// Unseals the value of a header.
    ///
    /// # Errors
    /// [`MetadataError::Malformed`] for a malformed value, [`MetadataError::WrongKey`] if the unsealed bytes
    /// are not the JSON of metadata.
    pub fn unseal(sealed: &str, key: &Key) -> Result<Self, MetadataError> {
        let mut bytes = from_base64url(sealed).ok_or(MetadataError::Malformed)?;
        if bytes.len() != SEALED_METADATA_BYTES {
            return Err(MetadataError::Malformed);
        }
        Keystream::metadata(key).apply(&mut bytes).map_err(|_| MetadataError::Malformed)?;
        serde_json::from_slice(&bytes).map_err(|_| MetadataError::WrongKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn info(content_type: &str, disposition: &str) -> ObjectInfo {
        ObjectInfo {
            size: Some(5),
            content_type: content_type.to_owned(),
            content_disposition: Some(disposition.to_owned()),
            etag: None,
        }
    }

    #[test]
    fn sealed_metadata_opens_with_its_key_only() {
        let metadata = Metadata::new(5, &info("image/png", "inline; filename=x.png"), None);
        let key = Key::chacha20([1; 32]);
        let sealed = Metadata::seal(&metadata.to_json(), &key).unwrap();
        let sealed = sealed.to_str().unwrap();
        assert_eq!(sealed.len(), SEALED_METADATA_BYTES * 4 / 3 + 1);
        assert_eq!(Metadata::unseal(sealed, &key), Ok(metadata));
        assert_eq!(Metadata::unseal(sealed, &Key::chacha20([2; 32])), Err(MetadataError::WrongKey));
        for malformed in ["", "AAAA", "%", &sealed[1..]] {
            assert_eq!(Metadata::unseal(malformed, &key), Err(MetadataError::Malformed));
        }
    }

    #[test]
    fn a_long_file_name_is_shortened_and_keeps_its_extension() {
        let name = FileName::new(&format!("{}.tar", "\u{2603}".repeat(500))).unwrap();
        let metadata = Metadata::new(5, &info("image/png", "inline"), Some(&name));
        assert!(metadata.to_json().len() <= SEALED_METADATA_BYTES);
        let kept = Disposition::parse(metadata.content_disposition.as_deref().unwrap()).file_name.unwrap();
        assert!(kept.as_str().ends_with("\u{2603}.tar") && kept.as_str().len() > 200, "{kept:?}");
    }

    #[test]
    fn a_shortened_name_fills_the_sealed_form() {
        for letter in ["a", "\"", "\\", ".", " ", "\u{e9}", "\u{2603}", "\u{1f600}"] {
            for length in [1, 200, 250, 1000, 15_000] {
                let name = FileName::new(&letter.repeat(length)).unwrap();
                let metadata = Metadata::new(5, &info("image/png", "inline"), Some(&name));
                let disposition = Disposition::parse(metadata.content_disposition.as_deref().unwrap());
                let (kept, json_bytes) = (disposition.file_name.unwrap(), metadata.to_json().len());
                assert!(name.as_str().starts_with(kept.as_str()) && json_bytes <= SEALED_METADATA_BYTES);
                // One more character would take at most twelve bytes.
                assert!(kept == name || json_bytes > SEALED_METADATA_BYTES - 12, "{letter} {length}");
            }
        }
    }

    proptest! {
        #[test]
        fn all_metadata_of_a_homeserver_can_be_sealed(
            content_type in "\\PC{0,2000}", name in "\\PC{0,2000}", size in any::<u64>(),
        ) {
            let metadata = Metadata::new(size, &info(&content_type, "inline"), FileName::new(&name).as_ref());
            let key = Key::chacha20([9; 32]);
            let sealed = Metadata::seal(&metadata.to_json(), &key).unwrap();
            prop_assert_eq!(Metadata::unseal(sealed.to_str().unwrap(), &key), Ok(metadata));
        }
    }
}
