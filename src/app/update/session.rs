//! The session: opened, saved, left.

use super::Effects;
use crate::app::effect::{Effect, Saving};
use crate::app::jobs::Purpose;
use crate::app::message::{Opened, SaveError, SessionRead};
use crate::app::probe::Probe;
use crate::app::simulate::SimulateState;
use crate::app::state::{App, DataState, ModelState, SessionState};
use crate::app::toast::Tone;
use crate::app::training::TrainState;
use crate::app::views::{EvaluateState, PromptState, RowsState, RunsState};
use crate::app::window::{self, Answer, Question, Window};
use crate::session::home::SessionFile;

impl App {
    /// Opens a session; what is not saved is asked about.
    pub(super) fn open_session(&mut self, name: String, fx: &mut Effects) {
        if self.recording {
            return self.note("a run is going on: stop it first (Ctrl-C)");
        }
        if self.is_training() {
            return self.note("a training goes on: stop it first (view 4)");
        }
        if self.session.as_ref().is_some_and(SessionState::is_dirty) {
            self.open_window(Window::Question(Question {
                title: "Save the session first?".to_owned(),
                text: "Its prompt was changed.".to_owned(),
                answers: vec![
                    ('s', "save", Answer::SaveAndOpen(name.clone())),
                    ('d', "discard the changes", Answer::Open(name)),
                    ('c', "stay here", Answer::No),
                ],
            }));
            return;
        }
        self.open(name, fx);
    }

    /// Opens a session at once.
    pub fn open(&mut self, name: String, fx: &mut Vec<Effect>) {
        self.opening = Some(name.clone());
        fx.push(Effect::Open(name));
    }

    /// The session's file was read; its model can be loaded while its data is.
    pub(super) fn session_read(&mut self, read: SessionRead, fx: &mut Effects) {
        let SessionRead { file, session, runs, recovered, versions } = read;
        // What was not saved of the session before was asked about.
        self.forget_recovery(fx);
        self.data = DataState::Loading { done: 0, total: None };
        fx.extend(self.jobs.cancel_all_but_training().map(Effect::Cancel));
        let same_model = self.session.as_ref().is_some_and(|old| old.now.model == session.model);
        let edit = self.prompt.edit + 1;
        self.prompt = PromptState { edit, since: edit, ..PromptState::default() };
        self.prompt.template.reset(&session.prompt.template);
        self.prompt.system.reset(session.prompt.system.as_deref().unwrap_or_default());
        self.prompt.versions = versions;
        self.evaluate = EvaluateState::default();
        self.rows = RowsState::default();
        // Comparisons of the session before are told from those of this one by their numbers.
        let number = self.runs.contrast.number + 1;
        self.runs = RunsState::default();
        self.runs.contrast.number = number;
        if !self.is_training() {
            self.train = TrainState::default();
        }
        self.run = None;
        // What is being counted of the session before is told all the same.
        self.simulate = SimulateState { counting: self.simulate.counting, ..SimulateState::default() };
        self.marks.clear();
        self.session =
            Some(SessionState { file, saved: session.clone(), now: session, saving: None, runs, touched: false });
        if !(same_model && matches!(self.model, ModelState::Ready(_))) {
            self.load_model();
        }
        if let Some(recovered) = recovered {
            let changed = if recovered.base_changed { " The file was changed since." } else { "" };
            self.recovered = Some(recovered.session);
            self.open_window(Window::Question(Question {
                title: "Take up unsaved work?".to_owned(),
                text: format!("Changes of {} were not saved.{changed}", recovered.time),
                answers: vec![('y', "take it up", Answer::Recover), ('n', "forget it", Answer::Discard)],
            }));
        }
    }

    /// Loads the model that the session names.
    pub(super) fn load_model(&mut self) {
        self.model = ModelState::Loading { stage: "looking for the model".to_owned(), done: 0, total: None };
        self.jobs.want(Purpose::Load);
    }

    /// The data is there.
    pub(super) fn opened(&mut self, opened: Opened, fx: &mut Effects) {
        self.opening = None;
        self.data = DataState::Ready(opened.prepared);
        self.prompt.probe = Probe::new(opened.probe);
        self.marks = opened.marks;
        self.fill_demos();
        opened.notes.into_iter().for_each(|note| self.note(note));
        self.timers.quiet.get_or_insert(self.now);
        self.list_runs(fx);
    }

    pub(super) fn open_failed(&mut self, error: String) {
        self.opening = None;
        // A file that cannot be read leaves the session that is open as it is.
        if self.prepared().is_none() {
            self.data = DataState::Failed(error.clone());
        }
        self.complain(error);
    }

    /// Takes another model for the session.
    pub(super) fn set_model(&mut self, source: String, fx: &mut Effects) {
        let Some(session) = &mut self.session else { return };
        if self.recording {
            return self.note("a run is going on: stop it first (Ctrl-C)");
        }
        session.now.model.source = source;
        self.prompt_changed(fx);
        self.prompt.probe.accepted = None;
        fx.extend(self.jobs.cancel_all_but_training().map(Effect::Cancel));
        self.load_model();
    }

    /// Saves the session's file.
    pub(super) fn save(&mut self, force: bool, fx: &mut Effects) {
        let Some(session) = &mut self.session else { return self.note("there is no session to save") };
        if !session.is_dirty() && !force {
            return self.note("everything is saved");
        }
        let (file, was, now) = (session.file.clone(), session.saved.clone(), session.now.clone());
        session.saving = Some(now.clone());
        fx.push(Effect::Save(Box::new(Saving { file, was, now, name: None, force })));
    }

    pub(super) fn ask_name(&mut self) {
        if self.session.is_some() {
            self.ask(window::Purpose::SaveAs, "Save as", "", "a name; the file goes beside this session's");
        }
    }

    pub(super) fn save_as(&mut self, name: String, fx: &mut Effects) {
        let Some(session) = &mut self.session else { return };
        let (file, was, now) = (session.file.clone(), session.saved.clone(), session.now.clone());
        session.saving = Some(now.clone());
        fx.push(Effect::Save(Box::new(Saving { file, was, now, name: Some(name), force: false })));
    }

    /// The session was saved, or was not.
    pub(super) fn saved(&mut self, saved: Result<SessionFile, SaveError>, fx: &mut Effects) {
        match saved {
            Ok(file) => {
                // By its old name: a bundled session has become a file.
                self.forget_recovery(fx);
                let Some(session) = &mut self.session else { return };
                let place = file.name.clone();
                // Where the command line says that runs go, they go on going there.
                if session.runs == session.file.runs() {
                    session.runs = file.runs().to_owned();
                }
                session.file = file;
                // What was typed meanwhile is in no file yet.
                session.saved = session.saving.take().unwrap_or_else(|| session.now.clone());
                self.say(Tone::Good, format!("saved {place}"));
                self.accept_silently(fx);
                self.saved_then(fx);
            }
            Err(SaveError::Changed(text)) => self.open_window(Window::Question(Question {
                title: "Overwrite the file?".to_owned(),
                text,
                answers: vec![('n', "leave it", Answer::No), ('o', "overwrite it", Answer::Overwrite)],
            })),
            Err(SaveError::Other(text)) => {
                self.after_save = None;
                self.complain(text);
            }
        }
    }

    /// Does what was to be done once the session is saved.
    pub(super) fn saved_then(&mut self, fx: &mut Effects) {
        match self.after_save.take() {
            Some(Answer::SaveAndQuit) => self.leave(fx),
            Some(Answer::SaveAndOpen(name)) => self.open(name, fx),
            _ => {}
        }
    }

    /// Keeps unsaved work, so that a kill does not lose it.
    pub(super) fn keep_recovery(&mut self, fx: &mut Effects) {
        let Some(session) = self.session.as_mut().filter(|session| session.touched) else { return };
        session.touched = false;
        let sessions = session.is_dirty().then(|| Box::new((session.saved.clone(), session.now.clone())));
        fx.push(Effect::Recovery { file: Box::new(session.file.clone()), sessions });
    }

    /// There is nothing to recover any more.
    pub(super) fn forget_recovery(&mut self, fx: &mut Effects) {
        // What was not answered for is asked about again the next time.
        if self.recovered.is_some() {
            return;
        }
        self.timers.recovery = None;
        if let Some(session) = &mut self.session {
            session.touched = false;
            fx.push(Effect::Recovery { file: Box::new(session.file.clone()), sessions: None });
        }
    }

    /// Leaves the program; what is not saved is asked about.
    pub(super) fn quit(&mut self, fx: &mut Effects) {
        self.windows.clear();
        if self.session.as_ref().is_some_and(SessionState::is_dirty) {
            let run = match (self.recording, self.is_training()) {
                (true, _) => " The run that is going on is kept and can be resumed.",
                (_, true) => " The training that is going on stops and keeps a checkpoint; it can go on from there.",
                _ => "",
            };
            self.open_window(Window::Question(Question {
                title: "Save before leaving?".to_owned(),
                text: format!("The session was changed.{run}"),
                answers: vec![
                    ('s', "save and leave", Answer::SaveAndQuit),
                    ('d', "leave without saving", Answer::Quit),
                    ('c', "stay", Answer::No),
                ],
            }));
            return;
        }
        if self.is_training() {
            self.open_window(Window::Question(Question {
                title: "Leave while a training goes on?".to_owned(),
                text: "It stops and keeps a checkpoint; it can go on from there in view 6 (c).".to_owned(),
                answers: vec![('c', "stay", Answer::No), ('y', "stop it and leave", Answer::Quit)],
            }));
            return;
        }
        if self.recording {
            self.open_window(Window::Question(Question {
                title: "Leave while a run is going on?".to_owned(),
                text: "What is answered is kept; the run can be resumed in view 6.".to_owned(),
                answers: vec![('y', "leave", Answer::Quit), ('c', "stay", Answer::No)],
            }));
            return;
        }
        self.forget_recovery(fx);
        self.leave(fx);
    }

    /// Leaves at once. Unsaved work is in its recovery file, a run in its folder.
    pub(super) fn leave(&mut self, fx: &mut Effects) {
        self.keep_recovery(fx);
        if let Some(ticket) = self.jobs.cancel() {
            fx.push(Effect::Cancel(ticket));
        }
        // A training still writes its checkpoint: the recorder ends it once the engine has.
        if self.recording {
            fx.push(Effect::EndRun(Err(crate::engine::EngineError::Cancelled)));
        }
        self.quitting = true;
        fx.push(Effect::Quit);
    }
}
