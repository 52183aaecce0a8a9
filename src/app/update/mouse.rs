//! The mouse: it focuses, selects, scrolls and opens what keys do too.

use std::time::Duration;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::Effects;
use crate::app::action::Action;
use crate::app::editor::EditorCommand;
use crate::app::state::App;
use crate::app::view::{Pane, View};
use crate::app::window::Window;

/// Lines that a turn of the wheel scrolls.
const WHEEL: usize = 3;
/// Time in which a second click at the same place selects the word.
const DOUBLE: Duration = Duration::from_millis(400);

impl App {
    pub(super) fn mouse(&mut self, mouse: MouseEvent, fx: &mut Effects) {
        let (x, y) = (mouse.column, mouse.row);
        match mouse.kind {
            MouseEventKind::ScrollUp => self.wheel(x, y, Action::Up, fx),
            MouseEventKind::ScrollDown => self.wheel(x, y, Action::Down, fx),
            MouseEventKind::Down(MouseButton::Left) => self.click(x, y, fx),
            MouseEventKind::Drag(MouseButton::Left) if self.is_typing() => {
                if let Some((x, y)) = self.text_place(x, y) {
                    self.edit(EditorCommand::DragTo { x, y }, true, fx);
                }
            }
            _ => {}
        }
    }

    fn wheel(&mut self, x: u16, y: u16, action: Action, fx: &mut Effects) {
        if !self.windows.is_empty() {
            self.act_in_window(action, false, fx);
            return;
        }
        let Some(pane) = self.areas.pane_at(x, y) else { return };
        // The text that is typed in follows its cursor, not the wheel.
        if self.is_typing() && matches!(pane, Pane::Template | Pane::System) {
            return;
        }
        let before = self.pane();
        self.focus.insert(self.view, pane);
        let typing = std::mem::take(&mut self.prompt.typing);
        for _ in 0..WHEEL {
            self.act(action, false, fx);
        }
        self.prompt.typing = typing;
        // Looking elsewhere takes the focus along only where nothing is being typed.
        if typing {
            self.focus.insert(self.view, before);
        }
    }

    /// The place in the focused text under the mouse.
    fn text_place(&self, x: u16, y: u16) -> Option<(usize, usize)> {
        let inner = self.areas.inner(self.pane());
        let scroll = self.prompt.scroll[usize::from(self.pane() == Pane::System)];
        let inside = inner.height > 0 && y >= inner.y;
        inside.then(|| (usize::from(x.saturating_sub(inner.x)), usize::from(y - inner.y) + scroll))
    }

    fn click(&mut self, x: u16, y: u16, fx: &mut Effects) {
        if !self.windows.is_empty() {
            self.click_window(x, y, fx);
            return;
        }
        if let Some((view, _)) = self.areas.tabs.iter().find(|(_, area)| area.contains(x, y)).copied() {
            let action = match view {
                View::Prompt => Action::ViewPrompt,
                View::Evaluate => Action::ViewEvaluate,
                View::Rows => Action::ViewRows,
                View::Train => Action::ViewTrain,
                View::Simulate => Action::ViewSimulate,
                View::Runs => Action::ViewRuns,
            };
            return self.act(action, false, fx);
        }
        let cell = self.areas.cells.iter().find(|(_, area)| area.contains(x, y)).map(|(cell, _)| *cell);
        let Some(pane) = self.areas.pane_at(x, y) else { return };
        let focused = self.pane() == pane;
        self.focus.insert(self.view, pane);
        let inner = self.areas.inner(pane);
        let line = inner.contains(x, y).then(|| usize::from(y - inner.y));
        match pane {
            Pane::Template | Pane::System => {
                self.prompt.typing = true;
                if let Some(place) = self.text_place(x, y) {
                    let twice = self.clicked.is_some_and(|(at, last)| last == place && self.now < at + DOUBLE);
                    self.clicked = Some((self.now, place));
                    let (x, y) = place;
                    let command =
                        if twice { EditorCommand::SelectWordAt { x, y } } else { EditorCommand::ClickAt { x, y } };
                    self.edit(command, false, fx);
                }
            }
            _ => self.prompt.typing = false,
        }
        match (pane, line) {
            (Pane::Matrix, _) => {
                if let Some((gold, predicted)) = cell {
                    // A second click on the selected cell opens it.
                    if focused && self.evaluate.cell == (gold, predicted) {
                        self.open_cell(gold, predicted);
                    } else {
                        self.evaluate.cell = (gold, predicted);
                    }
                }
            }
            (Pane::Demos, Some(line)) => {
                let place = self.prompt.demos.offset + line;
                if let Some(row) = self.prompt.demos.list.get(place).copied() {
                    // The tick itself is a button.
                    if x < inner.x + 2 || (focused && self.prompt.demos.selected == place) {
                        self.toggle_demo(row, fx);
                    } else {
                        self.prompt.demos.selected = place;
                    }
                }
            }
            // The first line holds the names of the columns.
            (Pane::Rows, Some(line)) if line > 0 => {
                let place = self.rows.offset + line - 1;
                if place < self.rows.listed.len() {
                    if focused && self.rows.selected == place {
                        self.act(Action::Open, false, fx);
                    } else {
                        self.rows.selected = place;
                    }
                }
            }
            (Pane::Loss, _) => self.click_loss(x),
            (Pane::Shares | Pane::Groups | Pane::Tally, Some(line)) if line > 0 => {
                self.click_survey(pane, line - 1, focused, fx);
            }
            (Pane::Respondent, Some(line)) => self.click_respondent(line),
            (Pane::Compare, Some(line)) => self.click_contrast(line, focused, fx),
            (Pane::Runs, Some(line)) if line > 0 => {
                let place = self.runs.offset + line - 1;
                if place < self.runs.entries.len() {
                    if focused && self.runs.selected == place {
                        self.act(Action::Open, false, fx);
                    } else {
                        self.runs.selected = place;
                    }
                }
            }
            _ => {}
        }
    }

    /// A click beside a window closes it; one on a line of its list selects the line, a second one opens it.
    fn click_window(&mut self, x: u16, y: u16, fx: &mut Effects) {
        if let Some(Window::Question(question)) = self.windows.last() {
            let line = self.areas.list.filter(|list| list.contains(x, y)).map(|list| usize::from(y - list.y));
            let answer = line.and_then(|line| question.answers.get(line)).map(|(_, _, answer)| answer.clone());
            if let Some(answer) = answer {
                self.windows.pop();
                self.answer(answer, fx);
            }
            return;
        }
        if self.areas.window.is_some_and(|area| !area.contains(x, y)) {
            if matches!(self.windows.last(), Some(Window::Welcome)) {
                fx.push(crate::app::effect::Effect::Welcomed);
            }
            return self.close_window(fx);
        }
        let Some(list) = self.areas.list.filter(|list| list.contains(x, y)) else { return };
        let line = usize::from(y - list.y);
        let versions = self.prompt.versions.len();
        let (place, selected) = match self.windows.last_mut() {
            Some(Window::Picker(picker)) => {
                let place = (picker.offset + line).min(picker.hits.len().saturating_sub(1));
                (place, &mut picker.selected)
            }
            Some(Window::Flips { selected, offset } | Window::Queue { selected, offset }) => (*offset + line, selected),
            Some(Window::Timeline { selected, offset }) => {
                let Some(place) = versions.checked_sub(1 + *offset + line) else { return };
                (place, selected)
            }
            _ => return,
        };
        if *selected == place {
            self.act_in_window(Action::Open, false, fx);
        } else {
            *selected = place;
        }
    }
}
