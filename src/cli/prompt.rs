//! `shotglass prompt`: the exact prompt of one row.

use std::io::IsTerminal;
use std::path::Path;

use clap::Args;
use serde::Serialize;

use crate::data::clean::Cleaner;
use crate::engine::{Cancel, remote};
use crate::model::classifier;
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::Weights;
use crate::session::prepare::plain_text;

use super::failure::Failure;
use super::{Format, Global, models, output, run, signals};

/// `shotglass prompt`
#[derive(Debug, Args)]
#[command(after_long_help = "\
The prompt is written byte for byte, without a line break at its end; on a terminal control characters are shown escaped.
A model is needed for chat templates, and to count tokens for --format json, but its weights are not loaded.

Examples:
  shotglass prompt sessions/few-shot.toml --row 3
  shotglass prompt few-shot --row 3 --set prompt.shots=1 --format json")]
pub(super) struct Arguments {
    /// Session file, or the name of a bundled session
    session: String,
    /// Row of the data file, from 0, header not counted
    #[arg(long, value_name = "N")]
    row: usize,
}

#[derive(Serialize)]
struct Shown<'a> {
    row: usize,
    prompt: &'a str,
    tokens: Option<usize>,
    /// The labels in the order in which the prompt lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<&'a [String]>,
}

/// Prints the prompt of one row.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("prompt", &[Format::Text, Format::Json])?;
    let (_, session) = global.session(&arguments.session)?;
    let stop = signals::stop_flag();
    let prepared = run::prepare(session, &stop, global)?;
    let session = &prepared.session;
    // Whether there is such a row is known without a model.
    let plain = prepared.plain()?.prompt(arguments.row)?;
    let rules = classifier::rules(Path::new(&session.model.source))?;
    let text = if let Some(rules) = rules {
        // A fine-tuned encoder reads the text alone.
        plain_text(&prepared.data, &Cleaner::new(&rules)?, arguments.row).into_owned()
    } else if session.prompt.chat && session.model.is_endpoint() {
        prepared.renderer(Some(remote::conversation()))?.prompt(arguments.row)?.text
    } else if session.prompt.chat {
        let located = models::locate(&session.model.source, &stop, global)?;
        prepared.renderer(Weights::open(&located.files)?.chat_template()?)?.prompt(arguments.row)?.text
    } else {
        plain.text
    };
    let options = plain.options.as_deref();
    if prepared.data.split_of(arguments.row).is_none() {
        global.warn(&format!("row {} is in no split: the filter or the sample leaves it out", arguments.row));
    }
    match format {
        Format::Json => {
            // The prompt is worth showing where the model cannot be had.
            let tokens = tokens(&session.model.source, &text, &stop, global);
            let tokens = tokens.map_err(|failure| global.warn(&format!("tokens are not counted: {failure}"))).ok();
            output::json(&Shown { row: arguments.row, prompt: &text, tokens, options })
        }
        _ if std::io::stdout().is_terminal() => output::lines(&text),
        _ => output::raw(text.as_bytes()),
    }
}

/// How many tokens the model sees.
fn tokens(source: &str, text: &str, stop: &Cancel, global: &Global) -> Result<usize, Failure> {
    let located = models::locate(source, stop, global)?;
    let tokenizer = Tokenizer::open(&located.files)?;
    Ok(tokenizer.encode(text, true).map_err(|error| Failure::Failed(error.to_string()))?.len())
}
