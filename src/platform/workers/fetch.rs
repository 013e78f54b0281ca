//! The adapter for the homeserver: sends all requests that we make ourselves.

use std::cell::OnceCell;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Method, StatusCode};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::Response;
use zeroize::Zeroizing;

use super::Workers;
use super::body::WorkerBody;
use super::glue;
use super::headers::{Names, push_header, read_headers};
use super::task::{is_timeout, settled_within};
use crate::ports::{self, Account, Homeserver, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::protocol::field_text;

/// How long the homeserver may take to send the headers, in milliseconds: longer than the 20 s that it waits
/// by default for media that is still being uploaded, and than the minute that clients ask for.
const HEADERS_TIMEOUT_MS: f64 = 100_000.0;

impl Homeserver<WorkerBody> for Workers {
    async fn send(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<WorkerBody>, UpstreamError> {
        let url = format!("{}{}", self.config.homeserver.as_str(), *request.path);
        let options = options(request);
        let asked = glue::fetch_url(&url, &options);
        let response: Response = settled_within(HEADERS_TIMEOUT_MS, asked)
            .await
            .map_err(
                |error| if is_timeout(&error) { UpstreamError::TimedOut } else { UpstreamError::Unreachable },
            )?
            .dyn_into()
            .map_err(|_| UpstreamError::Unreachable)?;
        let status = StatusCode::from_u16(response.status())
            .ok()
            .filter(|status| (200..600).contains(&status.as_u16()))
            .ok_or(UpstreamError::OddStatus(response.status()))?;
        let mut headers = read_headers(&response.headers(), &NAMES);
        if headers.get(CONTENT_ENCODING).is_some_and(is_decoded) {
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
        }
        Ok(UpstreamResponse { status, headers, body: WorkerBody::Response(response) })
    }
}

/// Returns whether the runtime decodes bodies of this content coding. The length of a decoded body is
/// unknown. The runtime passes bodies of other codings on as they arrive.
fn is_decoded(coding: &HeaderValue) -> bool {
    // Exactly these spellings: the runtime does not decode `GZIP` or `gzip, br`.
    matches!(coding.as_bytes(), b"gzip" | b"br")
}

thread_local! {
    static NAMES: Names = Names::of(&ports::READ_HEADERS);
    /// The options of a request with nothing but the service account's token, as the edge sends it for a
    /// whole object.
    static SERVICE: OnceCell<JsValue> = const { OnceCell::new() };
}

fn options(request: &UpstreamRequest) -> JsValue {
    if request.method == Method::HEAD {
        return glue::uncached("HEAD", &headers(request));
    }
    match request.account {
        Account::Service(_) if request.headers.is_empty() && request.client_ip.is_none() => {
            let make = || glue::uncached_template("GET", &headers(request));
            SERVICE.with(|options| options.get_or_init(make).clone())
        }
        _ => glue::uncached("GET", &headers(request)),
    }
}

/// Returns the headers of a request. `Accept-Encoding: identity`, because a content coding would hide the
/// length. Nothing of the client's request is sent except what this function names.
fn headers(request: &UpstreamRequest) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(512));
    push_header(&mut text, "accept-encoding", "identity");
    if let Some(token) = request.account.token() {
        push_header(&mut text, "authorization", &Zeroizing::new(format!("Bearer {}", token.expose())));
    }
    if let Some(address) = &request.client_ip {
        push_header(&mut text, "x-forwarded-for", address);
    }
    for (name, value) in &request.headers {
        push_header(&mut text, name.as_str(), &field_text(value));
    }
    text
}
