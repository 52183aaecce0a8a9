//! The text that is being edited: a template, a system message, a line of input.
//!
//! [`Editor`] holds the text, the cursor, the selection and what can be undone, and does what an [`EditorCommand`]
//! says. The cursor stands on boundaries of extended grapheme clusters only. It knows no keys, colours or clipboards:
//! keys become commands elsewhere, and the view draws [`Editor::lines`] with [`shown`], coloured by [`syntax::spans`].
//! The clipboard gets [`Editor::selected_text`] or [`Editor::cut`] and gives [`EditorCommand::Paste`].

mod command;
mod history;
mod layout;
mod motion;
pub mod syntax;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use regex::RegexBuilder;
use unicode_segmentation::UnicodeSegmentation;

pub use command::EditorCommand;
use history::{Caret, History, Kind, Step};
pub use layout::{Line, column_width, shown};

/// Bytes that a text may be made to have by typing and pasting.
pub const MAX_TEXT: usize = 1 << 20;
/// Bytes of a pattern that is found in any case: compiling one takes the square of its length.
const MAX_ANY_CASE: usize = 256;

/// A text that is being edited.
#[derive(Clone, Debug)]
pub struct Editor {
    /// With `\n` as its only line break; without any if it is a single line.
    text: String,
    single: bool,
    caret: Caret,
    /// The column that moving up and down tries to keep.
    column: Option<usize>,
    history: History,
}

impl Editor {
    /// An editor of a text of any number of lines, with the cursor at its start. Line breaks `\r\n` and `\r` become
    /// `\n`, here and wherever text comes in.
    pub fn new(text: &str) -> Self {
        let text = normalised(text).into_owned();
        Self { text, single: false, caret: Caret::default(), column: None, history: History::default() }
    }

    /// An editor of a single line, with the cursor at its end: `NewLine` does nothing, and line breaks become blanks,
    /// here and wherever text comes in.
    pub fn single_line(text: &str) -> Self {
        let mut editor = Self { single: true, ..Self::new("") };
        editor.reset(text);
        editor
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Makes `text` the text, however long it is: one step of undo. Only what differs is replaced; the cursor keeps its
    /// place in the rest, and nothing is selected. The same text changes nothing.
    pub fn set_text(&mut self, text: &str) {
        let new = self.clean(text);
        if new == self.text {
            return;
        }
        let start = common_bytes(self.text.chars(), new.chars());
        let [old_rest, new_rest] = [&self.text, new.as_ref()].map(|text| text.get(start..).unwrap_or_default());
        let end = common_bytes(old_rest.chars().rev(), new_rest.chars().rev());
        let old_end = self.text.len() - end;
        let inserted = new.get(start..new.len() - end).unwrap_or_default();
        let cursor = match self.caret.cursor {
            before if before <= start => before,
            after if after >= old_end => after - old_end + start + inserted.len(),
            _ => start + inserted.len(),
        };
        self.replace(start..old_end, inserted, cursor, Kind::Whole);
    }

    /// Makes `text` the text and forgets all that was done: another file was opened. The cursor is where a new editor
    /// has it.
    pub fn reset(&mut self, text: &str) {
        self.text = self.clean(text).into_owned();
        self.caret = Caret::at(if self.single { self.text.len() } else { 0 });
        self.column = None;
        self.history = History::default();
    }

    /// Where the cursor is, in bytes: always on the boundary of a grapheme.
    pub fn cursor(&self) -> usize {
        self.caret.cursor
    }

    /// The bytes that are selected, if any are.
    pub fn selection(&self) -> Option<Range<usize>> {
        let Caret { anchor, cursor } = self.caret;
        (anchor != cursor).then(|| anchor.min(cursor)..anchor.max(cursor))
    }

    /// What is selected, if anything is.
    pub fn selected_text(&self) -> Option<&str> {
        self.text.get(self.selection()?)
    }

    /// Selects these bytes, extended to whole graphemes, with the cursor at their end; an empty range moves the cursor.
    /// What lies beyond the text is ignored.
    pub fn select(&mut self, range: Range<usize>) {
        let cursor = motion::ceil(&self.text, range.end);
        let anchor = if range.is_empty() { cursor } else { motion::floor(&self.text, range.start) };
        self.place(Caret { anchor, cursor });
    }

    /// Does `command` and tells whether the text changed. With `select` (Shift is held) a movement takes the end of the
    /// selection along. `width` is the number of columns that lines are wrapped at.
    pub fn apply(&mut self, command: EditorCommand, select: bool, width: usize) -> bool {
        use EditorCommand::*;
        let Caret { anchor, cursor } = self.caret;
        let selection = self.selection().filter(|_| !select);
        let text = &self.text;
        let caret = match command {
            Insert(text) => return self.insert(&text, Kind::Typing),
            Paste(text) => return self.insert(&text, Kind::Whole),
            NewLine => return !self.single && self.insert("\n", Kind::Whole),
            DeleteBack => return self.delete(Kind::DeletingBack, motion::previous),
            DeleteForward => return self.delete(Kind::DeletingForward, motion::next),
            DeleteWordBack => return self.delete(Kind::Whole, motion::word_left),
            DeleteWordForward => return self.delete(Kind::Whole, motion::word_right),
            DeleteToStart => return self.delete(Kind::Whole, motion::line_left),
            DeleteToEnd => return self.delete(Kind::Whole, motion::line_right),
            Undo => return self.recall(History::undo),
            Redo => return self.recall(History::redo),
            Up => return self.go_vertically(true, 1, select, width),
            Down => return self.go_vertically(false, 1, select, width),
            PageUp(lines) => return self.go_vertically(true, lines, select, width),
            PageDown(lines) => return self.go_vertically(false, lines, select, width),
            Left => self.to(selection.map_or_else(|| motion::previous(text, cursor), |range| range.start), select),
            Right => self.to(selection.map_or_else(|| motion::next(text, cursor), |range| range.end), select),
            WordLeft => self.to(motion::word_left(text, cursor), select),
            WordRight => self.to(motion::word_right(text, cursor), select),
            LineStart => self.to(motion::line_start(text, cursor), select),
            LineEnd => self.to(motion::line_end(text, cursor), select),
            TextStart => self.to(0, select),
            TextEnd => self.to(text.len(), select),
            ClickAt { x, y } => self.to(self.offset_at(x, y, width), select),
            DragTo { x, y } => Caret { anchor, cursor: self.offset_at(x, y, width) },
            SelectAll => Caret { anchor: 0, cursor: text.len() },
            Deselect => Caret::at(cursor),
            SelectWordAt { x, y } => {
                let word = motion::word_at(text, self.offset_at(x, y, width));
                Caret { anchor: word.start, cursor: word.end }
            }
            SelectLineAt { y } => {
                let at = self.offset_at(0, y, width);
                let end = motion::line_end(text, at);
                Caret { anchor: motion::line_start(text, at), cursor: motion::next(text, end) }
            }
        };
        self.place(caret);
        false
    }

    /// Takes the selection out of the text, in one step of undo.
    pub fn cut(&mut self) -> Option<String> {
        let text = self.selected_text()?.to_owned();
        self.delete(Kind::Whole, |_, at| at).then_some(text)
    }

    /// Selects the next match of `pattern`, or the one before, going on at the other end of the text; false if there is
    /// none. If what is selected is a match, the search goes on from there, else from the start (backwards: the end) of
    /// the selection, so that a pattern that grows while it is typed keeps its place.
    pub fn find_next(&mut self, pattern: &str, backwards: bool) -> bool {
        let matches = self.matches(pattern);
        let here = self.selection().unwrap_or(self.caret.cursor..self.caret.cursor);
        let current = matches.binary_search_by_key(&here.start, |found| found.start).ok();
        let current = current.filter(|&index| matches.get(index) == Some(&here));
        let index = match (current, backwards) {
            (Some(index), false) => index + 1,
            (Some(index), true) => index.wrapping_sub(1),
            (None, false) => matches.partition_point(|found| found.start < here.start),
            (None, true) => matches.partition_point(|found| found.end <= here.end).wrapping_sub(1),
        };
        let wrapped = if backwards { matches.last() } else { matches.first() };
        let Some(found) = matches.get(index).or(wrapped) else {
            return false;
        };
        self.place(Caret { anchor: found.start, cursor: found.end });
        true
    }

    /// Where `pattern` stands as it is, in any case unless it has an upper-case letter itself or is longer than 256
    /// bytes. Matches do not overlap, and none begins or ends within a grapheme. An empty pattern matches nothing.
    pub fn matches(&self, pattern: &str) -> Vec<Range<usize>> {
        let pattern = normalised(pattern);
        if pattern.is_empty() {
            return Vec::new();
        }
        let any_case = pattern.len() <= MAX_ANY_CASE && !pattern.chars().any(char::is_uppercase);
        let regex = any_case.then(|| RegexBuilder::new(&regex::escape(&pattern)).case_insensitive(true).build().ok());
        let mut found: Vec<Range<usize>> = match regex.flatten() {
            Some(regex) => regex.find_iter(&self.text).map(|found| found.range()).collect(),
            None => self.text.match_indices(&*pattern).map(|(at, found)| at..at + found.len()).collect(),
        };
        // One walk for all, forward: finding boundaries one by one takes the length of a run of flags for each.
        let mut boundaries = self.text.grapheme_indices(true).map(|(at, _)| at).chain([self.text.len()]).peekable();
        let mut is_boundary = |at: usize| {
            while boundaries.next_if(|&boundary| boundary < at).is_some() {}
            boundaries.peek() == Some(&at)
        };
        found.retain(|range| is_boundary(range.start) && is_boundary(range.end));
        found
    }

    /// Whether there is a step to take back.
    pub fn can_undo(&self) -> bool {
        self.history.can_undo()
    }

    /// Whether there is a step to do again.
    pub fn can_redo(&self) -> bool {
        self.history.can_redo()
    }

    /// The text wrapped at `width` columns, at least one. There is always a line. Blanks that a line is wrapped after
    /// may hang over its edge.
    pub fn lines(&self, width: usize) -> Vec<Line> {
        layout::lines(&self.text, width)
    }

    /// The column and the line of the screen that the cursor is at. Where a line is wrapped, that is the start of the
    /// next. The column is `width` after a full line, and more after blanks that hang over: show it in the last.
    pub fn cursor_position(&self, width: usize) -> (usize, usize) {
        layout::position(&self.text, &self.lines(width), self.caret.cursor)
    }

    /// The boundary before what is at column `x` of line `y`. Right of a line it is the line's end, or what the line is
    /// wrapped after; below the last line the end of the text.
    pub fn offset_at(&self, x: usize, y: usize, width: usize) -> usize {
        layout::offset_at(&self.text, &self.lines(width), x, y)
    }

    /// `text` with the line breaks that this editor has.
    fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let text = normalised(text);
        if self.single && text.contains('\n') { Cow::Owned(text.replace('\n', " ")) } else { text }
    }

    fn insert(&mut self, text: &str, kind: Kind) -> bool {
        let text = self.clean(text);
        let selection = self.selection();
        if selection.is_some() {
            self.history.close();
        }
        let range = selection.unwrap_or(self.caret.cursor..self.caret.cursor);
        let length = self.text.len() - range.len() + text.len();
        if text.is_empty() || length > MAX_TEXT.max(self.text.len()) {
            return false;
        }
        let cursor = range.start + text.len();
        self.replace(range, &text, cursor, if text.contains('\n') { Kind::Whole } else { kind })
    }

    /// Deletes the selection or what is between the cursor and where `to` says.
    fn delete(&mut self, kind: Kind, to: impl Fn(&str, usize) -> usize) -> bool {
        let cursor = self.caret.cursor;
        let other = to(&self.text, cursor);
        let (range, kind) = match self.selection() {
            Some(selection) => (selection, Kind::Whole),
            None => (cursor.min(other)..cursor.max(other), kind),
        };
        let is_line_break = self.text.get(range.clone()) == Some("\n");
        self.replace(range.clone(), "", range.start, if is_line_break { Kind::Whole } else { kind })
    }

    /// Puts `new` in the place of `range` and the cursor at `cursor`, or where the grapheme that it is then in ends,
    /// and remembers that. Tells whether the text changed.
    fn replace(&mut self, range: Range<usize>, new: &str, cursor: usize, kind: Kind) -> bool {
        let Some(removed) = self.text.get(range.clone()).filter(|removed| *removed != new).map(str::to_owned) else {
            self.place(Caret::at(motion::ceil(&self.text, cursor)));
            return false;
        };
        let before = self.caret;
        self.text.replace_range(range.clone(), new);
        self.caret = Caret::at(motion::ceil(&self.text, cursor));
        self.column = None;
        let step = Step { at: range.start, removed, inserted: new.to_owned(), before, after: self.caret };
        self.history.record(step, kind);
        true
    }

    fn recall(&mut self, step: impl Fn(&mut History, &mut String) -> Option<Caret>) -> bool {
        let caret = step(&mut self.history, &mut self.text);
        self.place(caret.unwrap_or(self.caret));
        caret.is_some()
    }

    /// The caret after a movement to `cursor`.
    fn to(&self, cursor: usize, select: bool) -> Caret {
        Caret { anchor: if select { self.caret.anchor } else { cursor }, cursor }
    }

    fn go_vertically(&mut self, up: bool, by: usize, select: bool, width: usize) -> bool {
        let lines = self.lines(width);
        let (column, y) = layout::position(&self.text, &lines, self.caret.cursor);
        let column = self.column.unwrap_or(column);
        let last = lines.len().saturating_sub(1);
        let target = if up { y.saturating_sub(by) } else { y.saturating_add(by).min(last) };
        let to = match (by > 0 && target == y, up) {
            (true, true) => 0,
            (true, false) => self.text.len(),
            _ => layout::offset_at(&self.text, &lines, column, target),
        };
        self.place(self.to(to, select));
        self.column = Some(column);
        false
    }

    /// Puts the cursor somewhere without a change of the text.
    fn place(&mut self, caret: Caret) {
        self.caret = caret;
        self.column = None;
        self.history.close();
    }
}

/// `text` with all its line breaks as `\n`; terminals paste them as `\r`.
fn normalised(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

/// Bytes of the characters that two texts begin with alike.
fn common_bytes(left: impl Iterator<Item = char>, right: impl Iterator<Item = char>) -> usize {
    left.zip(right).take_while(|(left, right)| left == right).map(|(c, _)| c.len_utf8()).sum()
}
