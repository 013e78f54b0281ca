//! The entry: every request of the Worker.

use std::rc::Rc;

use http::{Method, StatusCode};
use wasm_bindgen::prelude::*;
use web_sys::{Request, Response};
use worker::worker_sys::Context;

use super::environment;
use super::headers::{Names, read_headers};
use super::incoming::Url;
use super::task::Task;
use super::{Workers, glue, pass, response};
use crate::config::{Config, ConfigError, Role, WebOrigin};
use crate::edge::{self, LinkRequest};
use crate::origin::advertise::{self, Document};
use crate::origin::{self, ClientRequest};
use crate::ports::Reply;
use crate::protocol::{MatrixError, Query, Route, header};

#[wasm_bindgen]
impl Task {
    /// Begins to serve a request; the outcome is its response.
    pub fn serve(&mut self, request: Request, env: worker::Env, context: Context) {
        self.begin(async move { serve(request, env, context).await.map(JsValue::from) });
    }
}

thread_local! {
    static CLIENT_HEADERS: Names = Names::of(&origin::READ_HEADERS);
    static LINK_HEADERS: Names = Names::of(&edge::READ_HEADERS);
}

async fn serve(request: Request, env: worker::Env, context: Context) -> Result<Response, JsValue> {
    // `fetch` resolves dot segments: what is judged here must be what is asked there.
    let Ok(line) = glue::request_line(&request) else {
        return fail(&MatrixError::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", "The URL is not valid"));
    };
    let (method, url) = line.split_once('\n').unwrap_or_default();
    // A method that `http` cannot hold is none that we serve.
    let method = method.parse().unwrap_or(Method::TRACE);
    let visitor = Visitor { request: &request, method, url: Url::split(url), env: &env };
    match environment::config(&env) {
        Ok(config) => {
            let platform = Workers { config, env: Rc::new(env.clone()), context: Rc::new(context) };
            visitor.serve(&platform).await
        }
        Err(errors) => visitor.serve_misconfigured(&errors).await,
    }
}

struct Visitor<'a> {
    request: &'a Request,
    method: Method,
    url: Url<'a>,
    env: &'a worker::Env,
}

impl Visitor<'_> {
    /// Tells origin from edge by the host of the request: the edge's host serves links and nothing
    /// else, every other host is the homeserver's and serves no links.
    async fn serve(&self, platform: &Workers) -> Result<Response, JsValue> {
        let config: &Config = &platform.config;
        let at_edge = match config.role {
            Role::Both => self.url.authority == config.edge.authority(),
            Role::Edge => true,
            Role::Origin => false,
        };
        let wrong_host = if at_edge { None } else { config.check_host(&self.url.authority).err() };
        match Route::of(self.url.path) {
            Route::Health => return health(config.role, wrong_host.as_slice()),
            Route::Internal => return fail(&MatrixError::not_found()),
            _ => {}
        }
        if at_edge {
            let method = self.method.clone();
            let headers = read_headers(&self.request.headers(), &LINK_HEADERS);
            let link = LinkRequest { method, path: self.url.path, headers };
            return response::send(Some(platform), edge::link(platform, config, &link).await);
        }
        if let Some(error) = wrong_host {
            environment::log_once(&error);
            return self.serve_misconfigured(std::slice::from_ref(&error)).await;
        }
        self.serve_origin(platform, config).await
    }

    async fn serve_origin(&self, platform: &Workers, config: &Config) -> Result<Response, JsValue> {
        let route = Route::of(self.url.path);
        let reads = matches!(self.method, Method::GET | Method::HEAD);
        let reply = match route {
            Route::Media(_) if self.method == Method::OPTIONS => preflight(),
            Route::Media(path) if reads => origin::media(platform, config, &self.client(), path).await,
            Route::Config if reads => self.document(platform, config, Document::MediaConfig).await,
            Route::Versions if reads => self.document(platform, config, Document::Versions).await,
            _ => return self.pass(&config.homeserver).await,
        };
        response::send(Some(platform), reply)
    }

    async fn document(
        &self,
        platform: &Workers,
        config: &Config,
        document: Document,
    ) -> Reply<super::body::WorkerBody> {
        let client = self.client();
        advertise::document(platform, config, &client, self.url.path_and_query, document).await
    }

    fn client(&self) -> ClientRequest {
        let headers = read_headers(&self.request.headers(), &CLIENT_HEADERS);
        let address = headers.get(origin::CLIENT_ADDRESS).and_then(|value| value.to_str().ok());
        let client_ip = address.map(str::to_owned);
        let query = Query::parse(self.url.query);
        ClientRequest { method: self.method.clone(), query, headers, client_ip }
    }

    async fn pass(&self, homeserver: &WebOrigin) -> Result<Response, JsValue> {
        match pass::through(homeserver, self.request, self.url.path_and_query).await {
            Ok(response) => Ok(response),
            Err(error) => fail(&error),
        }
    }

    /// With a wrong configuration no media is served, but what only passes through goes on, if it is
    /// known where to.
    async fn serve_misconfigured(&self, errors: &[ConfigError]) -> Result<Response, JsValue> {
        let route = Route::of(self.url.path);
        let variable = |name| environment::variable(self.env, name);
        let role = match variable("ROLE").as_deref() {
            Some("edge") => Role::Edge,
            Some("origin") => Role::Origin,
            _ => Role::Both,
        };
        match route {
            Route::Health => return health(role, errors),
            Route::Internal => return fail(&MatrixError::not_found()),
            // Or a browser could not read what is wrong.
            Route::Media(_) if self.method == Method::OPTIONS => {
                return response::send(None, preflight());
            }
            _ => {}
        }
        let edge = variable("EDGE_URL").and_then(|url| WebOrigin::parse(&url));
        let at_homeserver = match edge {
            Some(edge) => edge.authority() != self.url.authority,
            // Any host may be the edge's.
            None => self.url.path.starts_with("/_matrix/"),
        };
        let media = matches!(route, Route::Media(_));
        match variable("HOMESERVER_URL").and_then(|url| WebOrigin::parse(&url)) {
            Some(homeserver)
                if !media
                    && role != Role::Edge
                    && at_homeserver
                    && homeserver.authority() != self.url.authority =>
            {
                self.pass(&homeserver).await
            }
            _ => fail(&misconfigured(errors)),
        }
    }
}

/// 500 that names the variables and nothing else: their values are the log's.
fn misconfigured(errors: &[ConfigError]) -> MatrixError {
    let names: Vec<&str> = errors.iter().map(|error| error.variable).collect();
    let message =
        format!("Cloakroom is not configured: {}. The Worker's log says what is wrong", names.join(", "));
    MatrixError::new(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN", message)
}

fn health(role: Role, errors: &[ConfigError]) -> Result<Response, JsValue> {
    let wrong: Vec<&str> = errors.iter().map(|error| error.variable).collect();
    let role = match role {
        Role::Both => "both",
        Role::Origin => "origin",
        Role::Edge => "edge",
    };
    let (status, word) = if wrong.is_empty() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "misconfigured")
    };
    let body = serde_json::json!({
        "status": word, "role": role, "version": env!("CARGO_PKG_VERSION"),
        "cipher": crate::cipher::BACKEND, "wrong_variables": wrong,
    });
    response::send(None, Reply::json(status, body.to_string().into_bytes().into()))
}

fn fail(error: &MatrixError) -> Result<Response, JsValue> {
    response::send(None, Reply::error(error))
}

fn preflight<B>() -> Reply<B> {
    let mut reply = Reply::empty(StatusCode::NO_CONTENT);
    header::insert_cors(&mut reply.headers);
    reply
}
