//! Signals and terminals.
#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::world::{MXC, Run, SIZE, World, encrypted};

/// Waits until `condition` is true. Panics after 30 s.
fn wait_for(mut condition: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    panic!("what was waited for did not happen in 30 s");
}

/// Starts a program that `SIGHUP` ends, as a shell on a terminal does. Tests that run under `nohup` ignore the signal, and so would
/// the programs that they start.
fn hangup_by_default() -> &'static [&'static str] {
    let starter = &["env", "--default-signal=HUP"];
    let works = Command::new(starter[0]).args([starter[1], "true"]).stderr(Stdio::null()).status();
    // Not every `env` has the option: coreutils 8.31.
    if works.is_ok_and(|status| status.success()) { starter } else { &[] }
}

#[test]
fn a_signal_leaves_no_file() {
    for (signal, code) in [("-HUP", 129), ("-INT", 130), ("-TERM", 143)] {
        let world = World::with_edge(|asked| encrypted(asked).silent_after(600_000));
        let child = world.command_by(hangup_by_default(), &["get", MXC]).spawn().unwrap();
        wait_for(|| !world.files().is_empty());
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        Run::of(child.wait_with_output().unwrap()).expect(code, &["error: interrupted"]);
        assert!(world.files().is_empty(), "{:?}", world.files());
    }
}

#[test]
fn with_nohup_the_client_ignores_hangup() {
    let slow = |asked: &_| encrypted(asked).pause_after(600_000, Duration::from_secs(1));
    let world = World::with_edge(slow);
    let child = world.command_by(&["nohup"], &["get", MXC]).stdout(Stdio::null()).spawn().unwrap();
    wait_for(|| !world.files().is_empty());
    assert!(Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success());
    Run::of(child.wait_with_output().unwrap()).expect(0, &[]);
}

#[test]
fn a_signal_ends_a_blocked_write() {
    let world = World::good();
    // Nobody reads the pipe, so it is full after 64 KiB.
    let mut child = world.spawn_get(&["-o", "-"]);
    wait_for(|| !world.edge.asked().is_empty());
    sleep(Duration::from_millis(200));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    wait_for(|| child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Runs `cloakroom get <args>` on a new terminal. Returns the exit code and the output.
fn on_a_terminal(world: &World, args: &str) -> (Option<i32>, Vec<u8>) {
    let line = format!("{} get {args} {MXC}", env!("CARGO_BIN_EXE_cloakroom"));
    let mut command = Command::new("script");
    // The same environment and folder as in other runs.
    let template = world.command(&[]);
    for (name, value) in template.get_envs() {
        command.env(name, value.unwrap());
    }
    command.current_dir(template.get_current_dir().unwrap());
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code(), output.stdout)
}

#[test]
fn a_terminal_needs_force() {
    let world = World::good();
    for output in ["-", "/dev/stdout", "/dev/tty"] {
        let (code, shown) = on_a_terminal(&world, &format!("--output {output}"));
        let shown = String::from_utf8_lossy(&shown);
        assert_eq!(code, Some(2), "{shown}");
        assert!(shown.contains("is a terminal, and media would garble it"), "{shown}");
    }
    let (code, shown) = on_a_terminal(&world, "--output - --force");
    assert_eq!(code, Some(0));
    assert!(shown.len() >= SIZE);
}

#[test]
fn progress_is_drawn_on_a_terminal() {
    let slow = |asked: &_| encrypted(asked).pause_after(600_000, Duration::from_millis(500));
    let (code, shown) = on_a_terminal(&World::with_edge(slow), "");
    let shown = String::from_utf8_lossy(&shown);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("512.00 KiB of 683.59 KiB"), "{shown}");
    let (_, shown) = on_a_terminal(&World::with_edge(slow), "--quiet");
    assert_eq!(String::from_utf8_lossy(&shown), "");
}
