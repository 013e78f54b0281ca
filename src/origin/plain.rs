//! Step 2 for clients that did not opt in: the plaintext, whole or a range of it, authorised.

use headers::{ETag, HeaderMapExt as _, IfNoneMatch, IfRange};
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::Visit;
use super::authorise::{bad_gateway, no_media, relay};
use crate::cipher::Window;
use crate::ports::{
    BUFFER_BYTES, BackgroundTask, Body as _, Event, Platform, Reply, ReplyBody, SKIP_BYTES, UpstreamResponse,
};
use crate::protocol::{ByteRange, Disposition, ObjectInfo, Pins, Requested, header};

/// The client is allowed, and its info is known: serves the cached object, or gets it.
pub(crate) async fn from_cache<P: Platform>(visit: &Visit<'_, P>, info: &ObjectInfo) -> Reply<P::Body> {
    let object = &visit.request.object;
    let headers = media_headers(visit, info);
    if let Some(reply) = answered_by_headers(visit, info, &headers) {
        return reply;
    }
    let (Some(size), Requested::Whole | Requested::Part(_)) = (info.size, requested(visit, info)) else {
        return from_homeserver(visit).await;
    };
    let range = match requested(visit, info) {
        Requested::Part(range) => Some(range),
        Requested::Whole | Requested::Unsatisfiable => None,
    };
    match visit.platform.open(object, range).await {
        Some(cached) if Pins::new(size, info).match_info(&cached.info) => {
            let promised = cached.range.map_or(size, ByteRange::length);
            let start = cached.range.map_or(0, |range| range.start);
            media(headers, size, range, (cached.body, start, promised))
        }
        Some(stale) => {
            stale.body.cancel();
            from_homeserver(visit).await
        }
        None => from_homeserver(visit).await,
    }
}

/// One `GET` with the client's own token is both authorisation and body.
pub(crate) async fn from_homeserver<P: Platform>(visit: &Visit<'_, P>) -> Reply<P::Body> {
    let mut request = visit.upstream(visit.client.method.clone());
    // With If-Range the answer depends on an ETag that is not known yet: ask for the whole.
    if visit.client.method == Method::GET && !visit.client.headers.contains_key(IF_RANGE) {
        let range = Requested::one_range(&visit.client.headers).cloned();
        request.headers.extend(range.map(|range| (RANGE, range)));
    }
    let response = match visit.platform.send(request).await {
        Ok(response) => response,
        Err(error) => return visit.unreachable(error),
    };
    match response.status {
        StatusCode::OK => from_whole(visit, response).await,
        StatusCode::PARTIAL_CONTENT => from_part(visit, response),
        _ if visit.client.method == Method::HEAD && !response.status.is_success() => relay(response),
        status if status.is_success() => no_media(response),
        _ => relay(response),
    }
}

/// The homeserver sent the whole object.
async fn from_whole<P: Platform>(
    visit: &Visit<'_, P>,
    response: UpstreamResponse<P::Body>,
) -> Reply<P::Body> {
    let info = ObjectInfo::from_headers(&response.headers);
    let headers = media_headers(visit, &info);
    if let Some(reply) = answered_by_headers(visit, &info, &headers) {
        response.body.cancel();
        return reply;
    }
    let Some(size) = info.size else {
        return Reply { status: StatusCode::OK, headers, body: ReplyBody::Relay(response.body) };
    };
    let object = visit.request.object.clone();
    let mut body = response.body;
    if size <= BUFFER_BYTES {
        let Ok(whole) = body.buffer(size).await else {
            visit.platform.log(Event::BodyBroken);
            return bad_gateway("the homeserver broke off, or stopped, in the middle of the media");
        };
        body = whole;
        if let Some(copy) = body.try_clone().filter(|_| size <= visit.config.cache_max_bytes) {
            visit.platform.run_in_background(BackgroundTask::Put(object, info.clone(), copy));
        }
    } else if size <= visit.config.cache_max_bytes {
        visit.platform.run_in_background(BackgroundTask::Fill(object, visit.upstream(Method::GET)));
    }
    let range = match requested(visit, &info) {
        Requested::Part(range) if range.start <= SKIP_BYTES || size <= BUFFER_BYTES => Some(range),
        // Skipping would cost more than sending the whole, which a client must be ready for.
        _ => None,
    };
    media(headers, size, range, (body, 0, size))
}

/// The homeserver honoured the range.
fn from_part<P: Platform>(visit: &Visit<'_, P>, response: UpstreamResponse<P::Body>) -> Reply<P::Body> {
    let info = ObjectInfo::from_headers(&response.headers);
    let asked = requested(visit, &info);
    match ByteRange::from_content_range(&response.headers) {
        Some((range, size)) if asked == Requested::Part(range) => {
            if size <= visit.config.cache_max_bytes {
                visit.platform.run_in_background(BackgroundTask::Fill(
                    visit.request.object.clone(),
                    visit.upstream(Method::GET),
                ));
            }
            let headers = media_headers(visit, &info);
            media(headers, size, Some(range), (response.body, range.start, range.length()))
        }
        _ => {
            response.body.cancel();
            bad_gateway("the homeserver answered with another range than was asked for")
        }
    }
}

/// 304, 416 and `HEAD` need no body.
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

/// What the request's `Range` comes to, once `If-Range` has had its say.
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
    info.entity_tag(&visit.request.object).parse().ok()
}

/// The headers of every plain response with media, but for lengths and ranges.
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

/// The bytes of `range` out of a body that holds `promised` bytes from the object's byte `start` on.
fn media<B>(
    headers: HeaderMap,
    size: u64,
    range: Option<ByteRange>,
    (body, start, promised): (B, u64, u64),
) -> Reply<B> {
    let wanted = range.unwrap_or(ByteRange { start: 0, end: size });
    let window = Window::new(promised, wanted.start.saturating_sub(start), wanted.length(), None);
    Reply::media(headers, size, range, body, window)
}
