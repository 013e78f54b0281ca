//! Finishes replies: the only place that every reply passes through.

use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::Host;
use crate::ports::{Body, Reply, ReplyBody};
use crate::protocol::header;

/// Adds the headers that every reply of a host carries. Removes the body where HTTP allows none: from replies
/// to `HEAD`, and under the statuses 204, 205 and 304.
#[must_use]
pub fn finish<B: Body>(mut reply: Reply<B>, host: Host, method: &Method) -> Reply<B> {
    match host {
        Host::Edge => {
            header::insert_link_safety(&mut reply.headers);
            reply.headers.insert(CACHE_CONTROL, header::NO_STORE);
            reply.headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            reply
                .headers
                .insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
        }
        Host::Homeserver => header::insert_cors(&mut reply.headers),
    }
    let has_no_body =
        matches!(reply.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    match reply.body {
        ReplyBody::Empty => reply,
        _ if has_no_body || *method == Method::HEAD => reply.without_body(),
        _ => reply,
    }
}
