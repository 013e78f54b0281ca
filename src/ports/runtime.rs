//! The port to the runtime: time, randomness, memory, work after the response, and the log.

use super::{BackgroundTask, Event, Memory, UpstreamRequest};
use crate::protocol::Object;

/// What a runtime does for a request.
pub trait Runtime<B> {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// Fills with cryptographic randomness.
    fn fill_random(&self, bytes: &mut [u8]);
    /// Runs a task after the response, as long as the platform allows.
    fn run_in_background(&self, task: BackgroundTask<B>);
    /// Starts a [`BackgroundTask::Fill`] that goes on even if the client leaves, and returns a future to wait for
    /// it: whether the object is cached then. The wait ends after [`FILL_WAIT_MS`](super::FILL_WAIT_MS), the
    /// fill may go on. `None` if another request is filling the cache with this object.
    fn fill(&self, object: &Object, request: UpstreamRequest) -> Option<impl Future<Output = bool>>;
    /// Uses what this isolate remembers.
    fn memory<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T;
    /// Logs an event. Events have no fields but fixed words: nothing can leak.
    fn log(&self, event: Event);
}
