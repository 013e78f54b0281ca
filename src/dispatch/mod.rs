//! Dispatch: decides which request this is and who serves it.
//!
//! The host decides first, because it is a security boundary: the edge's host serves redirect links and
//! nothing of the homeserver, and every other host serves the homeserver and no links. Then the method and
//! the path decide; `path` handles the spellings of a path. [`decide`] does no I/O. [`serve()`] carries out
//! the decision, and every reply leaves through [`finish()`].

mod finish;
mod path;
mod serve;
mod url;

pub use finish::finish;
pub use serve::{HeaderSet, Request, Served, Settings, serve};
pub use url::Url;

use std::borrow::Cow;

use http::Method;

use crate::config::{Config, ConfigError, Misconfigured, Role, RoleName};
use crate::origin::advertise::Document;
use crate::protocol::{AccessToken, Route, WebOrigin};

/// The host that a request came to. It decides which headers every reply carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The edge's own host.
    Edge,
    /// The homeserver's host, where the origin stands in front of the homeserver.
    Homeserver,
}

/// Who serves a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Service<'a> {
    /// The edge serves a redirect link, with the access token of this service account.
    Link(&'a AccessToken),
    /// The origin serves media. The path is in canonical form.
    Media(Cow<'a, str>),
    /// The origin serves a document that advertises us. The path is in canonical form.
    Document(Document, Cow<'a, str>),
    /// The homeserver serves everything else.
    PassThrough(&'a WebOrigin),
    /// The reply to a CORS preflight, which depends on nothing else in the request.
    Preflight,
    /// The reply to `/_cloakroom/health`.
    Health {
        /// The role of this deployment.
        role: RoleName,
        /// The configuration errors that concern this host.
        errors: Cow<'a, [ConfigError]>,
    },
    /// 404: nothing is here.
    NotFound,
    /// 405: the edge does not serve this method.
    MethodNotAllowed,
    /// 404: another server could read this path as a path to media, but we do not serve it.
    AmbiguousPath,
    /// 500, with the configuration errors that concern this host.
    Misconfigured(Cow<'a, [ConfigError]>),
}

/// The decision about a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<'a> {
    /// The host that the request came to.
    pub host: Host,
    /// Who serves the request.
    pub service: Service<'a>,
}

/// Decides who serves a request.
pub fn decide<'a>(
    settings: Result<&'a Config, &'a Misconfigured>,
    method: &Method,
    url: &Url<'a>,
) -> Decision<'a> {
    match settings {
        Ok(config) => with_config(config, method, url),
        Err(wrong) => {
            let place = Place {
                role: wrong.role,
                homeserver: wrong.homeserver.as_ref(),
                edge: wrong.edge.as_ref(),
                errors: Cow::Borrowed(&wrong.errors),
            };
            while_misconfigured(place, method, url)
        }
    }
}

fn with_config<'a>(config: &'a Config, method: &Method, url: &Url<'a>) -> Decision<'a> {
    let link = match &config.role {
        Role::Both(account) if url.authority == config.edge.authority() => Some(account),
        Role::Edge(account) => Some(account),
        Role::Both(_) | Role::Origin(_) => None,
    };
    if let Some(account) = link {
        return Decision { host: Host::Edge, service: at_edge(config.role.name(), account, method, url) };
    }
    match config.check_host(&url.authority) {
        Ok(()) => Decision { host: Host::Homeserver, service: at_homeserver(config, method, url) },
        Err(error) => {
            let (homeserver, edge) = (Some(&config.homeserver), Some(&config.edge));
            let place = Place { role: config.role.name(), homeserver, edge, errors: Cow::Owned(vec![error]) };
            while_misconfigured(place, method, url)
        }
    }
}

fn at_edge<'a>(role: RoleName, account: &'a AccessToken, method: &Method, url: &Url<'a>) -> Service<'a> {
    match *method {
        Method::OPTIONS => Service::Preflight,
        Method::GET | Method::HEAD => match Route::of(url.path) {
            Route::Health => Service::Health { role, errors: Cow::Borrowed(&[]) },
            Route::Internal => Service::NotFound,
            _ => Service::Link(account),
        },
        _ => Service::MethodNotAllowed,
    }
}

fn at_homeserver<'a>(config: &'a Config, method: &Method, url: &Url<'a>) -> Service<'a> {
    let path = routed(url.path);
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match Route::of(&path) {
        Route::Health => Service::Health { role: config.role.name(), errors: Cow::Borrowed(&[]) },
        Route::Internal => Service::NotFound,
        Route::Media(_) if *method == Method::OPTIONS => Service::Preflight,
        Route::Media(_) if reads => Service::Media(path),
        Route::Config if reads => Service::Document(Document::MediaConfig, path),
        Route::Versions if reads => Service::Document(Document::Versions, path),
        Route::Media(_) => Service::PassThrough(&config.homeserver),
        // A preflight reads no media.
        _ if path::may_name_media(url.path) && *method != Method::OPTIONS => Service::AmbiguousPath,
        _ => Service::PassThrough(&config.homeserver),
    }
}

/// Returns the path to decide by: as written if it is one of our routes, otherwise in canonical form.
fn routed(path: &str) -> Cow<'_, str> {
    if matches!(Route::of(path), Route::Other) { path::canonical(path) } else { Cow::Borrowed(path) }
}

/// What is known of a deployment whose configuration is wrong, in general or for this host.
struct Place<'a> {
    role: RoleName,
    homeserver: Option<&'a WebOrigin>,
    edge: Option<&'a WebOrigin>,
    errors: Cow<'a, [ConfigError]>,
}

/// Decides while the configuration is wrong: we serve no media, but still proxy other requests if
/// `HOMESERVER_URL` is usable.
fn while_misconfigured<'a>(place: Place<'a>, method: &Method, url: &Url<'a>) -> Decision<'a> {
    let Place { role, homeserver, edge, errors } = place;
    let host = match (role, edge) {
        (RoleName::Edge, _) => Host::Edge,
        (_, Some(edge)) if edge.authority() == url.authority => Host::Edge,
        // The edge's host is not known, so this may be it.
        (_, None) if !url.path.starts_with("/_matrix/") => Host::Edge,
        _ => Host::Homeserver,
    };
    let path = routed(url.path);
    let route = Route::of(&path);
    let is_media = matches!(route, Route::Media(_)) || path::may_name_media(url.path);
    let service = match (host, route) {
        (_, Route::Health) => Service::Health { role, errors },
        (_, Route::Internal) => Service::NotFound,
        // Without this reply, a web page could not read the error.
        (Host::Edge, _) | (_, Route::Media(_)) if *method == Method::OPTIONS => Service::Preflight,
        (Host::Homeserver, _) if !is_media => match homeserver {
            Some(homeserver) if homeserver.authority() != url.authority => Service::PassThrough(homeserver),
            _ => Service::Misconfigured(errors),
        },
        _ => Service::Misconfigured(errors),
    };
    Decision { host, service }
}

#[cfg(test)]
mod tests;
