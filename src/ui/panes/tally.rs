//! Simulated answers by how often they came: the first look at what a model says.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::view::Pane;
use crate::ui::widgets::text::{self, Align};
use crate::ui::{Canvas, is_focused};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let simulation = app.simulate.simulation();
    let distinct = simulation.map_or(0, |simulation| simulation.distinct_answers);
    let right = if distinct > 0 { format!("{distinct} different") } else { String::new() };
    Titles::new(if distinct > 0 { "Answers as generated" } else { "Answers" }, right)
}

/// The pane on one line: the most frequent answers.
pub(super) fn summary(canvas: &mut Canvas<'_>, at: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    if app.simulate.simulation().is_none() {
        return;
    }
    let told: Vec<String> = app.tally().iter().take(4).map(|(answer, rows)| format!("{rows} {answer}")).collect();
    let told = format!("  {}", told.join(", "));
    canvas.line(at.x, at.y, at.width, &[(&text::fit(&told, usize::from(at.width)), theme.text)]);
}

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    if app.simulate.simulation().is_none() {
        return;
    }
    let tally = app.tally();
    canvas.line(inner.x + 1, inner.y, inner.width.saturating_sub(1), &[("    n  answer", theme.dim)]);
    let focused = is_focused(app, Pane::Tally);
    for (place, y) in (app.simulate.offset[2]..tally.len()).zip(inner.y + 1..inner.bottom()) {
        let Some((answer, rows)) = tally.get(place) else { break };
        let count = text::pad(&rows.to_string(), 5, Align::Right);
        let answer = text::fit(answer, usize::from(inner.width.saturating_sub(9))).into_owned();
        let pieces = [(count.as_ref(), theme.text), ("  ", theme.text), (answer.as_str(), theme.answer)];
        canvas.line(inner.x + 1, y, inner.width.saturating_sub(1), &pieces);
        if place == app.simulate.selected[2] {
            let style = if focused { theme.cursor_line } else { theme.cursor_line_away };
            canvas.tint(Rect { y, height: 1, ..inner }, style);
        }
    }
    canvas.scrollbar(outer, app.simulate.offset[2], usize::from(inner.height.saturating_sub(1)), tally.len());
}
