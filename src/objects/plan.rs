//! Decides how to serve the requested bytes from what the homeserver sends, without I/O.

use crate::protocol::ByteRange;

/// The largest cacheable object that is read into memory, served and then cached from there: 1 MiB. Larger
/// objects are streamed, and a separate request fills the cache.
pub const BUFFER_BYTES: u64 = 1024 * 1024;

/// The largest body that is read into memory before it is encrypted, cacheable or not: 256 KiB. Up to this
/// size, an encrypting stream costs more than it saves (`docs/performance.md`).
pub const SMALL_BYTES: u64 = 256 * 1024;

/// The largest range offset reached by reading and discarding: 64 MiB.
pub const SKIP_BYTES: u64 = 64 * 1024 * 1024;

/// What the bytes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Plaintext for an authorised client. The client may get a shorter part than it asked for.
    Plain,
    /// A redirect link to the bytes as stored. The client gets the exact range or the whole object.
    Link,
    /// A redirect link to encrypted bytes. The client gets the exact range or the whole object.
    EncryptedLink,
}

/// What to serve.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// The object's length in bytes.
    pub size: u64,
    /// The requested range; `None` for the whole object.
    pub range: Option<ByteRange>,
    /// Whether the object may be cached.
    pub cacheable: bool,
    /// What the bytes are for.
    pub purpose: Purpose,
}

/// What the homeserver sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The whole object.
    Whole,
    /// This part of it.
    Part(ByteRange),
}

/// How to serve the requested bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Read the body into memory, check its length, and serve it from there.
    Buffer {
        /// The range to respond with; `None` for the whole object.
        range: Option<ByteRange>,
        /// What the cache gets.
        cache: Caching,
    },
    /// Stream the body.
    Stream {
        /// The range to respond with; `None` for the whole object.
        range: Option<ByteRange>,
        /// What the cache gets.
        cache: Caching,
    },
    /// Fill the cache first and open the range there. If that fails, serve the whole object.
    FillFirst,
    /// Ask again, for the whole object.
    AskWhole,
}

/// What the cache gets after the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// Nothing.
    None,
    /// The served body, from memory.
    ThisBody,
    /// The whole object, by a separate request, so that a slow client cannot spoil the copy.
    Fill,
}

impl Need {
    /// Decides how to serve the requested bytes from what the homeserver sends.
    pub fn plan(self, given: Given) -> Plan {
        match given {
            Given::Whole => self.plan_whole(),
            Given::Part(part) if part.start() == 0 && part.length() == self.size => self.plan_whole(),
            Given::Part(part) => self.plan_part(part),
        }
    }

    fn plan_whole(self) -> Plan {
        let Self { size, range, cacheable, purpose: _ } = self;
        if self.is_small(size) || (cacheable && size <= BUFFER_BYTES) {
            let cache = if cacheable { Caching::ThisBody } else { Caching::None };
            return Plan::Buffer { range, cache };
        }
        match range {
            Some(range) if range.start() > SKIP_BYTES => self.beyond_reach(),
            range => Plan::Stream { range, cache: self.fill() },
        }
    }

    fn fill(self) -> Caching {
        if self.cacheable { Caching::Fill } else { Caching::None }
    }

    /// Plans for a range that starts too far into a whole body. Every client must accept the whole object
    /// instead.
    fn beyond_reach(self) -> Plan {
        match self.purpose {
            Purpose::Link | Purpose::EncryptedLink if self.cacheable => Plan::FillFirst,
            Purpose::Plain | Purpose::Link | Purpose::EncryptedLink => {
                Plan::Stream { range: None, cache: self.fill() }
            }
        }
    }

    /// Plans for a part. A part describes itself, so it is served as far as it fits (RFC 9110
    /// section 15.3.7).
    fn plan_part(self, part: ByteRange) -> Plan {
        let Some(range) = self.range.and_then(|range| range.intersection(part)) else {
            return Plan::AskWhole;
        };
        let fits = match self.purpose {
            Purpose::Plain => self.range.is_some_and(|wanted| wanted.start() == range.start()),
            Purpose::Link | Purpose::EncryptedLink => self.range == Some(range),
        };
        if !fits {
            return Plan::AskWhole;
        }
        let (range, cache) = (Some(range), self.fill());
        if self.is_small(part.length()) {
            Plan::Buffer { range, cache }
        } else {
            Plan::Stream { range, cache }
        }
    }

    /// Returns whether to encrypt a body of `length` bytes in one piece, which is cheaper than a stream for
    /// small bodies.
    pub fn is_small(self, length: u64) -> bool {
        length <= SMALL_BYTES && self.purpose == Purpose::EncryptedLink
    }
}
