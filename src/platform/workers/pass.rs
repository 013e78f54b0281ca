//! Pass-through: requests that are routed to us but are not ours go to the homeserver untouched. We pass on
//! the runtime's own request and response objects, which keep methods, lengths, upgrades and bodies.

use http::StatusCode;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Request, Response};

use super::glue;
use super::task::settled;
use crate::protocol::{MatrixError, WebOrigin, header};

/// Passes a request on to the homeserver and returns its response. There is no time limit, because a `/sync`
/// may take as long as it likes.
///
/// # Errors
/// 502 if the homeserver cannot be reached, or sends a status that HTTP does not have.
pub(super) async fn through(
    homeserver: &WebOrigin,
    request: &Request,
    path_and_query: &str,
) -> Result<Response, MatrixError> {
    let url = format!("{}{path_and_query}", homeserver.as_str());
    let unreachable = || bad_gateway("the homeserver cannot be reached");
    let request = Request::new_with_str_and_init(&url, request.unchecked_ref()).map_err(|_| unreachable())?;
    let init = glue::object(&[("redirect", JsValue::from_str("manual"))]);
    let response = settled(glue::fetch_request(&request, &init)).await.map_err(|_| unreachable())?;
    let response: Response = response.dyn_into().map_err(|_| unreachable())?;
    match response.status() {
        // 101 is an upgrade, whose socket is part of the response object.
        101 | 200..600 => without_marks(response).map_err(|_| unreachable()),
        odd => Err(bad_gateway(&format!("the homeserver sent the invalid status {odd}"))),
    }
}

/// Returns the response itself or, if it has headers that only we may set, a copy without these headers.
fn without_marks(response: Response) -> Result<Response, JsValue> {
    let names = response.headers().keys().into_iter().flatten().filter_map(|name| name.as_string());
    let marks: Vec<String> = names.filter(|name| name.starts_with(header::PREFIX)).collect();
    if marks.is_empty() {
        return Ok(response);
    }
    let copy =
        Response::new_with_opt_readable_stream_and_init(response.body().as_ref(), response.unchecked_ref())?;
    for mark in marks {
        copy.headers().delete(&mark)?;
    }
    Ok(copy)
}

fn bad_gateway(message: &str) -> MatrixError {
    MatrixError::new(StatusCode::BAD_GATEWAY, "M_UNKNOWN", message)
}
