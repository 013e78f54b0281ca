//! The port to the cache of this data centre, which holds plaintext objects and their info.

use crate::protocol::{ByteRange, Object, ObjectInfo};

/// How long a fill may make no progress before it is given up: 30 s.
pub const STALL_MS: u32 = 30_000;

/// How long a request waits for a fill before it is served in another way: 30 s.
pub const FILL_WAIT_MS: u32 = 30_000;

/// Caches plaintext objects. A cache may lose any object, but its methods return no errors.
pub trait ObjectCache<B> {
    /// Returns an object's info, whether or not its bytes are cached.
    async fn get_info(&self, object: &Object) -> Option<ObjectInfo>;
    /// Opens the object's bytes, or those of one range. Returns `None` if they are not cached.
    async fn open(&self, object: &Object, range: Option<ByteRange>) -> Option<Cached<B>>;
    /// Stores a complete object and its info. Gives up when no data arrives for [`STALL_MS`]. Returns whether
    /// the object is cached now.
    async fn put_object(&self, object: &Object, info: &ObjectInfo, body: B) -> bool;
    /// Stores an object's info alone. Returns whether the info is cached now.
    async fn put_info(&self, object: &Object, info: &ObjectInfo) -> bool;
}

/// An object from the cache.
#[derive(Debug)]
pub struct Cached<B> {
    /// The info that was stored beside it.
    pub info: ObjectInfo,
    /// The bytes of `range`, or of the whole object.
    pub body: B,
    /// The range that `body` covers; `None` for the whole object.
    pub range: Option<ByteRange>,
}
