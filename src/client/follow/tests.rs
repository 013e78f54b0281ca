//! The rules, as conversations: what the client sends, what it is answered, how it ends.

use super::*;
use crate::cipher::Key;
use crate::client::{Class, Credential};
use crate::protocol::{Metadata, MxcUri, Protection, Thumbnail, ThumbnailMethod, Variant};

const HOMESERVER: &str = "https://hs.example";
const EDGE: &str = "https://m.example";
const CONFIG: &str = r#"{"m.upload.size":1,"org.matrix.msc4097":{"edge":"https://m.example"}}"#;
const MEDIA: &str = "https://hs.example/_matrix/client/v1/media/download/a.example/AbC";
const OPT_IN: &str = "?org.matrix.msc4097.delivery=redirect&org.matrix.msc4097.alg=chacha20";

/// A response: status, headers, body.
type Reply<'a> = (u16, Vec<(&'static str, String)>, &'a str);

fn key() -> Key {
    Key::from_bytes([5; 32])
}

fn metadata() -> Metadata {
    Metadata {
        size: 100,
        content_type: "image/png".to_owned(),
        content_disposition: Some("inline; filename=\"x.png\"".to_owned()),
    }
}

/// The answer's JSON; `n` makes links differ.
fn answer_json(n: char, key: Option<Key>) -> String {
    let url = Zeroizing::new(format!("{EDGE}/{}", n.to_string().repeat(42) + "A"));
    let protection =
        key.map_or(Protection::None, |key| Protection::Encrypted { alg: Algorithm::ChaCha20, key });
    Answer { url, protection, expires_ts: 1, expires_in_ms: None, metadata: metadata() }.to_json().to_string()
}

fn marked(delivery: &str) -> Vec<(&'static str, String)> {
    vec![("org-matrix-msc4097-answer", delivery.to_owned())]
}

fn sealed() -> Vec<(&'static str, String)> {
    let sealed = Metadata::seal(&metadata().to_json(), &key()).unwrap();
    vec![("org-matrix-msc4097-metadata", sealed.to_str().unwrap().to_owned())]
}

fn to(location: &str) -> Vec<(&'static str, String)> {
    vec![("location", location.to_owned())]
}

fn download(opt_in: impl Into<Option<OptIn>>, range: Option<&str>) -> DownloadRequest {
    let MxcUri { server_name, media_id } = MxcUri::parse("mxc://a.example/AbC").unwrap();
    let object = Object { server_name, media_id, variant: Variant::Original };
    DownloadRequest { object, opt_in: opt_in.into(), range: range.map(|range| range.parse().unwrap()) }
}

fn by(delivery: Delivery) -> OptIn {
    OptIn { delivery, alg: Algorithm::ChaCha20, verbatim: false }
}

/// Plays a conversation. Gives the requests as `[token ]url[ range]`, and how it ended.
fn play(download: DownloadRequest, replies: &[Reply<'_>]) -> (Vec<String>, Result<Media, ClientError>) {
    let mut exchange = start(HomeserverUrl::parse(HOMESERVER).unwrap(), download);
    let mut requests = Vec::new();
    for (status, headers, body) in replies {
        let request = exchange.request();
        let token = if request.credential() == Credential::AccessToken { "token " } else { "" };
        let range = request.range().map_or(String::new(), |range| format!(" {}", range.to_str().unwrap()));
        requests.push(format!("{token}{}{range}", request.url()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let step = exchange.receive(StatusCode::from_u16(*status).unwrap(), &map);
        let next = match step {
            Ok(NextStep::Send(next)) => Ok(next),
            Ok(NextStep::Read(document)) => document.read(body.as_bytes()),
            Ok(NextStep::Save(media)) => return (requests, Ok(*media)),
            Err(error) => Err(error),
        };
        exchange = match next {
            Ok(next) => next,
            Err(error) => return (requests, Err(error)),
        };
    }
    panic!("the conversation is not over: {exchange:?}");
}

/// A conversation of an opted-in client after the media config.
fn play_opted_in(replies: &[Reply<'_>]) -> (Vec<String>, Result<Media, ClientError>) {
    let config: Reply<'_> = (200, vec![], CONFIG);
    let (requests, end) = play(download(by(Delivery::Redirect), None), &[&[config], replies].concat());
    (requests[1..].to_vec(), end)
}

fn failure(replies: &[Reply<'_>]) -> ClientError {
    play_opted_in(replies).1.unwrap_err()
}

#[test]
fn the_usual_way() {
    for (delivery, status) in [(Delivery::Redirect, 307), (Delivery::Json, 200)] {
        let answer = answer_json('a', Some(key()));
        let replies = [
            (200, vec![], CONFIG),
            (status, marked(delivery.as_str()), answer.as_str()),
            (200, sealed(), ""),
        ];
        let (requests, end) = play(download(by(delivery), None), &replies);
        let media = end.unwrap();
        assert_eq!(media.delivered_by, DeliveredBy::Encrypted(Algorithm::ChaCha20));
        assert_eq!(media.content_type, "image/png");
        assert_eq!(media.content_disposition.as_deref(), Some("inline; filename=\"x.png\""));
        assert_eq!(
            requests,
            [
                format!("token {HOMESERVER}/_matrix/client/v1/media/config"),
                format!("token {MEDIA}{}", OPT_IN.replace("redirect", delivery.as_str())),
                format!("{EDGE}/{}A", "a".repeat(42)),
            ]
        );
    }
}

#[test]
fn a_link_that_is_gone_gives_a_new_answer_once_and_then_plain_media() {
    for status in [404, 409] {
        let (first, second) = (answer_json('a', Some(key())), answer_json('b', Some(key())));
        let (requests, end) = play_opted_in(&[
            (307, marked("redirect"), &first),
            (status, vec![], ""),
            (307, marked("redirect"), &second),
            (status, vec![], ""),
            (200, vec![], ""),
        ]);
        assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
        assert_eq!(
            requests,
            [
                format!("token {MEDIA}{OPT_IN}"),
                format!("{EDGE}/{}A", "a".repeat(42)),
                format!("token {MEDIA}{OPT_IN}"),
                format!("{EDGE}/{}A", "b".repeat(42)),
                format!("token {MEDIA}"),
            ]
        );
    }
}

#[test]
fn other_errors_of_the_edge_are_not_retried() {
    let answer = answer_json('a', Some(key()));
    for (status, class) in [
        (500, Class::Unavailable),
        (503, Class::Unavailable),
        (429, Class::Unavailable),
        (403, Class::Violation),
    ] {
        let error = failure(&[(307, marked("redirect"), &answer), (status, vec![], "")]);
        assert_eq!((error.class(), error), (class, ClientError::Edge(StatusCode::from_u16(status).unwrap())));
    }
    // An edge does not redirect.
    let redirected = failure(&[(307, marked("redirect"), &answer), (307, to("https://x.example/"), "")]);
    assert_eq!(redirected.class(), Class::Violation);
}

#[test]
fn an_edge_that_cannot_get_the_object_is_left_aside() {
    for status in [502, 504] {
        let answer = answer_json('a', Some(key()));
        let (requests, end) =
            play_opted_in(&[(307, marked("redirect"), &answer), (status, vec![], ""), (200, vec![], "")]);
        assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
        assert_eq!(requests[1..], [format!("{EDGE}/{}A", "a".repeat(42)), format!("token {MEDIA}")]);
    }
}

#[test]
fn a_416_of_a_link_is_final() {
    let answer = answer_json('a', Some(key()));
    let replies = [(200, vec![], CONFIG), (307, marked("redirect"), answer.as_str()), (416, vec![], "")];
    let error = play(download(by(Delivery::Redirect), Some("100-")), &replies).1.unwrap_err();
    assert_eq!(error, BodyError::BeyondEnd { size_bytes: Some(100) }.into());
    // Without a range it is an error like others.
    let error = play(download(by(Delivery::Redirect), None), &replies).1.unwrap_err();
    assert_eq!(error, ClientError::Edge(StatusCode::RANGE_NOT_SATISFIABLE));
}

#[test]
fn only_the_header_makes_an_answer() {
    let looks_like_one = answer_json('a', Some(key()));
    let (requests, end) = play_opted_in(&[(200, vec![], &looks_like_one)]);
    assert_eq!((requests.len(), end.unwrap().delivered_by), (1, DeliveredBy::Plain));
}

#[test]
fn an_answer_that_was_not_asked_for_is_refused() {
    let answer = answer_json('a', Some(key()));
    for (download, replies) in [
        // Not opted in.
        (download(None, None), vec![(200, marked("json"), answer.as_str())]),
        // Another delivery, an unknown one, the right one under a wrong status.
        (download(by(Delivery::Redirect), None), vec![(200, vec![], CONFIG), (200, marked("json"), &answer)]),
        (
            download(by(Delivery::Redirect), None),
            vec![(200, vec![], CONFIG), (307, marked("session"), &answer)],
        ),
        (
            download(by(Delivery::Redirect), None),
            vec![(200, vec![], CONFIG), (200, marked("redirect"), &answer)],
        ),
    ] {
        assert_eq!(play(download, &replies).1.unwrap_err(), ClientError::UnaskedAnswer);
    }
}

#[test]
fn only_the_homeserver_gives_answers() {
    let looks_like_one = answer_json('a', Some(key()));
    let away = (307, to("https://s3.example/x"), "");
    let (_, end) = play_opted_in(&[away.clone(), (200, marked("json"), &looks_like_one)]);
    assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
    // There, a 307 is a redirect and nothing else.
    assert_eq!(failure(&[away, (307, marked("redirect"), &looks_like_one)]), ClientError::BadRedirect);
    // On the homeserver's own origin, a redirect is part of the path to its answer.
    let moved = (308, to("/moved"), "");
    let (requests, end) =
        play_opted_in(&[moved, (307, marked("redirect"), &looks_like_one), (200, sealed(), "")]);
    assert_eq!((requests.len(), end.unwrap().delivered_by), (3, DeliveredBy::Encrypted(Algorithm::ChaCha20)));
}

#[test]
fn an_answer_whose_header_comes_twice_is_refused() {
    let answer = answer_json('a', Some(key()));
    for headers in [
        [marked("redirect"), marked("redirect")].concat(),
        [marked("redirect"), marked("json")].concat(),
        marked("redirect, redirect"),
    ] {
        assert_eq!(failure(&[(307, headers, &answer)]), ClientError::UnaskedAnswer);
    }
}

#[test]
fn a_refused_answer_is_not_followed_and_plain_media_are_asked_for() {
    let good = answer_json('a', Some(key()));
    for json in [
        good.replace("chacha20", "rot13"),
        answer_json('a', None),
        good.replace("\"key\"", "\"other\""),
        "media".to_owned(),
    ] {
        let (requests, end) = play_opted_in(&[(307, marked("redirect"), &json), (200, vec![], "")]);
        assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
        assert_eq!(requests[1..], [format!("token {MEDIA}")]);
    }
}

#[test]
fn after_a_foreign_link_the_config_is_read_again_once() {
    let config: Reply<'_> = (200, vec![], CONFIG);
    let good = answer_json('a', Some(key()));
    let foreign = |host: &str| good.replace(EDGE, host);
    // The edge has moved, and the homeserver says so.
    let moved = CONFIG.replace(EDGE, "https://new.example");
    let (old, new) = (foreign("https://new.example"), foreign("https://new.example"));
    let (requests, end) = play_opted_in(&[
        (307, marked("redirect"), &old),
        (200, vec![], &moved),
        (307, marked("redirect"), &new),
        (200, sealed(), ""),
    ]);
    assert_eq!(end.unwrap().delivered_by, DeliveredBy::Encrypted(Algorithm::ChaCha20));
    assert_eq!(
        requests,
        [
            format!("token {MEDIA}{OPT_IN}"),
            format!("token {HOMESERVER}{CONFIG_PATH}"),
            format!("token {MEDIA}{OPT_IN}"),
            format!("https://new.example/{}A", "a".repeat(42)),
        ]
    );
    // It has not: once more is enough.
    for host in ["https://evil.example", HOMESERVER] {
        let wrong = foreign(host);
        let answer: Reply<'_> = (307, marked("redirect"), &wrong);
        let (requests, end) = play_opted_in(&[answer.clone(), config.clone(), answer, (200, vec![], "")]);
        assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
        assert_eq!((requests.len(), &requests[3]), (4, &format!("token {MEDIA}")));
    }
}

#[test]
fn verbatim_accepts_a_link_without_a_key() {
    let opt_in = OptIn { verbatim: true, ..by(Delivery::Json) };
    let answer = answer_json('a', None);
    let replies = |length: &str| {
        let length = vec![("content-length", length.to_owned())];
        [(200, vec![], CONFIG), (200, marked("json"), answer.as_str()), (200, length, "")]
    };
    let (requests, end) = play(download(opt_in, None), &replies("100"));
    assert!(requests[1].ends_with("&org.matrix.msc4097.verbatim=true"), "{requests:?}");
    assert_eq!(end.unwrap().delivered_by, DeliveredBy::Verbatim);
    let changed = play(download(opt_in, None), &replies("99")).1.unwrap_err();
    assert_eq!(changed, BodyError::OtherSize { expected_bytes: 100, got_bytes: 99 }.into());
}

#[test]
fn a_homeserver_that_does_not_offer_it_is_asked_plainly() {
    for config in
        [(200, vec![], r#"{"m.upload.size":1}"#), (403, vec![], ""), (404, vec![], ""), (200, vec![], "x")]
    {
        let (requests, end) = play(download(by(Delivery::Redirect), None), &[config, (200, vec![], "")]);
        assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
        assert_eq!(requests[1], format!("token {MEDIA}"));
    }
}

#[test]
fn plain_by_request_asks_nothing_else() {
    let (requests, end) = play(download(None, None), &[(200, vec![], "")]);
    assert_eq!(requests, [format!("token {MEDIA}")]);
    assert_eq!(end.unwrap().content_type, "application/octet-stream");
}

#[test]
fn the_origin_says_why_it_serves_plainly() {
    let said = || vec![("org-matrix-msc4097-plain", "too_small".to_owned())];
    let (_, end) = play_opted_in(&[(200, said(), "")]);
    assert_eq!(end.unwrap().plain_reason.as_deref(), Some("too_small"));
    // Not to a client that did not opt in, and not from elsewhere.
    let (_, end) = play(download(None, None), &[(200, said(), "")]);
    assert_eq!(end.unwrap().plain_reason, None);
    let (_, end) = play_opted_in(&[(307, to("https://s3.example/x"), ""), (200, said(), "")]);
    assert_eq!(end.unwrap().plain_reason, None);
}

#[test]
fn the_homeservers_errors_are_relayed() {
    let body = r#"{"errcode":"M_LIMIT_EXCEEDED","error":"Too many"}"#;
    let error = failure(&[(429, vec![("retry-after", "7".to_owned())], body)]);
    let ClientError::Homeserver(refusal) = &error else { panic!("{error:?}") };
    assert_eq!((refusal.errcode.as_str(), refusal.retry_after_secs), ("M_LIMIT_EXCEEDED", Some(7)));
    assert_eq!(error.to_string(), "the homeserver returned 429 M_LIMIT_EXCEEDED: Too many");
}

#[test]
fn the_token_stays_on_the_homeservers_origin() {
    let (requests, end) = play_opted_in(&[
        (307, to("/elsewhere"), ""),
        (308, to("https://s3.example/bucket?sig=1"), ""),
        (302, to("/other"), ""),
        (307, to("https://hs.example/back"), ""),
        (200, vec![], ""),
    ]);
    assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
    assert_eq!(
        requests[1..],
        [
            "token https://hs.example/elsewhere",
            "https://s3.example/bucket?sig=1",
            "https://s3.example/other",
            "https://hs.example/back",
        ]
    );
}

#[test]
fn redirects_that_are_not_followed() {
    for location in ["http://hs.example/", "http://s3.example/"] {
        assert_eq!(failure(&[(307, to(location), "")]), ClientError::InsecureRedirect, "{location}");
    }
    for location in ["", "x", "//s3.example/", "ftp://s3.example/", "https://me@s3.example/"] {
        assert_eq!(failure(&[(307, to(location), "")]), ClientError::BadRedirect, "{location}");
    }
    assert_eq!(failure(&[(307, vec![], "")]), ClientError::BadRedirect);
    let away = (307, to("https://s3.example/"), "");
    let hops = usize::from(crate::client::MAX_REDIRECTS);
    assert_eq!(failure(&vec![away.clone(); hops + 1]), ClientError::TooManyRedirects(10));
    let arrived = [vec![away.clone(); hops], vec![(200, vec![], "")]].concat();
    assert!(play_opted_in(&arrived).1.is_ok());
    // Errors of a foreign server are not the homeserver's, whatever they say.
    let error = failure(&[away, (403, vec![], r#"{"errcode":"M_UNKNOWN_TOKEN"}"#)]);
    let origin = WebOrigin::of("https://s3.example/").unwrap();
    assert_eq!(error, ClientError::Elsewhere { origin, status: StatusCode::FORBIDDEN });
}

#[test]
fn the_range_goes_to_whoever_may_have_the_media() {
    let answer = answer_json('a', Some(key()));
    let part = [sealed(), vec![("content-range", "bytes 10-19/100".to_owned())]].concat();
    let replies = [(200, vec![], CONFIG), (307, marked("redirect"), answer.as_str()), (206, part, "")];
    let (requests, end) = play(download(by(Delivery::Redirect), Some("10-19")), &replies);
    assert_eq!(end.unwrap().body.length(), Some(10));
    assert!(!requests[0].contains("bytes="));
    assert!(requests[1..].iter().all(|request| request.ends_with(" bytes=10-19")), "{requests:?}");

    let beyond = |size_bytes| ClientError::Body(BodyError::BeyondEnd { size_bytes });
    let unsatisfiable = vec![("content-range", "bytes */100".to_owned())];
    let download = || download(by(Delivery::Redirect), Some("100-"));
    let plain = [(200, vec![], CONFIG), (416, unsatisfiable, "")];
    assert_eq!(play(download(), &plain).1.unwrap_err(), beyond(Some(100)));
    let plain = [(200, vec![], CONFIG), (416, vec![], "")];
    assert_eq!(play(download(), &plain).1.unwrap_err(), beyond(None));
    let linked = [(200, vec![], CONFIG), (307, marked("redirect"), answer.as_str()), (416, vec![], "")];
    assert_eq!(play(download(), &linked).1.unwrap_err(), beyond(Some(100)));
}

#[test]
fn a_range_of_empty_media_is_asked_without_it() {
    let unsatisfiable = vec![("content-range", "bytes */0".to_owned())];
    let empty = vec![("content-length", "0".to_owned())];
    let replies = [(200, vec![], CONFIG), (416, unsatisfiable.clone(), ""), (200, empty, "")];
    let (requests, end) = play(download(by(Delivery::Redirect), Some("0-")), &replies);
    assert_eq!(end.unwrap().body.length(), Some(0));
    assert_eq!(requests[1..], [format!("token {MEDIA}{OPT_IN} bytes=0-"), format!("token {MEDIA}{OPT_IN}")]);
    // Once: a server that refuses the whole with 416 refuses it.
    let replies = [(200, vec![], CONFIG), (416, unsatisfiable.clone(), ""), (416, unsatisfiable, "")];
    let error = play(download(by(Delivery::Redirect), Some("0-")), &replies).1.unwrap_err();
    assert!(matches!(error, ClientError::Homeserver(_)), "{error:?}");

    let about = Metadata { size: 0, ..metadata() };
    let url = Zeroizing::new(format!("{EDGE}/{}", "A".repeat(43)));
    let protection = Protection::Encrypted { alg: Algorithm::ChaCha20, key: key() };
    let answer =
        Answer { url, protection, expires_ts: 1, expires_in_ms: None, metadata: about.clone() }.to_json();
    let sealed = Metadata::seal(&about.to_json(), &key()).unwrap().to_str().unwrap().to_owned();
    let sealed = vec![("org-matrix-msc4097-metadata", sealed)];
    let replies = [
        (200, vec![], CONFIG),
        (307, marked("redirect"), answer.as_str()),
        (416, vec![], ""),
        (200, sealed, ""),
    ];
    let (requests, end) = play(download(by(Delivery::Redirect), Some("-5")), &replies);
    assert_eq!(end.unwrap().body.length(), Some(0));
    assert_eq!(
        requests[2..],
        [format!("{EDGE}/{} bytes=-5", "A".repeat(43)), format!("{EDGE}/{}", "A".repeat(43))]
    );
}

#[test]
fn a_thumbnail_has_a_query_of_its_own() {
    let thumbnail = Thumbnail { width: 32, height: 24, method: Some(ThumbnailMethod::Crop), animated: None };
    let mut download = download(by(Delivery::Json), None);
    download.object.variant = Variant::Thumbnail(thumbnail);
    let (requests, _) = play(download, &[(200, vec![], CONFIG), (200, vec![], "")]);
    let expected = "/thumbnail/a.example/AbC?width=32&height=24&method=crop&org.matrix.msc4097.delivery=json";
    assert!(requests[1].contains(expected), "{requests:?}");
}

#[test]
fn reasons_are_sentences_and_debug_shows_no_link() {
    let answer = answer_json('a', Some(key()));
    let asked = start(HomeserverUrl::parse(HOMESERVER).unwrap(), download(by(Delivery::Redirect), None));
    assert_eq!(asked.reason().to_string(), "asking the homeserver for its edge");
    let NextStep::Read(config) = asked.receive(StatusCode::OK, &HeaderMap::new()).unwrap() else { panic!() };
    let asked = config.read(CONFIG.as_bytes()).unwrap();
    let headers = [(header::ANSWER, "redirect".parse().unwrap())].into_iter().collect();
    let NextStep::Read(document) = asked.receive(StatusCode::TEMPORARY_REDIRECT, &headers).unwrap() else {
        panic!()
    };
    let linked = document.read(answer.as_bytes()).unwrap();
    let shown = format!("{linked:?}");
    assert!(!shown.contains("aaaa") && !shown.contains(&*key().to_base64url()), "{shown}");
    let NextStep::Send(again) = linked.receive(StatusCode::NOT_FOUND, &HeaderMap::new()).unwrap() else {
        panic!()
    };
    assert_eq!(again.reason().to_string(), "asking for a new answer: the link returned 404");
    let shown = format!("{:?}", again.request());
    insta::assert_snapshot!(shown, @r#"Request { party: Homeserver, range: None, .. }"#);
}
