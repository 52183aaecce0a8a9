//! The state alone: messages in, effects out, with neither engine nor disk nor terminal. It begins as an opened session at
//! rest.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use shotglass::app::effect::Effect;
use shotglass::app::message::Message;
use shotglass::app::run::{About, Run};
use shotglass::app::sheet::Sheet;
use shotglass::app::sift::{SiftRequest, sift};
use shotglass::app::{App, Pane, View};
use shotglass::data::Split;
use shotglass::engine::command::JobId;
use shotglass::engine::{Answer, EngineError, Event, Outcome, ScoreRequest, Stats, Work};
use shotglass::session::folder::Status;
use shotglass::session::predictions::Prediction;
use shotglass::session::run::Tally;
use shotglass::ui;

use super::harness::{Desk, Gate, Options, events, write};

/// A state with the effects that its messages had.
pub struct Alone {
    pub app: App,
    pub effects: Vec<Effect>,
    /// Listings of rows that were asked for and not answered yet.
    listings: Vec<SiftRequest>,
    begun: Instant,
}

impl Alone {
    /// An opened session at rest: model and data are there, the probe is through, the first version is kept.
    pub fn new() -> Self {
        static OPEN: LazyLock<Mutex<App>> = LazyLock::new(|| {
            let mut desk = Desk::open("alone");
            desk.quiet();
            Mutex::new(desk.bench.app.clone())
        });
        let app = OPEN.lock().unwrap().clone();
        Self { begun: app.now, app, effects: Vec::new(), listings: Vec::new() }
    }

    /// Before anything is known but the session's name.
    pub fn unopened() -> Self {
        static FRESH: LazyLock<Mutex<App>> = LazyLock::new(|| {
            let options = Options::default();
            write("unopened", &options);
            Mutex::new(Desk::start("unopened", &options, Gate::default()).bench.app.clone())
        });
        let app = FRESH.lock().unwrap().clone();
        Self { begun: app.now, app, effects: Vec::new(), listings: Vec::new() }
    }

    /// Takes a message; the effects that it had can be looked at until the next.
    pub fn send(&mut self, message: Message) -> &mut Self {
        self.effects = self.app.update(message);
        self.listings.extend(self.effects.iter().filter_map(|effect| match effect {
            Effect::Sift(request) => Some((**request).clone()),
            _ => None,
        }));
        ui::layout::arrange(&mut self.app);
        self
    }

    /// Presses keys; the effects are those of all of them.
    pub fn press(&mut self, keys: &[&str]) -> &mut Self {
        let mut effects = Vec::new();
        for event in keys.iter().flat_map(|keys| events(keys)) {
            self.send(Message::Key(event));
            effects.append(&mut self.effects);
        }
        self.effects = effects;
        self
    }

    /// Lets time pass, telling it at the moments that the state waits for; the effects are those of all of them.
    pub fn wait(&mut self, millis: u64) -> &mut Self {
        let until = self.app.now + Duration::from_millis(millis);
        let mut effects = Vec::new();
        while let Some(at) = self.app.deadline().filter(|at| *at <= until) {
            self.app.now = self.app.now.max(at);
            self.send(Message::Time);
            effects.append(&mut self.effects);
        }
        (self.app.now, self.effects) = (until, effects);
        self
    }

    /// Milliseconds since the beginning.
    pub fn clock(&self) -> u128 {
        self.app.now.duration_since(self.begun).as_millis()
    }

    /// The kinds of the effects, in their order.
    pub fn names(&self) -> Vec<&'static str> {
        self.effects.iter().map(name).collect()
    }

    /// Answers the last rendering that was asked for, with prompts that say nothing.
    pub fn rendered(&mut self) -> &mut Self {
        let (edit, row) = (self.app.prompt.edit, self.app.row());
        let sheet = Sheet {
            edit,
            row,
            text: "the prompt".to_owned(),
            demos: self.app.prompt.demos.shown.clone(),
            tokens: Some(3),
            probe: self.app.prompt.probe.rows.iter().map(|row| format!("prompt {row}")).collect(),
            ..Sheet::default()
        };
        self.send(Message::Rendered { edit, row, sheet: Ok(Box::new(sheet)) })
    }

    /// The number of the job that the engine is at.
    pub fn ticket(&self) -> u64 {
        self.app.jobs.running().unwrap().ticket
    }

    /// The engine says something of a job.
    pub fn engine(&mut self, ticket: u64, event: Event) -> &mut Self {
        self.send(Message::Engine { ticket, event })
    }

    /// Answers all prompts of the job at work with the first label, then ends it.
    pub fn finish(&mut self) -> &mut Self {
        let ticket = self.ticket();
        let answers = (0..self.app.prompt.batch.len()).map(|index| answer(index, [-0.5, -1.0])).collect();
        self.engine(ticket, Event::Scored { job: JOB, answers });
        let before = std::mem::take(&mut self.effects);
        self.engine(ticket, finished());
        self.effects.splice(0..0, before);
        self
    }

    /// Ends every job until nothing is wanted any more. Runs are not answered.
    pub fn rest(&mut self) -> &mut Self {
        for _ in 0..20 {
            if self.app.prompt.rendering.is_busy() {
                self.rendered();
            } else if self.app.jobs.running().is_some() {
                self.finish();
            } else if self.app.timers.quiet.is_some() {
                self.wait(200);
            } else {
                return self;
            }
        }
        panic!("this comes to no rest: {:?}", self.app.jobs);
    }

    /// A run over the validation split, of which `done` rows are answered, as it begins.
    pub fn run(&self, name: &str, done: usize) -> Run {
        let prepared = self.app.prepared().unwrap();
        let rows = prepared.data.split(Split::Validation);
        let about = About {
            path: format!("alone/session/runs/{name}").into(),
            name: name.to_owned(),
            split: Split::Validation,
            total: rows.len(),
            labels: prepared.data.labels().to_vec(),
            prepared: Some(Arc::clone(prepared)),
            model: "scripted".to_owned(),
            model_sha256: "0".repeat(64),
        };
        Run::new(about, Status::Running, rows.iter().take(done).map(|row| self.prediction(*row)).collect())
    }

    /// A row answered with `support`.
    pub fn prediction(&self, row: usize) -> Prediction {
        let data = &self.app.prepared().unwrap().data;
        Prediction {
            row,
            split: data.split_of(row).unwrap(),
            gold: data.gold(row).and_then(|label| data.labels().get(label)).cloned(),
            predicted: "support".to_owned(),
            answer: String::new(),
            margin: Some(0.25 + row as f64 / 100.0),
            logprobs: vec![Some(-0.5), Some(-0.75)],
            extra: Vec::new(),
        }
    }

    /// Shows a finished run of the whole split.
    pub fn with_run(&mut self, name: &str) -> &mut Self {
        let total = self.app.prepared().unwrap().data.split(Split::Validation).len();
        let mut run = self.run(name, total);
        run.status = Status::Finished;
        let path = run.about.path.clone();
        self.send(Message::RunLoaded { path, run: Ok(Box::new(run)), beside: false }).sifted()
    }

    /// Answers the first listing of rows that is not answered yet.
    pub fn sift(&mut self) -> &mut Self {
        if self.listings.is_empty() {
            return self;
        }
        let request = self.listings.remove(0);
        let listed = sift(&request);
        self.send(Message::Sifted { revision: request.revision, listed })
    }

    /// Answers all of them.
    pub fn sifted(&mut self) -> &mut Self {
        while !self.listings.is_empty() {
            self.sift();
        }
        self
    }

    /// Begins a run and gives its work to the engine.
    pub fn begin(&mut self, name: &str) -> &mut Self {
        self.press(&["<ctrl-r>"]);
        let run = self.run(name, 0);
        self.send(Message::RunBegun(Ok(Box::new(run)))).work()
    }

    /// The work of the run comes from where it is kept.
    pub fn work(&mut self) -> &mut Self {
        self.send(Message::RunWork(Box::new(Work::Score(ScoreRequest::default()))))
    }

    /// Rows of the run were answered and kept.
    pub fn recorded(&mut self, rows: &[usize]) -> &mut Self {
        let rows: Vec<Prediction> = rows.iter().map(|row| self.prediction(*row)).collect();
        let done = self.app.run.as_ref().unwrap().rows.len() + rows.len();
        let total = self.app.run.as_ref().unwrap().about.total;
        self.send(Message::Recorded { rows, tally: Tally { done, total, ..Tally::default() }, rate: 1.0 })
    }

    pub fn at(&self) -> (View, Pane) {
        (self.app.view, self.app.pane())
    }

    pub fn told(&self) -> Vec<&str> {
        self.app.toasts.shown().iter().map(|toast| toast.text.as_str()).collect()
    }

    #[track_caller]
    pub fn hears(&self, words: &str) {
        assert!(self.told().iter().any(|told| told.contains(words)), "`{words}` is not told: {:#?}", self.told());
    }
}

/// The engine's own number of a job, which the state does not look at.
pub const JOB: JobId = 1;

pub fn answer(index: usize, logprobs: [f64; 2]) -> Answer {
    Answer { index, logprobs: logprobs.to_vec(), ..Answer::default() }
}

pub fn finished() -> Event {
    Event::Finished { job: JOB, outcome: Outcome::Answered(Stats::default()) }
}

pub fn failed(text: &str) -> Event {
    Event::Failed { job: JOB, error: EngineError::Failed(text.to_owned()) }
}

/// What an effect is called.
pub fn name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Open(_) => "open",
        Effect::StopOpening => "stop-opening",
        Effect::Render(_) => "render",
        Effect::Similar { .. } => "similar",
        Effect::FilterDemos { .. } => "filter-demos",
        Effect::Draw { .. } => "draw",
        Effect::Submit { work, .. } => match &**work {
            Work::Load(_) => "load",
            Work::Score(_) => "score",
            Work::Generate(_) => "generate",
            Work::Next { .. } => "next",
            Work::Embed(_) => "embed",
            Work::Train(_) => "train",
        },
        Effect::Cancel(_) => "cancel",
        Effect::BeginRun(_) => "begin-run",
        Effect::StopBeginning => "stop-beginning",
        Effect::RunWork => "run-work",
        Effect::Record(_) => "record",
        Effect::EndRun(_) => "end-run",
        Effect::BeginTraining(_) => "begin-training",
        Effect::TrainingWork => "training-work",
        Effect::RecordTraining(_) => "record-training",
        Effect::EndTraining(_) => "end-training",
        Effect::Steer(_) => "steer",
        Effect::ReadTraining { .. } => "read-training",
        Effect::LoadEvaluation { .. } => "load-evaluation",
        Effect::Sift(_) => "sift",
        Effect::Detail { .. } => "detail",
        Effect::ListRuns(_) => "list-runs",
        Effect::LoadRun { .. } => "load-run",
        Effect::Calibrate(_) => "calibrate",
        Effect::AskCalibration { .. } => "ask-calibration",
        Effect::KeepCalibration { .. } => "keep-calibration",
        Effect::Judge { .. } => "judge",
        Effect::Audit { .. } => "audit",
        Effect::StopAside => "stop-aside",
        Effect::Baselines { .. } => "baselines",
        Effect::BeginQueue(_) => "begin-queue",
        Effect::QueueTake(_) => "queue-take",
        Effect::TakePrompt(_) => "take-prompt",
        Effect::Survey(_) => "survey",
        Effect::WhatIf(_) => "what-if",
        Effect::Describe(_) => "describe",
        Effect::Compare { .. } => "compare",
        Effect::Contrast { .. } => "contrast",
        Effect::StopContrast => "stop-contrast",
        Effect::WriteComparison(..) => "write-comparison",
        Effect::RenameRun(..) => "rename-run",
        Effect::DeleteRun(_) => "delete-run",
        Effect::ExportRun(..) => "export-run",
        Effect::ListModels => "list-models",
        Effect::ListSessions(_) => "list-sessions",
        Effect::Save(_) => "save",
        Effect::Recovery { sessions: None, .. } => "forget-recovery",
        Effect::Recovery { .. } => "keep-recovery",
        Effect::Version { .. } => "version",
        Effect::AcceptVersion(_) => "accept-version",
        Effect::Mark(..) => "mark",
        Effect::Copy(_) => "copy",
        Effect::EditExternally(_) => "edit",
        Effect::Suspend => "suspend",
        Effect::Redraw => "redraw",
        Effect::Welcomed => "welcomed",
        Effect::Quit => "quit",
    }
}
