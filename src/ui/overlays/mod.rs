//! Windows over the view, and the short messages in its corner.

pub(in crate::ui) mod help;
mod list;
mod next;
mod queue;
mod reading;
mod timeline;
mod toast;
mod welcome;

use ratatui::layout::{Position, Rect};
use unicode_segmentation::UnicodeSegmentation;

use crate::app::editor::{Editor, column_width, shown};
use crate::app::window::Window;

use super::Canvas;
use super::layout::rect;
use super::widgets::{frame, text};

/// Draws the topmost window and the short messages.
pub(super) fn draw(canvas: &mut Canvas<'_>) {
    let app = canvas.app;
    if let (Some(window), Some(outer)) = (app.windows.last(), app.areas.window) {
        let outer = rect(outer);
        canvas.cursor = None;
        clear(canvas, outer);
        match window {
            Window::Welcome => welcome::draw(canvas, outer),
            Window::Help { scroll } => help::draw(canvas, outer, *scroll),
            Window::Picker(picker) => list::picker(canvas, outer, picker),
            Window::Question(question) => {
                let inner = titled(canvas, outer, &question.title, "");
                let mut y = inner.y;
                for range in text::wrap(&question.text, usize::from(inner.width).max(1)) {
                    let line = question.text.get(range).unwrap_or_default();
                    canvas.line(inner.x, y, inner.width, &[(line, canvas.theme.text)]);
                    y += 1;
                }
                for ((key, label, _), y) in question.answers.iter().zip(y + 1..inner.bottom()) {
                    let key = key.to_string();
                    let theme = canvas.theme;
                    canvas.line(inner.x, y, inner.width, &[(&key, theme.key), ("  ", theme.text), (label, theme.text)]);
                }
            }
            Window::Input(input) => {
                let inner = titled(canvas, outer, &input.title, "");
                let line = Rect { height: 1, ..inner };
                canvas.tint(line, canvas.theme.input);
                input_line(canvas, line, &input.editor);
                let (below, style) = match &input.error {
                    Some(error) => (error.as_str(), canvas.theme.bad),
                    None => (input.hint, canvas.theme.dim),
                };
                canvas.line(inner.x, inner.y + 2, inner.width, &[(below, style)]);
            }
            Window::Text { title, text, scroll } => reading::draw(canvas, outer, title, text, *scroll),
            Window::Next(next) => next::draw(canvas, outer, next),
            Window::Timeline { selected, offset } => timeline::draw(canvas, outer, *selected, *offset),
            Window::Queue { selected, offset } => queue::draw(canvas, outer, *selected, *offset),
            Window::Flips { selected, offset } => list::flips(canvas, outer, *selected, *offset),
        }
    }
    toast::draw(canvas);
}

/// Takes away what lies under a window.
fn clear(canvas: &mut Canvas<'_>, outer: Rect) {
    let style = canvas.theme.text.patch(canvas.theme.window);
    for position in outer.positions() {
        if let Some(cell) = canvas.buf.cell_mut(position) {
            cell.reset();
            cell.set_style(style);
        }
    }
}

/// The frame of a window.
fn titled(canvas: &mut Canvas<'_>, outer: Rect, title: &str, right: &str) -> Rect {
    let ascii = canvas.ascii();
    canvas.frame(outer, &frame::Pane { title, right, bottom: "", bottom_right: "", focused: true, ascii })
}

/// A line that is typed in, scrolled so that the cursor is in sight.
fn input_line(canvas: &mut Canvas<'_>, line: Rect, editor: &Editor) {
    let theme = canvas.theme;
    let (column, _) = editor.cursor_position(usize::MAX);
    let width = usize::from(line.width.saturating_sub(1)).max(1);
    let skip = column.saturating_sub(width);
    let selection = editor.selection().unwrap_or_default();
    let mut at = 0;
    for (offset, grapheme) in editor.text().grapheme_indices(true) {
        let columns = column_width(grapheme);
        if at >= skip && at + columns <= skip + usize::from(line.width) && columns > 0 {
            let style = if selection.contains(&offset) { theme.input.patch(theme.selection) } else { theme.input };
            text::put(canvas.buf, line.x + (at - skip) as u16, line.y, &shown(grapheme), style);
        }
        at += columns;
    }
    canvas.cursor = Some(Position::new(line.x + (column - skip) as u16, line.y));
}
