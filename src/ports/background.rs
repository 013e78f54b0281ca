//! Background tasks: work for after the response.

use super::UpstreamRequest;
use crate::protocol::{Object, ObjectInfo};

/// A background task. [`crate::objects::run`] runs it after the response.
#[expect(missing_debug_implementations, reason = "holds requests with tokens")]
pub enum BackgroundTask<B> {
    /// Puts a buffered object into the cache.
    Put(Object, ObjectInfo, B),
    /// Puts an object's info into the cache.
    PutInfo(Object, ObjectInfo),
    /// Requests an object once more, for the cache alone.
    Fill(Object, UpstreamRequest),
}
