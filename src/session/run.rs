//! A run: the rows of a split answered through an engine and kept in a folder, row by row.
//!
//! [`Recording`] is the run without the engine's thread: it says what work is to be done and takes the answers as they
//! come, in whatever order. [`drive`] waits for an engine's events on the caller's thread; who has an event loop of its
//! own hands them over instead. A run that is cancelled or killed goes on with [`Recording::resume`] and ends as it would
//! have ended unbroken.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::data::Split;
use crate::engine::command::Method;
use crate::engine::{
    Answer, Cancel, Engine, EngineError, Event, GenerateRequest, ModelInfo, Outcome, ScoreRequest, Stats, Work,
};
use crate::metrics::{Confusion, Report};
use crate::prompt::Prompt;

use super::folder::{
    self, DataRecord, FolderError, Leg, Manifest, ModelRecord, PREDICTIONS, PromptRecord, REPORT, RunFolder, Seeds,
    Status,
};
use super::predictions::{Columns, Prediction, PredictionsError, Writer, margin};
use super::prepare::{self, PrepareError, Prepared};

/// How often a waiting run looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The session's data or prompts.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The engine, or a cancel.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The file of predictions.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows answered.
    pub done: usize,
    /// Rows in all.
    pub total: usize,
    /// Rows answered that have a gold label.
    pub labelled: usize,
    /// Of those, the ones answered right.
    pub right: usize,
}

/// What came of a run, as `report.json` holds it.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The run's folder; its name alone in `report.json`.
    pub run: String,
    /// Rows answered.
    pub rows: usize,
    /// Seconds of computing, where they are known.
    pub seconds: Option<f64>,
    /// The figures, where the rows have gold labels.
    #[serde(flatten)]
    pub report: Option<Report>,
}

/// The rows and prompts of a run, before anything of it is written.
pub struct Task<'p> {
    prepared: &'p Prepared,
    rows: Vec<usize>,
    prompts: Vec<Prompt>,
    manifest: Manifest,
    uses_options: bool,
}

impl<'p> Task<'p> {
    /// Writes the prompts of a split's first `limit` rows for `model`. `file` is what the session file is called.
    pub fn new(
        prepared: &'p Prepared,
        file: &str,
        split: Split,
        limit: Option<usize>,
        model: &ModelInfo,
    ) -> Result<Self, RunError> {
        prepared.check_labels()?;
        let session = &prepared.session;
        let rows = prepared.rows(split, limit)?.to_vec();
        let renderer = prepared.renderer(model.chat.clone()).map_err(PrepareError::from)?;
        let prompts = prepare::prompts(&renderer, &rows).map_err(PrepareError::from)?;
        let now = folder::now();
        let manifest = Manifest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: folder::platform(),
            status: Status::Running,
            error: None,
            started: now.clone(),
            changed: now,
            file: file.to_owned(),
            session: session.clone(),
            split,
            limit,
            rows: rows.len(),
            labels: prepared.data.labels().to_vec(),
            seeds: Seeds { data: session.data.seed, prompt: session.prompt.seed, decode: session.decode.seed },
            data: DataRecord {
                path: prepared.data.path().display().to_string(),
                sha256: prepared.data.sha256().to_owned(),
                rows: prepared.data.len(),
            },
            prompt: PromptRecord {
                template_sha256: template_sha256(prepared, model),
                demos: renderer.demos().unwrap_or_default().to_vec(),
                duplicates: renderer.duplicates(&rows).len(),
            },
            model: ModelRecord {
                name: model.name.clone(),
                origin: model.origin.clone(),
                sha256: model.sha256.clone(),
                device: model.device.clone(),
                dtype: model.dtype.clone(),
                threads: model.threads,
            },
            legs: Vec::new(),
            stats: None,
        };
        Ok(Self { prepared, rows, prompts, manifest, uses_options: renderer.uses_options() })
    }

    /// The rows of the data file, in the order of the split.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Rows whose prompt shows a demonstration with their very text, as retweets have.
    pub fn duplicates(&self) -> usize {
        self.manifest.prompt.duplicates
    }

    fn columns(&self) -> Columns {
        let weight = self.prepared.session.data.weight.is_some();
        let extra = [("options", self.uses_options), ("weight", weight)];
        Columns {
            labels: self.prepared.data.labels().to_vec(),
            extra: extra.into_iter().filter(|(_, used)| *used).map(|(name, _)| name.to_owned()).collect(),
        }
    }
}

/// A run that is being kept.
pub struct Recording<'p> {
    task: Task<'p>,
    folder: PathBuf,
    /// Known of a new run alone.
    new: Option<RunFolder>,
    writer: Writer,
    done: Vec<bool>,
    tally: Tally,
    /// Rows that were answered before this leg.
    before: usize,
    started: Instant,
    leg_started: String,
}

impl<'p> Recording<'p> {
    /// Starts a run in a new folder inside `runs`.
    pub fn create(task: Task<'p>, runs: &Path) -> Result<Self, RunError> {
        let new = RunFolder::create(runs, &task.manifest)?;
        let path = new.path().to_owned();
        match Writer::open(&path.join(PREDICTIONS), task.columns()) {
            Ok((writer, _)) => Ok(Self::begin(task, path, Some(new), writer, &[])),
            Err(error) => {
                new.discard();
                Err(error.into())
            }
        }
    }

    /// Goes on with the run in `folder`, which must be one of this very task.
    pub fn resume(mut task: Task<'p>, folder: &Path) -> Result<Self, RunError> {
        let kept = Manifest::read(folder)?;
        kept.allows(&task.manifest, folder)?;
        let (writer, answered) = Writer::open(&folder.join(PREDICTIONS), task.columns())?;
        folder::sweep(folder);
        task.manifest.started = kept.started;
        task.manifest.legs = kept.legs;
        task.manifest.write(folder)?;
        Ok(Self::begin(task, folder.to_owned(), None, writer, &answered))
    }

    fn begin(task: Task<'p>, folder: PathBuf, new: Option<RunFolder>, writer: Writer, answered: &[Prediction]) -> Self {
        let known: std::collections::HashSet<usize> = answered.iter().map(|prediction| prediction.row).collect();
        let done: Vec<bool> = task.rows.iter().map(|row| known.contains(row)).collect();
        let mut tally = Tally { total: task.rows.len(), ..Tally::default() };
        answered.iter().for_each(|prediction| tally.count(prediction));
        let before = tally.done;
        let leg_started = folder::now();
        Self { task, folder, new, writer, done, tally, before, started: Instant::now(), leg_started }
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How far the run is.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Rows a second in this leg.
    pub fn rate(&self) -> f64 {
        (self.tally.done - self.before) as f64 / self.started.elapsed().as_secs_f64().max(1e-9)
    }

    /// The work for the engine. Indices of its answers are places in the run's rows.
    pub fn work(&self) -> Work {
        let session = &self.task.prepared.session;
        let prompts = self.task.prompts.iter().map(|prompt| prompt.text.clone()).collect();
        let (rows, done) = (self.task.rows.clone(), self.done.clone());
        let (batch_size, truncate) = (session.batch_size(), session.truncates());
        match session.decode.method {
            Method::Score => {
                let labels = self.task.prepared.data.labels().to_vec();
                Work::Score(ScoreRequest { prompts, labels, rows, done, batch_size, truncate })
            }
            Method::Generate => Work::Generate(GenerateRequest {
                prompts,
                generation: session.generation(),
                rows,
                done,
                batch_size,
                truncate,
                stream: false,
            }),
        }
    }

    /// Keeps answers. Those that are there already are left out.
    pub fn record(&mut self, answers: &[Answer]) -> Result<(), RunError> {
        let mut batch = Vec::with_capacity(answers.len());
        for answer in answers {
            match self.done.get_mut(answer.index) {
                Some(done) if !*done => *done = true,
                _ => continue,
            }
            batch.extend(self.task.prediction(answer));
        }
        self.writer.append(&batch)?;
        batch.iter().for_each(|prediction| self.tally.count(prediction));
        Ok(())
    }

    /// Puts the predictions in order, writes the report, and says what came of the run.
    pub fn finish(mut self, stats: Stats) -> Result<(Summary, Manifest), RunError> {
        if self.tally.done < self.tally.total {
            let missing = self.tally.total - self.tally.done;
            let error = EngineError::Failed(format!("the engine left {missing} rows without an answer"));
            self.stop(&error);
            return Err(error.into());
        }
        self.end_leg();
        let predictions = self.writer.finish(&self.task.rows)?;
        let manifest = &mut self.task.manifest;
        let (seconds, _) = manifest.work();
        let report = report(&predictions);
        let folder = std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut summary = Summary { run: name, rows: predictions.len(), seconds: Some(seconds), report };
        folder::write_json(&self.folder.join(REPORT), &summary)?;
        manifest.stats = Some(stats);
        manifest.set(Status::Finished, None);
        manifest.write(&self.folder)?;
        summary.run = self.folder.display().to_string();
        Ok((summary, self.task.manifest))
    }

    /// Ends the run early: what is answered is kept, and its folder is returned. A new run without a single answer leaves
    /// nothing behind.
    pub fn stop(mut self, error: &EngineError) -> Option<PathBuf> {
        if let Some(new) = self.new.take_if(|_| self.tally.done == 0) {
            drop(self.writer);
            new.discard();
            return None;
        }
        self.end_leg();
        match error {
            EngineError::Cancelled => self.task.manifest.set(Status::Cancelled, None),
            error => self.task.manifest.set(Status::Failed, Some(error.to_string())),
        }
        // The rows are on the disk; a manifest that still says `running` can be resumed as well.
        if let Err(error) = self.task.manifest.write(&self.folder) {
            tracing::warn!(%error, "the manifest of a stopped run was not written");
        }
        Some(self.folder)
    }

    fn end_leg(&mut self) {
        self.task.manifest.legs.push(Leg {
            started: std::mem::take(&mut self.leg_started),
            seconds: self.started.elapsed().as_secs_f64(),
            rows: self.tally.done - self.before,
        });
    }
}

impl Tally {
    fn count(&mut self, prediction: &Prediction) {
        self.done += 1;
        if let Some(gold) = &prediction.gold {
            self.labelled += 1;
            self.right += usize::from(*gold == prediction.predicted);
        }
    }

    /// Accuracy so far, of the rows with a gold label.
    pub fn accuracy(&self) -> Option<f64> {
        (self.labelled > 0).then(|| self.right as f64 / self.labelled as f64)
    }
}

impl Task<'_> {
    /// The prediction that an answer makes.
    fn prediction(&self, answer: &Answer) -> Option<Prediction> {
        let Prepared { session, data, answers, .. } = self.prepared;
        let row = *self.rows.get(answer.index)?;
        let word = |label: usize| data.labels().get(label).cloned();
        let label = match session.decode.method {
            Method::Score => best(&answer.logprobs),
            Method::Generate => answers.label(&answer.text),
        };
        let options = self.prompts.get(answer.index).and_then(|prompt| prompt.options.as_ref());
        let weight = || data.weight(row).map(|weight| weight.to_string()).unwrap_or_default();
        let extra = [
            self.uses_options.then(|| options.map(|options| options.join("|")).unwrap_or_default()),
            session.data.weight.is_some().then(weight),
        ];
        Some(Prediction {
            row,
            split: self.manifest.split,
            gold: data.gold(row).and_then(word),
            predicted: label.and_then(word).unwrap_or_else(|| session.answer.unknown.clone()),
            answer: answer.text.clone(),
            margin: margin(&answer.logprobs),
            logprobs: answer.logprobs.iter().copied().map(Some).collect(),
            extra: extra.into_iter().flatten().collect(),
        })
    }
}

/// The index of the greatest number, the first of equals; none of what is no number.
fn best(logprobs: &[f64]) -> Option<usize> {
    let numbers = logprobs.iter().enumerate().filter(|(_, logprob)| !logprob.is_nan());
    // `max_by` takes the last of equals.
    numbers.rev().max_by(|a, b| a.1.total_cmp(b.1)).map(|(index, _)| index)
}

/// The figures of the predictions that can be judged.
pub fn report(predictions: &[Prediction]) -> Option<Report> {
    let pairs = predictions.iter().filter_map(|row| Some((row.gold.as_deref()?, row.predicted.as_str())));
    let confusion = Confusion::of(pairs);
    (confusion.total() > 0).then(|| Report::new(confusion))
}

/// SHA-256 over all that is written around a row's text, each part behind a NUL.
fn template_sha256(prepared: &Prepared, model: &ModelInfo) -> String {
    let prompt = &prepared.session.prompt;
    let chat = if prompt.chat { model.chat.as_ref().map(|chat| chat.source.as_str()) } else { None };
    let mut hash = Sha256::new();
    for part in [prompt.template.as_str(), &prompt.demo, &prompt.separator, chat.unwrap_or_default()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Submits work and waits for its end, handing each of its events to `listen`. `stop` cancels it; so does an error of
/// `listen`, which is then returned.
pub fn drive<E: From<EngineError>>(
    engine: &Engine,
    events: &Receiver<Event>,
    work: Work,
    stop: &Cancel,
    listen: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Outcome, E> {
    let (job, cancel) = engine.submit(work)?;
    let mut broken = None;
    loop {
        if stop.is_cancelled() {
            cancel.cancel();
        }
        let event = match events.recv_timeout(PATIENCE) {
            Ok(event) if event.job() == job => event,
            Ok(_) | Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(EngineError::Failed("the engine has stopped".to_owned()).into());
            }
        };
        let end = match event {
            Event::Finished { outcome, .. } => Ok(outcome),
            Event::Cancelled { .. } => Err(EngineError::Cancelled),
            Event::Failed { error, .. } => Err(error),
            event => {
                if broken.is_none()
                    && let Err(error) = listen(event)
                {
                    cancel.cancel();
                    broken = Some(error);
                }
                continue;
            }
        };
        return match broken {
            Some(error) => Err(error),
            None => Ok(end?),
        };
    }
}

#[cfg(test)]
mod tests;
