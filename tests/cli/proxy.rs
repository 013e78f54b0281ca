//! Proxies of the environment: which requests use them, and how their errors are reported.

use crate::server::{Asked, Reply, Server};
use crate::world::{ACCESS_TOKEN, MXC, Run, World, plain, plaintext};

const VARIABLES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"];
const PASSWORD: &str = "proxypassword";

/// Returns the URL of a proxy with credentials.
fn with_password(proxy: &Server) -> String {
    proxy.origin().replace("://", &format!("://user:{PASSWORD}@"))
}

/// Runs `cloakroom <args> mxc://…` with this proxy in all variables.
fn through(proxy: &str, world: &World, args: &[&str]) -> Run {
    let mut command = world.command(&[args, &[MXC]].concat());
    for variable in VARIABLES {
        command.env(variable, proxy);
    }
    let run = Run::of(command.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap());
    assert!(!run.stderr.contains(PASSWORD), "the proxy's password is in: {}", run.stderr);
    run
}

/// Fails if the proxy received the access token.
fn assert_no_token(proxy: &Server) {
    for asked in proxy.asked() {
        assert_eq!(asked.header("authorization"), None, "{asked:?}");
        assert!(!format!("{asked:?}").contains(ACCESS_TOKEN), "{asked:?}");
    }
}

#[test]
fn requests_to_the_local_machine_use_no_proxy() {
    let proxy = Server::start(|_| Reply::new(502, ""));
    for args in [&["get"][..], &["get", "--delivery", "json"], &["get", "--plain", "-o", "plain"]] {
        let world = World::new(
            |asked, edge, n| {
                if asked.path.contains('?') {
                    crate::world::answer(crate::world::delivery_of(asked), edge, n)
                } else {
                    plain(asked)
                }
            },
            |asked, _| crate::world::encrypted(asked),
        );
        through(&with_password(&proxy), &world, args).expect(0, &[]);
        // The name `localhost` always means the local machine.
        let homeserver = world.homeserver.origin().replace("127.0.0.1", "localhost");
        let named = [args, &["--force", "--homeserver", &homeserver]].concat();
        through(&with_password(&proxy), &world, &named).expect(0, &[]);
    }
    let world = World::without_answers(|asked| match asked.path.as_str() {
        "/_matrix/client/v3/account/whoami" => Reply::new(200, r#"{"user_id":"@alice:media.example"}"#),
        _ => Reply::new(200, "media"),
    });
    through(&with_password(&proxy), &world, &["link"]).expect(0, &["works without an account"]);
    assert_eq!(proxy.asked().len(), 0, "{:?}", proxy.asked());
}

/// The target of the homeserver's redirect. It is plain http, and only the proxy can reach it.
const STORE: &str = "http://store.example/bucket";

fn redirecting() -> World {
    World::without_answers(|_| Reply::new(307, "").header("location", STORE))
}

#[test]
fn requests_to_other_hosts_use_the_proxy_without_the_token() {
    let forward = |asked: &Asked| {
        assert_eq!(asked.path, STORE);
        plain(asked)
    };
    let (proxy, world) = (Server::start(forward), redirecting());
    through(&with_password(&proxy), &world, &["get", "--plain"]).expect(0, &[]);
    assert!(world.read("picture.png") == plaintext());
    assert_eq!(proxy.asked().len(), 1);
    assert!(proxy.asked()[0].header("proxy-authorization").is_some());
    assert_no_token(&proxy);
}

#[test]
fn errors_of_a_proxy_are_not_reported_as_errors_of_the_server() {
    for status in [407, 502, 503] {
        let (proxy, world) = (Server::start(move |_| Reply::new(status, "<html>")), redirecting());
        let run = through(&with_password(&proxy), &world, &["get", "--plain"]);
        let said = format!("through the proxy {}: ", proxy.origin());
        let run = run.expect(
            5,
            &["error: cannot reach the redirect target http://store.example", &said, "hint: check the proxy"],
        );
        assert!(!run.stderr.contains("store.example returned"), "{}", run.stderr);
        assert!(world.files().is_empty());
    }
}

#[test]
fn a_proxy_that_refuses_a_tunnel_is_named() {
    let world = World::good();
    let to = ["--homeserver", "https://matrix.example.invalid"];
    for (reply, said) in [
        (Reply::new(407, ""), "the proxy asks for a user name and password"),
        (Reply::new(502, "<html>"), "the proxy did not open a connection"),
        // A page instead of a tunnel.
        (Reply::new(200, "<html>Welcome to the hotel</html>"), ""),
        (Reply::new(200, "").cut_after(0), ""),
    ] {
        let proxy = Server::start(move |_| reply.clone());
        for args in [&["get"][..], &["link"]] {
            let run = through(&with_password(&proxy), &world, &[args, &to].concat());
            let through =
                format!("error: cannot reach the homeserver through the proxy {}: ", proxy.origin());
            let run = run.expect(5, &[&through, said, "hint: check the proxy"]);
            assert!(!run.stderr.contains("the homeserver returned"), "{}", run.stderr);
        }
        let asked = proxy.asked();
        assert_eq!((asked.len(), asked[0].method.as_str()), (2, "CONNECT"));
        assert_no_token(&proxy);
    }
}

#[test]
fn an_unreachable_proxy_is_named() {
    let gone = Server::start(|_| Reply::new(500, ""));
    let (proxy, origin) = (with_password(&gone), gone.origin());
    drop(gone);
    let world = World::good();
    let run = through(&proxy, &world, &["get", "--homeserver", "https://matrix.example.invalid"]);
    run.expect(5, &[&format!("error: cannot reach the homeserver through the proxy {origin}: ")]);
}

#[test]
fn a_socks_proxy_is_an_error() {
    let world = World::good();
    let run = through(
        &format!("socks5://user:{PASSWORD}@127.0.0.1:1"),
        &world,
        &["get", "--homeserver", "https://matrix.example.invalid"],
    );
    run.expect(5, &["through the proxy socks5://127.0.0.1:1: only http and https proxies are supported"]);
}
