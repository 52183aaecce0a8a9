//! `shotglass data`: what is in a session's data.

use clap::{Args, Subcommand};

use crate::prompt::AnswerSpec;
use crate::session::Session;
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

/// The session with nothing asked of its labels and weights; what the label's codes mean is still said.
fn without_labels(session: &Session) -> Session {
    let mut session = session.clone();
    let data = &mut session.data;
    if let Some(label) = data.label.take().filter(|_| !data.labels.is_empty()) {
        data.codebook.insert(label, data.labels.clone());
    }
    (data.weight, data.drop_missing, data.stratify) = (None, false, false);
    (session.simulate, session.answer) = (None, AnswerSpec::default());
    session
}

/// Describes the data.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let Command::Describe { session } = &arguments.command;
    let format = global.format("data describe", &[Format::Text, Format::Json])?;
    let (_, session) = global.session(session)?;
    let stop = signals::stop_flag();
    let prepared = match run::read(session.clone(), &stop, global) {
        Ok(prepared) => prepared,
        // Labels that are not right yet are what one wants to look into the data for.
        Err(Failure::Bad(problem)) => {
            let read = run::read(without_labels(&session), &stop, global).map_err(|_| Failure::Bad(problem.clone()))?;
            global.warn(&problem);
            read
        }
        Err(failure) => return Err(failure),
    };
    let description = Description::of(&session, &prepared.data);
    match format {
        Format::Json => output::json(&description),
        _ => output::lines(&description.text()),
    }
}
