//! Policies for reading media without authentication: ours and those of remote homeservers (MSC2461,
//! revision 1). `docs/policy.md` describes them for operators.
//!
//! A policy only narrows what the homeserver allows: the homeserver still decides every request that a policy
//! lets pass. The code is pure: it has no clock and no network.
//!
//! # Our own policy
//!
//! The operator chooses an [`Unauthenticated`]. [`Unauthenticated::decide`] decides whether a request passes
//! without a token, goes to the homeserver with its token, or is refused.
//!
//! # The policy of a remote homeserver
//!
//! 1. The operator chooses with [`RemotePolicy`] how strictly we obey the policies of remote homeservers.
//! 2. [`Memory`], or the key store under [`record_key`], may have a [`Record`] of the remote homeserver.
//! 3. Otherwise a [`Lookup`] begins, after the homeserver has accepted the client's token and if [`Memory`]
//!    gives a [`Permit`]. The lookup returns one URL after the other and takes each response. First comes the
//!    [`Discovery`] of the remote homeserver's address, then its media config, then in mode `legacy` its
//!    versions. [`TargetRules`] check every URL first, redirects and delegations included.
//! 4. The [`Finding`] becomes a [`Record`] for step 2, and we obey its [`Verdict`]. If the policy cannot be
//!    read, the verdict is [`Verdict::Proceed`].
//!
//! `origin` does the requests through `ports`, and decides in which order a request is checked.

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
