//! The adapter for bodies: responses of the runtime, or bytes in memory.

use std::rc::Rc;

use js_sys::{ArrayBuffer, Promise, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{ReadableStream, Response};

use super::glue;
use super::task::settled_within;
use crate::ports::{BODY_TIMEOUT_MS, Body, BodyError};

/// Waits for a read of a whole body. The time limit is for senders that promise a body and then send nothing,
/// while the client waits for its first byte.
async fn read_whole(read: Result<Promise, JsValue>) -> Result<JsValue, BodyError> {
    settled_within(BODY_TIMEOUT_MS.into(), read).await.map_err(|_| BodyError::Broken)
}

/// A body: a stream, or bytes in memory.
pub(crate) enum WorkerBody {
    /// A body that is not read yet: the runtime's own stream, which it can pass through without our code.
    Response(Response),
    /// A body in the runtime's memory, outside of WebAssembly's. A background task may put it into the cache
    /// too.
    Buffer(Rc<ArrayBuffer>),
}

impl WorkerBody {
    /// Returns the stream of a response, if it has one.
    pub(super) fn stream(response: &Response) -> Option<ReadableStream> {
        response.body()
    }
}

/// Frees a buffer's memory now instead of at a later garbage collection, unless there is another handle to
/// it.
pub(super) fn release(buffer: Rc<ArrayBuffer>) {
    if let Ok(buffer) = Rc::try_unwrap(buffer) {
        // This fails only for memory that cannot be detached, such as WebAssembly's.
        let _ = buffer.transfer_with_length(0);
    }
}

impl Body for WorkerBody {
    async fn buffer(self, size: u64) -> Result<Self, BodyError> {
        let buffer = match self {
            Self::Buffer(buffer) => buffer,
            Self::Response(response) => {
                Rc::new(read_whole(response.array_buffer()).await?.dyn_into().map_err(|_| BodyError::Broken)?)
            }
        };
        if u64::from(buffer.byte_length()) == size {
            Ok(Self::Buffer(buffer))
        } else {
            Err(BodyError::Broken)
        }
    }

    fn try_clone(&self) -> Option<Self> {
        match self {
            Self::Buffer(buffer) => Some(Self::Buffer(buffer.clone())),
            Self::Response(_) => None,
        }
    }

    async fn bytes(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let bytes = match self {
            Self::Buffer(buffer) => Uint8Array::new(&buffer),
            Self::Response(response) => {
                let Some(stream) = Self::stream(&response) else { return Ok(Vec::new()) };
                #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
                let read = glue::read_at_most(&stream, limit as f64);
                read_whole(Ok(read)).await?.dyn_into().map_err(|_| BodyError::TooLong { limit })?
            }
        };
        Ok(bytes.to_vec())
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self::Buffer(Rc::new(Uint8Array::from(bytes).buffer()))
    }

    fn cancel(self) {
        if let Self::Response(response) = self
            && let Some(stream) = Self::stream(&response)
        {
            // The outcome does not matter: the connection is released either way.
            let _ = stream.cancel();
        }
    }
}
