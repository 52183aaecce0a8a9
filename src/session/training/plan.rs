//! A training before anything is written: which texts it learns from, whether they can be learnt from, and its manifest.

use std::path::Path;
use std::sync::Arc;

use crate::data::Split;
use crate::data::clean::Cleaner;
use crate::engine::Examples;
use crate::session::folder::{self, DataRecord, Manifest, ModelRecord, PromptRecord, Seeds, Status, TrainingRecord};
use crate::session::predictions::{Columns, Prediction, margin};
use crate::session::prepare::{Prepared, plain_text};
use crate::session::run::best;
use crate::session::spec::no_label;
use crate::train::TrainSpec;

use super::TrainingError;

/// So many rows are named in a warning.
const NAMED: usize = 5;

/// A training before anything is written: its texts, checked, and its manifest.
pub struct Plan {
    pub(super) prepared: Arc<Prepared>,
    pub(super) settings: TrainSpec,
    pub(super) manifest: Manifest,
    /// Those of the three splits, in the order of [`Split::ALL`].
    examples: [Examples; 3],
    warnings: Vec<String>,
}

impl Plan {
    /// Takes the texts of the three splits as `train.clean` leaves them, and checks that there is something to learn.
    /// `file` is what the session file is called.
    ///
    /// # Errors
    /// No `[train]` section, no text column, fewer than two labels, no labelled row to train on, rows of one label alone, a label that
    /// another split has and the train split lacks, a class weight for no label.
    pub fn new(prepared: &Arc<Prepared>, file: &str) -> Result<Self, TrainingError> {
        let settings = prepared.session.train.clone().ok_or(TrainingError::NoSection)?;
        prepared.check_labels()?;
        prepared.check_text()?;
        let labels = prepared.data.labels();
        let known: Vec<&str> = labels.iter().map(String::as_str).collect();
        if let Some(label) = settings.unknown_label(&known) {
            return Err(TrainingError::Weight { label: label.to_owned(), what: no_label(label, &known) });
        }
        let cleaner = Cleaner::new(&settings.clean)?;
        let examples = Split::ALL.map(|split| examples(prepared, &cleaner, split));
        check(prepared, &examples)?;
        let warnings = warnings(prepared, &examples);
        let manifest = manifest(prepared, file, &settings, &examples);
        Ok(Self { prepared: Arc::clone(prepared), settings, manifest, examples, warnings })
    }

    /// How it is trained.
    pub fn settings(&self) -> &TrainSpec {
        &self.settings
    }

    /// The session and its data.
    pub fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }

    /// What a user should know before it begins.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The labelled texts of a split.
    pub fn examples(&self, split: Split) -> &Examples {
        let [train, validation, test] = &self.examples;
        match split {
            Split::Train => train,
            Split::Validation => validation,
            Split::Test => test,
        }
    }

    pub(super) fn columns(&self) -> Columns {
        let weight = self.prepared.session.data.weight.is_some();
        let extra = weight.then(|| "weight".to_owned()).into_iter().collect();
        Columns { labels: self.prepared.data.labels().to_vec(), extra }
    }

    /// The predictions that an evaluation of a split makes: `logprobs` has the labels' log-probabilities for each of its
    /// labelled rows.
    pub(super) fn predictions(&self, split: Split, logprobs: &[Vec<f64>]) -> Result<Vec<Prediction>, TrainingError> {
        let Prepared { session, data, .. } = &*self.prepared;
        let rows = &self.examples(split).rows;
        if rows.len() != logprobs.len() {
            return Err(TrainingError::Rows { split, found: logprobs.len(), expected: rows.len() });
        }
        let word = |label: usize| data.labels().get(label).cloned();
        let weight = |row| data.weight(row).map(|weight| weight.to_string()).unwrap_or_default();
        let prediction = |(row, logprobs): (&usize, &Vec<f64>)| Prediction {
            row: *row,
            split,
            gold: data.gold(*row).and_then(word),
            predicted: best(logprobs).and_then(word).unwrap_or_else(|| session.answer.unknown.clone()),
            answer: String::new(),
            margin: margin(logprobs),
            logprobs: logprobs.iter().copied().map(Some).collect(),
            extra: session.data.weight.is_some().then(|| weight(*row)).into_iter().collect(),
        };
        Ok(rows.iter().zip(logprobs).map(prediction).collect())
    }
}

/// The labelled texts of a split.
fn examples(prepared: &Prepared, cleaner: &Cleaner, split: Split) -> Examples {
    let data = &prepared.data;
    let mut examples = Examples::default();
    for (row, label) in data.split(split).iter().filter_map(|row| Some((*row, data.gold(*row)?))) {
        examples.rows.push(row);
        examples.texts.push(plain_text(data, cleaner, row).into_owned());
        examples.labels.push(label);
    }
    examples
}

/// Whether there is something to learn.
fn check(prepared: &Prepared, [train, validation, test]: &[Examples; 3]) -> Result<(), TrainingError> {
    let data = &prepared.data;
    if data.split(Split::Train).is_empty() {
        return Err(TrainingError::NoRows);
    }
    let Some(first) = train.labels.first() else { return Err(TrainingError::NoGold) };
    let word = |label: usize| data.labels().get(label).cloned().unwrap_or_default();
    if train.labels.iter().all(|label| label == first) {
        return Err(TrainingError::OneLabel { label: word(*first) });
    }
    for (split, examples) in [(Split::Validation, validation), (Split::Test, test)] {
        let unseen = examples.rows.iter().zip(&examples.labels).find(|(_, label)| !train.labels.contains(label));
        if let Some((row, label)) = unseen {
            return Err(TrainingError::Unseen { label: word(*label), split, row: *row });
        }
    }
    Ok(())
}

fn warnings(prepared: &Prepared, examples: &[Examples; 3]) -> Vec<String> {
    let data = &prepared.data;
    let mut warnings = Vec::new();
    let unlabelled = unlabelled(prepared, examples);
    if unlabelled > 0 {
        warnings.push(format!(
            "{} no gold label and {} left out",
            count(unlabelled, "row has", "rows have"),
            are(unlabelled)
        ));
    }
    let empty: Vec<usize> = examples
        .iter()
        .flat_map(|split| split.rows.iter().zip(&split.texts))
        .filter(|(_, text)| text.trim().is_empty())
        .map(|(row, _)| *row)
        .collect();
    if !empty.is_empty() {
        let mut rows: Vec<String> = empty.iter().take(NAMED).map(usize::to_string).collect();
        if empty.len() > NAMED {
            rows.push("…".to_owned());
        }
        let have = count(
            empty.len(),
            "row has an empty text, from which nothing",
            "rows have an empty text, from which nothing",
        );
        warnings.push(format!("{have} can be learnt: {}", rows.join(", ")));
    }
    let [train, validation, _] = examples;
    let missing: Vec<&str> = data
        .labels()
        .iter()
        .enumerate()
        .filter(|(label, _)| !train.labels.contains(label))
        .map(|(_, word)| word.as_str())
        .collect();
    if !missing.is_empty() {
        warnings.push(format!("no row has the label {}: it will not be learnt", missing.join(", ")));
    }
    if validation.rows.is_empty() {
        warnings.push("the validation split has no rows: the last weights are kept as the best".to_owned());
    }
    warnings
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn are(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// Rows of the splits without a gold label.
fn unlabelled(prepared: &Prepared, examples: &[Examples; 3]) -> usize {
    let rows: usize = Split::ALL.iter().map(|split| prepared.data.split(*split).len()).sum();
    rows - examples.iter().map(|examples| examples.rows.len()).sum::<usize>()
}

/// The manifest of a training that begins now. Of the model nothing is known yet but what it is called.
fn manifest(prepared: &Prepared, file: &str, settings: &TrainSpec, examples: &[Examples; 3]) -> Manifest {
    let Prepared { session, data, .. } = prepared;
    let [train, validation, test] = examples;
    let now = folder::now();
    let name = Path::new(&settings.model).file_name().map(|name| name.to_string_lossy().into_owned());
    Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: folder::platform(),
        name: None,
        status: Status::Running,
        error: None,
        started: now.clone(),
        changed: now,
        file: file.to_owned(),
        session: session.clone(),
        split: Split::Test,
        limit: None,
        rows: test.rows.len(),
        labels: data.labels().to_vec(),
        seeds: Seeds { data: session.data.seed, prompt: session.prompt.seed, decode: session.decode.seed },
        data: DataRecord {
            path: data.path().display().to_string(),
            sha256: data.sha256().to_owned(),
            rows: data.len(),
        },
        prompt: PromptRecord { template_sha256: String::new(), demos: Vec::new(), duplicates: 0 },
        model: ModelRecord {
            name: name.unwrap_or_default(),
            origin: String::new(),
            sha256: String::new(),
            device: String::new(),
            dtype: String::new(),
            threads: 0,
            classifier: false,
            scoring: None,
        },
        tried: None,
        legs: Vec::new(),
        stats: None,
        training: Some(TrainingRecord {
            encoder: settings.model.clone(),
            train_rows: train.rows.len(),
            validation_rows: validation.rows.len(),
            test_rows: test.rows.len(),
            unlabelled: unlabelled(prepared, examples),
            ..TrainingRecord::default()
        }),
    }
}
