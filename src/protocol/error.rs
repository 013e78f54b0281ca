//! Matrix errors: `{"errcode": "M_…", "error": "…"}`.

use http::StatusCode;
use serde::Serialize;

/// A Matrix error that we send ourselves. The homeserver's errors are relayed unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixError {
    /// The HTTP status.
    #[serde(skip)]
    pub status: StatusCode,
    /// The machine-readable error code.
    pub errcode: &'static str,
    /// A message for people.
    pub error: String,
}

impl MatrixError {
    /// Makes an error with a message for people.
    pub fn new(status: StatusCode, errcode: &'static str, error: impl Into<String>) -> Self {
        Self { status, errcode, error: error.into() }
    }

    /// Returns 401 `M_MISSING_TOKEN`. The origin sends it without asking the homeserver.
    pub fn missing_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", "Missing access token")
    }

    /// Returns 404 `M_NOT_FOUND`. It does not say why.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", "Not found")
    }

    /// Returns the JSON of the body.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| br#"{"errcode":"M_UNKNOWN","error":""}"#.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_a_code_and_a_message() {
        let body = MatrixError::missing_token().to_json();
        insta::assert_snapshot!(String::from_utf8(body).unwrap(), @r#"{"errcode":"M_MISSING_TOKEN","error":"Missing access token"}"#);
    }
}
