//! What can go wrong for a client, and what kind of thing that is.

use http::StatusCode;
use serde::Deserialize;

use super::{BodyError, safe_text};
use crate::protocol::WebOrigin;

/// Longest text of a homeserver that we show, in characters.
const MAX_SHOWN_CHARS: usize = 300;

/// Why a download failed. Holds no link, key or token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The homeserver's own error, as it came.
    #[error("the homeserver returned {0}")]
    Homeserver(Refusal),
    /// The edge answered a link with something that is neither media nor "ask again".
    #[error("the edge returned {}", .0.as_u16())]
    Edge(StatusCode),
    /// The homeserver redirected to a server that then answered with an error.
    #[error("the redirect target {origin} returned {}", .status.as_u16())]
    Elsewhere {
        /// The server's web origin.
        origin: WebOrigin,
        /// The HTTP status of its response.
        status: StatusCode,
    },
    /// More redirects than anyone needs.
    #[error("more than {0} redirects in a row")]
    TooManyRedirects(u8),
    /// A redirect without a usable `Location`.
    #[error("invalid redirect: it does not lead to an http or https URL")]
    BadRedirect,
    /// A redirect from https to http.
    #[error("insecure redirect: it leads from https to http")]
    InsecureRedirect,
    /// The answer header where no answer was asked for, with another delivery, or more than once.
    #[error("the homeserver sent an answer that was not asked for")]
    UnaskedAnswer,
    /// The body is not what was promised.
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// The kinds of failure that a caller treats alike; the command line client has an exit code for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The homeserver says no: 401, 403 and other 4xx.
    Refused,
    /// There is no such media, or not yet.
    NotFound,
    /// Somebody could not do their part just now: 429, 5xx.
    Unavailable,
    /// Somebody broke the protocol: nothing was released.
    Violation,
    /// The bytes are not what was promised: cut off, or another object.
    Changed,
    /// The object has no such range.
    Range,
}

impl ClientError {
    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Homeserver(refusal) => refusal.class(),
            Self::Edge(StatusCode::TOO_MANY_REQUESTS) => Class::Unavailable,
            Self::Edge(status) if status.is_server_error() => Class::Unavailable,
            // Presigned addresses end; what a store answers says nothing of the homeserver's decision.
            Self::Elsewhere { .. } => Class::Unavailable,
            Self::Edge(_)
            | Self::TooManyRedirects(_)
            | Self::BadRedirect
            | Self::InsecureRedirect
            | Self::UnaskedAnswer => Class::Violation,
            Self::Body(error) => match error {
                BodyError::OtherLink { .. }
                | BodyError::NoMetadata
                | BodyError::Metadata(_)
                | BodyError::Encoded
                | BodyError::OtherRange
                | BodyError::TooLong { .. } => Class::Violation,
                BodyError::OtherMetadata
                | BodyError::OtherSize { .. }
                | BodyError::Truncated { .. }
                | BodyError::Surplus { .. } => Class::Changed,
                BodyError::RangeIgnored | BodyError::BeyondEnd { .. } => Class::Range,
            },
        }
    }
}

/// A homeserver's error: status, and what its JSON says. Its texts are short and steer no terminal,
/// but may repeat the access token: show them by [`safe_text`], with the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// `M_…`, empty where the body was no Matrix error.
    pub errcode: String,
    /// The sentence for people, often empty.
    pub error: String,
    /// The `Retry-After` header in seconds, where it came.
    pub retry_after_secs: Option<u64>,
}

impl Refusal {
    /// Reads the body of an error response; leaves out a body that is no Matrix error.
    pub fn read(status: StatusCode, retry_after_secs: Option<u64>, body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        struct Record {
            #[serde(default)]
            errcode: String,
            #[serde(default)]
            error: String,
        }
        let Record { errcode, error } = serde_json::from_slice(body).unwrap_or_default();
        let shown = |text: &str| safe_text(text, None, MAX_SHOWN_CHARS);
        Self { status, errcode: shown(&errcode), error: shown(&error), retry_after_secs }
    }

    fn class(&self) -> Class {
        match (self.status, self.errcode.as_str()) {
            (_, "M_NOT_YET_UPLOADED") | (StatusCode::NOT_FOUND, _) => Class::NotFound,
            (StatusCode::TOO_MANY_REQUESTS, _) => Class::Unavailable,
            (status, _) if status.is_client_error() => Class::Refused,
            (status, _) if status.is_server_error() => Class::Unavailable,
            _ => Class::Violation,
        }
    }
}

/// `403 M_FORBIDDEN: You may not` with what there is of it.
impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        if !self.errcode.is_empty() {
            write!(f, " {}", self.errcode)?;
        }
        if self.error.is_empty() { Ok(()) } else { write!(f, ": {}", self.error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> ClientError {
        ClientError::Homeserver(Refusal::read(StatusCode::from_u16(status).unwrap(), None, body.as_bytes()))
    }

    #[test]
    fn the_homeservers_words_are_relayed() {
        let shown = |status, body| refusal(status, body).to_string();
        assert_eq!(
            shown(403, r#"{"errcode":"M_FORBIDDEN","error":"Not for\u001b[31m you\n"}"#),
            "the homeserver returned 403 M_FORBIDDEN: Not for[31m you"
        );
        assert_eq!(
            shown(401, r#"{"errcode":"M_UNKNOWN_TOKEN"}"#),
            "the homeserver returned 401 M_UNKNOWN_TOKEN"
        );
        assert_eq!(shown(502, "<html>"), "the homeserver returned 502");
        assert!(shown(400, &format!(r#"{{"error":"{}"}}"#, "x".repeat(5000))).len() < 400);
    }

    #[test]
    fn classes_of_refusals() {
        for (status, body, class) in [
            (401, "", Class::Refused),
            (403, "", Class::Refused),
            (400, "", Class::Refused),
            (404, "", Class::NotFound),
            (504, r#"{"errcode":"M_NOT_YET_UPLOADED"}"#, Class::NotFound),
            (504, "", Class::Unavailable),
            (429, r#"{"errcode":"M_LIMIT_EXCEEDED"}"#, Class::Unavailable),
            (502, "", Class::Unavailable),
            (304, "", Class::Violation),
            (204, "", Class::Violation),
        ] {
            assert_eq!(refusal(status, body).class(), class, "{status} {body}");
        }
    }

    #[test]
    fn classes_of_the_others() {
        let status = |code| StatusCode::from_u16(code).unwrap();
        let store = WebOrigin::of("https://store.example/x").unwrap();
        for (error, class) in [
            (ClientError::Edge(status(502)), Class::Unavailable),
            (ClientError::Edge(status(403)), Class::Violation),
            (ClientError::Edge(status(307)), Class::Violation),
            (ClientError::Elsewhere { origin: store, status: status(403) }, Class::Unavailable),
            (ClientError::UnaskedAnswer, Class::Violation),
            (BodyError::NoMetadata.into(), Class::Violation),
            (BodyError::OtherSize { expected_bytes: 1, got_bytes: 2 }.into(), Class::Changed),
            (BodyError::Truncated { got_bytes: 1, promised_bytes: None }.into(), Class::Changed),
            (BodyError::BeyondEnd { size_bytes: None }.into(), Class::Range),
        ] {
            assert_eq!(error.class(), class, "{error}");
        }
    }
}
