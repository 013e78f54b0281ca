//! Tests with homeservers that respond differently from Synapse.

use super::*;
use crate::ports::Runtime as _;

const LEGACY: &str = "/_matrix/media/v3/download/example.org/abc";

#[test]
fn a_response_that_is_neither_an_error_nor_the_media_is_a_502() {
    for status in [201, 204, 207, 300, 301, 302, 303, 304, 305, 306] {
        for (method, query) in [(Method::GET, ""), (Method::HEAD, ""), (Method::GET, JSON)] {
            let fakes = Fakes::new(move |_| response(status, &[("location", "https://s3.example/x")], MEDIA));
            let reply = Ask { method: method.clone(), ..get(query) }.of(&fakes);
            assert_eq!(reply.status, 502, "{method} {status} {query}");
            assert!(header(&reply, "location").is_none());
            assert!(
                method == Method::HEAD || read(reply).unwrap().starts_with(b"{\"errcode\":\"M_UNKNOWN\"")
            );
        }
    }
    for status in [307, 308] {
        for query in ["", JSON] {
            let fakes = Fakes::new(move |_| response(status, &[], MEDIA));
            assert_eq!(get(query).of(&fakes).status, 502, "{status} without Location");
        }
    }
}

#[test]
fn a_coding_that_the_platform_cannot_decode_is_a_502() {
    for coding in ["deflate", "zstd", "gzip, br", "x-any"] {
        for query in ["", JSON] {
            let fakes = Fakes::new(move |seen| {
                let headers = [("content-length", "27"), ("content-encoding", coding)];
                response(200, &headers, if seen.method == "HEAD" { b"" } else { MEDIA })
            });
            assert_eq!(get(query).of(&fakes).status, 502, "{coding} {query}");
            assert!(fakes.records.borrow().is_empty() && fakes.objects.borrow().is_empty());
        }
    }
}

/// Returns the object's size, as the answer tells it.
fn answered_size(fakes: &Fakes) -> u64 {
    let answer: serde_json::Value = serde_json::from_slice(&read(get(JSON).of(fakes)).unwrap()).unwrap();
    answer["metadata"]["size"].as_u64().unwrap()
}

#[test]
fn a_get_is_believed_and_not_a_head_that_contradicts_it() {
    for told in ["0", "5", "28"] {
        let fakes = Fakes::new(move |seen| {
            let length = if seen.method == "HEAD" { told } else { "27" };
            response(200, &[("content-length", length)], if seen.method == "HEAD" { b"" } else { MEDIA })
        });
        assert_eq!(read(get("").of(&fakes)).unwrap(), MEDIA);
        fakes.run_background_tasks();
        let part = get("").header("range", "bytes=0-").of(&fakes);
        assert_eq!(
            (part.status.as_u16(), header(&part, "content-range")),
            (206, Some("bytes 0-26/27")),
            "{told}"
        );
        assert_eq!(read(part).unwrap(), MEDIA);
        assert_eq!(answered_size(&fakes), 27);
    }
}

#[test]
fn a_head_with_length_0_is_followed_by_a_get_if_nothing_is_known() {
    let fakes = Fakes::new(|seen| {
        let length = if seen.method == "HEAD" { "0" } else { "27" };
        response(200, &[("content-length", length)], if seen.method == "HEAD" { b"" } else { MEDIA })
    });
    assert_eq!(answered_size(&fakes), 27);
    assert_eq!(fakes.methods(), "HEAD GET");
}

/// Returns a homeserver that knows only the legacy endpoints and `whoami`.
fn legacy_only() -> Fakes {
    Fakes::new(|seen| {
        if seen.path.ends_with("/whoami") {
            return match seen.token.as_deref() {
                Some("user") => response(200, &[], b"{}"),
                _ => response(401, &[], b"{\"errcode\":\"M_UNKNOWN_TOKEN\"}"),
            };
        }
        if seen.path.starts_with("/_matrix/client/v1/") && seen.method == "HEAD" {
            return response(404, &[], b"");
        }
        if seen.path.starts_with("/_matrix/client/v1/") {
            return response(404, &[], br#"{"errcode":"M_UNRECOGNIZED","error":"Unrecognized request"}"#);
        }
        response(200, &[("content-length", "27")], if seen.method == "HEAD" { b"" } else { MEDIA })
    })
}

fn paths(fakes: &Fakes) -> Vec<String> {
    fakes.seen.take().into_iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
}

#[test]
fn a_legacy_request_with_a_token_works_if_there_are_only_legacy_endpoints() {
    let fakes = legacy_only();
    assert_eq!(read(Ask { path: LEGACY, ..get("") }.of(&fakes)).unwrap(), MEDIA);
    let whoami = "GET /_matrix/client/v3/account/whoami".to_owned();
    let (first, then) = (format!("GET {PATH}"), format!("GET {LEGACY}"));
    let probe = "GET /_matrix/client/v1/media/config".to_owned();
    assert_eq!(paths(&fakes), [first, probe, whoami.clone(), then.clone()]);
    // This is remembered for an hour.
    assert_eq!(read(Ask { path: LEGACY, ..get("") }.of(&fakes)).unwrap(), MEDIA);
    assert_eq!(paths(&fakes), [whoami, then]);
    let reply = Ask { path: LEGACY, ..get(JSON) }.of(&fakes);
    assert_eq!(header(&reply, "org-matrix-msc4097-answer"), Some("json"));
}

#[test]
fn a_bad_token_does_not_get_around_the_policy_on_legacy_endpoints() {
    let fakes = legacy_only();
    for _ in 0..2 {
        let bad = Ask {
            path: LEGACY,
            headers: vec![("authorization", "Bearer bad".to_owned())],
            config: vec![("MEDIA_UNAUTHENTICATED", "m.none")],
            ..get("")
        };
        let reply = bad.of(&fakes);
        assert_eq!(reply.status, 401);
        assert!(read(reply).unwrap().starts_with(b"{\"errcode\":\"M_UNKNOWN_TOKEN\""));
        assert!(paths(&fakes).iter().all(|path| !path.contains("/_matrix/media/")));
    }
}

#[test]
fn a_head_finds_media_that_only_the_legacy_endpoints_have() {
    let fakes = legacy_only();
    let head = Ask { path: LEGACY, method: Method::HEAD, ..get("") }.of(&fakes);
    assert_eq!((head.status.as_u16(), header(&head, "content-length")), (200, Some("27")));
}

#[test]
fn a_wrong_memory_of_the_endpoints_is_forgotten() {
    let fakes = Fakes::new(|seen| match seen.path.as_str() {
        LEGACY => response(404, &[], br#"{"errcode":"M_NOT_FOUND"}"#),
        _ => response(200, &[("content-length", "27")], if seen.method == "HEAD" { b"" } else { MEDIA }),
    });
    fakes.memory(|memory| memory.legacy_only_until_ms = u64::MAX);
    assert_eq!(read(Ask { path: LEGACY, ..get("") }.of(&fakes)).unwrap(), MEDIA);
    assert!(!objects::lacks_authenticated_media(&fakes));
}

#[test]
fn one_objects_error_says_nothing_about_the_endpoint() {
    // The homeserver relays the error of a remote homeserver. With such errors anybody could switch the
    // authenticated endpoint off for everybody.
    let fakes = Fakes::new(|seen| match seen.path.as_str() {
        PATH => response(404, &[], br#"{"errcode":"M_UNRECOGNIZED"}"#),
        "/_matrix/client/v1/media/config" => response(401, &[], br#"{"errcode":"M_MISSING_TOKEN"}"#),
        _ => response(403, &[], br#"{"errcode":"M_FORBIDDEN"}"#),
    });
    let reply = Ask { path: LEGACY, ..get("") }.of(&fakes);
    assert_eq!(
        (reply.status.as_u16(), read(reply).unwrap()),
        (404, br#"{"errcode":"M_UNRECOGNIZED"}"#.to_vec())
    );
    assert!(!objects::lacks_authenticated_media(&fakes));
    let probe = fakes.seen.take().pop().unwrap();
    assert_eq!((probe.path.as_str(), probe.token), ("/_matrix/client/v1/media/config", None));
}

#[test]
fn a_404_to_an_authenticated_request_and_any_other_404_are_relayed() {
    let fakes = legacy_only();
    let reply = get("").of(&fakes);
    assert_eq!((reply.status.as_u16(), paths(&fakes)), (404, vec![format!("GET {PATH}")]));
    assert!(read(reply).unwrap().starts_with(b"{\"errcode\":\"M_UNRECOGNIZED\""));
    let fakes = Fakes::new(|_| response(404, &[], br#"{"errcode":"M_NOT_FOUND","error":"x"}"#));
    let reply = Ask { path: LEGACY, ..get("") }.of(&fakes);
    assert_eq!((reply.status.as_u16(), fakes.methods().as_str()), (404, "GET"));
    assert_eq!(read(reply).unwrap(), br#"{"errcode":"M_NOT_FOUND","error":"x"}"#);
}
