//! The output, and the source of the token.

use std::fs;

use crate::server::{Asked, Reply};
use crate::world::{ACCESS_TOKEN, MXC, Run, World, encrypted, plain, plaintext};

#[test]
fn an_existing_file_is_kept_without_force() {
    let world = World::good();
    fs::write(world.path("mine"), "mine").unwrap();
    world.get(&["-o", "mine"]).expect(8, &["error: mine already exists", "hint: overwrite it with --force"]);
    assert!(world.homeserver.asked().is_empty());
    assert_eq!(world.read("mine"), b"mine");
    world.get(&["-o", "mine", "--force"]).expect(0, &["mine: 700001 bytes"]);
    assert!(world.read("mine") == plaintext());
    // The same for the media's own file name.
    fs::write(world.path("picture.png"), "mine").unwrap();
    world.get(&[]).expect(8, &["error: picture.png already exists"]);
    assert_eq!(world.read("picture.png"), b"mine");
    assert_eq!(world.files(), ["mine", "picture.png"]);
    // The client checks the name before the body, which never arrives here.
    let head = encrypted(&Asked::bare()).silent_after(0);
    let silent = World::with_edge(move |_| head.clone());
    fs::write(silent.path("picture.png"), "mine").unwrap();
    silent.get(&["--stall-timeout", "1"]).expect(8, &["error: picture.png already exists"]);
}

#[test]
fn a_failed_download_keeps_the_old_file() {
    let world = World::with_edge(|asked| encrypted(asked).cut_after(600_000));
    fs::write(world.path("mine"), "mine").unwrap();
    world.get(&["-o", "mine", "--force"]).expect(7, &[]);
    assert_eq!((world.files(), world.read("mine")), (vec!["mine".to_owned()], b"mine".to_vec()));
}

#[test]
fn a_file_name_is_not_used_as_a_path() {
    let world = World::without_answers(|_| {
        Reply::new(200, "x").header("content-disposition", "attachment; filename=\"../../evil.sh\"")
    });
    fs::create_dir(world.path("in")).unwrap();
    world.get(&["-o", "in"]).expect(0, &["in/evil.sh: 1 bytes"]);
    assert_eq!(world.files(), ["in"]);
    assert_eq!(fs::read(world.path("in/evil.sh")).unwrap(), b"x");
}

#[test]
fn missing_folders_are_errors() {
    let world = World::good();
    fs::write(world.path("file"), "mine").unwrap();
    for (output, said) in [
        ("missing/file", "the folder missing does not exist\nhint: create the folder first"),
        ("missing/", "the folder missing/ does not exist"),
        ("missing/in/file", "the folder missing/in does not exist"),
        ("file/x", "file is not a folder\nhint: choose another path"),
        ("file/", "file/ is not a folder"),
        ("file/in/x", "file/in is not a folder"),
    ] {
        world.get(&["-o", output]).expect(8, &[&format!("error: cannot write {output}: {said}")]);
    }
    assert!(world.homeserver.asked().is_empty());
    assert_eq!((world.files(), world.read("file")), (vec!["file".to_owned()], b"mine".to_vec()));
}

#[test]
fn standard_output() {
    let world = World::good();
    let run = world.get(&["-o", "-"]).expect(0, &["standard output: 700001 bytes"]);
    assert!(run.stdout == plaintext());
    assert!(world.files().is_empty());
}

#[test]
fn a_closed_pipe_ends_the_download() {
    let world = World::good();
    let mut child = world.spawn_get(&["-o", "-"]);
    drop(child.stdout.take());
    let run = Run::of(child.wait_with_output().unwrap());
    assert!(!run.stderr.contains("error"), "{}", run.stderr);
    run.expect(141, &["the reader of standard output has closed it"]);
}

/// In a shell, with a pipe that is full when `head` ends.
#[cfg(unix)]
#[test]
fn head_ends_the_download_silently() {
    let world = World::good();
    let template = world.command(&["get", "-o", "-", MXC]);
    let mut shell = std::process::Command::new("sh");
    let line = r#"{ "$0" "$@"; echo "exit code $?" >&2; } | head -c 10"#;
    shell.args(["-c", line]).arg(template.get_program()).args(template.get_args());
    for (name, value) in template.get_envs() {
        shell.env(name, value.unwrap());
    }
    let run = Run::of(shell.current_dir(template.get_current_dir().unwrap()).output().unwrap());
    assert_eq!((run.stderr.as_str(), run.stdout), ("exit code 141\n", plaintext()[..10].to_vec()));
}

#[test]
fn a_closed_pipe_ends_the_link_command_silently() {
    let world = World::without_answers(|asked| match asked.path.as_str() {
        "/_matrix/client/v3/account/whoami" => Reply::new(200, r#"{"user_id":"@alice:media.example"}"#),
        _ => Reply::new(200, "media"),
    });
    let mut child = world.command(&["link", MXC]).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(141), ""));
}

#[test]
fn quiet_prints_nothing() {
    let world = World::good();
    let run = Run::of(world.command(&["get", "--quiet", MXC]).output().unwrap()).expect(0, &[]);
    assert_eq!((run.stderr.as_str(), run.stdout.len()), ("", 0));
}

#[test]
fn no_progress_is_drawn_without_a_terminal() {
    let world = World::good();
    let run = Run::of(world.command(&["get", MXC]).output().unwrap()).expect(0, &[]);
    assert_eq!(run.stderr, "picture.png: 700001 bytes, image/png, via an encrypted link (chacha20)\n");
}

#[cfg(unix)]
#[test]
fn a_saved_file_has_the_permissions_of_a_new_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::good();
    world.get(&[]).expect(0, &[]);
    fs::write(world.path("any"), "").unwrap();
    let mode = |name| fs::metadata(world.path(name)).unwrap().permissions().mode();
    assert_eq!(mode("picture.png"), mode("any"));
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_written_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt as _;
    let world = World::good();
    let pipe = world.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    world.get(&["-o", "pipe", "--force"]).expect(0, &["pipe: 700001 bytes"]);
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert!(reader.join().unwrap() == plaintext());
}

/// Runs the client with the token in a file only.
fn with_token_file(world: &World, path: &str) -> Run {
    let mut command = world.command(&["get", "--plain", "--token-file", path, "--force", MXC]);
    Run::of(command.env_remove("CLOAKROOM_TOKEN").output().unwrap())
}

#[test]
fn a_token_in_a_file() {
    let world = World::without_answers(plain);
    fs::write(world.path("token"), format!("{ACCESS_TOKEN}\n")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let set = |mode| fs::set_permissions(world.path("token"), fs::Permissions::from_mode(mode)).unwrap();
        set(0o644);
        with_token_file(&world, "token")
            .expect(0, &["warning: other users can read the access token; run: chmod 600 token"]);
        set(0o600);
    }
    let run = with_token_file(&world, "token").expect(0, &[]);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    let bearer = format!("Bearer {ACCESS_TOKEN}");
    assert!(world.homeserver.asked().iter().all(|asked| asked.header("authorization") == Some(&bearer)));
}

#[test]
fn invalid_tokens_are_errors() {
    let world = World::good();
    let too_long = "x".repeat(16 * 1024 + 1);
    let quoted = format!("\"{ACCESS_TOKEN}\"\n");
    for (content, said) in [
        ("", "it is empty"),
        ("\n", "it is empty"),
        (&too_long, "it is longer than 16 KiB"),
        (&quoted, "the token is in quotes\nhint: remove the quotes"),
        ("two words", "expected one word of ASCII characters"),
        ("t\u{f6}ken", "expected one word of ASCII characters"),
    ] {
        fs::write(world.path("token"), content).unwrap();
        let error = format!("error: the token file token does not hold an access token: {said}");
        with_token_file(&world, "token").expect(2, &[&error]);
    }
    let mut command = world.command(&["get", MXC]);
    let run = Run::of(command.env("CLOAKROOM_TOKEN", &quoted).output().unwrap());
    let error =
        "error: the environment variable CLOAKROOM_TOKEN does not hold an access token: the token is in";
    run.expect(2, &[error, "hint: remove the quotes"]);
    with_token_file(&world, "missing").expect(2, &["error: cannot read the token file missing: "]);
    let mut command = world.command(&["get", MXC]);
    let run = Run::of(command.env_remove("CLOAKROOM_TOKEN").output().unwrap());
    run.expect(2, &["error: no access token given", "CLOAKROOM_TOKEN"]);
    assert!(world.homeserver.asked().is_empty());
}
