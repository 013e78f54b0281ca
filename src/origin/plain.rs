//! Step 2: serves the plaintext, whole or a range of it, to an authorised client that gets no answer.

use headers::{ETag, HeaderMapExt as _, IfNoneMatch, IfRange};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::authorise::bad_gateway;
use super::{Denied, Visit};
use crate::objects::{Answer, Asked, OpenError, Opened, Opening, Purpose, Sent};
use crate::ports::{Body as _, Platform, Reply, ReplyBody, UpstreamRequest, UpstreamResponse};
use crate::protocol::{Disposition, ObjectInfo, Pins, Requested, header};

/// Serves the object to an authorised client, from the cache or else from the homeserver.
///
/// # Errors
/// [`Denied`], with the reply to a client that gets no media.
pub(crate) async fn from_cache<P: Platform>(
    visit: &Visit<'_, P>,
    info: &ObjectInfo,
) -> Result<Reply<P::Body>, Denied<P::Body>> {
    let headers = media_headers(visit, info);
    if let Some(reply) = answered_by_headers(visit, info, &headers) {
        return Ok(reply);
    }
    let range = match requested(visit, info) {
        Requested::Whole => None,
        Requested::Part(range) => Some(range),
        Requested::Unsatisfiable => return from_homeserver(visit).await,
    };
    if let Some(size) = info.size
        && let Some(opened) = opening(visit, &|| visit.upstream(Method::GET))
            .from_cache(visit.platform, &Pins::new(size, info), range)
            .await
    {
        return Ok(media(headers, opened));
    }
    from_homeserver(visit).await
}

/// Requests the object with the client's own token. One `GET` both authorises the client and gets the body.
///
/// # Errors
/// [`Denied`], with the reply to a client that gets no media.
pub(crate) async fn from_homeserver<P: Platform>(
    visit: &Visit<'_, P>,
) -> Result<Reply<P::Body>, Denied<P::Body>> {
    let mut request = visit.upstream(visit.client.method.clone());
    // With `If-Range`, the response depends on an `ETag` that we do not know yet. So we ask for the whole.
    let asks_range = visit.client.method == Method::GET && !visit.client.headers.contains_key(IF_RANGE);
    let range = Requested::one_range(&visit.client.headers).filter(|_| asks_range).cloned();
    let asked = match (&visit.client.method, &range) {
        (&Method::HEAD, _) => Asked::Head,
        (_, Some(_)) => Asked::GetRange,
        (_, None) => Asked::Get,
    };
    request.headers.extend(range.map(|range| (RANGE, range)));
    let (mut answer, mut response) = visit.ask(request, asked).await?;
    if is_empty_object(&response) {
        // An empty object is a normal object: a request for any range of it gets the whole.
        response.body.cancel();
        (answer, response) = visit.ask(visit.upstream(Method::GET), Asked::Get).await?;
    }
    if !matches!(answer, Answer::Whole | Answer::Part) {
        return Err(visit.denied(answer, response).await);
    }
    if answer == Answer::Whole {
        let info = ObjectInfo::from_headers(&response.headers);
        if let Some(reply) = answered_by_headers(visit, &info, &media_headers(visit, &info)) {
            response.body.cancel();
            return Ok(reply);
        }
    }
    let whole = || visit.upstream(Method::GET);
    let opening = opening(visit, &whole);
    match opening.from_homeserver(visit.platform, response, &|info| requested(visit, info)).await {
        Ok(Sent::Opened(opened)) => Ok(media(media_headers(visit, &opened.info), opened)),
        Ok(Sent::Unsized(info, body)) => {
            let headers = media_headers(visit, &info);
            Ok(Reply { status: StatusCode::OK, headers, body: ReplyBody::Relay(body) })
        }
        Ok(Sent::BeyondEnd(_, size)) => Ok(Reply::unsatisfiable(size)),
        Err(OpenError::Unreachable(error)) => Err(visit.unreachable(error).into()),
        Err(OpenError::Refused(answer, response)) => Err(visit.denied(answer, response).await),
        Err(OpenError::Broken | OpenError::Changed(_)) => {
            let message = "the media from the homeserver ended early, stalled or covered a different range";
            Err(bad_gateway(message).into())
        }
    }
}

/// Returns whether the homeserver refused the range because the object has no bytes.
fn is_empty_object<B>(response: &UpstreamResponse<B>) -> bool {
    let unsatisfied = response.headers.get(CONTENT_RANGE).is_some_and(|range| range == "bytes */0");
    response.status == StatusCode::RANGE_NOT_SATISFIABLE && unsatisfied
}

/// Returns how to open the object for this client, with its own token.
fn opening<'a, P: Platform>(visit: &'a Visit<'_, P>, whole: &'a dyn Fn() -> UpstreamRequest) -> Opening<'a> {
    Opening {
        object: &visit.request.object,
        whole,
        pins: None,
        purpose: Purpose::Plain,
        cache_max_bytes: visit.config.cache_max_bytes,
    }
}

/// Returns the reply if it needs no body: a 304, a 416 or the reply to a `HEAD`.
fn answered_by_headers<P: Platform>(
    visit: &Visit<'_, P>,
    info: &ObjectInfo,
    headers: &HeaderMap,
) -> Option<Reply<P::Body>> {
    let etag = info.size.is_some().then(|| entity_tag(visit, info)).flatten();
    let if_none_match: Option<IfNoneMatch> = visit.client.headers.typed_get();
    if let (Some(condition), Some(etag)) = (&if_none_match, &etag)
        && !condition.precondition_passes(etag)
    {
        let mut headers = headers.clone();
        headers.remove(CONTENT_TYPE);
        headers.remove(CONTENT_DISPOSITION);
        return Some(Reply { status: StatusCode::NOT_MODIFIED, headers, body: ReplyBody::Empty });
    }
    if visit.client.method == Method::HEAD {
        let head = Reply { status: StatusCode::OK, headers: headers.clone(), body: ReplyBody::Empty };
        return Some(info.size.map_or(head, |size| Reply::media_head(headers.clone(), size, None)));
    }
    let size = info.size?;
    if requested(visit, info) == Requested::Unsatisfiable {
        return Some(Reply::unsatisfiable(size));
    }
    None
}

/// Returns the range to serve, from `Range` and `If-Range`.
fn requested<P: Platform>(visit: &Visit<'_, P>, info: &ObjectInfo) -> Requested {
    let Some(size) = info.size else { return Requested::Whole };
    if visit.client.method != Method::GET {
        return Requested::Whole;
    }
    if visit.client.headers.contains_key(IF_RANGE) {
        let condition: Option<IfRange> = visit.client.headers.typed_get();
        let etag = entity_tag(visit, info);
        if condition.is_none_or(|condition| condition.is_modified(etag.as_ref(), None)) {
            return Requested::Whole;
        }
    }
    Requested::from_headers(&visit.client.headers, size)
}

fn entity_tag<P>(visit: &Visit<'_, P>, info: &ObjectInfo) -> Option<ETag> {
    info.entity_tag(&visit.request.object).parse::<ETag>().ok()
}

/// Returns the headers of every plain response with media, except those for lengths and ranges.
fn media_headers<P>(visit: &Visit<'_, P>, info: &ObjectInfo) -> HeaderMap {
    let mut headers = HeaderMap::new();
    header::insert_media_safety(&mut headers);
    headers.insert(CACHE_CONTROL, header::PRIVATE);
    let disposition = Disposition::for_media(
        info.content_disposition.as_deref(),
        &info.content_type,
        visit.request.file_name.as_ref(),
    );
    headers.insert(CONTENT_TYPE, content_type(info));
    headers.extend(
        HeaderValue::from_str(&disposition.to_string()).ok().map(|value| (CONTENT_DISPOSITION, value)),
    );
    if info.size.is_some() {
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let etag = HeaderValue::from_str(&info.entity_tag(&visit.request.object));
        headers.extend(etag.ok().map(|etag| (ETAG, etag)));
    }
    headers
}

fn content_type(info: &ObjectInfo) -> HeaderValue {
    HeaderValue::from_str(&info.content_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
}

/// Returns a 200 or 206 with the plaintext.
fn media<B>(headers: HeaderMap, opened: Opened<B>) -> Reply<B> {
    // This cannot fail, because there is no keystream to end.
    opened.into_reply(headers, None).unwrap_or_else(|_| bad_gateway("the media is too long"))
}
