//! The engine's thread: takes commands, runs them one after another, turns what comes of them into events.
//!
//! Progress is latest-wins, everything else is kept in order. A panic in a job is caught and reported as its failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TrySendError};
use std::thread::JoinHandle;

use crate::model::ModelSpec;

use super::command::{Cancel, Command, EmbedRequest, GenerateRequest, JobId, ScoreRequest, TrainRequest, Work};
use super::event::{Answer, Embedded, Event, ModelInfo, Outcome, Progress, Stats, Trained};
use crate::train::Update;

/// Commands that may wait; a caller that finds the queue full is told so and waits for nothing.
const QUEUE: usize = 64;

/// Why a job ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The job's cancel flag was seen.
    #[error("cancelled")]
    Cancelled,
    /// What was asked cannot be done: a model that is not there, a prompt longer than the context.
    #[error("{0}")]
    Bad(String),
    /// It could be asked, but did not work out.
    #[error("{0}")]
    Failed(String),
}

/// What computes: models on this machine, a server elsewhere, or a script.
pub trait Backend: Send {
    /// Finds, fetches and loads a model, unless it is the one already loaded.
    fn load(&mut self, job: &Job, spec: &ModelSpec) -> Result<Arc<ModelInfo>, EngineError>;
    /// Scores labels after prompts, handing answers to `job` as they come.
    fn score(&mut self, job: &Job, request: &ScoreRequest) -> Result<Stats, EngineError>;
    /// Continues prompts, handing answers to `job` as they come.
    fn generate(&mut self, job: &Job, request: &GenerateRequest) -> Result<Stats, EngineError>;
    /// The distribution of the token after a prompt.
    fn next(&mut self, job: &Job, prompt: &str, top: usize) -> Result<Outcome, EngineError>;
    /// Embeds texts. Not everything that computes has encoders.
    fn embed(&mut self, _: &Job, _: &EmbedRequest) -> Result<Embedded, EngineError> {
        Err(EngineError::Bad("this engine has no encoders".to_owned()))
    }
    /// Fine-tunes an encoder, telling `job` how it goes. Not everything that computes can train.
    fn train(&mut self, _: &Job, _: &TrainRequest) -> Result<Trained, EngineError> {
        Err(EngineError::Bad("this engine does not train: encoders are fine-tuned on this machine alone".to_owned()))
    }
}

/// A job as its backend sees it: where to send what, and whether to go on.
pub struct Job {
    id: JobId,
    cancel: Cancel,
    events: Sender<Event>,
}

impl Job {
    /// A job whose events go to `events`.
    pub fn new(id: JobId, cancel: Cancel, events: Sender<Event>) -> Self {
        Self { id, cancel, events }
    }

    /// The job's number.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// [`EngineError::Cancelled`] once the job was asked to stop.
    pub fn check(&self) -> Result<(), EngineError> {
        if self.cancel.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
    }

    /// Whether the job was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Sends an event. That nobody listens any more is no error: the job's cancel flag ends it.
    pub fn send(&self, event: Event) {
        if self.events.send(event).is_err() {
            self.cancel.cancel();
        }
    }

    /// Sends answers to some prompts.
    pub fn answers(&self, answers: Vec<Answer>) {
        self.send(Event::Scored { job: self.id, answers });
    }

    /// Says how far the job is.
    pub fn progress(&self, progress: Progress) {
        self.send(Event::Progress { job: self.id, progress });
    }

    /// Tells something of a training.
    pub fn training(&self, update: Update) {
        self.send(Event::Training { job: self.id, update });
    }

    /// Says what loading is busy with.
    pub fn loading(&self, stage: impl Into<String>, done: u64, total: Option<u64>) {
        self.send(Event::Loading { job: self.id, stage: stage.into(), done, total });
    }
}

/// The handle by which the rest of the program talks to the engine. Dropping it ends the thread after its current job.
pub struct Engine {
    commands: Option<SyncSender<Command>>,
    next_job: AtomicU64,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the engine's thread on `backend` and gives the receiving end of its events.
    pub fn start(mut backend: Box<dyn Backend>) -> Result<(Self, Receiver<Event>), EngineError> {
        let (commands, queue) = mpsc::sync_channel::<Command>(QUEUE);
        let (events, listener) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || {
                while let Ok(command) = queue.recv() {
                    run(backend.as_mut(), command, &events);
                }
            })
            .map_err(|error| EngineError::Failed(format!("the engine's thread could not be started: {error}")))?;
        Ok((Self { commands: Some(commands), next_job: AtomicU64::new(1), thread: Some(thread) }, listener))
    }

    /// Queues work. Its events carry the number returned; the flag cancels it, also while it still waits.
    pub fn submit(&self, work: Work) -> Result<(JobId, Cancel), EngineError> {
        let job = self.next_job.fetch_add(1, Ordering::Relaxed);
        let cancel = Cancel::default();
        let command = Command { job, cancel: cancel.clone(), work };
        let stopped = || EngineError::Failed("the engine has stopped".to_owned());
        match self.commands.as_ref().ok_or_else(stopped)?.try_send(command) {
            Ok(()) => Ok((job, cancel)),
            Err(TrySendError::Full(_)) => {
                Err(EngineError::Failed("the engine has too much to do already: wait or cancel a job".to_owned()))
            }
            Err(TrySendError::Disconnected(_)) => Err(stopped()),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread itself has been reported by its last job already.
            let _ = thread.join();
        }
    }
}

fn run(backend: &mut dyn Backend, command: Command, events: &Sender<Event>) {
    let job = Job::new(command.job, command.cancel, events.clone());
    let outcome = job.check().and_then(|()| {
        catch_unwind(AssertUnwindSafe(|| match &command.work {
            Work::Load(spec) => backend.load(&job, spec).map(|model| {
                job.send(Event::Ready { job: job.id, model: Arc::clone(&model) });
                Outcome::Loaded(model)
            }),
            Work::Score(request) => backend.score(&job, request).map(Outcome::Answered),
            Work::Generate(request) => backend.generate(&job, request).map(Outcome::Answered),
            Work::Next { prompt, top } => backend.next(&job, prompt, *top),
            Work::Embed(request) => backend.embed(&job, request).map(Outcome::Embedded),
            Work::Train(request) => backend.train(&job, request).map(Outcome::Trained),
        }))
        .unwrap_or_else(|panic| Err(EngineError::Failed(format!("the engine broke off: {}", panic_text(&*panic)))))
    });
    job.send(match outcome {
        Ok(outcome) => Event::Finished { job: job.id, outcome },
        Err(EngineError::Cancelled) => Event::Cancelled { job: job.id },
        Err(error) => Event::Failed { job: job.id, error },
    });
}

/// The message of a caught panic.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Panics;

    impl Backend for Panics {
        fn load(&mut self, _: &Job, _: &ModelSpec) -> Result<Arc<ModelInfo>, EngineError> {
            Err(EngineError::Bad("no such model".to_owned()))
        }
        fn score(&mut self, _: &Job, _: &ScoreRequest) -> Result<Stats, EngineError> {
            panic!("in row 7")
        }
        fn generate(&mut self, job: &Job, _: &GenerateRequest) -> Result<Stats, EngineError> {
            while !job.is_cancelled() {
                std::thread::yield_now();
            }
            job.check()?;
            Ok(Stats::default())
        }
        fn next(&mut self, _: &Job, _: &str, _: usize) -> Result<Outcome, EngineError> {
            Ok(Outcome::Answered(Stats::default()))
        }
    }

    fn generate() -> Work {
        Work::Generate(GenerateRequest {
            prompts: Vec::new(),
            generation: super::super::Generation {
                max_new_tokens: 1,
                temperature: super::super::Temperature::Value(0.0),
                top_p: None,
                top_k: None,
                repetition_penalty: None,
                seed: 0,
                stop: Vec::new(),
            },
            rows: Vec::new(),
            done: Vec::new(),
            batch_size: None,
            truncate: false,
            stream: false,
        })
    }

    #[test]
    fn a_panic_fails_the_job_and_the_thread_lives_on() {
        let (engine, events) = Engine::start(Box::new(Panics)).unwrap();
        let (first, _) = engine.submit(Work::Score(ScoreRequest::default())).unwrap();
        let (second, _) = engine.submit(Work::Next { prompt: String::new(), top: 1 }).unwrap();
        match events.recv().unwrap() {
            Event::Failed { job, error } => {
                assert_eq!(job, first);
                assert!(error.to_string().contains("in row 7"));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(events.recv().unwrap(), Event::Finished { job, .. } if job == second));
    }

    #[test]
    fn a_running_and_a_waiting_job_can_be_cancelled() {
        let (engine, events) = Engine::start(Box::new(Panics)).unwrap();
        let (first, running) = engine.submit(generate()).unwrap();
        let (second, waiting) = engine.submit(generate()).unwrap();
        waiting.cancel();
        running.cancel();
        assert!(matches!(events.recv().unwrap(), Event::Cancelled { job } if job == first));
        assert!(matches!(events.recv().unwrap(), Event::Cancelled { job } if job == second));
    }
}
