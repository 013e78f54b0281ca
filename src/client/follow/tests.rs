//! Conversations: the requests of the client, the responses to them, and the outcome.

use super::*;
use crate::cipher::Key;
use crate::client::{Class, Credential};
use crate::protocol::{Delivery, Metadata, MxcUri, Protection, Thumbnail, ThumbnailMethod, Variant, header};

pub(super) const HOMESERVER: &str = "https://hs.example";
pub(super) const EDGE: &str = "https://m.example";
const CONFIG: &str = r#"{"m.upload.size":1,"org.matrix.msc4097":{"edge":"https://m.example"}}"#;
pub(super) const MEDIA: &str = "https://hs.example/_matrix/client/v1/media/download/a.example/AbC";
const OPT_IN: &str = "?org.matrix.msc4097.delivery=redirect&org.matrix.msc4097.alg=chacha20";

/// A response: status, headers, body.
pub(super) type Reply<'a> = (u16, Vec<(&'static str, String)>, &'a str);

fn key() -> Key {
    Key::chacha20([5; 32])
}

pub(super) fn metadata() -> Metadata {
    Metadata {
        size: 100,
        content_type: "image/png".to_owned(),
        content_disposition: Some("inline; filename=\"x.png\"".to_owned()),
    }
}

/// Returns the JSON of an answer. Another `n` makes another link.
fn answer_json(n: char, key: Option<Key>) -> String {
    let url = Zeroizing::new(format!("{EDGE}/{}", n.to_string().repeat(42) + "A"));
    let protection = key.map_or(Protection::None, Protection::Encrypted);
    Answer { url, protection, expires_ts: 1, expires_in_ms: None, metadata: metadata() }.to_json().to_string()
}

fn marked(delivery: &str) -> Vec<(&'static str, String)> {
    vec![("org-matrix-msc4097-answer", delivery.to_owned())]
}

/// The headers of a link with a key.
fn sealed() -> Vec<(&'static str, String)> {
    sealed_about(&metadata())
}

fn sealed_about(metadata: &Metadata) -> Vec<(&'static str, String)> {
    let sealed = Metadata::seal(&metadata.to_json(), &key()).unwrap().to_str().unwrap().to_owned();
    vec![("org-matrix-msc4097-link", "encrypted".to_owned()), ("org-matrix-msc4097-metadata", sealed)]
}

pub(super) fn to(location: &str) -> Vec<(&'static str, String)> {
    vec![("location", location.to_owned())]
}

fn download(opt_in: impl Into<Option<OptIn>>, range: Option<&str>) -> DownloadRequest {
    download_as(opt_in.into().map(ClientOptIn::from), range)
}

pub(super) fn download_as(opt_in: Option<ClientOptIn>, range: Option<&str>) -> DownloadRequest {
    let MxcUri { server_name, media_id } = MxcUri::parse("mxc://a.example/AbC").unwrap();
    let object = Object { server_name, media_id, variant: Variant::Original };
    let range = range.map(|range| range.parse().unwrap());
    DownloadRequest { object, opt_in, range, size_bytes: None }
}

fn by(delivery: Delivery) -> OptIn {
    OptIn { delivery, alg: Algorithm::ChaCha20, verbatim: false }
}

/// Runs a conversation. Returns the requests as `[token ]url[ range]`, and the outcome.
pub(super) fn play(
    download: DownloadRequest,
    replies: &[Reply<'_>],
) -> (Vec<String>, Result<Media, ClientError>) {
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

/// Runs a conversation of a client that opted in. The replies begin after the media config.
fn play_opted_in(replies: &[Reply<'_>]) -> (Vec<String>, Result<Media, ClientError>) {
    let config: Reply<'_> = (200, vec![], CONFIG);
    let (requests, end) = play(download(by(Delivery::Redirect), None), &[&[config], replies].concat());
    (requests[1..].to_vec(), end)
}

fn failure(replies: &[Reply<'_>]) -> ClientError {
    play_opted_in(replies).1.unwrap_err()
}

#[test]
fn an_encrypted_download() {
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
fn after_404_or_409_the_client_asks_for_one_new_answer_then_for_plain_media() {
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
    // The client does not follow redirects of an edge.
    let redirected = failure(&[(307, marked("redirect"), &answer), (307, to("https://x.example/"), "")]);
    assert_eq!(redirected.class(), Class::Violation);
}

#[test]
fn after_502_or_504_the_client_asks_for_plain_media() {
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
    // Without a range, 416 is an error like any other.
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
fn an_unexpected_answer_is_refused() {
    let answer = answer_json('a', Some(key()));
    for (download, replies) in [
        // Not opted in.
        (download(None, None), vec![(200, marked("json"), answer.as_str())]),
        // Another delivery, an unknown one, and the right one under a wrong status.
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
fn only_the_homeserver_sends_answers() {
    let looks_like_one = answer_json('a', Some(key()));
    let away = (307, to("https://s3.example/x"), "");
    let (_, end) = play_opted_in(&[away.clone(), (200, marked("json"), &looks_like_one)]);
    assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
    // On another web origin, a 307 is always a plain redirect.
    assert_eq!(failure(&[away, (307, marked("redirect"), &looks_like_one)]), ClientError::BadRedirect);
    // On the homeserver's web origin, an answer may follow a redirect.
    let moved = (308, to("/moved"), "");
    let (requests, end) =
        play_opted_in(&[moved, (307, marked("redirect"), &looks_like_one), (200, sealed(), "")]);
    assert_eq!((requests.len(), end.unwrap().delivered_by), (3, DeliveredBy::Encrypted(Algorithm::ChaCha20)));
}

#[test]
fn a_repeated_answer_header_is_refused() {
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
fn after_a_refused_answer_the_client_asks_for_plain_media() {
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
    // The edge has moved, and the config names the new one.
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
    // The config still names the old edge. The client does not read it a third time.
    for host in ["https://evil.example", HOMESERVER] {
        let wrong = foreign(host);
        let answer: Reply<'_> = (307, marked("redirect"), &wrong);
        let (requests, end) = play_opted_in(&[answer.clone(), config.clone(), answer, (200, vec![], "")]);
        assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
        assert_eq!((requests.len(), &requests[3]), (4, &format!("token {MEDIA}")));
    }
}

#[test]
fn a_download_gets_two_answers_at_most() {
    let (gone, foreign) =
        (answer_json('a', Some(key())), answer_json('b', Some(key())).replace(EDGE, "https://new.example"));
    let (requests, end) = play_opted_in(&[
        (307, marked("redirect"), &gone),
        (404, vec![], ""),
        (307, marked("redirect"), &foreign),
        (200, vec![], ""),
    ]);
    assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
    assert_eq!(requests[3], format!("token {MEDIA}"));
}

#[test]
fn objects_that_get_no_link_are_asked_for_plainly() {
    let config = CONFIG.replace("}}", r#","min_size":100,"max_size":200}}"#);
    for (size_bytes, reason) in [
        (Some(99), Some("asking for plain media: the homeserver gives no links to objects below 100 bytes")),
        (Some(201), Some("asking for plain media: the homeserver gives no links to objects above 200 bytes")),
        (Some(100), None),
        (Some(200), None),
        (None, None),
    ] {
        let download = DownloadRequest { size_bytes, ..download(by(Delivery::Json), None) };
        let asked = start(HomeserverUrl::parse(HOMESERVER).unwrap(), download);
        let NextStep::Read(document) = asked.receive(StatusCode::OK, &HeaderMap::new()).unwrap() else {
            panic!()
        };
        let asked = document.read(config.as_bytes()).unwrap();
        assert_eq!(asked.request().url().contains("delivery=json"), reason.is_none(), "{size_bytes:?}");
        let reason = reason.unwrap_or("asking for encrypted delivery");
        assert_eq!(asked.reason().to_string(), reason);
    }
}

#[test]
fn verbatim_accepts_a_link_without_a_key() {
    let opt_in = OptIn { verbatim: true, ..by(Delivery::Json) };
    let answer = answer_json('a', None);
    let replies = |length: &str| {
        let length =
            vec![("org-matrix-msc4097-link", "verbatim".to_owned()), ("content-length", length.to_owned())];
        [(200, vec![], CONFIG), (200, marked("json"), answer.as_str()), (200, length, "")]
    };
    let (requests, end) = play(download(opt_in, None), &replies("100"));
    assert!(requests[1].ends_with("&org.matrix.msc4097.verbatim=true"), "{requests:?}");
    assert_eq!(end.unwrap().delivered_by, DeliveredBy::Verbatim);
    let changed = play(download(opt_in, None), &replies("99")).1.unwrap_err();
    assert_eq!(changed, BodyError::OtherSize { expected_bytes: 100, got_bytes: 99 }.into());
}

#[test]
fn without_an_offer_the_client_asks_for_plain_media() {
    for config in
        [(200, vec![], r#"{"m.upload.size":1}"#), (403, vec![], ""), (404, vec![], ""), (200, vec![], "x")]
    {
        let (requests, end) = play(download(by(Delivery::Redirect), None), &[config, (200, vec![], "")]);
        assert_eq!(end.unwrap().delivered_by, DeliveredBy::Plain);
        assert_eq!(requests[1], format!("token {MEDIA}"));
    }
}

#[test]
fn without_an_opt_in_the_client_asks_for_plain_media_only() {
    let (requests, end) = play(download(None, None), &[(200, vec![], "")]);
    assert_eq!(requests, [format!("token {MEDIA}")]);
    assert_eq!(end.unwrap().content_type, "application/octet-stream");
}

#[test]
fn the_origin_says_why_it_serves_plainly() {
    let said = || vec![("org-matrix-msc4097-plain", "too_small".to_owned())];
    let (_, end) = play_opted_in(&[(200, said(), "")]);
    assert_eq!(end.unwrap().plain_reason.as_deref(), Some("too_small"));
    // The header does not count if the client did not opt in, nor from another web origin.
    let (_, end) = play(download(None, None), &[(200, said(), "")]);
    assert_eq!(end.unwrap().plain_reason, None);
    let (_, end) = play_opted_in(&[(307, to("https://s3.example/x"), ""), (200, said(), "")]);
    assert_eq!(end.unwrap().plain_reason, None);
}

#[test]
fn the_homeservers_errors_are_returned() {
    let body = r#"{"errcode":"M_LIMIT_EXCEEDED","error":"Too many"}"#;
    let error = failure(&[(429, vec![("retry-after", "7".to_owned())], body)]);
    let ClientError::Homeserver(refusal) = &error else { panic!("{error:?}") };
    assert_eq!((refusal.errcode.as_str(), refusal.retry_after_secs), ("M_LIMIT_EXCEEDED", Some(7)));
    assert_eq!(error.to_string(), "the homeserver returned 429 M_LIMIT_EXCEEDED: Too many");
}

#[test]
fn the_token_stays_on_the_homeservers_web_origin() {
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
fn refused_redirects() {
    for location in ["http://hs.example/", "http://s3.example/"] {
        assert_eq!(failure(&[(307, to(location), "")]), ClientError::InsecureRedirect, "{location}");
    }
    for location in ["ftp://s3.example/", "https://me@s3.example/", "https://", "//"] {
        assert_eq!(failure(&[(307, to(location), "")]), ClientError::BadRedirect, "{location}");
    }
    assert_eq!(failure(&[(307, vec![], "")]), ClientError::BadRedirect);
    let away = (307, to("https://s3.example/"), "");
    let hops = usize::from(crate::client::MAX_REDIRECTS);
    assert_eq!(failure(&vec![away.clone(); hops + 1]), ClientError::TooManyRedirects(10));
    let arrived = [vec![away.clone(); hops], vec![(200, vec![], "")]].concat();
    assert!(play_opted_in(&arrived).1.is_ok());
    // An error of a foreign server never counts as the homeserver's.
    let error = failure(&[away, (403, vec![], r#"{"errcode":"M_UNKNOWN_TOKEN"}"#)]);
    let origin = WebOrigin::of("https://s3.example/").unwrap();
    assert_eq!(error, ClientError::Elsewhere { origin, status: StatusCode::FORBIDDEN });
}

#[test]
fn requests_for_media_and_links_carry_the_range() {
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
fn after_a_416_for_empty_media_the_client_asks_without_range() {
    let unsatisfiable = vec![("content-range", "bytes */0".to_owned())];
    let empty = vec![("content-length", "0".to_owned())];
    let replies = [(200, vec![], CONFIG), (416, unsatisfiable.clone(), ""), (200, empty, "")];
    let (requests, end) = play(download(by(Delivery::Redirect), Some("0-")), &replies);
    assert_eq!(end.unwrap().body.length(), Some(0));
    assert_eq!(requests[1..], [format!("token {MEDIA}{OPT_IN} bytes=0-"), format!("token {MEDIA}{OPT_IN}")]);
    // Only once: a 416 without a range is the homeserver's error.
    let replies = [(200, vec![], CONFIG), (416, unsatisfiable.clone(), ""), (416, unsatisfiable, "")];
    let error = play(download(by(Delivery::Redirect), Some("0-")), &replies).1.unwrap_err();
    assert!(matches!(error, ClientError::Homeserver(_)), "{error:?}");

    let about = Metadata { size: 0, ..metadata() };
    let url = Zeroizing::new(format!("{EDGE}/{}", "A".repeat(43)));
    let protection = Protection::Encrypted(key());
    let answer =
        Answer { url, protection, expires_ts: 1, expires_in_ms: None, metadata: about.clone() }.to_json();
    let replies = [
        (200, vec![], CONFIG),
        (307, marked("redirect"), answer.as_str()),
        (416, vec![], ""),
        (200, sealed_about(&about), ""),
    ];
    let (requests, end) = play(download(by(Delivery::Redirect), Some("-5")), &replies);
    assert_eq!(end.unwrap().body.length(), Some(0));
    assert_eq!(
        requests[2..],
        [format!("{EDGE}/{} bytes=-5", "A".repeat(43)), format!("{EDGE}/{}", "A".repeat(43))]
    );
}

#[test]
fn the_opt_in_follows_the_parameters_of_a_thumbnail() {
    let thumbnail = Thumbnail { width: 32, height: 24, method: Some(ThumbnailMethod::Crop), animated: None };
    let mut download = download(by(Delivery::Json), None);
    download.object.variant = Variant::Thumbnail(thumbnail);
    let (requests, _) = play(download, &[(200, vec![], CONFIG), (200, vec![], "")]);
    let expected = "/thumbnail/a.example/AbC?width=32&height=24&method=crop&org.matrix.msc4097.delivery=json";
    assert!(requests[1].contains(expected), "{requests:?}");
}

#[test]
fn reasons_are_readable_and_debug_shows_no_link() {
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
