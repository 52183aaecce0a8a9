//! Undo and redo.
//!
//! A step is one replacement: at an offset, some text gave way to other text. Keystrokes in a row join into one step;
//! the editor says when a row ends ([`History::close`]) and of what kind a change is, and keeps the cursor where a step
//! tells it. There is no clock here, so pauses do not count. Both the number of steps and the text they hold are
//! bounded: the oldest go first.

use std::collections::VecDeque;

/// Steps that are kept.
pub(super) const MAX_STEPS: usize = 1000;
/// Bytes of text that all steps together may hold.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// The cursor and the other end of the selection; no selection if they are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Caret {
    pub(super) anchor: usize,
    pub(super) cursor: usize,
}

impl Caret {
    pub(super) fn at(offset: usize) -> Self {
        Self { anchor: offset, cursor: offset }
    }
}

/// How a change was made. Changes of the same kind may join, those that are [`Kind::Whole`] never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Typing,
    DeletingBack,
    DeletingForward,
    Whole,
}

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: usize,
    pub(super) removed: String,
    pub(super) inserted: String,
    pub(super) before: Caret,
    pub(super) after: Caret,
}

impl Step {
    fn bytes(&self) -> usize {
        self.removed.len() + self.inserted.len()
    }

    /// Adds a later change, if it goes on where this one stopped, within a word or after it.
    fn join(&mut self, next: &Self, kind: Kind) -> bool {
        let goes_on = match kind {
            Kind::Typing => {
                next.removed.is_empty()
                    && next.at == self.at + self.inserted.len()
                    && !begins_anew(self.inserted.chars().next_back(), next.inserted.chars().next())
            }
            Kind::DeletingBack => {
                next.at + next.removed.len() == self.at
                    && !begins_anew(self.removed.chars().next(), next.removed.chars().next_back())
            }
            Kind::DeletingForward => {
                next.at == self.at && !begins_anew(self.removed.chars().next_back(), next.removed.chars().next())
            }
            Kind::Whole => false,
        };
        if !goes_on {
            return false;
        }
        match kind {
            Kind::Typing => self.inserted.push_str(&next.inserted),
            Kind::DeletingBack => self.removed.insert_str(0, &next.removed),
            Kind::DeletingForward | Kind::Whole => self.removed.push_str(&next.removed),
        }
        self.at = self.at.min(next.at);
        self.after = next.after;
        true
    }
}

/// A blank after something else ends a row of keystrokes.
fn begins_anew(last: Option<char>, next: Option<char>) -> bool {
    last.is_some_and(|c| !c.is_whitespace()) && next.is_some_and(char::is_whitespace)
}

/// What was done and what was undone.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    done: VecDeque<Step>,
    undone: Vec<Step>,
    /// Of both.
    bytes: usize,
    /// The kind of change that the last step can still be joined by.
    open: Option<Kind>,
}

impl History {
    /// Remembers a change that was made, and forgets what was undone.
    pub(super) fn record(&mut self, step: Step, kind: Kind) {
        self.bytes -= self.undone.drain(..).map(|step| step.bytes()).sum::<usize>();
        self.bytes += step.bytes();
        let joined = self.open == Some(kind) && self.done.back_mut().is_some_and(|last| last.join(&step, kind));
        if !joined {
            self.done.push_back(step);
        }
        self.open = Some(kind);
        while (self.done.len() > MAX_STEPS || self.bytes > MAX_BYTES)
            && let Some(oldest) = self.done.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }

    /// Ends a row of keystrokes: the next change is a step of its own.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    pub(super) fn can_undo(&self) -> bool {
        !self.done.is_empty()
    }

    pub(super) fn can_redo(&self) -> bool {
        !self.undone.is_empty()
    }

    /// Takes the last step back in `text`; gives where the cursor was before it.
    pub(super) fn undo(&mut self, text: &mut String) -> Option<Caret> {
        self.close();
        let step = self.done.pop_back()?;
        let caret = replace(text, step.at, &step.inserted, &step.removed).then_some(step.before);
        self.undone.push(step);
        caret
    }

    /// Does again in `text` what was last undone; gives where the cursor was after it.
    pub(super) fn redo(&mut self, text: &mut String) -> Option<Caret> {
        self.close();
        let step = self.undone.pop()?;
        let caret = replace(text, step.at, &step.removed, &step.inserted).then_some(step.after);
        self.done.push_back(step);
        caret
    }

    /// Steps that can be undone, and bytes held.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.done.len(), self.bytes)
    }
}

/// Puts `new` in the place of `old`, which stands at `at`.
fn replace(text: &mut String, at: usize, old: &str, new: &str) -> bool {
    let stands = text.get(at..).is_some_and(|rest| rest.starts_with(old));
    if stands {
        text.replace_range(at..at + old.len(), new);
    }
    stands
}
