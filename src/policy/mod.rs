//! What may be read without authentication, and what remote homeservers say of theirs (MSC2461 revision 1).
//!
//! Pure: no clock, no network, no platform. A policy only ever narrows. What it lets pass is still
//! decided by the homeserver, for that user and that object.
//!
//! # Our own policy
//!
//! [`Unauthenticated`] is what the operator chose; [`Unauthenticated::decide`] is the one function
//! that says of a request whether it passes without a token, goes to the homeserver with its token,
//! or is refused.
//!
//! # The policy of a remote homeserver
//!
//! 1. [`RemotePolicy`] says how far a remote homeserver's policy is obeyed.
//! 2. [`Memory`] and then the key store under [`record_key`] may hold a [`Record`] of this remote homeserver.
//! 3. Otherwise, once the homeserver has vouched for the client's token and if [`Memory`] gives a
//!    [`Permit`], a [`Lookup`] names one URL
//!    after the other and is told what came back: *discovery* (where the remote homeserver is, [`Discovery`]),
//!    its media config, and in mode `legacy` its versions. [`TargetRules`] judge every URL before
//!    it is named, redirects and delegations included.
//! 4. Its [`Finding`] becomes a [`Record`] for 2, and its [`Verdict`] is obeyed. Whatever cannot be
//!    found out means [`Verdict::Proceed`].
//!
//! In scope: decisions. Out of scope: who fetches, where records are kept (`platform`), and the
//! order of a request's checks (`origin`).

mod discovery;
mod host;
mod lookup;
mod memory;
mod record;
mod remote;
mod target;
mod unauthenticated;

pub use discovery::{
    DEFAULT_PORT, Discovery, FETCH_TIMEOUT_MS, Fetched, LOOKUP_TIMEOUT_MS, LOOKUP_WAIT_MS,
    LOOKUPS_PER_MINUTE, MAX_BODY_BYTES, WellKnown,
};
pub use lookup::{Finding, Lookup, Progress, Source};
pub use memory::{Memory, Permit};
pub use record::{CacheTimes, Record, record_key};
pub use remote::{RemotePolicy, Verdict, published};
pub use target::{Target, TargetError, TargetRules, TargetUrl};
pub use unauthenticated::{Asked, Decision, Locality, Token, Unauthenticated};
