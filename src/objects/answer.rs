//! Classifies the homeserver's responses to requests for media: one table for every kind of request.

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};

use crate::protocol::{ascii_reference, is_encoded};

/// The kind of request that the homeserver got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `GET` of the whole object.
    Get,
    /// `GET` with a `Range`.
    GetRange,
    /// `HEAD`.
    Head,
    /// `HEAD` with `If-None-Match`.
    ConditionalHead,
}

/// What a response of the homeserver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The whole object or, in response to a `HEAD`, its headers.
    Whole,
    /// A part of the object, even if the request asked for none.
    Part,
    /// The object has not changed.
    NotModified,
    /// A redirect to the object, with a `Location`.
    Elsewhere,
    /// An error of the homeserver.
    Error,
    /// Media in a content coding that we did not ask for and that the platform does not decode. The other
    /// headers do not describe such bytes.
    Encoded,
    /// Neither media nor a redirect nor an error. The client gets a 502.
    Nonsense,
}

/// Classifies a response by its status and headers (specification section 8.1).
pub fn judge(asked: Asked, status: StatusCode, headers: &HeaderMap) -> Answer {
    let is_get = matches!(asked, Asked::Get | Asked::GetRange);
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT if is_get && is_encoded(headers) => Answer::Encoded,
        StatusCode::OK => Answer::Whole,
        StatusCode::PARTIAL_CONTENT if is_get => Answer::Part,
        StatusCode::NOT_MODIFIED if asked == Asked::ConditionalHead => Answer::NotModified,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
            if headers.get(LOCATION).and_then(ascii_reference).is_some() =>
        {
            Answer::Elsewhere
        }
        status if status.is_client_error() || status.is_server_error() => Answer::Error,
        _ => Answer::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::CONTENT_ENCODING;

    use super::*;

    /// One row of the table: a status, and what it means after a `GET`, a `GET` with `Range`, a `HEAD` and a
    /// conditional `HEAD`.
    type Row = (u16, [Answer; 4]);

    const ASKED: [Asked; 4] = [Asked::Get, Asked::GetRange, Asked::Head, Asked::ConditionalHead];

    #[test]
    fn every_status_after_every_kind_of_request() {
        use Answer::{Elsewhere, Error, Nonsense, NotModified, Part, Whole};
        let rows: [Row; 5] = [
            (200, [Whole; 4]),
            (206, [Part, Part, Nonsense, Nonsense]),
            (304, [Nonsense, Nonsense, Nonsense, NotModified]),
            (307, [Elsewhere; 4]),
            (308, [Elsewhere; 4]),
        ];
        let nonsense = [201, 202, 203, 204, 205, 207, 226, 299, 300, 301, 302, 303, 305, 306, 399];
        let errors = [400, 401, 403, 404, 405, 410, 416, 429, 451, 500, 501, 502, 503, 504, 599];
        let rows = rows.into_iter();
        let rows = rows.chain(nonsense.map(|status| (status, [Nonsense; 4])));
        let location = HeaderMap::from_iter([(LOCATION, "https://s3.example/x".parse().unwrap())]);
        for (status, answers) in rows.chain(errors.map(|status| (status, [Error; 4]))) {
            for (asked, answer) in ASKED.into_iter().zip(answers) {
                let status = StatusCode::from_u16(status).unwrap();
                assert_eq!(judge(asked, status, &location), answer, "{status} to {asked:?}");
            }
        }
        for asked in ASKED {
            for status in [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT] {
                assert_eq!(judge(asked, status, &HeaderMap::new()), Nonsense, "without Location");
                let lost = HeaderValue::from_bytes("https://s3.example/\u{fffd}".as_bytes()).unwrap();
                let unreadable = HeaderMap::from_iter([(LOCATION, lost)]);
                assert_eq!(judge(asked, status, &unreadable), Nonsense, "nobody can say where");
            }
        }
    }

    #[test]
    fn content_codings() {
        for (coding, encoded) in [
            ("identity", false),
            ("Identity", false),
            ("gzip", true),
            ("deflate", true),
            ("zstd", true),
            ("gzip, br", true),
            ("identity, x-any", true),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, coding.parse().unwrap())]);
            let expected = if encoded { Answer::Encoded } else { Answer::Whole };
            assert_eq!(judge(Asked::Get, StatusCode::OK, &headers), expected, "{coding}");
            assert_eq!(judge(Asked::Head, StatusCode::OK, &headers), Answer::Whole, "a HEAD has no body");
        }
    }
}
