//! Conversations of a client with a session.

use super::tests::{EDGE, HOMESERVER, MEDIA, Reply, download_as, metadata, play, to};
use super::*;
use crate::protocol::SessionSecret;

const CONFIG: &str = r#"{"org.matrix.msc4097":{"edge":"https://m.example","deliveries":["session"],
    "session":{"id":"the id","secret":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","expires_ts":1}}}"#;
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OPT_IN: &str =
    "?org.matrix.msc4097.delivery=session&org.matrix.msc4097.alg=a256ctr&org.matrix.msc4097.session=the+id";

fn by_session() -> DownloadRequest {
    download_as(Some(ClientOptIn::Session(Algorithm::A256Ctr)), None)
}

fn name(n: char) -> String {
    n.to_string().repeat(42) + "A"
}

fn link(n: char) -> String {
    format!("{EDGE}/{}", name(n))
}

/// The headers of the edge, under the key that fits the link `n`.
fn sealed(n: char) -> Vec<(&'static str, String)> {
    let key = SessionSecret::from_base64url(SECRET).unwrap().key(Algorithm::A256Ctr, &name(n));
    let sealed = Metadata::seal(&metadata().to_json(), &key).unwrap().to_str().unwrap().to_owned();
    vec![("org-matrix-msc4097-link", "encrypted".to_owned()), ("org-matrix-msc4097-metadata", sealed)]
}

#[test]
fn a_redirect_to_the_edge_is_a_link_whose_key_the_client_derives() {
    let replies = [(200, vec![], CONFIG), (307, to(&link('a')), ""), (200, sealed('a'), "")];
    let (requests, end) = play(by_session(), &replies);
    let media = end.unwrap();
    assert_eq!(media.delivered_by, DeliveredBy::Encrypted(Algorithm::A256Ctr));
    assert_eq!((media.content_type.as_str(), media.body.length()), ("image/png", Some(100)));
    let config = format!("token {HOMESERVER}/_matrix/client/v1/media/config?org.matrix.msc4097.session=true");
    assert_eq!(requests, [config, format!("token {MEDIA}{OPT_IN}"), link('a')]);
}

#[test]
fn the_key_fits_one_link_only() {
    let replies = [(200, vec![], CONFIG), (307, to(&link('a')), ""), (200, sealed('b'), "")];
    let error = play(by_session(), &replies).1.unwrap_err();
    assert!(matches!(error, ClientError::Body(BodyError::Metadata(_))), "{error:?}");
    let unmarked = sealed('a').split_off(1);
    let replies = [(200, vec![], CONFIG), (307, to(&link('a')), ""), (200, unmarked, "")];
    let error = play(by_session(), &replies).1.unwrap_err();
    assert!(matches!(error, ClientError::Body(BodyError::OtherLink { .. })), "{error:?}");
}

#[test]
fn a_redirect_to_anywhere_else_is_a_plain_redirect() {
    for location in [
        format!("https://store.example/{}", name('a')),
        format!("{EDGE}/{}/x", name('a')),
        format!("{EDGE}.evil.example/{}", name('a')),
        format!("{EDGE}/{}?x", name('a')),
    ] {
        let replies = [(200, vec![], CONFIG), (307, to(&location), ""), (200, vec![], "")];
        let (requests, end) = play(by_session(), &replies);
        assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain, "{location}");
        assert_eq!(requests[2], location);
    }
    // After a hop elsewhere, a redirect to the edge is not the homeserver's.
    let replies = [
        (200, vec![], CONFIG),
        (307, to("https://store.example/x"), ""),
        (307, to(&link('a')), ""),
        (200, sealed('a'), ""),
    ];
    assert_eq!(play(by_session(), &replies).1.unwrap().delivered_by, DeliveredBy::Plain);
}

#[test]
fn media_in_place_are_plain_and_say_why() {
    let stale = vec![
        ("org-matrix-msc4097-session", "stale".to_owned()),
        ("org-matrix-msc4097-plain", "stale-session".to_owned()),
        ("content-type", "image/png".to_owned()),
    ];
    let media = play(by_session(), &[(200, vec![], CONFIG), (200, stale, "")]).1.unwrap();
    assert_eq!(media.delivered_by, DeliveredBy::Plain);
    assert_eq!(media.plain_reason.as_deref(), Some("stale-session"));
}

#[test]
fn without_a_session_in_the_config_the_client_asks_plainly() {
    for (config, reason) in [
        (CONFIG.replace("\"id\"", "\"x\""), NotAdvertised::Session),
        (CONFIG.replace(SECRET, "short"), NotAdvertised::Session),
        (CONFIG.replace("\"session\":{", "\"x\":{"), NotAdvertised::Session),
        (CONFIG.replace("[\"session\"]", "[\"json\"]"), NotAdvertised::Delivery),
    ] {
        let exchange = start(HomeserverUrl::parse(HOMESERVER).unwrap(), by_session());
        let Ok(NextStep::Read(document)) = exchange.receive(StatusCode::OK, &HeaderMap::new()) else {
            panic!()
        };
        let asked = document.read(config.as_bytes()).unwrap();
        assert_eq!(asked.reason(), Reason::NotAdvertised(reason));
        assert_eq!(asked.request().url(), MEDIA);
    }
}

#[test]
fn after_404_or_409_the_client_asks_for_one_new_link_then_for_plain_media() {
    let gone: Vec<Reply<'_>> = vec![
        (200, vec![], CONFIG),
        (307, to(&link('a')), ""),
        (404, vec![], ""),
        (307, to(&link('b')), ""),
        (409, vec![], ""),
        (200, vec![], ""),
    ];
    let (requests, end) = play(by_session(), &gone);
    assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
    let asked = format!("token {MEDIA}{OPT_IN}");
    assert_eq!(requests[1..], [asked.clone(), link('a'), asked, link('b'), format!("token {MEDIA}")]);
    let failing = [(200, vec![], CONFIG), (307, to(&link('a')), ""), (502, vec![], ""), (200, vec![], "")];
    assert_eq!(play(by_session(), &failing).1.unwrap().delivered_by, DeliveredBy::Plain);
}

#[test]
fn an_answer_is_not_what_a_client_with_a_session_asked_for() {
    let answer = vec![("org-matrix-msc4097-answer", "json".to_owned())];
    let error = play(by_session(), &[(200, vec![], CONFIG), (200, answer, "{}")]).1.unwrap_err();
    assert_eq!(error.to_string(), ClientError::UnaskedAnswer.to_string());
}

#[test]
fn debug_shows_no_secret() {
    let exchange = start(HomeserverUrl::parse(HOMESERVER).unwrap(), by_session());
    let Ok(NextStep::Read(document)) = exchange.receive(StatusCode::OK, &HeaderMap::new()) else { panic!() };
    let shown = format!("{:?}", document.read(CONFIG.as_bytes()).unwrap());
    assert!(!shown.contains("the id") && !shown.contains("AAEC") && !shown.contains("secret:"), "{shown}");
}
