//! A progress bar on a terminal; nothing anywhere else.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for so many pieces of work. It is drawn to standard error, and only if that is a
/// terminal.
pub fn bar(pieces: u64) -> ProgressBar {
    let bar = ProgressBar::new(pieces);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}
