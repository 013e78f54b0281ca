//! Tests of the edge over fakes: what a link gives, and what it does not reveal.

use futures_executor::block_on;
use http::StatusCode;

use super::*;
use crate::cipher::{Key, Keystream, WindowError};
use crate::dispatch::{Host, finish};
use crate::ports::fakes::{FakeBody, Fakes, StoreFault, config, header, read, response};
use crate::ports::{Event, UpstreamError};
use crate::protocol::{
    Change, Content, MediaId, Metadata, Object, ObjectInfo, Pins, RedirectToken, ServerName, Variant,
};

const MEDIA: &[u8] = b"\x89PNG the bytes of a picture";
const KEY: [u8; 32] = [5; 32];

fn object() -> Object {
    Object {
        server_name: ServerName::parse("example.org").unwrap(),
        media_id: MediaId::parse("abc").unwrap(),
        variant: Variant::Original,
    }
}

fn grant(content: Content, size: u64, etag: Option<&str>) -> Grant {
    let metadata = Metadata {
        size,
        content_type: "image/png".to_owned(),
        content_disposition: Some("inline; filename=\"x.png\"".to_owned()),
    };
    Grant {
        content,
        object: object(),
        pins: Pins { size, etag: etag.map(str::to_owned) },
        metadata: metadata.to_json(),
        etag: "\"random\"".to_owned(),
        expires_ts: 2_000_000,
    }
}

fn encrypted() -> Content {
    Content::Encrypted(Key::chacha20(KEY))
}

fn store(fakes: &Fakes, grant: &Grant) -> String {
    let token = RedirectToken::from_bytes([9; 32]);
    fakes
        .records
        .borrow_mut()
        .insert(token.record_name().unwrap().to_string(), (grant.to_json().to_string(), 60));
    format!("/{}", token.as_str())
}

fn ask(fakes: &Fakes, method: &Method, path: &str, headers: &[(&'static str, &str)]) -> Reply<FakeBody> {
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let (config, account) = (config(&[]), AccessToken::new("service").unwrap());
    let request = LinkRequest { method: method.clone(), path, headers };
    finish(block_on(link(fakes, &config, &account, &request)), Host::Edge, method)
}

fn get(fakes: &Fakes, path: &str, headers: &[(&'static str, &str)]) -> Reply<FakeBody> {
    ask(fakes, &Method::GET, path, headers)
}

fn ciphertext() -> Vec<u8> {
    let mut bytes = MEDIA.to_vec();
    Keystream::body(&Key::chacha20(KEY)).apply(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_link_gives_ciphertext_and_no_name_or_type() {
    let fakes = Fakes::with_object(MEDIA);
    let path = store(&fakes, &grant(encrypted(), 27, Some("1")));
    let reply = get(&fakes, &path, &[("authorization", "Bearer user")]);
    assert_eq!(reply.status, 200);
    assert_eq!(header(&reply, "content-type"), Some("application/octet-stream"));
    assert_eq!(header(&reply, "etag"), Some("\"random\""));
    assert_eq!(header(&reply, "cache-control"), Some("no-store, no-transform"));
    assert!(header(&reply, "content-disposition").is_none() && header(&reply, "last-modified").is_none());
    let sealed = header(&reply, "org-matrix-msc4097-metadata").unwrap();
    assert_eq!(Metadata::unseal(sealed, &Key::chacha20(KEY)).unwrap().content_type, "image/png");
    assert_eq!(read(reply).unwrap(), ciphertext());
    let seen = fakes.seen.borrow();
    assert_eq!(seen[0].token.as_deref(), Some("service"));
    assert_eq!(seen[0].path, "/_matrix/client/v1/media/download/example.org/abc");
}

#[test]
fn a_second_download_comes_from_the_cache() {
    let fakes = Fakes::with_object(MEDIA);
    let path = store(&fakes, &grant(encrypted(), 27, Some("1")));
    get(&fakes, &path, &[]);
    fakes.run_background_tasks();
    fakes.methods();
    assert_eq!(read(get(&fakes, &path, &[])).unwrap(), ciphertext());
    assert_eq!(read(get(&fakes, &path, &[("range", "bytes=3-9")])).unwrap(), &ciphertext()[3..10]);
    assert_eq!(fakes.methods(), "");
}

#[test]
fn a_range_is_a_slice_of_the_whole_cut_by_the_homeserver_or_the_edge() {
    let ignores = Fakes::with_object(MEDIA);
    let honours = Fakes::new(|seen| match seen.range.as_deref() {
        Some("bytes=3-9") => {
            let headers = [("content-range", "bytes 3-9/27"), ("content-length", "7"), ("etag", "1")];
            response(206, &headers, &MEDIA[3..10])
        }
        other => panic!("{other:?}"),
    });
    for fakes in [ignores, honours] {
        let path = store(&fakes, &grant(encrypted(), 27, Some("1")));
        let reply = get(&fakes, &path, &[("range", "bytes=3-9")]);
        assert_eq!((reply.status.as_u16(), header(&reply, "content-range")), (206, Some("bytes 3-9/27")));
        assert_eq!(header(&reply, "content-length"), Some("7"));
        assert_eq!(read(reply).unwrap(), &ciphertext()[3..10]);
    }
}

#[test]
fn a_part_that_does_not_fit_is_followed_by_a_request_for_the_whole() {
    for (content_range, bytes) in [
        ("bytes 4-10/27", &MEDIA[4..11]),
        ("bytes 3-5/27", &MEDIA[3..6]),
        ("bytes 0-0/*", &MEDIA[..1]),
        ("nonsense", &MEDIA[..1]),
    ] {
        let fakes = Fakes::new(move |seen| match seen.range {
            Some(_) => {
                let length = bytes.len().to_string();
                response(206, &[("content-range", content_range), ("content-length", &length)], bytes)
            }
            None => response(200, &[("content-length", "27")], MEDIA),
        });
        let path = store(&fakes, &grant(encrypted(), 27, None));
        let reply = get(&fakes, &path, &[("range", "bytes=3-9")]);
        assert_eq!((reply.status.as_u16(), header(&reply, "content-range")), (206, Some("bytes 3-9/27")));
        assert_eq!(read(reply).unwrap(), &ciphertext()[3..10], "{content_range}");
        assert_eq!(fakes.methods(), "GET GET");
    }
}

#[test]
fn a_part_that_is_larger_than_requested_is_cut() {
    let fakes = Fakes::new(|_| {
        response(206, &[("content-range", "bytes 1-20/27"), ("content-length", "20")], &MEDIA[1..21])
    });
    let path = store(&fakes, &grant(encrypted(), 27, None));
    let reply = get(&fakes, &path, &[("range", "bytes=3-9")]);
    assert_eq!((reply.status.as_u16(), header(&reply, "content-range")), (206, Some("bytes 3-9/27")));
    assert_eq!(read(reply).unwrap(), &ciphertext()[3..10]);
    assert_eq!(fakes.methods(), "GET");
}

#[test]
fn a_homeserver_that_sends_only_parts_is_asked_twice_and_is_a_502() {
    let fakes = Fakes::new(|_| {
        response(206, &[("content-range", "bytes 4-10/27"), ("content-length", "7")], &MEDIA[4..11])
    });
    let path = store(&fakes, &grant(encrypted(), 27, None));
    for headers in [&[("range", "bytes=3-9")][..], &[]] {
        assert_eq!(get(&fakes, &path, headers).status, 502);
        assert_eq!(fakes.methods(), "GET GET");
    }
}

#[test]
fn a_range_gets_206_200_or_416() {
    let fakes = Fakes::with_object(MEDIA);
    let path = store(&fakes, &grant(encrypted(), 27, Some("1")));
    let status = |headers: &[(&'static str, &str)]| get(&fakes, &path, headers).status.as_u16();
    assert_eq!(status(&[("range", "bytes=0-1"), ("if-range", "\"random\"")]), 206);
    assert_eq!(status(&[("range", "bytes=0-1"), ("if-range", "\"other\"")]), 200);
    assert_eq!(status(&[("range", "bytes=0-1"), ("if-range", "W/\"random\"")]), 200);
    assert_eq!(status(&[("range", "bytes=0-1"), ("if-range", "Sun, 22 Nov 2026 10:00:00 GMT")]), 200);
    assert_eq!(status(&[("range", "bytes=0-1,3-4")]), 200);
    let beyond = get(&fakes, &path, &[("range", "bytes=27-")]);
    assert_eq!((beyond.status.as_u16(), header(&beyond, "content-range")), (416, Some("bytes */27")));
    assert_eq!(header(&beyond, "org-matrix-msc4097-link"), None);
}

#[test]
fn head_is_answered_from_the_grant() {
    let fakes = Fakes::with_object(MEDIA);
    let path = store(&fakes, &grant(encrypted(), 27, Some("1")));
    let whole = ask(&fakes, &Method::HEAD, &path, &[]);
    assert_eq!((whole.status.as_u16(), header(&whole, "content-length")), (200, Some("27")));
    let part = ask(&fakes, &Method::HEAD, &path, &[("range", "bytes=0-1")]);
    assert_eq!((part.status.as_u16(), header(&part, "content-length")), (206, Some("2")));
    assert!(
        [&whole, &part].iter().all(|reply| header(reply, "org-matrix-msc4097-link") == Some("encrypted"))
    );
    assert_eq!(read(whole).unwrap(), b"");
    let unknown = ask(&fakes, &Method::HEAD, "/x", &[]);
    assert_eq!(header(&unknown, "org-matrix-msc4097-link"), None);
    assert_eq!((unknown.status.as_u16(), read(unknown).unwrap()), (404, Vec::new()));
    assert_eq!(fakes.methods(), "");
}

#[test]
fn unknown_malformed_expired_and_foreign_tokens_all_return_the_same_404() {
    let fakes = Fakes::with_object(MEDIA);
    let path = store(&fakes, &grant(encrypted(), 27, Some("1")));
    let shown = |path: &str| {
        let reply = get(&fakes, path, &[]);
        (reply.status, format!("{:?}", reply.headers), read(reply).unwrap())
    };
    let unknown = shown(&format!("/{}", "A".repeat(43)));
    assert_eq!(unknown.0, 404);
    for other in ["/", "", "/short", "/_matrix/client/versions", &format!("{path}/"), &format!("{path}%00")] {
        assert_eq!(shown(other), unknown, "{other}");
    }
    fakes.read_names.take();
    assert_eq!(shown(&format!("{path}.AAAA")), unknown, "a sealed token");
    assert!(fakes.read_names.take().is_empty(), "it is not looked up");
    fakes.now_ms.set(2_000_000);
    assert_eq!(shown(&path), unknown);
    fakes.now_ms.set(1_999_999);
    assert_eq!(shown(&path).0, 200);
    let name = format!("grant:{}", &path[1..]);
    fakes.records.borrow_mut().insert(name, ("{\"v\":9}".to_owned(), 60));
    assert_eq!(shown(&path), unknown);
}

#[test]
fn a_changed_object_is_a_409_and_is_then_served_as_not_opted_in() {
    let with =
        |headers: &'static [(&'static str, &'static str)]| Fakes::new(move |_| response(200, headers, MEDIA));
    for (fakes, pinned, change) in [
        (with(&[("content-length", "27"), ("etag", "\"new\"")]), Some("\"old\""), Change::TagDifferent),
        (with(&[("content-length", "27"), ("etag", "W/\"old\"")]), Some("\"old\""), Change::TagDifferent),
        (with(&[("content-length", "27"), ("etag", "1")]), None, Change::TagDifferent),
        (with(&[("content-length", "27")]), Some("\"old\""), Change::TagMissing),
        (with(&[("content-length", "27")]), Some("1"), Change::TagMissing),
        (with(&[("content-length", "26")]), None, Change::Length),
        (with(&[]), None, Change::Length),
        (with(&[("content-length", "27"), ("content-encoding", "gzip")]), None, Change::Length),
    ] {
        let path = store(&fakes, &grant(encrypted(), 27, pinned));
        let reply = get(&fakes, &path, &[]);
        assert_eq!(reply.status, 409, "{change:?}");
        assert!(
            !read(reply).unwrap().windows(4).any(|bytes| bytes == &MEDIA[..4] || bytes == &ciphertext()[..4])
        );
        assert_eq!(*fakes.events.borrow(), [Event::ObjectChanged(change)]);
        assert_eq!(fakes.records.borrow()[&object().refusal_name()].1, 600);
        assert!(fakes.objects.borrow().is_empty() && fakes.background_tasks.borrow().is_empty());
    }
}

#[test]
fn a_cached_copy_with_another_tag_is_never_encrypted() {
    let fakes = Fakes::new(|_| response(200, &[("content-length", "27"), ("etag", "\"v1\"")], MEDIA));
    for (cached_etag, pinned, expected) in
        [(None, Some("\"v1\""), 200), (Some("W/\"a\""), Some("\"v1\""), 200), (Some("1"), None, 409)]
    {
        let info = ObjectInfo {
            size: Some(27),
            content_type: String::new(),
            content_disposition: None,
            etag: cached_etag.map(str::to_owned),
        };
        fakes.objects.borrow_mut().insert(object().cache_name(), (info, vec![b'x'; 27]));
        let path = store(&fakes, &grant(encrypted(), 27, pinned));
        let reply = get(&fakes, &path, &[]);
        assert_eq!(reply.status, expected);
        assert!(
            expected == 409 || read(reply).unwrap() == ciphertext(),
            "from the homeserver, not the cache"
        );
    }
}

#[test]
fn odd_responses_and_server_errors_are_a_502_and_no_refusal() {
    for status in [201, 204, 300, 301, 302, 303, 304, 305, 306, 500, 503] {
        let fakes = Fakes::new(move |_| response(status, &[("location", "https://s3.example/x")], MEDIA));
        let path = store(&fakes, &grant(encrypted(), 27, None));
        assert_eq!(get(&fakes, &path, &[]).status, 502, "{status}");
        assert!(!fakes.records.borrow().contains_key(&object().refusal_name()), "{status}");
    }
}

#[test]
fn a_homeserver_with_only_legacy_endpoints_is_asked_there_and_remembered() {
    let fakes = Fakes::new(|seen| {
        if seen.path.starts_with("/_matrix/client/v1/") {
            return response(404, &[], br#"{"errcode":"M_UNRECOGNIZED","error":"?"}"#);
        }
        response(200, &[("content-length", "27")], MEDIA)
    });
    let path = store(&fakes, &grant(encrypted(), 27, None));
    assert_eq!(read(get(&fakes, &path, &[])).unwrap(), ciphertext());
    assert_eq!(fakes.methods(), "GET GET GET", "the object, the probe, the object on the legacy endpoint");
    assert_eq!(read(get(&fakes, &path, &[("range", "bytes=0-1")])).unwrap(), &ciphertext()[..2]);
    let seen = fakes.seen.take();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].path, "/_matrix/media/v3/download/example.org/abc");
    let other = Fakes::new(|_| response(404, &[], br#"{"errcode":"M_NOT_FOUND"}"#));
    let path = store(&other, &grant(encrypted(), 27, None));
    assert_eq!(get(&other, &path, &[]).status, 502);
    assert_eq!(other.methods(), "GET");
}

#[test]
fn a_stale_cached_copy_is_ignored() {
    let fakes = Fakes::with_object(MEDIA);
    let stale =
        ObjectInfo { size: Some(3), content_type: String::new(), content_disposition: None, etag: None };
    fakes.objects.borrow_mut().insert(object().cache_name(), (stale, b"old".to_vec()));
    let path = store(&fakes, &grant(encrypted(), 27, Some("1")));
    assert_eq!(read(get(&fakes, &path, &[])).unwrap(), ciphertext());
}

#[test]
fn a_refusal_of_the_store_is_a_502_and_is_remembered() {
    for status in [401, 403, 404, 307] {
        let headers = [("location", "https://s3.example/x")];
        let fakes = Fakes::new(move |_| response(status, &headers, b"secret words of the store"));
        let path = store(&fakes, &grant(encrypted(), 27, None));
        let reply = get(&fakes, &path, &[]);
        assert_eq!(reply.status, 502);
        assert!(!String::from_utf8(read(reply).unwrap()).unwrap().contains("secret words"));
        assert_eq!(fakes.records.borrow()[&object().refusal_name()].1, 600);
    }
    let fakes = Fakes::new(|_| response(500, &[], b""));
    let path = store(&fakes, &grant(encrypted(), 27, None));
    assert_eq!(get(&fakes, &path, &[]).status, 502);
    assert!(!fakes.records.borrow().contains_key(&object().refusal_name()));
}

#[test]
fn failing_stores_are_a_502_or_504() {
    for (error, status) in [
        (UpstreamError::Unreachable, 502),
        (UpstreamError::TimedOut, 504),
        (UpstreamError::OddStatus(999), 502),
    ] {
        let fakes = Fakes::new(move |_| Err(error));
        let path = store(&fakes, &grant(encrypted(), 27, Some("1")));
        assert_eq!(get(&fakes, &path, &[]).status.as_u16(), status);
    }
    let fakes = Fakes::with_object(MEDIA);
    let path = store(&fakes, &grant(encrypted(), 27, Some("1")));
    fakes.store_fault.set(StoreFault::Fails);
    assert_eq!(get(&fakes, &path, &[]).status, StatusCode::BAD_GATEWAY);
    assert_eq!(*fakes.events.borrow(), [Event::KeyStoreGetFailed]);
}

#[test]
fn a_short_body_never_looks_complete() {
    let small = Fakes::new(|_| response(200, &[("content-length", "27")], &MEDIA[..20]));
    let path = store(&small, &grant(encrypted(), 27, None));
    assert_eq!(get(&small, &path, &[]).status, 502);
    assert!(small.background_tasks.borrow().is_empty());

    let size = 2 * 1024 * 1024;
    let large = Fakes::new(move |_| response(200, &[("content-length", "2097152")], &vec![0; 1000]));
    let path = store(&large, &grant(encrypted(), size, None));
    let reply = get(&large, &path, &[]);
    assert_eq!(header(&reply, "content-length"), Some("2097152"));
    assert_eq!(read(reply), Err(WindowError::Truncated { got: 1000, promised: size }));
    large.run_background_tasks();
    assert!(large.objects.borrow().is_empty());
    assert_eq!(*large.events.borrow(), [Event::CacheFillFailed]);
}

#[test]
fn a_range_too_far_into_the_object_fills_the_cache_first() {
    let size: usize = 64 * 1024 * 1024 + 10;
    let fakes = Fakes::with_object(&vec![1; size]);
    let path = store(&fakes, &grant(encrypted(), size as u64, Some("1")));
    let reply = get(&fakes, &path, &[("range", "bytes=-5")]);
    assert_eq!((reply.status.as_u16(), header(&reply, "content-length")), (206, Some("5")));
    let mut keystream = Keystream::body(&Key::chacha20(KEY));
    keystream.seek(size as u64 - 5).unwrap();
    let mut expected = [1; 5];
    keystream.apply(&mut expected).unwrap();
    assert_eq!(read(reply).unwrap(), expected);
    assert_eq!(fakes.methods(), "GET GET");
}

#[test]
fn a_range_too_far_into_the_object_starts_no_second_fill() {
    let size: usize = 64 * 1024 * 1024 + 10;
    let fakes = Fakes::with_object(&vec![1; size]);
    fakes.filling.set(true);
    let path = store(&fakes, &grant(encrypted(), size as u64, Some("1")));
    let reply = get(&fakes, &path, &[("range", "bytes=-5")]);
    let length = size.to_string();
    assert_eq!((reply.status.as_u16(), header(&reply, "content-length")), (200, Some(length.as_str())));
    assert_eq!(fakes.methods(), "GET");
}

#[test]
fn plain_and_verbatim_links_give_the_bytes_as_stored() {
    for (content, link, content_type, disposition) in [
        (Content::Plain, "plain", "image/png", Some("inline; filename=\"x.png\"")),
        (Content::Verbatim, "verbatim", "application/octet-stream", None),
    ] {
        let fakes = Fakes::with_object(MEDIA);
        let path = store(&fakes, &grant(content, 27, Some("1")));
        let reply = get(&fakes, &path, &[]);
        assert_eq!(header(&reply, "org-matrix-msc4097-link"), Some(link));
        assert_eq!(header(&reply, "content-type"), Some(content_type));
        assert_eq!(header(&reply, "content-disposition"), disposition);
        assert!(header(&reply, "org-matrix-msc4097-metadata").is_none());
        assert_eq!(read(reply).unwrap(), MEDIA);
    }
}
