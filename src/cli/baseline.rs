//! `shotglass baseline`: what a split could be classified with for next to nothing.

use clap::Args;

use crate::data::Split;
use crate::engine::{EngineError, Event, Outcome, Work};
use crate::session::baselines::{self, BaselineError, Baselines};
use crate::text::printable;

use super::failure::Failure;
use super::models::Models;
use super::run::{self, SplitName};
use super::{Format, Global, output, signals};

/// `shotglass baseline`
#[derive(Debug, Args)]
#[command(after_long_help = "\
All are fitted on the train split alone and kept in the user's cache: always the most frequent label; logistic regression
(C = 10, with rows weighted so that labels count the same, and not) and five nearest neighbours, over TF-IDF of words and
pairs of words, and over the embeddings of an encoder that is not trained any further. A prompt that loses to a tenth of a
second of logistic regression is not worth its time.

Examples:
  shotglass baseline sessions/zero-shot.toml
  shotglass baseline few-shot --split test --no-encoder
  shotglass baseline few-shot --encoder microsoft/deberta-v3-small --format json")]
pub(super) struct Arguments {
    /// Session file, or the name of a bundled session
    session: String,
    /// Split to classify
    #[arg(long, value_enum, default_value = "validation")]
    split: SplitName,
    /// Leave out what needs an encoder
    #[arg(long, conflicts_with = "encoder")]
    no_encoder: bool,
    /// Encoder: hub id, folder or pip:PACKAGE==VERSION [default: train.model, else all-MiniLM-L6-v2]
    #[arg(long, value_name = "MODEL")]
    encoder: Option<String>,
}

/// Fits them and prints their figures.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("baseline", &[Format::Text, Format::Json])?;
    let split = Split::from(arguments.split);
    let (_, session) = global.session(&arguments.session)?;
    let stop = signals::stop_flag();
    let prepared = run::read(session, &stop, global)?;
    prepared.check_labels()?;
    prepared.check_text()?;
    prepared.rows(split, None)?;
    let embedded = if arguments.no_encoder {
        None
    } else {
        let request = baselines::embed_request(&prepared, split, arguments.encoder.as_deref());
        match baselines::kept_embeddings(&request) {
            Some(kept) => Some(kept),
            None => {
                let models = Models::start(global.threads(), stop.clone(), global)?;
                let outcome = models.work(Work::Embed(Box::new(request.clone())), &mut |event| {
                    match event {
                        Event::Loading { stage, done, total, .. } => models.bar.bytes(&stage, done, total),
                        Event::Progress { progress, .. } => {
                            models.bar.counted("texts embedded", progress.done, progress.total);
                        }
                        _ => {}
                    }
                    Ok::<_, EngineError>(())
                });
                models.bar.clear();
                let Outcome::Embedded(embedded) = outcome? else {
                    return Err(Failure::Failed("the engine answered something else".to_owned()));
                };
                baselines::keep_embeddings(&request, &embedded);
                Some(embedded)
            }
        }
    };
    let found = baselines::of(&prepared, (split, usize::MAX), embedded.as_ref(), &|| !stop.is_cancelled());
    let found = found.map_err(|error| match error {
        BaselineError::Cancelled => Failure::Cancelled(None),
        error => Failure::Bad(error.to_string()),
    })?;
    match format {
        Format::Json => output::json(&found),
        _ => output::lines(&text(&found)),
    }
}

fn text(found: &Baselines) -> String {
    let width = found.baselines.iter().map(|of| of.name.len()).max().unwrap_or_default();
    let mut text = format!(
        "{:<width$}  {:>8}  {:>8}  {:>11}  {:>7}\n",
        "baseline", "accuracy", "macro-F1", "weighted F1", "seconds"
    );
    for of in &found.baselines {
        let report = &of.report;
        text += &format!(
            "{:<width$}  {:>8.3}  {:>8.3}  {:>11.3}  {:>7.2}\n",
            of.name, report.accuracy, report.macro_f1, report.weighted.f1, of.seconds
        );
    }
    let rows = found.baselines.first().map_or(0, |of| of.report.rows());
    text += &format!("\nfitted on {} train rows, judged on {rows} rows of the {} split", found.train_rows, found.split);
    if let Some(encoder) = &found.encoder {
        text += &format!("; embeddings by {}", printable(encoder));
    }
    text.push('\n');
    text
}
