//! Objects: the only way to open an object at a range, for plain delivery and for links.
//!
//! 1. [`ask`](ask()) sends a request to the homeserver and classifies the response with [`judge`].
//! 2. [`Need::plan`] decides how to serve the requested bytes from what the homeserver sends.
//! 3. [`Opening`] carries out the plan, from the cache or from the homeserver. If the homeserver sends a part
//!    that does not fit, it asks once more. It returns a [`Source`]: a body that knows which bytes of the
//!    object it covers.
//! 4. [`run`] puts objects into the cache after the response.
//!
//! `origin` decides who may have an object, and `edge` encrypts it.

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
