//! `shotglass next`: what the model expects after a text.

use clap::Args;
use serde_json::json;

use crate::engine::{Outcome, Work};

use super::engine::Running;
use super::failure::Failure;
use super::generate::text_of;
use super::{Context, ModelArguments, output};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// How many of the best tokens to print
    #[arg(long, value_name = "N", default_value = "10")]
    top: std::num::NonZeroUsize,
    /// The text; - or nothing reads stdin
    text: Option<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let json = context.json()?;
    let prompt = text_of(arguments.text.as_deref())?;
    let running = Running::load(context, &arguments.model.spec())?;
    let work = Work::Next { prompt, top: arguments.top.get() };
    let Outcome::Next { token_ids, next, perplexity } = running.work(context, work, &mut |_| Ok(()))? else {
        return Err(Failure::failed("the model gave no distribution"));
    };
    if json {
        return output::json(&json!({ "token_ids": token_ids, "next": next, "perplexity": perplexity }));
    }
    let mut text = String::new();
    for token in &next {
        // Quoted, so that blanks and line breaks are seen.
        text += &format!("{:.4}  {:9.4}  {:>7}  {:?}\n", token.probability, token.logit, token.id, token.token);
    }
    if let Some(perplexity) = perplexity {
        text += &format!("\n{} tokens, perplexity of the text {perplexity:.2}\n", token_ids.len());
    }
    output::write(text.as_bytes())
}
