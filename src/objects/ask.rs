//! Asks the homeserver for an object.

use http::StatusCode;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::answer::{Answer, Asked, judge};
use crate::ports::{Account, Body, Platform, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::protocol::Object;

/// How long an isolate remembers that the homeserver has no authenticated media endpoints: an hour, so that an
/// upgrade of the homeserver is noticed.
const REMEMBERED_MS: u64 = 60 * 60 * 1000;

/// The longest error that is read: Matrix errors are far below 1 KiB.
const ERROR_BYTES: usize = 16 * 1024;

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
    let response = match request.account {
        Account::Client(_) => platform.send(request).await?,
        Account::Service(_) => ask_either(platform, object, request).await?,
    };
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
    match unrecognized(response).await {
        Ok(()) => {
            remember_missing_authenticated_media(platform);
            platform.send(&legacy()).await
        }
        Err(response) => Ok(response),
    }
}

/// Whether this isolate remembers that the homeserver has legacy media endpoints only.
pub fn lacks_authenticated_media<P: Platform>(platform: &P) -> bool {
    let until_ms = platform.memory(|memory| memory.legacy_only_until_ms);
    // Asking for the time costs more than the comparison.
    until_ms > 0 && until_ms > platform.now_ms()
}

/// Remembers that the homeserver has legacy media endpoints only.
pub fn remember_missing_authenticated_media<P: Platform>(platform: &P) {
    let until_ms = platform.now_ms().saturating_add(REMEMBERED_MS);
    platform.memory(|memory| memory.legacy_only_until_ms = until_ms);
}

/// Forgets it again.
pub fn forget_missing_authenticated_media<P: Platform>(platform: &P) {
    platform.memory(|memory| memory.legacy_only_until_ms = 0);
}

/// Whether an error says that the homeserver does not know the endpoint: `M_UNRECOGNIZED`.
///
/// # Errors
/// The response, readable again, if it says something else.
pub async fn unrecognized<B: Body>(response: UpstreamResponse<B>) -> Result<(), UpstreamResponse<B>> {
    #[derive(Deserialize)]
    struct MatrixError {
        errcode: String,
    }
    let UpstreamResponse { status, mut headers, body } = response;
    let bytes = body.bytes(ERROR_BYTES).await.unwrap_or_default();
    match serde_json::from_slice::<MatrixError>(&bytes) {
        Ok(error) if error.errcode == "M_UNRECOGNIZED" => Ok(()),
        _ => {
            // Read to its end, it has the length that it has.
            headers.remove(http::header::CONTENT_LENGTH);
            Err(UpstreamResponse { status, headers, body: B::from_bytes(&bytes) })
        }
    }
}
