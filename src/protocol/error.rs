//! Matrix errors: `{"errcode": "M_…", "error": "…"}`.

use http::StatusCode;
use serde::Serialize;

/// An error of ours, in the form of the Matrix specification. The homeserver's errors are relayed
/// as they came and never made up here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixError {
    /// The HTTP status it travels under.
    #[serde(skip)]
    pub status: StatusCode,
    /// The machine-readable code.
    pub errcode: &'static str,
    /// A sentence for people.
    pub error: String,
}

impl MatrixError {
    /// An error with a sentence for people.
    pub fn new(status: StatusCode, errcode: &'static str, error: impl Into<String>) -> Self {
        Self { status, errcode, error: error.into() }
    }

    /// 401, the only decision that is ours: without a token the homeserver need not be asked.
    pub fn missing_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", "Missing access token")
    }

    /// 404 for what is not here, whatever the reason.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", "Not found")
    }

    /// The JSON body.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| br#"{"errcode":"M_UNKNOWN","error":""}"#.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_code_and_sentence() {
        let body = MatrixError::missing_token().to_json();
        insta::assert_snapshot!(String::from_utf8(body).unwrap(), @r#"{"errcode":"M_MISSING_TOKEN","error":"Missing access token"}"#);
    }
}
