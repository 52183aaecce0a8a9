//! The current row's prompt, exactly as the model sees it.

use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use crate::app::App;
use crate::app::editor::{column_width, shown};
use crate::app::state::DataState;
use crate::ui::Canvas;
use crate::ui::widgets::text;

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let Some((row, prepared)) = app.row().zip(app.prepared()) else { return Titles::new("Row", "") };
    let dot = if app.look.ascii { "|" } else { "·" };
    let data = &prepared.data;
    let place = match app.prompt.visitor {
        Some(_) => data.split_of(row).map_or_else(|| "in no split".to_owned(), |split| format!("{split} split")),
        None => format!("{} {}/{}", app.prompt.split, app.prompt.at + 1, data.split(app.prompt.split).len()),
    };
    let gold = data.gold(row).and_then(|label| data.labels().get(label));
    let gold = gold.map(|gold| format!(" {dot} gold {gold}")).unwrap_or_default();
    let sheet = app.prompt.sheet.as_ref();
    let shared =
        sheet.and_then(|sheet| sheet.shared).map(|(tokens, _)| format!(", {tokens} shared")).unwrap_or_default();
    let tokens =
        sheet.and_then(|sheet| sheet.tokens).map(|tokens| format!("{tokens} tokens{shared}")).unwrap_or_default();
    Titles::new(format!("Row {row} {dot} {place}{gold}"), tokens)
}

/// A stretch of the prompt, or a line that stands for one.
enum Part<'a> {
    Text(&'a str, usize),
    Note(String),
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let Some(sheet) = &app.prompt.sheet else {
        hint(canvas, inner);
        return;
    };
    let stale = app.prompt.problem.is_some() || sheet.row != app.row();
    let dot = canvas.symbol("·", "|");
    let mut parts = Vec::new();
    match sheet.demos_at.clone().filter(|_| app.prompt.folded) {
        Some(range) => {
            parts.push(Part::Text(sheet.text.get(..range.start).unwrap_or_default(), 0));
            let tokens = app.prompt.demos.cost().map(|tokens| format!(" {dot} {tokens} tokens")).unwrap_or_default();
            let arrow = canvas.symbol("▸", ">");
            parts.push(Part::Note(format!("{arrow} {} demos{tokens} {dot} f unfolds", sheet.demos.len())));
            parts.push(Part::Text(sheet.text.get(range.end..).unwrap_or_default(), range.end));
        }
        None => parts.push(Part::Text(&sheet.text, 0)),
    }
    let shared = sheet.shared.map_or(0, |(_, bytes)| bytes);
    let mut pen = Pen { y: inner.y, skip: app.prompt.row_scroll, inner };
    for part in parts {
        match part {
            Part::Note(note) => pen.line(canvas, &[(&note, theme.accent)]),
            Part::Text(text, start) => {
                // A line break at the end of what stands before the folded part, or behind it, is the note's own.
                let trimmed = text
                    .strip_prefix('\n')
                    .map_or((text, start), |rest| if start > 0 { (rest, start + 1) } else { (text, start) });
                let (text, start) = trimmed;
                let text = if app.prompt.folded && sheet.demos_at.is_some() && start == 0 {
                    text.strip_suffix('\n').unwrap_or(text)
                } else {
                    text
                };
                for range in text::wrap(text, usize::from(inner.width).max(1)) {
                    let line = text.get(range.clone()).unwrap_or_default();
                    if stale {
                        pen.line(canvas, &[(line, theme.stale)]);
                        continue;
                    }
                    // What all rows share recedes; from the row's own text on it stands out.
                    pen.text(canvas, line, start + range.start, &|at| {
                        if at < shared { theme.demo } else { theme.text }
                    });
                }
            }
        }
    }
    if sheet.without_chat {
        pen.line(canvas, &[("(the chat template comes with the model)", theme.dim)]);
    }
    if sheet.duplicates > 0 {
        let text = format!("{} probe rows have the very text of a demonstration", sheet.duplicates);
        pen.line(canvas, &[(&text, theme.warn)]);
    }
}

/// Draws line after line, leaving out those that are scrolled away.
struct Pen {
    y: u16,
    skip: usize,
    inner: Rect,
}

impl Pen {
    fn next(&mut self) -> Option<u16> {
        if let Some(left) = self.skip.checked_sub(1) {
            self.skip = left;
            return None;
        }
        let y = self.y;
        self.y = self.y.saturating_add(1);
        (y < self.inner.bottom()).then_some(y)
    }

    fn line(&mut self, canvas: &mut Canvas<'_>, pieces: &[(&str, Style)]) {
        if let Some(y) = self.next() {
            canvas.line(self.inner.x, y, self.inner.width, pieces);
        }
    }

    /// A line whose style depends on the place in the prompt.
    fn text(&mut self, canvas: &mut Canvas<'_>, line: &str, start: usize, style: &dyn Fn(usize) -> Style) {
        let Some(y) = self.next() else { return };
        let mut x = self.inner.x;
        for (at, grapheme) in line.grapheme_indices(true) {
            let columns = column_width(grapheme) as u16;
            if columns == 0 {
                continue;
            }
            if x + columns > self.inner.right() {
                break;
            }
            text::put(canvas.buf, x, y, &shown(grapheme), style(start + at));
            x += columns;
        }
    }
}

/// What stands here while there is no prompt.
fn hint(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let (text, style) = match &app.data {
        _ if app.prompt.problem.is_some() => {
            ("the prompt is shown here once the template can be rendered".to_owned(), theme.dim)
        }
        DataState::Absent => ("no session is open: o lists them".to_owned(), theme.dim),
        DataState::Loading { .. } => ("reading the data …".to_owned(), theme.dim),
        DataState::Failed(error) => (format!("{error}; o opens another session"), theme.bad),
        DataState::Ready(_) => ("writing the prompt …".to_owned(), theme.dim),
    };
    for (range, y) in text::wrap(&text, usize::from(inner.width).max(1)).into_iter().zip(inner.y..inner.bottom()) {
        canvas.line(inner.x, y, inner.width, &[(text.get(range).unwrap_or_default(), style)]);
    }
}
