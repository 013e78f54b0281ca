//! Why a request is sent.

use http::StatusCode;

use super::NotAdvertised;
use crate::protocol::AnswerError;

/// Why a request is sent: a sentence for whoever watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The first request.
    #[error("asking the homeserver for its edge")]
    Start,
    /// The user does not want to opt in.
    #[error("asking for plain media")]
    PlainRequested,
    /// The homeserver advertises encrypted delivery.
    #[error("asking for encrypted delivery")]
    Advertised,
    /// It does not.
    #[error("asking for plain media: {0}")]
    NotAdvertised(NotAdvertised),
    /// An answer came.
    #[error("following the answer's link")]
    Answered,
    /// The link gave 404 or 409.
    #[error("asking for a new answer: the link returned {}", .0.as_u16())]
    LinkGone(StatusCode),
    /// So did the link of the new answer.
    #[error("asking for plain media: the new link returned {} too", .0.as_u16())]
    LinkGoneAgain(StatusCode),
    /// The link gave 502 or 504: the edge cannot get the object.
    #[error("asking for plain media: the link returned {}", .0.as_u16())]
    EdgeFailed(StatusCode),
    /// The answer's link leads to an edge that is not the advertised one, which may have changed.
    #[error("asking the homeserver for its edge again: the answer's link leads to a different edge")]
    OtherEdge,
    /// The answer was refused.
    #[error("asking for plain media: {0}")]
    AnswerRefused(AnswerError),
    /// A plain redirect.
    #[error("following a redirect")]
    Redirected,
    /// The range was refused with 416, and the media have no bytes at all.
    #[error("asking without the range: the media are empty")]
    Empty,
}
