//! How to serve what was asked for from what the homeserver sent: a pure decision.

use crate::protocol::ByteRange;

/// Objects up to this size that are cached, are read whole, served and then cached; larger ones are streamed,
/// and the cache gets a copy of its own: 1 MiB.
pub const BUFFER_BYTES: u64 = 1024 * 1024;

/// Bodies up to this size that are encrypted are read whole, whether or not they are cached: below it a stream
/// of our own costs more than it saves (`docs/performance.md`). 256 KiB.
pub const SMALL_BYTES: u64 = 256 * 1024;

/// The largest range offset that is reached by reading and discarding: 64 MiB.
pub const SKIP_BYTES: u64 = 64 * 1024 * 1024;

/// What the bytes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Plaintext to a client that the homeserver authorised. It is ready for a shorter part than it asked for.
    Plain,
    /// A redirect link, as stored. Its client is promised the exact range.
    Link,
    /// A redirect link, encrypted. Its client is promised the exact range.
    EncryptedLink,
}

/// What is to be served.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// The object's length in bytes.
    pub size: u64,
    /// The range; `None` for everything.
    pub range: Option<ByteRange>,
    /// Whether the object may be cached.
    pub cacheable: bool,
    /// What for.
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

/// How to serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Read the body into memory, check its length, and serve it from there.
    Buffer {
        /// What to answer with.
        range: Option<ByteRange>,
        /// What the cache gets.
        cache: Caching,
    },
    /// Stream the body.
    Stream {
        /// What to answer with.
        range: Option<ByteRange>,
        /// What the cache gets.
        cache: Caching,
    },
    /// Fill the cache first and open the range there. Where that cannot be done, answer with everything.
    FillFirst,
    /// Ask again, for the whole object.
    AskWhole,
}

/// What the cache gets, after the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// Nothing.
    None,
    /// The body that is served, from memory.
    ThisBody,
    /// The whole object, by a request of its own: no slow client can harm that copy.
    Fill,
}

impl Need {
    /// Decides how to serve the need from what the homeserver sends.
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

    /// The whole comes, and the range lies too far into it. A client must be ready for everything instead.
    fn beyond_reach(self) -> Plan {
        match self.purpose {
            Purpose::Link | Purpose::EncryptedLink if self.cacheable => Plan::FillFirst,
            Purpose::Plain | Purpose::Link | Purpose::EncryptedLink => {
                Plan::Stream { range: None, cache: self.fill() }
            }
        }
    }

    /// A part describes itself, so what it has is served as far as it fits (RFC 9110 section 15.3.7).
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

    /// Whether a body of this length is cheaper to encrypt whole than as a stream.
    pub fn is_small(self, length: u64) -> bool {
        length <= SMALL_BYTES && self.purpose == Purpose::EncryptedLink
    }
}
