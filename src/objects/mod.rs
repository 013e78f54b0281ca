//! Objects: the one way to open an object at a range, for plain delivery and for links.
//!
//! 1. [`ask`](ask()) sends a request to the homeserver and [`judge`]s the answer.
//! 2. [`Need::plan`] decides how to serve what was asked for from what the homeserver sends.
//! 3. [`Opening`] carries the plan out: from the cache, or from the homeserver, with one more request where a
//!    part does not fit. It returns a [`Source`]: a body that knows which bytes it covers.
//! 4. [`run`] does the work for after the response: the cache gets its copy.
//!
//! Out of scope: who may have the object (`origin`), and encryption (`edge`).

mod answer;
mod ask;
mod background;
mod open;
mod plan;
mod source;

pub use answer::{Answer, Asked, judge};
pub use ask::{
    ask, find_missing_authenticated_media, forget_missing_authenticated_media, lacks_authenticated_media,
    unrecognized,
};
pub use background::run;
pub use open::{OpenError, Opening, Sent};
pub use plan::{BUFFER_BYTES, Caching, Given, Need, Plan, Purpose, SKIP_BYTES, SMALL_BYTES};
pub use source::{Opened, Source};

#[cfg(test)]
mod tests;
