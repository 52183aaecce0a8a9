//! A training kept in its run's folder: figures, events, the last evaluation, and at the end the test split's predictions.
//!
//! `metrics.csv` has a line for each logged step and each evaluation, `events.jsonl` what happened besides, `evaluation.csv`
//! the predictions of the last validation evaluation.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::engine::command::Examples;
use crate::engine::{EngineError, TrainRequest, Trained, Work};
use crate::train::update::Scores;
use crate::train::{Control, Figures, Started, Step, TrainSpec, Update};

use super::folder::{
    self, DataRecord, FolderError, Leg, Manifest, ModelRecord, PromptRecord, REPORT, RunFolder, Seeds, Status,
};
use super::predictions::{Columns, Prediction, PredictionsError, Writer, margin};
use super::prepare::{PrepareError, Prepared};
use super::run::{self, Summary, best};

/// The file with a line for each logged step and evaluation.
pub const METRICS: &str = "metrics.csv";
/// The file with what happened besides.
pub const EVENTS: &str = "events.jsonl";
/// The file with the predictions of the last validation evaluation.
pub const EVALUATION: &str = "evaluation.csv";

const COLUMNS: [&str; 10] =
    ["kind", "step", "epoch", "loss", "learning_rate", "grad_norm", "accuracy", "precision", "recall", "f1"];

/// Why a training cannot be begun or kept.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// The session says nothing of training.
    #[error("the session has no [train] section: add one with `model = \"microsoft/deberta-v3-small\"` to its file")]
    NoSection,
    /// Its data.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file of predictions.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
    /// Another file of the folder.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Training began, or went on.
    Started,
    /// The best weights so far.
    Best,
    /// A checkpoint was written.
    Saved,
    /// Something is going wrong.
    Warned,
    /// A wish of the user was followed.
    Changed,
    /// It is over.
    Ended,
}

/// A line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedEvent {
    /// When (RFC 3339).
    pub time: String,
    /// Steps done.
    pub step: usize,
    /// What it is about.
    pub kind: EventKind,
    /// In words.
    pub text: String,
}

/// What a folder says of a training.
#[derive(Clone, Debug)]
pub struct History {
    /// How it began.
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

/// A training before anything is written.
pub struct Plan {
    prepared: Arc<Prepared>,
    settings: TrainSpec,
    manifest: Manifest,
}

impl Plan {
    /// Checks labels, texts and settings.
    pub fn new(prepared: &Arc<Prepared>, file: &str) -> Result<Self, TrainingError> {
        let section = prepared.session.train.clone().ok_or(TrainingError::NoSection)?;
        let wrong = |reason: String| TrainingError::File { path: file.into(), reason };
        let settings: TrainSpec = section.try_into().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
        settings.check().map_err(|(key, what)| wrong(format!("`train.{key}` {what}")))?;
        prepared.check_labels()?;
        prepared.rows(Split::Train, None)?;
        Ok(Self { prepared: Arc::clone(prepared), manifest: manifest(prepared, file), settings })
    }

    fn examples(&self, split: Split) -> Examples {
        let data = &self.prepared.data;
        let mut examples = Examples::default();
        for row in data.split(split) {
            if let Some(label) = data.gold(*row) {
                examples.rows.push(*row);
                examples.texts.push(data.text(*row).into_owned());
                examples.labels.push(label);
            }
        }
        examples
    }

    fn columns(&self) -> Columns {
        Columns { labels: self.prepared.data.labels().to_vec(), extra: Vec::new() }
    }
}

/// A training that is being kept.
pub struct Training {
    plan: Plan,
    folder: PathBuf,
    new: Option<RunFolder>,
    resume: bool,
    control: Control,
    metrics: File,
    events: File,
    test: Vec<Prediction>,
    saved: bool,
}

impl Training {
    /// Begins one in a new folder inside `runs`.
    pub fn create(plan: Plan, runs: &Path) -> Result<Self, TrainingError> {
        let new = RunFolder::create(runs, &plan.manifest)?;
        let path = new.path().to_owned();
        let begun = Self::open(plan, path, false)?;
        Ok(Self { new: Some(new), ..begun })
    }

    /// Goes on with the one in `folder`.
    pub fn resume(mut plan: Plan, folder: &Path) -> Result<Self, TrainingError> {
        let kept = Manifest::read(folder)?;
        (plan.manifest.started, plan.manifest.name, plan.manifest.legs) = (kept.started, kept.name, kept.legs);
        plan.manifest.write(folder)?;
        Self::open(plan, folder.to_owned(), true)
    }

    fn open(plan: Plan, folder: PathBuf, resume: bool) -> Result<Self, TrainingError> {
        let append = |name: &str| {
            let path = folder.join(name);
            File::options().append(true).create(true).open(&path).map_err(|error| failed(&path, &error))
        };
        let (metrics, events) = (append(METRICS)?, append(EVENTS)?);
        let control = Control::default();
        Ok(Self { plan, folder, new: None, resume, control, metrics, events, test: Vec::new(), saved: resume })
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How it is steered.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The work for the engine.
    pub fn work(&self) -> Work {
        let session = &self.plan.prepared.session;
        let mut model = session.model.clone();
        model.source.clone_from(&self.plan.settings.model);
        Work::Train(Box::new(TrainRequest {
            model,
            settings: self.plan.settings.clone(),
            labels: self.plan.prepared.data.labels().to_vec(),
            train: self.plan.examples(Split::Train),
            validation: self.plan.examples(Split::Validation),
            test: self.plan.examples(Split::Test),
            folder: self.folder.clone(),
            resume: self.resume,
            control: self.control.clone(),
        }))
    }

    /// Keeps what the training tells.
    pub fn record(&mut self, update: &Update) -> Result<(), TrainingError> {
        match update {
            Update::Started(started) => {
                let model = &mut self.plan.manifest.model;
                (model.name, model.origin) = (started.model.clone(), started.origin.clone());
                (model.sha256, model.device) = (started.sha256.clone(), started.device.clone());
                (model.dtype, model.threads) = (started.dtype.clone(), started.threads);
                self.plan.manifest.write(&self.folder)?;
                let path = self.folder.join("started.json");
                folder::write_json(&path, &**started)?;
                self.log(started.step, EventKind::Started, &format!("{} steps of {}", started.steps, started.model))
            }
            Update::Step(step) => self.line(&[
                "train".to_owned(),
                step.step.to_string(),
                step.epoch.to_string(),
                step.loss.to_string(),
                step.learning_rate.to_string(),
                step.grad_norm.to_string(),
            ]),
            Update::Pace(_) => Ok(()),
            Update::Evaluated(evaluation) if evaluation.test => {
                self.test = self.predictions(Split::Test, &evaluation.logprobs);
                Ok(())
            }
            Update::Evaluated(evaluation) => {
                let rows = self.predictions(Split::Validation, &evaluation.logprobs);
                let (path, new) = (self.folder.join(EVALUATION), self.folder.join(".new-evaluation.csv"));
                let _ = fs::remove_file(&new);
                Writer::open(&new, self.plan.columns())?.0.append(&rows)?;
                fs::rename(&new, &path).map_err(|error| failed(&path, &error))?;
                let scores = &evaluation.scores;
                let empty = String::new;
                let mut line = vec!["eval".to_owned(), scores.step.to_string(), scores.epoch.to_string()];
                line.extend([scores.loss.to_string(), empty(), empty()]);
                let four = [scores.accuracy, scores.precision, scores.recall, scores.f1];
                line.extend(four.iter().chain([&scores.macro_f1]).chain(&scores.class_f1).map(f64::to_string));
                self.line(&line)
            }
            Update::Saved { step, .. } => {
                self.saved = true;
                self.log(*step, EventKind::Saved, "checkpoint kept")
            }
            Update::Best { step, metric, value } => {
                self.log(*step, EventKind::Best, &format!("best so far: {metric} {value:.3}"))
            }
            Update::Warned { step, text } => self.log(*step, EventKind::Warned, text),
            Update::Changed { step, text, .. } => self.log(*step, EventKind::Changed, text),
        }
    }

    /// Writes the test split's predictions and the report.
    pub fn finish(mut self, trained: Trained) -> Result<(Summary, Manifest), TrainingError> {
        let (mut writer, _) = Writer::open(&self.folder.join(folder::PREDICTIONS), self.plan.columns())?;
        writer.append(&self.test)?;
        let started = self.plan.manifest.started.clone();
        self.plan.manifest.legs.push(Leg { started, seconds: trained.seconds, rows: self.test.len() });
        let text = trained.stopped.clone().unwrap_or_else(|| "finished".to_owned());
        self.log(trained.steps, EventKind::Ended, &text)?;
        let mut summary = Summary {
            run: self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            rows: self.test.len(),
            seconds: Some(trained.seconds),
            report: run::report(&self.test),
        };
        folder::write_json(&self.folder.join(REPORT), &summary)?;
        self.plan.manifest.set(Status::Finished, None);
        self.plan.manifest.keep_name(&self.folder);
        self.plan.manifest.write(&self.folder)?;
        summary.run = self.folder.display().to_string();
        Ok((summary, self.plan.manifest))
    }

    /// Ends it early; the folder, if anything is kept.
    pub fn stop(mut self, error: &EngineError) -> Option<PathBuf> {
        if let Some(new) = self.new.take_if(|_| !self.saved) {
            new.discard();
            return None;
        }
        match error {
            EngineError::Cancelled => self.plan.manifest.set(Status::Cancelled, None),
            error => self.plan.manifest.set(Status::Failed, Some(error.to_string())),
        }
        self.plan.manifest.keep_name(&self.folder);
        if let Err(error) = self.plan.manifest.write(&self.folder) {
            tracing::warn!(%error, "the manifest of a stopped training was not written");
        }
        Some(self.folder)
    }

    fn log(&mut self, step: usize, kind: EventKind, text: &str) -> Result<(), TrainingError> {
        let event = LoggedEvent { time: folder::now(), step, kind, text: text.to_owned() };
        let line = serde_json::to_string(&event).unwrap_or_default() + "\n";
        let path = self.folder.join(EVENTS);
        self.events.write_all(line.as_bytes()).map_err(|error| failed(&path, &error))
    }

    fn line(&mut self, cells: &[String]) -> Result<(), TrainingError> {
        let path = self.folder.join(METRICS);
        let head = self.metrics.metadata().map(|meta| meta.len() == 0).unwrap_or_default();
        let mut text = String::new();
        if head {
            let labels = self.plan.prepared.data.labels().iter().map(|label| format!("f1:{label}"));
            let names = COLUMNS.iter().map(|name| (*name).to_owned()).chain(["macro_f1".to_owned()]).chain(labels);
            text = names.collect::<Vec<_>>().join(",") + "\n";
        }
        let columns = COLUMNS.len() + 1 + self.plan.prepared.data.labels().len();
        text += &cells.join(",");
        text += &",".repeat(columns.saturating_sub(cells.len()));
        text.push('\n');
        self.metrics.write_all(text.as_bytes()).map_err(|error| failed(&path, &error))
    }

    fn predictions(&self, split: Split, logprobs: &[Vec<f64>]) -> Vec<Prediction> {
        let data = &self.plan.prepared.data;
        let word = |label: usize| data.labels().get(label).cloned();
        let rows = data.split(split).iter().filter(|row| data.gold(**row).is_some());
        rows.zip(logprobs)
            .map(|(row, logprobs)| Prediction {
                row: *row,
                split,
                gold: data.gold(*row).and_then(word),
                predicted: best(logprobs).and_then(word).unwrap_or_default(),
                answer: String::new(),
                margin: margin(logprobs),
                logprobs: logprobs.iter().copied().map(Some).collect(),
                extra: Vec::new(),
            })
            .collect()
    }
}

/// Reads what a folder says of a training, be it running or finished.
pub fn read(folder: &Path) -> Result<History, TrainingError> {
    let manifest = Manifest::read(folder)?;
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    let events = text(EVENTS).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let figures = text(METRICS).lines().skip(1).filter_map(figures).collect();
    let started = serde_json::from_str(&text("started.json")).ok();
    Ok(History { started, figures, events, labels: manifest.labels.clone(), manifest })
}

fn figures(line: &str) -> Option<Figures> {
    let cells: Vec<&str> = line.split(',').collect();
    let number = |place: usize| cells.get(place).and_then(|cell| cell.parse::<f64>().ok());
    let (step, epoch, loss) = (cells.get(1)?.parse().ok()?, number(2)?, number(3)?);
    match *cells.first()? {
        "train" => Some(Figures::Train(Step { step, epoch, loss, learning_rate: number(4)?, grad_norm: number(5)? })),
        _ => Some(Figures::Eval(Scores {
            step,
            epoch,
            loss,
            accuracy: number(6)?,
            precision: number(7)?,
            recall: number(8)?,
            f1: number(9)?,
            macro_f1: number(10)?,
            class_f1: (11..cells.len()).filter_map(number).collect(),
        })),
    }
}

fn failed(path: &Path, error: &io::Error) -> TrainingError {
    TrainingError::File { path: path.to_owned(), reason: error.to_string() }
}

fn manifest(prepared: &Prepared, file: &str) -> Manifest {
    let Prepared { session, data, .. } = prepared;
    let now = folder::now();
    let model = ModelRecord {
        name: String::new(),
        origin: String::new(),
        sha256: String::new(),
        device: String::new(),
        dtype: String::new(),
        threads: 0,
    };
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
        rows: data.split(Split::Test).len(),
        labels: data.labels().to_vec(),
        seeds: Seeds { data: session.data.seed, prompt: session.prompt.seed, decode: session.decode.seed },
        data: DataRecord {
            path: data.path().display().to_string(),
            sha256: data.sha256().to_owned(),
            rows: data.len(),
        },
        prompt: PromptRecord { template_sha256: String::new(), demos: Vec::new(), duplicates: 0 },
        model,
        legs: Vec::new(),
        stats: None,
    }
}
