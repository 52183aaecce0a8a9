//! The confusion matrix of a run; its cells open into rows.

use ratatui::layout::Rect;

use crate::app::area::Area;
use crate::app::view::Pane;
use crate::app::{Action, App};
use crate::ui::layout::area;
use crate::ui::widgets::matrix::{self, MatrixLayout, MatrixStyle};
use crate::ui::{Canvas, is_focused};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let Some(run) = &app.run else { return Titles::new("Confusion matrix", "") };
    let (gold, predicted) = app.evaluate.cell;
    let count = run.confusion.count(gold, predicted);
    let key =
        app.keymap.chord(&app.contexts(), Action::Open).map_or_else(String::new, |chord| chord.show(app.look.ascii));
    let mut titles = Titles::new("Confusion matrix", "");
    if is_focused(app, Pane::Matrix) {
        titles.bottom = format!("{count} rows, {key} opens them");
    }
    titles
}

fn layout(app: &App, inner: Rect) -> Option<MatrixLayout> {
    let run = app.run.as_ref()?;
    let labels = run.matrix_labels();
    (!labels.is_empty())
        .then(|| MatrixLayout::new(&labels, run.tally.total as u64, inner.width, inner.height, Some(app.evaluate.cell)))
}

/// Columns that the matrix would like to have, with its border.
pub(in crate::ui) fn width(app: &App) -> u16 {
    let labels = app.run.as_ref().map_or(app.labels().len(), |run| run.confusion.labels().len());
    16 + 11 * labels.min(10) as u16
}

/// Where the cells are.
pub(in crate::ui) fn cells(app: &App, inner: Rect) -> Vec<((usize, usize), Area)> {
    let (Some(layout), Some(run)) = (layout(app, inner), &app.run) else { return Vec::new() };
    let size = run.confusion.labels().len();
    let pairs = (0..size).flat_map(|gold| (0..size).map(move |predicted| (gold, predicted)));
    pairs
        .filter_map(|(gold, predicted)| {
            let cell = layout.cell_rect(gold, predicted)?;
            Some(((gold, predicted), area(Rect { x: inner.x + cell.x, y: inner.y + cell.y, ..cell })))
        })
        .collect()
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let (Some(layout), Some(run)) = (layout(app, inner), &app.run) else {
        canvas.line(inner.x + 1, inner.y + 1, inner.width.saturating_sub(1), &[("fills as answers come", theme.dim)]);
        return;
    };
    let selected = if is_focused(app, Pane::Matrix) { theme.cursor_line } else { theme.cursor_line_away };
    let style = MatrixStyle {
        label: theme.text,
        axis: theme.dim,
        zero: theme.dim,
        good: theme.good,
        bad: theme.bad,
        shade_good: theme.shade_good,
        shade_bad: theme.shade_bad,
        selected,
        ascii: app.look.ascii,
    };
    matrix::draw(canvas.buf, inner, &layout, run.confusion.matrix(), &style);
}
