//! Untrusted text in columns of a terminal: measured, cut, padded, wrapped and drawn.
//!
//! Everything here takes text as it came and treats it as [`printable`] shows it: a tab is a blank, a line break `⏎`, any
//! other control character its escape. What [`fit`] and [`pad`] return is clean and has the width that
//! ratatui gives it, so that spans can be made of it too. A grapheme of absurd length (a letter under hundreds of marks) is
//! shown as `�`.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use crate::text::printable;

/// Where text stands in columns that are wider than it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// At the left edge.
    #[default]
    Left,
    /// In the middle, rather left than right.
    Centre,
    /// At the right edge.
    Right,
}

/// The longest emoji take some 40 bytes; nothing longer is shown as it is.
const LONGEST_GRAPHEME: usize = 64;
const TOO_LONG: &str = "\u{fffd}";
const CUT: &str = "…";

/// A grapheme and what is shown for it.
struct Piece<'a> {
    at: usize,
    raw: &'a str,
    shown: Cow<'a, str>,
    width: usize,
}

impl<'a> Piece<'a> {
    fn new(at: usize, raw: &'a str) -> Self {
        if raw.len() > LONGEST_GRAPHEME {
            return Self { at, raw, shown: Cow::Borrowed(TOO_LONG), width: 1 };
        }
        let shown = printable(raw);
        // An escape is several graphemes.
        let width = shown.graphemes(true).map(|grapheme| usize::from(grapheme.cell_width())).sum();
        Self { at, raw, shown, width }
    }

    fn end(&self) -> usize {
        self.at + self.raw.len()
    }
}

fn pieces(text: &str) -> impl DoubleEndedIterator<Item = Piece<'_>> {
    text.grapheme_indices(true).map(|(at, raw)| Piece::new(at, raw))
}

/// Printable ASCII: a column a byte.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// The text without anything that must not be shown. Borrowed where there is nothing to change.
pub fn clean(text: &str) -> Cow<'_, str> {
    // A short text holds no long grapheme.
    if text.len() <= LONGEST_GRAPHEME || pieces(text).all(|piece| piece.raw.len() <= LONGEST_GRAPHEME) {
        return printable(text);
    }
    Cow::Owned(pieces(text).map(|piece| piece.shown).collect())
}

/// The columns that the text takes when drawn on one line.
pub fn width(text: &str) -> usize {
    if is_plain(text) { text.len() } else { pieces(text).map(|piece| piece.width).sum() }
}

/// The text in at most `columns`: cut at its end, between graphemes, with `…` where it is longer. No columns, no text.
/// Looks no further into the text than needed.
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if text.len() <= columns && is_plain(text) {
        return Cow::Borrowed(text);
    }
    let (mut used, mut keep) = (0, 0);
    for piece in pieces(text) {
        used += piece.width;
        if used > columns {
            let kept = clean(text.get(..keep).unwrap_or_default());
            return if columns == 0 { Cow::Borrowed("") } else { kept + CUT };
        }
        if used < columns {
            keep = piece.end();
        }
    }
    clean(text)
}

/// The text in exactly `columns`: cut as by [`fit`], or with blanks around it.
pub fn pad(text: &str, columns: usize, align: Align) -> String {
    let text = fit(text, columns);
    let rest = columns.saturating_sub(width(&text));
    let left = match align {
        Align::Left => 0,
        Align::Centre => rest / 2,
        Align::Right => rest,
    };
    format!("{:left$}{text}{:right$}", "", "", right = rest - left)
}

/// The byte ranges of the lines that the text breaks into at `columns`, all of them: see [`lines`].
pub fn wrap(text: &str, columns: usize) -> Vec<Range<usize>> {
    lines(text, columns).collect()
}

/// As [`wrap`], but only `take` lines from the line `skip` on; the text behind them is not looked at.
pub fn wrap_lines(text: &str, columns: usize, skip: usize, take: usize) -> Vec<Range<usize>> {
    lines(text, columns).skip(skip).take(take).collect()
}

/// Breaks the text into lines of at most `columns`, one at a time.
///
/// Its own line breaks count and belong to no line. Longer lines are broken at blanks, which then belong to no line
/// either, and beside wide characters; a word longer than a line is broken between graphemes. Blanks at the beginning of a
/// line stay. There is always a first line, and a last one behind a line break, be they empty; of no columns there are no
/// lines. A grapheme wider than a line has a line to itself, where it cannot be drawn.
pub fn lines(text: &str, columns: usize) -> Lines<'_> {
    Lines { text, columns, next: (columns > 0).then_some(0) }
}

/// The lines of a text: see [`lines`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    text: &'a str,
    columns: usize,
    next: Option<usize>,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.next?;
        let rest = self.text.get(start..)?;
        // Where the line could end, and where the next would begin then.
        let mut opportunity = None;
        let (mut used, mut content, mut before) = (0, start, Kind::Start);
        for (offset, raw) in rest.grapheme_indices(true) {
            let piece = Piece::new(start + offset, raw);
            let kind = Kind::of(&piece);
            match (before, kind) {
                (_, Kind::Break) => {
                    self.next = Some(piece.end());
                    return Some(start..if used > self.columns { content } else { piece.at });
                }
                (_, Kind::Blank) => {
                    // Blanks may hang over the edge.
                    used += piece.width;
                    before = kind;
                    continue;
                }
                (Kind::Blank, _) if content > start => opportunity = Some((content, piece.at)),
                (before, kind) if before.splits(kind) => opportunity = Some((piece.at, piece.at)),
                _ => {}
            }
            if used + piece.width > self.columns && piece.at > start {
                let (end, next) =
                    opportunity.unwrap_or(if used > self.columns { (content, piece.at) } else { (piece.at, piece.at) });
                self.next = Some(next);
                return Some(start..end);
            }
            used += piece.width;
            content = piece.end();
            before = kind;
        }
        self.next = None;
        Some(start..if used > self.columns { content } else { self.text.len() })
    }
}

/// What a grapheme means to the breaking of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Start,
    Break,
    Blank,
    /// Ends what may stand on a line: a zero-width space, a shown line break.
    Ender,
    Wide,
    /// Wide, but not to be parted from what follows.
    Opening,
    /// Wide, but not to be parted from what precedes.
    Closing,
    Other,
}

impl Kind {
    fn of(piece: &Piece<'_>) -> Self {
        match piece.raw.chars().next() {
            Some('\n' | '\u{2028}' | '\u{2029}') => Self::Break,
            Some('\r') if piece.raw.len() > 1 => Self::Break,
            Some('\u{a0}' | '\u{2007}' | '\u{202f}') => Self::Other,
            // With a mark on it, it is no blank.
            Some(c) if (c == '\t' || c.is_whitespace() && !c.is_control()) && piece.raw.len() == c.len_utf8() => {
                Self::Blank
            }
            Some('\u{200b}' | '⏎') => Self::Ender,
            Some('「' | '『' | '（' | '【' | '《' | '〈' | '［') => Self::Opening,
            Some(
                '、' | '。' | '，' | '．' | '！' | '？' | '：' | '；' | '」' | '』' | '）' | '】' | '》' | '〉' | '］'
                | 'ー' | '々',
            ) => Self::Closing,
            _ if piece.width > 1 && matches!(piece.shown, Cow::Borrowed(_)) => Self::Wide,
            _ => Self::Other,
        }
    }

    /// Whether a line may end between the two.
    fn splits(self, next: Self) -> bool {
        match (self, next) {
            (Self::Start | Self::Opening, _) | (_, Self::Closing) => false,
            (Self::Ender, _) => true,
            (before, next) => {
                matches!(before, Self::Wide | Self::Closing) || matches!(next, Self::Wide | Self::Opening)
            }
        }
    }
}

/// Draws the text, clean and on one line, in at most `max_columns` and what the buffer has of them; longer text is cut as
/// by [`fit`]. Returns the columns used. What lies outside of the buffer is not drawn; no wide character is left in halves.
pub fn draw(buf: &mut Buffer, x: u16, y: u16, max_columns: u16, text: &str, style: impl Into<Style>) -> u16 {
    let area = buf.area;
    if y < area.top() || y >= area.bottom() || x >= area.right() {
        return 0;
    }
    let style = style.into();
    let text = fit(text, usize::from(max_columns.min(area.right() - x)));
    let mut at = x;
    for grapheme in text.graphemes(true) {
        let width = grapheme.cell_width();
        if width == 0 {
            continue;
        }
        let end = at.saturating_add(width);
        put(buf, at, y, if at < area.left() { " " } else { grapheme }, style);
        (at + 1..end).for_each(|x| set(buf, x, y, " ", style));
        at = end;
    }
    at - x
}

/// Draws one grapheme of one column into a cell, if the buffer has it. Where the cell was the right part of a wide character,
/// that one is blanked.
pub fn put(buf: &mut Buffer, x: u16, y: u16, symbol: &str, style: impl Into<Style>) {
    let before = if y < buf.area.bottom() && x < buf.area.right() { x.saturating_sub(buf.area.left()) } else { 0 };
    for back in 1..=before.min(WIDEST) {
        match buf.cell_mut((x - back, y)) {
            // Behind a wide character there are blanks.
            Some(cell) if cell.symbol() == " " => {}
            Some(cell) if cell.symbol().len() > 1 && cell.cell_width() > back => {
                cell.set_symbol(" ");
                break;
            }
            _ => break,
        }
    }
    set(buf, x, y, symbol, style.into());
}

fn set(buf: &mut Buffer, x: u16, y: u16, symbol: &str, style: Style) {
    if let Some(cell) = buf.cell_mut((x, y)) {
        cell.set_symbol(symbol).set_style(style);
    }
}

/// How many columns to look back for a wide character; wider ones are too rare.
const WIDEST: u16 = 3;

#[cfg(test)]
mod tests;
