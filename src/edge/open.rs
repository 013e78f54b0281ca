//! Step 2: opens the granted object, and remembers objects that a link cannot serve.

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use zeroize::Zeroizing;

use super::respond::EdgeError;
use crate::config::Config;
use crate::objects::{Answer, Asked, OpenError, Opened, Opening, Purpose, Sent, ask};
use crate::ports::{Account, Body, Platform, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::protocol::{AccessToken, ByteRange, Change, Content, Grant, Requested};

/// How long the origin serves an object as not opted in after the edge could not serve it, in seconds.
const REFUSED_SECS: u64 = 600;

/// Opens the granted object at `range`. The result may be the whole object although `range` is given.
///
/// # Errors
/// `Changed` if the object is not the granted one, otherwise the failure of the store.
pub(crate) async fn object<P: Platform>(
    platform: &P,
    config: &Config,
    account: &AccessToken,
    grant: &Grant,
    range: Option<ByteRange>,
) -> Result<Opened<P::Body>, EdgeError> {
    let opening = Opening {
        object: &grant.object,
        whole: &|| request(account, grant, None),
        pins: Some(&grant.pins),
        purpose: match grant.content {
            Content::Encrypted(_) => Purpose::EncryptedLink,
            Content::Verbatim | Content::Plain => Purpose::Link,
        },
        cache_max_bytes: config.cache_max_bytes,
    };
    if let Some(opened) = opening.from_cache(platform, &grant.pins, range).await {
        return Ok(opened);
    }
    let asked = if range.is_some() { Asked::GetRange } else { Asked::Get };
    let request_range = request(account, grant, range);
    let response = match ask(platform, &grant.object, &request_range, asked).await {
        Ok((Answer::Whole | Answer::Part, response)) => response,
        Ok((answer, response)) => return Err(refused(answer, response)),
        Err(error) => return Err(unreachable(error)),
    };
    let requested = range.map_or(Requested::Whole, Requested::Part);
    match opening.from_homeserver(platform, response, &|_| requested).await {
        Ok(Sent::Opened(opened)) => Ok(opened),
        // The pins exclude both cases: they fix the length, and the range lies within it.
        Ok(Sent::Unsized(_, body)) => {
            body.cancel();
            Err(EdgeError::Changed(Change::Length))
        }
        Ok(Sent::BeyondEnd(..)) => Err(EdgeError::Changed(Change::Length)),
        Err(OpenError::Unreachable(error)) => Err(unreachable(error)),
        Err(OpenError::Refused(answer, response)) => Err(refused(answer, response)),
        Err(OpenError::Changed(change)) => Err(EdgeError::Changed(change)),
        Err(OpenError::Broken) => Err(EdgeError::Unreachable),
    }
}

/// Remembers an object that a link cannot serve, so that the origin serves it as not opted in for
/// [`REFUSED_SECS`]. If the record cannot be stored, the next link gives the same error.
pub(crate) async fn remember_refusal<P: Platform>(platform: &P, grant: &Grant, error: EdgeError) {
    if matches!(error, EdgeError::Refused | EdgeError::Changed(_)) {
        let _ = platform.put(&grant.object.refusal_name(), "1", REFUSED_SECS).await;
    }
}

fn unreachable(error: UpstreamError) -> EdgeError {
    match error {
        UpstreamError::TimedOut => EdgeError::TimedOut,
        UpstreamError::Unreachable | UpstreamError::OddStatus(_) => EdgeError::Unreachable,
    }
}

/// Returns the error for a response that is not the object. The client sees nothing of the response.
fn refused<B: Body>(answer: Answer, response: UpstreamResponse<B>) -> EdgeError {
    let status = response.status;
    response.body.cancel();
    match answer {
        // A content coding hides the object's length.
        Answer::Encoded => EdgeError::Changed(Change::Length),
        Answer::Elsewhere => EdgeError::Refused,
        Answer::Error => match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => EdgeError::Refused,
            // The range lies within the granted object, so the store's object is shorter now.
            StatusCode::RANGE_NOT_SATISFIABLE => EdgeError::Changed(Change::Length),
            StatusCode::GATEWAY_TIMEOUT => EdgeError::TimedOut,
            _ => EdgeError::Unreachable,
        },
        Answer::Whole | Answer::Part | Answer::NotModified | Answer::Nonsense => EdgeError::Unreachable,
    }
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
