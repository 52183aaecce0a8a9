//! `shotglass next`: the next-token distribution.

use clap::Args;
use serde::Serialize;

use crate::engine::{NextToken, Outcome, Work};
use crate::text::printable;

use super::failure::Failure;
use super::models::{Choice, Models};
use super::{Format, Global, output, signals};

/// `shotglass next`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotglass next \"The capital of France is\"
  shotglass next --top 3 -m path/to/model.gguf \"Once upon a\" --format json")]
pub(super) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// How many tokens to list
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// The text; - reads it from stdin
    text: String,
}

#[derive(Serialize)]
struct Shown {
    token_ids: Vec<u32>,
    next: Vec<NextToken>,
    perplexity: Option<f64>,
}

/// Prints the most likely next tokens.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("next", &[Format::Text, Format::Json])?;
    let prompt = output::text_argument(&arguments.text)?;
    let models = Models::start(global.threads(), signals::stop_flag(), global)?;
    models.load(&arguments.choice.spec()?)?;
    let top = usize::try_from(arguments.top).unwrap_or(usize::MAX);
    let outcome = models.work(Work::Next { prompt, top }, &mut |_| Ok::<_, Failure>(()))?;
    let Outcome::Next { token_ids, next, perplexity } = outcome else {
        return Err(Failure::Failed("the engine answered something else".to_owned()));
    };
    if format == Format::Json {
        return output::json(&Shown { token_ids, next, perplexity });
    }
    let mut text = format!("{:>7} {:>10} {:>11}  token\n", "id", "logit", "probability");
    for NextToken { id, token, logit, probability } in &next {
        // In quotes, so that blanks are seen.
        let id = id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        text += &format!("{id:>7} {logit:>10.4} {probability:>11.6}  \"{}\"\n", printable(token));
    }
    if let Some(perplexity) = perplexity {
        text += &format!("\nperplexity of the text: {perplexity:.2} over {} tokens\n", token_ids.len());
    }
    output::lines(&text)
}
