//! The rows that a page shows: demonstrations, and what was classified wrongly.
//!
//! Their texts are not in the run's folder. They are read from the data that the manifest names, and shown only where its
//! SHA-256 is still the manifest's: other rows could stand in their places. Nothing is fetched for it.

use std::borrow::Cow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::Dataset;
use crate::session::folder::Manifest;
use crate::session::predictions::{Prediction, Predictions, probabilities};
use crate::session::prepare::named_columns;

use super::document::reader;
use super::words::Reader;

/// How many wrongly classified rows are shown.
const MOST_ROWS: usize = 100;
/// How many characters of a text or an answer are.
const MOST_CHARS: usize = 1_500;
/// How many labels' probabilities are told of a row.
const MOST_LABELS: usize = 4;

/// Rows to show.
#[derive(Serialize)]
pub(super) struct Cases {
    pub demos: Vec<Demo>,
    /// Whether demonstrations were chosen for each row anew, so that there is no list of them.
    pub by_row: bool,
    pub wrong: Vec<Wrong>,
    /// How many rows are wrong, and how many of them are not shown.
    pub total: usize,
    pub left_out: usize,
    /// Whether the most confident come first; in the order of the run otherwise.
    pub by_confidence: bool,
    /// Why there are no texts.
    pub untold: Option<String>,
}

/// A demonstration.
#[derive(Serialize)]
pub(super) struct Demo {
    pub row: u64,
    pub label: Option<String>,
    pub text: Option<Text>,
}

/// The beginning of a text.
#[derive(Serialize)]
pub(super) struct Text {
    pub text: String,
    /// How many characters it has, where that is more than are here.
    pub of: Option<usize>,
}

/// A row that was classified wrongly.
#[derive(Serialize)]
pub(super) struct Wrong {
    pub row: usize,
    pub split: &'static str,
    pub gold: String,
    pub predicted: String,
    /// What the model wrote, where it wrote.
    pub answer: Option<Text>,
    pub text: Option<Text>,
    /// The most probable first.
    pub probabilities: Vec<Probability>,
    /// How many labels are not among them.
    pub others: usize,
}

/// A label and how probable it was among the labels.
#[derive(Serialize)]
pub(super) struct Probability {
    pub label: String,
    pub value: String,
    pub percent: f64,
}

impl Cases {
    pub fn of(manifest: &Value, predictions: &Predictions) -> Self {
        let reader = reader(manifest);
        let data = data(manifest);
        let text = |row: usize| {
            let data = data.as_ref().ok().filter(|data| row < data.len())?;
            // Encoders read the text as it is in the file; what prompts show is cleaned.
            Some(Text::of(&match reader {
                Reader::Prompted => data.text(row),
                Reader::Classifier | Reader::Trained(_) => Cow::Borrowed(data.raw_text(row)),
            }))
        };
        let label = |row: usize| {
            let data = data.as_ref().ok().filter(|data| row < data.len())?;
            data.labels().get(data.gold(row)?).cloned()
        };
        let listed = manifest.pointer("/prompt/demos").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let demos = listed.iter().filter_map(Value::as_u64).map(|row| {
            let at = usize::try_from(row).unwrap_or(usize::MAX);
            Demo { row, label: label(at), text: text(at) }
        });
        let strategy = manifest.pointer("/session/prompt/demos").and_then(Value::as_str);
        let shots = manifest.pointer("/session/prompt/shots").and_then(Value::as_u64).unwrap_or(0);

        let (wrong, by_confidence) = wrong(predictions);
        let total = wrong.len();
        let shown = wrong.into_iter().take(MOST_ROWS).map(|(row, gold)| {
            let mut all = told(row, predictions);
            let others = all.len().saturating_sub(MOST_LABELS);
            all.truncate(MOST_LABELS);
            Wrong {
                row: row.row,
                split: row.split.name(),
                gold: gold.to_owned(),
                predicted: row.predicted.clone(),
                answer: (!row.answer.is_empty()).then(|| Text::of(row.answer.trim())),
                text: text(row.row),
                probabilities: all,
                others,
            }
        });
        Self {
            demos: if matches!(reader, Reader::Prompted) { demos.collect() } else { Vec::new() },
            by_row: matches!(reader, Reader::Prompted) && strategy == Some("similar") && shots > 0,
            wrong: shown.collect(),
            total,
            left_out: total.saturating_sub(MOST_ROWS),
            by_confidence,
            untold: data.as_ref().err().cloned(),
        }
    }
}

impl Text {
    fn of(text: &str) -> Self {
        match text.char_indices().nth(MOST_CHARS) {
            Some((end, _)) => {
                Self { text: text.get(..end).unwrap_or_default().to_owned() + "…", of: Some(text.chars().count()) }
            }
            None => Self { text: text.to_owned(), of: None },
        }
    }
}

/// The data of the run, or why its texts cannot be told.
fn data(manifest: &Value) -> Result<Dataset, String> {
    let manifest =
        Manifest::deserialize(manifest).map_err(|_| "the manifest does not tell where they are".to_owned())?;
    // That of a download is where it was kept.
    let path = Path::new(&manifest.data.path);
    // Whoever made the run may have named a pipe, or a device that never ends.
    if !path.is_file() {
        return Err(format!("there is no file {}", path.display()));
    }
    let data = Dataset::load(&manifest.session.data, path)
        .map_err(|error| format!("the data cannot be read as the run read it: {error}"))?;
    if data.sha256() != manifest.data.sha256 {
        return Err(format!("{} has changed since the run", path.display()));
    }
    if data.has_text() {
        return Ok(data);
    }
    let told = named_columns(&data, &[&manifest.session.prompt.template]);
    Ok(data.told_by(told.iter().map(String::as_str)))
}

/// The rows that are wrong with their gold labels: the most confident first, where probabilities are known of any.
fn wrong(predictions: &Predictions) -> (Vec<(&Prediction, &str)>, bool) {
    let mut rows: Vec<(Option<f64>, &Prediction, &str)> = predictions
        .rows
        .iter()
        .filter_map(|row| {
            let gold = row.gold.as_deref().filter(|gold| *gold != row.predicted)?;
            Some((confidence(row, predictions), row, gold))
        })
        .collect();
    let known = rows.iter().any(|(confidence, ..)| confidence.is_some());
    // The sort is stable: equals stay in the order of the run.
    rows.sort_by(|a, b| b.0.unwrap_or(-1.0).total_cmp(&a.0.unwrap_or(-1.0)));
    (rows.into_iter().map(|(_, row, gold)| (row, gold)).collect(), known)
}

/// The probability of the label that was predicted.
fn confidence(row: &Prediction, predictions: &Predictions) -> Option<f64> {
    let label = predictions.columns.labels.iter().position(|label| *label == row.predicted)?;
    probabilities(&row.logprobs)?.get(label).copied()
}

/// The labels by their probabilities, the most probable first.
fn told(row: &Prediction, predictions: &Predictions) -> Vec<Probability> {
    let mut all: Vec<(&String, f64)> =
        predictions.columns.labels.iter().zip(probabilities(&row.logprobs).unwrap_or_default()).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shown = |(label, share): (&String, f64)| Probability {
        label: label.clone(),
        value: format!("{share:.3}"),
        percent: 100.0 * share,
    };
    all.into_iter().map(shown).collect()
}
