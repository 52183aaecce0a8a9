//! Windows: what keys mean in them, and what comes of them.

use std::collections::BTreeSet;

use crossterm::event::{KeyCode, KeyModifiers};

use super::{Effects, lines, moved};
use crate::app::action::Action;
use crate::app::effect::{Effect, Steer};
use crate::app::jobs;
use crate::app::keymap::Chord;
use crate::app::state::{App, SessionState};
use crate::app::window::{Answer, Choice, Free, Picker, Purpose, Window, model_item, session_item};
use crate::data::Split;
use crate::model::locate::CachedModel;
use crate::session::home::SessionEntry;
use crate::session::overlay::{MOST_NOTE, MOST_TAG};

impl App {
    /// Keys that a window takes as they are; false leaves the key to the keymap.
    pub(super) fn window_key(&mut self, chord: Chord, fx: &mut Effects) -> bool {
        match self.windows.last() {
            Some(Window::Welcome) => {
                self.windows.pop();
                fx.push(Effect::Welcomed);
                // The key that closes it does what it always does, but for those that only close.
                matches!(chord.code, KeyCode::Enter | KeyCode::Esc | KeyCode::Char(' '))
            }
            // Chords with Ctrl and Alt are no letters; what they mean everywhere they mean here too.
            Some(Window::Question(_)) if chord.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => false,
            Some(Window::Question(question)) => {
                let answer = match chord.code {
                    KeyCode::Enter => question.answers.first(),
                    KeyCode::Esc => question.answers.iter().find(|(_, _, answer)| *answer == Answer::No),
                    KeyCode::Char(c) => question.answers.iter().find(|(key, _, _)| key.eq_ignore_ascii_case(&c)),
                    _ => return true,
                };
                let answer = answer.map(|(_, _, answer)| answer.clone());
                match (answer, chord.code) {
                    (Some(answer), _) => {
                        self.windows.pop();
                        self.answer(answer, fx);
                    }
                    // Leaving a question without saying no leaves it to be asked again.
                    (None, KeyCode::Esc) => {
                        self.windows.pop();
                    }
                    _ => {}
                }
                true
            }
            _ => false,
        }
    }

    /// Does what an answer says.
    pub(super) fn answer(&mut self, answer: Answer, fx: &mut Effects) {
        match answer {
            Answer::SaveAndQuit | Answer::SaveAndOpen(_) => {
                let dirty = self.session.as_ref().is_some_and(SessionState::is_dirty);
                self.after_save = Some(answer);
                // It may have been saved while the question was open.
                if dirty { self.save(false, fx) } else { self.saved_then(fx) }
            }
            Answer::Quit => {
                self.forget_recovery(fx);
                self.leave(fx);
            }
            Answer::Open(name) => self.open(name, fx),
            Answer::Recover => {
                if let Some(recovered) = self.recovered.take() {
                    let model = recovered.model.clone();
                    self.set_prompt(recovered.prompt, fx);
                    if self.session.as_ref().is_some_and(|session| session.now.model != model) {
                        self.set_model(model.source, fx);
                    }
                }
            }
            Answer::Discard => {
                self.recovered = None;
                self.forget_recovery(fx);
            }
            Answer::Overwrite => self.save(true, fx),
            Answer::Delete(path) => fx.push(Effect::DeleteRun(path)),
            Answer::OpenRun(path) => self.open_run(path, fx),
            Answer::TakePrompt(path) => fx.push(Effect::TakePrompt(path)),
            Answer::RunTest => {
                self.evaluate.test_allowed = true;
                self.run_split(fx);
            }
            Answer::StopTraining => self.steer_training(Action::Stop, fx),
            Answer::AbortTraining => self.abort_training(fx),
            Answer::No => self.after_save = None,
        }
    }

    /// Actions while a window is on top.
    pub(super) fn act_in_window(&mut self, action: Action, select: bool, fx: &mut Effects) {
        let page = self.areas.list.map_or(10, |list| list.height.max(2)) as isize - 1;
        let by = lines(action, page);
        if action == Action::Back {
            self.close_window(fx);
            return;
        }
        if matches!(self.windows.last(), Some(Window::Queue { .. })) {
            return self.act_in_queue(action, by, fx);
        }
        let versions = self.prompt.versions.len();
        let rows = self.prompt.probe.rows.len();
        match self.windows.last_mut() {
            Some(Window::Picker(picker)) => {
                // In a list that is filtered by typing, Home and End belong to what is typed.
                let by = by.filter(|by| by.unsigned_abs() < isize::MAX as usize);
                if let Some(by) = by {
                    picker.selected = moved(picker.selected, by, picker.hits.len());
                } else if matches!(action, Action::Open | Action::Enter) {
                    self.pick(fx);
                } else {
                    self.act_typing_in_window(action, select, fx);
                }
            }
            Some(Window::Input(_)) => {
                if matches!(action, Action::Open | Action::Enter) {
                    self.submit(fx);
                } else {
                    self.act_typing_in_window(action, select, fx);
                }
            }
            Some(Window::Help { scroll }) => match by {
                // The layout knows where the end is.
                Some(by) => *scroll = scroll.saturating_add_signed(by),
                None if matches!(action, Action::Help | Action::Quit | Action::Open) => self.close_window(fx),
                None => {}
            },
            Some(Window::Text { scroll, .. }) => match by {
                Some(by) => *scroll = scroll.saturating_add_signed(by),
                None if matches!(action, Action::Columns | Action::Quit | Action::Open) => self.close_window(fx),
                None => {}
            },
            Some(Window::Next(_)) if matches!(action, Action::NextToken | Action::Quit | Action::Open) => {
                self.close_window(fx);
            }
            Some(Window::Timeline { selected, .. }) => match (by, action) {
                // The newest stands on top.
                (Some(by), _) => *selected = moved(*selected, by.saturating_neg(), versions),
                (None, Action::Open) => {
                    let selected = *selected;
                    self.windows.pop();
                    self.restore(selected, fx);
                }
                (None, Action::Timeline | Action::Quit) => self.close_window(fx),
                _ => {}
            },
            Some(Window::Flips { selected, .. }) => match (by, action) {
                (Some(by), _) => *selected = moved(*selected, by, rows),
                (None, Action::Open) => {
                    let row = self.prompt.probe.order().get(*selected).copied();
                    let row = row.and_then(|place| self.prompt.probe.rows.get(place).copied());
                    self.windows.pop();
                    if let Some(row) = row {
                        self.visit(row);
                    }
                }
                (None, Action::Flips | Action::Quit) => self.close_window(fx),
                _ => {}
            },
            _ => {}
        }
    }

    /// Closes the topmost window.
    pub(super) fn close_window(&mut self, fx: &mut Effects) {
        match self.windows.pop() {
            Some(Window::Next(_)) => {
                self.jobs.forget(jobs::Purpose::Next);
                if self.jobs.is_running(jobs::Purpose::Next) {
                    fx.extend(self.jobs.cancel().map(Effect::Cancel));
                }
            }
            // A pattern that is none goes with the window.
            Some(Window::Input(input)) if input.purpose == Purpose::FilterRows && self.rows.error.take().is_some() => {
                self.rows.filter.query.clear();
            }
            _ => {}
        }
    }

    /// The line of input was changed: filters show what they would do at once.
    pub(super) fn input_changed(&mut self, fx: &mut Effects) {
        let Some(Window::Input(input)) = self.windows.last() else { return };
        let text = input.editor.text().to_owned();
        match input.purpose {
            Purpose::FilterRows => {
                self.rows.filter.query = text;
                (self.rows.selected, self.rows.offset) = (0, 0);
            }
            Purpose::FilterDemos => {
                self.prompt.demos.filter.reset(&text);
                self.filter_demos(fx);
            }
            _ => {}
        }
    }

    /// The line of input is done.
    fn submit(&mut self, fx: &mut Effects) {
        let Some(Window::Input(input)) = self.windows.last() else { return };
        let text = input.editor.text().trim().to_owned();
        let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let wrong = |app: &mut Self, message: String| {
            if let Some(Window::Input(input)) = app.windows.last_mut() {
                input.error = Some(message);
            }
        };
        match input.purpose.clone() {
            Purpose::GoToRow => {
                let row: Result<usize, _> = text.parse();
                let count = self.prepared().map_or(0, |prepared| prepared.data.len());
                match row {
                    Ok(row) if row < count => self.visit(row),
                    _ => return wrong(self, format!("a number from 0 to {}", count.saturating_sub(1))),
                }
            }
            Purpose::Limit => match text.parse::<usize>() {
                _ if text.is_empty() => self.evaluate.limit = None,
                Ok(limit) if limit > 0 => self.evaluate.limit = Some(limit),
                _ => return wrong(self, "a number from 1 up, or nothing for all".to_owned()),
            },
            Purpose::FindText => {
                self.prompt.sought.clone_from(&text);
                self.windows.pop();
                return self.find_next();
            }
            Purpose::FilterRows | Purpose::FilterDemos => {
                if let Some(error) = self.rows.error.clone() {
                    return wrong(self, error);
                }
            }
            Purpose::Tag(_) if text.chars().count() > MOST_TAG => {
                return wrong(self, format!("{MOST_TAG} characters at most"));
            }
            Purpose::Note(_) if text.chars().count() > MOST_NOTE => {
                return wrong(self, format!("{MOST_NOTE} characters at most"));
            }
            Purpose::Tag(row) => self.mark(row, fx, |mark| mark.tag = optional(&text)),
            Purpose::Note(row) => self.mark(row, fx, |mark| mark.note = optional(&text)),
            Purpose::Rename(path) => fx.push(Effect::RenameRun(path, text)),
            Purpose::Value(variable) => self.simulate.set(&variable, text),
            Purpose::LearningRate => match text.parse::<f64>() {
                Ok(rate) if rate > 0.0 && rate < 1.0 => self.steer(Steer::LearningRate(rate), fx),
                _ => return wrong(self, "a number between 0 and 1, as 2e-5".to_owned()),
            },
            Purpose::SaveAs if text.is_empty() => return wrong(self, "a name is needed".to_owned()),
            Purpose::SaveAs => self.save_as(text, fx),
        }
        self.windows.pop();
    }

    /// The item under the cursor is picked, or what is typed where nothing fits.
    pub(super) fn pick(&mut self, fx: &mut Effects) {
        let Some(Window::Picker(picker)) = self.windows.last() else { return };
        let typed = picker.input.text().trim().to_owned();
        let choice = match (picker.current(), picker.free) {
            (Some(item), _) => item.choice.clone(),
            (None, Some(Free::Model)) if !typed.is_empty() => Choice::Model(typed),
            (None, Some(Free::Session)) if !typed.is_empty() => Choice::Session(typed),
            _ => return,
        };
        self.windows.pop();
        match choice {
            Choice::Run(action) => self.act(action, false, fx),
            Choice::Model(source) => self.set_model(source, fx),
            Choice::Session(name) => self.open_session(name, fx),
            Choice::Split(split) => {
                self.evaluate.split = split;
                if split != Split::Test {
                    self.prompt.split = split;
                    (self.prompt.at, self.prompt.visitor) = (0, None);
                    self.row_changed();
                }
            }
            Choice::Export(path, format) => fx.push(Effect::ExportRun(path, format)),
            Choice::ExportComparison(path, text) => fx.push(Effect::WriteComparison(path, text)),
            Choice::Overlay(path) => self.toggle_overlay(path, fx),
        }
    }

    /// The picker of models.
    pub(super) fn choose_model(&mut self, fx: &mut Effects) {
        let mut picker = Picker::new("Model: one that is here, or type a hub id, a folder or a .gguf file", Vec::new());
        (picker.loading, picker.free) = (true, Some(Free::Model));
        self.open_window(Window::Picker(picker));
        fx.push(Effect::ListModels);
    }

    /// The picker of sessions.
    pub(super) fn choose_session(&mut self, fx: &mut Effects) {
        let mut picker = Picker::new("Session: one of these, or type the path of a file", Vec::new());
        (picker.loading, picker.free) = (true, Some(Free::Session));
        self.open_window(Window::Picker(picker));
        fx.push(Effect::ListSessions(self.session.as_ref().map(|session| Box::new(session.file.clone()))));
    }

    pub(super) fn models_listed(&mut self, models: Result<Vec<CachedModel>, String>) {
        let models = models.unwrap_or_else(|error| {
            self.complain(error);
            Vec::new()
        });
        self.fill_picker(Free::Model, models.iter().map(model_item).collect());
    }

    pub(super) fn sessions_listed(&mut self, sessions: &[SessionEntry]) {
        self.fill_picker(Free::Session, sessions.iter().map(session_item).collect());
    }

    fn fill_picker(&mut self, of: Free, items: Vec<crate::app::window::Item>) {
        if let Some(Window::Picker(picker)) = self.windows.last_mut()
            && picker.free == Some(of)
        {
            picker.loading = false;
            let mut seen = BTreeSet::new();
            picker.items = items.into_iter().filter(|item| seen.insert(item.title.clone())).collect();
            picker.filter();
        }
    }
}
