//! The thread that keeps a run: it writes the prompts, appends answers as they come, and ends the run's folder.
//!
//! Its commands are done one after another, so that answers are on the disk before the run is said to be over.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::app::effect::{Begin, BeginTraining};
use crate::app::message::Message;
use crate::app::run::{About, Run};
use crate::engine::{Answer, Cancel, EngineError, Stats, Trained};
use crate::session::folder::{Manifest, Status};
use crate::session::prepare::Prepared;
use crate::session::queue::kept;
use crate::session::run::{Recording, RunError, Task};
use crate::session::training::Training;
use crate::train::Update;

use super::watch;
use super::world::Mailbox;

/// Time between two messages of how far the prompts are.
const TELL: Duration = Duration::from_millis(50);

/// What the recorder is told.
enum Order {
    Begin(Box<Begin>, Cancel),
    Work,
    Record(Vec<Answer>),
    End(Result<Stats, EngineError>),
    BeginTraining(Box<BeginTraining>),
    TrainingWork,
    RecordTraining(Box<Update>),
    EndTraining(Result<Trained, EngineError>),
    Later(Box<dyn FnOnce() + Send>),
}

/// The recorder's thread. Dropping it waits until everything is written.
pub struct Recorder {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    mailbox: Mailbox,
}

impl Recorder {
    /// Starts the thread.
    pub fn start(mailbox: Mailbox) -> std::io::Result<Self> {
        let (orders, queue) = mpsc::channel();
        let told = mailbox.clone();
        let thread = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || keep(&queue, &told))?;
        Ok(Self { orders: Some(orders), thread: Some(thread), mailbox })
    }

    fn tell(&self, order: Order) {
        // The thread lives as long as this.
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }

    /// Begins a run; the flag stops it while its prompts are written.
    pub fn begin(&self, begin: Box<Begin>, stop: Cancel) {
        self.tell(Order::Begin(begin, stop));
    }

    /// Asks for the work that is left.
    pub fn work(&self) {
        self.tell(Order::Work);
    }

    /// Keeps answers.
    pub fn record(&self, answers: Vec<Answer>) {
        self.tell(Order::Record(answers));
    }

    /// Begins a training.
    pub fn begin_training(&self, begin: Box<BeginTraining>) {
        self.tell(Order::BeginTraining(begin));
    }

    /// Asks for the training's work.
    pub fn training_work(&self) {
        self.tell(Order::TrainingWork);
    }

    /// Keeps what the training tells.
    pub fn record_training(&self, update: Box<Update>) {
        self.mailbox.begin();
        self.tell(Order::RecordTraining(update));
    }

    /// Ends the training.
    pub fn end_training(&self, end: Result<Trained, EngineError>) {
        self.tell(Order::EndTraining(end));
    }

    /// Does something else that is to be done in order, and before the program ends.
    pub fn later(&self, work: impl FnOnce() + Send + 'static) {
        self.tell(Order::Later(Box::new(work)));
    }

    /// Ends the run.
    pub fn end(&self, end: Result<Stats, EngineError>) {
        self.tell(Order::End(end));
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic of it is in the log.
            let _ = thread.join();
        }
    }
}

fn keep(queue: &Receiver<Order>, mailbox: &Mailbox) {
    let mut recording: Option<Recording> = None;
    let mut training: Option<Training> = None;
    let mut broken: Option<EngineError> = None;
    while let Ok(order) = queue.recv() {
        match order {
            Order::Begin(begin, stop) => match start(*begin, &stop, mailbox) {
                Ok(Begun::Begun(begun)) => {
                    let (begun, run) = *begun;
                    recording = Some(begun);
                    mailbox.send(Message::RunBegun(Ok(Box::new(run))));
                }
                Ok(Begun::There(folder)) => mailbox.send(Message::RunThere(folder)),
                Err(error) => mailbox.send(Message::RunBegun(Err(error.to_string()))),
            },
            Order::Work => {
                if let Some(recording) = &recording {
                    mailbox.send(Message::RunWork(Box::new(recording.work())));
                }
            }
            Order::Record(answers) => {
                let Some(recording) = &mut recording else { continue };
                match recording.record(&answers) {
                    Ok(rows) => {
                        let (tally, rate) = (recording.tally(), recording.rate());
                        mailbox.send(Message::Recorded { rows, tally, rate });
                    }
                    Err(error) => mailbox.send(Message::RecordFailed(error.to_string())),
                }
            }
            Order::BeginTraining(begin) => {
                let begun = watch::begin(*begin);
                broken = None;
                let told = begun.map(|(begun, watched)| {
                    training = Some(begun);
                    Box::new(watched)
                });
                mailbox.send(Message::TrainingBegun(told));
            }
            Order::TrainingWork => {
                if let Some(training) = &training {
                    mailbox.send(Message::TrainingWork(Box::new(training.work())));
                }
            }
            Order::RecordTraining(update) => {
                // Behind what could not be kept nothing is kept any more.
                if let Some(training) = training.as_mut().filter(|_| broken.is_none()) {
                    match watch::record(training, &update) {
                        Ok(line) => line.into_iter().for_each(|line| mailbox.send(Message::TrainingKept(line))),
                        Err(error) => {
                            broken = Some(error);
                            mailbox.send(Message::TrainingFailed);
                        }
                    }
                }
                mailbox.done();
            }
            Order::EndTraining(end) => {
                if let Some(training) = training.take() {
                    // The engine may have ended well before it knew.
                    mailbox.send(watch::end(training, broken.take().map_or(end, Err)));
                }
            }
            Order::Later(work) => work(),
            Order::End(end) => {
                if let Some(recording) = recording.take() {
                    mailbox.send(Message::RunEnded(finish(recording, end)));
                }
            }
        }
    }
    // The program ends: what is answered is kept.
    if let Some(recording) = recording {
        recording.stop(&EngineError::Cancelled);
    }
    // By now the engine has ended and written its checkpoint.
    if let Some(training) = training {
        training.stop(&EngineError::Cancelled);
    }
}

fn finish(recording: Recording, end: Result<Stats, EngineError>) -> Result<PathBuf, (String, bool)> {
    let folder = recording.folder().to_owned();
    match end {
        Ok(stats) => match recording.finish(stats, &|| true) {
            Ok(_) => Ok(folder),
            Err(error) => Err((error.to_string(), folder.exists())),
        },
        Err(error) => {
            let kept = recording.stop(&error);
            Err((error.to_string(), kept.is_some()))
        }
    }
}

/// What came of beginning a run.
enum Begun {
    /// It can be answered.
    Begun(Box<(Recording, Run)>),
    /// The same run is there already, in this folder.
    There(PathBuf),
}

fn start(begin: Begin, stop: &Cancel, mailbox: &Mailbox) -> Result<Begun, RunError> {
    let Begin { prepared, file, runs, split, limit, model, name, resume, reuse } = begin;
    let mut told = Instant::now();
    let mut progress = |done: usize, total: usize| {
        if told.elapsed() >= TELL {
            told = Instant::now();
            mailbox.send(Message::Preparing { done, total });
        }
        !stop.is_cancelled()
    };
    let recording = match resume {
        Some(folder) => {
            let kept = Manifest::read(&folder)?;
            let prepared = prepared_for(&kept, Some(&prepared)).map_err(RunError::Prepare)?;
            let task = Task::new(&prepared, &kept.file, kept.split, kept.limit, &model, &mut progress)?;
            Recording::resume(task, &folder)?
        }
        None => {
            let task = Task::new(&prepared, &file, split, limit, &model, &mut progress)?.with_name(name);
            let same = if reuse { kept(&runs, task.manifest()) } else { None };
            match same {
                Some((folder, Status::Finished)) => return Ok(Begun::There(folder)),
                Some((folder, _)) => Recording::resume(task, &folder)?,
                None => Recording::create(task, &runs)?,
            }
        }
    };
    let prepared = Arc::clone(recording.task().prepared());
    let about = about(recording.folder(), recording.task().manifest(), Some(prepared));
    let mut run = Run::new(about, Status::Running, recording.answered().to_vec());
    run.tally = recording.tally();
    Ok(Begun::Begun(Box::new((recording, run))))
}

/// What a run is about, by its manifest.
pub fn about(path: &Path, manifest: &Manifest, prepared: Option<Arc<Prepared>>) -> About {
    let folder = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    About {
        path: path.to_owned(),
        name: manifest.name.clone().unwrap_or(folder),
        split: manifest.split,
        total: manifest.rows,
        labels: manifest.labels.clone(),
        prepared,
        model: manifest.model.name.clone(),
        model_sha256: manifest.model.sha256.clone(),
    }
}

/// A run's session with its data: that of the session that is open, where it is the same.
pub fn prepared_for(
    manifest: &Manifest,
    near: Option<&Arc<Prepared>>,
) -> Result<Arc<Prepared>, crate::session::prepare::PrepareError> {
    let session = manifest.session.clone();
    match near {
        Some(near) if near.session.data == session.data && near.session.answer == session.answer => {
            Ok(Arc::new(near.with_session(session)))
        }
        _ => Prepared::open(session, &mut |_, _| true).map(Arc::new),
    }
}
