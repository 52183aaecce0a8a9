//! All runs: listed, read, compared, named, deleted, written out.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Effects, lines, moved};
use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::run::Run;
use crate::app::state::App;
use crate::app::view::{Pane, View};
use crate::app::window::{Answer, Choice, Item, Picker, Purpose, Question, Window};
use crate::session::export::Format;
use crate::session::folder::Status;
use crate::session::runs::RunEntry;
use crate::text::diff::Line;

impl App {
    /// Looks for runs.
    pub(super) fn list_runs(&mut self, fx: &mut Effects) {
        if let Some(session) = &self.session {
            self.runs.loading = true;
            fx.push(Effect::ListRuns(Box::new(session.file.clone())));
        }
    }

    /// Runs were found.
    pub(super) fn runs_listed(&mut self, entries: Vec<RunEntry>, trainings: HashSet<PathBuf>) {
        let current = self.run_entry().map(|entry| entry.path.clone());
        let sought = self.runs.sought.take();
        self.runs.loading = false;
        (self.runs.entries, self.runs.trainings) = (entries, trainings);
        let find = |path: &Path| self.runs.entries.iter().position(|entry| entry.path == path);
        let place = sought.as_deref().and_then(find).or_else(|| current.as_deref().and_then(find));
        if place.is_none() {
            // It is not there yet: the next listing has it.
            self.runs.sought = sought;
        }
        // A run on the screen that was renamed is called so there too.
        if let Some(run) = &mut self.run
            && let Some(entry) = self.runs.entries.iter().find(|entry| entry.path == run.about.path)
        {
            run.about.name.clone_from(&entry.name);
        }
        if let Some(shown) = &mut self.train.shown
            && let Some(entry) = self.runs.entries.iter().find(|entry| entry.path == shown.path)
        {
            shown.name.clone_from(&entry.name);
        }
        self.runs.selected = place.unwrap_or(self.runs.selected).min(self.runs.entries.len().saturating_sub(1));
        let gone = |path: &Path| !self.runs.entries.iter().any(|entry| entry.path == path);
        if self.runs.marked.as_deref().is_some_and(gone) {
            (self.runs.marked, self.runs.beside) = (None, None);
            self.rows.filter.outcome = None;
        }
    }

    /// A run was deleted.
    pub(super) fn run_deleted(&mut self, path: &Path, fx: &mut Effects) {
        if self.run.as_ref().is_some_and(|run| run.about.path == path) && !self.recording {
            self.run = None;
        }
        self.training_deleted(path);
        self.list_runs(fx);
    }

    /// Actions in the list of runs and in the comparison.
    pub(super) fn act_in_runs(&mut self, action: Action, fx: &mut Effects) {
        let page = self.areas.inner(self.pane()).height.max(3) as isize - 2;
        let by = lines(action, page);
        if let Some(by) = by {
            if self.pane() == Pane::Compare && self.move_in_contrast(by) {
                return;
            }
            if self.pane() == Pane::Compare {
                self.runs.scroll =
                    if by == isize::MAX { self.runs.scroll } else { self.runs.scroll.saturating_add_signed(by) };
            } else {
                self.runs.selected = moved(self.runs.selected, by, self.runs.entries.len());
                self.runs.scroll = 0;
            }
            return;
        }
        if self.pane() == Pane::Compare && self.act_on_contrast(action, fx) {
            return;
        }
        let Some(entry) = self.run_entry().cloned() else { return };
        match action {
            Action::Open => self.load_run(&entry, false, fx),
            Action::Mark | Action::Toggle => {
                let marked = self.runs.marked.as_ref() == Some(&entry.path);
                self.runs.marked = (!marked).then(|| entry.path.clone());
                self.runs.beside = None;
                // What it lists are rows beside those of the run that was marked.
                self.rows.filter.outcome = None;
                if !marked {
                    self.load_run(&entry, true, fx);
                }
            }
            Action::Rename => {
                let hint = "up to 80 characters; empty: the name of its folder";
                self.ask(Purpose::Rename(entry.path), "Name of the run", &entry.name, hint);
            }
            Action::Delete => {
                let trained = self.train.shown.as_ref().is_some_and(|shown| shown.path == entry.path);
                if self.is_training() && trained {
                    return self.note("this training goes on: stop it first (view 4)");
                }
                if self.recording && self.run.as_ref().is_some_and(|run| run.about.path == entry.path) {
                    return self.note("this run is going on: stop it first (Ctrl-C)");
                }
                self.open_window(Window::Question(Question {
                    title: format!("Delete the run `{}`?", entry.name),
                    text: format!("{} with all its answers is removed from the disk.", entry.path.display()),
                    answers: vec![('n', "keep", Answer::No), ('d', "delete", Answer::Delete(entry.path))],
                }));
            }
            Action::Export => {
                let item = |(title, format): (&str, Format)| Item {
                    title: title.to_owned(),
                    detail: String::new(),
                    choice: Choice::Export(entry.path.clone(), format),
                };
                let items = [
                    ("Markdown: a report to read", Format::Md),
                    ("HTML: a page for an appendix", Format::Html),
                    ("CSV: the predictions", Format::Csv),
                    ("JSON: everything", Format::Json),
                ];
                let title = format!("Export `{}` as", entry.name);
                self.open_window(Window::Picker(Picker::new(title, items.map(item).to_vec())));
            }
            Action::Resume => match entry.facts {
                Ok(facts) if facts.status == Status::Finished => self.note("this run is finished; Enter shows it"),
                Ok(_) if self.runs.trainings.contains(&entry.path) => self.begin_training(Some(entry.path), fx),
                Ok(_) => self.begin_run(Some(entry.path), fx),
                Err(error) => self.complain(error),
            },
            Action::ExportComparison => self.note("Space marks a run that this one is to be compared with"),
            Action::Copy => self.copy(entry.path.display().to_string(), fx),
            _ => {}
        }
    }

    fn load_run(&mut self, entry: &RunEntry, beside: bool, fx: &mut Effects) {
        if let Err(error) = &entry.facts {
            return self.complain(error.clone());
        }
        if !beside && self.runs.trainings.contains(&entry.path) {
            return self.show_training(&entry.path, fx);
        }
        if !beside && self.recording {
            if self.run.as_ref().is_some_and(|run| run.about.path == entry.path) {
                return self.go_to_run();
            }
            return self.note("a run is going on and is shown in views 2 and 3: stop it first (Ctrl-C)");
        }
        if !beside {
            self.runs.contrast.wanted = None;
        }
        fx.push(Effect::LoadRun { path: entry.path.clone(), near: self.prepared().cloned(), beside });
    }

    /// A run was read.
    pub(super) fn run_loaded(&mut self, path: &Path, run: Result<Run, String>, beside: bool, _: &mut Effects) {
        match run {
            Err(error) => {
                self.runs.contrast.wanted = self.runs.contrast.wanted.take().filter(|(wanted, _)| wanted != path);
                self.complain(error);
            }
            Ok(run) if beside => {
                if self.runs.marked.as_deref() == Some(path) {
                    self.runs.beside = Some(Arc::new(run));
                    // The filter of disagreements looks at it.
                    self.rows.sifted = None;
                }
            }
            Ok(run) if self.recording => {
                // A run was begun while this one was read.
                self.note(format!("`{}` is not shown: a run is going on", run.about.name));
            }
            Ok(run) => {
                let wanted = self.runs.contrast.wanted.take().filter(|(wanted, _)| wanted == path);
                self.look_at(run);
                match wanted {
                    Some((_, outcome)) => self.list_outcome(outcome),
                    None => self.go_to_run(),
                }
            }
        }
    }

    /// Goes to the view that tells most of the run on the screen.
    fn go_to_run(&mut self) {
        let prepared = self.run.as_ref().and_then(|run| run.about.prepared.as_ref());
        match prepared.is_some_and(|prepared| prepared.session.simulate.is_some()) {
            true => self.go(View::Simulate, Pane::Shares),
            false => self.go(View::Evaluate, Pane::Matrix),
        }
    }

    /// Asks for the difference of the prompts of the marked run and the one under the cursor.
    pub(super) fn ask_compare(&mut self, fx: &mut Effects) {
        if self.view != View::Runs {
            return;
        }
        let Some(entry) = self.run_entry() else { return };
        let find = |path: &Path| self.runs.entries.iter().find(|entry| entry.path == path);
        // Without a mark, with the prompt that is being written.
        let Ok(facts) = &entry.facts else { return };
        let (from, text) = match self.runs.marked.as_deref().and_then(find) {
            Some(marked) if marked.path != entry.path => {
                let template = marked.facts.as_ref().map(|facts| facts.template.clone());
                (marked.path.clone(), template.unwrap_or_default())
            }
            Some(_) => return,
            None => (std::path::PathBuf::new(), self.prompt.template.text().to_owned()),
        };
        let pair = (from, entry.path.clone());
        let texts = (text, facts.template.clone());
        let asked = Some((pair.clone(), texts.clone()));
        if self.runs.compared_texts == asked {
            return;
        }
        self.runs.compared_texts = asked;
        if self.runs.compared.as_ref().is_some_and(|(known, _)| *known != pair) {
            self.runs.compared = None;
        }
        fx.push(Effect::Compare { pair, texts });
    }

    /// Two prompts were compared.
    pub(super) fn prompts_compared(&mut self, pair: (PathBuf, PathBuf), lines: Vec<Line>) {
        if self.runs.compared_texts.as_ref().is_some_and(|(asked, _)| *asked == pair) {
            self.runs.compared = Some((pair, lines));
        }
    }
}
