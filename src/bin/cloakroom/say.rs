//! What the user reads, on standard error. A closed standard error is no reason to stop.

use std::cell::OnceCell;
use std::fmt::Display;
use std::io::Write as _;

use cloakroom::client::safe_text;
use cloakroom::protocol::AccessToken;

use super::args::Talk;
use super::failure::Failure;

/// Longest line, in characters: a long path and a sentence around it.
const MAX_LINE_CHARS: usize = 1000;

/// Says things, as much as the user likes to hear.
///
/// Everything that the program shows goes through here, and here through [`safe_text`]: whatever
/// came from outside, it cannot show the access token or steer the terminal.
#[derive(Debug)]
pub struct Say {
    talk: Talk,
    token: OnceCell<AccessToken>,
}

impl Say {
    pub fn new(talk: Talk) -> Self {
        Self { talk, token: OnceCell::new() }
    }

    /// Never shows this token from now on.
    pub fn hide(&self, token: &AccessToken) {
        // There is one token in a run: the first.
        let _ = self.token.set(token.clone());
    }

    /// Whether a progress bar is welcome.
    pub fn is_quiet(&self) -> bool {
        self.talk.quiet
    }

    /// Always: what went wrong, and what to do. A reader that has enough is no error: other programs
    /// end without a word too.
    pub fn failure(&self, failure: &Failure) {
        if matches!(failure, Failure::ReaderLeft { .. }) {
            return self.step(failure);
        }
        self.line(format_args!("error: {failure}"));
        if let Some(hint) = failure.hint() {
            self.line(format_args!("hint: {hint}"));
        }
    }

    /// Unless `--quiet`.
    pub fn note(&self, text: impl Display) {
        if !self.talk.quiet {
            self.line(text);
        }
    }

    /// With `--verbose`.
    pub fn step(&self, text: impl Display) {
        if self.talk.verbose {
            self.line(text);
        }
    }

    /// Always.
    pub fn line(&self, text: impl Display) {
        let text = safe_text(&text.to_string(), self.token.get(), MAX_LINE_CHARS);
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}
