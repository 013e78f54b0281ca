//! A progress bar, on a terminal only.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const KNOWN: &str = "{wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta}";
const UNKNOWN: &str = "{spinner} {binary_bytes}, {binary_bytes_per_sec}";

/// On standard error, while bytes come.
pub struct Progress(ProgressBar);

impl Progress {
    /// For `length` bytes, where that is known. Draws nothing if `hidden`, or without a terminal.
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
