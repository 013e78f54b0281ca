//! Dispatch: which request is this, and who serves it?
//!
//! The host decides first, because it is a security boundary: the edge's host serves redirect links and
//! nothing of the homeserver, every other host serves the homeserver and no links. Then the path decides
//! ([`path`] knows its spellings), then the method. [`decide`] does no I/O; [`serve`] carries the decision out,
//! and every reply leaves through [`finish`].

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

/// Whose host a request came to. It decides which headers every reply carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The edge's own host.
    Edge,
    /// The homeserver's host, which the origin stands in front of.
    Homeserver,
}

/// Who serves a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Service<'a> {
    /// The edge serves a redirect link, with this service account.
    Link(&'a AccessToken),
    /// The origin serves media. The path is in canonical form.
    Media(Cow<'a, str>),
    /// The origin serves a document that advertises us. The path is in canonical form.
    Document(Document, Cow<'a, str>),
    /// The homeserver serves everything else.
    PassThrough(&'a WebOrigin),
    /// A CORS preflight, answered without looking at anything else.
    Preflight,
    /// `/_cloakroom/health`.
    Health {
        /// The role of this deployment.
        role: RoleName,
        /// What is wrong with the configuration, for requests to this host.
        errors: Cow<'a, [ConfigError]>,
    },
    /// Nothing is here.
    NotFound,
    /// The edge knows no such method.
    MethodNotAllowed,
    /// A path that another server could read as one to media, but that we do not serve.
    AmbiguousPath,
    /// The configuration is wrong, for requests to this host.
    Misconfigured(Cow<'a, [ConfigError]>),
}

/// A host and who serves it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<'a> {
    /// Whose host it is.
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
        // A preflight reads nothing.
        _ if path::may_name_media(url.path) && *method != Method::OPTIONS => Service::AmbiguousPath,
        _ => Service::PassThrough(&config.homeserver),
    }
}

/// The path to judge: as it was written where that is one of ours, else in canonical form.
fn routed(path: &str) -> Cow<'_, str> {
    if matches!(Route::of(path), Route::Other) { path::canonical(path) } else { Cow::Borrowed(path) }
}

/// What is known of a deployment that is not, or not for this host, configured as it should be.
struct Place<'a> {
    role: RoleName,
    homeserver: Option<&'a WebOrigin>,
    edge: Option<&'a WebOrigin>,
    errors: Cow<'a, [ConfigError]>,
}

/// Serves no media, but proxies other requests if `HOMESERVER_URL` is usable.
fn while_misconfigured<'a>(place: Place<'a>, method: &Method, url: &Url<'a>) -> Decision<'a> {
    let Place { role, homeserver, edge, errors } = place;
    let host = match (role, edge) {
        (RoleName::Edge, _) => Host::Edge,
        (_, Some(edge)) if edge.authority() == url.authority => Host::Edge,
        // Any host may be the edge's.
        (_, None) if !url.path.starts_with("/_matrix/") => Host::Edge,
        _ => Host::Homeserver,
    };
    let path = routed(url.path);
    let route = Route::of(&path);
    let is_media = matches!(route, Route::Media(_)) || path::may_name_media(url.path);
    let service = match (host, route) {
        (_, Route::Health) => Service::Health { role, errors },
        (_, Route::Internal) => Service::NotFound,
        // Otherwise a web page could not read what is wrong.
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
