//! The headless face: one file a subcommand, results on stdout, everything else on stderr.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or a bad session, data or model, 130 cancelled.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod completions;
mod engine;
mod export;
mod failure;
mod generate;
mod interrupt;
mod log;
mod models;
mod next;
mod output;
mod prompt;
mod report;
mod run;
mod score;
mod split;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::{DEFAULT_MODEL, DTypeSpec, DeviceSpec, ModelSpec};
use crate::session::{Override, Session, SessionFile};

use failure::Failure;
use interrupt::Interrupt;

/// Classify text with language models: sessions, runs, reports.
#[derive(Parser)]
#[command(name = "shotglass", version, about, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  shotglass run sessions/zero-shot.toml                 classify the validation split, print the report
  shotglass run few-shot --set prompt.shots=5           a bundled session with one key changed
  shotglass prompt few-shot --row 12                    the exact prompt of one row
  shotglass score --labels support,oppose \"… Answer:\"   log-probability of each label
  shotglass report predictions.csv                      a report on predictions from elsewhere";

/// Options that every command takes.
#[derive(Args, Clone)]
struct Options {
    /// Override a key of the session, as data.seed=7 (may be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    set: Vec<String>,
    /// Where runs go, instead of a folder beside the session
    #[arg(long, value_name = "DIR", global = true)]
    out: Option<PathBuf>,
    /// Form of the result on stdout: text, or one JSON object; csv, json, md for export
    #[arg(long, value_enum, value_name = "FORM", global = true)]
    format: Option<Format>,
    /// Threads on the CPU [default: all, but one for the rest of the machine where there are more than two]
    #[arg(long, value_name = "N", global = true)]
    threads: Option<std::num::NonZeroUsize>,
    /// No progress on stderr
    #[arg(short, long, global = true)]
    quiet: bool,
}

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Csv,
    Md,
}

#[derive(Subcommand)]
enum Command {
    /// Classify a split and print the report
    Run(run::Arguments),
    /// Print the exact prompt of one row
    Prompt(prompt::Arguments),
    /// Print which row is in which split
    Split(split::Arguments),
    /// Stream a completion
    Generate(generate::Arguments),
    /// Log-probability of each label after a text
    Score(score::Arguments),
    /// The next-token distribution after a text
    Next(next::Arguments),
    /// Print the report of a run folder, or of any CSV with the columns gold and predicted
    Report(report::Arguments),
    /// Write a run as csv, json or md
    Export(export::Arguments),
    /// List, fetch and describe models
    Models(models::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
}

/// The model of commands that need no session.
#[derive(Args, Clone)]
struct ModelArguments {
    /// Hub id (owner/name[@revision]), folder, .gguf file or pip:PACKAGE==VERSION
    #[arg(short, long, value_name = "MODEL", default_value = DEFAULT_MODEL)]
    model: String,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "auto")]
    device: DeviceSpec,
    /// auto, f32, f16 or bf16
    #[arg(long, default_value = "auto", value_parser = dtype)]
    dtype: DTypeSpec,
}

impl ModelArguments {
    fn spec(&self) -> ModelSpec {
        ModelSpec { source: self.model.clone(), device: self.device.clone(), dtype: self.dtype }
    }
}

fn dtype(text: &str) -> Result<DTypeSpec, String> {
    match text {
        "auto" => Ok(DTypeSpec::Auto),
        "f32" => Ok(DTypeSpec::F32),
        "f16" => Ok(DTypeSpec::F16),
        "bf16" => Ok(DTypeSpec::Bf16),
        _ => Err("expected auto, f32, f16 or bf16".to_owned()),
    }
}

/// What every command is given beside its own arguments.
struct Context {
    options: Options,
    interrupt: Interrupt,
}

impl Context {
    /// Whether the result is wanted as JSON; forms that only exports have are refused.
    fn json(&self) -> Result<bool, Failure> {
        match self.options.format {
            None | Some(Format::Text) => Ok(false),
            Some(Format::Json) => Ok(true),
            Some(Format::Csv | Format::Md) => Err(Failure::usage("--format is text or json for this command")),
        }
    }

    /// The overrides as typed.
    fn overrides(&self) -> Result<Vec<Override>, Failure> {
        Ok(self.options.set.iter().map(|text| Override::parse(text)).collect::<Result<_, _>>()?)
    }

    /// Finds and reads a session.
    fn session(&self, name: &str) -> Result<(SessionFile, Session), Failure> {
        let file = SessionFile::find(name)?;
        let session = file.load(&self.overrides()?)?;
        Ok((file, session))
    }
}

/// The program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start();
    let context = Context { options: cli.options, interrupt: Interrupt::listen() };
    let outcome = match cli.command {
        Some(Command::Run(arguments)) => run::run(&context, &arguments),
        Some(Command::Prompt(arguments)) => prompt::run(&context, &arguments),
        Some(Command::Split(arguments)) => split::run(&context, &arguments),
        Some(Command::Generate(arguments)) => generate::run(&context, &arguments),
        Some(Command::Score(arguments)) => score::run(&context, &arguments),
        Some(Command::Next(arguments)) => next::run(&context, &arguments),
        Some(Command::Report(arguments)) => report::run(&context, &arguments),
        Some(Command::Export(arguments)) => export::run(&context, &arguments),
        Some(Command::Models(arguments)) => models::run(&context, &arguments),
        Some(Command::Completions(arguments)) => completions::run(&arguments),
        None => Err(Failure::usage(
            "the workbench is not built yet: try `shotglass run zero-shot`, or `shotglass --help` for all commands",
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
