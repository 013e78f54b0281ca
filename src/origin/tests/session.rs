//! The delivery `session`: a redirect that any client follows, with a key that the client derives.

use super::*;
use crate::cipher::Algorithm;
use crate::origin::advertise::{Document, document};
use crate::protocol::{SessionId, SessionSecret};

const CONFIG: &str = "/_matrix/client/v1/media/config";
const MASTER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const OTHER_MASTER: &str = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const PLAIN: &str = "org-matrix-msc4097-plain";
const SESSION: &str = "org-matrix-msc4097-session";

/// The media config that a client with this token reads.
fn read_config(
    path: &str,
    query: &str,
    token: Option<&str>,
    settings: &[(&str, &str)],
) -> (Reply<FakeBody>, String) {
    let fakes = Fakes::new(|seen| {
        let status = if seen.token.is_some() || seen.path.contains("access_token=") { 200 } else { 401 };
        response(status, &[("content-type", "application/json")], b"{\"m.upload.size\":5}")
    });
    let headers = token.map(|token| (AUTHORIZATION, format!("Bearer {token}").parse().unwrap()));
    let client = ClientRequest {
        method: Method::GET,
        query: Query::parse(query),
        headers: headers.into_iter().collect(),
        client_ip: None,
    };
    let settings = config(settings);
    let reply = block_on(document(&fakes, &settings, &client, (path, query), Document::MediaConfig));
    let asked = fakes.seen.borrow()[0].path.clone();
    (reply, asked)
}

/// A session of the user's, as the config tells it.
fn session(settings: &[(&str, &str)]) -> (SessionId, SessionSecret) {
    let (reply, _) = read_config(CONFIG, "org.matrix.msc4097.session=true", Some("user"), settings);
    let document: serde_json::Value = serde_json::from_slice(&read(reply).unwrap()).unwrap();
    let about = &document["org.matrix.msc4097"]["session"];
    let text = |name: &str| about[name].as_str().unwrap();
    (SessionId::parse(text("id")).unwrap(), SessionSecret::from_base64url(text("secret")).unwrap())
}

fn query(id: SessionId, alg: &str) -> String {
    let id = id.to_text();
    format!(
        "org.matrix.msc4097.delivery=session&org.matrix.msc4097.session={id}&org.matrix.msc4097.alg={alg}"
    )
}

#[test]
fn the_config_has_a_session_only_for_a_client_that_asks_for_one() {
    let settings = [("SESSION_SECRET", MASTER), ("SESSION_TTL_SECS", "600")];
    let wanted = "org.matrix.msc4097.session=true";
    for (path, query, token, settings, has_session) in [
        (CONFIG, wanted, Some("user"), &settings[..], true),
        (CONFIG, "access_token=user&org.matrix.msc4097.session=true", None, &settings[..], true),
        (CONFIG, "", Some("user"), &settings[..], false),
        (CONFIG, "org.matrix.msc4097.session=yes", Some("user"), &settings[..], false),
        (CONFIG, wanted, Some("user"), &[], false),
        ("/_matrix/media/v3/config", wanted, Some("user"), &settings[..], false),
        (CONFIG, wanted, None, &settings[..], false),
        (CONFIG, wanted, None, &[("SESSION_SECRET", MASTER), ("MEDIA_UNAUTHENTICATED", "m.none")], false),
    ] {
        let (reply, asked) = read_config(path, query, token, settings);
        assert!(!asked.contains("msc4097"), "{asked}");
        let is_stored_nowhere = header(&reply, "cache-control") == Some("no-store, no-transform");
        let document: serde_json::Value = serde_json::from_slice(&read(reply).unwrap()).unwrap();
        let about = &document["org.matrix.msc4097"];
        let session = &about["session"];
        assert_eq!(
            (session.is_object(), is_stored_nowhere),
            (has_session, has_session),
            "{path}?{query} {token:?}"
        );
        if has_session {
            assert_eq!(document["m.upload.size"], 5);
            assert_eq!(session["expires_ts"], 1_000_000 + 600_000);
            assert_eq!(session["expires_in_ms"], 600_000);
            assert_eq!(about["edge"], "https://media.example.net");
        }
    }
}

#[test]
fn the_delivery_is_advertised_where_there_is_a_secret() {
    for (settings, deliveries) in [
        (&[][..], r#"["redirect","json"]"#),
        (&[("SESSION_SECRET", MASTER)][..], r#"["redirect","json","session"]"#),
    ] {
        let (reply, _) = read_config(CONFIG, "", Some("user"), settings);
        let body = String::from_utf8(read(reply).unwrap()).unwrap();
        assert!(body.contains(&format!("\"deliveries\":{deliveries}")), "{body}");
    }
}

#[test]
fn a_live_session_gets_a_redirect_whose_key_derives_from_the_token() {
    let settings = vec![("SESSION_SECRET", MASTER)];
    let (id, secret) = session(&settings);
    for alg in Algorithm::ALL {
        let fakes = Fakes::with_object(MEDIA);
        let query = query(id, alg.as_str());
        let reply = Ask { config: settings.clone(), ..get(&query) }.of(&fakes);
        assert_eq!(reply.status, 307);
        assert_eq!(header(&reply, "cache-control"), Some("no-store, no-transform"));
        assert_eq!(header(&reply, "access-control-allow-origin"), Some("*"));
        assert!(reply.headers.get(ANSWER).is_none());
        let (token, record) = fakes.only_grant().unwrap();
        assert_eq!(header(&reply, "location"), Some(&*format!("https://media.example.net/{token}")));
        let Content::Encrypted(key) = Grant::from_json(&record).unwrap().content else { panic!("{record}") };
        assert_eq!(key.alg(), alg);
        assert_eq!(key.as_bytes(), secret.key(alg, &token).as_bytes());
        assert_eq!(read(reply).unwrap(), b"");
    }
}

#[test]
fn verbatim_is_encrypted_because_no_answer_could_tell_the_type() {
    let settings = vec![("SESSION_SECRET", MASTER), ("ENCRYPTED_MEDIA", "verbatim")];
    let (id, _) = session(&settings);
    let fakes = Fakes::new(|seen| {
        let headers = [("content-length", "27"), ("content-type", "application/octet-stream"), ("etag", "1")];
        response(200, &headers, if seen.method == "HEAD" { b"" } else { MEDIA })
    });
    let query = format!("{}&org.matrix.msc4097.verbatim=true", query(id, "a256ctr"));
    Ask { config: settings, ..get(&query) }.of(&fakes);
    let (_, record) = fakes.only_grant().unwrap();
    assert!(matches!(Grant::from_json(&record).unwrap().content, Content::Encrypted(_)));
}

#[test]
fn a_stale_session_is_served_in_place_and_says_so() {
    let settings = [("SESSION_SECRET", MASTER), ("PLAIN_REDIRECT", "on")];
    let (id, _) = session(&settings);
    let good = query(id, "a256ctr");
    let id = id.to_text();
    let damaged = good.replace(&id, &format!("B{}", &id[1..]));
    let none = good.replace(&format!("&org.matrix.msc4097.session={id}"), "");
    assert_ne!(damaged, good);
    for (query, token, secrets) in [
        (&good, "another", vec![("SESSION_SECRET", MASTER)]),
        (&good, "user", vec![("SESSION_SECRET", OTHER_MASTER)]),
        (&damaged, "user", vec![("SESSION_SECRET", MASTER)]),
        (&none, "user", vec![("SESSION_SECRET", MASTER)]),
    ] {
        for redirect in ["on", "off"] {
            let fakes = Fakes::with_object(MEDIA);
            let mut ask = get(query);
            ask.headers = vec![("authorization", format!("Bearer {token}"))];
            ask.config = secrets.clone();
            ask.config.push(("PLAIN_REDIRECT", redirect));
            let reply = ask.of(&fakes);
            assert_eq!(
                (reply.status.as_u16(), header(&reply, SESSION), header(&reply, PLAIN)),
                (200, Some("stale"), Some("stale-session")),
                "{query}"
            );
            let exposed = header(&reply, "access-control-expose-headers").unwrap();
            assert!(exposed.contains("Org-Matrix-Msc4097-Session"), "{exposed}");
            assert_eq!(read(reply).unwrap(), MEDIA);
            assert!(fakes.records.borrow().is_empty());
        }
    }
    // The previous secret still opens it.
    let fakes = Fakes::with_object(MEDIA);
    let rotated = vec![("SESSION_SECRET", OTHER_MASTER), ("SESSION_SECRET_PREVIOUS", MASTER)];
    assert_eq!(Ask { config: rotated, ..get(&good) }.of(&fakes).status, 307);
}

#[test]
fn what_the_origin_cannot_honour_is_served_in_place_without_the_session_header() {
    let settings = [("SESSION_SECRET", MASTER)];
    let (id, _) = session(&settings);
    for (query, config, reason) in [
        (query(id, "a256ctr"), vec![], "not-supported"),
        (query(id, "a256ctr,chacha20"), settings.to_vec(), "not-supported"),
        (query(id, "none"), settings.to_vec(), "not-supported"),
        (query(id, "a256ctr"), vec![("SESSION_SECRET", MASTER), ("REDIRECT_MIN_BYTES", "28")], "too-small"),
    ] {
        let fakes = Fakes::with_object(MEDIA);
        let reply = Ask { config, ..get(&query) }.of(&fakes);
        assert_eq!(
            (reply.status.as_u16(), header(&reply, PLAIN), header(&reply, SESSION)),
            (200, Some(reason), None),
            "{query}"
        );
    }
}

#[test]
fn a_head_never_mints() {
    let settings = [("SESSION_SECRET", MASTER)];
    let (id, _) = session(&settings);
    let query = query(id, "a256ctr");
    let fakes = Fakes::with_object(MEDIA);
    let reply = Ask { method: Method::HEAD, config: settings.to_vec(), ..get(&query) }.of(&fakes);
    assert_eq!((reply.status.as_u16(), header(&reply, PLAIN)), (200, None));
    assert!(fakes.records.borrow().is_empty());
}
