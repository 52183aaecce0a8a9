//! A training: begun, watched, steered, ended; and the view that shows it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Effects, WATCH};
use crate::app::action::Action;
use crate::app::effect::{BeginTraining, Effect, Steer, Wanted};
use crate::app::jobs::Purpose;
use crate::app::state::App;
use crate::app::toast::Tone;
use crate::app::training::{Line, MOST_OVERLAYS, Stage, Watched, settings};
use crate::app::view::{Pane, View};
use crate::app::window::{self, Answer, Choice, Item, Picker, Question, Window};
use crate::engine::{EngineError, Trained, Work};
use crate::session::folder::Status;
use crate::train::Update;

/// What is said where a session has nothing to train.
const NO_SECTION: &str = "the session has no [train] section: add one to its file, with `model = \"…\"` in it";

impl App {
    /// Whether a training is being begun or goes on here.
    pub(super) fn is_training(&self) -> bool {
        self.train.beginning || self.train.live
    }

    /// Begins a training, or goes on with the one in a folder.
    pub(super) fn begin_training(&mut self, resume: Option<PathBuf>, fx: &mut Effects) {
        if self.is_training() {
            self.go(View::Train, Pane::Loss);
            return self.note("a training goes on already: s stops it and keeps the best");
        }
        if self.recording || self.evaluate.preparing.is_some() || self.evaluate.waiting.is_some() {
            return self.note("a run is going on: Ctrl-C stops it");
        }
        let (Some(session), Some(prepared), None) = (&self.session, self.prepared(), &self.opening) else {
            return self.note("there is no session to train in yet");
        };
        if resume.is_none() && settings(&session.now).is_none() {
            self.go(View::Train, Pane::Loss);
            return self.complain(NO_SECTION);
        }
        let begin = BeginTraining {
            prepared: Arc::new(prepared.with_session(session.now.clone())),
            file: session.file.name.clone(),
            runs: session.runs.clone(),
            resume,
        };
        fx.push(Effect::BeginTraining(Box::new(begin)));
        self.train.beginning = true;
        self.go(View::Train, Pane::Loss);
    }

    /// The training has its folder, or cannot be begun.
    pub(super) fn training_begun(&mut self, begun: Result<Watched, String>, fx: &mut Effects) {
        self.train.beginning = false;
        match begun {
            Ok(watched) => {
                let state = &mut self.train;
                (state.live, state.pausing, state.stopping) = (true, false, false);
                self.runs.sought = Some(watched.path.clone());
                self.train.show(watched);
                self.jobs.want(Purpose::Train);
                self.list_runs(fx);
            }
            Err(error) => self.complain(error),
        }
    }

    /// The work of the training, for the engine.
    pub(super) fn training_work(&mut self, work: Box<Work>, fx: &mut Effects) {
        let Some(job) = self.jobs.running().copied().filter(|job| job.purpose == Purpose::Train) else { return };
        if job.cancelled {
            // It was broken off before it was given to the engine.
            self.jobs.end(job.ticket);
            return self.end_training(Err(EngineError::Cancelled), fx);
        }
        fx.push(Effect::Submit { ticket: job.ticket, work });
        // Wishes that came before there was anything to steer.
        if self.train.pausing {
            fx.push(Effect::Steer(Steer::Pause(true)));
        }
        if self.train.stopping {
            fx.push(Effect::Steer(Steer::Stop));
        }
    }

    /// What the engine does before the training begins.
    pub(super) fn training_stage(&mut self, stage: Stage) {
        if let Some(shown) = &mut self.train.shown {
            shown.stage = Some(stage);
        }
    }

    /// The training tells something. All but its pace is kept.
    pub(super) fn training_tells(&mut self, update: Update, fx: &mut Effects) {
        let Some(shown) = self.train.shown.as_mut().filter(|_| self.train.live) else { return };
        shown.take(&update);
        match &update {
            Update::Pace(_) => return,
            Update::Warned { text, .. } => self.say(Tone::Warn, text.clone()),
            Update::Started(started) => {
                started.notes.clone().into_iter().for_each(|note| self.note(note));
            }
            _ => {}
        }
        fx.push(Effect::RecordTraining(Box::new(update)));
    }

    /// Something that happened was kept.
    pub(super) fn training_kept(&mut self, line: Line) {
        if let Some(shown) = self.train.shown.as_mut().filter(|_| self.train.live) {
            shown.add(line);
        }
    }

    /// What the training tells cannot be kept any more: it ends. Why is said once it has.
    pub(super) fn training_failed(&mut self, fx: &mut Effects) {
        if self.train.live {
            self.abort_training(fx);
        }
    }

    /// Tells the recorder how the engine's part of the training ended.
    pub(super) fn end_training(&mut self, end: Result<Trained, EngineError>, fx: &mut Effects) {
        self.jobs.forget(Purpose::Train);
        fx.push(Effect::EndTraining(end));
    }

    /// The training is over.
    pub(super) fn training_ended(&mut self, end: Result<PathBuf, (String, bool)>, line: Line, fx: &mut Effects) {
        let state = &mut self.train;
        (state.live, state.pausing, state.stopping) = (false, false, false);
        if let Some(shown) = &mut self.train.shown {
            (shown.paused, shown.stage) = (false, None);
            shown.add(Line { step: shown.step(), ..line });
            match end {
                Ok(path) => {
                    shown.status = Status::Finished;
                    let figures = |test: crate::app::training::Test| {
                        let (accuracy, f1) = (test.accuracy, test.f1);
                        format!(": accuracy {accuracy:.3}, F1 {f1:.3} on the test split")
                    };
                    let figures = shown.test.map(figures).unwrap_or_default();
                    let steps = shown.step();
                    self.say(Tone::Good, format!("trained for {steps} steps{figures}. Kept in {}", path.display()));
                }
                Err((error, kept)) => {
                    let cancelled = error == "cancelled";
                    shown.status = if cancelled { Status::Cancelled } else { Status::Failed };
                    let hint = if kept { "c goes on with it, here or in view 6" } else { "nothing of it is kept" };
                    if !kept {
                        self.train.shown = None;
                    }
                    if cancelled {
                        self.note(format!("the training was broken off: {hint}"));
                    } else {
                        self.complain(format!("the training broke off: {error}; {hint}"));
                    }
                }
            }
        }
        self.list_runs(fx);
    }

    /// Shows the training of a run in view 4.
    pub(super) fn show_training(&mut self, path: &Path, fx: &mut Effects) {
        if self.is_training() {
            if self.train.shown.as_ref().is_some_and(|shown| shown.path == path) {
                return self.go(View::Train, Pane::Loss);
            }
            return self
                .note("a training goes on and is shown in view 4: stop it first, or draw this one beside it (b)");
        }
        fx.push(Effect::ReadTraining { path: path.to_owned(), wanted: Wanted::Shown });
    }

    /// The folder of a training was read.
    pub(super) fn training_read(&mut self, path: &Path, wanted: Wanted, watched: Result<Watched, String>) {
        let same = self.train.shown.as_ref().is_some_and(|shown| shown.path == path);
        if wanted == Wanted::Again {
            self.train.reading = false;
        }
        match (watched, wanted) {
            (Ok(watched), Wanted::Shown) if !self.is_training() => {
                self.train.show(watched);
                self.go(View::Train, Pane::Loss);
            }
            (Ok(watched), Wanted::Again) if same && !self.train.live => self.train.show(watched),
            (Ok(watched), Wanted::Beside) => {
                self.train.overlays.retain(|overlay| overlay.path != path);
                self.train.overlays.push(Arc::new(watched));
                if self.train.overlays.len() > MOST_OVERLAYS {
                    self.train.overlays.remove(0);
                }
            }
            (Ok(_), _) => {}
            (Err(error), wanted) => {
                // What cannot be read is not looked at every second.
                if let Some(shown) = self.train.shown.as_mut().filter(|_| same && wanted == Wanted::Again) {
                    shown.status = Status::Failed;
                }
                self.complain(error);
            }
        }
    }

    /// Sets the moment at which a training of another process is looked at again, while it is on the screen.
    pub(super) fn watch_training(&mut self) {
        if self.view != View::Train || !self.train.is_foreign() {
            self.timers.train = None;
        } else if !self.train.reading {
            self.timers.train.get_or_insert(self.now + WATCH);
        }
    }

    pub(super) fn look_at_training_again(&mut self, fx: &mut Effects) {
        if let Some(shown) = self.train.shown.as_ref().filter(|_| self.train.is_foreign()) {
            fx.push(Effect::ReadTraining { path: shown.path.clone(), wanted: Wanted::Again });
            self.train.reading = true;
        }
    }

    /// The folder of a run is gone.
    pub(super) fn training_deleted(&mut self, path: &Path) {
        self.train.overlays.retain(|overlay| overlay.path != path);
        if !self.is_training() && self.train.shown.as_ref().is_some_and(|shown| shown.path == path) {
            self.train.shown = None;
        }
    }

    /// Actions in the panes of the training.
    pub(super) fn act_in_training(&mut self, action: Action, fx: &mut Effects) {
        let pane = self.pane();
        let page = self.areas.inner(pane).height.max(3) as isize - 2;
        let width = self.areas.chart.map_or(60, |chart| chart.width);
        let state = &mut self.train;
        match (action, pane) {
            (Action::ZoomIn, _) | (Action::Up, Pane::Loss) => state.zoom(true),
            (Action::ZoomOut, _) | (Action::Down, Pane::Loss) => state.zoom(false),
            (Action::LogScale, _) => state.log = !state.log,
            (Action::LessSmooth, _) => state.smooth(-1),
            (Action::MoreSmooth, _) => state.smooth(1),
            (Action::Left, Pane::Loss) => state.step_cursor(-1, width),
            (Action::Right, Pane::Loss) => state.step_cursor(1, width),
            (Action::PageUp, Pane::Loss) => state.step_cursor(-10, width),
            (Action::PageDown, Pane::Loss) => state.step_cursor(10, width),
            (Action::First, Pane::Loss) => state.step_cursor(isize::MIN, width),
            (Action::Last, Pane::Loss) => state.step_cursor(isize::MAX, width),
            (Action::Open, _) if state.shown.is_some() => self.open_evaluation(fx),
            (Action::Open, _) => self.begin_training(None, fx),
            (Action::Resume, _) => self.resume_shown(fx),
            (Action::Copy, _) => self.copy_training(fx),
            (action, _) => {
                // Both lists are seen from their end.
                let by = match action {
                    Action::Up => 1,
                    Action::Down => -1,
                    Action::PageUp => page,
                    Action::PageDown => -page,
                    Action::First => isize::MAX,
                    Action::Last => isize::MIN,
                    _ => return,
                };
                let scroll = if pane == Pane::Metrics { &mut state.scroll } else { &mut state.events_scroll };
                *scroll = scroll.saturating_add_signed(by);
            }
        }
    }

    /// Puts the cursor where the mouse is.
    pub(super) fn click_loss(&mut self, x: u16) {
        let Some(chart) = self.areas.chart.filter(|chart| chart.width > 1 && x >= chart.x) else { return };
        let (from, to) = self.train.window();
        let share = f64::from((x - chart.x).min(chart.width - 1)) / f64::from(chart.width - 1);
        let place = from + (share * (to - from) as f64).round() as usize;
        self.train.put_cursor(place);
    }

    fn resume_shown(&mut self, fx: &mut Effects) {
        let Some(shown) = &self.train.shown else { return self.note("there is no training to go on with") };
        if self.is_training() {
            return self.note("this training goes on already");
        }
        match shown.status {
            Status::Finished => self.note("this training is finished; Ctrl-R begins another"),
            _ => self.begin_training(Some(shown.path.clone()), fx),
        }
    }

    fn copy_training(&mut self, fx: &mut Effects) {
        let Some(shown) = &self.train.shown else { return };
        let mut text = String::from("step\tepoch\tloss\taccuracy\tf1\tmacro_f1\n");
        for scores in &shown.evaluations {
            let figures = [scores.epoch, scores.loss, scores.accuracy, scores.f1, scores.macro_f1];
            let cells: Vec<String> = figures.iter().map(f64::to_string).collect();
            text += &format!("{}\t{}\n", scores.step, cells.join("\t"));
        }
        self.copy(text, fx);
    }

    /// Shows the last evaluation as a run, whose cells open into rows.
    fn open_evaluation(&mut self, fx: &mut Effects) {
        let Some(shown) = &self.train.shown else { return self.note("there is no training yet: Ctrl-R begins one") };
        if self.recording {
            return self.note("a run is going on and is shown in views 2 and 3: stop it first (Ctrl-C)");
        }
        if shown.evaluations.is_empty() && shown.status != Status::Finished {
            return self.note("nothing is evaluated yet: e evaluates after the next step");
        }
        fx.push(Effect::LoadEvaluation { path: shown.path.clone(), near: self.prepared().cloned() });
    }

    /// Wishes of the user, and what can be asked for in any view while a training goes on.
    pub(super) fn steer_training(&mut self, action: Action, fx: &mut Effects) {
        match action {
            Action::Matrix => return self.open_evaluation(fx),
            Action::Overlay => return self.choose_overlay(),
            _ if self.train.live => {}
            _ if self.train.is_foreign() => {
                return self.note("this training is another process's, or was killed: c goes on with it then");
            }
            _ => return self.note("no training goes on: Ctrl-R in view 4 begins one"),
        }
        match action {
            Action::Pause => {
                self.train.pausing = !self.train.pausing;
                self.steer(Steer::Pause(self.train.pausing), fx);
            }
            // Before the first step there is nothing to keep.
            Action::Stop if self.jobs.wants(Purpose::Train) => self.abort_training(fx),
            Action::Stop => {
                self.train.stopping = true;
                self.steer(Steer::Stop, fx);
            }
            Action::Abort => self.open_window(Window::Question(Question {
                title: "Break the training off?".to_owned(),
                text: "It keeps a checkpoint and can go on from there. The best weights are not tested: `s` does that."
                    .to_owned(),
                answers: vec![('n', "go on", Answer::No), ('a', "break it off", Answer::AbortTraining)],
            })),
            Action::LearningRate => {
                let now = self.train.shown.as_ref().and_then(|shown| shown.pace);
                let hint = now.map_or_else(String::new, |pace| format!("{:.2e}", pace.learning_rate));
                let title = format!("Learning rate, now {hint}");
                let title = if hint.is_empty() { "Learning rate" } else { &title };
                self.ask(window::Purpose::LearningRate, title, "", "the highest one, as 2e-5; the schedule scales it");
            }
            Action::Evaluate => {
                self.steer(Steer::Evaluate, fx);
                self.note("the validation split is evaluated after this step");
            }
            _ => {}
        }
    }

    pub(super) fn steer(&mut self, wish: Steer, fx: &mut Effects) {
        if self.train.live {
            fx.push(Effect::Steer(wish));
        }
    }

    /// What Ctrl-C asks while a training goes on.
    pub(super) fn ask_about_training(&mut self) {
        if matches!(self.windows.last(), Some(Window::Question(_))) {
            return;
        }
        self.open_window(Window::Question(Question {
            title: "End the training?".to_owned(),
            text: "Stopping keeps the best weights and tests them. Broken off, it keeps a checkpoint to go on from."
                .to_owned(),
            answers: vec![
                ('c', "let it go on", Answer::No),
                ('s', "stop, keep the best", Answer::StopTraining),
                ('a', "break it off", Answer::AbortTraining),
            ],
        }));
    }

    /// Breaks the training off, wherever it is.
    pub(super) fn abort_training(&mut self, fx: &mut Effects) {
        if self.jobs.is_training() {
            fx.extend(self.jobs.cancel().map(Effect::Cancel));
        } else if self.jobs.wants(Purpose::Train) {
            self.end_training(Err(EngineError::Cancelled), fx);
        }
    }

    /// The picker of earlier trainings.
    fn choose_overlay(&mut self) {
        let shown = self.train.shown.as_ref().map(|shown| &shown.path);
        let trainings = self.runs.entries.iter().filter(|entry| self.runs.trainings.contains(&entry.path));
        let items: Vec<Item> = trainings
            .filter(|entry| Some(&entry.path) != shown)
            .map(|entry| {
                let drawn = self.train.overlays.iter().any(|overlay| overlay.path == entry.path);
                let model = entry.facts.as_ref().map_or("", |facts| facts.model.as_str());
                let drawn = if drawn { "drawn; " } else { "" };
                Item {
                    title: entry.name.clone(),
                    detail: format!("{drawn}{model}"),
                    choice: Choice::Overlay(entry.path.clone()),
                }
            })
            .collect();
        if items.is_empty() {
            return self.note("there is no other training to draw beside this one");
        }
        self.open_window(Window::Picker(Picker::new("Training to draw beside this one, or no longer", items)));
    }

    /// Draws an earlier training beside the one on the screen, or no longer.
    pub(super) fn toggle_overlay(&mut self, path: PathBuf, fx: &mut Effects) {
        let drawn = self.train.overlays.len();
        self.train.overlays.retain(|overlay| overlay.path != path);
        if self.train.overlays.len() == drawn {
            fx.push(Effect::ReadTraining { path, wanted: Wanted::Beside });
        }
    }
}
