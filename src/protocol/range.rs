//! Byte ranges (RFC 9110 section 14).

use std::ops::Range;

use http::header::{CONTENT_RANGE, RANGE};
use http::{HeaderMap, HeaderValue};

use super::decimal;

/// A range of an object's bytes, `start..end`. It is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    start: u64,
    end: u64,
}

impl From<ByteRange> for Range<u64> {
    fn from(range: ByteRange) -> Self {
        range.start..range.end
    }
}

impl ByteRange {
    /// Returns the range `start..end`, or `None` if it has no bytes.
    pub fn new(start: u64, end: u64) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Returns the offset of the first byte.
    pub fn start(self) -> u64 {
        self.start
    }

    /// Returns the offset after the last byte.
    pub fn end(self) -> u64 {
        self.end
    }

    /// Returns the bytes that both ranges share, or `None` if they share none.
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Returns the number of bytes, which is at least one.
    pub fn length(self) -> u64 {
        self.end - self.start
    }

    /// Returns the value of a `Range` header: `bytes=start-last`.
    pub fn to_range_header(self) -> String {
        format!("bytes={}-{}", self.start, self.end - 1)
    }

    /// Returns the value of a `Content-Range` header for a 206: `bytes start-last/size`.
    pub fn to_content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.end - 1)
    }

    /// Reads the `Content-Range` of a 206: the range, and the length of the whole object in bytes. Returns
    /// `None` if the header is missing, malformed or repeated, or does not give the length.
    pub fn from_content_range(headers: &HeaderMap) -> Option<(Self, u64)> {
        let mut values = headers.get_all(CONTENT_RANGE).iter();
        let only = values.next().filter(|_| values.next().is_none())?;
        let (unit, range) = only.to_str().ok()?.trim().split_once(' ')?;
        let (range, size) = range.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last, size): (u64, u64, u64) = (decimal(first)?, decimal(last)?, decimal(size)?);
        let range = Self::new(first, last.checked_add(1)?)?;
        (unit.eq_ignore_ascii_case("bytes") && range.end <= size).then_some((range, size))
    }
}

/// The result of applying a `Range` header to an object of known size (`spec/msc4097.md`, section 8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// 200: there is no range, there are several, it is malformed, has another unit, or the object is empty.
    Whole,
    /// 206: one range, cut at the end of the object.
    Part(ByteRange),
    /// 416: the range has none of the object's bytes, and the object is not empty.
    Unsatisfiable,
}

impl Requested {
    /// Applies the `Range` header of a request to an object of `size` bytes.
    pub fn from_headers(headers: &HeaderMap, size: u64) -> Self {
        // RFC 9110 calls every range of an empty object unsatisfiable. But players and HTTP clients ask for
        // `bytes=0-` of everything, and an empty object is not an error.
        if size == 0 {
            return Self::Whole;
        }
        // Not `headers::Range`: it reads `bytes=a-b` as a range, and a suffix longer than the object as
        // unsatisfiable.
        let range = headers.get(RANGE).and_then(|value| value.to_str().ok()).and_then(one_range);
        let (start, end) = match range {
            Some((Some(first), Some(last))) => (first, last.saturating_add(1).min(size)),
            Some((Some(first), None)) => (first, size),
            Some((None, Some(suffix))) => (size.saturating_sub(suffix), size),
            Some((None, None)) | None => return Self::Whole,
        };
        ByteRange::new(start, end).map_or(Self::Unsatisfiable, Self::Part)
    }

    /// Returns the `Range` header if it asks for one range of bytes. Any other `Range` gets the whole object.
    pub fn one_range(headers: &HeaderMap) -> Option<&HeaderValue> {
        headers.get(RANGE).filter(|value| value.to_str().ok().and_then(one_range).is_some())
    }
}

/// Reads `bytes=first-last`, `bytes=first-` or `bytes=-suffix`. Returns `None` for anything else.
fn one_range(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = header.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    let (first, last) = match (first, last) {
        ("", suffix) => (None, Some(Offset::parse(suffix)?)),
        (first, "") => (Some(Offset::parse(first)?), None),
        (first, last) => (Some(Offset::parse(first)?), Some(Offset::parse(last)?)),
    };
    if matches!((first, last), (Some(first), Some(last)) if first > last) {
        return None;
    }
    let range = (first.map(Offset::saturated), last.map(Offset::saturated));
    unit.trim().eq_ignore_ascii_case("bytes").then_some(range)
}

/// A decimal number of any length. `digits` has no leading zeros, so comparing first the lengths and then
/// the digits compares the numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Offset<'a> {
    length: usize,
    digits: &'a str,
}

impl<'a> Offset<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let digits = text.trim_start_matches('0');
        let valid = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        valid.then_some(Self { length: digits.len(), digits })
    }

    /// Returns the number, or the largest 64-bit number if it is larger: both lie beyond the end of every
    /// object.
    fn saturated(self) -> u64 {
        if self.digits.is_empty() { 0 } else { decimal(self.digits).unwrap_or(u64::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(range: &str, size: u64) -> Requested {
        let mut headers = HeaderMap::new();
        headers.insert("range", range.parse().unwrap());
        Requested::from_headers(&headers, size)
    }

    fn part(start: u64, end: u64) -> Requested {
        Requested::Part(ByteRange::new(start, end).unwrap())
    }

    #[test]
    fn one_range_is_cut_to_the_object() {
        assert_eq!(requested("bytes=0-", 1000), part(0, 1000));
        assert_eq!(requested("bytes=0-99", 1000), part(0, 100));
        assert_eq!(requested("bytes=100-", 1000), part(100, 1000));
        assert_eq!(requested("bytes=-100", 1000), part(900, 1000));
        assert_eq!(requested("bytes=-2000", 1000), part(0, 1000));
        assert_eq!(requested("bytes=0-1", 1000), part(0, 2));
        assert_eq!(requested("bytes=990-5000", 1000), part(990, 1000));
        assert_eq!(requested("bytes=1-99999999999999999999", 1000), part(1, 1000));
        assert_eq!(requested("bytes=0000000000000000000001-2", 1000), part(1, 3));
        assert_eq!(requested("bytes=00-0", 1000), part(0, 1));
    }

    #[test]
    fn no_range_is_empty() {
        assert_eq!(ByteRange::new(5, 5), None);
        assert_eq!(ByteRange::new(6, 5), None);
        assert_eq!(ByteRange::new(0, 0), None);
        let range = ByteRange::new(0, 5).unwrap();
        assert_eq!((range.start(), range.end(), range.length()), (0, 5, 5));
    }

    #[test]
    fn any_range_of_an_empty_object_is_the_whole() {
        for range in ["bytes=0-", "bytes=-5", "bytes=0-0", "bytes=5-", "bytes=-0", "bytes=a-b"] {
            assert_eq!(requested(range, 0), Requested::Whole, "{range}");
        }
    }

    #[test]
    fn any_other_range_is_the_whole() {
        for range in [
            "bytes=0-1,5-6",
            "bytes=0-1,",
            "items=0-1",
            "bytes=a-b",
            "bytes",
            "bytes=5-2",
            "bytes=99999999999999999999-88888888888888888888",
            "bytes=100000000000000000000-99999999999999999999",
            "bytes=-",
            "bytes=+1-2",
            "",
        ] {
            assert_eq!(requested(range, 1000), Requested::Whole, "{range}");
        }
        assert_eq!(Requested::from_headers(&HeaderMap::new(), 10), Requested::Whole);
    }

    #[test]
    fn a_range_beyond_the_end_is_unsatisfiable() {
        for range in [
            "bytes=1000-",
            "bytes=-0",
            "bytes=2000-3000",
            "bytes=99999999999999999999-",
            "bytes=88888888888888888888-99999999999999999999",
        ] {
            assert_eq!(requested(range, 1000), Requested::Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn wire_forms() {
        let range = ByteRange::new(5, 10).unwrap();
        assert_eq!(range.to_range_header(), "bytes=5-9");
        assert_eq!(range.to_content_range(99), "bytes 5-9/99");
        let mut headers = HeaderMap::new();
        headers.insert("content-range", "bytes 5-9/99".parse().unwrap());
        assert_eq!(ByteRange::from_content_range(&headers), Some((range, 99)));
        headers.insert("content-range", "Bytes 5-9/10".parse().unwrap());
        assert_eq!(ByteRange::from_content_range(&headers), Some((range, 10)), "units have no case");
        for bad in [
            "bytes 5-9/*",
            "bytes */99",
            "bytes 9-5/99",
            "bytes 5-99/99",
            "bytes +5-9/99",
            "bytes 5-+9/99",
            "bytes 5-9/+99",
            "bytes 5 -9/99",
            "bytes 0-18446744073709551615/18446744073709551615",
            "items 5-9/99",
            "bytes",
            "x",
        ] {
            headers.insert("content-range", bad.parse().unwrap());
            assert_eq!(ByteRange::from_content_range(&headers), None, "{bad}");
        }
        headers.insert("content-range", "bytes 5-9/99".parse().unwrap());
        headers.append("content-range", "bytes 5-9/99".parse().unwrap());
        assert_eq!(ByteRange::from_content_range(&headers), None, "nobody can say which one counts");
    }
}
