//! Pass-through: everything that an operator routes to us and that is not ours goes to the
//! homeserver untouched, as the runtime's own request and response objects, so that methods, lengths,
//! upgrades and bodies survive.

use http::StatusCode;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Request, Response};

use super::glue;
use super::task::settled;
use crate::protocol::{MatrixError, WebOrigin, header};

/// Hands a request on and its response back. No time limit: a `/sync` is held as long as it likes.
///
/// # Errors
/// 502 if the homeserver cannot be reached, or answers with a status that HTTP does not have.
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
        // 101: an upgrade; its socket lives in the response object.
        101 | 200..600 => without_marks(response).map_err(|_| unreachable()),
        odd => Err(bad_gateway(&format!("the homeserver sent the invalid status {odd}"))),
    }
}

/// The response itself, unless it has a header that only we may set: then a copy without those.
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
