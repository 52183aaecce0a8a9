//! What the engine is given to do, and what it says.

use super::Effects;
use crate::app::effect::Effect;
use crate::app::jobs::{Job, Purpose, Ticket};
use crate::app::state::{App, ModelState};
use crate::app::toast::Tone;
use crate::app::views::{Answer, Place, Token};
use crate::app::window::{Next, Window};
use crate::engine::command::Method;
use crate::engine::{EngineError, Event, GenerateRequest, Outcome, ScoreRequest, Stats, Work};
use crate::session::run::best;

/// Rows of the probe that are answered first, for figures within a second.
const HEAD: usize = 6;
/// Tokens that the next-token window shows.
const NEXT_TOKENS: usize = 40;

impl App {
    /// Gives the engine the most urgent work, if it is free.
    pub(super) fn ask_engine(&mut self, fx: &mut Effects) {
        let model = self.model().is_some();
        let sheet = self.sheet_now().is_some();
        let probe = self.prompt.sheet.as_ref().is_some_and(|sheet| {
            sheet.edit == self.prompt.edit && !sheet.without_chat && self.prompt.problem.is_none()
        });
        let (recording, training) = (self.recording, self.train.live);
        let what_if = self.simulate.what_if.prompt.is_some();
        let calibrating = self.evaluate.calibrate.asking.is_some();
        let ready = |purpose| match purpose {
            Purpose::Load => true,
            Purpose::Next | Purpose::Row | Purpose::Stream => model && sheet,
            Purpose::WhatIf => model && what_if,
            Purpose::ProbeHead | Purpose::ProbeRest => model && probe,
            Purpose::Calibrate => model && calibrating,
            Purpose::Run => model && recording,
            Purpose::Train => training,
        };
        fx.extend(self.jobs.preempt(ready).map(Effect::Cancel));
        let Some(job) = self.jobs.next(ready, self.now) else { return };
        match self.work(job.purpose) {
            Some(work) => fx.push(Effect::Submit { ticket: job.ticket, work: Box::new(work) }),
            // The run's prompts come from where it is kept, and so do the texts of a training.
            None if job.purpose == Purpose::Train => fx.push(Effect::TrainingWork),
            None if job.purpose == Purpose::Run => fx.push(Effect::RunWork),
            None => {
                self.jobs.end(job.ticket);
            }
        }
    }

    fn work(&mut self, purpose: Purpose) -> Option<Work> {
        let session = self.session.clone()?;
        if purpose == Purpose::Load {
            return Some(Work::Load(session.now.model));
        }
        if purpose == Purpose::Calibrate {
            // Whatever was answered before it gave way is asked again with the rest.
            let asking = self.evaluate.calibrate.asking.as_mut()?;
            asking.answers.clear();
            return Some(asking.ask.work());
        }
        let labels = self.labels().to_vec();
        let sheet = self.prompt.sheet.clone()?;
        let decode = &session.now.decode;
        let (batch_size, truncate) = (session.now.batch_size(), session.now.truncates());
        let score = |prompts, rows| {
            Work::Score(ScoreRequest { prompts, labels: labels.clone(), rows, done: Vec::new(), batch_size, truncate })
        };
        let generate = |prompts, rows, stream| {
            let generation = session.now.generation();
            Work::Generate(GenerateRequest {
                prompts,
                generation,
                rows,
                done: Vec::new(),
                batch_size,
                truncate,
                stream,
            })
        };
        let row = self.row();
        match purpose {
            Purpose::Load | Purpose::Calibrate | Purpose::Run | Purpose::Train => None,
            Purpose::Next => Some(Work::Next { prompt: sheet.text.clone(), top: NEXT_TOKENS }),
            Purpose::WhatIf => {
                let prompt = self.simulate.what_if.prompt.clone()?;
                let rows = row.into_iter().collect();
                let scored = self.simulate.what_if.scored;
                Some(if scored { generate(vec![prompt], rows, false) } else { score(vec![prompt], rows) })
            }
            Purpose::Row => {
                let work = score(vec![sheet.text.clone()], row.into_iter().collect());
                self.prompt.batch = vec![Place::Row];
                self.fresh_answer();
                Some(work)
            }
            Purpose::Stream => {
                let work = generate(vec![sheet.text.clone()], row.into_iter().collect(), true);
                self.fresh_answer();
                (self.prompt.answer.tokens, self.prompt.answer.complete) = (Vec::new(), false);
                Some(work)
            }
            Purpose::ProbeHead | Purpose::ProbeRest => {
                let by_score = decode.method == Method::Score;
                if self.prompt.probe.edit != sheet.edit || self.prompt.probe.done() == 0 {
                    self.prompt.probe.begin(sheet.edit);
                }
                let open = |place: &usize| self.prompt.probe.now.answers.get(*place).is_some_and(Option::is_none);
                let most = if purpose == Purpose::ProbeHead { HEAD } else { usize::MAX };
                let places: Vec<usize> = (0..self.prompt.probe.rows.len()).filter(open).take(most).collect();
                if places.is_empty() {
                    return None;
                }
                let mut prompts: Vec<String> =
                    places.iter().filter_map(|place| sheet.probe.get(*place).cloned()).collect();
                let mut rows: Vec<usize> =
                    places.iter().filter_map(|place| self.prompt.probe.rows.get(*place).copied()).collect();
                let mut batch: Vec<Place> = places.into_iter().map(Place::Probe).collect();
                // The current row rides along: its label probabilities are there with the first figures.
                if purpose == Purpose::ProbeHead && by_score && sheet.row == row && row.is_some() {
                    prompts.push(sheet.text.clone());
                    rows.extend(row);
                    batch.push(Place::Row);
                    self.fresh_answer();
                } else if purpose == Purpose::ProbeHead && by_score {
                    self.jobs.want(Purpose::Row);
                }
                let work = if by_score { score(prompts, rows) } else { generate(prompts, rows, false) };
                self.prompt.batch = batch;
                Some(work)
            }
        }
    }

    /// Begins a new answer, unless the one on the screen is already of this row and prompt.
    fn fresh_answer(&mut self) {
        let of = self.row().map(|row| (row, self.prompt.edit));
        if self.prompt.answer.of != of {
            self.prompt.answer = Answer { of, ..Answer::default() };
        }
    }

    /// The engine says something.
    pub(super) fn engine(&mut self, ticket: Ticket, event: Event, fx: &mut Effects) {
        let Some(job) = self.jobs.of(ticket) else { return };
        match event {
            Event::Loading { stage, done, total, .. } if job.purpose == Purpose::Train => {
                self.training_stage((stage, done, total));
            }
            Event::Loading { stage, done, total, .. } => self.model = ModelState::Loading { stage, done, total },
            Event::Ready { model, .. } => {
                self.model = ModelState::Ready(model);
                self.prompt.demos.tokens.clear();
                // Prompts of runs that go through this model's chat template can be shown now.
                self.rows.detail = None;
                if !self.jobs.wants(Purpose::ProbeHead) && !self.jobs.wants(Purpose::Row) {
                    self.timers.quiet.get_or_insert(self.now);
                }
            }
            Event::Token { text, logprob, .. } if job.purpose == Purpose::Stream && !job.cancelled => {
                let answer = &mut self.prompt.answer;
                answer.tokens.push(Token { text, probability: logprob.exp() });
                let seconds = self.now.duration_since(job.started).as_secs_f64();
                answer.rate = (seconds > 0.0).then(|| answer.tokens.len() as f64 / seconds);
            }
            Event::Token { .. } => {}
            Event::Scored { answers, .. } => self.answered(job, answers, fx),
            Event::Progress { progress, .. } => {
                if let Some(note) = progress.note {
                    self.note(note);
                }
            }
            Event::Training { update, .. } => self.training_tells(update, fx),
            Event::Finished { outcome, .. } => {
                self.jobs.end(ticket);
                self.finished(job, outcome, fx);
            }
            Event::Cancelled { .. } => {
                self.jobs.end(ticket);
                self.cancelled(job, fx);
            }
            Event::Failed { error, .. } => {
                self.jobs.end(ticket);
                self.failed(job, &error, fx);
            }
        }
    }

    /// The engine's queue is full or its thread is gone.
    pub(super) fn refused(&mut self, ticket: Ticket, error: String, fx: &mut Effects) {
        if let Some(job) = self.jobs.end(ticket) {
            self.failed(job, &EngineError::Failed(error), fx);
        }
    }

    fn answered(&mut self, job: Job, answers: Vec<crate::engine::Answer>, fx: &mut Effects) {
        match job.purpose {
            Purpose::Run => fx.push(Effect::Record(answers)),
            Purpose::Calibrate if !job.cancelled => self.calibration_answers(answers),
            Purpose::WhatIf if !job.cancelled => {
                let what_if = &mut self.simulate.what_if;
                for answer in answers {
                    match answer.logprobs.is_empty() {
                        true => what_if.text = Some(answer.text),
                        false => (what_if.logprobs, what_if.scored) = (answer.logprobs, true),
                    }
                }
            }
            // What is stale is dropped; the events of a cancelled job are.
            Purpose::Row | Purpose::ProbeHead | Purpose::ProbeRest if !job.cancelled => {
                for answer in answers {
                    let label = match (&*answer.logprobs, self.prepared()) {
                        ([], Some(prepared)) => prepared.answers.label(&answer.text),
                        (logprobs, _) => best(logprobs),
                    };
                    match self.prompt.batch.get(answer.index) {
                        Some(Place::Row) => self.prompt.answer.logprobs = answer.logprobs,
                        Some(Place::Probe(place)) => self.prompt.probe.answer(*place, label),
                        None => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn finished(&mut self, job: Job, outcome: Outcome, fx: &mut Effects) {
        if let Outcome::Answered(stats) = &outcome {
            let tokens = stats.computed_tokens + stats.new_tokens;
            self.speed = (stats.seconds > 0.0 && tokens > 0).then(|| tokens as f64 / stats.seconds).or(self.speed);
        }
        match (job.purpose, outcome) {
            (Purpose::Run, Outcome::Answered(stats)) => self.end_run(Ok(stats), fx),
            (Purpose::Train, Outcome::Trained(trained)) => self.end_training(Ok(trained), fx),
            (Purpose::Calibrate, Outcome::Answered(_)) if !job.cancelled => self.calibration_complete(fx),
            (Purpose::Stream, _) => self.prompt.answer.complete = true,
            (Purpose::WhatIf, _) if !job.cancelled => {
                let generates = self.session.as_ref().is_some_and(|of| of.now.decode.method == Method::Generate);
                let what_if = &self.simulate.what_if;
                if generates && what_if.scored && what_if.text.is_none() {
                    self.jobs.want(Purpose::WhatIf);
                }
            }
            (Purpose::ProbeHead | Purpose::ProbeRest, _) if !job.cancelled => {
                if self.prompt.probe.is_complete() {
                    self.probe_complete(fx);
                } else {
                    self.jobs.want(Purpose::ProbeRest);
                }
            }
            (Purpose::Next, Outcome::Next { token_ids, next, perplexity }) => {
                let row = self.row();
                if let Some(window) = self.next_window() {
                    *window = Next { row, tokens: token_ids.len(), next, perplexity, error: None, ready: true };
                }
            }
            _ => {}
        }
    }

    fn cancelled(&mut self, job: Job, fx: &mut Effects) {
        match job.purpose {
            // A run that gave way goes on by itself.
            Purpose::Run if !self.jobs.wants(Purpose::Run) => self.end_run(Err(EngineError::Cancelled), fx),
            Purpose::Calibrate if !self.jobs.wants(Purpose::Calibrate) => self.calibration_stopped(None),
            Purpose::Train => self.end_training(Err(EngineError::Cancelled), fx),
            Purpose::Load if !self.jobs.wants(Purpose::Load) => {
                self.evaluate.waiting = None;
                self.model = ModelState::Failed("loading was cancelled; r loads it again".to_owned());
            }
            _ => {}
        }
    }

    fn failed(&mut self, job: Job, error: &EngineError, fx: &mut Effects) {
        let text = error.to_string();
        match job.purpose {
            Purpose::Run => self.end_run(Err(error.clone()), fx),
            Purpose::Train => self.end_training(Err(error.clone()), fx),
            Purpose::Calibrate => self.calibration_stopped(Some(text)),
            Purpose::Load => {
                self.evaluate.waiting = None;
                self.complain(format!("the model cannot be loaded: {text}"));
                self.model = ModelState::Failed(text);
            }
            Purpose::Next => {
                if let Some(window) = self.next_window() {
                    *window = Next { error: Some(text), ready: true, ..Next::default() };
                }
            }
            Purpose::Row | Purpose::Stream => self.prompt.answer.error = Some(text),
            Purpose::WhatIf => self.simulate.what_if.error = Some(text),
            Purpose::ProbeHead | Purpose::ProbeRest => self.say(Tone::Bad, format!("the probe: {text}")),
        }
    }

    fn next_window(&mut self) -> Option<&mut Next> {
        self.windows.iter_mut().find_map(|window| match window {
            Window::Next(next) => Some(next),
            _ => None,
        })
    }

    /// The distribution after the current row's prompt.
    pub(super) fn open_next(&mut self) {
        self.open_window(Window::Next(Next { row: self.row(), ..Next::default() }));
        self.jobs.want(Purpose::Next);
    }

    /// Tells the recorder how the engine's part of the run ended.
    pub(super) fn end_run(&mut self, end: Result<Stats, EngineError>, fx: &mut Effects) {
        self.jobs.forget(Purpose::Run);
        fx.push(Effect::EndRun(end));
    }
}
