//! Tests: who serves which request, and which headers every reply carries.

use std::cell::RefCell;

use futures_executor::block_on;
use http::HeaderMap;

use super::*;
use crate::ports::fakes::{FakeBody, Fakes, config, header, read, response};
use crate::ports::{Reply, ReplyBody};

const EDGE: &str = "https://media.example.net";
const HOMESERVER: &str = "https://matrix.example.org";
const MEDIA: &str = "/_matrix/client/v1/media/download/example.org/abc";

/// Returns the decision as one word.
fn service(settings: Result<&Config, &Misconfigured>, method: &Method, url: &str) -> (Host, &'static str) {
    let Decision { host, service } = decide(settings, method, &Url::split(url));
    let word = match service {
        Service::Link(_) => "link",
        Service::Media(_) => "media",
        Service::Document(Document::MediaConfig, _) => "config",
        Service::Document(Document::Versions, _) => "versions",
        Service::PassThrough(_) => "pass",
        Service::Preflight => "preflight",
        Service::Health { .. } => "health",
        Service::NotFound => "404",
        Service::MethodNotAllowed => "405",
        Service::AmbiguousPath => "ambiguous",
        Service::Misconfigured(_) => "misconfigured",
    };
    (host, word)
}

#[test]
fn the_host_decides_first() {
    let both = config(&[]);
    let origin = config(&[("ROLE", "origin")]);
    let edge = config(&[("ROLE", "edge")]);
    for (config, host, expected) in [
        (&both, EDGE, (Host::Edge, "link")),
        (&both, HOMESERVER, (Host::Homeserver, "pass")),
        (&edge, EDGE, (Host::Edge, "link")),
        (&edge, HOMESERVER, (Host::Edge, "link")),
        (&origin, HOMESERVER, (Host::Homeserver, "pass")),
        // The edge's host must not get users' tokens, and a Worker at `HOMESERVER_URL` would call itself.
        (&origin, EDGE, (Host::Edge, "misconfigured")),
        (&both, "https://synapse.example.org", (Host::Homeserver, "misconfigured")),
        (&both, "https://media.example.net:8443", (Host::Homeserver, "pass")),
    ] {
        let url = format!("{host}/AAAA");
        assert_eq!(service(Ok(config), &Method::GET, &url), expected, "{url}");
    }
}

#[test]
fn on_the_edge_the_method_decides_next_whatever_the_path() {
    let config = config(&[]);
    for path in ["/AAAA", MEDIA, "/_cloakroom/object/1/x", "/_matrix/client/versions", "/"] {
        let found = |method| service(Ok(&config), &method, &format!("{EDGE}{path}"));
        assert_eq!(found(Method::OPTIONS), (Host::Edge, "preflight"), "{path}");
        for method in [Method::POST, Method::PUT, Method::TRACE] {
            assert_eq!(found(method), (Host::Edge, "405"), "{path}");
        }
        let reads = if path.starts_with("/_cloakroom/") { "404" } else { "link" };
        assert_eq!((found(Method::GET), found(Method::HEAD)), ((Host::Edge, reads), (Host::Edge, reads)));
    }
    let health = format!("{EDGE}/_cloakroom/health");
    assert_eq!(service(Ok(&config), &Method::GET, &health), (Host::Edge, "health"));
}

#[test]
fn on_the_homeservers_host_the_path_decides() {
    let config = config(&[]);
    for (method, path, expected) in [
        ("GET", MEDIA, "media"),
        ("HEAD", MEDIA, "media"),
        ("OPTIONS", MEDIA, "preflight"),
        ("POST", MEDIA, "pass"),
        ("GET", "/_matrix/media/v3/thumbnail/a.org/b", "media"),
        ("GET", "/_matrix/client/v1/media/config", "config"),
        ("GET", "/_matrix/media/r0/config", "config"),
        ("POST", "/_matrix/media/r0/config", "pass"),
        ("GET", "/_matrix/client/versions", "versions"),
        ("GET", "/_cloakroom/health", "health"),
        ("GET", "/_cloakroom/object/1/x", "404"),
        ("POST", "/_matrix/media/v3/upload", "pass"),
        ("GET", "/_matrix/federation/v1/media/download/x", "pass"),
        ("GET", "/_matrix/client/v3/sync", "pass"),
        // Other spellings are judged in canonical form ...
        ("GET", "//_matrix/media/v3/download/a.org/b", "media"),
        ("GET", "/_matrix/media//v3/download/a.org/b", "media"),
        ("GET", "/_matrix/media/v3/%64ownload/a.org/b", "media"),
        ("GET", "/_matrix//client/v1/media/config", "config"),
        ("GET", "//_cloakroom/object/1/x", "404"),
        // ... or refused, if only another server might read them as media.
        ("GET", "/_matrix/media/v3%2Fdownload/a.org/b", "ambiguous"),
        ("GET", "/_matrix/media/v3/Download/a.org/b", "ambiguous"),
        ("GET", "/_matrix/media/v3/thumbnail/a.org/b/c", "ambiguous"),
        ("GET", "/_matrix/media/v2/download/a.org/b", "ambiguous"),
        ("POST", "/_matrix/media/v3%252Fdownload/a.org/b", "ambiguous"),
        ("GET", "/_matrix/client/unstable/org.matrix.msc3916/media/download/a.org/b", "ambiguous"),
    ] {
        let method = method.parse().unwrap();
        let found = service(Ok(&config), &method, &format!("{HOMESERVER}{path}?x=y"));
        assert_eq!(found, (Host::Homeserver, expected), "{method} {path}");
    }
}

#[test]
fn a_wrong_configuration_serves_no_media_in_any_spelling() {
    let wrong = Config::read(|name| match name {
        "HOMESERVER_URL" => Some("https://synapse.example.org".to_owned()),
        "EDGE_URL" => Some(EDGE.to_owned()),
        _ => None,
    });
    let wrong = wrong.unwrap_err();
    let without_edge = Misconfigured { edge: None, ..wrong.clone() };
    for (settings, method, url, expected) in [
        (&wrong, "GET", format!("{HOMESERVER}{MEDIA}"), (Host::Homeserver, "misconfigured")),
        (&wrong, "OPTIONS", format!("{HOMESERVER}{MEDIA}"), (Host::Homeserver, "preflight")),
        (&wrong, "GET", format!("{HOMESERVER}/{MEDIA}"), (Host::Homeserver, "misconfigured")),
        (
            &wrong,
            "GET",
            format!("{HOMESERVER}/_matrix/media/v3%2fdownload/a/b"),
            (Host::Homeserver, "misconfigured"),
        ),
        (&wrong, "GET", format!("{HOMESERVER}/_matrix/client/v3/sync"), (Host::Homeserver, "pass")),
        (&wrong, "GET", format!("{HOMESERVER}/_cloakroom/object/1/x"), (Host::Homeserver, "404")),
        (&wrong, "GET", "https://synapse.example.org/x".to_owned(), (Host::Homeserver, "misconfigured")),
        (&wrong, "GET", format!("{EDGE}/AAAA"), (Host::Edge, "misconfigured")),
        (&wrong, "OPTIONS", format!("{EDGE}/AAAA"), (Host::Edge, "preflight")),
        (&without_edge, "GET", format!("{EDGE}/AAAA"), (Host::Edge, "misconfigured")),
        (&without_edge, "GET", format!("{HOMESERVER}/_matrix/client/v3/sync"), (Host::Homeserver, "pass")),
    ] {
        assert_eq!(service(Err(settings), &method.parse().unwrap(), &url), expected, "{method} {url}");
    }
}

/// Serves a request over fakes.
fn reply(settings: Settings<'_, Fakes>, method: Method, url: &str) -> Reply<FakeBody> {
    let authorised = || HeaderMap::from_iter([(http::header::AUTHORIZATION, "Bearer user".parse().unwrap())]);
    let request = Request { method, url: Url::split(url), headers: |_| authorised() };
    match block_on(serve(settings, &request, |_| ())) {
        Served::Reply(reply) => reply,
        Served::PassThrough { .. } => panic!("{url} passes through"),
    }
}

#[test]
fn every_reply_of_the_edge_has_its_headers_and_head_replies_have_no_body() {
    let fakes = Fakes::with_object(b"some bytes of media");
    let config = config(&[]);
    let wrong = config.clone().misconfigured(ConfigError::missing_key_store());
    for (method, path) in [
        (Method::OPTIONS, "/AAAA"),
        (Method::GET, "/AAAA"),
        (Method::HEAD, "/AAAA"),
        (Method::POST, "/AAAA"),
        (Method::GET, "/_cloakroom/health"),
        (Method::HEAD, "/_cloakroom/health"),
        (Method::GET, "/_cloakroom/object/1/x"),
    ] {
        for settings in [Settings::Ready(&fakes, &config), Settings::Wrong(&wrong)] {
            let reply = reply(settings, method.clone(), &format!("{EDGE}{path}"));
            for (name, value) in [
                ("cache-control", "no-store, no-transform"),
                ("access-control-allow-origin", "*"),
                ("referrer-policy", "no-referrer"),
                ("x-robots-tag", "noindex"),
                ("x-content-type-options", "nosniff"),
            ] {
                assert_eq!(header(&reply, name), Some(value), "{method} {path} {name}");
            }
            assert!(method != Method::HEAD || matches!(reply.body, ReplyBody::Empty), "{method} {path}");
        }
    }
}

#[test]
fn no_reply_to_head_has_a_body() {
    let fakes = Fakes::new(|_| response(404, &[], br#"{"errcode":"M_NOT_FOUND"}"#));
    let config = config(&[]);
    let paths = [
        MEDIA,
        "/_matrix/client/v1/media/config",
        "/_matrix/client/versions",
        "/_matrix/media/v3%2Fdownload/a/b",
    ];
    for path in paths {
        let url = format!("{HOMESERVER}{path}");
        let head = reply(Settings::Ready(&fakes, &config), Method::HEAD, &url);
        assert_eq!(head.status, 404, "{path}");
        assert_eq!(header(&head, "access-control-allow-origin"), Some("*"), "{path}");
        assert!(matches!(head.body, ReplyBody::Empty), "{path}");
        let get = reply(Settings::Ready(&fakes, &config), Method::GET, &url);
        assert!(!read(get).unwrap().is_empty(), "{path}");
    }
    // The runtime refuses to make a response with this status and a body.
    let fakes = Fakes::new(|_| response(204, &[], b""));
    let url = format!("{HOMESERVER}/_matrix/client/versions");
    assert!(matches!(reply(Settings::Ready(&fakes, &config), Method::GET, &url).body, ReplyBody::Empty));
}

#[test]
fn a_configuration_error_for_one_host_is_logged_and_named() {
    let fakes = Fakes::with_object(b"x");
    let config = config(&[]);
    let logged = RefCell::new(Vec::new());
    let url = format!("https://synapse.example.org{MEDIA}");
    let request = Request { method: Method::GET, url: Url::split(&url), headers: |_| HeaderMap::new() };
    let log = |error: &ConfigError| logged.borrow_mut().push(error.variable);
    let Served::Reply(reply) = block_on(serve(Settings::Ready(&fakes, &config), &request, log)) else {
        panic!()
    };
    assert_eq!((reply.status.as_u16(), logged.into_inner()), (500, vec!["HOMESERVER_URL"]));
    assert!(String::from_utf8(read(reply).unwrap()).unwrap().contains("HOMESERVER_URL"));
}
