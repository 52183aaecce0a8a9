//! The probe: how good the prompt is on a few pinned rows, and what the last edit changed.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::app::state::ModelState;
use crate::ui::widgets::bar;
use crate::ui::{Canvas, share};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let dot = if app.look.ascii { "|" } else { "·" };
    let probe = &app.prompt.probe;
    let right = probe.majority().map(|share| format!("majority {share:.2}")).unwrap_or_default();
    Titles::new(format!("Probe {dot} {} rows", probe.rows.len()), right)
}

/// A change against the accepted version.
fn change(canvas: &Canvas<'_>, by: f64) -> (String, Style) {
    let theme = canvas.theme;
    let figure = format!("{:.2}", by.abs());
    let figure = figure.strip_prefix('0').unwrap_or(&figure);
    match by {
        _ if by.is_nan() || by.abs() < 0.005 => (canvas.symbol("=    ", "=    ").to_owned(), theme.dim),
        by if by > 0.0 => (format!("{}{figure}", canvas.symbol("▲+", "^+")), theme.good),
        _ => (format!("{}{figure}", canvas.symbol("▼−", "v-")), theme.bad),
    }
}

/// Accuracy and macro-F1 with their changes.
fn figures(canvas: &mut Canvas<'_>, line: Rect) -> u16 {
    let (app, theme) = (canvas.app, canvas.theme);
    let probe = &app.prompt.probe;
    let stale = probe.edit != app.prompt.edit;
    let now = probe.figures();
    if now.rows == 0 {
        let hint = match &app.model {
            _ if app.prompt.problem.is_some() => "waits for a prompt that can be rendered",
            _ if app.prepared().is_none() => "waits for the data",
            _ if app.jobs.is_training() => "a training goes on: the probe waits",
            ModelState::Ready(_) if probe.rows.is_empty() => "no labelled validation rows",
            ModelState::Ready(_) => "",
            ModelState::Failed(_) => "waits for a model: m picks one",
            _ => "waits for the model",
        };
        return canvas.line(line.x, line.y, line.width, &[(hint, theme.dim)]);
    }
    let before = probe.accepted_figures();
    let style = if stale { theme.stale } else { theme.text };
    let figure = if stale { theme.stale } else { theme.heading };
    let (by, by_style) = change(canvas, before.map_or(f64::NAN, |before| now.accuracy - before.accuracy));
    let (f1, f1_style) = change(canvas, before.map_or(f64::NAN, |before| now.macro_f1 - before.macro_f1));
    let (accuracy, macro_f1) = (share(now.accuracy), share(now.macro_f1));
    let done = format!("  {}/{}", probe.done(), probe.rows.len());
    canvas.line(
        line.x,
        line.y,
        line.width,
        &[
            ("accuracy ", style),
            (&accuracy, figure),
            (" ", style),
            (&by, by_style),
            ("  macro-F1 ", style),
            (&macro_f1, figure),
            (" ", style),
            (&f1, f1_style),
            (&done, theme.dim),
        ],
    )
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    figures(canvas, Rect { height: 1, ..inner });
    if inner.height < 2 {
        return;
    }
    let probe = &app.prompt.probe;
    let y = inner.y + 1;
    let (fixed, broken) = probe.flips();
    let flipped = match probe.accepted {
        Some(_) => format!("flipped {}{fixed} {}{broken}   ", canvas.symbol("✓", "+"), canvas.symbol("✗", "-")),
        None => String::new(),
    };
    let used = canvas.line(inner.x, y, inner.width, &[(&flipped, theme.text)]);
    let versions = &app.prompt.versions;
    let room = inner.width.saturating_sub(used);
    if versions.len() > 1 && room > 24 {
        let columns = (room - 14).min(32).min(versions.len() as u16);
        let skip = versions.len() - usize::from(columns);
        let values: Vec<Option<f64>> =
            versions.iter().skip(skip).map(|version| version.probe.as_ref().map(|probe| probe.accuracy)).collect();
        let line = Rect::new(inner.x + used, y, columns, 1);
        bar::sparkline(canvas.buf, line, &values, (0.0, 1.0), theme.spark, app.look.ascii);
        let ends = [versions.get(skip), versions.last()].map(|version| version.map_or(0, |version| version.number));
        let dots = canvas.symbol("…", "..");
        let label = format!(" v{}{dots}v{}", ends[0], ends[1]);
        canvas.line(line.right(), y, inner.right().saturating_sub(line.right()), &[(&label, theme.dim)]);
    }
}

/// The probe on one line.
pub(super) fn summary(canvas: &mut Canvas<'_>, line: Rect) {
    let used = canvas.line(line.x, line.y, line.width, &[("  ", canvas.theme.text)]);
    let rest = Rect { x: line.x + used, width: line.width.saturating_sub(used), ..line };
    let used = figures(canvas, rest);
    if canvas.app.prompt.probe.accepted.is_some() {
        let (fixed, broken) = canvas.app.prompt.probe.flips();
        let text = format!("  {}{fixed} {}{broken}", canvas.symbol("✓", "+"), canvas.symbol("✗", "-"));
        let style = canvas.theme.dim;
        canvas.line(rest.x + used, rest.y, rest.width.saturating_sub(used), &[(&text, style)]);
    }
}
