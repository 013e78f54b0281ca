//! Asks the homeserver for an object.

use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::answer::{Answer, Asked, judge};
use crate::ports::{Account, Body, Platform, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::protocol::Object;

/// How long an isolate remembers that the homeserver has no authenticated media endpoints: an hour, so that an
/// upgrade of the homeserver is noticed.
const REMEMBERED_MS: u64 = 60 * 60 * 1000;

/// The longest error that is read: Matrix errors are far below 1 KiB.
const ERROR_BYTES: usize = 64 * 1024;

/// Sends a request for an object and judges the answer. If the homeserver does not know the authenticated endpoint,
/// a request of the service account is sent to the legacy one (MSC3916). A client's is not: the legacy endpoint
/// would not look at its token.
///
/// # Errors
/// The homeserver gave no answer at all.
pub async fn ask<P: Platform>(
    platform: &P,
    object: &Object,
    request: &UpstreamRequest,
    asked: Asked,
) -> Result<(Answer, UpstreamResponse<P::Body>), UpstreamError> {
    let mut response = match request.account {
        Account::Client(_) => platform.send(request).await?,
        Account::Service(_) => ask_either(platform, object, request).await?,
    };
    if response.status == StatusCode::OK {
        // It means nothing there, and would be taken for the length of the whole.
        response.headers.remove(CONTENT_RANGE);
    }
    Ok((judge(asked, response.status, &response.headers), response))
}

/// Asks on the endpoint that is known to be there, and on the other one if it turns out not to be.
async fn ask_either<P: Platform>(
    platform: &P,
    object: &Object,
    authenticated: &UpstreamRequest,
) -> Result<UpstreamResponse<P::Body>, UpstreamError> {
    let legacy = || UpstreamRequest { path: Zeroizing::new(object.legacy_path()), ..authenticated.clone() };
    if lacks_authenticated_media(platform) {
        let response = platform.send(&legacy()).await?;
        if response.status != StatusCode::NOT_FOUND {
            return Ok(response);
        }
        // Perhaps the homeserver was upgraded, or what we remember was a mistake.
        response.body.cancel();
        forget_missing_authenticated_media(platform);
        return platform.send(authenticated).await;
    }
    let response = platform.send(authenticated).await?;
    if response.status != StatusCode::NOT_FOUND {
        return Ok(response);
    }
    let (is_unrecognized, response) = unrecognized(response).await;
    if is_unrecognized && find_missing_authenticated_media(platform).await {
        return platform.send(&legacy()).await;
    }
    Ok(response)
}

/// Finds out whether the homeserver has legacy media endpoints only, and remembers it if so. Asks for the media
/// config, without a token: what is said of one object may be a remote homeserver's word, relayed.
pub async fn find_missing_authenticated_media<P: Platform>(platform: &P) -> bool {
    let request = UpstreamRequest {
        method: Method::GET,
        path: Zeroizing::new("/_matrix/client/v1/media/config".to_owned()),
        account: Account::Client(None),
        headers: HeaderMap::new(),
        client_ip: None,
    };
    let Ok(response) = platform.send(&request).await else { return false };
    let status = response.status;
    let (is_unrecognized, response) = unrecognized(response).await;
    response.body.cancel();
    let is_missing = status == StatusCode::NOT_FOUND && is_unrecognized;
    if is_missing {
        let until_ms = platform.now_ms().saturating_add(REMEMBERED_MS);
        platform.memory(|memory| memory.legacy_only_until_ms = until_ms);
    }
    is_missing
}

/// Whether this isolate remembers that the homeserver has legacy media endpoints only.
pub fn lacks_authenticated_media<P: Platform>(platform: &P) -> bool {
    let until_ms = platform.memory(|memory| memory.legacy_only_until_ms);
    // Asking for the time costs more than the comparison.
    until_ms > 0 && until_ms > platform.now_ms()
}

/// Forgets it again.
pub fn forget_missing_authenticated_media<P: Platform>(platform: &P) {
    platform.memory(|memory| memory.legacy_only_until_ms = 0);
}

/// Returns whether an error says that the homeserver does not know the endpoint (`M_UNRECOGNIZED`), and the response,
/// readable again.
pub async fn unrecognized<B: Body>(response: UpstreamResponse<B>) -> (bool, UpstreamResponse<B>) {
    #[derive(Deserialize)]
    struct MatrixError {
        errcode: String,
    }
    let UpstreamResponse { status, mut headers, body } = response;
    let bytes = body.bytes(ERROR_BYTES).await.unwrap_or_default();
    // Read to its end, it has the length that it has.
    headers.remove(CONTENT_LENGTH);
    let error: Option<MatrixError> = serde_json::from_slice(&bytes).ok();
    let is_unrecognized = error.is_some_and(|error| error.errcode == "M_UNRECOGNIZED");
    (is_unrecognized, UpstreamResponse { status, headers, body: B::from_bytes(&bytes) })
}
