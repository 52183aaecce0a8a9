//! Results on stdout, progress on stderr.

use std::io::{ErrorKind, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Context;
use super::failure::Failure;

/// Writes to stdout. A reader that has gone away ends the command without a complaint.
pub fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::closed(),
        _ => Failure::failed(format!("cannot write to stdout: {error}")),
    })
}

/// Writes one JSON object and a line break.
pub fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = crate::text::json(value).map_err(Failure::failed)?;
    write(format!("{text}\n").as_bytes())
}

/// Whether stdout is a terminal, which must not be sent control characters.
pub fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// A line for the user on stderr, progress or not.
pub fn note(context: &Context, text: &str) {
    if !context.options.quiet {
        eprintln!("{}", crate::text::printable(text));
    }
}

/// A progress bar on stderr, hidden where stderr is no terminal or progress is not wanted.
pub fn bar(context: &Context, template: &str, total: Option<u64>) -> ProgressBar {
    let target = if context.options.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(total, target);
    // A template of ours that does not parse would be found by its first use; the default style stands in.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Of bytes: a download.
pub const BYTES: &str = "{msg} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
/// Of something without an end in sight.
pub const SPINNER: &str = "{spinner} {msg} {elapsed}";
/// Of rows.
pub const ROWS: &str = "{bar:32} {pos}/{len} rows  {per_sec}  {eta} left  {msg}";
