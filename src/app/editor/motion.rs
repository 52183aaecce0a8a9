//! Where a cursor may stand and where it goes next: grapheme clusters, words, hard lines.
//!
//! Offsets are bytes. Those that come in are grapheme boundaries unless said otherwise, and so are those that go out.
//! What is a word: a run of letters, digits and underscores, or a run of anything else that is neither a blank nor a
//! line break. Words are found by walking forward from the start of the line: finding boundaries backwards takes the
//! length of the run for each flag of a run of flags. Lines as they are wrapped are left to [`super::layout`].

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// The boundary after `at`, or the end.
pub(super) fn next(text: &str, at: usize) -> usize {
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    cursor.next_boundary(text, 0).ok().flatten().unwrap_or(text.len())
}

/// The boundary before `at`, or the start.
pub(super) fn previous(text: &str, at: usize) -> usize {
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    cursor.prev_boundary(text, 0).ok().flatten().unwrap_or(0)
}

/// The first boundary at or after `at`, which may be any number.
pub(super) fn ceil(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    if is_boundary(text, at) { at } else { next(text, at) }
}

/// The last boundary at or before `at`, which may be any number.
pub(super) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    if is_boundary(text, at) { at } else { previous(text, at) }
}

/// Whether `at`, a boundary of characters, is one of graphemes.
fn is_boundary(text: &str, at: usize) -> bool {
    GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0).unwrap_or(true)
}

/// Where the hard line that `at` is in begins.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Where the hard line that `at` is in ends: at its newline or at the end of the text.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|after| after.find('\n')).map_or(text.len(), |newline| at + newline)
}

/// The start of the hard line; from there, the end of the one before.
pub(super) fn line_left(text: &str, at: usize) -> usize {
    let start = line_start(text, at);
    if start == at { at.saturating_sub(1) } else { start }
}

/// The end of the hard line; from there, the start of the next.
pub(super) fn line_right(text: &str, at: usize) -> usize {
    let end = line_end(text, at);
    if end == at { (at + 1).min(text.len()) } else { end }
}

/// The start of the word before `at`, blanks between them passed over. From the start of a line, the end of the one
/// before.
pub(super) fn word_left(text: &str, at: usize) -> usize {
    let start = line_start(text, at);
    if start == at {
        return line_left(text, at);
    }
    let mut word = start;
    let mut last = Class::Blank;
    for (offset, grapheme) in text.get(start..at).unwrap_or_default().grapheme_indices(true) {
        let class = Class::of(grapheme);
        if class != last && class != Class::Blank {
            word = start + offset;
        }
        last = class;
    }
    word
}

/// The end of the word after `at`, blanks between them passed over. From the end of a line, the start of the next.
pub(super) fn word_right(text: &str, at: usize) -> usize {
    let end = line_end(text, at);
    if end == at {
        return line_right(text, at);
    }
    let mut last = Class::Blank;
    for (offset, grapheme) in text.get(at..end).unwrap_or_default().grapheme_indices(true) {
        let class = Class::of(grapheme);
        if class != last && last != Class::Blank {
            return at + offset;
        }
        last = class;
    }
    end
}

/// The word, or the run of blanks, that what follows `at` belongs to; at the end of a line what stands before it. Empty
/// on an empty line.
pub(super) fn word_at(text: &str, at: usize) -> Range<usize> {
    let (start, end) = (line_start(text, at), line_end(text, at));
    let mut run = start..start;
    let mut last = None;
    for (offset, grapheme) in text.get(start..end).unwrap_or_default().grapheme_indices(true) {
        let class = Some(Class::of(grapheme));
        if class != last {
            if start + offset > at {
                break;
            }
            run.start = start + offset;
        }
        run.end = start + offset + grapheme.len();
        last = class;
    }
    run
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    Word,
    Other,
}

impl Class {
    fn of(grapheme: &str) -> Self {
        match grapheme.chars().next() {
            Some(c) if c.is_whitespace() => Self::Blank,
            Some(c) if c.is_alphanumeric() || c == '_' => Self::Word,
            _ => Self::Other,
        }
    }
}
