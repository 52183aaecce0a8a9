//! A confusion matrix: gold labels down the side, predicted ones across.
//!
//! Where everything stands is a [`MatrixLayout`], made of the labels, the number of rows that will be counted and the area,
//! and not of the counts: so nothing moves while they grow, and the mouse asks it what it hit. Labels too long for the
//! heads of columns give way to numbers, which stand before the labels at the side. What does not fit is scrolled away, the
//! selected cell never.

mod draw;

use std::collections::HashSet;

use ratatui::layout::Rect;

use super::scroll::window;
use super::text::{fit, width};

pub use draw::{MatrixStyle, draw};

/// Where the parts of a matrix stand, in columns and rows from the top left of its area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixLayout {
    width: u16,
    /// How many labels there are.
    size: usize,
    selected: Option<(usize, usize)>,
    form: Form,
    /// The digits that a count is given.
    digits: u16,
    /// The columns of the labels at the side.
    side: u16,
    /// The columns of a cell.
    cell: u16,
    across: Span,
    down: Span,
    /// Rows of the word "predicted", of the heads of the columns, and of the caption.
    axis_row: Option<u16>,
    heads_row: Option<u16>,
    caption_row: Option<u16>,
    /// Labels at the side, of the rows that are seen.
    gold: Vec<String>,
    /// Heads of the columns that are seen.
    heads: Vec<String>,
    /// The labels of the selected cell.
    selected_labels: Option<(String, String)>,
}

/// The labels that are seen along one side, and where they start on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: usize,
    count: usize,
    start: u16,
}

impl Span {
    fn position(self, index: usize, size: u16) -> Option<u16> {
        let place = index.checked_sub(self.first).filter(|place| *place < self.count)?;
        Some(self.start + u16::try_from(place).ok()? * size)
    }
}

/// How much a cell shows beside its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// ` ▓▓▓[166]`
    Roomy,
    /// `▓[166]`
    Normal,
    /// `▓166`
    Tight,
}

impl Form {
    fn columns(self, digits: u16) -> u16 {
        digits
            + match self {
                Self::Roomy => 6,
                Self::Normal => 3,
                Self::Tight => 1,
            }
    }
}

/// Columns of a label over a column, in full and abbreviated.
const HEAD: usize = 16;
const SHORT_HEAD: usize = 8;
/// Columns of a label at the side, at most and at least.
const SIDE: usize = 28;
const LEAST_SIDE: u16 = 8;
/// Columns of a label in the caption.
const CAPTION: usize = 60;

impl MatrixLayout {
    /// Lays out a matrix of `labels`, which may be any text, over `total_rows` counted rows in all. `selected` is the cell
    /// `(gold, predicted)` to keep in sight.
    pub fn new<S: AsRef<str>>(
        labels: &[S],
        total_rows: u64,
        area_width: u16,
        area_height: u16,
        selected: Option<(usize, usize)>,
    ) -> Self {
        let size = labels.len();
        let label = |index: usize| labels.get(index).map_or("", AsRef::as_ref);
        let last = size.checked_sub(1);
        let selected = selected.and_then(|(gold, predicted)| Some((gold.min(last?), predicted.min(last?))));
        let (selected_gold, selected_predicted) = selected.unwrap_or_default();

        let height = usize::from(area_height);
        let has_heads = height > 1;
        // Rather all rows than a caption, rather a caption than a few more of too many rows.
        let has_caption = height > 5 && height != size.saturating_add(1) || height > size.saturating_add(1);
        let used = usize::from(has_heads) + usize::from(has_caption);
        let has_axis = has_heads && height > size.saturating_add(used);
        let above = u16::from(has_heads) + u16::from(has_axis);
        let count = height.saturating_sub(used + usize::from(has_axis)).min(size);
        let down = Span { first: window(selected_gold, 0, count, size), count, start: above };

        let digits = total_rows.checked_ilog10().map_or(1, |log| log as u16 + 1);
        let longest = labels.iter().map(|label| width(&fit(label.as_ref(), SIDE))).max().unwrap_or(0);
        // A scrollbar takes a column.
        let mut room = area_width.saturating_sub(u16::from(count < size));
        let (form, cell, heads) = form_of(labels, longest, digits, room);

        // One column parts labels from cells.
        let key = if heads == Heads::Keys { digits_of(size) + 1 } else { 0 };
        let widest_side = (longest + key + 1) as u16;
        let all = usize::from(cell).saturating_mul(size);
        let mut side = if all.saturating_add(widest_side.min(LEAST_SIDE).into()) <= usize::from(room) {
            widest_side.min(room - all as u16)
        } else {
            // So does the sign that there is more at the right.
            room = room.min(area_width.saturating_sub(1));
            widest_side.min(LEAST_SIDE.max(room / 5))
        };
        side = side.min(room.saturating_sub(cell));
        let seen_across = usize::from((room - side) / cell).min(size);
        let first = window(selected_predicted, 0, seen_across, size);
        let across = Span { first, count: seen_across, start: side };

        let seen = |span: Span| span.first..span.first + span.count;
        let key_width = digits_of(size);
        let side_label = |index: usize| match heads {
            Heads::Keys => format!("{:>key_width$} {}", index + 1, fit(label(index), SIDE)),
            Heads::Labels(_) => fit(label(index), SIDE).into_owned(),
        };
        let head = |index: usize| match heads {
            Heads::Keys => (index + 1).to_string(),
            Heads::Labels(columns) => fit(label(index), columns).into_owned(),
        };
        let named = |index: usize| fit(label(index), CAPTION).into_owned();
        Self {
            width: area_width,
            size,
            selected,
            form,
            digits,
            side,
            cell,
            across,
            down,
            axis_row: has_axis.then_some(0),
            heads_row: has_heads.then_some(above.saturating_sub(1)),
            caption_row: has_caption.then_some(above + count as u16),
            gold: seen(down).map(side_label).collect(),
            heads: seen(across).map(head).collect(),
            selected_labels: selected.map(|(gold, predicted)| (named(gold), named(predicted))),
        }
    }

    /// The place of a cell from the top left of the area, none where it is scrolled out of sight.
    pub fn cell_rect(&self, gold: usize, predicted: usize) -> Option<Rect> {
        let (x, y) = (self.across.position(predicted, self.cell)?, self.down.position(gold, 1)?);
        Some(Rect { x, y, width: self.cell, height: 1 })
    }
}

/// What stands over the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heads {
    /// Labels in at most so many columns.
    Labels(usize),
    /// Numbers, which the side explains.
    Keys,
}

/// The roomiest form that fits, the columns of a cell, and the heads.
fn form_of<S: AsRef<str>>(labels: &[S], longest: usize, digits: u16, room: u16) -> (Form, u16, Heads) {
    let size = labels.len();
    let fits = |cell: u16, key: usize, side: usize| {
        let side = (longest + key + 1).min(side);
        size.checked_mul(usize::from(cell)).is_some_and(|all| all + side <= usize::from(room))
    };
    let side = usize::from(room / 4).max(12);
    let labelled = |columns: usize| {
        [Form::Roomy, Form::Normal].into_iter().find_map(|form| {
            // A head ends over the last digit; the bracket beside it parts it from the next.
            let cell = form.columns(digits).max(columns as u16 + 2);
            fits(cell, 0, side).then_some((form, cell, Heads::Labels(columns)))
        })
    };
    let distinct = |columns: usize| {
        let mut heads = HashSet::new();
        labels.iter().all(|label| heads.insert(fit(label.as_ref(), columns)))
    };
    let in_full = (longest <= HEAD).then(|| labelled(longest)).flatten();
    let abbreviated = || labelled(SHORT_HEAD).filter(|_| longest > SHORT_HEAD && distinct(SHORT_HEAD));
    let key = digits_of(size) + 1;
    let keyed = || {
        [Form::Roomy, Form::Normal].into_iter().find_map(|form| {
            let cell = form.columns(digits).max(key as u16);
            fits(cell, key, side).then_some((form, cell, Heads::Keys))
        })
    };
    in_full
        .or_else(abbreviated)
        .or_else(keyed)
        .unwrap_or_else(|| (Form::Tight, Form::Tight.columns(digits).max(key as u16), Heads::Keys))
}

fn digits_of(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests;
