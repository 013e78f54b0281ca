//! Runs background tasks, which fill the cache after the response.

use http::StatusCode;

use super::answer::{Answer, Asked};
use super::ask::ask;
use crate::ports::{BackgroundTask, Body as _, Event, Platform, UpstreamRequest};
use crate::protocol::{Object, ObjectInfo};

/// Runs a task and returns whether its object, or object info, is in the cache now. Logs a failure.
pub async fn run<P: Platform>(platform: &P, task: BackgroundTask<P::Body>) -> bool {
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

/// Requests an object and puts it into the cache, if the response is a 200 of known length.
async fn fill<P: Platform>(platform: &P, object: &Object, request: UpstreamRequest) -> bool {
    let Ok((answer, response)) = ask(platform, object, &request, Asked::Get).await else { return false };
    let info = ObjectInfo::from_headers(&response.headers);
    if answer != Answer::Whole || response.status != StatusCode::OK || info.size.is_none() {
        response.body.cancel();
        return false;
    }
    platform.put_object(object, &info, response.body).await
}
