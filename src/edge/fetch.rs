//! Step 2: the object, from the cache or from the homeserver, checked against the grant's pins.

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use zeroize::Zeroizing;

use super::respond::EdgeError;
use crate::config::Config;
use crate::ports::{
    Account, BUFFER_BYTES, BackgroundTask, Body, Event, Platform, SKIP_BYTES, SMALL_BYTES, UpstreamError,
    UpstreamRequest, UpstreamResponse,
};
use crate::protocol::{AccessToken, ByteRange, Content, Grant, ObjectInfo};

/// For how long the origin serves an object as not opted in that the service account was refused.
const REFUSED_SECS: u64 = 600;

/// A body that holds at least the bytes asked for.
#[derive(Debug)]
pub(crate) struct Fetched<B> {
    /// Bytes of the object from offset `start` on.
    pub body: B,
    /// The object's byte that the body begins with.
    pub start: u64,
    /// How many bytes the body promises.
    pub promised: u64,
    /// What to answer with: one range, or everything.
    pub range: Option<ByteRange>,
}

/// Opens the granted object at `range`. The reply may be whole although a range was asked for.
///
/// # Errors
/// `Changed` if no source has the object that was granted; the store's failures otherwise.
pub(crate) async fn object<P: Platform>(
    platform: &P,
    config: &Config,
    account: &AccessToken,
    grant: &Grant,
    range: Option<ByteRange>,
) -> Result<Fetched<P::Body>, EdgeError> {
    let cacheable = grant.pins.size <= config.cache_max_bytes;
    if cacheable && let Some(fetched) = from_cache(platform, grant, range).await {
        return Ok(fetched);
    }
    let skip = range.map_or(0, |range| range.start);
    let response = ask(platform, account, grant, range).await?;
    let info = ObjectInfo::from_headers(&response.headers);
    if !grant.pins.match_info(&info) {
        response.body.cancel();
        return Err(EdgeError::Changed);
    }
    if response.status == StatusCode::PARTIAL_CONTENT {
        return from_part(platform, account, grant, range, response, cacheable).await;
    }
    if is_small(grant, grant.pins.size) || (cacheable && grant.pins.size <= BUFFER_BYTES) {
        return from_small(platform, grant, range, info, response.body, cacheable).await;
    }
    if skip <= SKIP_BYTES {
        if cacheable {
            platform
                .run_in_background(BackgroundTask::Fill(grant.object.clone(), request(account, grant, None)));
        }
        return Ok(Fetched { body: response.body, start: 0, promised: grant.pins.size, range });
    }
    // Too far in to skip: fill the cache first, then read the range from there. What cannot be
    // cached, or is being cached for somebody else, is answered whole, which a client must be ready for.
    let filled = if cacheable { platform.fill(&grant.object, request(account, grant, None)) } else { None };
    if let Some(filled) = filled {
        response.body.cancel();
        filled.await;
        if let Some(fetched) = from_cache(platform, grant, range).await {
            return Ok(fetched);
        }
        let response = ask(platform, account, grant, None).await?;
        return whole(grant, response);
    }
    whole(grant, response)
}

async fn from_cache<P: Platform>(
    platform: &P,
    grant: &Grant,
    range: Option<ByteRange>,
) -> Option<Fetched<P::Body>> {
    let cached = platform.open(&grant.object, range).await?;
    if !grant.pins.match_info(&cached.info) {
        // The homeserver knows better what is true now.
        cached.body.cancel();
        return None;
    }
    let (start, promised) = match cached.range {
        Some(range) => (range.start, range.length()),
        None => (0, grant.pins.size),
    };
    let body = if is_small(grant, promised) { cached.body.buffer(promised).await.ok()? } else { cached.body };
    Some(Fetched { body, start, promised, range })
}

/// One request with the service account; anything but the object is an error.
async fn ask<P: Platform>(
    platform: &P,
    account: &AccessToken,
    grant: &Grant,
    range: Option<ByteRange>,
) -> Result<UpstreamResponse<P::Body>, EdgeError> {
    let response = match platform.send(request(account, grant, range)).await {
        Ok(response) => response,
        Err(UpstreamError::TimedOut) => return Err(EdgeError::TimedOut),
        Err(UpstreamError::Unreachable | UpstreamError::OddStatus(_)) => return Err(EdgeError::Unreachable),
    };
    match response.status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => return Ok(response),
        StatusCode::GATEWAY_TIMEOUT => {
            response.body.cancel();
            return Err(EdgeError::TimedOut);
        }
        // The range lies in the object that was granted: the store has a shorter one now.
        StatusCode::RANGE_NOT_SATISFIABLE => {
            response.body.cancel();
            return Err(EdgeError::Changed);
        }
        _ => response.body.cancel(),
    }
    let refused =
        matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
            || crate::origin::authorise::is_redirect(response.status);
    if !refused {
        return Err(EdgeError::Unreachable);
    }
    // From now on the origin serves this object as not opted in, for a while. Should the mark fail,
    // the next link says 502 again.
    let _ = platform.put(&grant.object.refusal_name(), "1", REFUSED_SECS).await;
    Err(EdgeError::Refused)
}

fn request(account: &AccessToken, grant: &Grant, range: Option<ByteRange>) -> UpstreamRequest {
    let range = range.and_then(|range| HeaderValue::from_str(&range.to_range_header()).ok());
    UpstreamRequest {
        method: Method::GET,
        path: Zeroizing::new(grant.object.client_path()),
        account: Account::Service(account.clone()),
        headers: range.map(|range| (http::header::RANGE, range)).into_iter().collect::<HeaderMap>(),
        client_ip: None,
    }
}

async fn from_part<P: Platform>(
    platform: &P,
    account: &AccessToken,
    grant: &Grant,
    range: Option<ByteRange>,
    response: UpstreamResponse<P::Body>,
    cacheable: bool,
) -> Result<Fetched<P::Body>, EdgeError> {
    let given = ByteRange::from_content_range(&response.headers);
    let as_asked = matches!((range, given), (Some(asked), Some((given, _))) if asked == given);
    let Some(range) = range.filter(|_| as_asked) else {
        response.body.cancel();
        return Err(EdgeError::Unreachable);
    };
    if cacheable {
        platform.run_in_background(BackgroundTask::Fill(grant.object.clone(), request(account, grant, None)));
    }
    let promised = range.length();
    let body = if is_small(grant, promised) {
        buffered(platform, response.body, promised).await?
    } else {
        response.body
    };
    Ok(Fetched { body, start: range.start, promised, range: Some(range) })
}

/// Whether a body of this length is cheaper to encrypt whole than as a stream.
fn is_small(grant: &Grant, length: u64) -> bool {
    length <= SMALL_BYTES && matches!(grant.content, Content::Encrypted { .. })
}

async fn buffered<P: Platform>(platform: &P, body: P::Body, size: u64) -> Result<P::Body, EdgeError> {
    body.buffer(size).await.map_err(|_| {
        platform.log(Event::BodyBroken);
        EdgeError::Unreachable
    })
}

/// Small objects are read whole, served and then cached.
async fn from_small<P: Platform>(
    platform: &P,
    grant: &Grant,
    range: Option<ByteRange>,
    info: ObjectInfo,
    body: P::Body,
    cacheable: bool,
) -> Result<Fetched<P::Body>, EdgeError> {
    let body = buffered(platform, body, grant.pins.size).await?;
    if let Some(copy) = body.try_clone().filter(|_| cacheable) {
        platform.run_in_background(BackgroundTask::Put(grant.object.clone(), info, copy));
    }
    Ok(Fetched { body, start: 0, promised: grant.pins.size, range })
}

fn whole<B: Body>(grant: &Grant, response: UpstreamResponse<B>) -> Result<Fetched<B>, EdgeError> {
    let matches = grant.pins.match_info(&ObjectInfo::from_headers(&response.headers));
    if response.status != StatusCode::OK || !matches {
        response.body.cancel();
        return Err(if matches { EdgeError::Unreachable } else { EdgeError::Changed });
    }
    Ok(Fetched { body: response.body, start: 0, promised: grant.pins.size, range: None })
}
