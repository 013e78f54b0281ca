//! The remote policy: how strictly we obey a remote homeserver's policy, and how we read its documents.

use http::StatusCode;
use serde_json::Value;

use super::Unauthenticated;
use crate::protocol::{MatrixError, decimal};

/// The first version of the Matrix specification with authenticated media over federation (MSC3916): v1.11.
const AUTHENTICATED_FEDERATION: (u32, u32) = (1, 11);

/// `REMOTE_POLICY`: how strictly we obey the `m.media.unauthenticated` of a remote homeserver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RemotePolicy {
    /// To the letter of MSC2461: we fetch nothing from a remote homeserver that serves nothing without
    /// authentication.
    #[default]
    Enforce,
    /// As `Enforce`, but not for remote homeservers with authenticated media over federation: our homeserver
    /// can authenticate itself there. MSC2461 is older than such authentication.
    Legacy,
    /// Not at all. We never ask remote homeservers for their policies.
    Off,
}

impl RemotePolicy {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Enforce, Self::Legacy, Self::Off];

    /// Returns the value of the variable `REMOTE_POLICY`, which records have too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Legacy => "legacy",
            Self::Off => "off",
        }
    }

    /// Reads a value of the variable; `None` for other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }
}

/// The consequence of a remote homeserver's policy for requests for its media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ask the homeserver for the media.
    Proceed,
    /// Refuse the request, without asking the homeserver for the media.
    Rejected,
}

impl Verdict {
    /// Returns the error for a rejected request, 404 `M_NOT_FOUND` with the message of MSC2461; `None` for
    /// `Proceed`.
    pub fn error(self) -> Option<MatrixError> {
        let error =
            || MatrixError::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", "Remote homeserver rejected access");
        (self == Self::Rejected).then(error)
    }
}

/// Reads `m.media.unauthenticated` from a media config. Returns `None` if the document is not a JSON object
/// or the value is neither a string nor `null`.
///
/// The revisions of MSC2461 have different values for "nothing": `m.none` in the first two, `m.all` from the
/// third on. We read both as [`Unauthenticated::Nothing`], and an unknown value as `m.unspecified`, as the
/// third revision says.
pub fn published(config: &[u8]) -> Option<Unauthenticated> {
    let config: Value = serde_json::from_slice(config).ok()?;
    match config.as_object()?.get("m.media.unauthenticated") {
        None | Some(Value::Null) => Some(Unauthenticated::Unset),
        Some(Value::String(word)) if word == "m.all" => Some(Unauthenticated::Nothing),
        // `unset` is a value of our variable, but not of the protocol.
        Some(Value::String(word)) if word == Unauthenticated::Unset.as_str() => {
            Some(Unauthenticated::Unspecified)
        }
        Some(Value::String(word)) => {
            Some(Unauthenticated::parse(word).unwrap_or(Unauthenticated::Unspecified))
        }
        Some(_) => None,
    }
}

/// Returns whether a `/_matrix/client/versions` document lists v1.11 or later; `None` if it cannot be read.
pub(super) fn has_authenticated_federation(versions: &[u8]) -> Option<bool> {
    let document: Value = serde_json::from_slice(versions).ok()?;
    let versions = document.get("versions")?.as_array()?;
    let version = |value: &Value| {
        let (major, minor) = value.as_str()?.strip_prefix('v')?.split_once('.')?;
        Some((decimal(major)?, decimal(minor)?))
    };
    Some(versions.iter().filter_map(version).any(|version: (u32, u32)| version >= AUTHENTICATED_FEDERATION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_variable() {
        for policy in RemotePolicy::ALL {
            assert_eq!(RemotePolicy::parse(policy.as_str()), Some(policy));
        }
        assert_eq!(RemotePolicy::parse("Enforce"), None);
        assert_eq!(RemotePolicy::default(), RemotePolicy::Enforce);
    }

    #[test]
    fn published_policies() {
        for (config, expected) in [
            (r#"{"m.upload.size":1}"#, Some(Unauthenticated::Unset)),
            (r#"{"m.media.unauthenticated":null}"#, Some(Unauthenticated::Unset)),
            (r#"{"m.media.unauthenticated":"m.cached"}"#, Some(Unauthenticated::Cached)),
            (r#"{"m.media.unauthenticated":"m.local"}"#, Some(Unauthenticated::Local)),
            (r#"{"m.media.unauthenticated":"m.unspecified"}"#, Some(Unauthenticated::Unspecified)),
            (r#"{"m.media.unauthenticated":"m.none"}"#, Some(Unauthenticated::Nothing)),
            (r#"{"m.media.unauthenticated":"m.all"}"#, Some(Unauthenticated::Nothing)),
            (r#"{"m.media.unauthenticated":"m.future"}"#, Some(Unauthenticated::Unspecified)),
            (r#"{"m.media.unauthenticated":"M.NONE"}"#, Some(Unauthenticated::Unspecified)),
            (r#"{"m.media.unauthenticated":"unset"}"#, Some(Unauthenticated::Unspecified)),
            (r#"{"m.media.unauthenticated":""}"#, Some(Unauthenticated::Unspecified)),
            (r#"{"m.media.unauthenticated":["m.none"]}"#, None),
            (r#"{"m.media.unauthenticated":false}"#, None),
            (r#"{"m.media.unauthenticated":{"m.none":true}}"#, None),
            (r#"["m.media.unauthenticated","m.none"]"#, None),
            (r#""m.none""#, None),
            ("{\"m.media.unauthenticated\":\"m.none\"", None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(published(config.as_bytes()), expected, "{config}");
        }
    }

    #[test]
    fn versions_with_authenticated_federation() {
        for (versions, expected) in [
            (r#"{"versions":["r0.6.1","v1.1","v1.10"]}"#, Some(false)),
            (r#"{"versions":["v1.1","v1.11"]}"#, Some(true)),
            (r#"{"versions":["v1.12"]}"#, Some(true)),
            (r#"{"versions":["v1.+12","v+2.0"]}"#, Some(false)),
            (r#"{"versions":["v2.0"]}"#, Some(true)),
            (r#"{"versions":["v0.99","r1.12","1.12","v1.11-beta","v1",7,null]}"#, Some(false)),
            (r#"{"versions":[]}"#, Some(false)),
            (r#"{"versions":"v1.11"}"#, None),
            (r#"{"unstable_features":{}}"#, None),
            ("[]", None),
            ("v1.11", None),
        ] {
            assert_eq!(has_authenticated_federation(versions.as_bytes()), expected, "{versions}");
        }
    }

    #[test]
    fn a_rejection_has_the_message_of_the_proposal() {
        assert_eq!(Verdict::Proceed.error(), None);
        let error = Verdict::Rejected.error().unwrap();
        assert_eq!(error.status, StatusCode::NOT_FOUND);
        insta::assert_snapshot!(String::from_utf8(error.to_json()).unwrap(), @r#"{"errcode":"M_NOT_FOUND","error":"Remote homeserver rejected access"}"#);
    }
}
