//! View 5: counting the shares of a simulated survey, and asking a respondent again with other values.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Effects, SIFT, lines, moved};
use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::jobs::Purpose;
use crate::app::run::Run;
use crate::app::sheet::Variable;
use crate::app::sift::{Filter, Only};
use crate::app::simulate::{Asked, SurveyRequest, WhatIf, WhatIfRequest, stepped};
use crate::app::state::App;
use crate::app::view::{Pane, View};
use crate::app::window;
use crate::session::simulation::Simulation;

/// Values that a page moves a variable by.
const PAGE: i64 = 10;

impl App {
    /// Whether the session that is open simulates a survey.
    pub fn simulates(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.now.simulate.is_some())
    }

    /// The variables of the respondent on the screen.
    pub fn variables(&self) -> &[Variable] {
        let sheet = self.prompt.sheet.as_ref().filter(|sheet| sheet.row == self.row());
        sheet.map(|sheet| sheet.variables.as_slice()).unwrap_or_default()
    }

    /// Actions on the respondent.
    pub(super) fn act_on_respondent(&mut self, action: Action) {
        let count = self.variables().len();
        let by = match action {
            Action::Up => return self.simulate.variable = moved(self.simulate.variable, -1, count),
            Action::Down => return self.simulate.variable = moved(self.simulate.variable, 1, count),
            Action::First => return self.simulate.variable = 0,
            Action::Last => return self.simulate.variable = count.saturating_sub(1),
            Action::Left => -1,
            Action::Right => 1,
            Action::PageUp => -PAGE,
            Action::PageDown => PAGE,
            Action::Value | Action::Open => return self.ask_value(),
            Action::Undo => return self.simulate.undo(),
            Action::Redo => return self.simulate.redo(),
            Action::Reset => return self.simulate.forget(),
            _ => return,
        };
        let Some(variable) = self.variables().get(self.simulate.variable).cloned() else { return };
        if let Some(value) = stepped(&variable, self.simulate.value(&variable), by) {
            self.simulate.set(&variable, value);
        }
    }

    /// A click on a line of a list of view 5; a second one opens it.
    pub(super) fn click_survey(&mut self, pane: Pane, line: usize, focused: bool, fx: &mut Effects) {
        let index = list_of(pane);
        let place = self.simulate.offset[index] + line;
        if place >= self.survey_lines(pane) {
            return;
        }
        if focused && self.simulate.selected[index] == place {
            self.act_in_survey(Action::Open, fx);
        } else {
            self.simulate.selected[index] = place;
        }
    }

    /// A click on a variable of the respondent.
    pub(super) fn click_respondent(&mut self, line: usize) {
        let place = self.simulate.scroll + line;
        if place < self.variables().len() {
            self.simulate.variable = place;
        }
    }

    /// Leaves what is innermost: a group, values by hand; false if there is nothing.
    pub(super) fn leave_in_survey(&mut self) -> bool {
        if self.simulate.group.take().is_some() {
            return true;
        }
        let changed = !self.simulate.changed.is_empty();
        if changed {
            self.simulate.forget();
        }
        changed
    }

    fn ask_value(&mut self) {
        let Some(variable) = self.variables().get(self.simulate.variable).cloned() else { return };
        let value = self.simulate.value(&variable).to_owned();
        let title = format!("{} of this respondent", variable.name);
        self.ask(window::Purpose::Value(variable), title, &value, "any text; the data stays as it is");
    }

    /// Actions on the figures.
    pub(super) fn act_in_survey(&mut self, action: Action, fx: &mut Effects) {
        let pane = self.pane();
        let place = list_of(pane);
        let page = self.areas.inner(pane).height.max(3) as isize - 2;
        let by = lines(action, page);
        if let Some(by) = by {
            let count = self.survey_lines(pane);
            if let Some(selected) = self.simulate.selected.get_mut(place) {
                *selected = moved(*selected, by, count);
            }
            return;
        }
        match action {
            Action::Weights => {
                let weights =
                    self.simulate.simulation().is_some_and(|figures| figures.overall.iter().any(|of| of.weighted));
                if weights {
                    self.simulate.unweighted = !self.simulate.unweighted;
                } else {
                    self.note("the session names no weights (data.weight)");
                }
            }
            Action::Missing => {
                let missing = self.simulate.simulation().is_some_and(|figures| !figures.missing.is_empty());
                if missing {
                    self.simulate.with_missing = !self.simulate.with_missing;
                } else {
                    self.note("no label of the session says nothing (data.missing)");
                }
            }
            Action::NextGrouping | Action::Right => self.next_grouping(1),
            Action::Left => self.next_grouping(-1),
            Action::Open if pane == Pane::Groups => self.choose_group(),
            Action::Open => self.open_survey_rows(pane),
            Action::Copy => {
                let text = self.simulate.simulation().map(crate::session::simulation::text::plain);
                if let Some(text) = text {
                    self.copy(text, fx);
                }
            }
            _ => {}
        }
    }

    /// Lines of a list of view 5.
    pub fn survey_lines(&self, pane: Pane) -> usize {
        let state = &self.simulate;
        match pane {
            Pane::Groups => state.grouping().map_or(0, |grouping| grouping.groups.len()),
            Pane::Tally => self.tally().len(),
            _ => state
                .simulation()
                .and_then(|simulation| state.distance(simulation))
                .map_or(0, |distance| distance.labels.len()),
        }
    }

    /// The simulated answers of the run on the screen with how often they came: as they were generated, or the labels.
    pub fn tally(&self) -> Vec<(String, usize)> {
        let generated = self.simulate.simulation().map(|simulation| simulation.answers.as_slice()).unwrap_or_default();
        if !generated.is_empty() {
            return generated.iter().map(|count| (count.answer.clone(), count.rows)).collect();
        }
        let Some(run) = &self.run else { return Vec::new() };
        let labels = run.confusion.labels().enumerate();
        let mut counts: Vec<(String, usize)> = labels
            .map(|(place, label)| {
                (label.to_owned(), usize::try_from(run.confusion.predicted(place)).unwrap_or(usize::MAX))
            })
            .filter(|(_, rows)| *rows > 0)
            .collect();
        counts.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        counts
    }

    fn next_grouping(&mut self, by: isize) {
        let count = self.simulate.simulation().map_or(0, |simulation| simulation.by.len());
        if count > 0 {
            let step = if by < 0 { count - 1 } else { 1 };
            self.simulate.by = (self.simulate.by + step) % count;
            (self.simulate.group, self.simulate.selected[1], self.simulate.offset[1]) = (None, 0, 0);
        }
    }

    /// Shares are told of the group at the cursor; of the one that they are told of already, its rows are shown.
    fn choose_group(&mut self) {
        let state = &self.simulate;
        let group = state.grouping().and_then(|grouping| grouping.groups.get(state.selected[1]));
        let Some(value) = group.map(|group| group.value.clone()) else { return };
        if state.group.as_ref() == Some(&value) {
            self.open_survey_rows(Pane::Groups);
        } else {
            self.simulate.group = Some(value);
        }
    }

    /// Shows the rows that the figure at the cursor was made of.
    fn open_survey_rows(&mut self, pane: Pane) {
        let state = &self.simulate;
        let Some(simulation) = state.simulation() else { return };
        let group = state.group.clone().zip(state.grouping());
        let distance = state.distance(simulation);
        let mut only = Only::default();
        if pane == Pane::Tally {
            let Some((answer, _)) = self.tally().into_iter().nth(state.selected[2]) else { return };
            if simulation.answers.is_empty() { only.predicted = Some(answer) } else { only.answer = Some(answer) }
        } else {
            only.group = group.map(|(value, grouping)| (grouping.column.clone(), value));
            if distance.is_some_and(|distance| distance.without_missing) {
                only.without.clone_from(&simulation.missing);
            }
            if pane == Pane::Shares {
                only.label = distance.and_then(|distance| distance.labels.get(state.selected[0]).cloned());
            }
        }
        let sort = &self.rows.filter;
        self.rows.filter = Filter { only: Some(only), sort: sort.sort, reverse: sort.reverse, ..Filter::default() };
        self.rows.selected = 0;
        self.go(View::Rows, Pane::Rows);
    }

    /// Asks for the figures of the run on the screen and of the marked one, if they are not those that were counted.
    pub(super) fn ask_survey(&mut self, fx: &mut Effects) {
        if self.view != View::Simulate {
            return;
        }
        let beside = self.runs.beside.as_deref();
        for (place, run) in [self.run.as_ref(), beside].into_iter().enumerate() {
            let request = run.and_then(|run| request(run, place == 1)).filter(|request| {
                let asked = self.simulate.counted.get(place).and_then(Option::as_ref);
                let same_run = asked.is_some_and(|(path, _)| *path == request.of.0);
                // Answers that come all the time are counted now and then.
                asked != Some(&request.of) && !(same_run && request.live && self.timers.survey.is_some())
            });
            let Some(request) = request else { continue };
            if request.live {
                self.timers.survey = Some(self.now + SIFT * 2);
            }
            // One after the other: what is asked for later is asked for again once this is counted.
            if self.simulate.counting {
                continue;
            }
            if let Some(counted) = self.simulate.counted.get_mut(place) {
                *counted = Some(request.of.clone());
            }
            self.simulate.counting = true;
            fx.push(Effect::Survey(Box::new(request)));
        }
    }

    /// The figures were counted.
    pub(super) fn surveyed(&mut self, of: (PathBuf, u64), beside: bool, figures: Option<Arc<Simulation>>) {
        self.simulate.counting = false;
        let figures = figures.map(|figures| (of.clone(), figures));
        // What belongs to a run that is no longer there is dropped.
        if beside && self.runs.beside.as_ref().is_some_and(|run| run.about.path == of.0) {
            self.simulate.beside = figures;
        } else if !beside && self.run.as_ref().is_some_and(|run| run.about.path == of.0) {
            self.simulate.figures = figures;
        }
    }

    /// Forgets what belongs to a run or a respondent that is no longer on the screen, and asks for what is on it.
    pub(super) fn ask_what_if(&mut self, fx: &mut Effects) {
        let path = self.run.as_ref().map(|run| &run.about.path);
        if self.simulate.figures.as_ref().is_some_and(|((of, _), _)| Some(of) != path) {
            (self.simulate.figures, self.simulate.group) = (None, None);
        }
        let beside = self.runs.beside.as_ref().map(|run| &run.about.path);
        if self.simulate.beside.as_ref().is_some_and(|((of, _), _)| Some(of) != beside) {
            self.simulate.beside = None;
        }
        if self.simulate.changed_row != self.row() {
            self.simulate.changed_row = self.row();
            self.simulate.forget();
        }
        let (Some(row), Some(model)) = (self.row(), self.model().cloned()) else { return };
        if self.view != View::Simulate || self.simulate.changed.is_empty() {
            return;
        }
        let asked: Asked = (self.prompt.edit, row, self.simulate.changed.clone());
        if self.simulate.what_if.asked.as_ref() == Some(&asked) {
            return;
        }
        let (Some(prepared), Some(prompt)) = (self.prepared(), self.spec()) else { return };
        let request =
            WhatIfRequest { asked: asked.clone(), prepared: Arc::clone(prepared), prompt: prompt.clone(), model };
        // The last answer stays until the next one is there, so that bars move and do not blink.
        let what_if = &mut self.simulate.what_if;
        *what_if = WhatIf { asked: Some(asked), logprobs: std::mem::take(&mut what_if.logprobs), ..WhatIf::default() };
        fx.push(Effect::WhatIf(Box::new(request)));
    }

    /// The prompt of a respondent with other values is written.
    pub(super) fn what_if_written(&mut self, asked: &Asked, prompt: Result<String, String>, fx: &mut Effects) {
        let what_if = &mut self.simulate.what_if;
        if what_if.asked.as_ref() != Some(asked) {
            return;
        }
        match prompt {
            Ok(prompt) => {
                what_if.prompt = Some(prompt);
                if self.jobs.is_running(Purpose::WhatIf) {
                    fx.extend(self.jobs.cancel().map(Effect::Cancel));
                }
                self.jobs.want(Purpose::WhatIf);
            }
            Err(error) => what_if.error = Some(error),
        }
    }

    /// Tells what is in the columns of the data.
    pub(super) fn open_columns(&mut self, fx: &mut Effects) {
        match self.prepared() {
            Some(prepared) => {
                let session = self.session.as_ref().map(|session| session.now.clone());
                let prepared = session.map_or(Arc::clone(prepared), |session| Arc::new(prepared.with_session(session)));
                fx.push(Effect::Describe(prepared));
            }
            None => self.note("the data is not there yet"),
        }
    }
}

/// The place of a list of view 5 among what is kept of its lists.
fn list_of(pane: Pane) -> usize {
    match pane {
        Pane::Groups => 1,
        Pane::Tally => 2,
        _ => 0,
    }
}

/// What is to be counted of a run; nothing of one that is no simulated survey.
fn request(run: &Run, beside: bool) -> Option<SurveyRequest> {
    let prepared = run.about.prepared.as_ref().filter(|prepared| prepared.session.simulate.is_some())?;
    if run.rows.is_empty() {
        return None;
    }
    // What a finished run tells in the end is more than while it went on.
    let revision = run.revision * 2 + u64::from(run.is_live());
    Some(SurveyRequest {
        of: (run.about.path.clone(), revision),
        beside,
        rows: run.rows.clone(),
        prepared: Arc::clone(prepared),
        live: run.is_live(),
    })
}
