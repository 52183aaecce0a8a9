//! How a text lies on the screen: what is drawn for a grapheme, and soft wrap.
//!
//! Columns are summed over graphemes, as ratatui's buffer does, not measured over strings, which comes to less where
//! letters join (Arabic lam and alef). Drawing, scrolling and keeping a cursor that is past the edge in sight are left
//! to the view.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns that a grapheme takes at most: clusters of Indic scripts have 3 or 4. What asks for more is drawn cut.
const WIDEST: usize = 4;
/// What is drawn for a control character.
const PLACEHOLDER: &str = "·";

/// A line as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its bytes in the text, without the newline that ends it; where it is wrapped, with the blanks it is wrapped at.
    pub range: Range<usize>,
    /// The number, from 1, of the hard line that begins here; none where a hard line goes on.
    pub number: Option<usize>,
}

/// Columns that a grapheme takes when it is [`shown`], at most 4. A tab takes one, a newline none, any other control
/// character one: C0, C1, DEL, line and paragraph separators, and what overrides or isolates reading direction.
pub fn column_width(grapheme: &str) -> usize {
    match grapheme {
        "\n" | "\r\n" => 0,
        "\t" => 1,
        _ if grapheme.chars().any(is_hidden) => PLACEHOLDER.width(),
        _ => grapheme.width().min(WIDEST),
    }
}

/// What is drawn for a grapheme: something safe that takes [`column_width`] columns, nothing if that is 0.
pub fn shown(grapheme: &str) -> Cow<'_, str> {
    match grapheme {
        "\n" | "\r\n" => Cow::Borrowed(""),
        "\t" => Cow::Borrowed(" "),
        _ if grapheme.chars().any(is_hidden) => Cow::Borrowed(PLACEHOLDER),
        _ => match grapheme.width() {
            0 => Cow::Borrowed(""),
            width if width <= WIDEST => Cow::Borrowed(grapheme),
            _ => Cow::Owned(cut(grapheme)),
        },
    }
}

/// As much of a grapheme as fits into the widest that is allowed, filled up with blanks.
fn cut(grapheme: &str) -> String {
    // Honest clusters are short; in others, the first characters are those that are wide.
    const LOOKED_AT: usize = 32;
    let fitting = grapheme
        .char_indices()
        .take(LOOKED_AT)
        .map_while(|(at, c)| grapheme.get(..at + c.len_utf8()).filter(|prefix| prefix.width() <= WIDEST))
        .last()
        .filter(|prefix| prefix.width() > 0)
        .unwrap_or(PLACEHOLDER);
    format!("{fitting}{}", " ".repeat(WIDEST.saturating_sub(fitting.width())))
}

/// What a terminal could obey, or be confused by: the same characters as in `crate::text`.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

/// Where a line may be wrapped after: any blank that is not there to prevent that.
fn is_blank(grapheme: &str) -> bool {
    let may_break = |c: char| c == '\t' || (c.is_whitespace() && !is_hidden(c));
    grapheme.chars().next().is_some_and(|c| may_break(c) && !matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}'))
}

/// The text wrapped at `width` columns, at least one; never empty. Lines break after blanks, which may hang over the
/// edge, and within words only where a word is longer than a line. A grapheme that is wider than `width` has a line of
/// its own.
pub(super) fn lines(text: &str, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (index, hard) in text.split('\n').enumerate() {
        let first = lines.len();
        wrap(hard, start, width.max(1), &mut lines);
        if let Some(line) = lines.get_mut(first) {
            line.number = Some(index + 1);
        }
        start += hard.len() + 1;
    }
    lines
}

/// Wraps one hard line, which begins at byte `begin` of its text.
fn wrap(hard: &str, begin: usize, width: usize, lines: &mut Vec<Line>) {
    let mut push = |range: Range<usize>| {
        lines.push(Line { range: begin + range.start..begin + range.end, number: None });
    };
    // No grapheme takes more columns than bytes.
    if hard.len() <= width {
        return push(0..hard.len());
    }
    let (mut start, mut column) = (0, 0);
    // After the last blank of this line, and the column there.
    let mut after_blank = None;
    for (at, grapheme) in hard.grapheme_indices(true) {
        let columns = column_width(grapheme);
        if is_blank(grapheme) {
            column += columns;
            after_blank = Some((at + grapheme.len(), column));
            continue;
        }
        if column + columns > width
            && let Some((word, word_column)) = after_blank.take()
        {
            push(start..word);
            start = word;
            column -= word_column;
        }
        if column + columns > width && at > start {
            push(start..at);
            start = at;
            column = 0;
        }
        column += columns;
    }
    push(start..hard.len());
}

/// The column and the line of `offset`. Where a line is wrapped, that is the start of the next.
pub(super) fn position(text: &str, lines: &[Line], offset: usize) -> (usize, usize) {
    let y = lines.partition_point(|line| line.range.start <= offset).saturating_sub(1);
    let start = lines.get(y).map_or(0, |line| line.range.start);
    let before = text.get(start..offset).unwrap_or_default();
    (before.graphemes(true).map(column_width).sum(), y)
}

/// The boundary before the grapheme at column `x` of line `y`. Right of a line its end, or, where it is wrapped, the
/// boundary before its last grapheme, since its end is the start of the next; below all lines the end of the text.
pub(super) fn offset_at(text: &str, lines: &[Line], x: usize, y: usize) -> usize {
    let Some(Line { range, .. }) = lines.get(y) else {
        return text.len();
    };
    let (mut column, mut last) = (0, range.start);
    for (at, grapheme) in text.get(range.clone()).unwrap_or_default().grapheme_indices(true) {
        column += column_width(grapheme);
        last = range.start + at;
        if x < column {
            return last;
        }
    }
    let is_wrapped = lines.get(y + 1).is_some_and(|next| next.number.is_none());
    if is_wrapped { last } else { range.end }
}
