//! The port to the runtime: time, randomness, memory, background tasks, and the log.

use super::{BackgroundTask, Event, Memory, UpstreamRequest};
use crate::protocol::Object;

/// What a runtime does for a request.
pub trait Runtime<B> {
    /// Returns the time in milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// Fills `bytes` from a cryptographic random source.
    fn fill_random(&self, bytes: &mut [u8]);
    /// Runs a task after the response, for as long as the platform allows.
    fn run_in_background(&self, task: BackgroundTask<B>);
    /// Starts a [`BackgroundTask::Fill`] that continues even if the client leaves. Returns a future that
    /// tells whether the object is cached, or `None` if another request is already filling the cache with
    /// this object. The future waits for at most [`FILL_WAIT_MS`](super::FILL_WAIT_MS), and the fill may
    /// continue after that.
    fn fill(&self, object: &Object, request: UpstreamRequest) -> Option<impl Future<Output = bool>>;
    /// Calls `with` with this isolate's memory.
    fn memory<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T;
    /// Logs an event. Events consist of fixed words, so that nothing can leak.
    fn log(&self, event: Event);
}
