//! Reasons of requests, for verbose output.

use http::StatusCode;

use super::NotAdvertised;
use crate::protocol::AnswerError;

/// The reason why the client sends a request, in words for its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The download begins, opted in.
    #[error("asking the homeserver for its edge")]
    Start,
    /// The download begins, without opting in.
    #[error("asking for plain media")]
    PlainRequested,
    /// The homeserver advertises encrypted delivery.
    #[error("asking for encrypted delivery")]
    Advertised,
    /// The homeserver does not advertise a suitable delivery.
    #[error("asking for plain media: {0}")]
    NotAdvertised(NotAdvertised),
    /// The response was an answer.
    #[error("following the answer's link")]
    Answered,
    /// The homeserver redirected a client with a session to a link.
    #[error("following the redirect to the link")]
    SessionRedirect,
    /// The link gave 404 or 409.
    #[error("asking for a new answer: the link returned {}", .0.as_u16())]
    LinkGone(StatusCode),
    /// The link of the new answer gave 404 or 409 too.
    #[error("asking for plain media: the new link returned {} too", .0.as_u16())]
    LinkGoneAgain(StatusCode),
    /// The link gave 502 or 504, because the edge cannot get the object.
    #[error("asking for plain media: the link returned {}", .0.as_u16())]
    EdgeFailed(StatusCode),
    /// The answer's link does not lead to the advertised edge. The edge may have moved.
    #[error("asking the homeserver for its edge again: the answer's link leads to a different edge")]
    OtherEdge,
    /// The client refused the answer.
    #[error("asking for plain media: {0}")]
    AnswerRefused(AnswerError),
    /// The response was a plain redirect.
    #[error("following a redirect")]
    Redirected,
    /// The response was 416, and the media has no bytes at all.
    #[error("asking without the range: the media is empty")]
    Empty,
}
