//! Tests of the origin over fakes: what it asks the homeserver, what it stores, and what a client gets.

use futures_executor::block_on;

use super::*;
use crate::dispatch::{Host, finish};
use crate::ports::fakes::{FakeBody, Fakes, Seen, StoreFault, config, header, read, response};
use crate::ports::{BackgroundTask, UpstreamResponse};
use crate::protocol::{Answer, Content, Grant, Route, header::ANSWER};

mod advertise;
mod homeservers;
mod links;
mod policy;
mod ranges;
mod session;

const PATH: &str = "/_matrix/client/v1/media/download/example.org/abc";
const REDIRECT: &str = "org.matrix.msc4097.delivery=redirect";
const JSON: &str = "org.matrix.msc4097.delivery=json";
const MEDIA: &[u8] = b"\x89PNG the bytes of a picture";

struct Ask<'a> {
    method: Method,
    path: &'a str,
    query: &'a str,
    headers: Vec<(&'static str, String)>,
    config: Vec<(&'a str, &'a str)>,
}

fn get(query: &str) -> Ask<'_> {
    Ask {
        method: Method::GET,
        path: PATH,
        query,
        headers: vec![("authorization", "Bearer user".to_owned())],
        config: Vec::new(),
    }
}

impl Ask<'_> {
    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn of(self, fakes: &Fakes) -> Reply<FakeBody> {
        let headers =
            self.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let client = ClientRequest {
            method: self.method,
            query: Query::parse(self.query),
            headers: headers.collect(),
            client_ip: Some("192.0.2.7".to_owned()),
        };
        let Route::Media(path) = Route::of(self.path) else { panic!("{} is no media", self.path) };
        let reply = block_on(media(fakes, &config(&self.config), &client, path));
        finish(reply, Host::Homeserver, &client.method)
    }
}

/// Returns fakes whose cache has the object.
fn warm() -> Fakes {
    let fakes = Fakes::with_object(MEDIA);
    get("").of(&fakes);
    fakes.run_background_tasks();
    fakes.methods();
    fakes
}

#[test]
fn without_a_token_the_homeserver_is_not_asked_whatever_else_is_wrong() {
    let fakes = Fakes::with_object(MEDIA);
    for (path, query) in
        [(PATH, ""), ("/_matrix/client/v1/media/thumbnail/a@b/c", "width=x"), (PATH, "access_token=")]
    {
        let reply = Ask { path, headers: Vec::new(), ..get(query) }.of(&fakes);
        assert_eq!(reply.status, 401);
        assert!(String::from_utf8(read(reply).unwrap()).unwrap().contains("M_MISSING_TOKEN"));
    }
    let malformed = Ask { path: "/_matrix/client/v1/media/download/a@b/c", ..get("") }.of(&fakes);
    assert_eq!(malformed.status, 400);
    assert_eq!(fakes.methods(), "");
}

#[test]
fn a_token_in_the_query_goes_to_the_homeserver_and_nowhere_else() {
    let fakes = Fakes::with_object(MEDIA);
    let query = format!("access_token=user&user_id=%40a%3Ab&{REDIRECT}&x=y");
    Ask { headers: Vec::new(), ..get(&query) }.of(&fakes);
    let seen = fakes.seen.borrow()[0].clone();
    assert_eq!(seen.path, format!("{PATH}?user_id=%40a%3Ab&access_token=user"));
    let (_, record) = fakes.only_grant().unwrap();
    assert!(!record.contains("user"), "{record}");
}

#[test]
fn cold_plain_is_one_get_with_the_clients_token() {
    let fakes = Fakes::with_object(MEDIA);
    let reply = get("").of(&fakes);
    let expected = Seen {
        method: "GET".to_owned(),
        path: PATH.to_owned(),
        token: Some("user".to_owned()),
        condition: None,
        range: None,
        client_ip: Some("192.0.2.7".to_owned()),
    };
    assert_eq!(*fakes.seen.borrow(), [expected]);
    assert_eq!(
        (reply.status.as_u16(), header(&reply, "cache-control")),
        (200, Some("private, max-age=86400, immutable, no-transform"))
    );
    assert_eq!(header(&reply, "content-length"), Some("27"));
    assert!(reply.headers.get(ANSWER).is_none());
    assert_eq!(read(reply).unwrap(), MEDIA);
    assert!(fakes.records.borrow().is_empty());
}

#[test]
fn warm_plain_is_one_conditional_head_with_the_etag_verbatim() {
    let fakes = warm();
    let reply = get("").of(&fakes);
    assert_eq!(read(reply).unwrap(), MEDIA);
    assert_eq!(fakes.methods(), "HEAD?1");
}

#[test]
fn a_refusal_of_the_homeserver_holds_for_cached_objects_too() {
    for status in [401, 403, 404, 429] {
        let filled = warm();
        let fakes = Fakes::new(move |seen| {
            let headers =
                [("retry-after", "7"), ("org-matrix-msc4097-answer", "json"), ("set-cookie", "a=b")];
            let body = br#"{"errcode":"M_X","soft_logout":true}"#;
            response(status, &headers, if seen.method == "HEAD" { b"" } else { body })
        });
        fakes.info.replace(filled.info.take());
        fakes.objects.replace(filled.objects.take());
        for query in ["", JSON] {
            let reply = get(query).of(&fakes);
            assert_eq!((reply.status.as_u16(), header(&reply, "retry-after")), (status, Some("7")));
            assert!(
                header(&reply, "org-matrix-msc4097-answer").is_none()
                    && header(&reply, "set-cookie").is_none()
            );
            assert_eq!(read(reply).unwrap(), br#"{"errcode":"M_X","soft_logout":true}"#);
            assert_eq!(fakes.methods(), "HEAD?1 GET");
        }
        assert!(fakes.records.borrow().is_empty());
    }
}

#[test]
fn a_304_means_allowed_only_after_a_conditional_request() {
    let fakes = Fakes::new(|_| response(304, &[], b""));
    let reply = get(JSON).of(&fakes);
    assert_eq!(reply.status, 502);
    assert!(fakes.records.borrow().is_empty());
    assert_eq!(fakes.methods(), "HEAD GET");
}

#[test]
fn media_not_uploaded_yet_is_not_waited_for_twice() {
    let fakes = Fakes::new(|_| response(504, &[], b"M_NOT_YET_UPLOADED"));
    let reply = get(&format!("timeout_ms=9&{JSON}")).of(&fakes);
    assert_eq!(reply.status, 504);
    let paths: Vec<String> = fakes.seen.take().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, [format!("{PATH}?timeout_ms=9"), format!("{PATH}?timeout_ms=0")]);
}

#[test]
fn a_homeserver_without_head_is_asked_with_get_and_its_body_is_not_read() {
    let cancelled = std::rc::Rc::new(std::cell::Cell::new(false));
    let flag = std::rc::Rc::clone(&cancelled);
    let fakes = Fakes::new(move |seen| {
        if seen.method == "HEAD" {
            return response(405, &[], b"");
        }
        let mut response = response(200, &[("content-length", "27")], MEDIA)?;
        response.body.cancelled = std::rc::Rc::clone(&flag);
        Ok(response)
    });
    let reply = get(JSON).of(&fakes);
    assert_eq!(header(&reply, "org-matrix-msc4097-answer"), Some("json"));
    assert!(cancelled.get());
}

#[test]
fn only_a_200_is_media() {
    for status in [201, 203, 204, 206, 207, 299] {
        let head_is_odd = Fakes::new(move |seen| {
            response(if seen.method == "HEAD" { status } else { 200 }, &[("content-length", "27")], MEDIA)
        });
        let reply = get(JSON).of(&head_is_odd);
        assert_eq!(header(&reply, "org-matrix-msc4097-answer"), Some("json"), "{status}");
        assert_eq!(head_is_odd.methods(), "HEAD GET");

        let fakes = Fakes::new(move |_| response(status, &[("content-length", "27")], MEDIA));
        assert_eq!(get(JSON).of(&fakes).status, 502, "{status}");
        assert!(fakes.records.borrow().is_empty() && fakes.background_tasks.borrow().is_empty());
    }
}

#[test]
fn the_homeservers_own_redirects_are_relayed() {
    for query in ["", JSON] {
        let fakes = Fakes::new(|_| response(307, &[("location", "https://s3.example/signed")], b""));
        let reply = get(query).of(&fakes);
        assert_eq!(
            (reply.status.as_u16(), header(&reply, "location")),
            (307, Some("https://s3.example/signed"))
        );
        assert!(header(&reply, "org-matrix-msc4097-answer").is_none());
    }
}

#[test]
fn a_broken_small_body_is_an_error_and_is_not_cached() {
    let fakes = Fakes::new(|_| response(200, &[("content-length", "28")], MEDIA));
    let reply = get("").of(&fakes);
    assert_eq!(reply.status, 502);
    assert!(fakes.background_tasks.borrow().is_empty());
    assert_eq!(*fakes.events.borrow(), [Event::BodyBroken]);
}

#[test]
fn a_large_object_is_streamed_and_a_separate_request_fills_the_cache() {
    let large = vec![7; 1024 * 1024 + 1];
    let fakes = Fakes::with_object(&large);
    let reply = get("").of(&fakes);
    assert!(matches!(fakes.background_tasks.borrow()[..], [BackgroundTask::Fill(..)]));
    assert_eq!(read(reply).unwrap(), large);
    fakes.run_background_tasks();
    assert_eq!(fakes.methods(), "GET GET");
    assert_eq!(fakes.objects.borrow().len(), 1);

    let uncached = Fakes::with_object(&large);
    Ask { config: vec![("CACHE_MAX_BYTES", "1000")], ..get("") }.of(&uncached);
    assert!(uncached.background_tasks.borrow().is_empty());
}

#[test]
fn a_stale_cached_object_is_fetched_again() {
    let filled = warm();
    let fakes = Fakes::new(|seen| {
        response(200, &[("content-length", "3")], if seen.method == "HEAD" { b"" } else { b"new" })
    });
    fakes.info.replace(filled.info.take());
    fakes.objects.replace(filled.objects.take());
    assert_eq!(read(get("").of(&fakes)).unwrap(), b"new");
}

#[test]
fn an_unreachable_homeserver_is_named_in_the_error() {
    for (error, status) in [
        (UpstreamError::Unreachable, 502),
        (UpstreamError::TimedOut, 504),
        (UpstreamError::OddStatus(999), 502),
    ] {
        for query in ["", JSON] {
            let fakes = Fakes::new(move |_| Err(error));
            let reply = get(query).of(&fakes);
            assert_eq!(reply.status.as_u16(), status);
            let body = String::from_utf8(read(reply).unwrap()).unwrap();
            assert!(body.contains("M_UNKNOWN") && body.contains("homeserver"), "{body}");
        }
    }
}

#[test]
fn the_clients_file_name_is_used_and_unsafe_types_are_attachments() {
    let fakes = Fakes::new(|_| {
        response(
            200,
            &[
                ("content-length", "27"),
                ("content-type", "text/html"),
                ("content-disposition", "inline; filename=a"),
            ],
            MEDIA,
        )
    });
    let path = "/_matrix/client/v1/media/download/example.org/abc/x%20y.html";
    let reply = Ask { path, ..get("") }.of(&fakes);
    assert_eq!(header(&reply, "content-disposition"), Some("attachment; filename=\"x y.html\""));
    assert_eq!(header(&reply, "x-content-type-options"), Some("nosniff"));
    assert_eq!(fakes.seen.borrow()[0].path, PATH);
}
