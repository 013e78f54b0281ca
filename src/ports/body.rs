//! Bodies of responses.

/// How long it may take to read a whole body into memory: 30 s. After that the body counts as broken. The
/// client has no response while it waits, and 1 MiB normally arrives in a fraction of this time.
pub const BODY_TIMEOUT_MS: u32 = 30_000;

/// A body: a stream, or bytes in memory. If a stream is dropped, the platform releases its connection some
/// time later; [`Body::cancel`] releases it at once.
pub trait Body: Sized {
    /// Reads the whole body into memory, within [`BODY_TIMEOUT_MS`]. Returns [`BodyError::Broken`] unless it
    /// has exactly `size` bytes.
    async fn buffer(self, size: u64) -> Result<Self, BodyError>;
    /// Returns a second handle to a buffered body, or `None` for a stream, which can be read only once.
    fn try_clone(&self) -> Option<Self>;
    /// Reads a document of at most `limit` bytes into memory, within [`BODY_TIMEOUT_MS`].
    async fn bytes(self, limit: usize) -> Result<Vec<u8>, BodyError>;
    /// Makes a buffered body.
    fn from_bytes(bytes: &[u8]) -> Self;
    /// Releases the connection without reading the rest of the body.
    fn cancel(self);
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body broke off, came too slowly, or had another length than promised.
    #[error("the body ended early, stalled or had a different length than promised")]
    Broken,
    /// The body is longer than the limit.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}
