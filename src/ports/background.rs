//! Work for after the response.

use super::UpstreamRequest;
use crate::protocol::{Object, ObjectInfo};

/// A task for after the response; [`crate::objects::run`] runs it.
#[expect(missing_debug_implementations, reason = "holds requests with tokens")]
pub enum BackgroundTask<B> {
    /// Put a buffered object into the cache.
    Put(Object, ObjectInfo, B),
    /// Remember an object's info.
    PutInfo(Object, ObjectInfo),
    /// Get an object once more, for the cache alone.
    Fill(Object, UpstreamRequest),
}
