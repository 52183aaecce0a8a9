//! `shotglass bench`: how fast things are on this machine.

mod products;
mod speed;
mod training;

use std::cell::RefCell;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;

use crate::engine::Cancel;
use crate::engine::local::default_threads;
use crate::model::DeviceSpec;
use crate::workbench::bench::{self, BenchError, Options, Report, Spread, Watcher};

use super::failure::Failure;
use super::models::Choice;
use super::workbench::DEFAULT;
use super::{Format, Global, output, signals};

/// `shotglass bench`
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "\
Measures a long prompt, a text being generated, and the labels of bundled tweets with and without examples; each five times,
the median counts. The f32 product is what the processor's vector units can do at most. Products with quantised weights are
measured beside candle's, by how many rows they have.

Examples:
  shotglass bench
  shotglass bench -m model.gguf --threads 1 --format json
  shotglass bench train
  shotglass bench ui"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How fast an encoder is fine-tuned
    #[command(after_long_help = "\
Trains for 16 steps of 32 bundled tweets, as the session fine-tune says, and throws the result away; the median step counts.

Examples:
  shotglass bench train
  shotglass bench train microsoft/deberta-v3-small --threads 1")]
    Train {
        /// Hub id, folder, or pip:PACKAGE==VERSION [default: that of the session fine-tune]
        encoder: Option<String>,
        /// auto, cpu, cuda, cuda:N or metal
        #[arg(long, default_value = "auto")]
        device: DeviceSpec,
    },
    /// How fast keys are on the screen while the engine is busy, and with 20,000 rows; takes about two minutes
    #[command(after_long_help = "\
The workbench is started on a terminal of its own, on a copy of the session, and typed at while a run is going on. Your
runs and your keymap are left alone; the model comes from the cache, and is fetched where it is not there.

Examples:
  shotglass bench ui
  shotglass bench ui few-shot --format json")]
    Ui {
        /// Session to type in: a file, or the name of a bundled one [default: zero-shot]
        session: Option<String>,
    },
}

/// Measures and prints.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("bench", &[Format::Text, Format::Json])?;
    let session = match &arguments.command {
        None => {
            let speed = speed::measure(&arguments.choice, global)?;
            return print(format, &speed, speed::table);
        }
        Some(Command::Train { encoder, device }) => {
            let speed = training::measure(encoder.as_deref(), device, global)?;
            return print(format, &speed, training::table);
        }
        Some(Command::Ui { session }) => session,
    };
    let stop = signals::stop_flag();
    let name = session.clone().unwrap_or_else(|| DEFAULT.to_owned());
    // What is wrong with the session is said before anything is measured.
    super::run::prepare(global.session(&name)?.1, &stop, global)?;
    let options = Options {
        session: name,
        overrides: global.overrides.clone(),
        threads: global.threads().unwrap_or_else(default_threads),
    };
    let watched = Watched::new(stop, global);
    let report = bench::run(&options, &watched);
    watched.bar.finish_and_clear();
    print(format, &report?, table)
}

fn print<T: Serialize>(format: Format, figures: &T, table: fn(&T) -> String) -> Result<(), Failure> {
    match format {
        Format::Json => output::json(figures),
        _ => output::lines(&table(figures)),
    }
}

/// Tells on stderr what is being done.
struct Watched<'g> {
    stop: Cancel,
    global: &'g Global,
    bar: ProgressBar,
    last: RefCell<String>,
}

impl<'g> Watched<'g> {
    fn new(stop: Cancel, global: &'g Global) -> Self {
        let target = if global.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(4) };
        let bar = ProgressBar::with_draw_target(None, target);
        Self { stop, global, bar, last: RefCell::default() }
    }
}

impl Watcher for Watched<'_> {
    fn goes_on(&self) -> bool {
        !self.stop.is_cancelled()
    }

    fn tell(&self, what: &str) {
        if self.bar.is_hidden() {
            // No terminal to draw a bar on.
            if *self.last.borrow() != what {
                self.global.note(what);
            }
            what.clone_into(&mut self.last.borrow_mut());
        } else {
            self.bar.set_message(what.to_owned());
            self.bar.tick();
        }
    }
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        match error {
            BenchError::Cancelled => Self::Cancelled(None),
            BenchError::Session(error) => error.into(),
            BenchError::NoModel => Self::Bad(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

fn table(report: &Report) -> String {
    let Report { first_frame_ms, keys, key_to_frame_ms, letter_bytes, idle_cpu_percent, idle_bytes, big, .. } = report;
    let busy = if report.engine_busy { "while the engine is busy" } else { "the engine was NOT busy all the time" };
    let idle =
        idle_cpu_percent.map_or_else(|| "not told by this system".to_owned(), |cpu| format!("{cpu:.2} % of a core"));
    let lines = [
        ("terminal", format!("{}, {} engine threads", report.size, report.threads)),
        ("first frame", format!("{first_frame_ms:.1} ms after the start")),
        ("key to frame", format!("{}   {keys} keys, {busy}", spread(key_to_frame_ms))),
        ("typed letter", format!("{} bytes, at most {}", letter_bytes.median, letter_bytes.max)),
        ("idle", format!("{idle}, {idle_bytes} bytes written in 10 s")),
        ("many rows", format!("{} rows, {} classes", big.rows, big.classes)),
        ("  update", spread(&big.big_update_ms)),
        ("  frame", format!("{}   worst: {}", spread(&big.big_frame_ms), big.big_worst)),
    ];
    lines.iter().map(|(name, value)| format!("{name:<14}{value}\n")).collect()
}

fn spread(spread: &Spread) -> String {
    format!("p50 {:.2}  p99 {:.2}  max {:.2} ms", spread.p50, spread.p99, spread.max)
}
