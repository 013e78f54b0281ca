//! What the log counts.

use crate::protocol::Change;

/// What the log counts. The words are stable: operators alert on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A grant could not be stored; the media itself was delivered.
    KeyStorePutFailed,
    /// A grant could not be read; the edge answered 502.
    KeyStoreGetFailed,
    /// The service account was refused an object, which is served as not opted in for ten minutes; or the
    /// media config, which remote homeservers then cannot read.
    ServiceAccountRefused,
    /// A remote homeserver was not asked for its policy: enough were in this minute. Its media was asked for.
    PolicyLookupSkipped,
    /// The homeserver could not be reached or timed out.
    HomeserverUnreachable,
    /// An object no longer matched its grant: 409. It is served as not opted in for ten minutes.
    ObjectChanged(Change),
    /// A body ended early or had another length than promised; the response was aborted.
    BodyBroken,
    /// An object could not be put into the cache.
    CacheFillFailed,
}

impl Event {
    /// The word in the log.
    pub fn label(self) -> &'static str {
        match self {
            Self::KeyStorePutFailed => "key_store_put_failed",
            Self::KeyStoreGetFailed => "key_store_get_failed",
            Self::ServiceAccountRefused => "service_account_refused",
            Self::PolicyLookupSkipped => "policy_lookup_skipped",
            Self::HomeserverUnreachable => "homeserver_unreachable",
            Self::ObjectChanged(_) => "object_changed",
            Self::BodyBroken => "body_broken",
            Self::CacheFillFailed => "cache_fill_failed",
        }
    }

    /// What else the log says of it, if anything.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::ObjectChanged(change) => Some(change.label()),
            Self::KeyStorePutFailed
            | Self::KeyStoreGetFailed
            | Self::ServiceAccountRefused
            | Self::PolicyLookupSkipped
            | Self::HomeserverUnreachable
            | Self::BodyBroken
            | Self::CacheFillFailed => None,
        }
    }
}
