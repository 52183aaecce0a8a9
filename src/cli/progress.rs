//! Bars on stderr. They are not drawn where stderr is no terminal, or under `--quiet`.

use std::cell::Cell;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::session::run::Tally;
use crate::text::printable;
use crate::train::Pace;

/// What a bar of a download or of reading looks like.
const BYTES: &str = "{msg} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
/// The same, of unknown length.
const SPINNER: &str = "{spinner} {msg}";
/// What the bar of a run looks like.
const ROWS: &str = "{bar:32} {pos}/{len} rows  {msg}  {eta} left";

/// The same of anything else that can be counted.
const COUNTED: &str = "{bar:32} {pos}/{len} {msg}  {eta} left";

/// What the bar of a training looks like: of steps, and of rows while an evaluation goes on.
const STEPS: &str = "{bar:24} {prefix} {pos}/{len}  {msg}";

/// A bar that shows one stage of work after another.
pub(super) struct Bar {
    bar: ProgressBar,
    quiet: bool,
    /// Steps of a training, in all.
    steps: Cell<usize>,
}

impl Bar {
    /// A bar that shows nothing yet.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        Self { bar: ProgressBar::with_draw_target(None, target), quiet, steps: Cell::new(0) }
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

    /// Begins to show a training that is so far already.
    pub fn begin_steps(&self, step: usize, steps: usize) {
        self.bar.set_style(style(STEPS));
        self.bar.set_prefix("step");
        self.bar.set_message(String::new());
        self.bar.set_length(steps as u64);
        // A bar that was taken away is drawn again only after this.
        self.bar.reset();
        self.steps.set(steps);
        self.bar.set_position(step as u64);
    }

    /// Shows how far a training is, and how it goes.
    pub fn pace(&self, pace: &Pace) {
        let (prefix, done, total) = match pace.evaluating {
            Some((done, total)) => ("evaluating row", done, total),
            None => ("step", pace.step, self.steps.get()),
        };
        let Pace { loss, learning_rate, rows_per_second, seconds_left, .. } = pace;
        self.bar.set_prefix(prefix);
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        let left = clock(*seconds_left);
        self.bar
            .set_message(format!("loss {loss:.4}  lr {learning_rate:.2e}  {rows_per_second:.1} rows/s  {left} left"));
    }

    /// Shows how many of something are done.
    pub fn counted(&self, what: &str, done: usize, total: usize) {
        if self.bar.message() != what {
            self.bar.set_style(style(COUNTED));
            self.bar.set_message(printable(what).into_owned());
            self.bar.set_length(total as u64);
        }
        self.bar.set_position(done as u64);
    }

    /// Does something that writes to the terminal, with the bar out of the way.
    pub fn suspend(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
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

/// A time as `1:05`, a long one as `2:01:05`.
pub(super) fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// The templates above are right; should one not be, the default bar is shown.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
