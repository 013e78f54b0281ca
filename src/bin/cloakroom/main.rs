//! The command line client: `cloakroom get mxc://server/id`, `cloakroom link mxc://server/id`.
//!
//! Sockets, files and the terminal around the rules of [`cloakroom::client`]. In the order of a
//! download: `args` and `token` (what the user gave), `network` and `transport` (connections and
//! requests), `get` (the conversation and the body), `output` and `sink` (where the bytes go), `progress`, `failure`
//! (what went wrong, as a sentence and an exit code). `link` is the other command.

mod args;
mod failure;
mod get;
mod link;
mod network;
mod output;
mod progress;
mod say;
mod sink;
mod token;
mod transport;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command, Talk};
use failure::Failure;
use say::Say;

fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return explain(&error),
    };
    let say = Say::new(command.talk());
    let result = match command {
        Command::Get(args) => run(get::get(*args, &say)),
        Command::Link(args) => run(link::link(args, &say)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Prints help, or says why the arguments make no sense. They may be pasted from anywhere.
fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    let say = Say::new(Talk::default());
    token::hide_variable(&say);
    for line in error.render().to_string().lines() {
        say.line(line);
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Runs a command until it ends or a signal comes. Either way everything it holds is dropped, its
/// temporary file with it.
fn run(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("cannot start", error))?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = command => result,
            signal = interruption() => Err(Failure::Interrupted { signal }),
        }
    });
    // A write that hangs (a full pipe) must not keep us.
    runtime.shutdown_background();
    result
}

/// Waits for Ctrl-C, a request to end, or the end of the terminal; gives the number of the signal.
#[cfg(unix)]
async fn interruption() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    let hangup = async {
        if !outlives_its_terminal()
            && let Ok(mut hangup) = signal(SignalKind::hangup())
        {
            return hangup.recv().await;
        }
        std::future::pending().await
    };
    tokio::select! {
        _ = hangup => 1,
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
    }
}

/// Whether we were started to go on without a terminal, as `nohup` does: with the signal ignored, which
/// to wait for it would undo. Where the system does not say, we were not.
#[cfg(unix)]
fn outlives_its_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // A bit for each signal; the first is the hangup.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Waits for Ctrl-C; gives the number that the signal has elsewhere.
#[cfg(not(unix))]
async fn interruption() -> u8 {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    2
}
