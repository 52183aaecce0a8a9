//! `shotglass split`: which row is in which split.

use clap::Args;
use serde_json::{Map, Value};

use crate::data::Split;

use super::failure::Failure;
use super::{Format, Global, output, run, signals};

/// `shotglass split`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Row numbers are those of the data file, from 0, header not counted, before any sampling; they stand in the order of the
split. Sampling and splits are numpy's, pandas' and scikit-learn's, number for number.

Examples:
  shotglass split sessions/zero-shot.toml
  shotglass split zero-shot --set data.seed=7 --format json")]
pub(super) struct Arguments {
    /// Session file, or the name of a bundled session
    session: String,
}

/// Prints the rows of each split.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("split", &[Format::Text, Format::Json])?;
    let (_, session) = global.session(&arguments.session)?;
    let prepared = run::prepare(session, &signals::stop_flag(), global)?;
    let data = &prepared.data;
    if format == Format::Json {
        let splits: Map<String, Value> =
            Split::ALL.into_iter().map(|split| (split.name().to_owned(), data.split(split).into())).collect();
        // In one line: a row a line is no help to anybody.
        return output::raw(format!("{}\n", Value::Object(splits)).as_bytes());
    }
    let mut text = String::new();
    for split in Split::ALL {
        let rows = data.split(split);
        let counts: Vec<String> = match prepared.session.data.label {
            Some(_) => data
                .labels()
                .iter()
                .zip(data.label_counts(split))
                .map(|(label, count)| format!("{count} {label}"))
                .collect(),
            None => Vec::new(),
        };
        let counts = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
        let numbers: Vec<String> = rows.iter().map(usize::to_string).collect();
        text += &format!("{split}: {} rows{counts}: {}\n", rows.len(), numbers.join(" "));
    }
    output::lines(&text)
}
