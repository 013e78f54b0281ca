//! The edge: behind a host name of its own. A request for a link goes through these steps:
//!
//! 1. [`lookup`]: the grant under the token; unknown, malformed and expired are the same 404;
//! 2. [`open`]: the object, from the cache or with the service account from the homeserver, checked
//!    against the grant's pins;
//! 3. encrypt: a [`Window`](crate::cipher::Window) onto the body with the grant's keystream;
//! 4. [`respond`]: headers that tell nothing of the object but its length.
//!
//! In scope: tokens and nothing else. Out of scope: who may have a token (`origin`). The edge never
//! looks at `Authorization`.

pub mod lookup;
pub mod open;
pub mod respond;

use headers::{ETag, HeaderMapExt as _, IfRange};
use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, Method};

use crate::config::Config;
use crate::ports::{Platform, Reply};
use crate::protocol::{AccessToken, Grant, Requested};

/// The headers of a request that the edge looks at.
pub static READ_HEADERS: [HeaderName; 2] = [RANGE, IF_RANGE];

/// A request for a link, as far as the edge looks at it.
#[expect(missing_debug_implementations, reason = "the path is a redirect token")]
pub struct LinkRequest<'a> {
    /// `GET` or `HEAD`.
    pub method: Method,
    /// The path of the URL.
    pub path: &'a str,
    /// At least those of [`READ_HEADERS`] that are there.
    pub headers: HeaderMap,
}

/// Serves a `GET` or `HEAD` of a redirect link; fetches objects with the service account `account`.
pub async fn link<P: Platform>(
    platform: &P,
    config: &Config,
    account: &AccessToken,
    request: &LinkRequest<'_>,
) -> Reply<P::Body> {
    serve(platform, config, account, request).await.unwrap_or_else(|error| respond::error(platform, error))
}

async fn serve<P: Platform>(
    platform: &P,
    config: &Config,
    account: &AccessToken,
    request: &LinkRequest<'_>,
) -> Result<Reply<P::Body>, respond::EdgeError> {
    let grant = lookup::grant(platform, request.path).await?;
    let range = match requested(&request.headers, &grant) {
        Requested::Whole => None,
        Requested::Part(range) => Some(range),
        Requested::Unsatisfiable => return Ok(Reply::unsatisfiable(grant.pins.size)),
    };
    if request.method == Method::HEAD {
        return respond::headers_only(&grant, range);
    }
    match open::object(platform, config, account, &grant, range).await {
        Ok(opened) => respond::media(&grant, opened),
        Err(error) => {
            open::remember_refusal(platform, &grant, error).await;
            Err(error)
        }
    }
}

/// What `Range` comes to, once `If-Range` has had its say: one token's bytes never change, so its
/// `ETag` decides alone.
fn requested(headers: &HeaderMap, grant: &Grant) -> Requested {
    if headers.contains_key(IF_RANGE) {
        let condition: Option<IfRange> = headers.typed_get();
        let etag = grant.etag.parse::<ETag>().ok();
        if condition.is_none_or(|condition| condition.is_modified(etag.as_ref(), None)) {
            return Requested::Whole;
        }
    }
    Requested::from_headers(headers, grant.pins.size)
}

#[cfg(test)]
mod tests;
