//! The media config under a policy, which remote homeservers read without a token.

use super::*;
use crate::origin::advertise::{Document, document};

const CONFIG: &str = "/_matrix/media/r0/config?x=y";

fn ask(fakes: &Fakes, policy: &str, token: bool) -> Reply<FakeBody> {
    let mut headers = HeaderMap::new();
    headers.extend(token.then(|| (AUTHORIZATION, "Bearer user".parse().unwrap())));
    let client_ip = Some("192.0.2.7".to_owned());
    let client = ClientRequest { method: Method::GET, query: Query::parse("x=y"), headers, client_ip };
    block_on(document(
        fakes,
        &config(&[("MEDIA_UNAUTHENTICATED", policy)]),
        &client,
        CONFIG.split_once('?').unwrap(),
        Document::MediaConfig,
    ))
}

fn homeserver() -> Fakes {
    Fakes::new(|seen: &Seen| match seen.token.as_deref() {
        Some("service" | "user") => {
            response(200, &[("content-type", "application/json")], b"{\"m.upload.size\":5}")
        }
        _ => response(401, &[], b"{}"),
    })
}

#[test]
fn remote_homeservers_read_the_policy_without_a_token() {
    for (policy, token, status, told, path) in [
        ("m.local", false, 200, true, "/_matrix/client/v1/media/config"),
        ("m.local", true, 200, true, CONFIG),
        ("unset", true, 200, false, CONFIG),
        ("unset", false, 401, false, CONFIG),
    ] {
        let fakes = homeserver();
        let reply = ask(&fakes, policy, token);
        assert_eq!(reply.status, status);
        let body = String::from_utf8(read(reply).unwrap()).unwrap();
        assert_eq!(body.contains("\"m.media.unauthenticated\":\"m.local\""), told, "{body}");
        assert_eq!(body.contains("\"m.upload.size\":5"), status == 200, "{body}");
        assert_eq!(fakes.seen.borrow()[0].path, path);
    }
}

#[test]
fn an_unreadable_document_is_a_502_and_a_redirect_keeps_its_location() {
    for (status, header_sent, expected) in [
        (200, ("content-encoding", "deflate"), 502),
        (302, ("location", "https://matrix.example.org/x"), 302),
    ] {
        let fakes = Fakes::new(move |_| response(status, &[header_sent], b"{}"));
        let reply = ask(&fakes, "unset", true);
        assert_eq!(reply.status, expected);
        let location = (expected == 302).then_some(header_sent.1);
        assert_eq!(header(&reply, "location"), location);
    }
}

#[test]
fn the_service_account_asks_without_the_address_of_a_stranger() {
    for (policy, token, address) in
        [("m.local", false, None), ("m.local", true, Some("192.0.2.7")), ("unset", false, Some("192.0.2.7"))]
    {
        let fakes = homeserver();
        ask(&fakes, policy, token);
        assert_eq!(fakes.seen.borrow()[0].client_ip.as_deref(), address, "{policy} {token}");
    }
}

#[test]
fn a_refusal_of_the_service_account_is_logged_and_not_relayed() {
    for status in [401, 403] {
        let fakes = Fakes::new(move |_| response(status, &[], b"{\"errcode\":\"M_UNKNOWN_TOKEN\"}"));
        let reply = ask(&fakes, "m.local", false);
        assert_eq!(reply.status, 401);
        assert!(String::from_utf8(read(reply).unwrap()).unwrap().contains("M_MISSING_TOKEN"));
        assert_eq!(fakes.events.take(), [Event::ServiceAccountRefused]);
        // A client with a token gets the error about its own token.
        assert_eq!(ask(&fakes, "m.local", true).status, status);
        assert!(fakes.events.take().is_empty());
    }
}
