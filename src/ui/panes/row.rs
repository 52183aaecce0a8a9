//! The current row's prompt, exactly as the model sees it.

use std::ops::Range;

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
    let Some((row, prepared)) = app.row().zip(app.prepared()) else {
        // Folded to one line, the title is all there is.
        let error = match &app.data {
            DataState::Failed(error) => error.as_str(),
            _ => "",
        };
        return Titles::new("Row", error);
    };
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

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let Some(sheet) = &app.prompt.sheet else {
        hint(canvas, inner);
        return;
    };
    let stale = app.prompt.problem.is_some() || sheet.row != app.row();
    let shared = sheet.shared.map_or(0, |(_, bytes)| bytes);
    // What all rows share recedes; from the row's own text on it stands out. In a conversation the turns stand out from
    // the template's own words.
    let said = |at: usize| sheet.turns.iter().any(|turn| turn.range.contains(&at));
    let is_demo = |at: usize| sheet.demos_at.as_ref().is_some_and(|demos| demos.contains(&at));
    let style = |at: usize| match at {
        _ if stale => theme.stale,
        at if !sheet.turns.is_empty() && !said(at) => theme.dim,
        at if sheet.turns.is_empty() && at < shared => theme.demo,
        at if is_demo(at) => theme.demo,
        _ => theme.text,
    };
    let mut pen = Pen { y: inner.y, skip: app.prompt.row_scroll, inner };
    match sheet.demos_at.clone().filter(|_| app.prompt.folded) {
        Some(range) => {
            let (start, end) = around(&sheet.text, range);
            pen.prompt(canvas, &sheet.text, 0..start, &style);
            let dot = canvas.symbol("·", "|");
            let tokens = app.prompt.demos.cost().map(|tokens| format!(" {dot} {tokens} tokens")).unwrap_or_default();
            let arrow = canvas.symbol("▸", ">");
            let note = format!("{arrow} {} demos{tokens} {dot} f unfolds", sheet.demos.len());
            pen.line(canvas, &[(&note, theme.accent)]);
            pen.prompt(canvas, &sheet.text, end..sheet.text.len(), &style);
        }
        None => pen.prompt(canvas, &sheet.text, 0..sheet.text.len(), &style),
    }
    if sheet.without_chat {
        pen.line(canvas, &[("(the chat template comes with the model)", theme.dim)]);
    }
    if sheet.duplicates > 0 {
        let text = format!("{} probe rows have the very text of a demonstration", sheet.duplicates);
        pen.line(canvas, &[(&text, theme.warn)]);
    }
}

/// Where the text before a folded block ends, and where the text behind it begins: the line breaks around the block are
/// those of the line that stands for it.
fn around(prompt: &str, block: Range<usize>) -> (usize, usize) {
    let before = prompt.get(..block.start).unwrap_or_default();
    let behind = prompt.get(block.end..).unwrap_or_default();
    let start = before.strip_suffix('\n').unwrap_or(before).len();
    (start, prompt.len() - behind.strip_prefix('\n').unwrap_or(behind).len())
}

/// Lines that the pane has at a width.
pub(in crate::ui) fn height(app: &App, width: usize) -> usize {
    let Some(sheet) = &app.prompt.sheet else { return 0 };
    let notes = usize::from(sheet.without_chat) + usize::from(sheet.duplicates > 0);
    let folded = sheet.demos_at.clone().filter(|_| app.prompt.folded);
    let shown = match folded {
        Some(range) => {
            let (start, end) = around(&sheet.text, range);
            let lines = |part: Option<&str>| text::wrap(part.unwrap_or_default(), width.max(1)).len();
            lines(sheet.text.get(..start)) + 1 + lines(sheet.text.get(end..))
        }
        None => text::wrap(&sheet.text, width.max(1)).len(),
    };
    shown + notes
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

    /// A stretch of the prompt, wrapped; its style depends on the place.
    fn prompt(&mut self, canvas: &mut Canvas<'_>, prompt: &str, range: Range<usize>, style: &dyn Fn(usize) -> Style) {
        let part = prompt.get(range.clone()).unwrap_or_default();
        for line in text::wrap(part, usize::from(self.inner.width).max(1)) {
            let Some(y) = self.next() else { continue };
            let mut x = self.inner.x;
            for (at, grapheme) in part.get(line.clone()).unwrap_or_default().grapheme_indices(true) {
                let columns = column_width(grapheme) as u16;
                if columns == 0 {
                    continue;
                }
                if x + columns > self.inner.right() {
                    break;
                }
                text::put(canvas.buf, x, y, &shown(grapheme), style(range.start + line.start + at));
                x += columns;
            }
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
        DataState::Absent if app.opening.is_some() => ("opening the session …".to_owned(), theme.dim),
        DataState::Absent => ("no session is open: o lists them".to_owned(), theme.dim),
        DataState::Loading { .. } => ("reading the data …".to_owned(), theme.dim),
        DataState::Failed(error) => (format!("{error}; o opens another session"), theme.bad),
        DataState::Ready(_) => ("writing the prompt …".to_owned(), theme.dim),
    };
    for (range, y) in text::wrap(&text, usize::from(inner.width).max(1)).into_iter().zip(inner.y..inner.bottom()) {
        canvas.line(inner.x, y, inner.width, &[(text.get(range).unwrap_or_default(), style)]);
    }
}
