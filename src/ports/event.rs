//! Events for the log.

use crate::protocol::Change;

/// An event for the log. The labels are stable, because operators alert on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A grant could not be stored. The media was served plainly.
    KeyStorePutFailed,
    /// A grant could not be read. The edge returned 502.
    KeyStoreGetFailed,
    /// The homeserver refused the service account an object, which is then served as not opted in for ten
    /// minutes. Or it refused the media config, which remote homeservers then cannot read.
    ServiceAccountRefused,
    /// A remote homeserver was not asked for its policy, because there were enough lookups in this minute.
    /// Its media was requested all the same.
    PolicyLookupSkipped,
    /// The homeserver could not be reached, timed out, or sent no usable response.
    HomeserverUnreachable,
    /// An object no longer matched its grant. The edge returned 409, and the object is served as not opted in
    /// for ten minutes.
    ObjectChanged(Change),
    /// A body ended early or had another length than promised. The response was aborted, or was a 502 if it
    /// had not started.
    BodyBroken,
    /// An object could not be put into the cache.
    CacheFillFailed,
}

impl Event {
    /// Returns the word for the log.
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

    /// Returns the detail that the log adds, if there is one.
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
