//! Step 1: the homeserver decides, on every request, for that user and that object.

use http::header::{CONTENT_RANGE, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::Visit;
use crate::ports::{Body, Platform, Reply, ReplyBody, UpstreamResponse};
use crate::protocol::{MatrixError, ObjectInfo, header};

/// The homeserver allows it.
pub(crate) enum Allowed<B> {
    /// With the info of the object.
    ObjectInfo(ObjectInfo),
    /// And sends the client elsewhere itself (a presigned URL): relayed as it is.
    Redirected(Reply<B>),
}

/// Headers of the homeserver that a client may see where its response is relayed. All others are
/// dropped: hop-by-hop headers, cookies, and above all any header that would mark an answer.
const RELAYED: [HeaderName; 6] = [
    http::header::CONTENT_TYPE,
    http::header::CONTENT_DISPOSITION,
    CONTENT_RANGE,
    LOCATION,
    http::header::RETRY_AFTER,
    http::header::WWW_AUTHENTICATE,
];

/// Asks with `HEAD`. With known info the question is conditional on their `ETag`, verbatim: Synapse
/// reads the whole file to answer a plain `HEAD`, and almost nothing for a conditional one.
///
/// # Errors
/// The reply to a client that is refused: the homeserver's own, from a `GET`, because a `HEAD` has
/// no body and losing `soft_logout` would cost users their keys.
pub(crate) async fn head<P: Platform>(
    visit: &Visit<'_, P>,
    known: Option<&ObjectInfo>,
) -> Result<Allowed<P::Body>, Reply<P::Body>> {
    let mut request = visit.upstream(Method::HEAD);
    let etag = known.and_then(|info| info.etag.as_deref()).and_then(|etag| HeaderValue::from_str(etag).ok());
    let conditional = etag.is_some();
    request.headers.extend(etag.map(|etag| (IF_NONE_MATCH, etag)));
    let response = visit.platform.send(request).await.map_err(|error| visit.unreachable(error))?;
    match (response.status, known) {
        (StatusCode::NOT_MODIFIED, Some(info)) if conditional => {
            response.body.cancel();
            Ok(Allowed::ObjectInfo(info.clone()))
        }
        // Not any other 2xx: what has no media under `GET` has no info of media under `HEAD`.
        (StatusCode::OK, _) => {
            response.body.cancel();
            Ok(Allowed::ObjectInfo(current(&response.headers, known)))
        }
        (status, _) if is_redirect(status) => Ok(Allowed::Redirected(relay(response))),
        (status, _) => {
            response.body.cancel();
            repeat_as_get(visit, status, known).await
        }
    }
}

/// The `HEAD` failed: either the client is refused, or the homeserver has no `HEAD`.
async fn repeat_as_get<P: Platform>(
    visit: &Visit<'_, P>,
    head_status: StatusCode,
    known: Option<&ObjectInfo>,
) -> Result<Allowed<P::Body>, Reply<P::Body>> {
    let mut passed = visit.request.passed.clone();
    if head_status == StatusCode::GATEWAY_TIMEOUT {
        // The media is not uploaded yet, and the HEAD has waited for it already.
        passed = passed.with_timeout_ms(0);
    }
    let request = visit.upstream_with(Method::GET, &passed);
    let response = visit.platform.send(request).await.map_err(|error| visit.unreachable(error))?;
    match response.status {
        StatusCode::OK => {
            response.body.cancel();
            Ok(Allowed::ObjectInfo(current(&response.headers, known)))
        }
        status if is_redirect(status) => Ok(Allowed::Redirected(relay(response))),
        status if status.is_success() => Err(no_media(response)),
        _ => Err(relay(response)),
    }
}

/// The info that a 200 tells; the known ones where it tells no length.
fn current(headers: &HeaderMap, known: Option<&ObjectInfo>) -> ObjectInfo {
    let told = ObjectInfo::from_headers(headers);
    match known {
        Some(known) if told.size.is_none() => known.clone(),
        _ => told,
    }
}

/// 307 and 308: all other redirects mean nothing here.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
}

/// 502 instead of a success that is no media.
pub(crate) fn no_media<B: Body>(response: UpstreamResponse<B>) -> Reply<B> {
    response.body.cancel();
    bad_gateway("the homeserver answered a request for media with a status that has none")
}

/// 502 that says what is wrong with the homeserver's response.
pub(crate) fn bad_gateway<B>(message: &str) -> Reply<B> {
    Reply::error(&MatrixError::new(StatusCode::BAD_GATEWAY, "M_UNKNOWN", message))
}

/// Relays what is not media (an error, a redirect): status, body and the few headers that matter.
pub(crate) fn relay<B>(response: UpstreamResponse<B>) -> Reply<B> {
    let mut headers = HeaderMap::new();
    for name in RELAYED {
        let belongs = match name {
            LOCATION => is_redirect(response.status),
            // Here it says how long the object is; anywhere else it would make a part of an error.
            CONTENT_RANGE => response.status == StatusCode::RANGE_NOT_SATISFIABLE,
            _ => true,
        };
        if belongs {
            headers.extend(response.headers.get(&name).map(|value| (name, value.clone())));
        }
    }
    header::insert_media_safety(&mut headers);
    headers.insert(http::header::CACHE_CONTROL, header::NO_STORE);
    Reply { status: response.status, headers, body: ReplyBody::Relay(response.body) }
}
