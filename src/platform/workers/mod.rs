//! Cloudflare Workers: the adapters for the ports, and the entry of every request.
//!
//! `js/main.js` is where a request enters; [`entry`] hands it to [`crate::dispatch`], as a [`task`] that
//! JavaScript drives. The other files implement the ports ([`crate::ports`]): `fetch`
//! (homeserver), `cache`, `kv`, `runtime`, and `body` and `response` for what goes back. The folder `js` holds
//! the few lines that are better said in JavaScript; [`glue`] binds them. `js/instance.js` says what
//! follows a trap.

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

/// The ports of one request, on Cloudflare Workers. Cloning shares.
#[derive(Clone)]
pub(crate) struct Workers {
    config: Rc<Config>,
    env: Rc<worker::Env>,
    context: Rc<worker::worker_sys::Context>,
}

impl Platform for Workers {
    type Body = body::WorkerBody;
}
