//! The rows of a run: listed, looked at, marked.

use std::path::Path;
use std::sync::Arc;

use super::{Effects, SIFT, lines, moved};
use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::sift::{Filter, SiftRequest, Sifted};
use crate::app::state::App;
use crate::app::view::{Pane, View};
use crate::app::window::Purpose;
use crate::session::overlay::Mark;

impl App {
    /// Actions in the table and in the detail.
    pub(super) fn act_in_rows(&mut self, action: Action, fx: &mut Effects) {
        let page = self.areas.inner(Pane::Rows).height.max(3) as isize - 2;
        let in_detail = self.pane() == Pane::Detail;
        let by = lines(action, page);
        if let Some(by) = by {
            if in_detail {
                self.rows.scroll =
                    if by == isize::MAX { self.rows.scroll } else { self.rows.scroll.saturating_add_signed(by) };
            } else {
                self.rows.selected = moved(self.rows.selected, by, self.rows.listed.len());
            }
            return;
        }
        let row = self.table_row().map(|prediction| prediction.row);
        let filter = &mut self.rows.filter;
        match action {
            Action::Sort => filter.sort = filter.sort.next(),
            Action::Reverse => filter.reverse = !filter.reverse,
            Action::Show => filter.show = filter.show.next(self.runs.beside.is_some()),
            Action::Find => {
                let query = filter.query.clone();
                self.ask(
                    Purpose::FilterRows,
                    "Filter",
                    &query,
                    "words that are all in the text, or /a regular expression/",
                );
            }
            Action::Open if in_detail => self.go(View::Rows, Pane::Rows),
            Action::Open => self.go(View::Rows, Pane::Detail),
            _ => {}
        }
        let Some(row) = row else { return };
        let about_row = matches!(
            action,
            Action::UseAsDemo
                | Action::Try
                | Action::Tag
                | Action::Note
                | Action::Doubt
                | Action::GoldRight
                | Action::GoldWrong
                | Action::Skip
        );
        if about_row && !self.is_of_this_data() {
            return self
                .note(format!("row {row} is one of other data than this session's: open the run's own session first"));
        }
        if self.act_in_review(action, row, fx) {
            return;
        }
        match action {
            Action::UseAsDemo => self.use_as_demo(row, fx),
            Action::Try => {
                self.go(View::Prompt, Pane::Row);
                self.visit(row);
            }
            Action::Tag => {
                let tag = self.marks.get(&row).and_then(|mark| mark.tag.clone()).unwrap_or_default();
                self.ask(
                    Purpose::Tag(row),
                    format!("Tag of row {row}"),
                    &tag,
                    "a word of your own, as sarcasm; empty removes it",
                );
            }
            Action::Note => {
                let note = self.marks.get(&row).and_then(|mark| mark.note.clone()).unwrap_or_default();
                self.ask(
                    Purpose::Note(row),
                    format!("Note on row {row}"),
                    &note,
                    "kept beside the session, never in the data",
                );
            }
            Action::Doubt => {
                let doubtful = !self.marks.get(&row).is_some_and(|mark| mark.doubtful);
                self.mark(row, fx, |mark| mark.doubtful = doubtful);
                let told = if doubtful { "doubtful" } else { "no longer doubtful" };
                self.note(format!("the gold label of row {row} is {told}; kept beside the session, not in the data"));
            }
            Action::Copy => {
                let text = self.prepared_of_run().map(|prepared| prepared.data.text(row).into_owned());
                let prompt = || self.rows.detail.as_ref().and_then(|(_, prompt)| prompt.clone().ok());
                if let Some(text) = if in_detail { prompt().or(text) } else { text } {
                    self.copy(text, fx);
                }
            }
            _ => {}
        }
    }

    fn prepared_of_run(&self) -> Option<&Arc<crate::session::prepare::Prepared>> {
        self.run.as_ref()?.about.prepared.as_ref()
    }

    /// Whether the run's rows are those of the session that is open: elsewhere the same numbers are other rows.
    fn is_of_this_data(&self) -> bool {
        let (run, session) = (self.prepared_of_run(), self.prepared());
        run.zip(session).is_some_and(|(run, session)| run.data.sha256() == session.data.sha256())
    }

    /// Changes the mark on a row.
    pub(super) fn mark(&mut self, row: usize, fx: &mut Effects, change: impl FnOnce(&mut Mark)) {
        let mark = self.marks.entry(row).or_default();
        change(mark);
        fx.push(Effect::Mark(row, mark.clone()));
        // The filter of marked rows looks at them.
        self.rows.sifted = None;
    }

    /// Lists all rows again; false if they are.
    pub(super) fn clear_filter(&mut self) -> bool {
        let filter = &self.rows.filter;
        let plain = Filter { sort: filter.sort, reverse: filter.reverse, ..Filter::default() };
        let any = *filter != plain;
        self.rows.filter = plain;
        any
    }

    /// Asks for rows to be listed, if what is listed is not what the filter says.
    pub(super) fn ask_sift(&mut self, fx: &mut Effects) {
        let Some(run) = &self.run else { return };
        let state = (run.revision, self.rows.filter.clone());
        if self.rows.sifted.as_ref() == Some(&state) {
            return;
        }
        // Answers that come all the time are listed now and then; what the user asks for, at once.
        let asked = self.rows.sifted.as_ref().is_none_or(|(_, filter)| *filter != state.1);
        if !asked && run.is_live() && self.timers.sift.is_some() {
            return;
        }
        if run.is_live() {
            self.timers.sift = Some(self.now + SIFT);
        }
        let marked = self.marks.iter().filter(|(_, mark)| !mark.is_empty()).map(|(row, _)| *row).collect();
        let request = SiftRequest {
            revision: state.0,
            filter: state.1.clone(),
            rows: run.rows.clone(),
            prepared: run.about.prepared.clone(),
            labels: run.about.labels.clone(),
            marked,
            other: self.runs.beside.clone(),
            suspects: self.suspects_left().enumerate().map(|(place, suspect)| (suspect.row, place)).collect(),
        };
        self.rows.sifted = Some(state);
        fx.extend(self.rows.sifting.ask(request).map(|request| Effect::Sift(Box::new(request))));
    }

    /// Rows were listed.
    pub(super) fn sifted(&mut self, revision: u64, listed: Sifted, fx: &mut Effects) {
        let next = self.rows.sifting.done();
        fx.extend(next.map(|request| Effect::Sift(Box::new(request))));
        let Some(run) = &self.run else { return };
        // Places in another run mean nothing.
        if revision >> 32 != run.revision >> 32 {
            return;
        }
        match listed {
            Ok(listed) => {
                let current = self.rows.listed.get(self.rows.selected).copied();
                let place = current.and_then(|current| listed.iter().position(|place| *place == current));
                let first = self.rows.selected == 0;
                self.rows.selected = place.filter(|_| !first).unwrap_or(if first { 0 } else { self.rows.selected });
                self.rows.listed = listed;
                self.rows.selected = self.rows.selected.min(self.rows.listed.len().saturating_sub(1));
                self.rows.error = None;
            }
            Err(error) => self.rows.error = Some(error),
        }
    }

    /// Asks for the prompt of the row under the cursor.
    pub(super) fn ask_detail(&mut self, fx: &mut Effects) {
        if self.view != View::Rows {
            return;
        }
        let Some(row) = self.table_row().map(|prediction| prediction.row) else { return };
        let shown = self.rows.detail.as_ref().is_some_and(|(of, _)| *of == row);
        if shown || self.rows.asked.is_some() {
            return;
        }
        let Some(run) = &self.run else { return };
        let Some(prepared) = run.about.prepared.clone() else { return };
        let model = self.model().cloned();
        let same = model.as_ref().is_some_and(|model| model.sha256 == run.about.model_sha256);
        if prepared.session.prompt.chat && !same {
            let name = &run.about.model;
            let error = format!("the exact prompt goes through the chat template of {name}: load that model to see it");
            self.rows.detail = Some((row, Err(error)));
            return;
        }
        let run = run.about.path.clone();
        self.rows.asked = Some(row);
        self.rows.scroll = 0;
        fx.push(Effect::Detail { run, prepared, row, model });
    }

    /// The prompt of a row was rendered.
    pub(super) fn detail_rendered(&mut self, run: &Path, row: usize, prompt: Result<String, String>) {
        self.rows.asked = None;
        // Another run has other prompts for the same rows.
        if self.run.as_ref().is_some_and(|now| now.about.path == run) {
            self.rows.detail = Some((row, prompt));
        }
    }
}
