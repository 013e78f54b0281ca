//! Step 4: responses that tell nothing of the object but its length.

use http::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::cipher::Keystream;
use crate::objects::Opened;
use crate::ports::{Event, Platform, Reply};
use crate::protocol::{ByteRange, Change, Content, Grant, MatrixError, Metadata, header};

/// Why a link gives no bytes. The reasons are for the log; a client learns a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EdgeError {
    /// No grant under this token, or none any more.
    #[error("Not found")]
    NotFound,
    /// The key store cannot be reached.
    #[error("The key store cannot be reached. Try again")]
    KeyStore,
    /// The object is no longer the one that was granted.
    #[error("The media have changed since this link was made. Ask the homeserver for a new link")]
    Changed(Change),
    /// The service account was refused the object.
    #[error(
        "The media store refused access. Ask the homeserver again: it will send the media without a link"
    )]
    Refused,
    /// The store cannot be reached, or sent something that is not the object.
    #[error("The media store cannot be reached. Try again")]
    Unreachable,
    /// The store did not answer in time.
    #[error("The media store did not respond in time. Try again")]
    TimedOut,
}

impl EdgeError {
    fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Changed(_) => StatusCode::CONFLICT,
            Self::KeyStore | Self::Refused | Self::Unreachable => StatusCode::BAD_GATEWAY,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn errcode(self) -> &'static str {
        match self {
            Self::NotFound => "M_NOT_FOUND",
            Self::KeyStore | Self::Changed(_) | Self::Refused | Self::Unreachable | Self::TimedOut => {
                "M_UNKNOWN"
            }
        }
    }

    fn event(self) -> Option<Event> {
        match self {
            Self::NotFound => None,
            Self::KeyStore => Some(Event::KeyStoreGetFailed),
            Self::Changed(change) => Some(Event::ObjectChanged(change)),
            Self::Refused => Some(Event::ServiceAccountRefused),
            Self::Unreachable | Self::TimedOut => Some(Event::HomeserverUnreachable),
        }
    }
}

/// Logs the reason and returns a Matrix error.
pub(crate) fn error<P: Platform>(platform: &P, error: EdgeError) -> Reply<P::Body> {
    if let Some(event) = error.event() {
        platform.log(event);
    }
    Reply::error(&MatrixError::new(error.status(), error.errcode(), error.to_string()))
}

/// `HEAD`: the headers that `GET` would have, from the grant alone.
pub(crate) fn headers_only<B>(grant: &Grant, range: Option<ByteRange>) -> Result<Reply<B>, EdgeError> {
    Ok(Reply::media_head(media_headers(grant)?, grant.pins.size, range))
}

/// 200 or 206 with the bytes, encrypted under the grant's key where it has one.
pub(crate) fn media<B>(grant: &Grant, opened: Opened<B>) -> Result<Reply<B>, EdgeError> {
    let keystream = match &grant.content {
        Content::Encrypted { alg: _, key } => Some(Keystream::body(key)),
        Content::Verbatim | Content::Plain => None,
    };
    // An object beyond the keystream is never granted.
    opened.into_reply(media_headers(grant)?, keystream).map_err(|_| EdgeError::NotFound)
}

/// The headers of a link's bytes, but for lengths and ranges.
fn media_headers(grant: &Grant) -> Result<HeaderMap, EdgeError> {
    // With those that `dispatch::finish` adds.
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.extend(HeaderValue::from_str(&grant.etag).ok().map(|etag| (ETAG, etag)));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::LINK, HeaderValue::from_static(link_word(&grant.content)));
    match &grant.content {
        Content::Encrypted { alg: _, key } => {
            let sealed = Metadata::seal(&grant.metadata, key).ok_or(EdgeError::NotFound)?;
            headers.insert(header::METADATA, sealed);
        }
        Content::Verbatim => {}
        Content::Plain => insert_plain_metadata(&mut headers, grant),
    }
    Ok(headers)
}

/// The value of the link header: what the bytes are.
fn link_word(content: &Content) -> &'static str {
    match content {
        Content::Encrypted { .. } => "encrypted",
        Content::Verbatim => "verbatim",
        Content::Plain => "plain",
    }
}

/// A plain link is followed by clients that know nothing of us: they need type and file name.
fn insert_plain_metadata(headers: &mut HeaderMap, grant: &Grant) {
    let Ok(metadata) = serde_json::from_str::<Metadata>(&grant.metadata) else { return };
    if let Ok(content_type) = HeaderValue::from_str(&metadata.content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    if let Some(Ok(disposition)) = metadata.content_disposition.as_deref().map(HeaderValue::from_str) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
}
