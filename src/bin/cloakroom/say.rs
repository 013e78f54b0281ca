//! Messages to the user, on standard error. A closed standard error does not stop the program.

use std::cell::OnceCell;
use std::fmt::Display;
use std::io::Write as _;

use cloakroom::client::safe_text;
use cloakroom::protocol::AccessToken;

use super::args::Talk;
use super::failure::Failure;

/// The length limit of a line, in characters: a long path and a sentence around it.
const MAX_LINE_CHARS: usize = 1000;

/// Prints messages, as `--quiet` and `--verbose` demand.
///
/// All messages go through [`safe_text`], so text from outside cannot reveal the access token or control the
/// terminal.
#[derive(Debug)]
pub struct Say {
    talk: Talk,
    token: OnceCell<AccessToken>,
}

impl Say {
    pub fn new(talk: Talk) -> Self {
        Self { talk, token: OnceCell::new() }
    }

    /// Hides this token in all later messages.
    pub fn hide(&self, token: &AccessToken) {
        // A run hides one token, so the cell is never set twice.
        let _ = self.token.set(token.clone());
    }

    /// Returns whether `--quiet` is set.
    pub fn is_quiet(&self) -> bool {
        self.talk.quiet
    }

    /// Prints a failure and its hint. A closed pipe is printed with `--verbose` only, because other programs
    /// end silently then.
    pub fn failure(&self, failure: &Failure) {
        if matches!(failure, Failure::ReaderLeft { .. }) {
            return self.step(failure);
        }
        self.line(format_args!("error: {failure}"));
        if let Some(hint) = failure.hint() {
            self.line(format_args!("hint: {hint}"));
        }
    }

    /// Prints a line unless `--quiet` is set.
    pub fn note(&self, text: impl Display) {
        if !self.talk.quiet {
            self.line(text);
        }
    }

    /// Prints a line if `--verbose` is set.
    pub fn step(&self, text: impl Display) {
        if self.talk.verbose {
            self.line(text);
        }
    }

    /// Prints a line.
    pub fn line(&self, text: impl Display) {
        let text = safe_text(&text.to_string(), self.token.get(), MAX_LINE_CHARS);
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}
