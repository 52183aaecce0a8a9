//! Runs: begun, answered, ended; and the view that shows report and matrix.

use std::path::PathBuf;
use std::sync::Arc;

use super::Effects;
use crate::app::action::Action;
use crate::app::effect::{Begin, Effect};
use crate::app::jobs::Purpose;
use crate::app::run::Run;
use crate::app::state::{App, ModelState};
use crate::app::toast::Tone;
use crate::app::view::{Pane, View};
use crate::app::views::RowsState;
use crate::app::window::{self, Answer, Choice, Item, Picker, Question, Window};
use crate::data::Split;
use crate::engine::{EngineError, Work};
use crate::session::folder::Status;
use crate::session::predictions::Prediction;
use crate::session::run::Tally;

impl App {
    /// Classifies the chosen split.
    pub(super) fn run_split(&mut self, fx: &mut Effects) {
        if self.evaluate.split == Split::Test && !self.evaluate.test_allowed {
            self.open_window(Window::Question(Question {
                title: "Look at the test split?".to_owned(),
                text: format!(
                    "It is for the end: once prompts were chosen by it, it no longer says how good they are. Opening it is \
                     counted{}.",
                    self.runs.tried.map_or_else(String::new, |tried| format!("; so far: {}", tried.text()))
                ),
                answers: vec![('y', "run it", Answer::RunTest), ('n', "not yet", Answer::No)],
            }));
            return;
        }
        self.begin_run(None, fx);
    }

    /// Whether a run can begin now; says why not.
    pub(super) fn may_begin(&mut self) -> bool {
        if self.recording || self.evaluate.preparing.is_some() || self.queue_is_live() {
            self.note("a run is going on: Ctrl-C stops it");
            return false;
        }
        if self.is_training() {
            self.note("a training goes on: a run can begin once it is over (view 4)");
            return false;
        }
        if let Some(problem) = &self.prompt.problem {
            self.complain(problem.message.clone());
            return false;
        }
        true
    }

    /// Begins a run, or goes on with the one in a folder.
    pub(super) fn begin_run(&mut self, resume: Option<PathBuf>, fx: &mut Effects) {
        if !self.may_begin() {
            return;
        }
        let (Some(session), Some(prepared)) = (&self.session, self.prepared()) else {
            return self.note("there is no session to run yet");
        };
        let Some(model) = self.model().cloned() else {
            if matches!(self.model, ModelState::Failed(_)) {
                return self.complain("there is no model to run: m picks one, r tries the last one again");
            }
            self.evaluate.waiting = Some(resume);
            return self.note("the run begins as soon as the model is there");
        };
        let name = self.prompt.version.map(|version| format!("v{version}"));
        let begin = Begin {
            prepared: Arc::new(prepared.with_session(session.now.clone())),
            file: session.file.name.clone(),
            runs: session.runs.clone(),
            split: self.evaluate.split,
            limit: self.evaluate.limit,
            model,
            name,
            resume,
            reuse: false,
        };
        self.evaluate.preparing = Some((0, 0));
        fx.push(Effect::BeginRun(Box::new(begin)));
        if self.view != View::Simulate {
            self.go(View::Evaluate, Pane::Matrix);
        }
    }

    /// A run that waited for the model can begin.
    pub(super) fn begin_waiting(&mut self, fx: &mut Effects) {
        if self.model().is_some()
            && self.prepared().is_some()
            && let Some(resume) = self.evaluate.waiting.take()
        {
            self.begin_run(resume, fx);
        }
    }

    /// The run has its folder, or cannot be begun.
    pub(super) fn run_begun(&mut self, run: Result<Run, String>, fx: &mut Effects) {
        self.evaluate.preparing = None;
        match run {
            Ok(run) => {
                self.recording = true;
                self.runs.sought = Some(run.about.path.clone());
                self.look_at(run);
                self.jobs.want(Purpose::Run);
                if !self.queue_is_live() {
                    self.accept_silently(fx);
                }
            }
            Err(error) if self.queue_run_ended(&Err((error.clone(), false)), fx) => {}
            Err(error) if error == "cancelled" => self.note("the run was not begun"),
            Err(error) => self.complain(error),
        }
    }

    /// The run that a queue was to begin is there already.
    pub(super) fn run_there(&mut self, path: PathBuf, fx: &mut Effects) {
        self.evaluate.preparing = None;
        self.queue_run_ended(&Ok(path), fx);
    }

    /// Shows a run in the views.
    pub(super) fn look_at(&mut self, mut run: Run) {
        // Listings of the run before are told from those of this one by their revisions.
        self.revisions += 1 << 32;
        run.revision = self.revisions;
        self.evaluate.calibrate.shown = None;
        let same = self.run.as_ref().is_some_and(|old| old.about.path == run.about.path);
        let labels = run.confusion.labels().len();
        // Until they are listed anew: the same run may have come back with fewer rows.
        self.rows.listed.retain(|place| (*place as usize) < run.rows.len());
        self.rows.selected = self.rows.selected.min(self.rows.listed.len().saturating_sub(1));
        self.run = Some(run);
        self.rows.sifted = None;
        if !same {
            let sifting = std::mem::take(&mut self.rows.sifting);
            self.rows = RowsState { sifting, ..RowsState::default() };
            self.evaluate.scroll = 0;
            let (gold, predicted) = self.evaluate.cell;
            if gold >= labels || predicted >= labels {
                self.evaluate.cell = (0, 0);
            }
        }
    }

    /// The work that is left of the run, for the engine.
    pub(super) fn run_work(&mut self, work: Box<Work>, fx: &mut Effects) {
        let Some(job) = self.jobs.running().copied().filter(|job| job.purpose == Purpose::Run) else { return };
        if !job.cancelled {
            fx.push(Effect::Submit { ticket: job.ticket, work });
            return;
        }
        // It was asked to stop before it was given to the engine.
        self.jobs.end(job.ticket);
        if !self.jobs.wants(Purpose::Run) {
            self.end_run(Err(EngineError::Cancelled), fx);
        }
    }

    /// Answers of the run were kept.
    pub(super) fn recorded(&mut self, rows: Vec<Prediction>, tally: Tally, rate: f64) {
        let Some(run) = self.run.as_mut().filter(|run| run.is_live()) else { return };
        run.add(rows);
        (run.tally, run.rate) = (tally, rate);
    }

    /// Answers could not be kept: the run ends.
    pub(super) fn record_failed(&mut self, error: String, fx: &mut Effects) {
        self.jobs.forget(Purpose::Run);
        if self.jobs.is_running(Purpose::Run) {
            fx.extend(self.jobs.cancel().map(Effect::Cancel));
        }
        self.end_run(Err(EngineError::Failed(error)), fx);
    }

    /// Stops a run that has no job in the engine at the moment.
    pub(super) fn stop_run(&mut self, fx: &mut Effects) {
        if self.recording {
            self.end_run(Err(EngineError::Cancelled), fx);
        }
    }

    /// The run is over.
    pub(super) fn run_ended(&mut self, end: Result<PathBuf, (String, bool)>, fx: &mut Effects) {
        self.recording = false;
        let queued = self.queue_run_ended(&end, fx);
        let Some(run) = self.run.as_mut().filter(|run| run.is_live()) else { return };
        match end {
            Ok(_) if queued => run.status = Status::Finished,
            Ok(path) => {
                run.status = Status::Finished;
                let told = run.report.as_ref().map_or_else(String::new, |report| {
                    format!(": accuracy {:.3}, macro-F1 {:.3}", report.accuracy, report.macro_f1)
                });
                let rows = run.rows.len();
                self.say(Tone::Good, format!("{rows} rows are answered{told}. Kept in {}", path.display()));
            }
            Err((error, kept)) => {
                let cancelled = error == "cancelled";
                run.status = if cancelled { Status::Cancelled } else { Status::Failed };
                let (done, total) = (run.tally.done, run.tally.total);
                let hint = if kept {
                    format!("{done} of {total} rows are kept; view 6 goes on with the run (c)")
                } else {
                    "nothing was answered, so nothing is kept".to_owned()
                };
                if cancelled {
                    self.note(format!("the run was stopped: {hint}"));
                } else {
                    self.complain(format!("the run broke off: {error}; {hint}"));
                }
                if !kept {
                    self.run = None;
                }
            }
        }
        self.list_runs(fx);
    }

    /// Actions in the report and in the matrix.
    pub(super) fn act_in_matrix(&mut self, action: Action, fx: &mut Effects) {
        if self.pane() == Pane::Report {
            let page = self.areas.inner(Pane::Report).height.max(2) as isize - 1;
            let by = match action {
                Action::Up => -1,
                Action::Down => 1,
                Action::PageUp => -page,
                Action::PageDown => page,
                Action::First => isize::MIN,
                Action::Open => return self.go(View::Rows, Pane::Rows),
                Action::Copy => return self.copy_report(fx),
                _ => return,
            };
            self.evaluate.scroll = self.evaluate.scroll.saturating_add_signed(by);
            return;
        }
        let len = self.run.as_ref().map_or(0, |run| run.confusion.labels().len());
        let (gold, predicted) = self.evaluate.cell;
        let step = super::moved;
        self.evaluate.cell = match action {
            Action::Up => (step(gold, -1, len), predicted),
            Action::Down => (step(gold, 1, len), predicted),
            Action::Left => (gold, step(predicted, -1, len)),
            Action::Right => (gold, step(predicted, 1, len)),
            Action::First => (0, 0),
            Action::Last => (len.saturating_sub(1), len.saturating_sub(1)),
            Action::Open => return self.open_cell(gold, predicted),
            Action::Copy => return self.copy_report(fx),
            _ => return,
        };
    }

    fn copy_report(&mut self, fx: &mut Effects) {
        let report = self.run.as_ref().and_then(|run| run.report.as_ref());
        let layout = crate::metrics::Layout::default();
        if let Some(text) = report.map(|report| crate::metrics::classification_report(&report.confusion, &layout)) {
            self.copy(text, fx);
        }
    }

    /// Lists the rows of a cell of the matrix.
    pub(super) fn open_cell(&mut self, gold: usize, predicted: usize) {
        let Some(run) = &self.run else { return self.note("there is no run yet: Ctrl-R classifies the split") };
        let label = |index: usize| run.confusion.labels().nth(index).map(str::to_owned);
        let Some(cell) = label(gold).zip(label(predicted)) else { return };
        self.evaluate.cell = (gold, predicted);
        let filter = &mut self.rows.filter;
        (filter.cell, filter.outcome, filter.show) = (Some(cell), None, crate::app::sift::Show::All);
        filter.query.clear();
        (self.rows.selected, self.rows.offset) = (0, 0);
        self.go(View::Rows, Pane::Rows);
    }

    pub(super) fn choose_split(&mut self) {
        let Some(prepared) = self.prepared() else { return };
        let item = |split: Split| Item {
            title: split.name().to_owned(),
            detail: format!("{} rows", prepared.data.split(split).len()),
            choice: Choice::Split(split),
        };
        let items = [Split::Validation, Split::Train, Split::Test].map(item).to_vec();
        self.open_window(Window::Picker(Picker::new("Split to classify", items)));
    }

    pub(super) fn choose_limit(&mut self) {
        let limit = self.evaluate.limit.map(|limit| limit.to_string()).unwrap_or_default();
        let hint = "only the first so many rows of the split; empty: all";
        self.ask(window::Purpose::Limit, "Rows to classify", &limit, hint);
    }
}
