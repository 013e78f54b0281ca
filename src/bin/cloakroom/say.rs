//! What the user reads, on standard error. A closed standard error is no reason to stop.

use std::fmt::Display;
use std::io::Write as _;

use super::args::Talk;
use super::failure::Failure;

/// The one who says things, as much as the user likes to hear.
#[derive(Clone, Copy, Debug)]
pub struct Say(Talk);

impl Say {
    pub fn new(talk: Talk) -> Self {
        Self(talk)
    }

    /// Whether a progress bar is welcome.
    pub fn is_quiet(self) -> bool {
        self.0.quiet
    }

    /// Always: what went wrong, and what to do.
    #[expect(clippy::unused_self, reason = "said at every level, by the one who says things")]
    pub fn failure(self, failure: &Failure) {
        line(format_args!("error: {failure}"));
        if let Some(hint) = failure.hint() {
            line(format_args!("hint: {hint}"));
        }
    }

    /// Unless `--quiet`.
    pub fn note(self, text: impl Display) {
        if !self.0.quiet {
            line(text);
        }
    }

    /// With `--verbose`.
    pub fn step(self, text: impl Display) {
        if self.0.verbose {
            line(text);
        }
    }
}

fn line(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
