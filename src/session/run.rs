//! A run: the rows of a split answered through an engine and kept in a folder, row by row.
//!
//! [`Recording`] is the run without the engine's thread: it says what work is to be done and takes the answers as they
//! come, in whatever order. [`drive`] waits for an engine's events on the caller's thread; who has an event loop of its
//! own hands them over instead, and may do so on a thread of its own: a [`Task`] and its recording own what they need. A
//! run that is cancelled or killed goes on with [`Recording::resume`] and ends as it would
//! have ended unbroken.

mod task;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::engine::{Answer, Cancel, Engine, EngineError, Event, Outcome, Stats, Work};
use crate::metrics::{Confusion, Report};

use super::folder::{self, FolderError, Leg, Manifest, PREDICTIONS, REPORT, RunFolder, Status};
use super::predictions::{Prediction, PredictionsError, Writer};
use super::prepare::PrepareError;

pub use task::{Task, best};

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
#[derive(Clone, Debug, Serialize, Deserialize)]
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

/// A run that is being kept.
pub struct Recording {
    task: Task,
    folder: PathBuf,
    /// Known of a new run alone.
    new: Option<RunFolder>,
    writer: Writer,
    done: Vec<bool>,
    tally: Tally,
    /// What was answered before this leg.
    answered: Vec<Prediction>,
    started: Instant,
    leg_started: String,
}

impl Recording {
    /// Starts a run in a new folder inside `runs`.
    pub fn create(task: Task, runs: &Path) -> Result<Self, RunError> {
        let new = RunFolder::create(runs, &task.manifest)?;
        let path = new.path().to_owned();
        match Writer::open(&path.join(PREDICTIONS), task.columns()) {
            Ok((writer, _)) => Ok(Self::begin(task, path, Some(new), writer, Vec::new())),
            Err(error) => {
                new.discard();
                Err(error.into())
            }
        }
    }

    /// Goes on with the run in `folder`, which must be one of this very task.
    pub fn resume(mut task: Task, folder: &Path) -> Result<Self, RunError> {
        let kept = Manifest::read(folder)?;
        kept.allows(&task.manifest, folder)?;
        let (writer, answered) = Writer::open(&folder.join(PREDICTIONS), task.columns())?;
        folder::sweep(folder);
        task.manifest.started = kept.started;
        task.manifest.name = task.manifest.name.or(kept.name);
        task.manifest.legs = kept.legs;
        task.manifest.write(folder)?;
        Ok(Self::begin(task, folder.to_owned(), None, writer, answered))
    }

    fn begin(task: Task, folder: PathBuf, new: Option<RunFolder>, writer: Writer, answered: Vec<Prediction>) -> Self {
        let known: std::collections::HashSet<usize> = answered.iter().map(|prediction| prediction.row).collect();
        let done: Vec<bool> = task.rows.iter().map(|row| known.contains(row)).collect();
        let mut tally = Tally { total: task.rows.len(), ..Tally::default() };
        answered.iter().for_each(|prediction| tally.count(prediction));
        let leg_started = folder::now();
        Self { task, folder, new, writer, done, tally, answered, started: Instant::now(), leg_started }
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
        (self.tally.done - self.answered.len()) as f64 / self.started.elapsed().as_secs_f64().max(1e-9)
    }

    /// What a resumed run had answered before this leg, in the order in which it was written.
    pub fn answered(&self) -> &[Prediction] {
        &self.answered
    }

    /// The run's task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Gives the run a name of its own, as the list of runs shows it; none takes it away.
    pub fn with_name(mut self, name: Option<String>) -> Result<Self, RunError> {
        if self.task.manifest.name != name {
            self.task.manifest.name = name;
            self.task.manifest.write(&self.folder)?;
        }
        Ok(self)
    }

    /// The work for the engine. Indices of its answers are places in the run's rows.
    pub fn work(&self) -> Work {
        self.task.work(self.done.clone())
    }

    /// Keeps answers and returns the predictions they made. Those that are there already are left out.
    pub fn record(&mut self, answers: &[Answer]) -> Result<Vec<Prediction>, RunError> {
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
        Ok(batch)
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
        manifest.keep_name(&self.folder);
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
        self.task.manifest.keep_name(&self.folder);
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
            rows: self.tally.done - self.answered.len(),
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

/// The figures of the predictions that can be judged.
pub fn report(predictions: &[Prediction]) -> Option<Report> {
    let pairs = predictions.iter().filter_map(|row| Some((row.gold.as_deref()?, row.predicted.as_str())));
    let confusion = Confusion::of(pairs);
    (confusion.total() > 0).then(|| Report::new(confusion))
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
