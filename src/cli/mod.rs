//! The commands: arguments in, results on stdout, everything else on stderr, an exit code out.
//!
//! One file a command. What they share: [`failure`] knows exit codes, [`output`] writes to stdout, [`progress`] draws bars,
//! [`signals`] turns Ctrl-C into a cancel, [`log`] keeps a log file, [`models`] starts the engine.

#![allow(clippy::print_stderr)]

mod audit;
mod baseline;
mod bench;
mod calibrate;
mod compare;
mod completions;
mod data;
mod export;
mod failure;
mod generate;
mod log;
mod models;
mod next;
mod output;
mod picture;
mod prevalence;
mod progress;
mod prompt;
mod queue;
mod report;
mod run;
mod score;
mod search;
mod signals;
mod split;
mod start;
mod sweep;
mod train;
mod workbench;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::session::{Override, Session, SessionFile, home};

use failure::Failure;

/// Classify text with language models, and see how they come to their answers.
#[derive(Debug, Parser)]
#[command(
    name = "shotglass",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or bad input, 130 cancelled."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    workbench: workbench::Arguments,
    #[command(flatten)]
    global: Global,
}

/// Options of all commands.
#[derive(Debug, Args)]
struct Global {
    /// Override a key of the session, as data.seed=7; can be given many times
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    overrides: Vec<String>,
    /// Folder that runs go to, instead of the one beside the session file
    #[arg(long, value_name = "DIR", global = true)]
    out: Option<PathBuf>,
    /// Form of the result on stdout
    #[arg(long, value_enum, value_name = "FORMAT", global = true)]
    format: Option<Format>,
    /// Threads on the CPU [default: all, but for one where there are more than two]
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Compute all scores anew, and keep none [also: SHOTGLASS_SCORE_CACHE=off]
    #[arg(long, global = true)]
    no_score_cache: bool,
    /// When to colour messages
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto", global = true)]
    color: Color,
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true)]
    quiet: bool,
}

/// Forms of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    Text,
    /// One JSON object
    Json,
    /// Comma-separated values (export alone)
    Csv,
    /// Markdown (export alone)
    Md,
    /// One page of HTML (export alone)
    Html,
}

/// When messages are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Classify a split and print the report
    Run(run::Arguments),
    /// Fine-tune an encoder and test it
    Train(train::Arguments),
    /// Print the exact prompt of one row
    Prompt(prompt::Arguments),
    /// Say which row is in which split
    Split(split::Arguments),
    /// Continue a text, token by token
    Generate(generate::Arguments),
    /// Log-probability of labels after a text
    Score(score::Arguments),
    /// The most likely next tokens after a text
    Next(next::Arguments),
    /// Print the report of a run, or of any CSV with columns gold and predicted
    Report(report::Arguments),
    /// Compare runs, or any CSVs with columns row, gold and predicted
    Compare(compare::Arguments),
    /// Find gold labels that deserve a second look
    Audit(audit::Arguments),
    /// See what logistic regression and the like make of a session's data
    Baseline(baseline::Arguments),
    /// Work a run's answers out anew, without the model's leaning
    Calibrate(calibrate::Arguments),
    /// Estimate how many rows have each label, with a labelled sample
    Prevalence(prevalence::Arguments),
    /// Say what is in a session's data
    Data(data::Arguments),
    /// See how far figures move between prompts that ought to mean the same
    Sweep(sweep::Arguments),
    /// Look for a better prompt, within a budget
    Search(search::Arguments),
    /// Write a run as one file for others
    Export(export::Arguments),
    /// What models are here; fetch one; look into one
    Models(models::Arguments),
    /// Measure how fast things are on this machine
    Bench(bench::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Draw the workbench as an SVG
    #[command(hide = true)]
    Picture(picture::Arguments),
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Train(_) => "train",
            Self::Prompt(_) => "prompt",
            Self::Split(_) => "split",
            Self::Generate(_) => "generate",
            Self::Score(_) => "score",
            Self::Next(_) => "next",
            Self::Report(_) => "report",
            Self::Compare(_) => "compare",
            Self::Audit(_) => "audit",
            Self::Baseline(_) => "baseline",
            Self::Calibrate(_) => "calibrate",
            Self::Prevalence(_) => "prevalence",
            Self::Data(_) => "data",
            Self::Sweep(_) => "sweep",
            Self::Search(_) => "search",
            Self::Export(_) => "export",
            Self::Models(_) => "models",
            Self::Bench(_) => "bench",
            Self::Completions(_) => "completions",
            Self::Picture(_) => "picture",
        }
    }
}

impl Global {
    /// The form asked for, which must be one of `known`; the first of them by default.
    fn format(&self, command: &str, known: &[Format]) -> Result<Format, Failure> {
        let format = self.format.or(known.first().copied()).unwrap_or(Format::Text);
        if known.contains(&format) {
            return Ok(format);
        }
        let name = |format: Format| format.to_possible_value().map(|value| value.get_name().to_owned());
        let names: Vec<String> = known.iter().copied().filter_map(name).collect();
        Err(Failure::Bad(format!(
            "--format {}: `{command}` writes {}",
            name(format).unwrap_or_default(),
            names.join(" or ")
        )))
    }

    /// Finds and reads a session with the overrides laid over it.
    fn session(&self, name: &str) -> Result<(SessionFile, Session), Failure> {
        let file = SessionFile::find(name)?;
        let overrides: Vec<Override> =
            self.overrides.iter().map(|text| Override::parse(text)).collect::<Result<_, _>>()?;
        let session = file.load(&overrides)?;
        Ok((file, session))
    }

    fn threads(&self) -> Option<usize> {
        self.threads.map(usize::from)
    }

    /// Where scores are kept; nowhere where that is switched off, or there is no cache folder.
    fn scores(&self) -> Option<PathBuf> {
        let is_off = |value: OsString| ["off", "no", "false", "0"].iter().any(|word| value.eq_ignore_ascii_case(word));
        if self.no_score_cache || std::env::var_os("SHOTGLASS_SCORE_CACHE").is_some_and(is_off) {
            return None;
        }
        Some(home::cache_folder().ok()?.join("scores"))
    }

    /// Says something on stderr, in one line.
    fn note(&self, text: &str) {
        if !self.quiet {
            eprintln!("{}", crate::text::printable(text));
        }
    }

    /// Warns on stderr, in one line.
    fn warn(&self, text: &str) {
        if !self.quiet {
            eprintln!("{} {}", failure::label("warning:", self.color), crate::text::printable(text));
        }
    }
}

/// A panic in a job is caught and told as its failure: the message of the panic itself belongs in the log.
fn quiet_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
        Some("main") => default(panic),
        _ => tracing::error!("{panic}"),
    }));
}

/// Reads the arguments, does what they say, and tells the exit code.
pub fn main() -> ExitCode {
    quiet_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and belong on stdout. A closed stdout is no error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(cli.global.color),
    }
}

fn dispatch(cli: &Cli) -> Result<(), Failure> {
    let global = &cli.global;
    let Some(command) = &cli.command else { return workbench::run(&cli.workbench, global) };
    let has_session = matches!(
        command,
        Command::Run(_)
            | Command::Train(_)
            | Command::Prompt(_)
            | Command::Split(_)
            | Command::Audit(_)
            | Command::Baseline(_)
            | Command::Sweep(_)
            | Command::Search(_)
            | Command::Data(_)
            | Command::Bench(_)
            | Command::Picture(_)
    );
    if !global.overrides.is_empty() && !has_session {
        return Err(Failure::Bad(format!("--set changes a session, and `{}` has none", command.name())));
    }
    match command {
        Command::Run(arguments) => run::run(arguments, global),
        Command::Train(arguments) => train::run(arguments, global),
        Command::Prompt(arguments) => prompt::run(arguments, global),
        Command::Split(arguments) => split::run(arguments, global),
        Command::Generate(arguments) => generate::run(arguments, global),
        Command::Score(arguments) => score::run(arguments, global),
        Command::Next(arguments) => next::run(arguments, global),
        Command::Report(arguments) => report::run(arguments, global),
        Command::Compare(arguments) => compare::run(arguments, global),
        Command::Audit(arguments) => audit::run(arguments, global),
        Command::Baseline(arguments) => baseline::run(arguments, global),
        Command::Calibrate(arguments) => calibrate::run(arguments, global),
        Command::Prevalence(arguments) => prevalence::run(arguments, global),
        Command::Data(arguments) => data::run(arguments, global),
        Command::Sweep(arguments) => sweep::run(arguments, global),
        Command::Search(arguments) => search::run(arguments, global),
        Command::Export(arguments) => export::run(arguments, global),
        Command::Models(arguments) => models::run(arguments, global),
        Command::Bench(arguments) => bench::run(arguments, global),
        Command::Completions(arguments) => completions::run(arguments),
        Command::Picture(arguments) => picture::run(arguments, global),
    }
}
