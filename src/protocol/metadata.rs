//! Metadata: what a client learns of an object beside its bytes, and how it travels sealed.

use http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::disposition::Disposition;
use super::{FileName, ObjectInfo};
use crate::cipher::{KEYSTREAM_BYTES, Key, Keystream};
use crate::encoding::{from_base64url, to_base64url};

/// Sealed metadata is always this long, so that its length tells nothing of a file name.
pub const SEALED_METADATA_BYTES: usize = 1024;

/// The longest media type we carry; the longest ones registered are below 80 bytes.
const MAX_CONTENT_TYPE_BYTES: usize = 255;

/// What a client learns of an object beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Metadata {
    /// The object's length in bytes.
    pub size: u64,
    /// Its media type.
    pub content_type: String,
    /// Its disposition and file name, as in the header of the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
}

/// Reads the JSON object and nothing else: a derived reader would also take an array of the members in
/// order. `null` means the same as an absent member.
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

/// Sealed metadata that cannot be read: no byte of the body may be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not 1,024 bytes of base64url.
    #[error("the sealed metadata is not {SEALED_METADATA_BYTES} bytes in base64url")]
    Malformed,
    /// Not the JSON of metadata once unsealed.
    #[error("cannot open the sealed metadata: the key does not fit this link")]
    WrongKey,
}

impl Metadata {
    /// The metadata to mint a grant with. What does not fit into the sealed form is shortened: the
    /// file name first (its extension is kept), then an absurd media type gives way.
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

    /// Returns whether an answer may say this: fewer bytes than a keystream has, and a media type of a
    /// length that origins keep.
    pub(super) fn fits_an_answer(&self) -> bool {
        self.size < KEYSTREAM_BYTES && self.content_type.len() <= MAX_CONTENT_TYPE_BYTES
    }

    /// The JSON that is sealed: at most [`SEALED_METADATA_BYTES`] long for what [`Metadata::new`] made.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Pads with spaces, XORs with the metadata keystream, and writes it for the header.
    ///
    /// `None` if the JSON is too long, which that of [`Metadata::new`] never is.
    pub fn seal(json: &str, key: &Key) -> Option<HeaderValue> {
        let mut bytes = json.as_bytes().to_vec();
        if bytes.len() > SEALED_METADATA_BYTES {
            return None;
        }
        bytes.resize(SEALED_METADATA_BYTES, b' ');
        Keystream::metadata(key).apply(&mut bytes).ok()?;
        HeaderValue::from_str(&to_base64url(&bytes)).ok()
    }

    /// Reads a sealed header.
    ///
    /// # Errors
    /// `Malformed`, or `WrongKey` if what comes out is not metadata.
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
        let key = Key::from_bytes([1; 32]);
        let sealed = Metadata::seal(&metadata.to_json(), &key).unwrap();
        let sealed = sealed.to_str().unwrap();
        assert_eq!(sealed.len(), SEALED_METADATA_BYTES * 4 / 3 + 1);
        assert_eq!(Metadata::unseal(sealed, &key), Ok(metadata));
        assert_eq!(Metadata::unseal(sealed, &Key::from_bytes([2; 32])), Err(MetadataError::WrongKey));
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
    fn as_much_of_a_name_is_kept_as_fits() {
        for letter in ["a", "\"", "\\", ".", " ", "\u{e9}", "\u{2603}", "\u{1f600}"] {
            for length in [1, 200, 250, 1000, 15_000] {
                let name = FileName::new(&letter.repeat(length)).unwrap();
                let metadata = Metadata::new(5, &info("image/png", "inline"), Some(&name));
                let disposition = Disposition::parse(metadata.content_disposition.as_deref().unwrap());
                let (kept, json_bytes) = (disposition.file_name.unwrap(), metadata.to_json().len());
                assert!(name.as_str().starts_with(kept.as_str()) && json_bytes <= SEALED_METADATA_BYTES);
                // What one more letter would take: at most twelve bytes.
                assert!(kept == name || json_bytes > SEALED_METADATA_BYTES - 12, "{letter} {length}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_a_homeserver_says_can_be_sealed(
            content_type in "\\PC{0,2000}", name in "\\PC{0,2000}", size in any::<u64>(),
        ) {
            let metadata = Metadata::new(size, &info(&content_type, "inline"), FileName::new(&name).as_ref());
            let key = Key::from_bytes([9; 32]);
            let sealed = Metadata::seal(&metadata.to_json(), &key).unwrap();
            prop_assert_eq!(Metadata::unseal(sealed.to_str().unwrap(), &key), Ok(metadata));
        }
    }
}
