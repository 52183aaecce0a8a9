//! The prompt view: the current row, its answer, and what every change of the prompt sets off.

use std::sync::Arc;

use super::{Effects, QUIET, RECOVERY};
use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::jobs::Purpose;
use crate::app::sheet::{Problem, RenderRequest, Sheet};
use crate::app::state::{App, ModelState};
use crate::app::view::Pane;
use crate::app::views::{Answer, Place};
use crate::app::window::{self, Window};
use crate::engine::command::Method;

impl App {
    /// The prompt is another one: what was rendered and answered for the last one is stale.
    pub(super) fn prompt_changed(&mut self, fx: &mut Effects) {
        self.prompt.edit += 1;
        self.prompt.version = None;
        for purpose in [Purpose::Row, Purpose::ProbeHead, Purpose::Stream, Purpose::ProbeRest] {
            self.jobs.forget(purpose);
        }
        let stale = self.jobs.running().is_some_and(|job| {
            matches!(job.purpose, Purpose::Row | Purpose::ProbeHead | Purpose::Stream | Purpose::ProbeRest)
        });
        if stale {
            fx.extend(self.jobs.cancel().map(Effect::Cancel));
        }
        self.timers.quiet = Some(self.now + QUIET);
        self.touched();
    }

    /// Something of the session was changed that a kill must not lose.
    pub(super) fn touched(&mut self) {
        if let Some(session) = &mut self.session {
            session.touched = true;
            self.timers.recovery.get_or_insert(self.now + RECOVERY);
        }
    }

    /// Another row is looked at.
    pub(super) fn row_changed(&mut self) {
        self.prompt.row_scroll = 0;
        self.timers.quiet.get_or_insert(self.now + QUIET / 2);
    }

    /// The quiet after an edit or after going to another row is over: time to answer.
    pub(super) fn quiet(&mut self, fx: &mut Effects) {
        let by_score = self.session.as_ref().is_some_and(|session| session.now.decode.method == Method::Score);
        let probed = self.prompt.probe.edit == self.prompt.edit
            && (self.prompt.probe.done() > 0 || self.jobs.is_running(Purpose::ProbeHead));
        if !probed && !self.prompt.probe.rows.is_empty() {
            self.jobs.want(Purpose::ProbeHead);
        }
        // The current row may be on its way already, with the probe's first rows.
        let riding = self.jobs.is_running(Purpose::ProbeHead)
            && self.prompt.batch.contains(&Place::Row)
            && self.prompt.answer.of == self.row().map(|row| (row, self.prompt.edit));
        if (probed && !riding) || !by_score || self.prompt.probe.rows.is_empty() {
            self.jobs.want(Purpose::Row);
        }
        self.jobs.want(Purpose::Stream);
        if self.jobs.is_running(Purpose::Stream) {
            fx.extend(self.jobs.cancel().map(Effect::Cancel));
        }
    }

    /// Answers the row again, whatever is there already.
    pub(super) fn answer_again(&mut self) {
        self.prompt.answer = Answer::default();
        self.jobs.want(Purpose::Row);
        self.jobs.want(Purpose::Stream);
        match self.model {
            _ if self.jobs.is_training() => self.note("a training goes on: the answer waits for its end"),
            ModelState::Ready(_) => {}
            // Trying again is what the key is for.
            ModelState::Failed(_) => self.load_model(),
            _ => self.note("the model is not there yet: the answer comes once it is"),
        }
    }

    /// Goes `by` rows on in the split.
    pub(super) fn step_row(&mut self, by: isize) {
        let Some(prepared) = self.prepared() else { return };
        let len = prepared.data.split(self.prompt.split).len();
        let at = super::moved(self.prompt.at, by, len);
        if at != self.prompt.at || self.prompt.visitor.is_some() {
            self.prompt.at = at;
            self.prompt.visitor = None;
            self.row_changed();
        }
    }

    /// Shows a row of the data, wherever it is.
    pub(super) fn visit(&mut self, row: usize) {
        let Some(prepared) = self.prepared() else { return };
        let place = prepared.data.split(self.prompt.split).iter().position(|other| *other == row);
        match place {
            Some(place) => (self.prompt.at, self.prompt.visitor) = (place, None),
            None => self.prompt.visitor = Some(row),
        }
        self.row_changed();
    }

    pub(super) fn ask_row(&mut self) {
        self.ask(window::Purpose::GoToRow, "Go to row", "", "the row's number in the data file, from 0");
    }

    /// Actions in the panes of the row and its answer.
    pub(super) fn act_in_row(&mut self, action: Action, fx: &mut Effects) {
        let page = self.areas.inner(self.pane()).height.max(2) as isize - 1;
        let scroll = |by: isize, at: usize| at.saturating_add_signed(by);
        match action {
            Action::Up => self.prompt.row_scroll = scroll(-1, self.prompt.row_scroll),
            Action::Down => self.prompt.row_scroll = scroll(1, self.prompt.row_scroll),
            Action::PageUp => self.prompt.row_scroll = scroll(-page, self.prompt.row_scroll),
            Action::PageDown => self.prompt.row_scroll = scroll(page, self.prompt.row_scroll),
            Action::Left => self.step_row(-1),
            Action::Right => self.step_row(1),
            Action::First => self.step_row(isize::MIN),
            Action::Last => self.step_row(isize::MAX),
            Action::Open => self.answer_again(),
            Action::Fold => self.prompt.folded = !self.prompt.folded,
            Action::Edit => self.focus_template(),
            Action::UseAsDemo => {
                if let Some(row) = self.row() {
                    self.use_as_demo(row, fx);
                }
            }
            Action::Copy => {
                let answer = self.pane() == Pane::Answer;
                let text = if answer { Some(self.prompt.answer.text()) } else { None };
                let prompt = || self.prompt.sheet.as_ref().map(|sheet| sheet.text.clone());
                if let Some(text) = text.or_else(prompt) {
                    self.copy(text, fx);
                }
            }
            _ => {}
        }
    }

    fn focus_template(&mut self) {
        self.focus.insert(self.view, Pane::Template);
        self.prompt.typing = true;
    }

    /// Actions in the pane of the probe.
    pub(super) fn act_in_probe(&mut self, action: Action, fx: &mut Effects) {
        match action {
            Action::Open => self.open_window(Window::Flips { selected: 0, offset: 0 }),
            Action::Edit => self.focus_template(),
            Action::Left => self.walk(-1, fx),
            Action::Right => self.walk(1, fx),
            _ => {}
        }
    }

    /// Asks for what the screen shows to be rendered, if it is not what was rendered last.
    pub(super) fn ask_render(&mut self, fx: &mut Effects) {
        let (Some(prepared), Some(prompt)) = (self.prepared(), self.spec()) else { return };
        let model = self.model().cloned();
        let request = RenderRequest {
            edit: self.prompt.edit,
            prepared: Arc::clone(prepared),
            prompt: prompt.clone(),
            row: self.row(),
            probe: self.prompt.probe.rows.clone(),
            measure: self.unmeasured(),
            model,
        };
        let wanted = (request.edit, request.row, request.model.is_some());
        let known = self.prompt.rendered == Some(wanted) && request.measure.is_empty();
        if known || self.prompt.asked.as_ref() == Some(&(wanted, request.measure.clone())) {
            return;
        }
        self.prompt.asked = Some((wanted, request.measure.clone()));
        fx.extend(self.prompt.rendering.ask(request).map(|request| Effect::Render(Box::new(request))));
    }

    /// Rows of the list of demonstrations on the screen that were not measured yet.
    fn unmeasured(&self) -> Vec<usize> {
        let demos = &self.prompt.demos;
        if self.model().is_none() || self.prompt.problem.is_some() {
            return Vec::new();
        }
        let lines = usize::from(self.areas.inner(Pane::Demos).height);
        let visible = demos.list.iter().skip(demos.offset).take(lines);
        visible.copied().filter(|row| !demos.tokens.contains_key(row)).collect()
    }

    /// The prompt was rendered, or could not be.
    pub(super) fn rendered(&mut self, edit: u64, row: Option<usize>, sheet: Result<Sheet, Problem>, fx: &mut Effects) {
        // What was rendered for a session that was open before is nobody's any more.
        if edit < self.prompt.since {
            return;
        }
        let next = self.prompt.rendering.done();
        fx.extend(next.map(|request| Effect::Render(Box::new(request))));
        let with_model = self.prompt.asked.as_ref().is_some_and(|((_, _, model), _)| *model);
        self.prompt.rendered = Some((edit, row, with_model));
        let sheet = match sheet {
            Ok(sheet) => sheet,
            Err(problem) => {
                if edit == self.prompt.edit {
                    self.prompt.problem = Some(problem);
                }
                return;
            }
        };
        if edit == self.prompt.edit {
            self.prompt.problem = None;
        }
        let demos = &mut self.prompt.demos;
        let known = sheet.measured.iter().copied();
        demos.tokens.extend(known);
        if demos.shown != sheet.demos {
            demos.shown.clone_from(&sheet.demos);
            self.fill_demos();
        }
        self.prompt.sheet = Some(Arc::new(sheet));
    }

    /// Whether the rendered sheet is that of the prompt and the row on the screen.
    pub(super) fn sheet_now(&self) -> Option<&Arc<Sheet>> {
        let sheet = self.prompt.sheet.as_ref()?;
        (sheet.edit == self.prompt.edit
            && sheet.row == self.row()
            && !sheet.without_chat
            && self.prompt.problem.is_none())
        .then_some(sheet)
    }
}
