//! A training: an encoder fine-tuned through an engine and kept in a run's folder.
//!
//! [`Plan`] is the training before anything is written, [`Training`] the one that is being kept: it says what work is to be
//! done and takes what the engine tells. In its folder are, beside the manifest of any run, `metrics.csv` (`table`'s file),
//! `events.jsonl` (what happened besides, with times), `evaluation.csv` (the predictions of the last evaluation of the
//! validation split), and at the end `predictions.csv` and `report.json` of the test split; checkpoints and the best
//! weights are written there by the trainer. A training that was killed goes on with [`Training::resume`] from its newest
//! checkpoint: what was logged up to there is taken over from it, and the rest is as it would have been unbroken.

mod events;
mod plan;
mod table;

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::data::{DataError, Split};
use crate::engine::{EngineError, TrainRequest, Trained, Work};
use crate::train::checkpoint::checkpoints;
use crate::train::{Control, Figures, Started, Update};

use super::folder::{
    self, BestRecord, FolderError, Leg, Manifest, ModelRecord, PREDICTIONS, REPORT, RunFolder, Status, TrainingRecord,
};
use super::ledger;
use super::predictions::{Prediction, PredictionsError, Writer, writer};
use super::prepare::PrepareError;
use super::run::{self, Summary};

use events::Events;
use table::Table;

pub use events::{EVENTS, EventKind, LoggedEvent};
pub use plan::Plan;
pub use table::METRICS;

/// The file with the predictions of the last evaluation of the validation split.
pub const EVALUATION: &str = "evaluation.csv";

/// Why a training cannot be begun, kept or read.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// The session says nothing of training.
    #[error(
        "the session has no [train] section: add one with model = \"microsoft/deberta-v3-small\", or say --set \
         train.model=…"
    )]
    NoSection,
    /// A train split without rows.
    #[error("the train split has no rows: give it a share in data.splits")]
    NoRows,
    /// Rows without labels.
    #[error("no row of the train split has a gold label: name the column that holds them as data.label")]
    NoGold,
    /// Nothing to tell apart.
    #[error(
        "all rows of the train split have the label {label:?}: there is nothing to tell apart; data.stratify = true, \
             another data.seed or more rows may help"
    )]
    OneLabel {
        /// That label.
        label: String,
    },
    /// A label that was never seen in training.
    #[error(
        "row {row} of the {split} split has the label {label:?}, which no row of the train split has; data.stratify = \
             true, another data.seed or more rows may help"
    )]
    Unseen {
        /// The label.
        label: String,
        /// Where it is.
        split: Split,
        /// The first row that has it.
        row: usize,
    },
    /// A class weight for no label.
    #[error("`train.class_weights.{label}` {what}")]
    Weight {
        /// The label that there is not.
        label: String,
        /// What is wrong with it.
        what: String,
    },
    /// An evaluation of other rows than were asked for.
    #[error("the engine evaluated {found} of the {expected} rows of the {split} split")]
    Rows {
        /// The split.
        split: Split,
        /// Rows evaluated.
        found: usize,
        /// Rows that there are.
        expected: usize,
    },
    /// A run of another kind.
    #[error("{}: is no training: go on with `shotglass run --resume`", path.display())]
    NoTraining {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the folder cannot be written.
    #[error(
        "{}: cannot be written: {error}; what was kept before is still there, make room and go on with --resume",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The engine, or a cancel.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The session's labels.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The session's cleaning rules.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file of predictions.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
}

impl TrainingError {
    fn write(path: &Path, error: std::io::Error) -> Self {
        Self::Write { path: path.to_owned(), error }
    }
}

/// An evaluation of the validation split, as tables of epochs show it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Epochs done; with a fraction where it was asked for in between.
    pub epoch: f64,
    /// The loss that was logged last before it, if any was.
    pub train_loss: Option<f64>,
    /// Mean loss on the validation split.
    pub eval_loss: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Precision, weighted by the labels' frequencies.
    pub precision: f64,
    /// Recall, weighted by the labels' frequencies.
    pub recall: f64,
    /// F1, weighted by the labels' frequencies.
    pub f1: f64,
}

/// The evaluations among some figures, each with the training loss logged last before it, as `Trainer`'s table has them.
pub fn epochs(figures: &[Figures]) -> Vec<Epoch> {
    let mut train_loss = None;
    let mut epochs = Vec::new();
    for figures in figures {
        match figures {
            Figures::Train(step) => train_loss = Some(step.loss),
            Figures::Eval(scores) => epochs.push(Epoch {
                epoch: scores.epoch,
                train_loss,
                eval_loss: scores.loss,
                accuracy: scores.accuracy,
                precision: scores.precision,
                recall: scores.recall,
                f1: scores.f1,
            }),
        }
    }
    epochs
}

/// What came of a training, as its `report.json` holds it: the report of the test split, and the evaluations before.
#[derive(Clone, Debug, Serialize)]
pub struct TrainingSummary {
    /// That of the test split.
    #[serde(flatten)]
    pub summary: Summary,
    /// The evaluations of the validation split.
    pub epochs: Vec<Epoch>,
}

/// What a folder says of a training.
#[derive(Clone, Debug)]
pub struct History {
    /// How it began the last time, its history left out; none before the engine had read the model.
    pub started: Option<Started>,
    /// The lines of `metrics.csv`.
    pub figures: Vec<Figures>,
    /// The lines of `events.jsonl`.
    pub events: Vec<LoggedEvent>,
    /// The labels, in session order.
    pub labels: Vec<String>,
    /// What was trained.
    pub manifest: Manifest,
}

/// Reads what a folder says of a training, be it running, killed or finished.
///
/// # Errors
/// `NoTraining` for a run of another kind, `Folder` where none is or what is there cannot be read. What a kill tore off is
/// passed over.
pub fn read(folder: &Path) -> Result<History, TrainingError> {
    let manifest = Manifest::read(folder)?;
    let Some(record) = &manifest.training else { return Err(TrainingError::NoTraining { path: folder.to_owned() }) };
    let started = record.started.clone();
    let (figures, events) = (table::read(folder)?, events::read(folder)?);
    Ok(History { started, figures, events, labels: manifest.labels.clone(), manifest })
}

/// Whether somebody is at work on the training in a folder just now. One that is `Running` and is not live was killed.
pub fn is_live(folder: &Path) -> bool {
    writer::hold(&folder.join(PREDICTIONS)).is_none()
}

/// A training that is being kept.
pub struct Training {
    plan: Plan,
    folder: PathBuf,
    /// Known of a new one alone.
    new: Option<RunFolder>,
    control: Control,
    /// Holds the folder's lock; written to at the end.
    predictions: Writer,
    metrics: Table,
    events: Events,
    /// The model that it was begun with, of one that goes on.
    begun_with: Option<ModelRecord>,
    /// The predictions of the test split, once they are there.
    test: Option<Vec<Prediction>>,
    started: Instant,
    leg_started: String,
}

impl Training {
    /// Begins one in a new folder inside `runs`.
    ///
    /// # Errors
    /// As writing; nothing is left behind then.
    pub fn create(plan: Plan, runs: &Path) -> Result<Self, TrainingError> {
        let new = RunFolder::create(runs, &plan.manifest)?;
        let folder = new.path().to_owned();
        let opened = Writer::open(&folder.join(PREDICTIONS), plan.columns()).map_err(TrainingError::from);
        match opened.and_then(|(predictions, _)| Self::begin(plan, folder, predictions, &[], None)) {
            Ok(begun) => Ok(Self { new: Some(new), ..begun }),
            Err(error) => {
                new.discard();
                Err(error)
            }
        }
    }

    /// Goes on with the one in `folder`, which must be one of this very plan.
    ///
    /// # Errors
    /// `NoTraining` and `Folder` for what cannot go on as planned, `Predictions` if somebody is writing to it. That the
    /// model is still the same is known only when the engine has read it: [`Self::record`] refuses another one.
    pub fn resume(mut plan: Plan, folder: &Path) -> Result<Self, TrainingError> {
        let kept = Manifest::read(folder)?;
        let Some(record) = kept.training.clone() else {
            return Err(TrainingError::NoTraining { path: folder.to_owned() });
        };
        let begun_with = record.started.is_some().then(|| kept.model.clone());
        plan.manifest.model = kept.model.clone();
        kept.allows(&plan.manifest, folder)?;
        let (predictions, _) = Writer::open(&folder.join(PREDICTIONS), plan.columns())?;
        folder::sweep(folder);
        let figures = table::read(folder)?;
        plan.manifest.started = kept.started;
        plan.manifest.name = kept.name;
        plan.manifest.legs = kept.legs;
        plan.manifest.tried = kept.tried;
        plan.manifest.training = Some(TrainingRecord { stopped: None, ..record });
        plan.manifest.write(folder)?;
        Self::begin(plan, folder.to_owned(), predictions, &figures, begun_with)
    }

    fn begin(
        plan: Plan,
        folder: PathBuf,
        predictions: Writer,
        figures: &[Figures],
        begun_with: Option<ModelRecord>,
    ) -> Result<Self, TrainingError> {
        Ok(Self {
            metrics: Table::create(&folder, plan.prepared.data.labels(), figures)?,
            events: Events::open(&folder)?,
            plan,
            folder,
            new: None,
            control: Control::default(),
            predictions,
            begun_with,
            test: None,
            started: Instant::now(),
            leg_started: folder::now(),
        })
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How it is steered while it goes on.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The plan that it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The work for the engine.
    pub fn work(&self) -> Work {
        let Plan { prepared, settings, .. } = &self.plan;
        let mut model = prepared.session.model.clone();
        model.source.clone_from(&settings.model);
        Work::Train(Box::new(TrainRequest {
            model,
            settings: settings.clone(),
            labels: prepared.data.labels().to_vec(),
            train: self.plan.examples(Split::Train).clone(),
            validation: self.plan.examples(Split::Validation).clone(),
            test: self.plan.examples(Split::Test).clone(),
            folder: self.folder.clone(),
            resume: self.new.is_none(),
            control: self.control.clone(),
        }))
    }

    /// Keeps what the training tells; its pace is not kept.
    ///
    /// # Errors
    /// As writing; `Folder` where it goes on with another model or on another device than it was begun with; `Rows` for an
    /// evaluation of other rows than were asked for.
    pub fn record(&mut self, update: &Update) -> Result<(), TrainingError> {
        let tests = matches!(update, Update::Evaluated(evaluation) if evaluation.test);
        let begins = self.new.is_some() && self.plan.manifest.tried.is_none() && matches!(update, Update::Step(_));
        if tests || begins {
            self.plan.manifest.tried = ledger::counted(&self.folder, &self.plan.manifest, tests);
        }
        match update {
            Update::Started(started) => self.begun(started),
            Update::Step(step) => self.metrics.append(&Figures::Train(*step)),
            Update::Pace(_) => Ok(()),
            Update::Evaluated(evaluation) if evaluation.test => {
                self.test = Some(self.plan.predictions(Split::Test, &evaluation.logprobs)?);
                Ok(())
            }
            Update::Evaluated(evaluation) => {
                let predictions = self.plan.predictions(Split::Validation, &evaluation.logprobs)?;
                writer::write(&self.folder.join(EVALUATION), &self.plan.columns(), &predictions)?;
                self.metrics.append(&Figures::Eval(evaluation.scores.clone()))
            }
            Update::Saved { step, .. } => {
                self.done(*step);
                self.events.append(*step, EventKind::Saved, "checkpoint kept")
            }
            Update::Best { step, metric, value } => {
                self.done(*step);
                self.training().best = Some(best_record(*step, Some((metric, *value))));
                self.keep()?;
                self.events.append(*step, EventKind::Best, &format!("best so far: {metric} {value:.3}"))
            }
            Update::Warned { step, text } => self.events.append(*step, EventKind::Warned, text),
            Update::Changed { step, text, .. } => self.events.append(*step, EventKind::Changed, text),
        }
    }

    /// The model is read, and what was logged up to the checkpoint is known.
    fn begun(&mut self, started: &Started) -> Result<(), TrainingError> {
        let model = ModelRecord {
            name: started.model.clone(),
            origin: started.origin.clone(),
            sha256: started.sha256.clone(),
            device: started.device.clone(),
            dtype: started.dtype.clone(),
            threads: started.threads,
            classifier: false,
            scoring: None,
        };
        self.begun_with.as_ref().map_or(Ok(()), |begun_with| begun_with.allows(&model, &self.folder))?;
        self.metrics = Table::create(&self.folder, self.plan.prepared.data.labels(), &started.history)?;
        self.plan.manifest.model = model;
        let record = self.training();
        record.steps = started.step;
        record.started = Some(Started { history: Vec::new(), ..started.clone() });
        // What came after the checkpoint comes again.
        record.best = record.best.take().filter(|best| best.step <= started.step);
        self.keep()?;
        (self.started, self.leg_started) = (Instant::now(), folder::now());
        let text = match started.step {
            0 => format!("{} begins: {} steps", started.model, started.steps),
            step => format!("goes on from step {step} of {}", started.steps),
        };
        self.events.append(started.step, EventKind::Started, &text)
    }

    /// Puts the predictions of the test split into their file, writes the report, and says what came of the training.
    ///
    /// # Errors
    /// `Rows` if the engine left out the test split; as writing. What is kept can be gone on with then.
    pub fn finish(mut self, trained: Trained) -> Result<(Summary, Manifest), TrainingError> {
        let expected = self.plan.examples(Split::Test).rows.len();
        let test = self.test.take().unwrap_or_default();
        if test.len() != expected {
            let error = TrainingError::Rows { split: Split::Test, found: test.len(), expected };
            self.stop(&EngineError::Failed(error.to_string()));
            return Err(error);
        }
        self.end_leg(test.len());
        let ended = trained.stopped.clone().unwrap_or_else(|| "finished".to_owned());
        let best = trained.best.as_ref().map(|(metric, value)| (metric, *value));
        let record = self.training();
        (record.steps, record.stopped) = (trained.steps, trained.stopped);
        record.step_seconds = (trained.step_seconds > 0.0).then_some(trained.step_seconds);
        record.best = Some(best_record(trained.best_step, best));
        self.plan.manifest.set(Status::Finished, None);
        self.predictions.replace_all(&test)?;
        let (seconds, _) = self.plan.manifest.work();
        let folder = std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (rows, report) = (test.len(), run::report(&test));
        let summary = Summary { run: name, rows, seconds: Some(seconds), cached_rows: None, report, simulation: None };
        let mut told = TrainingSummary { summary, epochs: epochs(&table::read(&self.folder)?) };
        folder::write_json(&self.folder.join(REPORT), &told)?;
        self.events.append(trained.steps, EventKind::Ended, &ended)?;
        self.plan.manifest.keep_name(&self.folder);
        self.plan.manifest.write(&self.folder)?;
        told.summary.run = self.folder.display().to_string();
        Ok((told.summary, self.plan.manifest))
    }

    /// Ends it early: what is kept stays, and its folder is returned. A new one of which there is neither a figure nor a
    /// checkpoint leaves nothing behind.
    pub fn stop(mut self, error: &EngineError) -> Option<PathBuf> {
        let kept = self.metrics.filled || !checkpoints(&self.folder).is_empty();
        if let Some(new) = self.new.take_if(|_| !kept) {
            drop((self.predictions, self.metrics, self.events));
            new.discard();
            return None;
        }
        self.end_leg(0);
        let text = match error {
            EngineError::Cancelled => {
                self.plan.manifest.set(Status::Cancelled, None);
                "cancelled".to_owned()
            }
            error => {
                self.plan.manifest.set(Status::Failed, Some(error.to_string()));
                error.to_string()
            }
        };
        let step = self.training().steps;
        // What matters is on the disk; a manifest that still says `running` can be resumed as well.
        if let Err(error) = self.events.append(step, EventKind::Ended, &text).and_then(|()| self.keep()) {
            tracing::warn!(%error, "the end of a stopped training was not written");
        }
        Some(self.folder)
    }

    fn end_leg(&mut self, rows: usize) {
        let started = std::mem::take(&mut self.leg_started);
        self.plan.manifest.legs.push(Leg { started, seconds: self.started.elapsed().as_secs_f64(), rows });
    }

    fn training(&mut self) -> &mut TrainingRecord {
        self.plan.manifest.training.get_or_insert_default()
    }

    fn done(&mut self, step: usize) {
        let record = self.training();
        record.steps = record.steps.max(step);
    }

    /// Writes the manifest; the run may have been renamed meanwhile.
    fn keep(&mut self) -> Result<(), TrainingError> {
        self.plan.manifest.keep_name(&self.folder);
        Ok(self.plan.manifest.write(&self.folder)?)
    }
}

/// JSON knows no infinity: such a value is left out.
fn best_record(step: usize, metric: Option<(&String, f64)>) -> BestRecord {
    BestRecord {
        step,
        metric: metric.map(|(name, _)| name.clone()),
        value: metric.map(|(_, value)| value).filter(|value| value.is_finite()),
    }
}

#[cfg(test)]
mod tests;
