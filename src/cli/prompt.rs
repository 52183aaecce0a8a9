//! `shotglass prompt`: the exact prompt of one row, byte for byte.

use clap::Args;
use serde_json::json;

use crate::model::weights::Weights;
use crate::text::printable_lines;

use super::failure::Failure;
use super::models::fetch;
use super::run::prepare;
use super::{Context, output};

#[derive(Args)]
pub struct Arguments {
    /// A session file, or the name of a bundled session
    session: String,
    /// The row, by its number in the data file, from 0
    #[arg(long, value_name = "N")]
    row: usize,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let json = context.json()?;
    let (_, session) = context.session(&arguments.session)?;
    let (source, chat) = (session.model.source.clone(), session.prompt.chat);
    let prepared = prepare(context, session)?;
    let rows = prepared.data.len();
    if arguments.row >= rows {
        return Err(Failure::usage(format!(
            "--row {}: the data has rows 0 to {}",
            arguments.row,
            rows.saturating_sub(1)
        )));
    }
    // The model's files are needed for its chat template and to count tokens, its weights are not.
    let weights = if chat || json {
        let located = fetch(context, &source)?;
        Some(Weights::open(&located.files)?)
    } else {
        None
    };
    let template = weights.as_ref().map(Weights::chat_template).transpose()?.flatten();
    let prompt = prepared.renderer(template)?.prompt(arguments.row)?;
    if json {
        let tokenizer = weights.as_ref().map(Weights::tokenizer).transpose()?;
        let tokens = tokenizer.map(|tokenizer| tokenizer.encode(&prompt.text, true)).transpose()?.map(|ids| ids.len());
        return output::json(&json!({ "row": arguments.row, "prompt": prompt.text, "tokens": tokens }));
    }
    if output::is_terminal() {
        return output::write(format!("{}\n", printable_lines(&prompt.text)).as_bytes());
    }
    output::write(prompt.text.as_bytes())
}
