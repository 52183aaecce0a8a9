//! `shotglass data`: what is in a session's data.

use clap::{Args, Subcommand};

use crate::session::describe::Description;

use super::failure::Failure;
use super::{Format, Global, output, run, signals};

/// `shotglass data`
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List columns, codes, counts and what is missing
    #[command(after_long_help = "\
Counts are of the rows that pass the session's filter and are in a split. Columns that the session uses are told with all
their codes, the others in a line each; --format json tells all of all.

Examples:
  shotglass data describe simulate
  shotglass data describe sessions/mine.toml --format json")]
    Describe {
        /// Session file, or the name of a bundled session
        session: String,
    },
}

/// Describes the data.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let Command::Describe { session } = &arguments.command;
    let format = global.format("data describe", &[Format::Text, Format::Json])?;
    let (_, session) = global.session(session)?;
    let prepared = run::read(session, &signals::stop_flag(), global)?;
    let description = Description::of(&prepared);
    match format {
        Format::Json => output::json(&description),
        _ => output::lines(&description.text()),
    }
}
