//! Bars on stderr. They are not drawn where stderr is no terminal, or under `--quiet`.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::session::run::Tally;
use crate::text::printable;

/// What a bar of a download or of reading looks like.
const BYTES: &str = "{msg} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
/// The same, of unknown length.
const SPINNER: &str = "{spinner} {msg}";
/// What the bar of a run looks like.
const ROWS: &str = "{bar:32} {pos}/{len} rows  {msg}  {eta} left";

/// A bar that shows one stage of work after another.
pub(super) struct Bar {
    bar: ProgressBar,
    quiet: bool,
}

impl Bar {
    /// A bar that shows nothing yet.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        Self { bar: ProgressBar::with_draw_target(None, target), quiet }
    }

    /// Shows a stage with the bytes done so far.
    pub fn bytes(&self, stage: &str, done: u64, total: Option<u64>) {
        if self.bar.message() != stage {
            self.bar.set_style(style(if total.is_some() { BYTES } else { SPINNER }));
            self.bar.set_message(printable(stage).into_owned());
        }
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }

    /// Begins to show a run that is so far already.
    pub fn begin_rows(&self, tally: Tally) {
        self.bar.set_style(style(ROWS));
        self.bar.set_message(String::new());
        self.bar.set_length(tally.total as u64);
        // A bar that was taken away is drawn again only after this.
        self.bar.reset();
        self.bar.set_position(tally.done as u64);
        self.bar.reset_eta();
    }

    /// Shows how far a run is.
    pub fn rows(&self, tally: Tally, rate: f64) {
        let accuracy = tally.accuracy().map_or_else(String::new, |accuracy| format!("  accuracy {accuracy:.3}"));
        self.bar.set_message(format!("{rate:.1} rows/s{accuracy}"));
        self.bar.set_position(tally.done as u64);
    }

    /// Says something above the bar.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| eprintln!("{}", printable(text)));
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The templates above are right; should one not be, the default bar is shown.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
