//! The ports: small traits through which `origin` and `edge` reach everything outside, and the
//! plain values that go through them. `platform` implements them on Cloudflare Workers; tests
//! implement them with fakes that fail, fail but persist, answer late, or cut a body short.

mod background;
#[cfg(test)]
pub(crate) mod fakes;
mod reply;

pub use background::{BackgroundTask, Event, run_background_task};
pub use reply::{Reply, ReplyBody};

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LOCATION, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use zeroize::Zeroizing;

use crate::policy::{Memory, TargetUrl};
use crate::protocol::{AccessToken, ByteRange, Object, ObjectInfo};

/// Objects up to this size are read whole, served and then cached; larger ones are streamed, and the
/// cache gets a copy of its own.
pub const BUFFER_BYTES: u64 = 1024 * 1024;

/// Bodies up to this size that must be touched are read whole, whether or not they are cached: below
/// it a stream of our own costs more than it saves (`docs/performance.md`).
pub const SMALL_BYTES: u64 = 256 * 1024;

/// The most that is skipped of a body whose sender ignored the range.
pub const SKIP_BYTES: u64 = 64 * 1024 * 1024;

/// How long a body that is read whole may take, from its headers to its last byte, before it counts as
/// broken: 30 s. A client waits for it without a response, and 1 MiB comes in a fraction of that.
pub const BODY_TIMEOUT_MS: u32 = 30_000;

/// The headers of a response that anything here looks at: info of media, and what is relayed.
pub const READ_HEADERS: [HeaderName; 11] = [
    CONTENT_LENGTH,
    CONTENT_TYPE,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_RANGE,
    ETAG,
    LOCATION,
    RETRY_AFTER,
    WWW_AUTHENTICATE,
    CACHE_CONTROL,
    VARY,
];

/// A body on its way: a stream, or bytes in memory. What a dropped stream leaves behind is the
/// platform's to clean; [`Body::cancel`] says it at once.
pub trait Body: Sized {
    /// Reads the whole body into memory, within [`BODY_TIMEOUT_MS`], and checks that it has exactly `size`
    /// bytes.
    async fn buffer(self, size: u64) -> Result<Self, BodyError>;
    /// A second handle on a buffered body; `None` for a stream, which can be read only once.
    fn try_clone(&self) -> Option<Self>;
    /// Reads a document of at most `limit` bytes, within [`BODY_TIMEOUT_MS`].
    async fn bytes(self, limit: usize) -> Result<Vec<u8>, BodyError>;
    /// Gives the connection back without reading.
    fn cancel(self);
}

/// A body that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It broke off, came too slowly, or had another length than promised.
    #[error("the body broke off, came too slowly or had another length than promised")]
    Broken,
    /// It is longer than anything that we read into memory.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

/// Whose access token a request carries, as `Authorization: Bearer …`.
#[expect(missing_debug_implementations, reason = "tokens are secrets")]
#[derive(Clone)]
pub enum Account {
    /// The client's own, where it came in the header.
    Client(Option<AccessToken>),
    /// The service account's.
    Service(AccessToken),
}

impl Account {
    /// The token, if there is one.
    pub fn token(&self) -> Option<&AccessToken> {
        match self {
            Self::Client(token) => token.as_ref(),
            Self::Service(token) => Some(token),
        }
    }
}

/// A request to the homeserver. The path holds what the client sent and may hold its access token:
/// `Debug` is left out on purpose.
#[expect(missing_debug_implementations, reason = "path and token are secrets")]
#[derive(Clone)]
pub struct UpstreamRequest {
    /// `GET` or `HEAD`.
    pub method: Method,
    /// Path and query, rebuilt from typed values.
    pub path: Zeroizing<String>,
    /// Who asks.
    pub account: Account,
    /// `If-None-Match` or `Range`, nothing else.
    pub headers: HeaderMap,
    /// What `X-Forwarded-For` is set to.
    pub client_ip: Option<String>,
}

/// What the homeserver said.
#[derive(Debug)]
pub struct UpstreamResponse<B> {
    /// The status, 200-599.
    pub status: StatusCode,
    /// Those of [`READ_HEADERS`] that are there.
    pub headers: HeaderMap,
    /// The body, possibly empty.
    pub body: B,
}

/// Why the homeserver said nothing that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection, or it broke before the headers.
    #[error("the homeserver cannot be reached")]
    Unreachable,
    /// No headers in time.
    #[error("the homeserver did not answer in time")]
    TimedOut,
    /// A status outside 200-599.
    #[error("the homeserver answered with the status {0}, which is none")]
    OddStatus(u16),
}

/// The port to the homeserver.
pub trait Homeserver<B> {
    /// Sends a request, follows no redirect, uses no cache.
    async fn send(&self, request: UpstreamRequest) -> Result<UpstreamResponse<B>, UpstreamError>;
}

/// An object out of the cache.
#[derive(Debug)]
pub struct Cached<B> {
    /// What was stored beside it.
    pub info: ObjectInfo,
    /// The bytes of `range`.
    pub body: B,
    /// Which bytes these are; `None` is all of them.
    pub range: Option<ByteRange>,
}

/// The port to the cache: plaintext objects and info of this data centre. A cache forgets; it never fails.
pub trait ObjectCache<B> {
    /// What is known of an object, whether or not its bytes are cached.
    async fn get_info(&self, object: &Object) -> Option<ObjectInfo>;
    /// The object's bytes, or those of one range of it.
    async fn open(&self, object: &Object, range: Option<ByteRange>) -> Option<Cached<B>>;
    /// Stores a complete object and its info. Returns whether it is cached now.
    async fn put_object(&self, object: &Object, info: &ObjectInfo, body: B) -> bool;
    /// Stores an object's info alone. Returns whether it is cached now.
    async fn put_info(&self, object: &Object, info: &ObjectInfo) -> bool;
}

/// The key store refused or could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key store cannot be reached")]
pub struct KeyStoreError;

/// The port to the key store (Workers KV): short records under names, with a time to live.
pub trait KeyStore {
    /// Stores a record for `ttl_secs` (at least 60).
    async fn put(&self, name: &str, record: &str, ttl_secs: u64) -> Result<(), KeyStoreError>;
    /// Reads a record; what was not there may stay unseen for half a minute and more.
    async fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, KeyStoreError>;
}

/// The port to the runtime: time, randomness, work after the response, and the log.
pub trait Host<B> {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// Fills with cryptographic randomness.
    fn fill_random(&self, bytes: &mut [u8]);
    /// Does a task after the response, as long as the platform allows.
    fn run_in_background(&self, task: BackgroundTask<B>);
    /// A [`BackgroundTask::Fill`] that goes on like one that is done later, even if the client leaves, and can be
    /// waited for: says whether the object is cached then. `None` if another request is at it.
    fn fill(&self, object: &Object, request: UpstreamRequest) -> Option<impl Future<Output = bool>>;
    /// Counts an event of the day in the log. Events have no fields: nothing can leak.
    fn log(&self, event: Event);
}

/// The port to remote homeservers: other homeservers, asked for their policy.
pub trait RemoteHomeservers {
    /// `GET` without credentials, no redirect followed, within `FETCH_TIMEOUT_MS` and `MAX_BODY_BYTES`;
    /// `None` for whatever is not a whole answer.
    async fn fetch(&self, url: &TargetUrl) -> Option<RemoteAnswer>;
    /// What this isolate remembers of remote homeservers.
    fn memory<T>(&self, ask: impl FnOnce(&mut Memory) -> T) -> T;
    /// Lets some time pass. A request may wait for nothing that belongs to another one, but it can look
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

/// All ports of one request.
pub trait Platform:
    Homeserver<Self::Body> + ObjectCache<Self::Body> + KeyStore + Host<Self::Body> + RemoteHomeservers
{
    /// What bodies are here.
    type Body: Body;
}
