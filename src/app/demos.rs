//! The demonstrations as they are being chosen: which rows are shown, in what order, and which of them stay.

use std::collections::{HashMap, HashSet};

use crate::app::editor::Editor;
use crate::app::latest::Latest;
use crate::prompt::{DemoStrategy, PromptSpec};

/// Changes that can be undone.
const MOST_UNDO: usize = 200;

/// What an undo puts back.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// How they are chosen.
    pub strategy: DemoStrategy,
    /// How many of each class.
    pub shots: usize,
    /// The seed of the draw.
    pub seed: u32,
    /// Those listed by hand.
    pub pinned: Vec<usize>,
    /// Those that stay when others are drawn.
    pub locked: HashSet<usize>,
}

/// The list of demonstrations.
#[derive(Clone, Debug)]
pub struct Demos {
    /// Those in the prompt now, in order.
    pub shown: Vec<usize>,
    /// Those that stay when others are drawn.
    pub locked: HashSet<usize>,
    /// What the list shows: the ones in the prompt, then the other training rows.
    pub list: Vec<usize>,
    /// Place of the cursor in it.
    pub selected: usize,
    /// The first line of it on the screen.
    pub offset: usize,
    /// Tokens that a row takes as a demonstration, as far as they are known.
    pub tokens: HashMap<usize, usize>,
    /// The filter of the list.
    pub filter: Editor,
    /// The rows that fit it, once they are found.
    pub fitting: Option<Vec<usize>>,
    /// Looking for them.
    pub filtering: Latest<String>,
    /// The edit for which others are being drawn beside the locked ones, and the seed of that draw.
    pub drawing: Option<(u64, u32)>,
    /// Rows that the list begins with, most similar first, where it was asked for rows like one.
    pub like: Option<(usize, Vec<usize>)>,
    undo: Vec<Choice>,
    redo: Vec<Choice>,
}

impl Default for Demos {
    fn default() -> Self {
        Self {
            shown: Vec::new(),
            locked: HashSet::new(),
            list: Vec::new(),
            selected: 0,
            offset: 0,
            tokens: HashMap::new(),
            filter: Editor::single_line(""),
            fitting: None,
            filtering: Latest::default(),
            drawing: None,
            like: None,
            undo: Vec::new(),
            redo: Vec::new(),
        }
    }
}

impl Demos {
    /// The row under the cursor.
    pub fn current(&self) -> Option<usize> {
        self.list.get(self.selected).copied()
    }

    /// Tokens of all that are shown, as far as they are known.
    pub fn cost(&self) -> Option<usize> {
        self.shown.iter().map(|row| self.tokens.get(row).copied()).sum()
    }

    fn choice(&self, prompt: &PromptSpec) -> Choice {
        Choice {
            strategy: prompt.demos,
            shots: prompt.shots,
            seed: prompt.seed,
            pinned: prompt.pinned.clone(),
            locked: self.locked.clone(),
        }
    }

    /// Remembers how things are before a change.
    pub fn remember(&mut self, prompt: &PromptSpec) {
        self.undo.push(self.choice(prompt));
        if self.undo.len() > MOST_UNDO {
            self.undo.remove(0);
        }
        self.redo.clear();
    }

    /// Takes the last change back, or does it again; false if there is none.
    pub fn step(&mut self, prompt: &mut PromptSpec, again: bool) -> bool {
        let now = self.choice(prompt);
        let (from, to) = if again { (&mut self.redo, &mut self.undo) } else { (&mut self.undo, &mut self.redo) };
        let Some(choice) = from.pop() else { return false };
        to.push(now);
        self.locked = choice.locked;
        (prompt.demos, prompt.shots, prompt.seed) = (choice.strategy, choice.shots, choice.seed);
        prompt.pinned = choice.pinned;
        true
    }

    /// Forgets what could be undone.
    pub fn forget(&mut self) {
        self.undo.clear();
        self.redo.clear();
    }

    /// Puts `rows`, those shown first, into the list. The cursor stays on its row where it can.
    pub fn fill(&mut self, train: &[usize], keep: impl Fn(usize) -> bool) {
        let current = self.current();
        let shown: HashSet<usize> = self.shown.iter().copied().collect();
        let mut seen = shown.clone();
        self.list.clear();
        self.list.extend(self.shown.iter().copied());
        let like = self.like.iter().flat_map(|(_, rows)| rows.iter().copied());
        for row in like.chain(train.iter().copied()) {
            if keep(row) && seen.insert(row) {
                self.list.push(row);
            }
        }
        if let Some(place) = current.and_then(|row| self.list.iter().position(|other| *other == row)) {
            self.selected = place;
        }
        self.selected = self.selected.min(self.list.len().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;

    fn prompt() -> PromptSpec {
        let text = "version = 1\n[data]\npath = \"a\"\n[prompt]\ntemplate = \"a\"\nshots = 1";
        Session::parse("a", text, &[]).unwrap().prompt
    }

    #[test]
    fn a_change_is_undone_and_done_again() {
        let (mut demos, mut prompt) = (Demos::default(), prompt());
        assert!(!demos.step(&mut prompt, false));
        demos.remember(&prompt);
        prompt.shots = 2;
        demos.locked.insert(7);
        assert!(demos.step(&mut prompt, false));
        assert_eq!((prompt.shots, demos.locked.len()), (1, 0));
        assert!(demos.step(&mut prompt, true));
        assert_eq!((prompt.shots, demos.locked.len()), (2, 1));
        assert!(!demos.step(&mut prompt, true));
    }

    #[test]
    fn the_list_begins_with_what_is_shown() {
        let mut demos = Demos { shown: vec![5, 3], ..Demos::default() };
        demos.fill(&[1, 2, 3, 4, 5], |row| row != 2);
        assert_eq!(demos.list, [5, 3, 1, 4]);
        demos.selected = 3;
        demos.shown = vec![4];
        demos.like = Some((9, vec![3]));
        demos.fill(&[1, 2, 3, 4, 5], |_| true);
        assert_eq!((demos.list.as_slice(), demos.current()), (&[4, 3, 1, 2, 5][..], Some(4)));
    }

    #[test]
    fn the_cost_is_known_when_all_are_measured() {
        let mut demos = Demos { shown: vec![1, 2], ..Demos::default() };
        demos.tokens.insert(1, 10);
        assert_eq!(demos.cost(), None);
        demos.tokens.insert(2, 5);
        assert_eq!(demos.cost(), Some(15));
    }
}
