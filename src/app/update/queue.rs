//! Sweeps and searches: begun, carried on from run to run, shown in a window.

use std::path::PathBuf;

use super::{Effects, moved};
use crate::app::action::Action;
use crate::app::effect::{BeginQueue, Effect};
use crate::app::queue::{QueueKind, QueueState, Told};
use crate::app::state::App;
use crate::app::toast::Tone;
use crate::app::view::{Pane, View};
use crate::app::window::{Answer, Question, Window};
use crate::data::Split;

impl App {
    /// Whether a queue goes on.
    pub fn queue_is_live(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.live)
    }

    /// Begins a sweep or a search with the prompt as it is; where one goes on or has just ended, its window.
    pub(super) fn begin_queue(&mut self, kind: QueueKind, fx: &mut Effects) {
        if self.queue_is_live() {
            return self.open_queue();
        }
        if !self.may_begin() {
            return;
        }
        let (Some(session), Some(prepared)) = (&self.session, self.prepared()) else {
            return self.note("there is no session yet");
        };
        let Some(model) = self.model().cloned() else {
            return self.note("there is no model yet: it can begin once one is loaded");
        };
        if model.classifier.is_some() {
            return self.note("a fine-tuned classifier reads no prompt: there is nothing to vary");
        }
        // The test split is for the end.
        let split = if self.evaluate.split == Split::Test { Split::Validation } else { self.evaluate.split };
        let begin = BeginQueue {
            kind,
            prepared: std::sync::Arc::new(prepared.with_session(session.now.clone())),
            file: session.file.name.clone(),
            runs: session.runs.clone(),
            split,
            limit: self.evaluate.limit,
            model,
        };
        self.queue = Some(QueueState {
            kind,
            lines: Vec::new(),
            progress: (0, 0),
            text: String::new(),
            live: true,
            running: false,
        });
        fx.push(Effect::BeginQueue(Box::new(begin)));
        self.open_queue();
    }

    pub(super) fn open_queue(&mut self) {
        if self.queue.is_none() {
            return self.note("no sweep or search was begun yet");
        }
        if !self.windows.iter().any(|window| matches!(window, Window::Queue { .. })) {
            self.open_window(Window::Queue { selected: 0, offset: 0 });
        }
    }

    /// The queue tells what comes next.
    pub(super) fn queue_told(&mut self, told: Result<Told, String>, fx: &mut Effects) {
        let Some(queue) = &mut self.queue else { return };
        queue.running = false;
        let title = queue.kind.title();
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                queue.live = false;
                return self.complain(format!("the {title}: {error}"));
            }
        };
        (queue.lines, queue.progress, queue.text) = (told.lines, told.progress, told.text);
        for note in told.notes {
            self.note(note);
        }
        if let Some(version) = told.step {
            self.prompt.versions.push(version);
        }
        let Some(queue) = &mut self.queue else { return };
        match told.begin {
            _ if !queue.live => {}
            Some(begin) => {
                queue.running = true;
                self.evaluate.preparing = Some((0, 0));
                fx.push(Effect::BeginRun(begin));
            }
            None => {
                queue.live = false;
                self.say(Tone::Good, format!("the {title} is through: W shows what came of it"));
                self.open_queue();
                self.list_runs(fx);
            }
        }
    }

    /// A run of the queue is over; true if it was one.
    pub(super) fn queue_run_ended(&mut self, end: &Result<PathBuf, (String, bool)>, fx: &mut Effects) -> bool {
        let Some(queue) = self.queue.as_mut().filter(|queue| queue.live && queue.running) else { return false };
        queue.running = false;
        match end {
            Ok(path) => fx.push(Effect::QueueTake(path.clone())),
            Err((error, _)) => {
                queue.live = false;
                let (title, (done, total)) = (queue.kind.title(), queue.progress);
                let stopped = if error == "cancelled" { String::new() } else { format!(" ({error})") };
                self.note(format!(
                    "the {title} was stopped after {done} of {total} runs{stopped}: begun again, it goes on"
                ));
            }
        }
        true
    }

    /// Actions in its window.
    pub(super) fn act_in_queue(&mut self, action: Action, by: Option<isize>, fx: &mut Effects) {
        let lines = self.queue.as_ref().map_or(0, |queue| queue.lines.len());
        let Some(Window::Queue { selected, .. }) = self.windows.last_mut() else { return };
        match (by, action) {
            (Some(by), _) => *selected = moved(*selected, by, lines),
            (None, Action::Open) => {
                let selected = *selected;
                let line = self.queue.as_ref().and_then(|queue| queue.lines.get(selected));
                let Some((name, run)) = line.and_then(|line| Some((line.name.clone(), line.run.clone()?))) else {
                    return self.note("it is not answered yet");
                };
                self.open_window(Window::Question(Question {
                    title: "What with it?".to_owned(),
                    text: if name.is_empty() { "the prompt as it is".to_owned() } else { name },
                    answers: vec![
                        ('o', "open its rows", Answer::OpenRun(run.clone())),
                        ('p', "put its prompt into view 1", Answer::TakePrompt(run)),
                        ('n', "nothing", Answer::No),
                    ],
                }));
            }
            (None, Action::Sweep | Action::Search | Action::ShowQueue | Action::Quit) => self.close_window(fx),
            _ => {}
        }
    }

    /// Opens a run by its folder.
    pub(super) fn open_run(&mut self, path: PathBuf, fx: &mut Effects) {
        self.windows.clear();
        let near = self.prepared().cloned();
        fx.push(Effect::LoadRun { path, near, beside: false });
    }

    /// Puts the prompt of a run into view 1.
    pub(super) fn prompt_taken(&mut self, prompt: Result<crate::prompt::PromptSpec, String>, fx: &mut Effects) {
        match prompt {
            Ok(prompt) => {
                self.windows.clear();
                self.set_prompt(prompt, fx);
                self.go(View::Prompt, Pane::Template);
                self.note("its prompt is here; u undoes it in the template and in the demos");
            }
            Err(error) => self.complain(error),
        }
    }
}
