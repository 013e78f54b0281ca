//! Answers, which clients that opted in get instead of the media (`spec/msc4097.md`, section 5).

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Metadata, OptIn, RedirectToken, WebOrigin};
use crate::cipher::{Algorithm, Key};
use crate::encoding::to_wiped_json;

/// An answer: link, key, expiry and metadata. `Debug` shows neither the link nor the key.
///
/// ```
/// use cloakroom::protocol::{Algorithm, Answer, AnswerError, Delivery, OptIn, Protection, WebOrigin};
///
/// let json = br#"{
///     "url": "https://media.example.net/ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8",
///     "alg": "chacha20",
///     "key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
///     "expires_ts": 1790000000000,
///     "metadata": { "size": 31457280, "content_type": "video/mp4" }
/// }"#;
/// let edge = WebOrigin::parse("https://media.example.net").expect("a web origin");
/// let asked = OptIn { delivery: Delivery::Json, alg: Algorithm::ChaCha20, verbatim: false };
/// let answer = Answer::from_json(json, &edge, &asked)?;
/// assert_eq!(answer.metadata.size, 31_457_280);
/// assert!(matches!(answer.protection, Protection::Encrypted(_)));
///
/// // A link to any other host is refused.
/// let other = WebOrigin::parse("https://media.example.com").expect("a web origin");
/// assert!(matches!(Answer::from_json(json, &other, &asked), Err(AnswerError::ForeignUrl)));
/// # Ok::<(), AnswerError>(())
/// ```
#[derive(Clone)]
pub struct Answer {
    /// The link: `<edge>/<token>`.
    pub url: Zeroizing<String>,
    /// The protection of the link's bytes.
    pub protection: Protection,
    /// The time at which the link ends, in milliseconds since 1970. A response that has started goes on.
    pub expires_ts: u64,
    /// The time from the answer to the end of the link, in milliseconds. Our origin always gives it; others may not.
    pub expires_in_ms: Option<u64>,
    /// The metadata of the object.
    pub metadata: Metadata,
}

/// The `alg` and `key` of an answer.
#[derive(Clone, Debug)]
pub enum Protection {
    /// The link serves ciphertext under this key, which fits this link only.
    Encrypted(Key),
    /// The link serves the bytes as stored: `"alg":"none"`.
    None,
}

impl Protection {
    /// Returns the value of `alg`.
    fn alg(&self) -> &'static str {
        match self {
            Self::Encrypted(key) => key.alg().as_str(),
            Self::None => NO_ALGORITHM,
        }
    }
}

/// The value of `alg` for a link without a key.
const NO_ALGORITHM: &str = "none";

/// The upper bound of times and durations, exclusive, in milliseconds. Every JSON reader represents smaller
/// whole numbers exactly.
const TIME_END_MS: u64 = 1 << 53;

/// The reason why a client must refuse an answer. If several reasons apply, the first one in this list is
/// returned (`spec/msc4097.md`, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The body is longer than [`Answer::MAX_BYTES`] or is not the JSON of an answer.
    #[error("the answer is not the JSON object that the specification defines")]
    Malformed,
    /// The link does not lead to the advertised edge.
    #[error("the answer's link does not lead to the advertised edge")]
    ForeignUrl,
    /// `alg` is neither `none` nor an algorithm that the client named.
    #[error("the answer names an algorithm that was not asked for")]
    UnknownAlgorithm,
    /// `alg` is `none`, but the client did not say `verbatim`.
    #[error("the answer's link is unencrypted, which was not asked for")]
    UnexpectedNone,
    /// The key is missing, is not 32 bytes of base64url, or accompanies `alg: none`.
    #[error(
        "the answer's key does not fit its algorithm: expected 32 bytes in base64url, or no key with 'none'"
    )]
    Key,
}

#[derive(Serialize, Deserialize)]
struct Record {
    url: Zeroizing<String>,
    alg: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Zeroizing<String>>,
    expires_ts: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_in_ms: Option<u64>,
    metadata: Metadata,
}

impl Answer {
    /// Returns the JSON of the answer. It contains the key, so it is wiped on drop.
    pub fn to_json(&self) -> Zeroizing<String> {
        let key = match &self.protection {
            Protection::Encrypted(key) => Some(key.to_base64url()),
            Protection::None => None,
        };
        let record = Record {
            url: self.url.clone(),
            alg: self.protection.alg().to_owned(),
            key,
            expires_ts: self.expires_ts,
            expires_in_ms: self.expires_in_ms,
            metadata: self.metadata.clone(),
        };
        let Metadata { size: _, content_type, content_disposition } = &self.metadata;
        let disposition = content_disposition.as_ref().map_or(0, String::len);
        to_wiped_json(&record, self.url.len() + content_type.len() + disposition)
    }

    /// Returns for how long the link works after the arrival of the answer, in milliseconds.
    ///
    /// `arrived_ms` is the time of the arrival by the client's clock, in milliseconds since 1970. It is used
    /// only if the origin does not give `expires_in_ms`, because a client's clock may be wrong. A player asks
    /// for a new answer after this time. A client must not refuse an answer because of it.
    pub fn works_for_ms(&self, arrived_ms: u64) -> u64 {
        self.expires_in_ms.unwrap_or_else(|| self.expires_ts.saturating_sub(arrived_ms))
    }

    /// The size limit of an answer, in bytes. Our origin's answers have less than 4 KiB: 2 KiB of token, 1
    /// KiB of metadata, the edge's web origin and the key.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Reads an answer and checks the rules of `spec/msc4097.md`, section 5.
    ///
    /// `edge` is the advertised web origin, as [`WebOrigin::parse`] returns it. `opt_in` is what the client asked for: its
    /// algorithm, and `none` if it said `verbatim`. The caller must have checked the header that makes a response an
    /// answer.
    ///
    /// # Errors
    /// The reason why the client must refuse the answer.
    pub fn from_json(json: &[u8], edge: &WebOrigin, opt_in: &OptIn) -> Result<Self, AnswerError> {
        // Serde would also accept a JSON array with the members in order.
        let is_object = json.trim_ascii_start().first() == Some(&b'{');
        if json.len() > Self::MAX_BYTES || !is_object {
            return Err(AnswerError::Malformed);
        }
        let record: Record = serde_json::from_slice(json).map_err(|_| AnswerError::Malformed)?;
        let ends_ms = record.expires_ts.max(record.expires_in_ms.unwrap_or_default());
        if ends_ms >= TIME_END_MS || !record.metadata.fits_an_answer() {
            return Err(AnswerError::Malformed);
        }
        let token = record.url.strip_prefix(edge.as_str()).and_then(|rest| rest.strip_prefix('/'));
        if token.is_none_or(|token| RedirectToken::parse(token).is_err()) {
            return Err(AnswerError::ForeignUrl);
        }
        let protection = match (record.alg.as_str(), &record.key) {
            (NO_ALGORITHM, _) if !opt_in.verbatim => return Err(AnswerError::UnexpectedNone),
            (NO_ALGORITHM, None) => Protection::None,
            (NO_ALGORITHM, Some(_)) => return Err(AnswerError::Key),
            (alg, key) => {
                let alg = Algorithm::parse(alg).filter(|alg| *alg == opt_in.alg);
                let alg = alg.ok_or(AnswerError::UnknownAlgorithm)?;
                let key = key.as_ref().and_then(|key| Key::from_base64url(alg, key));
                Protection::Encrypted(key.ok_or(AnswerError::Key)?)
            }
        };
        let Record { url, expires_ts, expires_in_ms, metadata, .. } = record;
        Ok(Self { url, protection, expires_ts, expires_in_ms, metadata })
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url: _, protection, expires_ts, expires_in_ms, metadata } = self;
        f.debug_struct("Answer")
            .field("alg", &protection.alg())
            .field("expires_ts", expires_ts)
            .field("expires_in_ms", expires_in_ms)
            .field("metadata", metadata)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Delivery;

    const EDGE: &str = "https://media.example.net";

    fn answer() -> Answer {
        Answer {
            url: Zeroizing::new(format!("{EDGE}/{}", "A".repeat(43))),
            protection: Protection::Encrypted(Key::chacha20([0xab; 32])),
            expires_ts: 1_790_000_000_000,
            expires_in_ms: None,
            metadata: Metadata { size: 5, content_type: "image/png".to_owned(), content_disposition: None },
        }
    }

    fn read(json: &str, edge: &str, verbatim: bool) -> Result<Answer, AnswerError> {
        let opt_in = OptIn { delivery: Delivery::Json, alg: Algorithm::ChaCha20, verbatim };
        Answer::from_json(json.as_bytes(), &WebOrigin::parse(edge).unwrap(), &opt_in)
    }

    #[test]
    fn the_wire_form() {
        let json = answer().to_json();
        insta::assert_snapshot!(*json, @r#"{"url":"https://media.example.net/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","alg":"chacha20","key":"q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s","expires_ts":1790000000000,"metadata":{"size":5,"content_type":"image/png"}}"#);
        assert_eq!(read(&json, EDGE, false).unwrap().to_json(), json);
        let none = Answer { protection: Protection::None, ..answer() }.to_json();
        assert_eq!(read(&none, EDGE, true).unwrap().to_json(), none);
        assert_eq!(read(&none, EDGE, false).unwrap_err(), AnswerError::UnexpectedNone);
    }

    #[test]
    fn a_link_to_another_origin_is_refused() {
        let json = answer().to_json();
        for edge in ["https://media.example.ne", "https://media.example.net:8443", "https://other"] {
            assert_eq!(read(&json, edge, false).unwrap_err(), AnswerError::ForeignUrl, "{edge}");
        }
        let traversal = json.replace("net/A", "net/../A");
        assert_eq!(read(&traversal, EDGE, false).unwrap_err(), AnswerError::ForeignUrl);
        let insecure = json.replace("https:", "http:");
        assert_eq!(read(&insecure, EDGE, false).unwrap_err(), AnswerError::ForeignUrl);
        for loopback in ["http://localhost:8787", "http://127.0.0.1", "http://[::1]:1"] {
            assert!(read(&json.replace(EDGE, loopback), loopback, false).is_ok());
        }
    }

    #[test]
    fn keys_and_algorithms() {
        let json = answer().to_json();
        assert_eq!(
            read(&json.replace("chacha20", "x"), EDGE, true).unwrap_err(),
            AnswerError::UnknownAlgorithm
        );
        assert_eq!(read(&json.replace("q6ur", ""), EDGE, true).unwrap_err(), AnswerError::Key);
        assert_eq!(read(&json.replace("chacha20", "none"), EDGE, true).unwrap_err(), AnswerError::Key);
        let unasked = read(&json.replace("chacha20", "none"), EDGE, false);
        assert_eq!(unasked.unwrap_err(), AnswerError::UnexpectedNone);
        assert_eq!(read("{}", EDGE, true).unwrap_err(), AnswerError::Malformed);
    }

    #[test]
    fn the_duration_takes_precedence_over_the_clock() {
        let until = answer();
        assert_eq!(until.works_for_ms(1_789_999_999_000), 1000);
        assert_eq!(until.works_for_ms(1_790_000_000_001), 0);
        let lasting = Answer { expires_in_ms: Some(300_000), ..answer() };
        assert_eq!(lasting.works_for_ms(1_790_000_000_001), 300_000);
        assert_eq!(read(&lasting.to_json(), EDGE, false).unwrap().expires_in_ms, Some(300_000));
    }

    #[test]
    fn debug_shows_neither_link_nor_key() {
        let shown = format!("{:?}", answer());
        insta::assert_snapshot!(shown, @r#"Answer { alg: "chacha20", expires_ts: 1790000000000, expires_in_ms: None, metadata: Metadata { size: 5, content_type: "image/png", content_disposition: None }, .. }"#);
    }
}
