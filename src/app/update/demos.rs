//! Demonstrations: ticked, moved, locked, drawn.

use super::{Effects, moved};
use crate::app::action::Action;
use crate::app::editor::syntax::{self, Kind};
use crate::app::effect::Effect;
use crate::app::state::App;
use crate::app::view::{Pane, View};
use crate::app::window::Purpose;
use crate::data::Split;
use crate::prompt::{DemoStrategy, PromptSpec};

impl App {
    /// Actions in the list of demonstrations.
    pub(super) fn act_in_demos(&mut self, action: Action, fx: &mut Effects) {
        let page = self.areas.inner(Pane::Demos).height.max(2) as isize - 1;
        let len = self.prompt.demos.list.len();
        let go = |app: &mut Self, by: isize| app.prompt.demos.selected = moved(app.prompt.demos.selected, by, len);
        match action {
            Action::Up => go(self, -1),
            Action::Down => go(self, 1),
            Action::PageUp => go(self, -page),
            Action::PageDown => go(self, page),
            Action::First => go(self, isize::MIN),
            Action::Last => go(self, isize::MAX),
            Action::Toggle | Action::Open => {
                if let Some(row) = self.prompt.demos.current() {
                    self.toggle_demo(row, fx);
                }
            }
            Action::MoveUp => self.move_demo(-1, fx),
            Action::MoveDown => self.move_demo(1, fx),
            Action::Lock => self.lock_demo(),
            Action::Strategy => self.next_strategy(fx),
            Action::Draw => self.draw_again(fx),
            Action::MoreShots => self.change_shots(1, fx),
            Action::FewerShots => self.change_shots(-1, fx),
            Action::Find => {
                let text = self.prompt.demos.filter.text().to_owned();
                self.ask(Purpose::FilterDemos, "Training rows with", &text, "words that are all in the text");
            }
            Action::Try => {
                if let Some(row) = self.prompt.demos.current() {
                    self.visit(row);
                }
            }
            Action::Undo | Action::Redo => {
                let Some(session) = &mut self.session else { return };
                if self.prompt.demos.step(&mut session.now.prompt, action == Action::Redo) {
                    self.prompt_changed(fx);
                } else {
                    self.note("nothing to undo here");
                }
            }
            Action::Copy => {
                let text = self.prompt.demos.current().zip(self.prepared());
                let text = text.map(|(row, prepared)| prepared.data.text(row).into_owned());
                if let Some(text) = text {
                    self.copy(text, fx);
                }
            }
            _ => {}
        }
    }

    /// Changes the choice of demonstrations; what was is remembered.
    fn choose_demos(&mut self, fx: &mut Effects, change: impl FnOnce(&mut PromptSpec)) {
        let Some(session) = &mut self.session else { return };
        self.prompt.demos.remember(&session.now.prompt);
        change(&mut session.now.prompt);
        self.prompt_changed(fx);
    }

    /// Shows exactly these rows.
    pub(super) fn pin(&mut self, rows: Vec<usize>, fx: &mut Effects) {
        let seed = self.spec().map_or(0, |prompt| prompt.seed);
        self.pin_drawn(rows, seed, fx);
    }

    /// The same with rows that were drawn by a seed.
    fn pin_drawn(&mut self, rows: Vec<usize>, seed: u32, fx: &mut Effects) {
        let per_class = rows.len().div_ceil(self.labels().len().max(1));
        self.prompt.demos.shown.clone_from(&rows);
        self.choose_demos(fx, |prompt| {
            if rows.is_empty() {
                // No row at all is zero-shot, whatever the strategy.
                (prompt.demos, prompt.shots) = (DemoStrategy::Random, 0);
            } else {
                (prompt.demos, prompt.shots) = (DemoStrategy::Pinned, per_class);
            }
            (prompt.pinned, prompt.seed) = (rows, seed);
        });
        if !self.prompt.demos.shown.is_empty() {
            self.give_demos_a_place(fx);
        }
        self.fill_demos();
    }

    /// Shows a row as a demonstration, or no longer.
    pub(super) fn toggle_demo(&mut self, row: usize, fx: &mut Effects) {
        let mut rows = self.prompt.demos.shown.clone();
        match rows.iter().position(|shown| *shown == row) {
            Some(place) => {
                rows.remove(place);
                self.prompt.demos.locked.remove(&row);
            }
            None => rows.push(row),
        }
        self.pin(rows, fx);
    }

    /// A template without a place for demonstrations gets one, before the line with the row's text.
    fn give_demos_a_place(&mut self, fx: &mut Effects) {
        let text = self.prompt.template.text();
        let Err(at) = demos_place(text) else { return };
        let (before, after) = text.split_at(at);
        let changed = format!("{before}{{{{ demos }}}}\n{after}");
        self.prompt.template.set_text(&changed);
        self.text_changed(fx);
        self.note("the template had no {{ demos }}: it was put before the line with {{ text }}");
    }

    fn move_demo(&mut self, by: isize, fx: &mut Effects) {
        let mut rows = self.prompt.demos.shown.clone();
        let from = self.prompt.demos.selected;
        let to = moved(from, by, rows.len());
        if from >= rows.len() {
            self.note("only rows that are shown have an order: tick this one first");
        } else if from != to {
            rows.swap(from, to);
            self.pin(rows, fx);
            self.prompt.demos.selected = to;
        }
    }

    fn lock_demo(&mut self) {
        let demos = &mut self.prompt.demos;
        let Some(row) = demos.current() else { return };
        if !demos.shown.contains(&row) {
            self.note("only a row that is shown can be locked: tick it first");
        } else if !demos.locked.remove(&row) {
            demos.locked.insert(row);
        }
    }

    /// The next way to choose demonstrations.
    fn next_strategy(&mut self, fx: &mut Effects) {
        let Some(now) = self.spec().map(|prompt| prompt.demos) else { return };
        let next = match now {
            DemoStrategy::Random => DemoStrategy::Similar,
            DemoStrategy::Similar => DemoStrategy::Diverse,
            DemoStrategy::Diverse => DemoStrategy::Pinned,
            DemoStrategy::Pinned => DemoStrategy::Random,
        };
        if next == DemoStrategy::Pinned {
            let rows = self.prompt.demos.shown.clone();
            return self.pin(rows, fx);
        }
        self.redraw(fx, |prompt| prompt.demos = next);
    }

    /// Draws with the next seed.
    fn draw_again(&mut self, fx: &mut Effects) {
        self.redraw(fx, |prompt| {
            prompt.seed = prompt.seed.wrapping_add(1);
            if prompt.demos == DemoStrategy::Pinned {
                prompt.demos = DemoStrategy::Random;
            }
        });
    }

    fn change_shots(&mut self, by: isize, fx: &mut Effects) {
        let Some(shots) = self.spec().map(|prompt| prompt.shots) else { return };
        let wanted = shots.saturating_add_signed(by);
        if wanted == shots {
            return;
        }
        self.redraw(fx, |prompt| {
            prompt.shots = wanted;
            if prompt.demos == DemoStrategy::Pinned {
                prompt.demos = DemoStrategy::Random;
            }
        });
        if wanted > 0 {
            self.give_demos_a_place(fx);
        }
    }

    /// Chooses anew by a strategy. Locked rows stay where they are, and then all of them are listed by hand.
    fn redraw(&mut self, fx: &mut Effects, change: impl FnOnce(&mut PromptSpec)) {
        let shown = &self.prompt.demos.shown;
        let locked: Vec<usize> = shown.iter().copied().filter(|row| self.prompt.demos.locked.contains(row)).collect();
        if locked.is_empty() {
            return self.choose_demos(fx, change);
        }
        let (Some(prepared), Some(prompt)) = (self.prepared().cloned(), self.spec().cloned()) else { return };
        let mut prompt = Box::new(prompt);
        change(&mut prompt);
        let strategy = prompt.demos;
        self.prompt.demos.drawing = Some((self.prompt.edit, prompt.seed));
        self.note(format!("{} locked rows stay, the others are drawn: {}", locked.len(), strategy_name(strategy)));
        let row = self.row();
        fx.push(Effect::Draw { prepared, prompt, locked, row });
    }

    /// Rows were drawn to stand beside the locked ones.
    pub(super) fn drawn(&mut self, rows: Result<Vec<usize>, String>, fx: &mut Effects) {
        let drawing = self.prompt.demos.drawing.take();
        match (rows, drawing) {
            // What was changed by hand since is what is wanted now.
            (Ok(rows), Some((edit, seed))) if edit == self.prompt.edit => self.pin_drawn(rows, seed, fx),
            (Ok(_), _) => {}
            (Err(error), _) => self.complain(error),
        }
    }

    /// Uses a row of a run as a demonstration; only training rows can be shown.
    pub(super) fn use_as_demo(&mut self, row: usize, fx: &mut Effects) {
        let Some(prepared) = self.prepared().cloned() else { return };
        match prepared.data.split_of(row) {
            Some(Split::Train) if prepared.data.gold(row).is_none() => {
                self.complain(format!("row {row} has no gold label, so it cannot be a demonstration"));
            }
            Some(Split::Train) if self.prompt.demos.shown.contains(&row) => {
                self.note(format!("row {row} is a demonstration already"));
            }
            Some(Split::Train) => {
                self.toggle_demo(row, fx);
                self.note(format!("row {row} is a demonstration now: see view 1"));
            }
            split => {
                let place = split.map_or_else(|| "in no split".to_owned(), |split| format!("in the {split} split"));
                self.note(format!(
                    "row {row} is {place}: showing its label would give the answer away. Listed are training rows like it; Space \
                     ticks one"
                ));
                self.go(View::Prompt, Pane::Demos);
                fx.push(Effect::Similar { prepared, row });
            }
        }
    }

    /// Rows like one were found.
    pub(super) fn similar_found(&mut self, row: usize, rows: Vec<usize>) {
        let demos = &mut self.prompt.demos;
        demos.like = Some((row, rows));
        demos.filter.reset("");
        demos.fitting = None;
        self.fill_demos();
        let demos = &mut self.prompt.demos;
        demos.selected = demos.shown.len().min(demos.list.len().saturating_sub(1));
    }

    /// Looks for the rows that fit what is typed, on another thread.
    pub(super) fn filter_demos(&mut self, fx: &mut Effects) {
        let query = self.prompt.demos.filter.text().trim().to_owned();
        if query.is_empty() {
            self.prompt.demos.fitting = None;
            return self.fill_demos();
        }
        let Some(prepared) = self.prepared().cloned() else { return };
        let request = self.prompt.demos.filtering.ask(query);
        fx.extend(request.map(|query| Effect::FilterDemos { prepared, query }));
    }

    /// Rows that fit were found.
    pub(super) fn demos_filtered(&mut self, rows: Vec<usize>, fx: &mut Effects) {
        let next = self.prompt.demos.filtering.done();
        if !self.prompt.demos.filter.text().trim().is_empty() {
            self.prompt.demos.fitting = Some(rows);
        }
        self.fill_demos();
        if let Some((query, prepared)) = next.zip(self.prepared().cloned()) {
            fx.push(Effect::FilterDemos { prepared, query });
        }
    }

    /// Puts the rows that fit into the list.
    pub(super) fn fill_demos(&mut self) {
        let Some(prepared) = self.prepared().cloned() else { return };
        let data = &prepared.data;
        let fitting = self.prompt.demos.fitting.take();
        let rows = fitting.as_deref().unwrap_or_else(|| data.split(Split::Train));
        self.prompt.demos.fill(rows, |row| data.gold(row).is_some());
        self.prompt.demos.fitting = fitting;
    }

    /// Lists all training rows again; false if they are.
    pub(super) fn clear_demo_filter(&mut self) -> bool {
        let demos = &mut self.prompt.demos;
        let any = !demos.filter.text().is_empty() || demos.like.is_some();
        if any {
            demos.filter.reset("");
            (demos.like, demos.fitting) = (None, None);
            self.fill_demos();
        }
        any
    }
}

/// Whether a template has a place for demonstrations; else where one is to be put: the start of the line that has the row's
/// text, or of the template.
fn demos_place(template: &str) -> Result<(), usize> {
    let spans = syntax::spans(template);
    let variable = |name: &str| {
        let named = |(range, kind): &&(std::ops::Range<usize>, Kind)| {
            *kind == Kind::Variable && template.get(range.clone()) == Some(name)
        };
        spans.iter().find(named).map(|(range, _)| range.start)
    };
    match (variable("demos"), variable("text")) {
        (Some(_), _) => Ok(()),
        (None, at) => Err(at.and_then(|at| template.get(..at)?.rfind('\n')).map_or(0, |line| line + 1)),
    }
}

/// What a session file calls a strategy.
pub fn strategy_name(strategy: DemoStrategy) -> &'static str {
    match strategy {
        DemoStrategy::Random => "random",
        DemoStrategy::Similar => "similar",
        DemoStrategy::Diverse => "diverse",
        DemoStrategy::Pinned => "pinned",
    }
}
