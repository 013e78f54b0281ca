//! Correct and incorrect bodies of an edge and of a homeserver.

use proptest::prelude::*;

use super::*;

const SIZE: u64 = 1000;

fn key() -> Key {
    Key::chacha20([7; 32])
}

fn metadata() -> Metadata {
    Metadata { size: SIZE, content_type: "image/png".to_owned(), content_disposition: None }
}

fn plaintext() -> Vec<u8> {
    (0..SIZE).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

fn ciphertext() -> Vec<u8> {
    let mut bytes = plaintext();
    Keystream::body(&key()).apply(&mut bytes).unwrap();
    bytes
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(*name, value.parse().unwrap());
    }
    headers
}

/// Returns the headers of the edge: the mark, `pairs` and the sealed metadata.
fn edge(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = headers(pairs);
    headers.insert(header::LINK, "encrypted".parse().unwrap());
    headers.insert(header::METADATA, Metadata::seal(&metadata().to_json(), &key()).unwrap());
    headers
}

fn open(status: u16, headers: &HeaderMap, range: Option<&str>) -> Result<Body, BodyError> {
    let range = range.map(|range| range.parse().unwrap());
    Body::encrypted(StatusCode::from_u16(status).unwrap(), headers, &key(), &metadata(), range.as_ref())
}

fn read(body: &mut Body, bytes: &[u8], chunk_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut released = Vec::new();
    for chunk in bytes.to_vec().chunks_mut(chunk_bytes) {
        let range = body.push(chunk)?;
        released.extend_from_slice(&chunk[range]);
    }
    body.finish()?;
    Ok(released)
}

#[test]
fn the_whole() {
    let mut body = open(200, &edge(&[("content-length", "1000")]), None).unwrap();
    assert_eq!((body.length(), body.wanted()), (Some(SIZE), None));
    assert_eq!(read(&mut body, &ciphertext(), 300).unwrap(), plaintext());
    // A proxy may remove `Content-Length`. Then only the answer gives the length.
    assert_eq!(read(&mut open(200, &edge(&[]), None).unwrap(), &ciphertext(), 1000).unwrap(), plaintext());
}

#[test]
fn a_part() {
    let headers = edge(&[("content-range", "bytes 100-299/1000"), ("content-length", "200")]);
    let mut body = open(206, &headers, Some("100-299")).unwrap();
    assert_eq!((body.length(), body.wanted()), (Some(200), None));
    assert_eq!(read(&mut body, &ciphertext()[100..300], 77).unwrap(), &plaintext()[100..300]);
}

#[test]
fn the_range_is_cut_out_of_a_200() {
    let mut body = open(200, &edge(&[("content-length", "1000")]), Some("-200")).unwrap();
    assert_eq!((body.length(), body.wanted()), (Some(200), Some(1000)));
    assert_eq!(read(&mut body, &ciphertext(), 77).unwrap(), &plaintext()[800..]);
    let mut body = open(200, &edge(&[]), Some("0-9")).unwrap();
    assert_eq!(read(&mut body, &ciphertext()[..64], 64).unwrap(), &plaintext()[..10]);
    assert_eq!(body.wanted(), Some(0));
}

#[test]
fn an_empty_object_is_whole_for_every_range() {
    let empty = Metadata { size: 0, ..metadata() };
    let sealed = Metadata::seal(&empty.to_json(), &key()).unwrap();
    let mut encrypted = edge(&[]);
    encrypted.insert(header::METADATA, sealed);
    let verbatim = headers(&[("org-matrix-msc4097-link", "verbatim")]);
    for range in [None, Some("0-"), Some("-5"), Some("0-0"), Some("7-9")] {
        let range: Option<RangeRequest> = range.map(|range| range.parse().unwrap());
        let link = Body::encrypted(StatusCode::OK, &encrypted, &key(), &empty, range.as_ref());
        let stored = Body::verbatim(StatusCode::OK, &verbatim, &empty, range.as_ref());
        let plain = headers(&[("content-length", "0")]);
        let plain = Body::plain(StatusCode::OK, &plain, range.as_ref());
        for mut body in [link.unwrap(), stored.unwrap(), plain.unwrap()] {
            assert_eq!(body.length(), Some(0), "{range:?}");
            assert_eq!(read(&mut body, &[], 1), Ok(Vec::new()));
            assert_eq!(body.push(&mut [0]), Err(BodyError::Surplus { promised_bytes: 0 }));
        }
    }
    // A server must not send a part of an empty object.
    let part = edge(&[("content-range", "bytes 0-0/0")]);
    assert_eq!(open(206, &part, Some("0-0")).unwrap_err(), BodyError::OtherRange);
}

#[test]
fn nothing_is_released_unless_the_metadata_matches() {
    let sealed = |metadata: &Metadata, key: &Key| Metadata::seal(&metadata.to_json(), key).unwrap();
    let other = Metadata { size: SIZE + 1, ..metadata() };
    for (value, expected) in [
        (None, BodyError::NoMetadata),
        (Some("AAAA".parse().unwrap()), BodyError::Metadata(MetadataError::Malformed)),
        (Some(sealed(&metadata(), &Key::chacha20([8; 32]))), BodyError::Metadata(MetadataError::WrongKey)),
        (Some(sealed(&other, &key())), BodyError::OtherMetadata),
    ] {
        let mut headers = edge(&[("content-length", "1000")]);
        headers.remove(header::METADATA);
        headers.extend(value.map(|value| (header::METADATA, value)));
        assert_eq!(open(200, &headers, None).unwrap_err(), expected);
    }
}

#[test]
fn sealed_metadata_must_not_come_twice() {
    let mut twice = edge(&[("content-length", "1000")]);
    twice.append(header::METADATA, twice[header::METADATA].clone());
    assert_eq!(open(200, &twice, None).unwrap_err(), MetadataError::Malformed.into());
}

#[test]
fn a_link_is_marked_with_the_promised_kind() {
    let marked = |kinds: &[&str]| {
        let mut headers = edge(&[("content-length", "1000")]);
        headers.remove(header::LINK);
        for kind in kinds {
            headers.append(header::LINK, kind.parse().unwrap());
        }
        headers
    };
    assert!(open(200, &marked(&["encrypted"]), None).is_ok());
    let stored = |headers| Body::verbatim(StatusCode::OK, &headers, &metadata(), None);
    assert!(stored(marked(&["verbatim"])).is_ok());
    for kinds in [
        &[][..],
        &["plain"],
        &["Encrypted"],
        &[""],
        &["encrypted", "encrypted"],
        &["verbatim", "verbatim"],
        &["encrypted, encrypted"],
    ] {
        let error = open(200, &marked(kinds), None).unwrap_err();
        assert_eq!(error, BodyError::OtherLink { promised: "encrypted" }, "{kinds:?}");
        let error = stored(marked(kinds)).unwrap_err();
        assert_eq!(error, BodyError::OtherLink { promised: "verbatim" }, "{kinds:?}");
    }
}

#[test]
fn wrong_lengths_and_ranges_are_refused() {
    let other_size = |got_bytes| BodyError::OtherSize { expected_bytes: SIZE, got_bytes };
    let range = ("content-range", "bytes 0-9/1000");
    for (status, headers, asked, expected) in [
        (200, edge(&[("content-length", "999")]), None, other_size(999)),
        (206, edge(&[("content-range", "bytes 0-9/999")]), Some("0-9"), other_size(999)),
        (
            206,
            edge(&[range, ("content-length", "11")]),
            Some("0-9"),
            BodyError::OtherSize { expected_bytes: 10, got_bytes: 11 },
        ),
        (206, edge(&[range]), None, BodyError::OtherRange),
        (206, edge(&[range]), Some("0-10"), BodyError::OtherRange),
        (206, edge(&[("content-range", "bytes 0-9/*")]), Some("0-9"), BodyError::OtherRange),
        (206, edge(&[]), Some("0-9"), BodyError::OtherRange),
        (200, edge(&[]), Some("1000-"), BodyError::BeyondEnd { size_bytes: Some(SIZE) }),
        (200, edge(&[("content-encoding", "gzip")]), None, BodyError::Encoded),
    ] {
        assert_eq!(open(status, &headers, asked).unwrap_err(), expected);
    }
}

#[test]
fn a_homeserver_may_send_less_of_a_range_than_was_asked_for() {
    let plain = |content_range, asked: &str| {
        let asked = asked.parse().unwrap();
        Body::plain(StatusCode::PARTIAL_CONTENT, &headers(&[("content-range", content_range)]), Some(&asked))
    };
    let asked = ByteRange::new(10, 30).unwrap();
    let error = plain("bytes 10-19/1000", "10-29").unwrap_err();
    assert_eq!(error, BodyError::ShorterRange { sent: ByteRange::new(10, 20).unwrap(), asked });
    let said = "the server offers only the bytes 10-19 of the requested bytes 10-29";
    assert_eq!(error.to_string(), said);
    assert_eq!(plain("bytes 10-29/1000", "10-29").unwrap().length(), Some(20));
    for other in ["bytes 9-29/1000", "bytes 11-29/1000", "bytes 10-30/1000", "bytes 40-49/1000"] {
        assert_eq!(plain(other, "10-29").unwrap_err(), BodyError::OtherRange, "{other}");
    }
}

#[test]
fn too_few_and_too_many_bytes() {
    let truncated = |got_bytes| Err(BodyError::Truncated { got_bytes, promised_bytes: Some(SIZE) });
    let mut body = open(200, &edge(&[]), None).unwrap();
    assert_eq!(read(&mut body, &ciphertext()[..999], 500), truncated(999));
    assert_eq!(Err(body.broken_off()), truncated(999));
    let surplus = [ciphertext(), vec![0]].concat();
    let mut body = open(200, &edge(&[]), None).unwrap();
    assert_eq!(read(&mut body, &surplus, 500), Err(BodyError::Surplus { promised_bytes: SIZE }));
}

#[test]
fn an_object_beyond_the_keystream_is_refused() {
    let huge = Metadata { size: KEYSTREAM_BYTES, ..metadata() };
    let mut headers = edge(&[]);
    headers.insert(header::METADATA, Metadata::seal(&huge.to_json(), &key()).unwrap());
    assert_eq!(
        Body::encrypted(StatusCode::OK, &headers, &key(), &huge, None).unwrap_err(),
        BodyError::TooLong { size_bytes: KEYSTREAM_BYTES }
    );
}

#[test]
fn plain_media_of_unknown_length() {
    let mut body = Body::plain(StatusCode::OK, &headers(&[]), None).unwrap();
    assert_eq!(body.length(), None);
    assert_eq!(read(&mut body, &plaintext(), 300).unwrap(), plaintext());
    assert_eq!(body.broken_off().to_string(), "the body ended after 1000 bytes");
    let range = "0-9".parse().unwrap();
    assert_eq!(
        Body::plain(StatusCode::OK, &headers(&[]), Some(&range)).unwrap_err(),
        BodyError::RangeIgnored
    );
}

proptest! {
    #[test]
    fn any_range_and_any_chunking_give_the_slice(
        start in 0..SIZE, length in 1..SIZE, chunk_bytes in 1..400usize, ignored in any::<bool>(),
    ) {
        let end = (start + length).min(SIZE);
        let slice = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
        let asked = format!("{start}-{}", end - 1);
        let content_range = format!("bytes {asked}/{SIZE}");
        let (status, headers, sent) = if ignored {
            (200, edge(&[]), ciphertext())
        } else {
            (206, edge(&[("content-range", &content_range)]), ciphertext()[slice.clone()].to_vec())
        };
        let mut body = open(status, &headers, Some(&asked)).unwrap();
        prop_assert_eq!(&read(&mut body, &sent, chunk_bytes).unwrap(), &plaintext()[slice]);
    }
}
