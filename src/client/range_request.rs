//! The range of bytes that a client requests.

use std::str::FromStr;

use http::header::RANGE;
use http::{HeaderMap, HeaderValue};

use crate::protocol::{ByteRange, Requested, decimal};

/// The reason why a text is not a range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeRequestError {
    /// Not `START-END`, `START-` or `-COUNT`.
    #[error("expected START-END (inclusive), START- or -COUNT, in bytes: 0-1023, 1024-, -500")]
    Form,
    /// `9-5`.
    #[error("the end lies before the start")]
    EndBeforeStart,
}

/// A range of an object of unknown length: `0-1023`, `1024-` or `-500`.
///
/// ```
/// use cloakroom::client::{RangeRequest, RangeRequestError};
/// use cloakroom::protocol::ByteRange;
///
/// let last: RangeRequest = "-500".parse()?;
/// assert_eq!(last.to_header().expect("a header"), "bytes=-500");
///
/// // The same range of a long and of a short object; an empty one has none of its bytes.
/// assert_eq!(last.resolve(2000), ByteRange::new(1500, 2000));
/// assert_eq!(last.resolve(300), ByteRange::new(0, 300));
/// assert_eq!(last.resolve(0), None);
///
/// assert_eq!("5-2".parse::<RangeRequest>(), Err(RangeRequestError::EndBeforeStart));
/// # Ok::<(), RangeRequestError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeRequest(HeaderMap);

impl RangeRequest {
    /// Returns the value of the `Range` header (RFC 9110 section 14.2): `bytes=0-1023`.
    pub fn to_header(&self) -> Option<HeaderValue> {
        self.0.get(RANGE).cloned()
    }

    /// Returns the range for an object of `size` bytes, or `None` if the object has no byte of it.
    ///
    /// The edge reads the header with the same code, so both sides agree.
    pub fn resolve(&self, size: u64) -> Option<ByteRange> {
        match Requested::from_headers(&self.0, size) {
            Requested::Part(range) => Some(range),
            Requested::Whole | Requested::Unsatisfiable => None,
        }
    }
}

impl FromStr for RangeRequest {
    type Err = RangeRequestError;

    fn from_str(text: &str) -> Result<Self, RangeRequestError> {
        let value = HeaderValue::from_str(&format!("bytes={text}")).map_err(|_| RangeRequestError::Form)?;
        let range = Self(HeaderMap::from_iter([(RANGE, value)]));
        // A valid range has bytes in the longest possible object.
        if range.resolve(u64::MAX).is_some() { Ok(range) } else { Err(why_not(text)) }
    }
}

/// Says what is wrong with a text that is not a range.
fn why_not(text: &str) -> RangeRequestError {
    let ends = text.split_once('-').and_then(|(start, end)| decimal::<u64>(start).zip(decimal::<u64>(end)));
    match ends {
        Some((start, end)) if end < start => RangeRequestError::EndBeforeStart,
        _ => RangeRequestError::Form,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_object() {
        let resolve = |text: &str, size| text.parse::<RangeRequest>().unwrap().resolve(size);
        assert_eq!(resolve("0-99", 1000), ByteRange::new(0, 100));
        assert_eq!(resolve("100-", 1000), ByteRange::new(100, 1000));
        assert_eq!(resolve("-100", 1000), ByteRange::new(900, 1000));
        assert_eq!(resolve("990-5000", 1000), ByteRange::new(990, 1000));
        assert_eq!(resolve("1000-", 1000), None);
        assert_eq!(resolve("0-", 0), None);
    }

    #[test]
    fn the_header() {
        assert_eq!("5-9".parse::<RangeRequest>().unwrap().to_header().unwrap(), "bytes=5-9");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "-", "5", "a-b", "0-1,5-6", "-0", "0x1-2", "1-2\n", "99999999999999999999-"] {
            assert_eq!(text.parse::<RangeRequest>(), Err(RangeRequestError::Form), "{text:?}");
        }
        assert_eq!("9-5".parse::<RangeRequest>(), Err(RangeRequestError::EndBeforeStart));
    }
}
