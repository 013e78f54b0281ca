//! Asks the homeserver for an object.

use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::answer::{Answer, Asked, judge};
use crate::ports::{Account, Body, Platform, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::protocol::Object;

/// How long an isolate remembers that the homeserver has no authenticated media endpoints: one hour, so that
/// it notices an upgrade of the homeserver.
const REMEMBERED_MS: u64 = 60 * 60 * 1000;

/// The longest error body that is read: 64 KiB. Matrix errors are far below 1 KiB.
const ERROR_BYTES: usize = 64 * 1024;

/// Sends a request for an object and classifies the response.
///
/// If the homeserver does not know the authenticated endpoint (MSC3916), a request of the service account
/// goes to the legacy one. A client's request does not, because the legacy endpoint ignores the client's
/// token.
///
/// # Errors
/// [`UpstreamError`] if the homeserver sent no usable response.
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
        // `Content-Range` means nothing in a 200, but `ObjectInfo` would read the object's length from it.
        response.headers.remove(CONTENT_RANGE);
    }
    Ok((judge(asked, response.status, &response.headers), response))
}

/// Sends a request to the authenticated endpoint, or to the legacy one if this isolate remembers that the
/// homeserver has no other. Tries the other endpoint if the response says that this one does not exist.
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
        // The homeserver may have been upgraded, or our memory may be wrong.
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

/// Finds out whether the homeserver has only legacy media endpoints, and remembers it if so.
///
/// It asks for the media config, without a token. An error about one object proves nothing, because the
/// homeserver may relay it from a remote homeserver.
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

/// Returns whether this isolate remembers that the homeserver has only legacy media endpoints.
pub fn lacks_authenticated_media<P: Platform>(platform: &P) -> bool {
    let until_ms = platform.memory(|memory| memory.legacy_only_until_ms);
    // Reading the clock costs more than the first comparison.
    until_ms > 0 && until_ms > platform.now_ms()
}

/// Forgets that the homeserver has only legacy media endpoints.
pub fn forget_missing_authenticated_media<P: Platform>(platform: &P) {
    platform.memory(|memory| memory.legacy_only_until_ms = 0);
}

/// Returns whether an error response says that the homeserver does not know the endpoint (`M_UNRECOGNIZED`).
/// Also returns the response, with a body that can be read again.
pub async fn unrecognized<B: Body>(response: UpstreamResponse<B>) -> (bool, UpstreamResponse<B>) {
    #[derive(Deserialize)]
    struct MatrixError {
        errcode: String,
    }
    let UpstreamResponse { status, mut headers, body } = response;
    let bytes = body.bytes(ERROR_BYTES).await.unwrap_or_default();
    // The new body may have another length: it is empty if the old one could not be read.
    headers.remove(CONTENT_LENGTH);
    let error: Option<MatrixError> = serde_json::from_slice(&bytes).ok();
    let is_unrecognized = error.is_some_and(|error| error.errcode == "M_UNRECOGNIZED");
    (is_unrecognized, UpstreamResponse { status, headers, body: B::from_bytes(&bytes) })
}
