//! How fast the workbench feels: frames measured in the program itself, on a terminal of its own, and in memory with
//! thousands of rows.
//!
//! [`log`] is the half that lies in the loop: a line for each frame. [`terminal`] starts the program in a pseudo-terminal
//! and [`script`] types there while the engine is busy; [`big`] needs neither terminal nor engine. What is asked of the
//! figures is said by who prints them.

pub mod big;
pub mod log;
mod scratch;
mod script;
mod terminal;

use std::io;

use serde::Serialize;

use crate::session::HomeError;

pub use log::FrameLog;
pub use scratch::Scratch;

/// Columns and lines of the terminals.
const SIZE: (u16, u16) = (120, 40);

/// Why frames could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// It was stopped.
    #[error("cancelled")]
    Cancelled,
    /// The session.
    #[error(transparent)]
    Session(#[from] HomeError),
    /// Files and pseudo-terminals.
    #[error("{what}: {reason}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it did not work.
        reason: String,
    },
    /// The workbench that is measured has ended.
    #[error("the workbench that is measured has ended: {last}")]
    Ended {
        /// What it wrote last.
        last: String,
    },
    /// The workbench that is measured has no model.
    #[error("the workbench that is measured cannot load its model: try `shotglass models pull`")]
    NoModel,
    /// It does not come as far as it should.
    #[error("the workbench that is measured took more than {seconds} s for {what}")]
    Late {
        /// What was waited for.
        what: &'static str,
        /// How long.
        seconds: u64,
    },
    /// Rows and keys do not fit together: a fault of the measurement.
    #[error("nothing was measured of {0}")]
    Nothing(&'static str),
}

impl BenchError {
    fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { what, reason: error.to_string() }
    }
}

/// What is measured, and with what.
pub struct Options {
    /// The session that is typed in.
    pub session: String,
    /// Its keys that are overridden, as on the command line.
    pub overrides: Vec<String>,
    /// Threads of the engine.
    pub threads: usize,
}

/// Who is asked whether to go on, and told how far it is.
pub trait Watcher {
    /// Whether to go on.
    fn goes_on(&self) -> bool;
    /// What is being done now.
    fn tell(&self, what: &str);
    /// [`BenchError::Cancelled`] where it does not go on.
    fn check(&self) -> Result<(), BenchError> {
        if self.goes_on() { Ok(()) } else { Err(BenchError::Cancelled) }
    }
}

/// How values are spread, by nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one.
    pub p50: f64,
    /// The one that 99 of 100 do not exceed.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    fn of(values: &[f64], what: &'static str) -> Result<Self, BenchError> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let max = *sorted.last().ok_or(BenchError::Nothing(what))?;
        let rank = |percent: usize| (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |percent| sorted.get(rank(percent)).copied().unwrap_or(max);
        Ok(Self { p50: at(50), p99: at(99), max })
    }
}

/// Bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// The middle one.
    pub median: u64,
    /// The largest.
    pub max: u64,
}

impl Bytes {
    fn of(mut values: Vec<u64>) -> Result<Self, BenchError> {
        values.sort_unstable();
        let median = values.len().div_ceil(2).checked_sub(1).and_then(|at| values.get(at));
        let (median, max) = median.zip(values.last()).ok_or(BenchError::Nothing("typed letters"))?;
        Ok(Self { median: *median, max: *max })
    }
}

/// What was measured. Times are milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// From the start of the program to its first frame, before the model is there.
    pub first_frame_ms: f64,
    /// Keys typed.
    pub keys: usize,
    /// From a key to the end of the frame that shows what it did.
    pub key_to_frame_ms: Spread,
    /// Written for a letter typed into the template.
    pub letter_bytes: Bytes,
    /// Time on a processor while nothing happens; none where the system does not tell.
    pub idle_cpu_percent: Option<f64>,
    /// Written while nothing happens.
    pub idle_bytes: u64,
    /// The figures with many rows.
    #[serde(flatten)]
    pub big: big::Figures,
    /// Whether the engine was at work while keys were typed.
    pub engine_busy: bool,
    /// Columns and lines.
    pub size: String,
    /// Threads of the engine.
    pub threads: usize,
}

/// Measures everything.
///
/// # Errors
/// The first thing that stands in the way; [`BenchError::Cancelled`] once `watcher` says so.
pub fn run(options: &Options, watcher: &dyn Watcher) -> Result<Report, BenchError> {
    let typed = terminal::measure(options, watcher)?;
    let big = big::measure(watcher)?;
    let (width, height) = SIZE;
    Ok(Report {
        first_frame_ms: typed.first_frame_ms,
        keys: typed.keys,
        key_to_frame_ms: typed.key_to_frame_ms,
        letter_bytes: typed.letter_bytes,
        idle_cpu_percent: typed.idle_cpu_percent,
        idle_bytes: typed.idle_bytes,
        big,
        engine_busy: typed.engine_busy,
        size: format!("{width}x{height}"),
        threads: options.threads,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(Spread::of(&values, "").unwrap(), Spread { p50: 100.0, p99: 198.0, max: 200.0 });
        assert_eq!(Spread::of(&[3.0], "").unwrap(), Spread { p50: 3.0, p99: 3.0, max: 3.0 });
        assert!(Spread::of(&[], "nothing").is_err());
        assert_eq!(Bytes::of(vec![9, 1, 5, 7]).unwrap(), Bytes { median: 5, max: 9 });
        assert!(Bytes::of(Vec::new()).is_err());
    }
}
