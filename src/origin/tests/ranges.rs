//! Tests of ranges and conditions in plain delivery, over fakes.

use super::*;

#[test]
fn ranges_and_conditions_work_cold_and_warm() {
    for fakes in [Fakes::with_object(MEDIA), warm()] {
        let whole = get("").of(&fakes);
        let etag = header(&whole, "etag").unwrap().to_owned();
        let part = get("").header("range", "bytes=4-6").of(&fakes);
        assert_eq!((part.status.as_u16(), header(&part, "content-range")), (206, Some("bytes 4-6/27")));
        assert_eq!(header(&part, "content-length"), Some("3"));
        assert_eq!(read(part).unwrap(), &MEDIA[4..7]);

        let fresh = get("").header("range", "bytes=4-6").header("if-range", &etag).of(&fakes);
        assert_eq!(fresh.status, 206);
        let stale = get("").header("range", "bytes=4-6").header("if-range", "\"other\"").of(&fakes);
        assert_eq!((stale.status.as_u16(), read(stale).unwrap()), (200, MEDIA.to_vec()));
        let beyond = get("").header("range", "bytes=27-").of(&fakes);
        assert_eq!((beyond.status.as_u16(), header(&beyond, "content-range")), (416, Some("bytes */27")));
        let same = get("").header("if-none-match", &etag).of(&fakes);
        assert_eq!((same.status.as_u16(), header(&same, "etag")), (304, Some(etag.as_str())));
        let other = get("").header("if-none-match", "\"other\"").of(&fakes);
        assert_eq!(other.status, 200);
    }
}

#[test]
fn a_homeserver_that_supports_ranges_is_asked_for_the_range() {
    let fakes = |content_range: &'static str| {
        Fakes::new(move |seen: &Seen| -> Result<UpstreamResponse<FakeBody>, UpstreamError> {
            assert_eq!(seen.range.as_deref(), Some("bytes=4-6"));
            response(206, &[("content-range", content_range), ("content-length", "3")], &MEDIA[4..7])
        })
    };
    let good = get("").header("range", "bytes=4-6").of(&fakes("bytes 4-6/27"));
    assert_eq!((good.status.as_u16(), header(&good, "content-range")), (206, Some("bytes 4-6/27")));
    assert_eq!(read(good).unwrap(), &MEDIA[4..7]);
}

#[test]
fn a_part_that_was_not_requested_is_used_as_far_as_it_fits() {
    let sends = |content_range: &'static str, bytes: &'static [u8]| {
        Fakes::new(move |seen: &Seen| match seen.range {
            Some(_) => {
                let length = bytes.len().to_string();
                response(206, &[("content-range", content_range), ("content-length", &length)], bytes)
            }
            None => response(200, &[("content-length", "27")], MEDIA),
        })
    };
    let ask = |fakes: &Fakes, range: &str| {
        let reply = get("").header("range", range).of(fakes);
        let content_range = header(&reply, "content-range").map(str::to_owned);
        let length = header(&reply, "content-length").map(str::to_owned);
        (reply.status.as_u16(), content_range, length, read(reply).unwrap())
    };
    let part = |range: &str, bytes: &[u8]| {
        (206, Some(format!("bytes {range}/27")), Some(bytes.len().to_string()), bytes.to_vec())
    };
    // The part may be shorter than requested: matrix-media-repo sends such a part for an open range.
    let shorter = sends("bytes 0-9/27", &MEDIA[..10]);
    assert_eq!(ask(&shorter, "bytes=0-"), part("0-9", &MEDIA[..10]));
    assert_eq!(shorter.methods(), "GET");
    shorter.run_background_tasks();
    assert_eq!(shorter.objects.borrow().len(), 1, "and the cache is filled with the whole");
    assert_eq!(ask(&sends("bytes 2-20/27", &MEDIA[2..21]), "bytes=4-6"), part("4-6", &MEDIA[4..7]));
    for content_range in ["bytes 5-7/27", "bytes 0-0/*", "items 0-1/2", "x"] {
        let fakes = sends(content_range, &MEDIA[5..8]);
        assert_eq!(ask(&fakes, "bytes=4-6"), part("4-6", &MEDIA[4..7]), "{content_range}");
        assert_eq!(fakes.methods(), "GET GET");
    }
}

#[test]
fn every_range_of_an_empty_object_gets_the_whole_whatever_the_homeserver_says() {
    let fakes = Fakes::new(|seen| match seen.range {
        Some(_) => response(416, &[("content-range", "bytes */0")], b"{}"),
        None => response(200, &[("content-length", "0")], b""),
    });
    for range in ["bytes=0-", "bytes=-5", "bytes=3-4"] {
        let reply = get("").header("range", range).of(&fakes);
        assert_eq!((reply.status.as_u16(), header(&reply, "content-length")), (200, Some("0")), "{range}");
    }
}

#[test]
fn a_homeserver_that_sends_only_other_parts_is_a_502() {
    let fakes = Fakes::new(|_| response(206, &[("content-range", "bytes 5-7/27")], &MEDIA[5..8]));
    assert_eq!(get("").header("range", "bytes=4-6").of(&fakes).status, 502);
    assert_eq!(fakes.methods(), "GET GET");
    assert!(fakes.background_tasks.borrow().is_empty());
}

#[test]
fn only_a_single_range_of_a_get_is_passed_on() {
    // This homeserver honours ranges of a `HEAD` too, and sends several ranges as `multipart/byteranges`.
    let obeys = || {
        Fakes::new(|seen| match seen.range {
            Some(_) => {
                response(206, &[("content-length", "27"), ("content-type", "multipart/byteranges")], MEDIA)
            }
            None => {
                response(200, &[("content-length", "27")], if seen.method == "HEAD" { b"" } else { MEDIA })
            }
        })
    };
    for range in ["bytes=0-1,5-6", "bytes=5-3", "bytes=-", "bytes=", "items=0-1", "bytes=0-1, 5-6", "0-1"] {
        let reply = get("").header("range", range).of(&obeys());
        assert_eq!((reply.status.as_u16(), read(reply).unwrap()), (200, MEDIA.to_vec()), "{range}");
    }
    for range in ["bytes=0-1", "bytes=-1", "bytes=0-1,5-6"] {
        let fakes = obeys();
        let reply = Ask { method: Method::HEAD, ..get("").header("range", range) }.of(&fakes);
        assert_eq!((reply.status.as_u16(), header(&reply, "content-length")), (200, Some("27")), "{range}");
    }
}

#[test]
fn a_416_of_the_homeserver_tells_the_length_of_the_object() {
    for (status, expected) in [(416, Some("bytes */27")), (404, None)] {
        let fakes = Fakes::new(move |_| response(status, &[("content-range", "bytes */27")], b"{}"));
        let reply = get("").header("range", "bytes=27-").of(&fakes);
        assert_eq!((reply.status.as_u16(), header(&reply, "content-range")), (status, expected));
    }
}
