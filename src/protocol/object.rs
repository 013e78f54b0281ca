//! Objects: the plaintext that grants and cache entries refer to.

use sha2::{Digest as _, Sha256};

use super::{MediaId, ServerName};
use crate::encoding::to_base64url;

/// One plaintext: the original of a media id, or one of its thumbnails.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    /// The homeserver to which the media was uploaded.
    pub server_name: ServerName,
    /// The id of the media on that homeserver.
    pub media_id: MediaId,
    /// The original or a thumbnail.
    pub variant: Variant,
}

/// The original or a thumbnail of a media id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The bytes that were uploaded.
    Original,
    /// A thumbnail. Other parameters name another object.
    Thumbnail(Thumbnail),
}

/// The parameters of a thumbnail, as the client gave them. The homeserver has defaults for absent ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbnail {
    /// The requested width in pixels.
    pub width: u32,
    /// The requested height in pixels.
    pub height: u32,
    /// The method, `crop` or `scale`.
    pub method: Option<ThumbnailMethod>,
    /// Whether the thumbnail may be animated.
    pub animated: Option<bool>,
}

/// How the homeserver fits an image into the requested box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ThumbnailMethod {
    /// Fills the box, and cuts what lies outside.
    Crop,
    /// Fits the whole image into the box.
    Scale,
}

impl ThumbnailMethod {
    /// Returns the value of the parameter `method`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Scale => "scale",
        }
    }

    /// Reads a value of the parameter `method`; `None` for other text.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "crop" => Some(Self::Crop),
            "scale" => Some(Self::Scale),
            _ => None,
        }
    }
}

impl Object {
    /// Returns the object's name in caches: 43 characters of base64url. It is a SHA-256 hash over the parts
    /// with their lengths, so different objects have different names.
    pub fn cache_name(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.server_name.as_str(), self.media_id.as_str(), &self.variant_name()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        to_base64url(&hash.finalize())
    }

    /// Returns the name of the key store record which says that links to the object fail, because the service
    /// account may not have it or it changed: `refused:<cache name>` (`docs/kv-schema.md`).
    pub fn refusal_name(&self) -> String {
        format!("refused:{}", self.cache_name())
    }

    /// Returns the variant's part of the cache name: `original`, or the parameters in a fixed order.
    fn variant_name(&self) -> String {
        match &self.variant {
            Variant::Original => "original".to_owned(),
            Variant::Thumbnail(Thumbnail { width, height, method, animated }) => {
                let method = method.map_or("-", ThumbnailMethod::as_str);
                let animated = animated.map_or("-", |animated| if animated { "true" } else { "false" });
                format!("thumbnail {width}x{height} {method} {animated}")
            }
        }
    }

    /// Returns path and query of the object on the authenticated endpoint of a homeserver (MSC3916), without
    /// a file name: `/_matrix/client/v1/media/download/<server>/<id>` or
    /// `…/thumbnail/<server>/<id>?width=…&height=…`.
    pub fn client_path(&self) -> String {
        self.path_under("/_matrix/client/v1/media")
    }

    /// Returns path and query of the object on the legacy endpoint: `/_matrix/media/v3/…`.
    pub fn legacy_path(&self) -> String {
        self.path_under("/_matrix/media/v3")
    }

    fn path_under(&self, base: &str) -> String {
        let (server, id) = (self.server_name.as_str(), self.media_id.as_str());
        match &self.variant {
            Variant::Original => format!("{base}/download/{server}/{id}"),
            Variant::Thumbnail(Thumbnail { width, height, method, animated }) => {
                use std::fmt::Write as _;
                let mut path = format!("{base}/thumbnail/{server}/{id}?width={width}&height={height}");
                if let Some(method) = method {
                    let _ = write!(path, "&method={}", method.as_str());
                }
                if let Some(animated) = animated {
                    let _ = write!(path, "&animated={animated}");
                }
                path
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn object(server: &str, id: &str, variant: Variant) -> Object {
        Object {
            server_name: ServerName::parse(server).unwrap(),
            media_id: MediaId::parse(id).unwrap(),
            variant,
        }
    }

    fn thumbnail(
        width: u32,
        height: u32,
        method: Option<ThumbnailMethod>,
        animated: Option<bool>,
    ) -> Variant {
        Variant::Thumbnail(Thumbnail { width, height, method, animated })
    }

    #[test]
    fn every_variant_has_its_own_cache_name() {
        let objects = [
            object("a.org", "bc", Variant::Original),
            object("a.orgb", "c", Variant::Original),
            object("a.org", "bc", thumbnail(32, 32, None, None)),
            object("a.org", "bc", thumbnail(32, 33, None, None)),
            object("a.org", "bc", thumbnail(32, 32, Some(ThumbnailMethod::Crop), None)),
            object("a.org", "bc", thumbnail(32, 32, Some(ThumbnailMethod::Scale), None)),
            object("a.org", "bc", thumbnail(32, 32, None, Some(true))),
            object("a.org", "bc", thumbnail(32, 32, None, Some(false))),
        ];
        let names: HashSet<String> = objects.iter().map(Object::cache_name).collect();
        assert_eq!(names.len(), objects.len());
        assert!(names.iter().all(|name| name.len() == 43));
    }

    #[test]
    fn client_paths() {
        assert_eq!(
            object("a.org:8448", "bc", Variant::Original).client_path(),
            "/_matrix/client/v1/media/download/a.org:8448/bc"
        );
        assert_eq!(
            object("a.org", "bc", thumbnail(320, 240, Some(ThumbnailMethod::Scale), Some(false)))
                .client_path(),
            "/_matrix/client/v1/media/thumbnail/a.org/bc?width=320&height=240&method=scale&animated=false"
        );
    }
}
