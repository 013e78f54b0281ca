//! Tests: who gets a link, and who gets media instead.

use super::*;
use crate::cipher::Key;
use crate::protocol::{Delivery, Protection, WebOrigin};

const PLAIN: &str = "org-matrix-msc4097-plain";

fn parse_answer(json: &[u8]) -> Answer {
    let edge = WebOrigin::parse("https://media.example.net").unwrap();
    let opt_in = OptIn { delivery: Delivery::Json, alg: Algorithm::ChaCha20, verbatim: false };
    Answer::from_json(json, &edge, &opt_in).unwrap()
}

fn key_of(answer: &Answer) -> &Key {
    let Protection::Encrypted(key) = &answer.protection else { panic!("{answer:?}") };
    key
}

#[test]
fn an_opted_in_client_gets_an_answer_and_the_homeserver_sends_no_bytes() {
    for (query, delivery, status) in [(REDIRECT, "redirect", 307), (JSON, "json", 200)] {
        let fakes = Fakes::with_object(MEDIA);
        let reply = get(query).of(&fakes);
        assert_eq!(fakes.methods(), "HEAD");
        assert_eq!(
            (reply.status.as_u16(), header(&reply, "org-matrix-msc4097-answer")),
            (status, Some(delivery))
        );
        assert_eq!(header(&reply, "cache-control"), Some("no-store, no-transform"));
        let location = header(&reply, "location").map(str::to_owned);
        let answer = parse_answer(&read(reply).unwrap());
        assert_eq!(location.is_some(), delivery == "redirect");
        assert!(location.is_none_or(|location| location == *answer.url));
        assert_eq!((answer.expires_ts, answer.expires_in_ms), (1_000_000 + 300_000, Some(300_000)));

        let (token, record) = fakes.only_grant().unwrap();
        assert!(answer.url.ends_with(&token));
        let grant = Grant::from_json(&record).unwrap();
        let Content::Encrypted(key) = &grant.content else { panic!("{grant:?}") };
        assert_eq!(key.as_bytes(), key_of(&answer).as_bytes());
        assert_eq!((grant.pins.size, grant.pins.etag.as_deref()), (27, Some("1")));
        assert_eq!(fakes.records.borrow()[&format!("grant:{token}")].1, 360);
    }
}

#[test]
fn two_requests_get_two_keys_and_two_tokens() {
    let fakes = Fakes::with_object(MEDIA);
    let one = read(get(JSON).of(&fakes)).unwrap();
    fakes.run_background_tasks();
    let two = read(get(JSON).of(&fakes)).unwrap();
    let (one, two) = (parse_answer(&one), parse_answer(&two));
    assert_ne!(one.url, two.url);
    assert_ne!(key_of(&one).as_bytes(), key_of(&two).as_bytes());
    assert_eq!(fakes.methods(), "HEAD HEAD?1");
}

#[test]
fn an_object_that_gets_no_link_is_served_as_not_opted_in() {
    // Too small; longer than the keystream; larger than `REDIRECT_MAX_BYTES`; of unknown length.
    for (variable, bytes, length, reason) in [
        ("REDIRECT_MIN_BYTES", "1000", Some("27"), "too-small"),
        ("REDIRECT_MIN_BYTES", "10", Some("68719476736"), "too-large"),
        ("REDIRECT_MAX_BYTES", "26", Some("27"), "too-large"),
        ("REDIRECT_MIN_BYTES", "10", None, "unknown-length"),
    ] {
        let headers = length.map(|length| ("content-length", length));
        let fakes = Fakes::new(move |seen| {
            response(200, headers.as_slice(), if seen.method == "HEAD" { b"" } else { MEDIA })
        });
        let reply = Ask { config: vec![(variable, bytes)], ..get(JSON) }.of(&fakes);
        assert_eq!((reply.status.as_u16(), header(&reply, PLAIN)), (200, Some(reason)), "{headers:?}");
        assert!(header(&reply, "org-matrix-msc4097-answer").is_none());
        assert!(fakes.records.borrow().is_empty());
        assert_eq!(fakes.methods(), "HEAD GET");
    }
}

#[test]
fn an_object_as_large_as_the_limit_gets_a_link_and_a_larger_one_does_not() {
    for (max_bytes, query, status, has_link) in [
        ("27", REDIRECT, 307, true),
        ("26", REDIRECT, 200, false),
        ("27", "", 307, true),
        ("26", "", 200, false),
    ] {
        let fakes = Fakes::with_object(MEDIA);
        let config = vec![("REDIRECT_MAX_BYTES", max_bytes), ("PLAIN_REDIRECT", "on")];
        let reply = Ask { config, ..get(query) }.of(&fakes);
        assert_eq!((reply.status.as_u16(), header(&reply, "location").is_some()), (status, has_link));
        assert_eq!(fakes.only_grant().is_some(), has_link, "{max_bytes} {query}");
    }
}

#[test]
fn head_never_mints() {
    let fakes = Fakes::with_object(MEDIA);
    let reply =
        Ask { method: Method::HEAD, config: vec![("PLAIN_REDIRECT", "on")], ..get(REDIRECT) }.of(&fakes);
    assert_eq!((reply.status.as_u16(), header(&reply, "content-length")), (200, Some("27")));
    assert!(fakes.records.borrow().is_empty() && header(&reply, "location").is_none());
    assert_eq!(header(&reply, PLAIN), None, "its GET is given an answer");
    assert_eq!(fakes.methods(), "HEAD");
}

#[test]
fn a_head_is_told_why_its_get_is_served_plainly() {
    for (min_bytes, query, reason) in [
        ("1000", JSON, Some("too-small")),
        ("10", "org.matrix.msc4097.delivery=session", Some("not-supported")),
        ("1000", "", None),
    ] {
        // Cold, then with known info.
        for fakes in [Fakes::with_object(MEDIA), warm()] {
            let config = vec![("REDIRECT_MIN_BYTES", min_bytes)];
            let reply = Ask { method: Method::HEAD, config, ..get(query) }.of(&fakes);
            assert_eq!((reply.status.as_u16(), header(&reply, PLAIN)), (200, reason), "{query}");
        }
    }
    let fakes = Fakes::new(|_| response(200, &[("content-type", "image/png")], b""));
    let reply = Ask { method: Method::HEAD, ..get(JSON) }.of(&fakes);
    assert_eq!(header(&reply, PLAIN), Some("unknown-length"));
}

#[test]
fn only_media_and_redirects_have_the_reason() {
    let range = ("range", "bytes=1-2");
    let reply = Ask { config: vec![("REDIRECT_MIN_BYTES", "1000")], ..get(JSON) }
        .header(range.0, range.1)
        .of(&Fakes::with_object(MEDIA));
    assert_eq!((reply.status.as_u16(), header(&reply, PLAIN)), (206, Some("too-small")));
    let reply = get("").of(&Fakes::with_object(MEDIA));
    assert_eq!(header(&reply, PLAIN), None, "it did not opt in");
    for method in [Method::GET, Method::HEAD] {
        for (query, reason) in [
            (JSON, Some("not-available")),
            ("org.matrix.msc4097.delivery=", Some("not-supported")),
            ("", None),
        ] {
            let fakes = Fakes::new(|_| {
                let sent = [("location", "https://s3.example/x"), ("org-matrix-msc4097-plain", "forged")];
                response(307, &sent, b"")
            });
            let reply = Ask { method: method.clone(), ..get(query) }.of(&fakes);
            assert_eq!((reply.status.as_u16(), header(&reply, PLAIN)), (307, reason), "{method} {query}");
        }
        for query in [JSON, "org.matrix.msc4097.delivery="] {
            let fakes = Fakes::new(|_| response(429, &[("retry-after", "7")], b"{}"));
            let reply = Ask { method: method.clone(), ..get(query) }.of(&fakes);
            assert_eq!((reply.status.as_u16(), header(&reply, PLAIN)), (429, None), "{method} {query}");
            assert_eq!(header(&reply, "retry-after"), Some("7"));
        }
    }
}

#[test]
fn without_the_key_store_a_client_gets_the_media_but_no_link() {
    for fault in [StoreFault::Fails, StoreFault::FailsButPersists] {
        let fakes = Fakes::with_object(MEDIA);
        fakes.store_fault.set(fault);
        let reply = get(REDIRECT).of(&fakes);
        assert_eq!(header(&reply, PLAIN), Some("not-available"));
        assert!(
            header(&reply, "org-matrix-msc4097-answer").is_none() && header(&reply, "location").is_none()
        );
        assert_eq!(read(reply).unwrap(), MEDIA);
        assert_eq!(*fakes.events.borrow(), [Event::KeyStorePutFailed]);
    }
}

#[test]
fn an_object_that_the_edge_could_not_serve_is_served_as_not_opted_in() {
    let fakes = Fakes::with_object(MEDIA);
    get(JSON).of(&fakes);
    let (_, record) = fakes.only_grant().unwrap();
    let name = Grant::from_json(&record).unwrap().object.refusal_name();
    fakes.records.borrow_mut().insert(name, ("1".to_owned(), 600));
    let reply = get(JSON).of(&fakes);
    assert_eq!(header(&reply, PLAIN), Some("not-available"));
    assert_eq!(read(reply).unwrap(), MEDIA);
}

#[test]
fn verbatim_needs_the_client_the_operator_and_the_type() {
    let with_type = |content_type: &'static str| {
        Fakes::new(move |_| response(200, &[("content-length", "27"), ("content-type", content_type)], MEDIA))
    };
    let verbatim = format!("{JSON}&org.matrix.msc4097.verbatim=true");
    for (content_type, query, setting, expected) in [
        ("application/octet-stream", verbatim.as_str(), "verbatim", "\"alg\":\"none\""),
        ("application/octet-stream", &verbatim, "reencrypt", "\"alg\":\"chacha20\""),
        ("application/octet-stream", JSON, "verbatim", "\"alg\":\"chacha20\""),
        ("image/png", &verbatim, "verbatim", "\"alg\":\"chacha20\""),
    ] {
        let fakes = with_type(content_type);
        let reply = Ask { config: vec![("ENCRYPTED_MEDIA", setting)], ..get(query) }.of(&fakes);
        let answer = String::from_utf8(read(reply).unwrap()).unwrap();
        assert!(answer.contains(expected), "{content_type} {query} {setting}: {answer}");
        assert_eq!(answer.contains("\"key\""), expected.contains("chacha20"));
    }
}

#[test]
fn a_client_that_opted_in_is_never_sent_a_plain_redirect() {
    let legacy = "/_matrix/media/v3/download/example.org/abc";
    let legacy_query = format!("{JSON}&allow_redirect=true");
    for (path, query, token) in [
        (PATH, "org.matrix.msc4097.delivery=", true),
        (PATH, "org.matrix.msc4097.delivery=session", true),
        (PATH, "org.matrix.msc4097.delivery=json&org.matrix.msc4097.alg=rot13", true),
        (PATH, "org.matrix.msc4097.delivery=json&org.matrix.msc4097.delivery=json", true),
        (legacy, &legacy_query, false),
    ] {
        let fakes = Fakes::with_object(MEDIA);
        let mut ask = Ask { path, config: vec![("PLAIN_REDIRECT", "on")], ..get(query) };
        ask.headers.retain(|_| token);
        let reply = ask.of(&fakes);
        assert_eq!((reply.status.as_u16(), header(&reply, "location")), (200, None), "{query}");
        let reason = if token { "not-supported" } else { "no-token" };
        assert_eq!(header(&reply, PLAIN), Some(reason), "{query}");
        assert_eq!(read(reply).unwrap(), MEDIA);
        assert!(fakes.records.borrow().is_empty());
    }
}

#[test]
fn a_plain_redirect_is_a_307_that_anyone_can_follow() {
    let fakes = Fakes::with_object(MEDIA);
    let reply = Ask { config: vec![("PLAIN_REDIRECT", "on")], ..get("") }.of(&fakes);
    assert_eq!(reply.status, 307);
    assert!(header(&reply, "org-matrix-msc4097-answer").is_none());
    let (token, record) = fakes.only_grant().unwrap();
    assert_eq!(header(&reply, "location"), Some(format!("https://media.example.net/{token}").as_str()));
    assert!(matches!(Grant::from_json(&record).unwrap().content, Content::Plain));
    assert_eq!(read(reply).unwrap(), b"");
}
