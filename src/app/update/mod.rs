//! What happens to the state when something happens in the world, one file a subject.

mod audit;
mod calibrate;
mod contrast;
mod demos;
mod engine;
mod keys;
mod mouse;
mod prompt;
mod queue;
mod rows;
mod run;
mod runs;
mod session;
mod simulate;
mod timeline;
mod training;
mod typing;
mod windows;

use std::time::Duration;

use super::action::Action;
use super::effect::Effect;
use super::message::Message;
use super::state::{App, DataState};
use super::toast::Tone;
use super::window::Window;

/// Effects as they are gathered.
type Effects = Vec<Effect>;

/// Quiet after the last key before the probe is scored again.
const QUIET: Duration = Duration::from_millis(150);
/// Quiet after which unsaved work is kept.
const RECOVERY: Duration = Duration::from_secs(1);
/// Time between two listings of the rows of a run that goes on.
const SIFT: Duration = Duration::from_millis(250);
/// Time between two looks at the files of a training that another process is at.
const WATCH: Duration = Duration::from_secs(1);
/// Time in which a second Ctrl-C ends the program.
const TWICE: Duration = Duration::from_secs(2);

impl App {
    /// Takes a message and says what is to be done.
    pub fn update(&mut self, message: Message) -> Vec<Effect> {
        let mut effects = Vec::new();
        let fx = &mut effects;
        match message {
            Message::Key(key) => self.key(key, fx),
            Message::Mouse(mouse) => self.mouse(mouse, fx),
            Message::Paste(text) => self.paste(&text, fx),
            Message::Resize { width, height } => self.size = (width, height),
            Message::Time => self.time(fx),
            Message::Terminate => self.leave(fx),
            Message::SessionRead(read) => self.session_read(*read, fx),
            Message::Fetching { done, total } if self.opening.is_some() => {
                self.data = DataState::Loading { done, total };
            }
            Message::Fetching { .. } => {}
            Message::Opened(opened) => self.opened(*opened, fx),
            Message::OpenFailed(error) => self.open_failed(error),
            Message::Rendered { edit, row, sheet } => self.rendered(edit, row, sheet.map(|sheet| *sheet), fx),
            Message::Similar { row, rows } => self.similar_found(row, rows),
            Message::DemosFiltered(rows) => self.demos_filtered(rows, fx),
            Message::Drawn(rows) => self.drawn(rows, fx),
            Message::Engine { ticket, event } => self.engine(ticket, event, fx),
            Message::Refused { ticket, error } => self.refused(ticket, error, fx),
            Message::Preparing { done, total } => {
                self.evaluate.preparing = self.evaluate.preparing.map(|_| (done, total));
            }
            Message::RunBegun(run) => self.run_begun(run.map(|run| *run), fx),
            Message::RunWork(work) => self.run_work(work, fx),
            Message::Recorded { rows, tally, rate } => self.recorded(rows, tally, rate),
            Message::RecordFailed(error) => self.record_failed(error, fx),
            Message::RunEnded(end) => self.run_ended(end, fx),
            Message::TrainingBegun(begun) => self.training_begun(begun.map(|begun| *begun), fx),
            Message::TrainingWork(work) => self.training_work(work, fx),
            Message::TrainingKept(line) => self.training_kept(line),
            Message::TrainingFailed => self.training_failed(fx),
            Message::TrainingEnded { end, line } => self.training_ended(end, line, fx),
            Message::TrainingRead { path, wanted, watched } => {
                self.training_read(&path, wanted, watched.map(|watched| *watched));
            }
            Message::Sifted { revision, listed } => self.sifted(revision, listed, fx),
            Message::Detail { run, row, prompt } => self.detail_rendered(&run, row, prompt),
            Message::Surveyed { of, beside, figures } => self.surveyed(of, beside, figures),
            Message::WhatIf { asked, prompt } => self.what_if_written(&asked, prompt, fx),
            Message::Described(text) => self.open_window(Window::Text { title: "Columns".to_owned(), text, scroll: 0 }),
            Message::Calibrated { request, worked } => self.calibrated(*request, worked, fx),
            Message::CalibrationAsked { request, ask } => self.calibration_asked(*request, ask.map(|ask| *ask)),
            Message::Judged { of, quality } => self.judged((&of.0, of.1), quality),
            Message::Audited { of, found } => self.audited(of, found),
            Message::Baselined { of, found } => self.baselined(&of, found),
            Message::RunThere(path) => self.run_there(path, fx),
            Message::QueueTold(told) => self.queue_told(told.map(|told| *told), fx),
            Message::PromptTaken(prompt) => self.prompt_taken(prompt.map(|prompt| *prompt), fx),
            Message::Versioned { edit, version } => self.versioned(edit, *version, fx),
            Message::Runs { entries, trainings, tried } => {
                self.runs.tried = tried;
                self.runs_listed(entries, trainings);
            }
            Message::RunsChanged => self.list_runs(fx),
            Message::RunDeleted(path) => self.run_deleted(&path, fx),
            Message::RunLoaded { path, run, beside } => self.run_loaded(&path, run.map(|run| *run), beside, fx),
            Message::Compared { pair, lines } => self.prompts_compared(pair, lines),
            Message::Contrasted { number, found } => self.runs_contrasted(number, found.map(|found| *found)),
            Message::Resampled { number, done } => self.resampled(number, done),
            Message::Models(models) => self.models_listed(models),
            Message::Sessions(sessions) => self.sessions_listed(&sessions),
            Message::Edited(text) => self.edited(text, fx),
            Message::Saved(saved) => self.saved(saved.map(|file| *file), fx),
            Message::Said(tone, text) => self.say(tone, text),
            Message::Memory(bytes) => self.memory = Some(bytes),
        }
        self.settle(fx);
        effects
    }

    /// Asks for what the state needs and does not have yet: rendering, listing, the engine's next work.
    fn settle(&mut self, fx: &mut Effects) {
        if self.quitting {
            return;
        }
        self.begin_waiting(fx);
        self.ask_render(fx);
        self.ask_sift(fx);
        self.ask_detail(fx);
        self.ask_compare(fx);
        self.ask_contrast(fx);
        self.ask_quality(fx);
        self.ask_baselines(fx);
        self.ask_survey(fx);
        self.ask_what_if(fx);
        self.watch_training();
        self.ask_engine(fx);
    }

    /// A moment that was waited for has come.
    fn time(&mut self, fx: &mut Effects) {
        let now = self.now;
        let due = |timer: &mut Option<std::time::Instant>| timer.take_if(|at| *at <= now).is_some();
        if due(&mut self.timers.quiet) {
            self.quiet(fx);
        }
        if due(&mut self.timers.recovery) {
            self.keep_recovery(fx);
        }
        if due(&mut self.timers.train) {
            self.look_at_training_again(fx);
        }
        // Listing and counting look at these timers themselves.
        due(&mut self.timers.sift);
        due(&mut self.timers.survey);
        due(&mut self.timers.interrupt);
        self.toasts.expire(now);
    }

    /// Shows a short message.
    pub(super) fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.toasts.say(tone, text, self.now);
    }

    /// Says something to know.
    fn note(&mut self, text: impl Into<String>) {
        self.say(Tone::Info, text);
    }

    /// Says what went wrong.
    fn complain(&mut self, text: impl Into<String>) {
        self.say(Tone::Bad, text);
    }

    /// Opens a window on top of the others.
    fn open_window(&mut self, window: Window) {
        self.windows.push(window);
    }
}

/// The lines that an action moves by in a list whose page has `page`; none of actions that move by no lines.
fn lines(action: Action, page: isize) -> Option<isize> {
    match action {
        Action::Up => Some(-1),
        Action::Down => Some(1),
        Action::PageUp => Some(-page),
        Action::PageDown => Some(page),
        Action::First => Some(isize::MIN),
        Action::Last => Some(isize::MAX),
        _ => None,
    }
}

/// Moves a place in a list of `len` by `by`, staying inside.
fn moved(place: usize, by: isize, len: usize) -> usize {
    place.saturating_add_signed(by).min(len.saturating_sub(1))
}
