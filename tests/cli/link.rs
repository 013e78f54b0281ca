//! `cloakroom link`: it prints a link if the link works, and the reason otherwise.

use crate::server::{Asked, Reply, Server};
use crate::world::{ACCESS_TOKEN, CONFIG_PATH, MEDIA_PATH, MXC, Run, World};

const WHOAMI_PATH: &str = "/_matrix/client/v3/account/whoami";
const LEGACY_PATH: &str = "/_matrix/media/v3/download/media.example/AbCdEf";
const LOCAL: &str = r#"{"user_id":"@alice:media.example"}"#;
const REMOTE: &str = r#"{"user_id":"@alice:elsewhere.example"}"#;
const SERVED: (u16, &str) = (200, "media");
const NOT_FOUND: (u16, &str) = (404, r#"{"errcode":"M_NOT_FOUND","error":"Not found"}"#);
const UNRECOGNIZED: (u16, &str) = (404, r#"{"errcode":"M_UNRECOGNIZED"}"#);
const MISSING_TOKEN: (u16, &str) = (401, r#"{"errcode":"M_MISSING_TOKEN"}"#);

/// The responses of a homeserver.
#[derive(Clone, Copy)]
struct Says {
    whoami: (u16, &'static str),
    config: (u16, &'static str),
    /// The config for requests without a token. Cloakroom serves it while a policy is set.
    public_config: (u16, &'static str),
    /// The media for requests without a token, on the legacy endpoint.
    anonymous: (u16, &'static str),
    /// The media for the user, on the authenticated endpoint.
    user: (u16, &'static str),
    /// Whether the homeserver supports `HEAD`.
    head: bool,
}

/// Everything works, and no policy is set.
const OPEN: Says = Says {
    whoami: (200, LOCAL),
    config: (200, r#"{"m.upload.size":1}"#),
    public_config: MISSING_TOKEN,
    anonymous: SERVED,
    user: SERVED,
    head: true,
};

/// Returns a media config with this policy.
macro_rules! policy {
    ($word:literal) => {
        (200, concat!(r#"{"m.upload.size":1,"m.media.unauthenticated":""#, $word, r#""}"#))
    };
}

impl Says {
    fn reply(self, asked: &Asked) -> Reply {
        let bearer = format!("Bearer {ACCESS_TOKEN}");
        let authorised = asked.header("authorization") == Some(&bearer);
        assert!(authorised || asked.header("authorization").is_none());
        let (status, body) = match (asked.path.as_str(), authorised, asked.method.as_str()) {
            (WHOAMI_PATH, true, "GET") => self.whoami,
            (CONFIG_PATH, true, "GET") => self.config,
            (CONFIG_PATH, false, "GET") => self.public_config,
            (LEGACY_PATH | MEDIA_PATH, _, "HEAD") if !self.head => UNRECOGNIZED,
            (LEGACY_PATH, false, _) => self.anonymous,
            (MEDIA_PATH, true, _) => self.user,
            _ => (500, "not expected"),
        };
        Reply::new(status, body).header("retry-after", "7")
    }

    /// Runs `cloakroom link`. Returns the outcome, method and path of each request, and the expected link.
    fn link(self, args: &[&str]) -> (Run, Vec<String>, String) {
        let homeserver = Server::start(move |asked| self.reply(asked));
        let world = World::good();
        let mut command = world.command(&[&["link"], args, &[MXC]].concat());
        let run = Run::of(command.env("CLOAKROOM_HOMESERVER", homeserver.origin()).output().unwrap());
        let asked =
            homeserver.asked().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
        (run, asked, format!("{}{LEGACY_PATH}\n", homeserver.origin()))
    }
}

fn asked(paths: &[(&str, &str)]) -> Vec<String> {
    let first = [("GET", WHOAMI_PATH), ("GET", CONFIG_PATH)];
    first.iter().chain(paths).map(|(method, path)| format!("{method} {path}")).collect()
}

const ANONYMOUS: (&str, &str) = ("HEAD", LEGACY_PATH);

#[test]
fn a_working_link_is_printed_alone() {
    for (says, note) in [
        (OPEN, "works without an account now"),
        (Says { config: policy!("m.unspecified"), ..OPEN }, "works without an account now"),
        (Says { config: policy!("m.future"), whoami: (200, REMOTE), ..OPEN }, "works without an account now"),
        (Says { config: policy!("m.local"), ..OPEN }, "the homeserver's policy promises it"),
        (Says { config: UNRECOGNIZED, ..OPEN }, "works without an account now"),
        (Says { anonymous: (206, "m"), ..OPEN }, "works without an account now"),
    ] {
        let (run, requests, link) = says.link(&[]);
        let run = run.expect(0, &[note]);
        assert_eq!(String::from_utf8(run.stdout).unwrap(), link);
        assert_eq!(requests, asked(&[ANONYMOUS]));
        let (quiet, ..) = says.link(&["--quiet"]);
        assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
    }
}

/// A guest, who may not read the config.
const GUEST: Says = Says { config: (403, r#"{"errcode":"M_GUEST_ACCESS_FORBIDDEN"}"#), ..OPEN };

#[test]
fn a_guest_reads_the_policy_without_a_token() {
    let config_again = ("GET", CONFIG_PATH);
    for public_config in [MISSING_TOKEN, NOT_FOUND, (200, "{}"), policy!("m.unspecified")] {
        let (run, requests, link) = Says { public_config, ..GUEST }.link(&[]);
        let run = run.expect(0, &["works without an account now"]);
        assert_eq!(String::from_utf8(run.stdout).unwrap(), link);
        assert_eq!(requests, asked(&[config_again, ANONYMOUS]));
    }
    let (run, requests, _) = Says { public_config: policy!("m.local"), ..GUEST }.link(&[]);
    run.expect(0, &["the homeserver's policy promises it"]);
    assert_eq!(requests, asked(&[config_again, ANONYMOUS]));
    for (public_config, code, said) in [
        (policy!("m.none"), 9, "the homeserver's policy is m.none"),
        ((502, ""), 5, "the homeserver returned 502"),
        ((429, ""), 5, "try again in 7 s"),
    ] {
        let (run, requests, _) = Says { public_config, ..GUEST }.link(&[]);
        assert_eq!(run.expect(code, &["error: ", said]).stdout, b"");
        assert_eq!(requests, asked(&[config_again]));
    }
}

#[test]
fn a_forbidding_policy_is_named_and_no_media_are_requested() {
    for (config, whoami, said) in [
        (policy!("m.none"), LOCAL, "m.none: it serves nothing to people without an account"),
        (policy!("m.all"), LOCAL, "m.none: it serves nothing to people without an account"),
        (policy!("m.cached"), LOCAL, "m.cached: it serves only what is in its cache"),
        (policy!("m.local"), REMOTE, "m.local: it serves only its own users' media"),
    ] {
        let (run, requests, _) = Says { config, whoami: (200, whoami), ..OPEN }.link(&[]);
        let error = format!("error: no link to {MXC} works without an account: the homeserver's policy is ");
        let run = run.expect(9, &[&error, said, "hint: share the mxc URI with people who have an account"]);
        assert_eq!(run.stdout, b"");
        assert_eq!(requests, asked(&[]));
    }
}

#[test]
fn media_for_accounts_only_differ_from_missing_media() {
    let get = [ANONYMOUS, ("GET", LEGACY_PATH), ("HEAD", MEDIA_PATH)];
    for anonymous in [NOT_FOUND, MISSING_TOKEN, (403, r#"{"errcode":"M_FORBIDDEN"}"#)] {
        // A frozen object stays frozen, even if the policy promises a link.
        for config in [OPEN.config, policy!("m.local")] {
            let (run, requests, _) = Says { config, anonymous, ..OPEN }.link(&[]);
            let run = run.expect(9, &["the homeserver serves it only to people with an account"]);
            assert_eq!(run.stdout, b"");
            assert_eq!(requests, asked(&get));
        }
        let (run, requests, _) = Says { anonymous, user: NOT_FOUND, ..OPEN }.link(&[]);
        let run =
            run.expect(4, &["error: the homeserver returned 404 M_NOT_FOUND: Not found", "hint: check"]);
        assert_eq!(run.stdout, b"");
        assert_eq!(requests, asked(&[&get[..], &[("GET", MEDIA_PATH)]].concat()));
    }
}

#[test]
fn a_homeserver_without_head_is_asked_for_one_byte() {
    let (run, requests, link) = Says { head: false, ..OPEN }.link(&[]);
    assert_eq!(String::from_utf8(run.expect(0, &[]).stdout).unwrap(), link);
    assert_eq!(requests, asked(&[ANONYMOUS, ("GET", LEGACY_PATH)]));
    let homeserver = Server::start(|asked| match (asked.method.as_str(), asked.header("range")) {
        ("HEAD", None) => Reply::new(405, ""),
        ("GET", Some("bytes=0-0")) => Reply::new(206, "m"),
        ("GET", None) => Reply::new(200, if asked.path == WHOAMI_PATH { LOCAL } else { "{}" }),
        _ => Reply::new(500, ""),
    });
    let world = World::good();
    let mut command = world.command(&["link", "-v", "--homeserver", &homeserver.origin(), MXC]);
    let said = ["who you are", "for its policy", "without an account\n"];
    Run::of(command.output().unwrap()).expect(0, &said);
    let (run, ..) = Says { head: false, anonymous: NOT_FOUND, ..OPEN }.link(&[]);
    run.expect(9, &["only to people with an account"]);
}

/// A homeserver that redirects people without an account to `location` for media.
fn redirecting(location: String) -> Server {
    Server::start(move |asked| match asked.path.as_str() {
        LEGACY_PATH => Reply::new(307, "").header("location", location.as_str()),
        _ => OPEN.reply(asked),
    })
}

fn link_at(homeserver: &Server) -> Run {
    let world = World::good();
    let mut command = world.command(&["link", "--verbose", "--homeserver", &homeserver.origin(), MXC]);
    Run::of(command.output().unwrap())
}

#[test]
fn a_redirect_to_the_media_is_followed() {
    for (status, code) in [(200, 0), (404, 9)] {
        let store = Server::start(move |asked| {
            assert!(asked.header("authorization").is_none());
            Reply::new(status, "{}")
        });
        link_at(&redirecting(format!("{}/bucket", store.origin()))).expect(code, &[]);
        assert_eq!(store.asked().len(), if status == 200 { 1 } else { 2 });
    }
}

#[test]
fn a_message_names_the_host_that_answered() {
    let failing = Server::start(|_| Reply::new(503, ""));
    let returned = format!("error: the redirect target {} returned 503\n", failing.origin());
    link_at(&redirecting(format!("{}/bucket", failing.origin()))).expect(5, &[&returned]);
    let refusing = Server::start(|_| Reply::new(403, r#"{"errcode":"M_FORBIDDEN"}"#));
    let refused = format!("the redirect target {} returned 403 M_FORBIDDEN\n", refusing.origin());
    link_at(&redirecting(format!("{}/bucket", refusing.origin()))).expect(9, &[&refused]);
    let gone = Server::start(|_| Reply::new(500, "")).origin();
    let unreachable = format!("error: cannot reach the redirect target {gone}: ");
    link_at(&redirecting(format!("{gone}/bucket"))).expect(5, &[&unreachable]);
    // On its own host it is the homeserver still.
    let same = link_at(&redirecting("/elsewhere".to_owned()));
    same.expect(5, &["error: the homeserver returned 500"]);
    // A user name and password in the URL are not part of the name.
    let location = failing.origin().replace("://", "://me:secret@");
    let named = link_at(&redirecting(location)).expect(5, &[&returned]);
    assert!(!named.stderr.contains("secret"), "{}", named.stderr);
    link_at(&redirecting("ftp://x.example/".to_owned())).expect(6, &["error: invalid redirect: "]);
}

#[test]
fn too_many_redirects_are_an_error() {
    let homeserver = Server::start(|asked| match asked.path.as_str() {
        LEGACY_PATH | "/again" => Reply::new(307, "").header("location", "/again"),
        _ => OPEN.reply(asked),
    });
    let world = World::good();
    let run = Run::of(world.command(&["link", "--homeserver", &homeserver.origin(), MXC]).output().unwrap());
    run.expect(6, &["error: more than 10 redirects in a row"]);
}

#[test]
fn no_link_is_printed_after_an_error() {
    let unknown_token = (401, r#"{"errcode":"M_UNKNOWN_TOKEN","error":"no user has syt_x"}"#);
    for (says, code, said) in [
        (Says { whoami: unknown_token, ..OPEN }, 3, "hint: the access token is invalid"),
        (Says { whoami: (200, "<html>"), ..OPEN }, 6, "named no user"),
        (Says { whoami: (404, ""), ..OPEN }, 4, "the homeserver returned 404"),
        (Says { config: (502, ""), ..OPEN }, 5, "the homeserver returned 502"),
        (Says { anonymous: (502, ""), ..OPEN }, 5, "the homeserver returned 502"),
        (Says { anonymous: (429, ""), ..OPEN }, 5, "try again in 7 s"),
        (Says { anonymous: (504, r#"{"errcode":"M_NOT_YET_UPLOADED"}"#), ..OPEN }, 4, "try again later"),
        (Says { anonymous: NOT_FOUND, user: (403, ""), ..OPEN }, 3, "may not read this media"),
    ] {
        let (run, ..) = says.link(&[]);
        assert_eq!(run.expect(code, &["error: ", said]).stdout, b"");
    }
    let world = World::good();
    let gone = Server::start(|_| Reply::new(500, "")).origin();
    let run = Run::of(world.command(&["link", "--homeserver", &gone, MXC]).output().unwrap());
    run.expect(5, &["error: cannot reach the homeserver: "]);
}
