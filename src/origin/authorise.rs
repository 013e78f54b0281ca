//! Step 1: asks the homeserver, which decides about this user and this object on every request.

use http::header::{CONTENT_RANGE, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::{Denied, Visit};
use crate::objects::{Answer, Asked};
use crate::ports::{Body as _, Platform, Reply, ReplyBody, UpstreamResponse};
use crate::protocol::{MatrixError, ObjectInfo, ascii_reference, header};

/// What the homeserver says when it allows the request.
pub(crate) enum Allowed<B> {
    /// It tells the object's info.
    Info(ObjectInfo),
    /// It redirects the client to the object itself, such as to a presigned URL. Relayed as it is.
    Redirected(Reply<B>),
}

/// The homeserver's headers that a relayed response keeps. All others are dropped: hop-by-hop headers,
/// cookies, and above all any header that would mark an answer.
const RELAYED: [HeaderName; 6] = [
    http::header::CONTENT_TYPE,
    http::header::CONTENT_DISPOSITION,
    CONTENT_RANGE,
    LOCATION,
    http::header::RETRY_AFTER,
    http::header::WWW_AUTHENTICATE,
];

/// Asks with a `HEAD`. If the object's info is known, the `HEAD` is conditional on the info's `ETag`,
/// verbatim: Synapse reads the whole file to answer a plain `HEAD`, and almost nothing for a conditional one.
///
/// # Errors
/// The reply to a refused client. It is the homeserver's own response to a `GET`, because an error in
/// response to a `HEAD` has no body. A client that misses `soft_logout` in the body would delete its user's
/// keys.
pub(crate) async fn head<P: Platform>(
    visit: &Visit<'_, P>,
    known: Option<&ObjectInfo>,
) -> Result<Allowed<P::Body>, Denied<P::Body>> {
    let mut request = visit.upstream(Method::HEAD);
    let etag = known
        .and_then(|info| info.etag.as_deref())
        .and_then(|etag| HeaderValue::from_bytes(etag.as_bytes()).ok());
    let asked = if etag.is_some() { Asked::ConditionalHead } else { Asked::Head };
    request.headers.extend(etag.map(|etag| (IF_NONE_MATCH, etag)));
    let (answer, response) = visit.ask(request, asked).await?;
    match (answer, known) {
        (Answer::NotModified, Some(info)) => {
            response.body.cancel();
            Ok(Allowed::Info(info.clone()))
        }
        (Answer::Whole, known) => match believable(&response.headers, known) {
            Some(info) => {
                response.body.cancel();
                Ok(Allowed::Info(info))
            }
            None => repeat_as_get(visit, response, known).await,
        },
        (Answer::Elsewhere, _) => Ok(Allowed::Redirected(relay(response))),
        // Any other response to a `HEAD` tells nothing about the media.
        _ => repeat_as_get(visit, response, known).await,
    }
}

/// Returns the info from a `HEAD`, unless it contradicts what a `GET` has shown: some servers send
/// `Content-Length: 0` in response to every `HEAD`.
fn believable(headers: &HeaderMap, known: Option<&ObjectInfo>) -> Option<ObjectInfo> {
    let told = ObjectInfo::from_headers(headers);
    match (told.size, known) {
        (Some(0), _) => None,
        (None, Some(known)) => Some(known.clone()),
        (Some(size), Some(known)) if known.size.is_some_and(|known| known != size) => None,
        _ => Some(told),
    }
}

/// Asks with a `GET` and reads only the headers, because the client is refused or the `HEAD` tells nothing.
async fn repeat_as_get<P: Platform>(
    visit: &Visit<'_, P>,
    head: UpstreamResponse<P::Body>,
    known: Option<&ObjectInfo>,
) -> Result<Allowed<P::Body>, Denied<P::Body>> {
    let mut passed = visit.request.passed.clone();
    if head.status == StatusCode::GATEWAY_TIMEOUT {
        // The media is not uploaded yet, and the `HEAD` has waited for it already.
        passed = passed.with_timeout_ms(0);
    }
    head.body.cancel();
    let (answer, response) = visit.ask(visit.upstream_with(Method::GET, &passed), Asked::Get).await?;
    match answer {
        Answer::Whole => {
            response.body.cancel();
            let told = ObjectInfo::from_headers(&response.headers);
            Ok(Allowed::Info(known.filter(|_| told.size.is_none()).cloned().unwrap_or(told)))
        }
        Answer::Elsewhere => Ok(Allowed::Redirected(relay(response))),
        answer => Err(visit.denied(answer, response).await),
    }
}

/// Returns a 502 that says what is wrong with the homeserver's response.
pub(crate) fn bad_gateway<B>(message: &str) -> Reply<B> {
    Reply::error(&MatrixError::new(StatusCode::BAD_GATEWAY, "M_UNKNOWN", message))
}

/// Relays a response that is not media (an error or a redirect): its status, its body and the headers of
/// [`RELAYED`].
pub(crate) fn relay<B>(response: UpstreamResponse<B>) -> Reply<B> {
    let mut headers = HeaderMap::new();
    for name in RELAYED {
        let belongs = match name {
            LOCATION => response.status.is_redirection(),
            // In a 416 it tells the object's length. Elsewhere it would present an error as a part of the
            // media.
            CONTENT_RANGE => response.status == StatusCode::RANGE_NOT_SATISFIABLE,
            _ => true,
        };
        if belongs && let Some(value) = response.headers.get(&name) {
            let value = if name == LOCATION { ascii_reference(value) } else { Some(value.clone()) };
            headers.extend(value.map(|value| (name, value)));
        }
    }
    header::insert_media_safety(&mut headers);
    headers.insert(http::header::CACHE_CONTROL, header::NO_STORE);
    Reply { status: response.status, headers, body: ReplyBody::Relay(response.body) }
}
