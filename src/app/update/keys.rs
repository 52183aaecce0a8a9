//! Keys: which action they mean where, and the actions that mean the same everywhere.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Effects, TWICE};
use crate::app::action::{Action, Context};
use crate::app::effect::Effect;
use crate::app::jobs::Purpose;
use crate::app::keymap::Chord;
use crate::app::queue::QueueKind;
use crate::app::state::App;
use crate::app::view::{Pane, View};
use crate::app::window::{Choice, Item, Picker, Window};
use crate::metrics::calibration::Method;

/// Actions that the palette leaves out: moving about, and typing.
fn is_plain(action: Action) -> bool {
    use Action::*;
    matches!(
        action,
        Up | Down
            | Left
            | Right
            | PageUp
            | PageDown
            | First
            | Last
            | Open
            | Back
            | Palette
            | WordLeft
            | WordRight
            | LineStart
            | LineEnd
            | SelectAll
            | Cut
            | Paste
            | DeleteBack
            | DeleteForward
            | DeleteWordBack
            | DeleteWordForward
            | DeleteToStart
            | DeleteToEnd
            | Enter
    )
}

impl App {
    /// Where keys are looked up now, innermost first.
    pub fn contexts(&self) -> Vec<Context> {
        match self.windows.last() {
            Some(Window::Picker(_)) => vec![Context::List, Context::Typing],
            Some(Window::Input(_)) => vec![Context::Typing],
            Some(_) => vec![Context::List, Context::Global],
            None if self.is_typing() => vec![Context::Typing],
            None => vec![self.pane().context(), Context::Global],
        }
    }

    pub(super) fn key(&mut self, key: KeyEvent, fx: &mut Effects) {
        let Some(chord) = Chord::from_event(&key) else { return };
        if self.window_key(chord, fx) {
            return;
        }
        let contexts = self.contexts();
        // Shift with a movement selects, wherever text is typed.
        let typing = contexts.contains(&Context::Typing);
        let select = typing && key.modifiers.contains(KeyModifiers::SHIFT) && !matches!(key.code, KeyCode::Char(_));
        let action = self.keymap.action(&contexts, chord).or_else(|| {
            let plain = Chord { modifiers: chord.modifiers.difference(KeyModifiers::SHIFT), ..chord };
            select.then(|| self.keymap.action(&contexts, plain)).flatten()
        });
        match (action, key.code) {
            (Some(action), _) => self.act(action, select, fx),
            (None, KeyCode::Char(c))
                if typing && !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) =>
            {
                self.type_text(&c.to_string(), fx);
            }
            _ => {}
        }
    }

    /// Does what an action means here.
    pub(super) fn act(&mut self, action: Action, select: bool, fx: &mut Effects) {
        if self.act_anywhere(action, fx) {
            return;
        }
        if !self.windows.is_empty() {
            self.act_in_window(action, select, fx);
        } else if !(self.is_typing() && self.act_typing(action, select, fx)) {
            match self.pane() {
                Pane::Template | Pane::System => self.act_in_template(action, fx),
                Pane::Demos => self.act_in_demos(action, fx),
                Pane::Row | Pane::Answer => self.act_in_row(action, fx),
                Pane::Probe => self.act_in_probe(action, fx),
                Pane::Report | Pane::Matrix => self.act_in_matrix(action, fx),
                Pane::Rows | Pane::Detail => self.act_in_rows(action, fx),
                Pane::Loss | Pane::Metrics | Pane::Events => self.act_in_training(action, fx),
                Pane::Respondent => self.act_on_respondent(action),
                Pane::Shares | Pane::Groups | Pane::Tally => self.act_in_survey(action, fx),
                Pane::Runs | Pane::Compare => self.act_in_runs(action, fx),
            }
        }
    }

    /// Actions that mean the same whatever is on the screen.
    fn act_anywhere(&mut self, action: Action, fx: &mut Effects) -> bool {
        match action {
            Action::ViewPrompt => self.show(View::Prompt),
            Action::ViewEvaluate => self.show(View::Evaluate),
            Action::ViewRows => self.show(View::Rows),
            Action::ViewTrain => self.show(View::Train),
            Action::ViewSimulate => self.show(View::Simulate),
            Action::ViewRuns => {
                self.show(View::Runs);
                self.list_runs(fx);
            }
            Action::NextPane | Action::PreviousPane if self.windows.is_empty() => {
                self.prompt.typing = false;
                let panes = self.panes();
                let at = panes.iter().position(|pane| *pane == self.pane()).unwrap_or(0);
                let step = if action == Action::NextPane { 1 } else { panes.len().saturating_sub(1) };
                if let Some(pane) = panes.get((at + step) % panes.len().max(1)) {
                    self.focus.insert(self.view, *pane);
                }
            }
            Action::Interrupt => self.interrupt(fx),
            Action::Suspend => fx.push(Effect::Suspend),
            Action::Redraw => fx.push(Effect::Redraw),
            Action::Save => self.save(false, fx),
            // The key that runs a split in the other views trains in this one.
            Action::RunSplit if self.view == View::Train => self.begin_training(None, fx),
            Action::RunSplit => self.run_split(fx),
            Action::Train => self.begin_training(None, fx),
            Action::Help if !matches!(self.windows.last(), Some(Window::Help { .. })) => {
                self.open_window(Window::Help { scroll: 0 });
            }
            Action::Palette if !matches!(self.windows.last(), Some(Window::Picker(_))) => self.palette(),
            _ => return self.act_over_views(action, fx),
        }
        true
    }

    /// Actions that mean the same in every view, as long as no window is open.
    fn act_over_views(&mut self, action: Action, fx: &mut Effects) -> bool {
        if !self.windows.is_empty() {
            return false;
        }
        match action {
            Action::Quit => self.quit(fx),
            Action::Back => self.back(fx),
            Action::SaveAs => self.ask_name(),
            Action::ChooseSplit => self.choose_split(),
            Action::ChooseLimit => self.choose_limit(),
            Action::Contextual => self.calibrate(Method::Contextual, fx),
            Action::Batch => self.calibrate(Method::Batch, fx),
            Action::Supervised => self.calibrate(Method::Supervised, fx),
            Action::Uncalibrated => self.calibrate(Method::None, fx),
            Action::Sweep => self.begin_queue(QueueKind::Sweep, fx),
            Action::Search => self.begin_queue(QueueKind::Search, fx),
            Action::ShowQueue => self.open_queue(),
            Action::Audit => self.audit(fx),
            Action::Undo if self.view == View::Rows => self.take_verdict_back(fx),
            Action::Models => self.choose_model(fx),
            Action::Columns => self.open_columns(fx),
            Action::Sessions => self.choose_session(fx),
            Action::Theme => {
                self.look.theme = (self.look.theme + 1) % self.look.themes.len().max(1);
                let name = self.look.themes.get(self.look.theme).cloned().unwrap_or_default();
                self.note(format!("theme: {name}"));
            }
            Action::Timeline => self.open_timeline(),
            Action::Accept => self.accept(fx),
            Action::NextToken => self.open_next(),
            Action::NextRow if self.has_row() => self.step_row(1),
            Action::PreviousRow if self.has_row() => self.step_row(-1),
            Action::GoToRow if self.has_row() => self.ask_row(),
            Action::RunRow if self.has_row() => self.answer_again(),
            Action::Probabilities => self.prompt.probabilities = !self.prompt.probabilities,
            Action::Flips => self.open_window(Window::Flips { selected: 0, offset: 0 }),
            Action::Strategy | Action::Draw | Action::MoreShots | Action::FewerShots => {
                self.act_in_demos(action, fx);
            }
            Action::Refresh => self.list_runs(fx),
            Action::Pause
            | Action::Stop
            | Action::Abort
            | Action::LearningRate
            | Action::Evaluate
            | Action::Matrix
            | Action::Overlay => self.steer_training(action, fx),
            _ => return false,
        }
        true
    }

    /// Whether the view shows the current row.
    fn has_row(&self) -> bool {
        matches!(self.view, View::Prompt | View::Simulate)
    }

    fn show(&mut self, view: View) {
        self.windows.clear();
        self.prompt.typing = false;
        self.view = view;
    }

    /// Shows a view with the focus on one of its panes.
    pub(super) fn go(&mut self, view: View, pane: Pane) {
        self.show(view);
        self.focus.insert(view, pane);
    }

    /// The command palette: what can be done here first.
    fn palette(&mut self) {
        let contexts = self.contexts();
        let key = |context: Context, action: Action| {
            self.keymap.chords(context, action).first().map(|chord| chord.show(self.look.ascii))
        };
        let here = |action: &Action| contexts.iter().find_map(|context| key(*context, *action));
        let items: Vec<Item> = Action::ALL
            .iter()
            .copied()
            .filter(|action| !is_plain(*action))
            .map(|action| {
                let place = Context::ALL.iter().find(|context| key(**context, action).is_some());
                let detail = here(&action).unwrap_or_else(|| match place {
                    Some(context) if *context != Context::Global => format!("in {}", context.title()),
                    _ => String::new(),
                });
                Item { title: action.long().to_owned(), detail, choice: Choice::Run(action) }
            })
            .collect();
        let (near, far): (Vec<Item>, Vec<Item>) = items.into_iter().partition(|item| !item.detail.starts_with("in "));
        self.open_window(Window::Picker(Picker::new("Commands", near.into_iter().chain(far).collect())));
    }

    /// Leaves what is innermost: typing, a message, a filter, a job.
    fn back(&mut self, fx: &mut Effects) {
        if std::mem::take(&mut self.prompt.typing) && self.view == View::Prompt {
            return;
        }
        if self.view == View::Train && self.train.cursor.take().is_some() {
            return;
        }
        if self.view == View::Simulate && self.leave_in_survey() {
            return;
        }
        if self.view == View::Rows && self.pane() == Pane::Detail {
            self.focus.insert(View::Rows, Pane::Rows);
            return;
        }
        if self.view == View::Rows && self.clear_filter() {
            return;
        }
        if self.view == View::Prompt && self.pane() == Pane::Demos && self.clear_demo_filter() {
            return;
        }
        if self.view == View::Prompt && self.prompt.visitor.take().is_some() {
            self.row_changed();
            return;
        }
        // A training is not ended in passing.
        if self.toasts.clear() || self.jobs.is_training() {
            return;
        }
        self.cancel_job(fx);
    }

    fn interrupt(&mut self, fx: &mut Effects) {
        if self.timers.interrupt.take().is_some_and(|until| until > self.now) {
            self.quit(fx);
            return;
        }
        self.timers.interrupt = Some(self.now + TWICE);
        let aside = self.rows.auditing || self.evaluate.baselines.fitting;
        if aside {
            fx.push(Effect::StopAside);
        }
        let told = if self.cancel_job(fx) || aside { "" } else { "nothing is running; " };
        self.note(format!("{told}Ctrl-C again leaves the program"));
    }

    /// Cancels what the engine does or a run that is being prepared; false if there is nothing.
    fn cancel_job(&mut self, fx: &mut Effects) -> bool {
        if self.opening.is_some() {
            fx.push(Effect::StopOpening);
            return true;
        }
        // One that waits for the engine too, but not before what it waits for.
        if self.jobs.is_training() || (self.train.live && self.jobs.running().is_none()) {
            self.ask_about_training();
            return true;
        }
        if self.evaluate.preparing.is_some() {
            fx.push(Effect::StopBeginning);
            return true;
        }
        let waiting = self.jobs.wants(Purpose::Run);
        // What waits for a template that can be rendered is no work yet.
        let any = self.jobs.running().is_some() || waiting;
        for purpose in [
            Purpose::Next,
            Purpose::Row,
            Purpose::WhatIf,
            Purpose::ProbeHead,
            Purpose::Stream,
            Purpose::ProbeRest,
            Purpose::Calibrate,
        ] {
            self.jobs.forget(purpose);
        }
        self.jobs.forget(Purpose::Run);
        match self.jobs.running().copied() {
            // A run that waits for more urgent work has no job to be cancelled.
            Some(job) if waiting && job.purpose != Purpose::Run => {
                fx.extend(self.jobs.cancel().map(Effect::Cancel));
                self.stop_run(fx);
            }
            Some(_) => fx.extend(self.jobs.cancel().map(Effect::Cancel)),
            None if waiting => self.stop_run(fx),
            None => {}
        }
        any
    }
}
