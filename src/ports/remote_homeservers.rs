//! The port to remote homeservers, which are asked for their policy.

use http::StatusCode;

use crate::policy::TargetUrl;

/// Asks remote homeservers.
pub trait RemoteHomeservers {
    /// `GET` without credentials, no redirect followed, within `FETCH_TIMEOUT_MS` and `MAX_BODY_BYTES`; `None`
    /// for everything that is not a whole answer.
    async fn fetch(&self, url: &TargetUrl) -> Option<RemoteAnswer>;
    /// Lets some time pass. A request must not wait for anything that belongs to another one, but it can look
    /// again later.
    async fn sleep(&self, ms: u32);
}

/// A remote homeserver's whole answer.
#[derive(Clone, Debug)]
pub struct RemoteAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its `Location`, verbatim.
    pub location: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
}
