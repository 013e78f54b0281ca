//! Errors of a download, and their classes.

use http::StatusCode;
use serde::Deserialize;

use super::{BodyError, safe_text};
use crate::protocol::WebOrigin;

/// The length limit of a homeserver's text that we show, in characters.
const MAX_SHOWN_CHARS: usize = 300;

/// The error that ended a download. It contains no link, key or token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The homeserver sent an error.
    #[error("the homeserver returned {0}")]
    Homeserver(Refusal),
    /// The edge sent a status that ends the download (`spec/msc4097.md`, section 9.5).
    #[error("the edge returned {}", .0.as_u16())]
    Edge(StatusCode),
    /// The homeserver redirected to another server, which sent an error.
    #[error("the redirect target {origin} returned {}", .status.as_u16())]
    Elsewhere {
        /// The server's web origin.
        origin: WebOrigin,
        /// The HTTP status of its response.
        status: StatusCode,
    },
    /// There are too many redirects in a row. The field is the limit.
    #[error("more than {0} redirects in a row")]
    TooManyRedirects(u8),
    /// A redirect has no usable `Location`.
    #[error("invalid redirect: it does not lead to an http or https URL")]
    BadRedirect,
    /// A redirect leads from https to http.
    #[error("insecure redirect: it leads from https to http")]
    InsecureRedirect,
    /// A response has the answer header, but the client did not opt in, or the header names another delivery,
    /// or the response has another status, or has the header more than once.
    #[error("the homeserver sent an answer that was not asked for")]
    UnaskedAnswer,
    /// The body, or what its headers say about it, is not as expected.
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// The classes of errors. The command line client has an exit code for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The homeserver refuses the request: 401, 403 and other 4xx.
    Refused,
    /// The media does not exist, or is not uploaded yet.
    NotFound,
    /// A server cannot serve the request at the moment: 429, 5xx.
    Unavailable,
    /// A server broke the protocol.
    Violation,
    /// The bytes are not those of the answer: they were cut off, or belong to another object.
    Changed,
    /// The object does not have the range.
    Range,
}

impl ClientError {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Self::Homeserver(refusal) => refusal.class(),
            Self::Edge(StatusCode::TOO_MANY_REQUESTS) => Class::Unavailable,
            Self::Edge(status) if status.is_server_error() => Class::Unavailable,
            // A presigned URL may have expired, so a store's error is not the homeserver's decision.
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
                | BodyError::MalformedLength
                | BodyError::Encoded
                | BodyError::OtherRange
                | BodyError::TooLong { .. } => Class::Violation,
                BodyError::OtherMetadata
                | BodyError::OtherSize { .. }
                | BodyError::Truncated { .. }
                | BodyError::Surplus { .. } => Class::Changed,
                BodyError::ShorterRange { .. } | BodyError::RangeIgnored | BodyError::BeyondEnd { .. } => {
                    Class::Range
                }
            },
        }
    }
}

/// An error of a homeserver. The texts are short and have no control characters, but they may contain the
/// access token: pass them through [`safe_text()`], with the token, before you show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The error code, `M_…`; empty if the body is not a Matrix error.
    pub errcode: String,
    /// The message for people; empty if the body has no message.
    pub error: String,
    /// The `Retry-After` header, in seconds, if there is one.
    pub retry_after_secs: Option<u64>,
}

impl Refusal {
    /// Reads the body of an error response. Ignores a body that is not a Matrix error.
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

/// Writes `403 M_FORBIDDEN: You may not`, without the parts that are empty.
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
    fn the_homeservers_messages_are_shown() {
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
    fn classes_of_other_errors() {
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
