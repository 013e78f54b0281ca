//! The platform: the only folder that names Cloudflare Workers, JavaScript or the clock.
//!
//! [`entry`] takes each request, tells origin from edge by its host, and hands it on; the other
//! files implement the doors of [`crate::upstream`]: `fetch` (homeserver), `cache`, `kv`, `host`, and
//! `body` and `response` for what goes back. `glue.js` holds the few lines that are JavaScript.

mod body;
mod cache;
mod entry;
mod environment;
mod fetch;
mod glue;
mod headers;
mod host;
mod incoming;
mod kv;
mod pass;
mod peers;
mod response;

use std::rc::Rc;

use crate::config::Config;
use crate::upstream::Platform;

/// The doors of one request, on Cloudflare Workers. Cloning shares.
#[derive(Clone)]
pub(crate) struct Workers {
    config: Rc<Config>,
    env: Rc<worker::Env>,
    context: Rc<worker::Context>,
}

impl Platform for Workers {
    type Body = body::WorkerBody;
}
