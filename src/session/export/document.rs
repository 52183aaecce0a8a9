//! What an exported document says, computed and worded once; [`super::markdown`] and [`super::html`] write it.
//!
//! Everything here is plain text as the data, the model and the manifest have it. Who writes it escapes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::metrics::calibration::Quality;
use crate::metrics::{ClassScores, Confusion, Report, wilson};
use crate::session::calibrate::Kept;
use crate::session::ledger::Tried;
use crate::session::predictions::Predictions;
use crate::session::simulation::Simulation;
use crate::session::simulation::text::Table;

use super::calibration;
use super::words::{Part, Reader, methods, named, rows, rows_of};

/// SHA-256 of nothing: the hash over no cleaning rules, which a classifier's run has in the place of its templates'. Runs of
/// earlier versions tell a classifier by it alone.
const NO_RULES: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A run as a document.
#[derive(Serialize)]
pub(super) struct Document {
    /// The session's title, or the run's name.
    pub title: String,
    /// What was run, in one line.
    pub about: String,
    /// What is to be known before anything else.
    pub notice: Option<&'static str>,
    pub facts: Vec<Fact>,
    /// In the place of a prompt: what a model read that is given none.
    pub reading: Option<&'static str>,
    pub prompt: Option<Prompt>,
    /// What rows the figures are of, where that is not all of them.
    pub labelled: Option<String>,
    /// None where no row has a gold label.
    pub results: Option<Results>,
    pub simulation: Option<Simulated>,
    /// What calibrations make of the run; nothing where it has no log-probabilities.
    pub calibration: Vec<calibration::Row>,
    /// One paragraph, to be taken into a paper and read again there.
    pub methods: String,
    /// JSON, control characters escaped.
    pub manifest: Option<String>,
    /// The figures themselves, for who draws them.
    #[serde(skip)]
    pub report: Report,
    /// The simulation itself.
    #[serde(skip)]
    pub survey: Option<Simulation>,
    /// How far the probabilities can be believed.
    #[serde(skip)]
    pub quality: Option<Quality>,
}

/// One thing that the run was made of.
#[derive(Serialize)]
pub(super) struct Fact {
    pub name: &'static str,
    pub value: String,
}

/// What a language model was shown around each row.
#[derive(Serialize)]
pub(super) struct Prompt {
    pub system: Option<String>,
    pub template: String,
    /// That of one demonstration, where there are any.
    pub demo: Option<String>,
}

/// The figures, written out.
#[derive(Serialize)]
pub(super) struct Results {
    pub classes: Vec<Class>,
    pub averages: Vec<Average>,
    pub figures: Vec<Figure>,
    pub matrix: Vec<MatrixRow>,
}

/// One label's figures.
#[derive(Serialize)]
pub(super) struct Class {
    pub label: String,
    pub precision: Figure,
    pub recall: Figure,
    pub f1: String,
    pub support: u64,
}

/// Figures averaged over labels.
#[derive(Serialize)]
pub(super) struct Average {
    pub name: &'static str,
    pub precision: String,
    pub recall: String,
    pub f1: String,
    pub support: u64,
}

/// A figure with its 95% interval, where it has one.
#[derive(Serialize)]
pub(super) struct Figure {
    pub name: String,
    pub value: String,
    pub interval: Option<String>,
}

/// The rows with one gold label, by what they were predicted as.
#[derive(Serialize)]
pub(super) struct MatrixRow {
    pub label: String,
    pub cells: Vec<Cell>,
}

/// A cell of the confusion matrix.
#[derive(Serialize)]
pub(super) struct Cell {
    pub count: u64,
    /// Percent of the rows with this gold label.
    pub percent: f64,
    /// Whether gold and predicted label are one.
    pub right: bool,
}

/// A simulated survey held against the real one.
#[derive(Serialize)]
pub(super) struct Simulated {
    /// One sentence: how answers came about.
    pub method: String,
    pub tables: Vec<Table>,
}

impl Document {
    /// The document of the run in the folder called `run`. What the manifest does not tell is left out; `report` is
    /// `report.json`, `null` while the run is not finished. Figures are computed anew, of the rows that are there.
    pub fn of(run: &str, manifest: &Value, report: &Value, predictions: &Predictions, kept: &Kept) -> Self {
        let session = Part(manifest.pointer("/session").unwrap_or(&Value::Null));
        let reader = reader(manifest);
        let labelled: Vec<(&str, &str)> =
            predictions.rows.iter().filter_map(|row| Some((row.gold.as_deref()?, row.predicted.as_str()))).collect();
        let figures = Report::new(Confusion::of(labelled.iter().copied()));

        let mut about = format!("Run {run}, {}", rows_of(manifest, predictions));
        if let Some(seconds) = report.pointer("/seconds").and_then(Value::as_f64) {
            about += &format!(", {seconds:.1} seconds");
        }
        // One of another version of the program may be told otherwise, and is left out then.
        let calibrated = calibration::of(manifest, kept, predictions);
        let (calibration, quality) = calibrated.map_or((Vec::new(), None), |of| (of.rows, Some(of.quality)));
        let tried = manifest.pointer("/tried").and_then(|value| Tried::deserialize(value).ok());
        let survey = report.pointer("/simulation").and_then(|value| Simulation::deserialize(value).ok());
        Self {
            title: session.text("/title").unwrap_or(run).to_owned(),
            about: about + ".",
            notice: notice(manifest, report, predictions.rows.len()),
            facts: facts(&session, manifest, &reader),
            reading: match reader {
                Reader::Classifier => Some(
                    "The model is a fine-tuned classifier: it read the text of each row alone. The session's prompt was not used.",
                ),
                Reader::Prompted | Reader::Trained(_) => None,
            },
            prompt: prompt(&session).filter(|_| matches!(reader, Reader::Prompted)),
            labelled: (!labelled.is_empty() && labelled.len() < predictions.rows.len())
                .then(|| format!("Of {} with a gold label.", rows(labelled.len()))),
            results: (!labelled.is_empty()).then(|| Results::of(&figures)),
            simulation: survey.as_ref().map(|survey| Simulated {
                method: format!("In the simulation {}.", survey.method()),
                tables: survey.tables(),
            }),
            calibration,
            methods: methods(manifest, &reader, predictions, &figures, tried),
            manifest: (!manifest.is_null()).then(|| crate::text::json(manifest).unwrap_or_default()),
            report: figures,
            survey,
            quality,
        }
    }
}

/// What is to be said of a run of which not all rows are there.
fn notice(manifest: &Value, report: &Value, answered: usize) -> Option<&'static str> {
    // A run that is over has a report, unless it was lost.
    let finished = manifest.pointer("/status").and_then(Value::as_str).map(|status| status == "finished");
    if !finished.unwrap_or(!report.is_null()) {
        return Some("The run is not finished: the figures are those of the rows answered so far.");
    }
    let asked = manifest.pointer("/rows").and_then(Value::as_u64)?;
    ((answered as u64) < asked)
        .then_some("Rows of the finished run are gone: the figures are those of the rows that are there.")
}

/// What made the predictions, as far as the manifest tells.
pub(super) fn reader(manifest: &Value) -> Reader<'_> {
    if let Some(training) = manifest.pointer("/training").filter(|training| !training.is_null()) {
        return Reader::Trained(Part(training));
    }
    let says_so = manifest.pointer("/model/classifier").and_then(Value::as_bool).unwrap_or(false);
    let no_rules = manifest.pointer("/prompt/template_sha256").and_then(Value::as_str) == Some(NO_RULES);
    if says_so || no_rules { Reader::Classifier } else { Reader::Prompted }
}

/// What the run was made of: what was asked for, and of the model what really ran.
fn facts(session: &Part<'_>, manifest: &Value, reader: &Reader<'_>) -> Vec<Fact> {
    let ran = Part(manifest);
    let data = [
        ("Data", "/data/path"),
        ("Text column", "/data/text"),
        ("Label column", "/data/label"),
        ("Seed of the splits", "/data/seed"),
    ];
    let prompted = [
        ("Model asked for", "/model/source"),
        ("Shots per class", "/prompt/shots"),
        ("Decoding", "/decode/method"),
        ("Answer rule", "/answer/rule"),
    ];
    let alone = [("Model asked for", "/model/source")];
    let tuned = [
        ("Encoder asked for", "/train/model"),
        ("Epochs", "/train/epochs"),
        ("Batch size", "/train/batch_size"),
        ("Learning rate", "/train/learning_rate"),
        ("Weight decay", "/train/weight_decay"),
        ("Longest text in tokens", "/train/max_length"),
        ("Seed of the training", "/train/seed"),
    ];
    let model = [
        ("Model", "/model/name"),
        ("Model's origin", "/model/origin"),
        ("Model's SHA-256", "/model/sha256"),
        ("Device", "/model/device"),
        ("Number format", "/model/dtype"),
        ("Data's SHA-256", "/data/sha256"),
        ("Status", "/status"),
        ("Begun", "/started"),
        ("Shotglass", "/version"),
    ];
    let how: &[(&str, &str)] = match reader {
        Reader::Prompted => &prompted,
        Reader::Classifier => &alone,
        Reader::Trained(_) => &tuned,
    };
    let asked = data.into_iter().chain(how.iter().copied()).map(|(name, pointer)| (name, session.value(pointer)));
    let labels = std::iter::once(("Labels", words(manifest.pointer("/labels"), named)));
    let shown = matches!(reader, Reader::Prompted)
        .then(|| ("Rows shown as demonstrations", words(manifest.pointer("/prompt/demos"), |row| row)));
    let told = model.into_iter().map(|(name, pointer)| (name, ran.value(pointer)));
    let all = asked.chain(labels).chain(shown).chain(told);
    all.filter_map(|(name, value)| Some(Fact { name, value: value? })).collect()
}

/// A list of words or numbers in one line; nothing of an empty one.
fn words(list: Option<&Value>, shown: fn(&str) -> &str) -> Option<String> {
    let word = |value: &Value| match value {
        Value::String(word) => Some(shown(word).to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let words: Vec<String> = list?.as_array()?.iter().filter_map(word).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn prompt(session: &Part<'_>) -> Option<Prompt> {
    Some(Prompt {
        system: session.text("/prompt/system").filter(|_| session.chat()).map(str::to_owned),
        template: session.text("/prompt/template")?.to_owned(),
        demo: session.text("/prompt/demo").filter(|_| session.demonstrations().is_some()).map(str::to_owned),
    })
}

/// Three digits.
pub(super) fn share(value: f64) -> String {
    if value.is_nan() { "undefined".to_owned() } else { format!("{value:.3}") }
}

/// The ends of an interval.
pub(super) fn interval([low, high]: [f64; 2]) -> String {
    format!("{} to {}", share(low), share(high))
}

impl Figure {
    fn new(name: impl Into<String>, value: f64, ends: Option<[f64; 2]>) -> Self {
        Self { name: name.into(), value: share(value), interval: ends.map(interval) }
    }
}

impl Results {
    fn of(report: &Report) -> Self {
        let matrix = &report.confusion;
        let classes = report.classes.iter().enumerate().map(|(index, (label, class))| {
            let ClassScores { precision, recall, f1, support } = *class;
            let correct = matrix.count(index, index);
            // A share of no rows has no interval.
            let with =
                |name: &str, value: f64, of: u64| Figure::new(name, value, (of > 0).then(|| wilson(correct, of)));
            Class {
                label: label.clone(),
                precision: with("precision", precision, matrix.predicted(index)),
                recall: with("recall", recall, support),
                f1: share(f1),
                support,
            }
        });
        let average = |name, of: crate::metrics::Averages| Average {
            name,
            precision: share(of.precision),
            recall: share(of.recall),
            f1: share(of.f1),
            support: report.rows(),
        };
        let majority = matrix.majority().map_or("", |(label, _)| named(label));
        let rows = matrix.labels().zip(matrix.matrix()).enumerate().map(|(index, (label, counts))| MatrixRow {
            label: label.to_owned(),
            cells: counts
                .iter()
                .enumerate()
                .map(|(column, count)| Cell {
                    count: *count,
                    percent: 100.0 * *count as f64 / matrix.gold(index).max(1) as f64,
                    right: index == column,
                })
                .collect(),
        });
        Self {
            classes: classes.collect(),
            averages: vec![average("macro average", report.macro_avg), average("weighted average", report.weighted)],
            figures: vec![
                Figure::new("accuracy", report.accuracy, Some(report.accuracy_ci95)),
                Figure::new(format!("majority baseline (always “{majority}”)"), report.majority_accuracy, None),
                Figure::new("macro-F1", report.macro_f1, None),
                Figure::new("balanced accuracy", report.balanced_accuracy, None),
                Figure::new("Matthews correlation coefficient", report.mcc, None),
                Figure::new("Cohen's kappa", report.kappa, None),
            ],
            matrix: rows.collect(),
        }
    }
}
