//! Text from outside in the output: it never contains the access token and cannot control the terminal.

use std::fs;

use cloakroom::protocol::Metadata;

use crate::server::{Reply, Server};
use crate::world::{ACCESS_TOKEN, CONFIG_PATH, MXC, Run, World, answer_about, delivery_of, metadata, sealed};

/// Characters that change the colour, ring the bell, and change the direction of text.
const STEERING: &str = "\u{1b}[31m\u{7}\u{202e}\u{2066}\u{200f}\u{9b}2J";

/// Fails if the output contains characters that control the terminal, or a very long line.
fn assert_safe(run: &Run) {
    let steers = |char: char| {
        (char.is_control() && char != '\n')
            || matches!(char, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!run.stderr.contains(steers), "{:?}", run.stderr);
    assert!(run.stderr.lines().all(|line| line.chars().count() <= 1000), "{}", run.stderr);
}

/// Returns an error of the homeserver that contains the token and control characters, and is long.
fn telling(errcode: &str) -> String {
    let error = format!("{STEERING}{ACCESS_TOKEN}: {}{ACCESS_TOKEN}", "x".repeat(2000));
    serde_json::json!({ "errcode": format!("{errcode}{STEERING}"), "error": error }).to_string()
}

#[test]
fn errors_of_the_homeserver() {
    let whoami = "/_matrix/client/v3/account/whoami";
    let legacy = "/_matrix/media/v3/download/media.example/AbCdEf";
    // One of the requests is refused. `--verbose` prints the steps after it.
    for (refused, status, code) in [
        (whoami, 401, 3),
        (CONFIG_PATH, 403, 0),
        (CONFIG_PATH, 404, 0),
        (CONFIG_PATH, 500, 5),
        (legacy, 403, 9),
    ] {
        let homeserver = Server::start(move |asked| match asked.path.as_str() {
            path if path == refused => Reply::new(status, telling("M_UNKNOWN")),
            path if path == whoami => Reply::new(200, r#"{"user_id":"@alice:media.example"}"#),
            _ => Reply::new(200, "{}"),
        });
        let world = World::good();
        let mut command = world.command(&["link", "--verbose", "--homeserver", &homeserver.origin(), MXC]);
        let run =
            Run::of(command.output().unwrap()).expect(code, &["M_UNKNOWN[31m2J: [31m2J[access token]: xxx"]);
        assert_safe(&run);
    }
    let world = World::without_answers(|_| Reply::new(403, telling("M_FORBIDDEN")));
    let run = world.get(&[]).expect(3, &["M_FORBIDDEN[31m2J: [31m2J[access token]: xxx"]);
    assert_safe(&run);
}

#[test]
fn a_redirect_to_a_host_whose_name_is_the_token() {
    let location = format!("http://{ACCESS_TOKEN}.{}.invalid/", "x".repeat(3000));
    let world = World::without_answers(move |_| Reply::new(307, "").header("location", &location));
    let run =
        world.get(&["--plain"]).expect(5, &["cannot reach the redirect target http://[access token].xxx"]);
    assert_safe(&run);
}

#[test]
fn file_names_and_types() {
    let world = World::without_answers(|_| {
        Reply::new(200, "media")
            .header("content-type", format!("image/{ACCESS_TOKEN}"))
            .header("content-disposition", format!("inline; filename=\"{}{ACCESS_TOKEN}\"", "x".repeat(170)))
    });
    assert_safe(&world.get(&["--plain"]).expect(0, &["x[access token]"]));
    let about = Metadata {
        content_type: format!("{STEERING}{}", "x".repeat(200)),
        content_disposition: Some(format!("inline; filename=\"{STEERING}.png\"")),
        ..metadata()
    };
    let sealing = about.clone();
    let world = World::new(
        move |asked, edge, n| answer_about(&about, delivery_of(asked), edge, n),
        move |asked, _| {
            crate::world::linked(crate::world::part(asked, &crate::world::ciphertext()), &sealed(&sealing))
        },
    );
    let run = world.get(&[]).expect(0, &["700001 bytes, [31m2Jxxx", "via an encrypted link"]);
    assert_safe(&run);
}

#[test]
fn paths_and_arguments() {
    let world = World::good();
    let strange = format!("tok{STEERING}en");
    fs::write(world.path(&strange), "two words").unwrap();
    let output = format!("{strange}/x");
    let argument = format!("mxc://media.example/{STEERING}");
    for args in [
        &["get", "--token-file", &strange, MXC][..],
        &["get", "--token-file", "missing\u{1b}[31m", MXC],
        &["get", "--output", &output, MXC],
        &["get", "--output", &strange, MXC],
        &["get", &argument],
        &["get", MXC, "--homeserver", &argument],
        &["get", MXC, &format!("--{STEERING}")],
    ] {
        let run = Run::of(world.command(args).output().unwrap());
        assert!(run.code != Some(0) && run.stderr.contains("error: "), "{args:?}: {}", run.stderr);
        assert_safe(&run);
    }
}

#[test]
fn arguments_that_contain_the_token() {
    let world = World::good();
    for args in [&["get", ACCESS_TOKEN][..], &["get", MXC, "--homeserver", ACCESS_TOKEN]] {
        Run::of(world.command(args).output().unwrap()).expect(2, &["[access token]"]);
    }
}
