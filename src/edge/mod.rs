//! The edge: serves redirect links, on its own host. A request for a link goes through these steps:
//!
//! 1. [`lookup`] finds the grant under the token. Unknown, malformed and expired tokens all return the same
//!    404.
//! 2. [`open`] opens the object, from the cache or from the homeserver with the service account, and checks
//!    it against the grant's pins.
//! 3. A [`Window`](crate::cipher::Window) onto the body encrypts it with the grant's keystream.
//! 4. [`respond`] adds headers that reveal nothing of the object but its length.
//!
//! The edge serves tokens and nothing else, and never looks at `Authorization`. `origin` decides who gets a
//! token.

pub mod lookup;
pub mod open;
pub mod respond;

use headers::{ETag, HeaderMapExt as _, IfRange};
use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, Method};

use crate::config::Config;
use crate::ports::{Platform, Reply};
use crate::protocol::{AccessToken, Grant, Requested};

/// The request headers that the edge reads.
pub static READ_HEADERS: [HeaderName; 2] = [RANGE, IF_RANGE];

/// A request for a link: the parts that the edge reads.
#[expect(missing_debug_implementations, reason = "the path is a redirect token")]
pub struct LinkRequest<'a> {
    /// `GET` or `HEAD`.
    pub method: Method,
    /// The path of the URL: `/<token>` if it is a link.
    pub path: &'a str,
    /// The request's headers, at least those of [`READ_HEADERS`].
    pub headers: HeaderMap,
}

/// Serves a `GET` or `HEAD` of a redirect link. Fetches objects with the service account's token, `account`.
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

/// Returns the range to serve, from `Range` and `If-Range`. A link's bytes never change, so its `ETag` alone
/// decides about `If-Range`.
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
