//! Ports: the small traits through which [`crate::origin`], [`crate::edge`] and [`crate::objects`] reach
//! everything outside, and the plain values that pass through them. A platform has an adapter for each port.
//! Tests have fakes that fail, fail but persist, or cut a body short.

mod background;
mod body;
mod event;
#[cfg(test)]
pub(crate) mod fakes;
mod homeserver;
mod key_store;
mod memory;
mod object_cache;
mod remote_homeservers;
mod reply;
mod runtime;

pub use background::BackgroundTask;
pub use body::{BODY_TIMEOUT_MS, Body, BodyError};
pub use event::Event;
pub use homeserver::{Account, Homeserver, READ_HEADERS, UpstreamError, UpstreamRequest, UpstreamResponse};
pub use key_store::{KeyStore, KeyStoreError};
pub use memory::Memory;
pub use object_cache::{Cached, FILL_WAIT_MS, ObjectCache, STALL_MS};
pub use remote_homeservers::{RemoteAnswer, RemoteHomeservers};
pub use reply::{Reply, ReplyBody};
pub use runtime::Runtime;

/// All ports of one request.
pub trait Platform:
    Homeserver<Self::Body> + ObjectCache<Self::Body> + KeyStore + Runtime<Self::Body> + RemoteHomeservers
{
    /// The type of the platform's bodies.
    type Body: Body;
}
