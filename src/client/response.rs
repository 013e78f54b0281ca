//! What the head of a response to a request for media means: the table of the specification, section 9.3.

use http::header::{CONTENT_RANGE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};

use super::request::Trail;
use super::{Body, BodyError, ClientError, Party, RangeRequest};
use crate::protocol::{Delivery, decimal, field_text, header};

/// What a request for media asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Whether the client opted in.
    pub opted_in: bool,
    /// The delivery of the answer that the client asked for.
    pub delivery: Option<Delivery>,
    pub range: Option<&'a RangeRequest>,
}

/// What comes next.
pub(super) enum Meaning {
    /// The body is an answer of the delivery that was asked for.
    Answer,
    /// The body is the media.
    Media {
        body: Body,
        /// The origin's reason for plain media, if it gives one to a client that opted in.
        plain_reason: Option<String>,
    },
    /// The media is elsewhere.
    Redirect(Trail),
    /// The media has no bytes, and so no range: ask the same server without it.
    Empty(Trail),
    /// The body is the homeserver's error.
    Error { retry_after_secs: Option<u64> },
}

/// Understands the head of a response. `trail` is where it comes from.
///
/// # Errors
/// Whatever ends the download here.
pub(super) fn understand(
    asked: Asked<'_>,
    trail: Trail,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Meaning, ClientError> {
    // Elsewhere the header means nothing: only the homeserver gives answers.
    let is_homeserver = trail.party == Party::Homeserver;
    if is_homeserver && headers.contains_key(header::ANSWER) {
        let fits = asked.delivery.is_some_and(|delivery| is_answer(delivery, status, headers));
        return if fits { Ok(Meaning::Answer) } else { Err(ClientError::UnaskedAnswer) };
    }
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
            let said = headers.get(header::PLAIN).filter(|_| is_homeserver && asked.opted_in);
            Ok(Meaning::Media {
                body: Body::plain(status, headers, asked.range)?,
                plain_reason: said.map(|said| field_text(said).into_owned()),
            })
        }
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => trail.hop(headers).map(Meaning::Redirect),
        StatusCode::RANGE_NOT_SATISFIABLE if asked.range.is_some() => match size_of_unsatisfied(headers) {
            Some(0) => Ok(Meaning::Empty(trail)),
            size_bytes => Err(BodyError::BeyondEnd { size_bytes }.into()),
        },
        _ if is_homeserver => Ok(Meaning::Error { retry_after_secs: number(headers, &RETRY_AFTER) }),
        _ => Err(ClientError::Elsewhere { origin: trail.origin, status }),
    }
}

/// Whether this is an answer as it was asked for. The header comes once: of two values nobody can say which one counts.
fn is_answer(delivery: Delivery, status: StatusCode, headers: &HeaderMap) -> bool {
    let expected = match delivery {
        Delivery::Redirect => StatusCode::TEMPORARY_REDIRECT,
        Delivery::Json => StatusCode::OK,
    };
    status == expected && headers.get_all(header::ANSWER).iter().eq([delivery.as_str()])
}

/// Returns the object's length as a 416 tells it, exactly once: `Content-Range: bytes */1234`.
pub(super) fn size_of_unsatisfied(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(CONTENT_RANGE).iter();
    let only = values.next().filter(|_| values.next().is_none())?;
    let (unit, size) = only.to_str().ok()?.trim().split_once(" */")?;
    decimal(size).filter(|_| unit.eq_ignore_ascii_case("bytes"))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    decimal(headers.get(name)?.to_str().ok()?.trim())
}
