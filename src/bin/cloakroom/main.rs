//! The command line client: `cloakroom get mxc://server/id`, `cloakroom link mxc://server/id`.
//!
//! It adds sockets, files and the terminal to the rules of [`cloakroom::client`]. In the order of a download:
//!
//! 1. `args` and `token` read the command line and the access token.
//! 2. `get` runs the conversation; `network` and `transport` send its requests.
//! 3. `get` decrypts the body; `output` and `sink` write it, and `progress` shows how much.
//! 4. `failure` turns an error into a message, a hint and an exit code. `say` prints everything on standard
//!    error.
//!
//! `link` is the other command.

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

/// Prints the help, or the error in the arguments. The error repeats arguments, and a user may have pasted
/// the access token there, so [`Say`] prints it.
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

/// Runs a command until it ends or a signal arrives. In both cases the command is dropped, and so its
/// temporary file is removed.
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
    // Do not wait for a write that blocks, as on a full pipe.
    runtime.shutdown_background();
    result
}

/// Waits for `SIGINT`, `SIGTERM` or `SIGHUP`. Returns the number of the signal.
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

/// Returns whether `SIGHUP` was ignored when the program started, as `nohup` does. To wait for the signal
/// would undo that. Returns `false` on systems without `/proc`.
#[cfg(unix)]
fn outlives_its_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The mask has a bit for each signal; `SIGHUP` is the first.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Waits for Ctrl-C. Returns 2, the number of `SIGINT` on Unix.
#[cfg(not(unix))]
async fn interruption() -> u8 {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    2
}
