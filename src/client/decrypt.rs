//! Bodies of media: checks, decryption and ranges (`spec/msc4097.md`, section 9.4).

use std::ops::Range;

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};

use super::RangeRequest;
use crate::cipher::{KEYSTREAM_BYTES, Key, Keystream, Window, WindowError};
use crate::protocol::{ByteRange, Metadata, MetadataError, decimal, header, is_encoded};

/// The reason why a response does not give the requested bytes. The caller must drop all saved bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The edge does not mark the response, or marks it as another kind of link than the answer promised.
    #[error("the response to the link is not marked as {promised}")]
    OtherLink {
        /// The kind that the answer promised: `encrypted` or `verbatim`.
        promised: &'static str,
    },
    /// The edge's response has no sealed metadata, so the client cannot check the key.
    #[error("the response to the link has no sealed metadata")]
    NoMetadata,
    /// The sealed metadata is malformed, or the key does not open it.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The sealed metadata differs from the answer's, so the link gives another object.
    #[error("the link's metadata differs from the answer's")]
    OtherMetadata,
    /// The response gives another length than the answer.
    #[error(
        "expected an object of {expected_bytes} bytes, but the response describes one of {got_bytes} bytes"
    )]
    OtherSize {
        /// The length according to the answer, or to `Content-Range`.
        expected_bytes: u64,
        /// The length according to the response.
        got_bytes: u64,
    },
    /// `Content-Length` is malformed or repeated.
    #[error("the response's Content-Length is not one number in decimal digits")]
    MalformedLength,
    /// The body has a content coding, although the client asked for `identity`.
    #[error("the body has a content coding that was not asked for")]
    Encoded,
    /// A 206 has another range than the requested one, has none, or no range was requested.
    #[error("the response covers a range that was not asked for")]
    OtherRange,
    /// The homeserver sent only the beginning of the requested range, as RFC 9110 section 15.3.7 allows. The client has to
    /// request the rest as another range.
    #[error(
        "the server offers only the bytes {}-{} of the requested bytes {}-{}",
        .sent.start(), .sent.end() - 1, .asked.start(), .asked.end() - 1
    )]
    ShorterRange {
        /// The bytes that the response has.
        sent: ByteRange,
        /// The bytes of the range, in an object of this length.
        asked: ByteRange,
    },
    /// The server sent the whole object instead of the range, and its length is unknown.
    #[error("the server ignored the range and did not send the length of the media")]
    RangeIgnored,
    /// The object has no byte of the range.
    #[error("the range starts beyond the end of the media{}", of_size(*.size_bytes))]
    BeyondEnd {
        /// The object's length, if known.
        size_bytes: Option<u64>,
    },
    /// The object is longer than a keystream.
    #[error(
        "the object has {size_bytes} bytes, but encrypted delivery is limited to fewer than {KEYSTREAM_BYTES}"
    )]
    TooLong {
        /// The object's length.
        size_bytes: u64,
    },
    /// The body ended early.
    #[error("the body ended after {}", progress(*.got_bytes, *.promised_bytes))]
    Truncated {
        /// The number of bytes received.
        got_bytes: u64,
        /// The length that the body should have, if known.
        promised_bytes: Option<u64>,
    },
    /// The body is too long.
    #[error("the body is longer than the promised {promised_bytes} bytes")]
    Surplus {
        /// The length that the body should have.
        promised_bytes: u64,
    },
}

fn progress(got: u64, promised: Option<u64>) -> String {
    promised.map_or_else(|| format!("{got} bytes"), |promised| format!("{got} of {promised} bytes"))
}

fn of_size(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| format!(" ({bytes} bytes)"))
}

/// A body of media that is being received. It decrypts chunks in place, cuts out the range, and counts bytes.
///
/// **Confidential only, not authenticated.** A changed body of the right length is not noticed.
#[derive(Debug)]
pub struct Body {
    /// `None` if the length is unknown. Then every byte is released.
    window: Option<Window>,
    /// The number of bytes that will be released, if known.
    length: Option<u64>,
    /// Whether the requested bytes are only a part of the body. Then the rest need not be read.
    cut: bool,
    got: u64,
}

impl Body {
    /// Opens the body of the edge's 200 or 206 for a link with a key.
    ///
    /// # Errors
    /// The first broken rule of `spec/msc4097.md`, section 9.4.
    pub fn encrypted(
        status: StatusCode,
        headers: &HeaderMap,
        key: &Key,
        metadata: &Metadata,
        range: Option<&RangeRequest>,
    ) -> Result<Self, BodyError> {
        if unseal(headers, key)? != *metadata {
            return Err(BodyError::OtherMetadata);
        }
        Self::sealed(status, headers, key, metadata, range)
    }

    /// Opens the body of the edge's 200 or 206 for a link with a key that the client derived. Returns also the metadata, which
    /// only the link tells.
    ///
    /// # Errors
    /// The first broken rule of `spec/msc4097.md`, section 9.4, without rule 5.
    pub fn of_session(
        status: StatusCode,
        headers: &HeaderMap,
        key: &Key,
        range: Option<&RangeRequest>,
    ) -> Result<(Self, Metadata), BodyError> {
        let metadata = unseal(headers, key)?;
        let body = Self::sealed(status, headers, key, &metadata, range)?;
        Ok((body, metadata))
    }

    fn sealed(
        status: StatusCode,
        headers: &HeaderMap,
        key: &Key,
        metadata: &Metadata,
        range: Option<&RangeRequest>,
    ) -> Result<Self, BodyError> {
        if metadata.size >= KEYSTREAM_BYTES {
            return Err(BodyError::TooLong { size_bytes: metadata.size });
        }
        Self::open(status, headers, Some(metadata.size), Some(key), range)
    }

    /// Opens the body of the edge's 200 or 206 for a link with `alg: none`.
    ///
    /// # Errors
    /// The first broken rule of `spec/msc4097.md`, section 9.4, without rules 2 to 5.
    pub fn verbatim(
        status: StatusCode,
        headers: &HeaderMap,
        metadata: &Metadata,
        range: Option<&RangeRequest>,
    ) -> Result<Self, BodyError> {
        check_link(headers, "verbatim")?;
        Self::open(status, headers, Some(metadata.size), None, range)
    }

    /// Opens the body of plain media. Only the response gives its length.
    ///
    /// # Errors
    /// The body has a content coding, or its length or range does not fit the request.
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
        if status == StatusCode::PARTIAL_CONTENT {
            let (part, size) = ByteRange::from_content_range(headers).ok_or(BodyError::OtherRange)?;
            same_size(expected, Some(size))?;
            same_size(Some(part.length()), content_length(headers)?)?;
            return match range.and_then(|range| range.resolve(size)) {
                Some(asked) if asked == part => Self::window(part.into(), part.into(), key),
                // An edge gives exactly the range.
                Some(asked)
                    if expected.is_none() && asked.start() == part.start() && asked.end() > part.end() =>
                {
                    Err(BodyError::ShorterRange { sent: part, asked })
                }
                _ => Err(BodyError::OtherRange),
            };
        }
        let body_length = content_length(headers)?;
        same_size(expected, body_length)?;
        // An empty object has no parts, so a 200 is right for every range.
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

    /// Opens a body that has the bytes `covers` of the object, to release the bytes `wanted`.
    fn window(covers: Range<u64>, wanted: Range<u64>, key: Option<&Key>) -> Result<Self, BodyError> {
        let too_long = BodyError::TooLong { size_bytes: wanted.end };
        let cut = wanted != covers;
        let window = Window::onto(covers, wanted, key.map(Keystream::body)).map_err(|_| too_long)?;
        Ok(Self { length: Some(window.length()), window: Some(window), cut, got: 0 })
    }

    /// Returns the number of bytes that will be released, if known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Decrypts the next chunk in place. Returns the range of the chunk to release.
    ///
    /// # Errors
    /// [`BodyError::Surplus`] if the body is too long. The chunk must not be released.
    pub fn push(&mut self, chunk: &mut [u8]) -> Result<Range<usize>, BodyError> {
        let range = match &mut self.window {
            Some(window) => window.push(chunk).map_err(|error| self.broken(error))?,
            None => 0..chunk.len(),
        };
        self.got = self.got.saturating_add(chunk.len() as u64);
        Ok(range)
    }

    /// Returns how many more bytes of the body the caller must read, or `None` if it must read all. After
    /// these bytes the caller may close the connection.
    pub fn wanted(&self) -> Option<u64> {
        self.window.as_ref().filter(|_| self.cut).map(Window::remaining)
    }

    /// Checks the length at the end of the body.
    ///
    /// # Errors
    /// [`BodyError::Truncated`] if bytes are missing.
    pub fn finish(&self) -> Result<(), BodyError> {
        match &self.window {
            Some(window) => window.finish().map_err(|error| self.broken(error)),
            None => Ok(()),
        }
    }

    /// Returns the error for a body that ends here with an error, such as a lost connection.
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

/// Returns the sealed metadata of a link that the edge marks as encrypted.
fn unseal(headers: &HeaderMap, key: &Key) -> Result<Metadata, BodyError> {
    check_link(headers, "encrypted")?;
    let mut sealed = headers.get_all(header::METADATA).iter();
    let first = sealed.next().ok_or(BodyError::NoMetadata)?;
    // With two values, nobody can tell which one counts.
    let only = first.to_str().ok().filter(|_| sealed.next().is_none());
    Ok(Metadata::unseal(only.ok_or(MetadataError::Malformed)?, key)?)
}

/// Checks that the edge marks the link, exactly once, as `promised`.
fn check_link(headers: &HeaderMap, promised: &'static str) -> Result<(), BodyError> {
    if headers.get_all(header::LINK).iter().eq([promised]) {
        return Ok(());
    }
    Err(BodyError::OtherLink { promised })
}

/// Reads `Content-Length`. Returns `None` if it is missing.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, BodyError> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = values.next() else { return Ok(None) };
    // With two values, nobody can tell which one counts.
    let only = first.to_str().ok().filter(|_| values.next().is_none());
    only.and_then(decimal).map(Some).ok_or(BodyError::MalformedLength)
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
