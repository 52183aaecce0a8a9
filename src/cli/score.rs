//! `shotglass score`: log-probability of labels after a text.

use std::sync::Arc;

use clap::Args;
use indexmap::IndexMap;
use serde::Serialize;

use crate::engine::{Event, Outcome, ScoreRequest, Work};
use crate::model::tokenizer::Tokenizer;

use super::failure::Failure;
use super::models::{Choice, Models};
use super::{Format, Global, output, signals};

/// `shotglass score`
#[derive(Debug, Args)]
#[command(after_long_help = "\
A blank is put between text and label unless the text ends in white space. Probabilities are normalised over the labels.

Examples:
  shotglass score --labels positive,negative \"What a lovely day! Sentiment:\"
  shotglass score --labels yes,no \"Is water wet? Answer:\" --format json")]
pub(super) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// The labels
    #[arg(long, value_name = "A,B", value_delimiter = ',', required = true)]
    labels: Vec<String>,
    /// The text; - reads it from stdin
    text: String,
}

#[derive(Serialize)]
struct Shown {
    /// None of an endpoint, which tells none.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_ids: Option<Vec<u32>>,
    labels: IndexMap<String, Scored>,
}

#[derive(Clone, Copy, Serialize)]
struct Scored {
    logprob: f64,
    probability: f64,
}

/// Prints the labels' log-probabilities.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("score", &[Format::Text, Format::Json])?;
    for (place, label) in arguments.labels.iter().enumerate() {
        if label.is_empty() {
            return Err(Failure::Bad("--labels: a label is empty".to_owned()));
        }
        if arguments.labels.iter().take(place).any(|other| other == label) {
            return Err(Failure::Bad(format!("--labels: `{label}` is there twice")));
        }
    }
    let prompt = output::text_argument(&arguments.text)?;
    let models = Models::start(global.threads(), signals::stop_flag(), global)?;
    let model = models.load(&arguments.choice.spec()?)?;
    let encode = |tokenizer: &Arc<Tokenizer>| tokenizer.encode(&prompt, true);
    let token_ids = model.tokenizer.as_ref().map(encode).transpose();
    let token_ids = token_ids.map_err(|error| Failure::Bad(error.to_string()))?;
    let request = ScoreRequest { prompts: vec![prompt], labels: arguments.labels.clone(), ..ScoreRequest::default() };
    let mut logprobs = Vec::new();
    let outcome = models.work(Work::Score(request), &mut |event| {
        if let Event::Scored { answers, .. } = event {
            logprobs = answers.into_iter().next().map(|answer| answer.logprobs).unwrap_or_default();
        }
        Ok::<_, Failure>(())
    })?;
    if !matches!(outcome, Outcome::Answered(_)) || logprobs.len() != arguments.labels.len() {
        return Err(Failure::Failed("the engine left labels without an answer".to_owned()));
    }
    let labels: IndexMap<String, Scored> = arguments.labels.iter().cloned().zip(normalised(&logprobs)).collect();
    if format == Format::Json {
        return output::json(&Shown { token_ids, labels });
    }
    let width = labels.keys().map(|label| label.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!("{:>width$} {:>11} {:>11}\n", "label", "logprob", "probability");
    for (label, Scored { logprob, probability }) in &labels {
        text += &format!("{label:>width$} {logprob:>11.6} {probability:>11.6}\n");
    }
    output::lines(&text)
}

/// Each log-probability with its share among them.
fn normalised(logprobs: &[f64]) -> Vec<Scored> {
    let greatest = logprobs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logprobs.iter().map(|logprob| (logprob - greatest).exp()).sum();
    logprobs.iter().map(|&logprob| Scored { logprob, probability: (logprob - greatest).exp() / sum }).collect()
}
