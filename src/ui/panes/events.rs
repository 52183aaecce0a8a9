//! What happened while a training went on: the best so far, checkpoints, warnings, the user's own changes.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::app::training::{Line, Watched};
use crate::session::training::EventKind;
use crate::ui::Canvas;
use crate::ui::widgets::text::{self, Align};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let dot = if app.look.ascii { "|" } else { "·" };
    let started = app.train.shown.as_ref().and_then(|shown| shown.started.as_ref());
    let right = started.map(|started| {
        let millions = started.parameters as f64 / 1e6;
        format!("{} {dot} {millions:.0} M parameters {dot} {} {}", started.model, started.device, started.dtype)
    });
    Titles::new("Events", right.unwrap_or_default())
}

/// The sign of a kind, and how its line is drawn.
fn sign(canvas: &Canvas<'_>, kind: EventKind) -> (&'static str, Style) {
    let theme = canvas.theme;
    match kind {
        EventKind::Started => (canvas.symbol("▸", ">"), theme.dim),
        EventKind::Best => (canvas.symbol("★", "@"), theme.good),
        EventKind::Saved => (canvas.symbol("✓", "+"), theme.dim),
        EventKind::Warned => (canvas.symbol("▲", "!"), theme.warn),
        EventKind::Changed => (canvas.symbol("●", "o"), theme.text),
        EventKind::Ended => (canvas.symbol("■", "#"), theme.heading),
    }
}

fn line(canvas: &mut Canvas<'_>, at: Rect, line: &Line) {
    let theme = canvas.theme;
    let (sign, style) = sign(canvas, line.kind);
    let step = text::pad(&format!("step {}", line.step), 10, Align::Left);
    let pieces =
        [(line.time.as_str(), theme.dim), (" ", theme.dim), (sign, style), (" ", theme.dim), (&step, theme.dim)];
    let used = canvas.line(at.x, at.y, at.width, &pieces);
    canvas.line(at.x + used, at.y, at.width.saturating_sub(used), &[(&line.text, style)]);
}

/// The pane on one line: what happened last.
pub(super) fn summary(canvas: &mut Canvas<'_>, at: Rect) {
    let last = canvas.app.train.shown.as_ref().and_then(|shown| shown.lines.back());
    if let Some(last) = last {
        line(canvas, Rect { x: at.x + 2, width: at.width.saturating_sub(2), ..at }, last);
    }
}

/// The furthest that the lines can be scrolled up from their end.
pub(in crate::ui) fn most(shown: &Watched, height: u16) -> usize {
    shown.lines.len().saturating_sub(usize::from(height))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let Some(shown) = app.train.shown.as_ref().filter(|shown| !shown.lines.is_empty()) else {
        let text = "the best so far, checkpoints, warnings and your changes stand here";
        canvas.line(inner.x + 1, inner.y, inner.width.saturating_sub(1), &[(text, theme.dim)]);
        return;
    };
    let height = usize::from(inner.height);
    let first = most(shown, inner.height).saturating_sub(app.train.events_scroll);
    for (event, y) in shown.lines.iter().skip(first).take(height).zip(inner.y..inner.bottom()) {
        line(canvas, Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 }, event);
    }
    canvas.scrollbar(outer, first, height, shown.lines.len());
}
