//! The drawing of a matrix that has been laid out.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::super::table::scrollbar;
use super::super::text::{self, Align, fit, pad};
use super::{Form, MatrixLayout};

/// What shows on a blank.
const MARKS: Modifier = Modifier::UNDERLINED.union(Modifier::CROSSED_OUT);

/// How a matrix looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct MatrixStyle {
    /// Labels, heads and caption.
    pub label: Style,
    /// The words "gold" and "predicted", and signs of scrolling.
    pub axis: Style,
    /// Counts of nothing.
    pub zero: Style,
    /// The shades on the diagonal, of what was predicted rightly; only the foreground counts.
    pub good: Style,
    /// The shades off the diagonal; only the foreground counts.
    pub bad: Style,
    /// Counts on the diagonal, by the quarter of their row that they reach into. They are bold too, and bracketed where there
    /// is room.
    pub shade_good: [Style; 4],
    /// Counts off the diagonal, in the same way.
    pub shade_bad: [Style; 4],
    /// The selected cell, instead of the styles of its count and shade.
    pub selected: Style,
    /// No block characters or arrows.
    pub ascii: bool,
}

/// Draws the matrix; `counts` are by gold label, then by predicted. Counts that are missing are drawn as 0.
///
/// Each cell is shaded by its share of its row: nothing, then a step for each quarter begun.
pub fn draw(buf: &mut Buffer, area: Rect, layout: &MatrixLayout, counts: &[Vec<u64>], style: &MatrixStyle) {
    let canvas = &mut Canvas { buf, area };
    heads(canvas, layout, style);
    for (place, label) in layout.gold.iter().enumerate() {
        let gold = layout.down.first + place;
        let y = layout.down.start + place as u16;
        let selected = layout.selected.is_some_and(|(row, _)| row == gold);
        canvas.text(0, y, layout.side.saturating_sub(1), label, emphasis(style.label, selected));
        let row = counts.get(gold).map_or(&[][..], Vec::as_slice);
        let total = sum(row);
        for predicted in layout.across.first..layout.across.first + layout.across.count {
            let count = row.get(predicted).copied().unwrap_or(0);
            cell(canvas, layout, (gold, predicted), count, total, style);
        }
    }
    if let (Some(y), Some((gold, predicted))) = (layout.caption_row, layout.selected) {
        let row = counts.get(gold).map_or(&[][..], Vec::as_slice);
        let caption = caption(layout, row.get(predicted).copied().unwrap_or(0), sum(row), style.ascii);
        canvas.text(0, y, layout.width, &caption, style.label);
    }
    let (down, across) = (layout.down, layout.across);
    if down.count < layout.size {
        let x = across.start + layout.cell * across.count as u16;
        let track = canvas.rect(Rect { x, y: down.start, width: 1, height: down.count as u16 });
        scrollbar(canvas.buf, track, down.first, down.count, layout.size, style.axis, style.ascii);
    }
}

/// The words and labels above the cells.
fn heads(canvas: &mut Canvas<'_>, layout: &MatrixLayout, style: &MatrixStyle) {
    let across = layout.across;
    let columns = layout.cell * across.count as u16;
    if let Some(y) = layout.axis_row {
        canvas.text(across.start, y, columns, &pad("predicted", columns.into(), Align::Centre), style.axis);
    }
    let Some(y) = layout.heads_row else { return };
    canvas.text(0, y, layout.side.saturating_sub(1), "gold", style.axis);
    // Heads end over the last digit.
    let bracket = u16::from(layout.form != Form::Tight);
    for (place, head) in layout.heads.iter().enumerate() {
        let x = across.start + layout.cell * place as u16;
        let selected = layout.selected.is_some_and(|(_, column)| column == across.first + place);
        let room = layout.cell.saturating_sub(bracket);
        canvas.text(x, y, room, &pad(head, room.into(), Align::Right), emphasis(style.label, selected));
    }
    let [before, behind] = if style.ascii { ["<", ">"] } else { ["‹", "›"] };
    if across.first > 0 {
        canvas.text(across.start.saturating_sub(1), y, 1, before, style.axis);
    }
    if across.first + across.count < layout.size {
        canvas.text(across.start + columns, y, 1, behind, style.axis);
    }
}

fn cell(
    canvas: &mut Canvas<'_>,
    layout: &MatrixLayout,
    (gold, predicted): (usize, usize),
    count: u64,
    total: u64,
    style: &MatrixStyle,
) {
    let Some(place) = layout.cell_rect(gold, predicted) else { return };
    let right = gold == predicted;
    let step = quarter(count, total);
    let (shade_style, steps) = if right { (style.good, &style.shade_good) } else { (style.bad, &style.shade_bad) };
    let mut shade_style = Style { fg: shade_style.fg, ..Style::new() };
    let mut count_style = step.checked_sub(1).and_then(|step| steps.get(step)).copied().unwrap_or(style.zero);
    if layout.selected == Some((gold, predicted)) {
        (shade_style, count_style) = (style.selected, style.selected);
        canvas.text(place.x, place.y, place.width, &" ".repeat(place.width.into()), style.selected);
    }
    if right {
        count_style = count_style.add_modifier(Modifier::BOLD);
    }
    let tight = layout.form == Form::Tight;
    let shade = match (style.ascii, step) {
        // In front of a number a dot would be a decimal point.
        (true, 1) if tight => " ",
        (true, step) => [" ", ".", ":", "*", "#"].get(step).copied().unwrap_or(" "),
        (false, step) => [" ", "░", "▒", "▓", "█"].get(step).copied().unwrap_or(" "),
    };
    let number = count.to_string();
    let number = fit(&number, layout.digits.into());
    let digits = text::width(&number);
    let blanks = usize::from(layout.digits).saturating_sub(digits);
    let (shades, before, behind) = match (layout.form, right) {
        // Right before the number, a blank from the column before.
        (Form::Tight, _) => (blanks.clamp(1, 2), "", ""),
        (Form::Normal, true) => (1, "[", "]"),
        (Form::Normal, false) => (1, " ", " "),
        (Form::Roomy, true) => (3, "[", "]"),
        (Form::Roomy, false) => (3, " ", " "),
    };
    let field = if tight { String::new() } else { format!("{before}{:blanks$}{:digits$}{behind}", "", "") };
    // From right to left. Marks on blanks would look like a text.
    let right_edge = place.right();
    let field_x = right_edge.saturating_sub(field.len() as u16);
    let number_x = right_edge.saturating_sub((digits + behind.len()) as u16);
    let shade_x = field_x.min(number_x).saturating_sub(shades as u16).max(place.x);
    let ground_style = Style { add_modifier: count_style.add_modifier.difference(MARKS), ..count_style };
    canvas.text(shade_x, place.y, shades as u16, &shade.repeat(shades), shade_style);
    canvas.text(field_x, place.y, field.len() as u16, &field, ground_style);
    canvas.text(number_x, place.y, digits as u16, &number, count_style);
}

/// What the selected cell says, in as many words as there is room for.
fn caption(layout: &MatrixLayout, count: u64, total: u64, ascii: bool) -> String {
    let (gold, predicted) = layout.selected_labels.as_ref().map_or(("", ""), |(gold, predicted)| (gold, predicted));
    let arrow = if ascii { "->" } else { "→" };
    let short = format!(": {count}");
    let long = format!("{short} of {total}");
    let words = [("gold ", "predicted ", &long), ("", "", &long), ("", "", &short)];
    let room = |(before, between, ending): (&str, &str, &String)| {
        let fixed = before.len() + 2 + text::width(arrow) + between.len() + ending.len();
        usize::from(layout.width).saturating_sub(fixed)
    };
    let needed = text::width(gold) + text::width(predicted);
    let form = words.into_iter().find(|form| room(*form) >= needed).unwrap_or(("", "", &short));
    let room = room(form);
    if room < 4 {
        return count.to_string();
    }
    // What one label does not need the other may have.
    let gold = fit(gold, (room / 2).max(room.saturating_sub(text::width(predicted))));
    let predicted = fit(predicted, room - text::width(&gold));
    let (before, between, ending) = form;
    format!("{before}{gold} {arrow} {between}{predicted}{ending}")
}

/// The quarter of `total` that `count` reaches into, 0 for no count.
pub(super) fn quarter(count: u64, total: u64) -> usize {
    match (u128::from(count) * 4).div_ceil(u128::from(total.max(1))) {
        quarter @ 0..4 => quarter as usize,
        _ => 4,
    }
}

fn sum(row: &[u64]) -> u64 {
    row.iter().fold(0, |sum, &count| sum.saturating_add(count))
}

fn emphasis(style: Style, selected: bool) -> Style {
    if selected { style.add_modifier(Modifier::BOLD) } else { style }
}

/// Draws at places counted from the top left of an area, and in it only.
struct Canvas<'a> {
    buf: &'a mut Buffer,
    area: Rect,
}

impl Canvas<'_> {
    fn text(&mut self, x: u16, y: u16, columns: u16, text: &str, style: Style) {
        let place = self.rect(Rect { x, y, width: columns, height: 1 });
        if !place.is_empty() {
            text::draw(self.buf, place.x, place.y, place.width, text, style);
        }
    }

    /// The part of a place that lies in the area, on the screen.
    fn rect(&self, place: Rect) -> Rect {
        let x = self.area.x.saturating_add(place.x);
        let y = self.area.y.saturating_add(place.y);
        Rect { x, y, ..place }.intersection(self.area)
    }
}
