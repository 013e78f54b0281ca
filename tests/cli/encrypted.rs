//! Encrypted delivery: correct and incorrect answers, links and bodies.

use cloakroom::cipher::Key;
use cloakroom::protocol::Metadata;

use crate::server::{Asked, Reply};
use crate::world::{
    ACCESS_TOKEN, CONFIG_PATH, MEDIA_PATH, SIZE, World, answer, answer_about, answer_with, ciphertext,
    delivery_of, encrypted, link_path, linked, metadata, plain, plaintext, sealed,
};

#[test]
fn both_deliveries_save_the_plaintext_under_its_name() {
    for delivery in ["redirect", "json"] {
        let world = World::good();
        let run = world
            .get(&["--delivery", delivery])
            .expect(0, &["picture.png: 700001 bytes, image/png, via an encrypted link (chacha20)"]);
        assert!(run.stdout.is_empty());
        assert_eq!(world.files(), ["picture.png"]);
        assert!(world.read("picture.png") == plaintext());
        let opt_in = format!("?org.matrix.msc4097.delivery={delivery}&org.matrix.msc4097.alg=chacha20");
        assert_eq!(world.homeserver_paths(), [CONFIG_PATH.to_owned(), format!("{MEDIA_PATH}{opt_in}")]);
    }
}

#[test]
fn the_access_token_goes_to_the_homeserver_only() {
    let world = World::good();
    world.get(&[]).expect(0, &[]);
    let bearer = format!("Bearer {ACCESS_TOKEN}");
    assert!(world.homeserver.asked().iter().all(|asked| asked.header("authorization") == Some(&bearer)));
    let links = world.edge.asked();
    assert_eq!(links.iter().map(|asked| asked.path.as_str()).collect::<Vec<_>>(), [link_path(1)]);
    assert_eq!(links[0].header("authorization"), None);
    assert_eq!(links[0].header("accept-encoding"), Some("identity"));
}

#[test]
fn a_link_to_another_origin_is_not_followed() {
    let opted_in = |asked: &Asked| asked.path.contains("org.matrix.msc4097.delivery");
    let world = World::new(
        move |asked, _, n| {
            if opted_in(asked) { answer(delivery_of(asked), "https://evil.example", n) } else { plain(asked) }
        },
        |asked, _| encrypted(asked),
    );
    let said = [
        "the answer's link leads to a different edge",
        "asking for plain media: the answer's link does not lead to",
    ];
    world.get(&[]).expect(0, &said);
    assert_eq!((world.edge.asked().len(), world.homeserver.asked().len()), (0, 5));
    // The homeserver is another origin too.
    let world = World::new(
        move |asked, _, n| {
            if opted_in(asked) {
                answer(delivery_of(asked), &format!("http://{}", asked.header("host").unwrap()), n)
            } else {
                plain(asked)
            }
        },
        |asked, _| encrypted(asked),
    );
    world.get(&[]).expect(0, &said);
    assert_eq!((world.homeserver.asked().len(), world.files()), (5, vec!["picture.png".to_owned()]));
    assert!(world.read("picture.png") == plaintext());
}

#[test]
fn an_answer_of_another_delivery_is_refused() {
    let world = World::new(|_, edge, n| answer("json", edge, n), |asked, _| encrypted(asked));
    world
        .get(&["--delivery", "redirect"])
        .expect(6, &["error: the homeserver sent an answer that was not asked for"]);
    assert_eq!((world.edge.asked().len(), world.files().len()), (0, 0));
}

#[test]
fn after_404_or_409_the_client_asks_for_one_new_answer_then_for_plain_media() {
    for status in [404, 409] {
        let world = World::new(
            |asked, edge, n| if n <= 2 { answer(delivery_of(asked), edge, n) } else { plain(asked) },
            move |_, _| Reply::new(status, r#"{"errcode":"M_NOT_FOUND"}"#),
        );
        world.get(&[]).expect(0, &["asking for a new answer", "plain, from the homeserver"]);
        let links: Vec<String> = world.edge.asked().into_iter().map(|asked| asked.path).collect();
        assert_eq!(links, [link_path(1), link_path(2)]);
        let asks = world.homeserver_paths();
        assert_eq!(asks.len(), 4);
        assert_eq!(asks[3], MEDIA_PATH);
        assert!(world.read("picture.png") == plaintext());
    }
}

#[test]
fn the_new_answer_may_work() {
    let world = World::new(
        |asked, edge, n| answer(delivery_of(asked), edge, n),
        |asked, n| if n == 1 { Reply::new(404, "") } else { encrypted(asked) },
    );
    world.get(&[]).expect(0, &["via an encrypted link"]);
    assert_eq!((world.homeserver.asked().len(), world.edge.asked().len()), (3, 2));
    assert!(world.read("picture.png") == plaintext());
}

#[test]
fn errors_of_the_edge_are_reported() {
    let world = World::with_edge(|_| Reply::new(500, ""));
    world.get(&[]).expect(5, &["error: the edge returned 500", "--plain"]);
    assert_eq!(world.edge.asked().len(), 1);
    let world = World::with_edge(|_| Reply::new(307, "").header("location", "https://x.example/"));
    world.get(&[]).expect(6, &["error: the edge returned 307"]);
}

#[test]
fn after_502_or_504_the_client_asks_for_plain_media() {
    for status in [502, 504] {
        let world = World::new(
            |asked, edge, n| if n == 1 { answer(delivery_of(asked), edge, n) } else { plain(asked) },
            move |_, _| Reply::new(status, ""),
        );
        world
            .get(&[])
            .expect(0, &["asking for plain media: the link returned 50", "plain, from the homeserver"]);
        assert_eq!((world.edge.asked().len(), world.homeserver_paths()[2].as_str()), (1, MEDIA_PATH));
        assert!(world.read("picture.png") == plaintext());
    }
}

#[test]
fn truncated_ciphertext_leaves_no_file() {
    for cut in [0, 1, 524_288, SIZE - 1] {
        let world = World::with_edge(move |asked| encrypted(asked).cut_after(cut));
        let message = format!("error: the body ended after {cut} of {SIZE} bytes");
        world.get(&[]).expect(7, &[&message, "hint: do not use what was received"]);
        assert!(world.files().is_empty(), "{:?}", world.files());
    }
}

#[test]
fn the_length_of_a_chunked_body_is_checked() {
    let chunked = |bytes: &[u8]| {
        let body = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n0\r\n\r\n"].concat();
        let reply = linked(Reply::new(200, body), &sealed(&metadata()));
        let reply = reply.header("transfer-encoding", "chunked");
        World::with_edge(move |_| reply.clone())
    };
    let whole = chunked(&ciphertext());
    whole.get(&[]).expect(0, &[]);
    assert!(whole.read("picture.png") == plaintext());
    let short = chunked(&ciphertext()[1..]);
    short.get(&[]).expect(7, &["error: the body ended after 700000 of 700001 bytes"]);
    let long = chunked(&[ciphertext(), vec![0]].concat());
    long.get(&[]).expect(7, &["error: the body is longer than the promised 700001 bytes"]);
    assert!(short.files().is_empty() && long.files().is_empty());
}

#[test]
fn an_edge_that_stalls_leaves_no_file() {
    let world = World::with_edge(|asked| encrypted(asked).silent_after(600_000));
    world
        .get(&["--stall-timeout", "1"])
        .expect(5, &["error: the edge sent nothing for 1 s", "--stall-timeout"]);
    assert!(world.files().is_empty());
}

#[test]
fn a_wrong_key_releases_nothing() {
    let world = World::new(
        |asked, edge, n| answer_with(delivery_of(asked), edge, n, Some(Key::chacha20([9; 32]))),
        |asked, _| encrypted(asked),
    );
    world.get(&[]).expect(6, &["error: cannot open the sealed metadata: the key does not fit this link"]);
    assert!(world.files().is_empty());
    let run = world.get(&["-o", "-"]).expect(6, &[]);
    assert!(run.stdout.is_empty());
}

#[test]
fn plaintext_under_an_encrypted_link_is_not_taken_for_ciphertext() {
    for kind in [None, Some("plain"), Some("verbatim")] {
        let world = World::with_edge(move |_| {
            let reply =
                Reply::new(200, plaintext()).header("org-matrix-msc4097-metadata", sealed(&metadata()));
            kind.iter().fold(reply, |reply, kind| reply.header("org-matrix-msc4097-link", *kind))
        });
        let run = world.get(&["-o", "-"]).expect(6, &["the response to the link is not marked as encrypted"]);
        assert!(run.stdout.is_empty());
    }
}

#[test]
fn another_object_under_the_link_releases_nothing() {
    let other = Metadata { content_type: "image/gif".to_owned(), ..metadata() };
    for (value, body, code, message) in [
        (Some(sealed(&other)), SIZE, 7, "error: the link's metadata differs from the answer's"),
        (Some(sealed(&metadata())), SIZE - 1, 7, "bytes, but the response describes one of 700000"),
        (None, SIZE, 6, "error: the response to the link has no sealed metadata"),
    ] {
        let world = World::with_edge(move |_| {
            let reply = Reply::new(200, vec![0; body]).header("org-matrix-msc4097-link", "encrypted");
            value.iter().fold(reply, |reply, value| reply.header("org-matrix-msc4097-metadata", value))
        });
        let run = world.get(&["-o", "-"]).expect(code, &[message]);
        assert!(run.stdout.is_empty() && world.files().is_empty());
    }
}

#[test]
fn ranges() {
    let whole = plaintext();
    for (range, slice) in [
        ("0-0", 0..1),
        ("600000-600999", 600_000..601_000),
        ("699000-", 699_000..SIZE),
        ("-500", SIZE - 500..SIZE),
    ] {
        let world = World::good();
        world.get(&["--range", range, "-o", "part"]).expect(0, &["via an encrypted link"]);
        assert!(world.read("part") == whole[slice.clone()], "{range}");
        assert_eq!(world.edge.asked()[0].header("range"), Some(format!("bytes={range}").as_str()));
        // A server may send the whole. Then the client cuts out the part.
        let ignoring = World::with_edge(|_| encrypted(&Asked::bare()));
        ignoring.get(&["--range", range, "-o", "part"]).expect(0, &[]);
        assert!(ignoring.read("part") == whole[slice], "{range}, ignored");
    }
    let world = World::good();
    world
        .get(&["--range", "700001-", "-o", "part"])
        .expect(2, &["error: the range starts beyond the end of the media (700001 bytes)"]);
    assert!(world.files().is_empty());
}

#[test]
fn every_range_of_an_empty_object_saves_an_empty_file() {
    let empty = Metadata { size: 0, ..metadata() };
    // Some servers ignore such a range, others refuse it.
    for refused in [false, true] {
        let reply = move |asked: &Asked| match asked.header("range") {
            Some(_) if refused => Reply::new(416, "").header("content-range", "bytes */0"),
            _ => Reply::new(200, ""),
        };
        let (about, seal) = (empty.clone(), sealed(&empty));
        let linked = World::new(
            move |asked, edge, n| answer_about(&about, delivery_of(asked), edge, n),
            move |asked, _| linked(reply(asked), &seal),
        );
        let plain = World::without_answers(move |asked| reply(asked));
        for (world, by) in [(&linked, "0 bytes, image/png, via an encrypted link"), (&plain, "0 bytes, ")] {
            for range in ["0-", "-5", "0-0"] {
                let file = format!("part{range}");
                world.get(&["--range", range, "-o", &file]).expect(0, &[by]);
                assert_eq!(world.read(&file), b"");
            }
        }
    }
}

#[test]
fn another_range_is_refused() {
    let shifted = World::with_edge(|_| {
        let reply = Reply::new(206, vec![0; 10]).header("content-range", format!("bytes 11-20/{SIZE}"));
        linked(reply, &sealed(&metadata()))
    });
    shifted
        .get(&["--range", "10-19", "-o", "part"])
        .expect(6, &["error: the response covers a range that was not asked for"]);
    assert!(shifted.files().is_empty());
}

#[test]
fn a_link_without_a_key_needs_verbatim() {
    let world = || {
        World::new(
            |asked, edge, n| {
                if n == 1 { answer_with(delivery_of(asked), edge, n, None) } else { plain(asked) }
            },
            |_, _| Reply::new(200, plaintext()).header("org-matrix-msc4097-link", "verbatim"),
        )
    };
    let refused = world();
    refused.get(&[]).expect(0, &["the answer's link is unencrypted, which was not asked for", "plain"]);
    assert_eq!((refused.edge.asked().len(), refused.homeserver_paths()[2].as_str()), (0, MEDIA_PATH));
    let verbatim = world();
    verbatim.get(&["--verbatim"]).expect(0, &["via a link, as stored"]);
    assert!(verbatim.homeserver_paths()[1].ends_with("&org.matrix.msc4097.verbatim=true"));
    assert!(verbatim.read("picture.png") == plaintext());
}
