//! Plain media, redirects, and the homeserver's errors.

use crate::server::{Reply, Server};
use crate::world::{
    ACCESS_TOKEN, CONFIG_PATH, MEDIA_PATH, MXC, Run, SIZE, World, answer, config, plain, plaintext,
};

#[test]
fn a_file_that_looks_like_an_answer_is_saved_as_a_file() {
    let looks = br#"{"url":"https://evil.example/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","alg":"chacha20","key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","expires_ts":4000000000000,"metadata":{"size":1,"content_type":"text/plain"}}"#;
    for delivery in ["redirect", "json"] {
        let world = World::without_answers(move |_| {
            Reply::new(200, looks).header("content-type", "application/json")
        });
        world.get(&["--delivery", delivery]).expect(0, &["AbCdEf: ", "plain, from the homeserver"]);
        assert_eq!(world.read("AbCdEf"), looks);
        assert!(world.edge.asked().is_empty());
    }
}

#[test]
fn without_an_offer_the_client_asks_for_plain_media() {
    for (status, config) in
        [(200, r#"{"m.upload.size":1}"#), (403, r#"{"errcode":"M_GUEST_ACCESS_FORBIDDEN"}"#)]
    {
        let world = World::good();
        let homeserver =
            Server::start(
                move |asked| {
                    if asked.path == CONFIG_PATH { Reply::new(status, config) } else { plain(asked) }
                },
            );
        let mut command = world.command(&["get", "-v", "--homeserver", &homeserver.origin(), MXC]);
        Run::of(command.output().unwrap()).expect(0, &["asking for plain media: the homeserver"]);
        assert!(world.read("picture.png") == plaintext());
        assert_eq!(homeserver.asked()[1].path, MEDIA_PATH);
    }
}

#[test]
fn the_option_plain_needs_one_request() {
    let world = World::without_answers(plain);
    world.get(&["--plain"]).expect(0, &["plain, from the homeserver"]);
    assert_eq!(world.homeserver_paths(), [MEDIA_PATH]);
}

#[test]
fn an_answer_to_a_client_that_did_not_opt_in_is_refused() {
    let world = World::new(|_, edge, n| answer("json", edge, n), |_, _| Reply::new(500, ""));
    world.get(&["--plain"]).expect(6, &["error: the homeserver sent an answer that was not asked for"]);
    assert!(world.files().is_empty());
}

#[test]
fn a_plain_redirect_is_followed_without_the_token() {
    let store = Server::start(plain);
    let location = format!("{}/bucket/object?signature=abc", store.origin());
    let world = World::without_answers(move |_| Reply::new(307, "").header("location", &location));
    let from = format!("plain, from the redirect target {}\n", store.origin());
    world.get(&[]).expect(0, &["following a redirect", &from]);
    assert!(world.read("picture.png") == plaintext());
    let asked = store.asked();
    assert_eq!((asked.len(), asked[0].header("authorization")), (1, None));
    assert_eq!(asked[0].path, "/bucket/object?signature=abc");
}

#[test]
fn a_redirect_within_the_homeserver_keeps_the_token() {
    let world = World::without_answers(|asked| match asked.path.as_str() {
        "/elsewhere" => plain(asked),
        _ => Reply::new(308, "").header("location", "/elsewhere"),
    });
    world.get(&["--plain"]).expect(0, &[]);
    let bearer = format!("Bearer {ACCESS_TOKEN}");
    assert!(world.homeserver.asked().iter().all(|asked| asked.header("authorization") == Some(&bearer)));
}

#[test]
fn bad_redirects_are_errors() {
    let world = World::without_answers(|_| Reply::new(307, "").header("location", "/again"));
    world.get(&["--plain"]).expect(6, &["error: more than 10 redirects in a row"]);
    assert_eq!(world.homeserver.asked().len(), 11);
    let world = World::without_answers(|_| Reply::new(307, "").header("location", "ftp://x.example/"));
    world.get(&["--plain"]).expect(6, &["error: invalid redirect: it does not lead to an http or https URL"]);
}

#[test]
fn the_homeservers_errors_are_shown() {
    for (status, errcode, code, hint) in [
        (401, "M_UNKNOWN_TOKEN", 3, "hint: the access token is invalid"),
        (403, "M_FORBIDDEN", 3, "hint: this account may not read this media"),
        (400, "M_INVALID_PARAM", 3, ""),
        (404, "M_NOT_FOUND", 4, "hint: check the mxc URI"),
        (404, "M_UNRECOGNIZED", 4, "hint: the homeserver does not support authenticated media"),
        (504, "M_NOT_YET_UPLOADED", 4, "try again later"),
        (429, "M_LIMIT_EXCEEDED", 5, "hint: too many requests: try again in 7 s"),
        (502, "M_UNKNOWN", 5, "hint: the homeserver has a problem"),
    ] {
        let body = format!(r#"{{"errcode":"{errcode}","error":"Its own words"}}"#);
        let world =
            World::without_answers(move |_| Reply::new(status, body.as_str()).header("retry-after", "7"));
        let message = format!("error: the homeserver returned {status} {errcode}: Its own words\n");
        world.get(&[]).expect(code, &[&message, hint]);
        assert!(world.files().is_empty());
    }
}

#[test]
fn a_token_in_an_error_is_hidden() {
    let body = format!(r#"{{"errcode":"M_UNKNOWN_TOKEN","error":"no user has {ACCESS_TOKEN}"}}"#);
    let world = World::without_answers(move |_| Reply::new(401, body.as_str()));
    world.get(&[]).expect(3, &["no user has [access token]"]);
}

#[test]
fn truncated_plain_media_leave_no_file() {
    let world = World::without_answers(|asked| plain(asked).cut_after(1000));
    world.get(&[]).expect(7, &["error: the body ended after 1000 of 700001 bytes"]);
    // In chunked encoding, without the last chunk.
    let chunked = |body: &str| Reply::new(200, body).header("transfer-encoding", "chunked");
    let reply = chunked("5\r\nhello\r\n");
    let world = World::without_answers(move |_| reply.clone());
    world.get(&[]).expect(7, &["error: the body ended after 5 bytes"]);
    assert!(world.files().is_empty());
    let reply = chunked("5\r\nhello\r\n0\r\n\r\n");
    let world = World::without_answers(move |_| reply.clone());
    world.get(&[]).expect(0, &["AbCdEf: 5 bytes"]);
}

#[test]
fn coded_media_are_refused() {
    let world = World::without_answers(|_| Reply::new(200, "\x1f").header("content-encoding", "gzip"));
    world.get(&[]).expect(6, &["error: the body has a content coding that was not asked for"]);
    assert!(world.files().is_empty());
}

#[test]
fn a_range_of_plain_media() {
    let part = &plaintext()[1000..2000];
    let world = World::without_answers(plain);
    world.get(&["--range", "1000-1999", "-o", "part"]).expect(0, &["part: 1000 bytes"]);
    assert!(world.read("part") == part);
    // Some homeservers do not support ranges.
    let world = World::without_answers(|_| Reply::new(200, plaintext()));
    world.get(&["--range", "1000-1999", "-o", "part"]).expect(0, &["part: 1000 bytes"]);
    assert!(world.read("part") == part);
}

#[test]
fn a_range_that_the_homeserver_cuts_short_is_no_success() {
    let world = World::without_answers(|_| {
        let range = format!("bytes 1000-1499/{SIZE}");
        Reply::new(206, &plaintext()[1000..1500]).header("content-range", range)
    });
    world.get(&["--plain", "--range", "1000-1999", "-o", "part"]).expect(
        2,
        &[
            "error: the server offers only the bytes 1000-1499 of the requested bytes 1000-1999",
            "hint: download this part with --range 1000-1499, then the rest",
        ],
    );
    assert!(world.files().is_empty());
    world.get(&["--plain", "--range", "1000-1499", "-o", "part"]).expect(0, &["part: 500 bytes"]);
    assert!(world.read("part") == plaintext()[1000..1500]);
}

#[test]
fn a_thumbnail() {
    let world = World::without_answers(plain);
    world.get(&["--plain", "--thumbnail", "32x24", "--method", "crop"]).expect(0, &[]);
    let path = "/_matrix/client/v1/media/thumbnail/media.example/AbCdEf?width=32&height=24&method=crop";
    assert_eq!(world.homeserver_paths(), [path]);
}

#[test]
fn unreachable_servers_are_named() {
    let world = World::good();
    let gone = Server::start(|_| Reply::new(500, "")).origin();
    let run = Run::of(world.command(&["get", "--homeserver", &gone, MXC]).output().unwrap());
    run.expect(5, &["error: cannot reach the homeserver: ", "hint: check the address"]);
    // The message names the edge, but not the link.
    let homeserver_edge = gone.clone();
    let homeserver = Server::start(move |asked| match asked.path.as_str() {
        CONFIG_PATH => Reply::new(200, config(&homeserver_edge)),
        _ => answer("redirect", &homeserver_edge, 1),
    });
    let run = Run::of(world.command(&["get", "--homeserver", &homeserver.origin(), MXC]).output().unwrap());
    run.expect(5, &["error: cannot reach the edge: "]);
    assert!(world.files().is_empty());
}

#[test]
fn the_reason_for_plain_delivery_is_shown_if_verbose() {
    let world =
        World::without_answers(|asked| plain(asked).header("org-matrix-msc4097-plain", "too_small\u{202e}"));
    world.get(&[]).expect(0, &["the homeserver sent the media unencrypted: too_small\n"]);
    let run = Run::of(world.command(&["get", "-o", "other", MXC]).output().unwrap()).expect(0, &[]);
    assert!(!run.stderr.contains("too_small"), "{}", run.stderr);
}
