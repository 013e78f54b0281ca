//! The entry: serves every request of the Worker.

use std::rc::Rc;

use http::{HeaderMap, Method, StatusCode};
use wasm_bindgen::prelude::*;
use web_sys::Response;
use worker::worker_sys::Context;

use super::headers::{Names, read_headers};
use super::task::Task;
use super::{Workers, environment, glue, pass, response};
use crate::dispatch::{self, HeaderSet, Host, Request, Served, Settings, Url};
use crate::ports::Reply;
use crate::protocol::MatrixError;

#[wasm_bindgen]
impl Task {
    /// Begins to serve a request. The outcome of the task is the response.
    pub fn serve(&mut self, request: web_sys::Request, env: worker::Env, context: Context) {
        self.begin(async move { serve(request, env, context).await.map(JsValue::from) });
    }
}

thread_local! {
    static CLIENT_HEADERS: Names = Names::of(HeaderSet::Client.names());
    static LINK_HEADERS: Names = Names::of(HeaderSet::Link.names());
}

async fn serve(request: web_sys::Request, env: worker::Env, context: Context) -> Result<Response, JsValue> {
    // `fetch` resolves dot segments, so we must decide by the URL without them.
    let Ok(line) = glue::request_line(&request) else {
        let error = MatrixError::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", "Invalid URL");
        // The host is unknown, so it may be the edge's, which has the stricter rules.
        return response::send(None, dispatch::finish(Reply::error(&error), Host::Edge, &Method::GET)).await;
    };
    let (method, url) = line.split_once('\n').unwrap_or_default();
    let incoming = Request {
        // We serve no method that `http` cannot parse. `TRACE`, which we do not serve either, stands for it.
        method: method.parse::<Method>().unwrap_or(Method::TRACE),
        url: Url::split(url),
        headers: |set| headers(&request, set),
    };
    let served = match environment::config(&env) {
        Ok(config) => {
            let platform = Workers { config, env: Rc::new(env), context: Rc::new(context) };
            let settings = Settings::Ready(&platform, &platform.config);
            match dispatch::serve(settings, &incoming, environment::log_once).await {
                Served::Reply(reply) => return response::send(Some(&platform), reply).await,
                passed @ Served::PassThrough { .. } => passed,
            }
        }
        Err(wrong) => dispatch::serve(Settings::<Workers>::Wrong(&wrong), &incoming, |_| ()).await,
    };
    let reply = match served {
        Served::Reply(reply) => reply,
        Served::PassThrough { homeserver, host } => {
            match pass::through(&homeserver, &request, incoming.url.path_and_query).await {
                Ok(response) => return Ok(response),
                Err(error) => dispatch::finish(Reply::error(&error), host, &incoming.method),
            }
        }
    };
    response::send(None, reply).await
}

fn headers(request: &web_sys::Request, set: HeaderSet) -> HeaderMap {
    let names = match set {
        HeaderSet::Client => &CLIENT_HEADERS,
        HeaderSet::Link => &LINK_HEADERS,
    };
    read_headers(&request.headers(), names)
}
