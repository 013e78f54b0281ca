//! The port to the cache of this data centre: plaintext objects and their info.

use crate::protocol::{ByteRange, Object, ObjectInfo};

/// How long a fill may make no progress before it ends: 30 s.
pub const STALL_MS: u32 = 30_000;

/// How long a request waits for a fill before it is served in another way: 30 s.
pub const FILL_WAIT_MS: u32 = 30_000;

/// Stores plaintext objects. A cache forgets; it never fails.
pub trait ObjectCache<B> {
    /// Returns what is known of an object, whether or not its bytes are cached.
    async fn get_info(&self, object: &Object) -> Option<ObjectInfo>;
    /// Opens the object's bytes, or those of one range of it.
    async fn open(&self, object: &Object, range: Option<ByteRange>) -> Option<Cached<B>>;
    /// Stores a complete object and its info. Gives up when nothing arrives for [`STALL_MS`]. Returns whether
    /// the object is cached now.
    async fn put_object(&self, object: &Object, info: &ObjectInfo, body: B) -> bool;
    /// Stores an object's info alone. Returns whether it is cached now.
    async fn put_info(&self, object: &Object, info: &ObjectInfo) -> bool;
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
