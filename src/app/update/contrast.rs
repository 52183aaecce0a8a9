//! Two runs beside each other: asked for, listed by outcome, copied, written out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Effects;
use crate::app::action::Action;
use crate::app::contrast::{Contrast, Pair};
use crate::app::effect::Effect;
use crate::app::sift::Filter;
use crate::app::state::App;
use crate::app::view::{Pane, View};
use crate::app::window::{Choice, Item, Picker, Window};
use crate::session::comparison::Outcome;
use crate::session::runs::RunEntry;

impl App {
    /// The marked run and the one under the cursor, where these are two.
    pub fn contrasted(&self) -> Option<(&RunEntry, &RunEntry)> {
        let (b, path) = (self.run_entry()?, self.runs.marked.as_ref()?);
        let a = self.runs.entries.iter().find(|entry| entry.path == *path)?;
        (a.path != b.path).then_some((a, b))
    }

    /// Asks for the comparison of the marked run with the one under the cursor, if it is not the one asked for last.
    pub(super) fn ask_contrast(&mut self, fx: &mut Effects) {
        if self.view != View::Runs {
            return;
        }
        let pair = self.contrasted().and_then(|(a, b)| {
            let (of_a, of_b) = (a.facts.as_ref().ok()?, b.facts.as_ref().ok()?);
            let stands = [of_a, of_b].map(|facts| (facts.done, facts.status));
            Some(Pair { a: a.path.clone(), b: b.path.clone(), stands })
        });
        let state = &mut self.runs.contrast;
        if state.asked == pair {
            return;
        }
        let paths = |pair: &Option<Pair>| pair.as_ref().map(|pair| (pair.a.clone(), pair.b.clone()));
        // Of two that have gone on, the figures of before stay until there are new ones.
        if paths(&state.asked) != paths(&pair) {
            state.found = None;
        }
        state.number += 1;
        state.done = 0;
        state.asked.clone_from(&pair);
        fx.push(match pair {
            Some(pair) => Effect::Contrast { number: state.number, pair },
            None => Effect::StopContrast,
        });
    }

    /// Two runs were compared, as far as `found` says.
    pub(super) fn runs_contrasted(&mut self, number: u64, found: Result<Contrast, String>) {
        let state = &mut self.runs.contrast;
        if number == state.number && state.asked.is_some() {
            state.found = Some(found.map(Arc::new));
        }
    }

    /// So many resamples are done.
    pub(super) fn resampled(&mut self, number: u64, done: usize) {
        if number == self.runs.contrast.number {
            self.runs.contrast.done = done;
        }
    }

    /// Moves the selected outcome, or what is below it; true where that is what the action means.
    pub(super) fn move_in_contrast(&mut self, by: isize) -> bool {
        let (state, scroll) = (&mut self.runs.contrast, &mut self.runs.scroll);
        let last = match state.outcomes().len() {
            0 => return false,
            count => count - 1,
        };
        state.selected = state.selected.min(last);
        match by {
            isize::MIN => (state.selected, *scroll) = (0, 0),
            1 if state.selected < last => state.selected += 1,
            -1 if *scroll == 0 => state.selected = state.selected.saturating_sub(1),
            _ => return false,
        }
        true
    }

    /// Actions on the comparison; true where there is one and that is what the action is about.
    pub(super) fn act_on_contrast(&mut self, action: Action, fx: &mut Effects) -> bool {
        let Some(pair) = self.runs.contrast.asked.clone() else { return false };
        match action {
            Action::Open => match self.runs.contrast.outcome() {
                Some(outcome) => self.open_outcome(&pair.b, outcome, fx),
                None => self.note("these two cannot be compared, so there are no rows to list"),
            },
            Action::ExportComparison | Action::Copy => {
                let Some(contrast) = self.runs.contrast.contrast() else {
                    self.note("there is no comparison yet");
                    return true;
                };
                let Some([text, json]) = contrast.written.clone() else {
                    self.note("the intervals are still being computed");
                    return true;
                };
                if action == Action::Copy {
                    self.copy(text, fx);
                    return true;
                }
                let Some(home) = self.session.as_ref().map(|session| session.file.home().to_owned()) else {
                    return true;
                };
                let item = |title: &str, ending: &str, text: String| Item {
                    title: title.to_owned(),
                    detail: String::new(),
                    choice: Choice::ExportComparison(home.join(file_name(&pair, ending)), text),
                };
                let items = vec![
                    item("Text: what `shotglass compare` prints", "txt", text),
                    item("JSON: all figures", "json", json),
                ];
                self.open_window(Window::Picker(Picker::new("Export this comparison as", items)));
            }
            _ => return false,
        }
        true
    }

    /// A click on a line of the comparison; a second one opens it.
    pub(super) fn click_contrast(&mut self, line: usize, focused: bool, fx: &mut Effects) {
        if line >= self.runs.contrast.outcomes().len() {
            return;
        }
        if focused && self.runs.contrast.selected == line {
            self.act_on_contrast(Action::Open, fx);
        } else {
            self.runs.contrast.selected = line;
        }
    }

    /// Lists the rows of an outcome: those of B, with what A answered beside them.
    fn open_outcome(&mut self, b: &Path, outcome: Outcome, fx: &mut Effects) {
        if self.run.as_ref().is_some_and(|run| run.about.path == b) {
            return self.list_outcome(outcome);
        }
        if self.recording {
            return self.note("a run is going on and is shown in views 2 and 3: stop it first (Ctrl-C)");
        }
        self.runs.contrast.wanted = Some((b.to_owned(), outcome));
        let (path, near) = (b.to_owned(), self.prepared().cloned());
        fx.push(match self.runs.trainings.contains(b) {
            true => Effect::LoadEvaluation { path, near },
            false => Effect::LoadRun { path, near, beside: false },
        });
    }

    /// Shows the rows of an outcome in view 3, of the run on the screen.
    pub(super) fn list_outcome(&mut self, outcome: Outcome) {
        let filter = &self.rows.filter;
        self.rows.filter =
            Filter { outcome: Some(outcome), sort: filter.sort, reverse: filter.reverse, ..Filter::default() };
        (self.rows.selected, self.rows.offset) = (0, 0);
        self.go(View::Rows, Pane::Rows);
    }
}

/// What the file of a comparison is called.
fn file_name(pair: &Pair, ending: &str) -> PathBuf {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    PathBuf::from(format!("compare-{}-{}.{ending}", name(&pair.a), name(&pair.b)))
}
