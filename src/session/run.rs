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

use crate::data::{Split, source};
use crate::engine::{Answer, Cancel, Engine, EngineError, Event, Outcome, Stats, Work};
use crate::metrics::{Confusion, Report};

use super::folder::{self, FolderError, Leg, Manifest, PREDICTIONS, REPORT, RunFolder, Status};
use super::ledger;
use super::predictions::{self, Prediction, PredictionsError, Writer};
use super::prepare::{PrepareError, Prepared};
use super::simulation::{self, Simulation};

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
    /// Answers, a row being asked in several orders of its labels where the session says so.
    pub done: usize,
    /// Answers in all.
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
    /// Rows of the last leg that the score cache answered; not in `report.json`, which is that of an unbroken run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_rows: Option<usize>,
    /// The figures, where the rows have gold labels.
    #[serde(flatten)]
    pub report: Option<Report>,
    /// Of a simulated survey, how far it is from the real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<Simulation>,
}

/// A run that is being kept.
pub struct Recording {
    task: Task,
    folder: PathBuf,
    /// Known of a new run alone.
    new: Option<RunFolder>,
    /// One for each order of the labels; the first is that of the predictions.
    writers: Vec<Writer>,
    /// By order and row, as the engine's answers are numbered.
    done: Vec<bool>,
    tally: Tally,
    /// What was answered before this leg.
    answered: Vec<Prediction>,
    /// Answers there were before this leg, in all orders.
    done_before: usize,
    started: Instant,
    leg_started: String,
}

impl Recording {
    /// Starts a run in a new folder inside `runs`.
    pub fn create(task: Task, runs: &Path) -> Result<Self, RunError> {
        let new = RunFolder::create(runs, &task.manifest)?;
        let path = new.path().to_owned();
        match writers(&task, &path) {
            Ok(writers) => Ok(Self::begin(task, path, Some(new), writers)),
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
        let writers = writers(&task, folder)?;
        folder::sweep(folder);
        task.manifest.started = kept.started;
        task.manifest.name = task.manifest.name.or(kept.name);
        task.manifest.legs = kept.legs;
        task.manifest.tried = kept.tried;
        task.manifest.write(folder)?;
        Ok(Self::begin(task, folder.to_owned(), None, writers))
    }

    fn begin(task: Task, folder: PathBuf, new: Option<RunFolder>, orders: Vec<(Writer, Vec<Prediction>)>) -> Self {
        let mut tally = Tally { total: task.rows.len() * task.orders(), ..Tally::default() };
        let (mut writers, mut done, mut all_answered) = (Vec::new(), Vec::new(), Vec::new());
        for (order, (writer, answered)) in orders.into_iter().enumerate() {
            let known: std::collections::HashSet<usize> = answered.iter().map(|prediction| prediction.row).collect();
            done.extend(task.rows.iter().map(|row| known.contains(row)));
            answered.iter().for_each(|prediction| tally.count(order, prediction));
            writers.push(writer);
            all_answered.push(answered);
        }
        let answered = all_answered.into_iter().next().unwrap_or_default();
        let (leg_started, started, done_before) = (folder::now(), Instant::now(), tally.done);
        Self { task, folder, new, writers, done, tally, answered, done_before, started, leg_started }
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How far the run is.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Answers a second in this leg.
    pub fn rate(&self) -> f64 {
        (self.tally.done - self.done_before) as f64 / self.started.elapsed().as_secs_f64().max(1e-9)
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

    /// The work for the engine. Indices of its answers are places in the run's rows, counted on through the orders.
    pub fn work(&self) -> Work {
        self.task.work(self.done.clone())
    }

    /// Keeps answers and returns the predictions they made, those in other orders of the labels left out. Answers that are
    /// there already are left out too.
    pub fn record(&mut self, answers: &[Answer]) -> Result<Vec<Prediction>, RunError> {
        // A run without an answer leaves nothing behind, and tries nothing.
        if self.new.is_some() && self.task.manifest.tried.is_none() && !answers.is_empty() {
            let test = self.task.manifest.split == Split::Test;
            self.task.manifest.tried = ledger::counted(&self.folder, &self.task.manifest, test);
        }
        let mut batches: Vec<Vec<Prediction>> = vec![Vec::new(); self.writers.len()];
        for answer in answers {
            match self.done.get_mut(answer.index) {
                Some(done) if !*done => *done = true,
                _ => continue,
            }
            if let Some(batch) = batches.get_mut(self.task.order_of(answer)) {
                batch.extend(self.task.prediction(answer));
            }
        }
        for (order, (writer, batch)) in self.writers.iter_mut().zip(&batches).enumerate() {
            writer.append(batch)?;
            batch.iter().for_each(|prediction| self.tally.count(order, prediction));
        }
        Ok(batches.into_iter().next().unwrap_or_default())
    }

    /// Puts the predictions in order, writes the report, and says what came of the run.
    ///
    /// Holding a simulated survey against the real one can take a while: `go_on` is asked meanwhile. When it says no the run
    /// is left as one that was cancelled with all its rows answered, and the error is [`EngineError::Cancelled`].
    pub fn finish(mut self, stats: Stats, go_on: &(dyn Fn() -> bool + Sync)) -> Result<(Summary, Manifest), RunError> {
        if self.tally.done < self.tally.total {
            let missing = self.tally.total - self.tally.done;
            let error = EngineError::Failed(format!("the engine left {missing} rows without an answer"));
            self.stop(&error);
            return Err(error.into());
        }
        self.end_leg();
        let mut orders = Vec::with_capacity(self.writers.len());
        for writer in std::mem::take(&mut self.writers) {
            orders.push(writer.finish(&self.task.rows)?);
        }
        let mut orders = orders.into_iter();
        let predictions = orders.next().unwrap_or_default();
        let orders: Vec<_> = orders.collect();
        let simulation = simulation::compare(self.task.prepared(), &predictions, &orders, go_on);
        if self.task.prepared().session.simulate.is_some() && !go_on() {
            self.task.manifest.set(Status::Cancelled, None);
            self.task.manifest.keep_name(&self.folder);
            self.task.manifest.write(&self.folder)?;
            return Err(EngineError::Cancelled.into());
        }
        let manifest = &mut self.task.manifest;
        let (seconds, _) = manifest.work();
        let report = report(&predictions);
        let folder = std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let rows = predictions.len();
        let mut summary = Summary { run: name, rows, seconds: Some(seconds), cached_rows: None, report, simulation };
        folder::write_json(&self.folder.join(REPORT), &summary)?;
        manifest.stats = Some(stats);
        manifest.set(Status::Finished, None);
        manifest.keep_name(&self.folder);
        manifest.write(&self.folder)?;
        summary.run = self.folder.display().to_string();
        summary.cached_rows = Some(stats.cached_rows);
        Ok((summary, self.task.manifest))
    }

    /// Ends the run early: what is answered is kept, and its folder is returned. A new run without a single answer leaves
    /// nothing behind.
    pub fn stop(mut self, error: &EngineError) -> Option<PathBuf> {
        if let Some(new) = self.new.take_if(|_| self.tally.done == 0) {
            drop(self.writers);
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
            rows: self.tally.done - self.done_before,
        });
    }
}

impl Tally {
    /// Counts an answer in an order of the labels; whether it is right is told of the first order alone.
    fn count(&mut self, order: usize, prediction: &Prediction) {
        self.done += 1;
        if let Some(gold) = prediction.gold.as_ref().filter(|_| order == 0) {
            self.labelled += 1;
            self.right += usize::from(*gold == prediction.predicted);
        }
    }

    /// Accuracy so far, of the rows with a gold label.
    pub fn accuracy(&self) -> Option<f64> {
        (self.labelled > 0).then(|| self.right as f64 / self.labelled as f64)
    }
}

/// The file of the answers with the labels in another order, the first being 1.
fn order_file(order: usize) -> String {
    format!("order-{order}.csv")
}

/// The files of a run's answers, with what is in them already.
fn writers(task: &Task, folder: &Path) -> Result<Vec<(Writer, Vec<Prediction>)>, PredictionsError> {
    let name = |order| if order == 0 { PREDICTIONS.to_owned() } else { order_file(order) };
    (0..task.orders()).map(|order| Writer::open(&folder.join(name(order)), task.columns())).collect()
}

/// The answers of a run with the labels in other orders, as far as there are any.
pub fn other_orders(folder: &Path, shuffles: u32) -> Vec<Vec<Prediction>> {
    let read = |order| predictions::read(&folder.join(order_file(order))).map(|read| read.rows).ok();
    (1..=shuffles as usize).map_while(read).collect()
}

/// The figures of a simulated survey whose run is not finished, or was finished before there were any: of the rows that are
/// answered. None where its data is not there any more as it was, or would have to be fetched.
pub fn simulation_so_far(folder: &Path, manifest: &Manifest) -> Option<Simulation> {
    let simulate = manifest.session.simulate.as_ref()?;
    if source::is_url(&manifest.session.data.path) {
        return None;
    }
    let prepared = Prepared::open(manifest.session.clone(), &mut |_, _| true).ok()?;
    let predictions = predictions::read(&folder.join(PREDICTIONS)).ok()?;
    let orders = other_orders(folder, simulate.shuffles);
    let same = prepared.data.sha256() == manifest.data.sha256;
    same.then(|| simulation::compare(&prepared, &predictions.rows, &orders, &|| true)).flatten()
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
