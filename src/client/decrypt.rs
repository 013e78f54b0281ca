//! The last step: the body that arrives becomes the bytes that were asked for.

use std::ops::Range;

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};

use super::RangeRequest;
use crate::cipher::{KEYSTREAM_BYTES, Key, Keystream, Window, WindowError};
use crate::protocol::{ByteRange, Metadata, MetadataError, decimal, header, is_encoded};

/// Why a body cannot be turned into what was asked for. Whatever was saved of it must be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The edge says that the body is something else than the answer promised.
    #[error("the response to the link is not marked as {promised}")]
    OtherLink {
        /// What the answer promised: `encrypted` or `verbatim`.
        promised: &'static str,
    },
    /// The edge's response has no sealed metadata: it cannot be told whether the key fits.
    #[error("the response to the link has no sealed metadata")]
    NoMetadata,
    /// The sealed metadata does not open: the key is not this link's.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The sealed metadata is not the answer's: the link gives another object.
    #[error("the link's metadata differs from the answer's")]
    OtherMetadata,
    /// The body's length is not the promised one.
    #[error(
        "expected an object of {expected_bytes} bytes, but the response describes one of {got_bytes} bytes"
    )]
    OtherSize {
        /// As the answer says.
        expected_bytes: u64,
        /// As the response says.
        got_bytes: u64,
    },
    /// Compressed or otherwise coded, although identity was asked for.
    #[error("the body has a content coding that was not asked for")]
    Encoded,
    /// A 206 whose range is not the one that was asked for, or that nobody asked for.
    #[error("the response covers a range that was not asked for")]
    OtherRange,
    /// The whole came instead of a range, and its length is not known.
    #[error("the server ignored the range and did not send the length of the media")]
    RangeIgnored,
    /// The object has none of the bytes that were asked for.
    #[error("the range starts beyond the end of the media{}", of_size(*.size_bytes))]
    BeyondEnd {
        /// The object's length, where it is known.
        size_bytes: Option<u64>,
    },
    /// The object is longer than any that may be encrypted.
    #[error(
        "the object has {size_bytes} bytes, but encrypted delivery is limited to fewer than {KEYSTREAM_BYTES}"
    )]
    TooLong {
        /// The object's length.
        size_bytes: u64,
    },
    /// The body ended before its promised length.
    #[error("the body ended after {}", progress(*.got_bytes, *.promised_bytes))]
    Truncated {
        /// Bytes received.
        got_bytes: u64,
        /// Bytes promised, where a length was.
        promised_bytes: Option<u64>,
    },
    /// The body is longer than promised.
    #[error("the body is longer than the promised {promised_bytes} bytes")]
    Surplus {
        /// Bytes promised.
        promised_bytes: u64,
    },
}

fn progress(got: u64, promised: Option<u64>) -> String {
    promised.map_or_else(|| format!("{got} bytes"), |promised| format!("{got} of {promised} bytes"))
}

fn of_size(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| format!(" ({bytes} bytes)"))
}

/// A body that is coming in: decrypts it in place, cuts out the range, counts.
///
/// **Confidential only, not authenticated**: a body of the right length is taken for right.
#[derive(Debug)]
pub struct Body {
    /// `None` where the length is not known: everything is handed on until the body ends.
    window: Option<Window>,
    /// Bytes the window releases in all.
    length: Option<u64>,
    /// Whether the window is only a part of the body, so that the rest need not be read.
    cut: bool,
    got: u64,
}

impl Body {
    /// The body of the edge's 200 or 206 to a link with a key.
    ///
    /// # Errors
    /// Before any byte is released: a link of another kind; metadata that is missing, does not open with the key or is not
    /// the answer's; another length; another range.
    pub fn encrypted(
        status: StatusCode,
        headers: &HeaderMap,
        key: &Key,
        metadata: &Metadata,
        range: Option<&RangeRequest>,
    ) -> Result<Self, BodyError> {
        check_link(headers, "encrypted")?;
        let mut sealed = headers.get_all(header::METADATA).iter();
        let first = sealed.next().ok_or(BodyError::NoMetadata)?;
        // Of two values nobody can say which one counts.
        let only = first.to_str().ok().filter(|_| sealed.next().is_none());
        if Metadata::unseal(only.ok_or(MetadataError::Malformed)?, key)? != *metadata {
            return Err(BodyError::OtherMetadata);
        }
        if metadata.size >= KEYSTREAM_BYTES {
            return Err(BodyError::TooLong { size_bytes: metadata.size });
        }
        Self::open(status, headers, Some(metadata.size), Some(key), range)
    }

    /// Opens the body of the edge's 200 or 206 to a link with `alg: none`.
    ///
    /// # Errors
    /// Before any byte is released: a link of another kind; another length; another range.
    pub fn verbatim(
        status: StatusCode,
        headers: &HeaderMap,
        metadata: &Metadata,
        range: Option<&RangeRequest>,
    ) -> Result<Self, BodyError> {
        check_link(headers, "verbatim")?;
        Self::open(status, headers, Some(metadata.size), None, range)
    }

    /// Opens the body of plain media, whose length only the response tells.
    ///
    /// # Errors
    /// Before any byte is released: a content coding; another range.
    pub fn plain(
        status: StatusCode,
        headers: &HeaderMap,
        range: Option<&RangeRequest>,
    ) -> Result<Self, BodyError> {
        Self::open(status, headers, None, None, range)
    }

    fn open(
        status: StatusCode,
        headers: &HeaderMap,
        expected: Option<u64>,
        key: Option<&Key>,
        range: Option<&RangeRequest>,
    ) -> Result<Self, BodyError> {
        if is_encoded(headers) {
            return Err(BodyError::Encoded);
        }
        let body_length = headers.get(CONTENT_LENGTH).and_then(|value| decimal(value.to_str().ok()?));
        if status == StatusCode::PARTIAL_CONTENT {
            let (part, size) = ByteRange::from_content_range(headers).ok_or(BodyError::OtherRange)?;
            same_size(expected, Some(size))?;
            same_size(Some(part.length()), body_length)?;
            if range.and_then(|range| range.resolve(size)) != Some(part) {
                return Err(BodyError::OtherRange);
            }
            return Self::window(part.into(), part.into(), key);
        }
        same_size(expected, body_length)?;
        // An empty object has no part: it comes whole, whatever was asked for.
        let range = range.filter(|_| expected.or(body_length) != Some(0));
        match (range, expected.or(body_length)) {
            (None, None) => Ok(Self { window: None, length: None, cut: false, got: 0 }),
            (None, Some(size)) => Self::window(0..size, 0..size, key),
            (Some(_), None) => Err(BodyError::RangeIgnored),
            (Some(range), Some(size)) => {
                let part = range.resolve(size).ok_or(BodyError::BeyondEnd { size_bytes: Some(size) })?;
                Self::window(0..size, part.into(), key)
            }
        }
    }

    /// The bytes `wanted` of the object, out of a body that has the bytes `covers` of it.
    fn window(covers: Range<u64>, wanted: Range<u64>, key: Option<&Key>) -> Result<Self, BodyError> {
        let too_long = BodyError::TooLong { size_bytes: wanted.end };
        let cut = wanted != covers;
        let window = Window::onto(covers, wanted, key.map(Keystream::body)).map_err(|_| too_long)?;
        Ok(Self { length: Some(window.length()), window: Some(window), cut, got: 0 })
    }

    /// How many bytes will be released, where that is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Takes the next chunk, decrypts it in place, and returns the range of it to hand on.
    ///
    /// # Errors
    /// `Surplus`: the chunk must not be handed on.
    pub fn push(&mut self, chunk: &mut [u8]) -> Result<Range<usize>, BodyError> {
        let range = match &mut self.window {
            Some(window) => window.push(chunk).map_err(|error| self.broken(error))?,
            None => 0..chunk.len(),
        };
        self.got = self.got.saturating_add(chunk.len() as u64);
        Ok(range)
    }

    /// How many more bytes are of use; `None` if all that come are. A reader that has them may
    /// leave: the rest of the body is not asked for.
    pub fn wanted(&self) -> Option<u64> {
        self.window.as_ref().filter(|_| self.cut).map(Window::remaining)
    }

    /// The body ended in good order.
    ///
    /// # Errors
    /// `Truncated` if bytes are missing.
    pub fn finish(&self) -> Result<(), BodyError> {
        match &self.window {
            Some(window) => window.finish().map_err(|error| self.broken(error)),
            None => Ok(()),
        }
    }

    /// The error of a body that broke off here, by a lost connection for one.
    pub fn broken_off(&self) -> BodyError {
        let promised_bytes = self.window.as_ref().map(|window| self.got.saturating_add(window.remaining()));
        BodyError::Truncated { got_bytes: self.got, promised_bytes }
    }

    fn broken(&self, error: WindowError) -> BodyError {
        match error {
            WindowError::Truncated { .. } => self.broken_off(),
            WindowError::Surplus { promised } => BodyError::Surplus { promised_bytes: promised },
            WindowError::Keystream(end) => BodyError::TooLong { size_bytes: end.offset },
        }
    }
}

/// Checks what the edge says of the link, if it says anything: version 1 of the protocol does not demand it.
fn check_link(headers: &HeaderMap, promised: &'static str) -> Result<(), BodyError> {
    if headers.get_all(header::LINK).iter().all(|said| said == promised) {
        return Ok(());
    }
    Err(BodyError::OtherLink { promised })
}

fn same_size(expected: Option<u64>, got: Option<u64>) -> Result<(), BodyError> {
    match (expected, got) {
        (Some(expected_bytes), Some(got_bytes)) if expected_bytes != got_bytes => {
            Err(BodyError::OtherSize { expected_bytes, got_bytes })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
