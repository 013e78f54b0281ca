//! Step 4: builds responses that reveal nothing of the object but its length.

use http::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::cipher::Keystream;
use crate::objects::Opened;
use crate::ports::{Event, Platform, Reply};
use crate::protocol::{ByteRange, Change, Content, Grant, MatrixError, Metadata, header};

/// Why a link gives no bytes. The log gets the reason; the client gets a status and a general message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EdgeError {
    /// There is no grant under this token, or it has expired.
    #[error("Not found")]
    NotFound,
    /// The key store cannot be reached.
    #[error("The key store cannot be reached. Try again")]
    KeyStore,
    /// The object is no longer the granted one.
    #[error("The media has changed since this link was made. Ask the homeserver for a new link")]
    Changed(Change),
    /// The homeserver refused the object to the service account.
    #[error(
        "The media store refused access. Ask the homeserver again: it will send the media without a link"
    )]
    Refused,
    /// The store cannot be reached, or did not send the object.
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

/// Logs the reason and returns the Matrix error for the client.
pub(crate) fn error<P: Platform>(platform: &P, error: EdgeError) -> Reply<P::Body> {
    if let Some(event) = error.event() {
        platform.log(event);
    }
    Reply::error(&MatrixError::new(error.status(), error.errcode(), error.to_string()))
}

/// Returns the reply to a `HEAD`: the headers of the `GET`, from the grant alone.
pub(crate) fn headers_only<B>(grant: &Grant, range: Option<ByteRange>) -> Result<Reply<B>, EdgeError> {
    Ok(Reply::media_head(media_headers(grant)?, grant.pins.size, range))
}

/// Returns a 200 or 206 with the object's bytes, encrypted if the grant has a key.
pub(crate) fn media<B>(grant: &Grant, opened: Opened<B>) -> Result<Reply<B>, EdgeError> {
    let keystream = match &grant.content {
        Content::Encrypted(key) => Some(Keystream::body(key)),
        Content::Verbatim | Content::Plain => None,
    };
    // The origin grants no object that is longer than the keystream.
    opened.into_reply(media_headers(grant)?, keystream).map_err(|_| EdgeError::NotFound)
}

/// Returns the headers of a link's bytes, except those for lengths and ranges.
fn media_headers(grant: &Grant) -> Result<HeaderMap, EdgeError> {
    // This leaves room for the headers that `dispatch::finish` adds.
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.extend(HeaderValue::from_str(&grant.etag).ok().map(|etag| (ETAG, etag)));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::LINK, HeaderValue::from_static(link_word(&grant.content)));
    match &grant.content {
        Content::Encrypted(key) => {
            let sealed = Metadata::seal(&grant.metadata, key).ok_or(EdgeError::NotFound)?;
            headers.insert(header::METADATA, sealed);
        }
        Content::Verbatim => {}
        Content::Plain => insert_plain_metadata(&mut headers, grant),
    }
    Ok(headers)
}

/// Returns the value of the header `Org-Matrix-Msc4097-Link`, which says what the bytes are (specification
/// section 8.3).
fn link_word(content: &Content) -> &'static str {
    match content {
        Content::Encrypted(_) => "encrypted",
        Content::Verbatim => "verbatim",
        Content::Plain => "plain",
    }
}

/// Inserts type and file name, which clients of a plain link need because they do not know this protocol.
fn insert_plain_metadata(headers: &mut HeaderMap, grant: &Grant) {
    let Ok(metadata) = serde_json::from_str::<Metadata>(&grant.metadata) else { return };
    if let Ok(content_type) = HeaderValue::from_str(&metadata.content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    if let Some(Ok(disposition)) = metadata.content_disposition.as_deref().map(HeaderValue::from_str) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
}
