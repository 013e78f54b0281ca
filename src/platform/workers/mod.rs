//! Cloudflare Workers: the entry of every request, and the adapters for the ports.
//!
//! A request enters at `js/main.js`. [`entry`] passes it to [`crate::dispatch`], as a [`task`] that
//! JavaScript drives. Other files implement the ports ([`crate::ports`]): `fetch` (homeserver), `cache`,
//! `kv`, `runtime`, `remote_homeservers` and `body`. `response` sends replies, and `pass` passes requests
//! through. The folder `js` has the code that is simpler or faster in JavaScript, and [`glue`] binds it.
//! `js/instance.js` describes what happens after a trap.

mod body;
mod cache;
mod entry;
mod environment;
mod fetch;
mod glue;
mod headers;
mod kv;
mod pass;
mod remote_homeservers;
mod response;
mod runtime;
mod task;

use std::rc::Rc;

use crate::config::Config;
use crate::ports::Platform;

/// The ports of one request on Cloudflare Workers. A clone shares everything.
#[derive(Clone)]
pub(crate) struct Workers {
    config: Rc<Config>,
    env: Rc<worker::Env>,
    context: Rc<worker::worker_sys::Context>,
}

impl Platform for Workers {
    type Body = body::WorkerBody;
}
