//! The homeserver's door: one function for all requests that we make in our own name.

use http::{Method, StatusCode};
use wasm_bindgen::JsCast as _;
use web_sys::Response;
use zeroize::Zeroizing;

use super::Workers;
use super::body::WorkerBody;
use super::glue;
use super::headers::{header_map, push_header};
use crate::upstream::{Homeserver, UpstreamError, UpstreamRequest, UpstreamResponse};

/// How long the homeserver may take to answer: longer than the 20 s that it waits by default for
/// media that is still being uploaded, and than the minute that clients ask for.
const HEADERS_TIMEOUT_MS: f64 = 100_000.0;

impl Homeserver<WorkerBody> for Workers {
    async fn send(&self, request: UpstreamRequest) -> Result<UpstreamResponse<WorkerBody>, UpstreamError> {
        let url = format!("{}{}", self.config.homeserver.as_str(), *request.path);
        let method = if request.method == Method::HEAD { "HEAD" } else { "GET" };
        let sent = glue::fetch_headers(&url, method, &headers(&request), HEADERS_TIMEOUT_MS).await;
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

/// An encoded body would hide the length; nothing of the client's request goes along but what is named.
fn headers(request: &UpstreamRequest) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(512));
    push_header(&mut text, "accept-encoding", "identity");
    if let Some(token) = &request.token {
        push_header(&mut text, "authorization", &Zeroizing::new(format!("Bearer {}", token.expose())));
    }
    if let Some(address) = &request.client_ip {
        push_header(&mut text, "x-forwarded-for", address);
    }
    for (name, value) in &request.headers {
        if let Ok(value) = value.to_str() {
            push_header(&mut text, name.as_str(), value);
        }
    }
    text
}
