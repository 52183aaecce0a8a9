//! `shotglass score`: how likely each label is after a text.

use clap::Args;
use serde_json::{Map, json};

use crate::engine::{Event, ScoreRequest, Work};
use crate::text::printable;

use super::engine::Running;
use super::failure::Failure;
use super::generate::text_of;
use super::{Context, ModelArguments, output};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The labels, separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    labels: Vec<String>,
    /// The text; - or nothing reads stdin
    text: Option<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let json = context.json()?;
    if let Some(label) = arguments.labels.iter().find(|label| label.trim().is_empty()) {
        return Err(Failure::usage(format!("--labels holds an empty label `{label}`")));
    }
    let text = text_of(arguments.text.as_deref())?;
    let running = Running::load(context, &arguments.model.spec())?;
    let token_ids = running.model.tokenizer.encode(&text, true)?;
    let request = ScoreRequest { prompts: vec![text], labels: arguments.labels.clone(), ..ScoreRequest::default() };
    let mut logprobs = Vec::new();
    running.work(context, Work::Score(request), &mut |event| {
        if let Event::Scored { answers, .. } = event {
            logprobs = answers.into_iter().next().map(|answer| answer.logprobs).unwrap_or_default();
        }
        Ok(())
    })?;
    let most = logprobs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logprobs.iter().map(|logprob| (logprob - most).exp()).sum();
    let scored = arguments.labels.iter().zip(logprobs.iter().map(|logprob| (*logprob, (logprob - most).exp() / total)));
    if json {
        let labels: Map<_, _> = scored
            .map(|(label, (logprob, probability))| {
                (label.clone(), json!({ "logprob": logprob, "probability": probability }))
            })
            .collect();
        return output::json(&json!({ "token_ids": token_ids, "labels": labels }));
    }
    let mut text = String::new();
    for (label, (logprob, probability)) in scored {
        text += &format!("{probability:.4}  {logprob:9.4}  {}\n", printable(label));
    }
    output::write(text.as_bytes())
}
