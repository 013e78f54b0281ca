//! The homeserver's door: one function for all requests that we make in our own name.

use http::{Method, StatusCode};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::Response;

use super::Workers;
use super::body::WorkerBody;
use super::glue;
use super::incoming::header_map;
use crate::upstream::{Homeserver, UpstreamError, UpstreamRequest, UpstreamResponse};

/// How long the homeserver may take to answer: longer than the 20 s that it waits by default for
/// media that is still being uploaded, and than the minute that clients ask for.
const HEADERS_TIMEOUT_MS: f64 = 100_000.0;

impl Homeserver<WorkerBody> for Workers {
    async fn send(&self, request: UpstreamRequest) -> Result<UpstreamResponse<WorkerBody>, UpstreamError> {
        let url = format!("{}{}", self.config.homeserver.as_str(), *request.path);
        let sent = glue::fetch_headers(&url, &init(&request), HEADERS_TIMEOUT_MS).await;
        let response: Response = sent
            .map_err(|error| match error.as_string().as_deref() {
                Some("timed out") => UpstreamError::TimedOut,
                _ => UpstreamError::Unreachable,
            })?
            .dyn_into()
            .map_err(|_| UpstreamError::Unreachable)?;
        let status = StatusCode::from_u16(response.status())
            .ok()
            .filter(|status| (200..600).contains(&status.as_u16()))
            .ok_or(UpstreamError::OddStatus(response.status()))?;
        let headers = header_map(&response.headers());
        Ok(UpstreamResponse { status, headers, body: WorkerBody::Response(response) })
    }
}

/// Cloudflare's own cache must never answer an authorisation, so it is switched off three ways; an
/// encoded body would hide the length; nothing of the client's request goes along but what is named.
fn init(request: &UpstreamRequest) -> JsValue {
    let mut headers = vec![("accept-encoding", JsValue::from_str("identity"))];
    if let Some(token) = &request.token {
        headers.push(("authorization", JsValue::from_str(&format!("Bearer {}", token.expose()))));
    }
    if let Some(address) = &request.client_ip {
        headers.push(("x-forwarded-for", JsValue::from_str(address)));
    }
    for (name, value) in &request.headers {
        headers.extend(value.to_str().ok().map(|value| (name.as_str(), JsValue::from_str(value))));
    }
    uncached(&headers, if request.method == Method::HEAD { "HEAD" } else { "GET" })
}

/// What every request of ours says: no redirect is followed, no cache asked or filled.
pub(super) fn uncached(headers: &[(&str, JsValue)], method: &str) -> JsValue {
    let never = glue::object(&[("100-599", JsValue::from_f64(-1.0))]);
    glue::object(&[
        ("method", JsValue::from_str(method)),
        ("headers", glue::object(headers).into()),
        ("redirect", JsValue::from_str("manual")),
        ("cache", JsValue::from_str("no-store")),
        ("cf", glue::object(&[("cacheTtlByStatus", never.into())]).into()),
    ])
    .into()
}
