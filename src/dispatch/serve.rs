//! Carries out a decision.

use http::header::ALLOW;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::{Host, Service, Url, decide, finish};
use crate::config::{Config, ConfigError, Misconfigured, RoleName};
use crate::edge::{self, LinkRequest};
use crate::origin::{self, ClientRequest, advertise};
use crate::ports::{Platform, Reply};
use crate::protocol::{MatrixError, Query, Route, WebOrigin, header};

/// A set of headers to read from an incoming request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderSet {
    /// The headers that the origin reads.
    Client,
    /// The headers that the edge reads.
    Link,
}

impl HeaderSet {
    /// Returns the names of the headers.
    pub fn names(self) -> &'static [HeaderName] {
        match self {
            Self::Client => &origin::READ_HEADERS,
            Self::Link => &edge::READ_HEADERS,
        }
    }
}

/// An incoming request.
#[expect(missing_debug_implementations, reason = "a URL may be a link")]
pub struct Request<'a, F: Fn(HeaderSet) -> HeaderMap> {
    /// The method, which may be any.
    pub method: Method,
    /// The URL, normalised by the platform.
    pub url: Url<'a>,
    /// Reads the headers of one set, because most requests need few.
    pub headers: F,
}

/// The configuration and the platform, or everything that is wrong with the configuration.
#[expect(missing_debug_implementations, reason = "a platform has nothing to show")]
pub enum Settings<'a, P> {
    /// The configuration is usable.
    Ready(&'a P, &'a Config),
    /// The configuration is wrong.
    Wrong(&'a Misconfigured),
}

/// What the platform has to do for a request.
#[derive(Debug)]
pub enum Served<B> {
    /// Send this reply.
    Reply(Reply<B>),
    /// Pass the request on to the homeserver, and its response back to the client.
    PassThrough {
        /// The homeserver's web origin.
        homeserver: WebOrigin,
        /// The host that the request came to.
        host: Host,
    },
}

/// Serves a request. If the configuration is usable, but wrong for the request's host, passes each error to
/// `log`.
pub async fn serve<P: Platform, F: Fn(HeaderSet) -> HeaderMap>(
    settings: Settings<'_, P>,
    request: &Request<'_, F>,
    log: impl Fn(&ConfigError),
) -> Served<P::Body> {
    let (found, ready) = match settings {
        Settings::Ready(platform, config) => (Ok(config), Some((platform, config))),
        Settings::Wrong(wrong) => (Err(wrong), None),
    };
    let decision = decide(found, &request.method, &request.url);
    let reply = match (decision.service, ready) {
        (Service::PassThrough(homeserver), _) => {
            return Served::PassThrough { homeserver: homeserver.clone(), host: decision.host };
        }
        (Service::Link(account), Some((platform, config))) => {
            let headers = (request.headers)(HeaderSet::Link);
            let link = LinkRequest { method: request.method.clone(), path: request.url.path, headers };
            edge::link(platform, config, account, &link).await
        }
        (Service::Media(path), Some((platform, config))) => match Route::of(&path) {
            // Boxed, because otherwise a link's future would be as large as this one.
            Route::Media(path) => Box::pin(origin::media(platform, config, &client(request), path)).await,
            _ => Reply::error(&MatrixError::not_found()),
        },
        (Service::Document(document, path), Some((platform, config))) => {
            let (client, path) = (client(request), (&*path, request.url.query));
            Box::pin(advertise::document(platform, config, &client, path, document)).await
        }
        (service, _) => {
            if let (Service::Misconfigured(errors), Some(_)) = (&service, ready) {
                errors.iter().for_each(log);
            }
            own_reply(service, decision.host)
        }
    };
    Served::Reply(finish(reply, decision.host, &request.method))
}

fn client<F: Fn(HeaderSet) -> HeaderMap>(request: &Request<'_, F>) -> ClientRequest {
    let headers = (request.headers)(HeaderSet::Client);
    let address = headers.get(origin::CLIENT_ADDRESS).and_then(|value| value.to_str().ok());
    let client_ip = address.map(str::to_owned);
    ClientRequest {
        method: request.method.clone(),
        query: Query::parse(request.url.query),
        headers,
        client_ip,
    }
}

/// Returns the reply of a service that needs neither the homeserver nor a store.
fn own_reply<B>(service: Service<'_>, host: Host) -> Reply<B> {
    match service {
        Service::Preflight => preflight(),
        Service::Health { role, errors } => health(role, &errors),
        Service::Misconfigured(errors) => Reply::error(&misconfigured(&errors)),
        Service::AmbiguousPath => Reply::error(&MatrixError::new(
            StatusCode::NOT_FOUND,
            "M_UNRECOGNIZED",
            "Unrecognized media path. Write it without empty or dot segments and without unnecessary \
             percent-encoding, like /_matrix/client/v1/media/download/{serverName}/{mediaId}",
        )),
        Service::MethodNotAllowed => {
            let error = "Links support only GET and HEAD";
            let error = MatrixError::new(StatusCode::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED", error);
            let mut reply = Reply::error(&error);
            reply.headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
            reply
        }
        // `serve` handles the others.
        Service::NotFound
        | Service::Link(_)
        | Service::Media(_)
        | Service::Document(..)
        | Service::PassThrough(_) => {
            debug_assert!(service == Service::NotFound, "{host:?} has no platform to serve {service:?}");
            Reply::error(&MatrixError::not_found())
        }
    }
}

/// Returns the reply to a CORS preflight.
fn preflight<B>() -> Reply<B> {
    let mut reply = Reply::empty(StatusCode::NO_CONTENT);
    header::insert_preflight(&mut reply.headers);
    reply
}

/// Returns an error that names the wrong variables and nothing else. Their values are for the log.
fn misconfigured(errors: &[ConfigError]) -> MatrixError {
    let names: Vec<&str> = errors.iter().map(|error| error.variable).collect();
    let message =
        format!("Cloakroom is misconfigured: check {}. The Worker's log has the reasons", names.join(", "));
    MatrixError::new(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN", message)
}

fn health<B>(role: RoleName, errors: &[ConfigError]) -> Reply<B> {
    let wrong: Vec<&str> = errors.iter().map(|error| error.variable).collect();
    let (status, word) = if wrong.is_empty() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "misconfigured")
    };
    let body = serde_json::json!({
        "status": word, "role": role.as_str(), "version": env!("CARGO_PKG_VERSION"),
        "cipher": crate::cipher::BACKEND, "wrong_variables": wrong,
    });
    Reply::json(status, body.to_string().into_bytes().into())
}
