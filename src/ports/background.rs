//! Work for after the response, and what the log counts.

use http::StatusCode;

use super::{Body as _, Platform, UpstreamRequest};
use crate::protocol::{Object, ObjectInfo};

/// Work for after the response.
#[expect(missing_debug_implementations, reason = "holds requests with tokens")]
pub enum BackgroundTask<B> {
    /// Put a buffered object into the cache.
    Put(Object, ObjectInfo, B),
    /// Remember an object's info.
    PutInfo(Object, ObjectInfo),
    /// Get an object once more, for the cache alone, so that no slow client can harm the copy.
    Fill(Object, UpstreamRequest),
}

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
    /// An object no longer matched its grant: 409.
    ObjectChanged,
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
            Self::ObjectChanged => "object_changed",
            Self::BodyBroken => "body_broken",
            Self::CacheFillFailed => "cache_fill_failed",
        }
    }
}

/// Does a [`BackgroundTask`] and says whether the cache has its object now. Failures are logged.
pub async fn run_background_task<P: Platform>(platform: &P, task: BackgroundTask<P::Body>) -> bool {
    let cached = match task {
        BackgroundTask::Put(object, info, body) => platform.put_object(&object, &info, body).await,
        BackgroundTask::PutInfo(object, info) => platform.put_info(&object, &info).await,
        BackgroundTask::Fill(object, request) => fill(platform, &object, request).await,
    };
    if !cached {
        platform.log(Event::CacheFillFailed);
    }
    cached
}

/// Gets an object and puts it into the cache: only a complete 200 of a known length.
async fn fill<P: Platform>(platform: &P, object: &Object, request: UpstreamRequest) -> bool {
    let Ok(response) = platform.send(request).await else { return false };
    let info = ObjectInfo::from_headers(&response.headers);
    if response.status != StatusCode::OK || info.size.is_none() {
        response.body.cancel();
        return false;
    }
    platform.put_object(object, &info, response.body).await
}
