//! The progress bar, which is shown on terminals only.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const KNOWN: &str = "{wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta}";
const UNKNOWN: &str = "{spinner} {binary_bytes}, {binary_bytes_per_sec}";

/// A progress bar on standard error.
pub struct Progress(ProgressBar);

impl Progress {
    /// Makes a bar for `length` bytes, if known. It draws nothing if `hidden` is set or standard error is not
    /// a terminal.
    pub fn new(length: Option<u64>, hidden: bool) -> Self {
        if hidden || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        let template = if length.is_some() { KNOWN } else { UNKNOWN };
        Self(match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    pub fn set(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}
