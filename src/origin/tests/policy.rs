//! Tests of policies over fakes: what they refuse, who is asked, and that nothing gets around them.

use super::*;
use crate::policy::{
    CacheTimes, Finding, LOOKUP_WAIT_MS, LOOKUPS_PER_MINUTE, Permit, Record, RemotePolicy, Source, Verdict,
    record_key,
};
use crate::ports::{RemoteAnswer, Runtime as _};
use crate::protocol::ServerName;

const LEGACY: &str = "/_matrix/media/r0/download/example.org/abc";
const LEGACY_REMOTE: &str = "/_matrix/media/v3/download/remote.example.com/abc";
const REMOTE: &str = "/_matrix/client/v1/media/download/remote.example.com/abc";

/// Returns a legacy request without a token, under a policy.
fn anonymous<'a>(path: &'a str, policy: &'a str) -> Ask<'a> {
    Ask { path, headers: Vec::new(), config: vec![("MEDIA_UNAUTHENTICATED", policy)], ..get("") }
}

#[test]
fn without_a_token_the_policy_narrows_and_the_homeserver_still_decides() {
    for (policy, path, passes) in [
        ("unset", LEGACY, true),
        ("m.unspecified", LEGACY_REMOTE, true),
        ("m.local", LEGACY, true),
        ("m.local", LEGACY_REMOTE, false),
        ("m.cached", LEGACY, false),
        ("m.none", LEGACY, false),
    ] {
        let fakes = Fakes::with_object(MEDIA);
        let reply = anonymous(path, policy).of(&fakes);
        assert_eq!(reply.status, if passes { 200 } else { 401 }, "{policy} {path}");
        let seen = fakes.seen.take();
        assert_eq!(seen.len(), usize::from(passes));
        if let [seen] = &seen[..] {
            assert_eq!((seen.path.as_str(), &seen.token), (path.replace("r0", "v3").as_str(), &None));
        }
        assert!(fakes.asked_remotes.borrow().is_empty());
    }
}

#[test]
fn under_m_cached_the_homeserver_is_asked_about_cached_objects_too() {
    let fakes = warm();
    assert_eq!(read(anonymous(LEGACY, "m.cached").of(&fakes)).unwrap(), MEDIA);
    assert_eq!(fakes.methods(), "HEAD?1");

    let frozen = Fakes::new(|_| response(404, &[], b"{\"errcode\":\"M_NOT_FOUND\"}"));
    frozen.info.replace(fakes.info.take());
    frozen.objects.replace(fakes.objects.take());
    assert_eq!(anonymous(LEGACY, "m.cached").of(&frozen).status, 404);
}

#[test]
fn a_legacy_request_with_a_token_goes_to_the_authenticated_endpoint() {
    for policy in ["unset", "m.none"] {
        let fakes = Fakes::with_object(MEDIA);
        let config = vec![("MEDIA_UNAUTHENTICATED", policy)];
        assert_eq!(read(Ask { path: LEGACY, config, ..get("") }.of(&fakes)).unwrap(), MEDIA);
        assert_eq!(fakes.seen.borrow()[0].path, PATH);
    }
    let fakes = Fakes::with_object(MEDIA);
    let reply = Ask { path: LEGACY, ..get(JSON) }.of(&fakes);
    assert_eq!(header(&reply, "org-matrix-msc4097-answer"), Some("json"));
}

#[test]
fn without_a_token_there_is_no_opting_in() {
    let fakes = Fakes::with_object(MEDIA);
    let reply = Ask { path: LEGACY, headers: Vec::new(), ..get(JSON) }.of(&fakes);
    assert!(header(&reply, "org-matrix-msc4097-answer").is_none());
    assert!(fakes.records.borrow().is_empty());
}

#[test]
fn legacy_clients_are_redirected_only_if_they_allow_it() {
    let config = || vec![("PLAIN_REDIRECT", "on"), ("REMOTE_POLICY", "off")];
    for (query, status) in [("", 200), ("allow_redirect=false", 200), ("allow_redirect=true", 307)] {
        let reply = Ask { path: LEGACY, config: config(), ..get(query) }.of(&Fakes::with_object(MEDIA));
        assert_eq!(reply.status.as_u16(), status, "{query}");
    }
}

#[test]
fn allow_remote_false_asks_the_legacy_endpoint_but_checks_the_token_first() {
    let fakes = with_remote("\"m.none\"");
    Ask { path: LEGACY_REMOTE, ..get("allow_remote=false") }.of(&fakes);
    let paths: Vec<String> = fakes.seen.take().into_iter().map(|seen| seen.path).collect();
    let whoami = "/_matrix/client/v3/account/whoami?allow_remote=false".to_owned();
    assert_eq!(paths, [whoami, format!("{LEGACY_REMOTE}?allow_remote=false")]);
    assert!(fakes.asked_remotes.borrow().is_empty());

    // The legacy endpoint ignores tokens, so it would give the media to anybody.
    for policy in ["unset", "m.none"] {
        for remote_policy in ["enforce", "off"] {
            for path in [LEGACY, LEGACY_REMOTE] {
                let open = Fakes::new(|seen: &Seen| {
                    if seen.path.starts_with("/_matrix/media/") {
                        return response(200, &[("content-length", "27")], MEDIA);
                    }
                    response(401, &[], b"{\"errcode\":\"M_UNKNOWN_TOKEN\"}")
                });
                let config = vec![("MEDIA_UNAUTHENTICATED", policy), ("REMOTE_POLICY", remote_policy)];
                let reply = Ask { path, config, ..get("allow_remote=false") }.of(&open);
                assert_eq!(reply.status, 401, "{policy} {remote_policy} {path}");
            }
        }
    }
}

#[test]
fn local_media_are_served_with_allow_remote_false() {
    let fakes = Fakes::with_object(MEDIA);
    assert_eq!(Ask { path: LEGACY, ..get("allow_remote=false") }.of(&fakes).status, 200);
    assert_eq!(fakes.seen.borrow()[0].path, format!("{PATH}?allow_remote=false"));
}

/// Returns fakes with a remote homeserver that publishes this policy.
fn with_remote(policy: &'static str) -> Fakes {
    let mut fakes = Fakes::with_object(MEDIA);
    fakes.remotes = Box::new(move |url| {
        let body = match url {
            "https://remote.example.com/.well-known/matrix/server" => {
                r#"{"m.server":"hs.example.com:443"}"#.to_owned()
            }
            "https://hs.example.com/_matrix/media/v3/config"
            | "https://hs.example.com:443/_matrix/media/v3/config" => {
                format!("{{\"m.media.unauthenticated\":{policy}}}")
            }
            _ => return None,
        };
        Some(RemoteAnswer { status: StatusCode::OK, location: None, body: body.into_bytes() })
    });
    fakes
}

#[test]
fn a_remote_homeserver_that_rejects_access_is_asked_once_and_its_media_never_fetched() {
    let fakes = with_remote("\"m.none\"");
    for _ in 0..3 {
        let reply = Ask { path: REMOTE, ..get("") }.of(&fakes);
        assert_eq!(reply.status, 404);
        let body = String::from_utf8(read(reply).unwrap()).unwrap();
        assert!(body.contains("M_NOT_FOUND") && body.contains("Remote homeserver rejected access"), "{body}");
        assert!(fakes.seen.borrow().iter().all(|seen| seen.path == "/_matrix/client/v3/account/whoami"));
        assert_eq!(fakes.methods(), "GET");
    }
    assert_eq!(fakes.asked_remotes.borrow().len(), 2);
    // It is asked again once the verdict has expired.
    fakes.now_ms.set(fakes.now_ms.get() + 3_600_000);
    Ask { path: REMOTE, ..get("") }.of(&fakes);
    assert_eq!(fakes.asked_remotes.borrow().len(), 4);
}

#[test]
fn media_of_other_remote_homeservers_are_fetched_even_if_they_tell_no_policy() {
    for policy in ["\"m.local\"", "\"m.unspecified\"", "\"new\"", "7", "nonsense"] {
        let fakes = with_remote(policy);
        assert_eq!(Ask { path: REMOTE, ..get("") }.of(&fakes).status, 200, "{policy}");
        assert_eq!(fakes.methods(), "GET GET");
    }
    let unreachable = Fakes::with_object(MEDIA);
    assert_eq!(Ask { path: REMOTE, ..get("") }.of(&unreachable).status, 200);
    let off = with_remote("\"m.none\"");
    assert_eq!(Ask { path: REMOTE, config: vec![("REMOTE_POLICY", "off")], ..get("") }.of(&off).status, 200);
    assert!(off.asked_remotes.borrow().is_empty());
}

#[test]
fn a_verdict_costs_at_most_one_read_and_none_if_it_is_remembered() {
    let reads = |fakes: &Fakes| {
        let names = fakes.read_names.take();
        names.iter().filter(|name| name.starts_with("remote:")).count()
    };
    for policy in ["\"m.none\"", "\"m.local\""] {
        for query in ["", JSON] {
            let ask = |fakes: &Fakes| Ask { path: REMOTE, ..get(query) }.of(fakes).status;
            let cold = with_remote(policy);
            ask(&cold);
            assert_eq!(reads(&cold), 1, "{policy} {query}: nobody knows it");
            ask(&cold);
            assert_eq!(reads(&cold), 0, "{policy} {query}: this isolate remembers it");

            let next = with_remote(policy);
            next.records.replace(cold.records.take());
            let status = ask(&next);
            assert_eq!(reads(&next), 1, "{policy} {query}: the key store holds it");
            assert_eq!(ask(&next), status);
            assert_eq!(reads(&next), 0, "{policy} {query}");
            assert!(next.asked_remotes.borrow().is_empty());
        }
    }
    // Requests that need no verdict cost no read.
    let fakes = Fakes::with_object(MEDIA);
    get(JSON).of(&fakes);
    anonymous(LEGACY_REMOTE, "unset").of(&fakes);
    assert_eq!(reads(&fakes), 0);
}

#[test]
fn made_up_server_names_cause_a_limited_number_of_lookups_and_writes() {
    let fakes = Fakes::with_object(MEDIA);
    let ask = |n: u32| {
        let path = format!("/_matrix/client/v1/media/download/made-up-{n}.example.com/abc");
        assert_eq!(Ask { path: &path, ..get("") }.of(&fakes).status, 200);
        (fakes.asked_remotes.take().len(), fakes.records.take().len())
    };
    for n in 0..LOOKUPS_PER_MINUTE {
        assert_eq!(ask(n), (2, 1));
    }
    assert_eq!(ask(100), (0, 0));
    assert_eq!(fakes.events.take(), [Event::PolicyLookupSkipped]);
    // The limit does not concern remembered policies, and it ends after a minute.
    assert_eq!((ask(0), fakes.events.take()), ((0, 0), vec![]));
    fakes.now_ms.set(fakes.now_ms.get() + 60_000);
    assert_eq!(ask(100), (2, 1));
}

#[test]
fn requests_that_come_together_wait_for_one_lookup() {
    // Another request has begun the lookup, and finds a rejection after a while.
    let key = record_key(&ServerName::parse("remote.example.com").unwrap());
    let begun = |fakes: &Fakes| {
        let now_ms = fakes.now_ms.get();
        assert_eq!(fakes.memory(|memory| memory.policies.begin_lookup(&key, now_ms)), Permit::Begun);
    };
    let mut fakes = with_remote("\"m.local\"");
    begun(&fakes);
    let (start_ms, found) = (fakes.now_ms.get(), key.clone());
    fakes.while_asleep = Box::new(move |fakes| {
        let now_ms = fakes.now_ms.get();
        if now_ms >= start_ms + 1000 {
            let finding = Finding { verdict: Verdict::Rejected, source: Source::Answered };
            let record = Record::of(finding, RemotePolicy::Enforce, CacheTimes::default(), now_ms).unwrap();
            fakes.memory(|memory| memory.policies.put(found.clone(), record, now_ms));
        }
    });
    assert_eq!(Ask { path: REMOTE, ..get("") }.of(&fakes).status, 404);
    assert!(fakes.asked_remotes.borrow().is_empty() && fakes.records.borrow().is_empty());

    // If the other request never returns, this one begins its own lookup after a while.
    let fakes = with_remote("\"m.none\"");
    begun(&fakes);
    assert_eq!(Ask { path: REMOTE, ..get("") }.of(&fakes).status, 404);
    assert_eq!((fakes.asked_remotes.borrow().len(), fakes.now_ms.get()), (2, 1_000_000 + LOOKUP_WAIT_MS));
}

#[test]
fn a_bad_token_causes_no_lookup() {
    let mut fakes =
        Fakes::new(|_| response(401, &[], b"{\"errcode\":\"M_UNKNOWN_TOKEN\",\"soft_logout\":true}"));
    fakes.remotes = Box::new(|url| panic!("{url}"));
    let reply = Ask { path: REMOTE, ..get("") }.of(&fakes);
    assert_eq!(reply.status, 401);
    assert!(String::from_utf8(read(reply).unwrap()).unwrap().contains("soft_logout"));
}

#[test]
fn a_bad_token_gets_the_homeservers_401_even_if_a_rejection_is_remembered() {
    const LOGGED_OUT: &str = "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"soft_logout\":true}";
    let mut fakes = Fakes::new(|seen: &Seen| match seen.token.as_deref() {
        Some("user") => response(200, &[], b"{}"),
        _ => response(401, &[], LOGGED_OUT.as_bytes()),
    });
    fakes.remotes = with_remote("\"m.none\"").remotes;
    assert_eq!(Ask { path: REMOTE, ..get("") }.of(&fakes).status, 404);
    for query in ["", JSON] {
        let junk = Ask { path: REMOTE, headers: Vec::new(), ..get(query) };
        let reply = junk.header("authorization", "Bearer junk").of(&fakes);
        assert_eq!(reply.status, 401, "{query}");
        assert_eq!(read(reply).unwrap(), LOGGED_OUT.as_bytes());
    }
    assert_eq!(Ask { path: REMOTE, ..get("") }.of(&fakes).status, 404);
}

#[test]
fn if_no_lookup_is_allowed_the_token_is_not_checked_for_one() {
    for server in ["192.0.2.1", "localhost:8448", "intranet"] {
        let mut fakes = Fakes::with_object(MEDIA);
        fakes.remotes = Box::new(|url| panic!("{url}"));
        let path = format!("/_matrix/client/v1/media/download/{server}/abc");
        assert_eq!(Ask { path: &path, ..get("") }.of(&fakes).status, 200, "{server}");
        assert_eq!(fakes.methods(), "GET", "{server}");
    }
}

#[test]
fn local_media_never_cause_a_lookup() {
    let fakes = Fakes::with_object(MEDIA);
    get("").of(&fakes);
    assert!(fakes.asked_remotes.borrow().is_empty());
}
