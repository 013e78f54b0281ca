//! Bodies on their way.

/// How long a body that is read whole may take, from its headers to its last byte, before it counts as
/// broken: 30 s. A client waits for it without a response, and 1 MiB comes in a fraction of that.
pub const BODY_TIMEOUT_MS: u32 = 30_000;

/// A body on its way: a stream, or bytes in memory. The platform cleans up after a stream that is dropped;
/// [`Body::cancel`] does it at once.
pub trait Body: Sized {
    /// Reads the whole body into memory, within [`BODY_TIMEOUT_MS`], and checks that it has exactly `size`
    /// bytes.
    async fn buffer(self, size: u64) -> Result<Self, BodyError>;
    /// Returns a second handle on a buffered body; `None` for a stream, which can be read only once.
    fn try_clone(&self) -> Option<Self>;
    /// Reads a document of at most `limit` bytes, within [`BODY_TIMEOUT_MS`].
    async fn bytes(self, limit: usize) -> Result<Vec<u8>, BodyError>;
    /// Makes a buffered body.
    fn from_bytes(bytes: &[u8]) -> Self;
    /// Gives the connection back without reading.
    fn cancel(self);
}

/// A body that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It broke off, came too slowly, or had another length than promised.
    #[error("the body ended early, stalled or had a different length than promised")]
    Broken,
    /// It is longer than anything that we read into memory.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}
