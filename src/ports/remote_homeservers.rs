//! The port to remote homeservers, which we ask for their policies.

use http::StatusCode;

use crate::policy::TargetUrl;

/// Sends requests to remote homeservers.
pub trait RemoteHomeservers {
    /// Sends a `GET` without credentials and follows no redirect. Returns `None` unless a complete response
    /// of at most `MAX_BODY_BYTES` arrives within `FETCH_TIMEOUT_MS`.
    async fn fetch(&self, url: &TargetUrl) -> Option<RemoteAnswer>;
    /// Waits for `ms` milliseconds. A request must not wait for anything that belongs to another request, but
    /// it can sleep and look again.
    async fn sleep(&self, ms: u32);
}

/// A remote homeserver's complete response.
#[derive(Clone, Debug)]
pub struct RemoteAnswer {
    /// The status.
    pub status: StatusCode,
    /// The `Location`, verbatim.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}
