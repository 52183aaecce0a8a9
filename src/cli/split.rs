//! `shotglass split`: which row is in which split.

use clap::Args;
use serde_json::{Map, json};

use crate::data::Split;

use super::failure::Failure;
use super::run::prepare;
use super::{Context, output};

#[derive(Args)]
pub struct Arguments {
    /// A session file, or the name of a bundled session
    session: String,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let json = context.json()?;
    let (_, session) = context.session(&arguments.session)?;
    let data = prepare(context, session)?.data;
    if json {
        let splits: Map<_, _> = Split::ALL.iter().map(|split| (split.to_string(), json!(data.split(*split)))).collect();
        return output::json(&splits);
    }
    let mut text = String::new();
    for split in Split::ALL {
        let rows = data.split(split);
        let counts: Vec<String> = data
            .labels()
            .iter()
            .zip(data.label_counts(split))
            .map(|(label, count)| format!("{} {count}", crate::text::printable(label)))
            .collect();
        let numbers: Vec<String> = rows.iter().map(usize::to_string).collect();
        text += &format!("{split}: {} rows ({})\n{}\n\n", rows.len(), counts.join(", "), numbers.join(" "));
    }
    output::write(text.trim_end().as_bytes())?;
    output::write(b"\n")
}
