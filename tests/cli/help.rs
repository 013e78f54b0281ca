//! Help texts and usage errors.

use crate::world::{MXC, Run, World};

fn shown(args: &[&str]) -> String {
    let world = World::good();
    let mut command = world.command(args);
    // Without a terminal, this is the width of the text.
    let run = Run::of(command.env("COLUMNS", "100").output().unwrap()).expect(0, &[]);
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn help() {
    insta::assert_snapshot!("help", shown(&["--help"]));
    insta::assert_snapshot!("get_help_short", shown(&["get", "-h"]));
    insta::assert_snapshot!("get_help", shown(&["get", "--help"]));
    insta::assert_snapshot!("link_help_short", shown(&["link", "-h"]));
    insta::assert_snapshot!("link_help", shown(&["link", "--help"]));
}

#[test]
fn usage_errors_say_what_is_expected() {
    let world = World::good();
    for (args, said) in [
        (&["get", "https://media.example/AbC"][..], "expected mxc://<server name>/<media id>"),
        (&["get", "mxc://media.example/a.b"], "invalid media id"),
        (&["get", "mxc://media.example/AbC#auto"], "remove everything from '#' on"),
        (&["link", "mxc://media.example/AbC/"], "remove everything from '/' on"),
        (&["get", MXC, "-o", ""], "'--output <PATH>'"),
        (&["get", MXC, "--homeserver", "http://matrix.example.org"], "use https"),
        (&["get", MXC, "--homeserver", "matrix.example.org"], "expected https://host"),
        (&["get", MXC, "-o", "x", "--range", "9-5"], "the end lies before the start"),
        (&["get", MXC, "-o", "x", "--range", "5"], "expected START-END"),
        (&["get", MXC, "--range", "0-1"], "--output <PATH>"),
        (&["get", MXC, "--thumbnail", "320"], "expected WIDTHxHEIGHT"),
        (&["get", MXC, "--thumbnail", "+320x240"], "expected WIDTHxHEIGHT"),
        (&["get", MXC, "--thumbnail", "320x240 "], "expected WIDTHxHEIGHT"),
        (&["get", MXC, "--method", "crop"], "--thumbnail <WIDTHxHEIGHT>"),
        (&["get", MXC, "--delivery", "pigeon"], "[possible values: redirect, json, session]"),
        (&["get", MXC, "--plain", "--verbatim"], "cannot be used with"),
        (&["get", MXC, "--stall-timeout", "0"], "expected a whole number of seconds"),
        (&["get", MXC, "--stall-timeout", "+5"], "expected a whole number of seconds"),
        (&["get"], "<MXC_URI>"),
        (&["link", "https://media.example/AbC"], "expected mxc://<server name>/<media id>"),
        (&["link", MXC, "--range", "0-1"], "unexpected argument '--range'"),
        (&[], "Usage: cloakroom <COMMAND>"),
    ] {
        Run::of(world.command(args).output().unwrap()).expect(2, &[said]);
    }
    assert!(world.homeserver.asked().is_empty());
}

#[test]
fn no_homeserver() {
    let world = World::good();
    for command in ["get", "link"] {
        let mut command = world.command(&[command, MXC]);
        let run = Run::of(command.env_remove("CLOAKROOM_HOMESERVER").output().unwrap());
        run.expect(2, &["error: no homeserver given", "CLOAKROOM_HOMESERVER"]);
    }
}

#[test]
fn a_token_on_the_command_line_is_refused_and_not_repeated() {
    let world = World::good();
    let token = "--token=syt_dGVzdA_onthecommandline";
    let run = Run::of(world.command(&["get", token, MXC]).output().unwrap()).expect(2, &["--token-file"]);
    assert!(!run.stderr.contains("onthecommandline"), "{}", run.stderr);
}
