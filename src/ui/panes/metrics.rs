//! The evaluations of a training: a line each, and how well each class is found in the last one.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::training::Watched;
use crate::train::update::Scores;
use crate::ui::widgets::bar;
use crate::ui::widgets::table::{Column, Slot, Width, columns};
use crate::ui::widgets::text::{self, Align};
use crate::ui::{Canvas, share};

use super::Titles;

/// Columns of a label.
const LABEL: u16 = 12;
/// Lines of classes at most.
const CLASSES: usize = 12;

pub(super) fn titles(app: &App) -> Titles {
    let best = app.train.shown.as_ref().and_then(|shown| Some((shown, shown.best_scores()?)));
    let right = best.map(|(shown, best)| format!("best {}", metric(shown, best)));
    let mut titles = Titles::new("Validation", right.unwrap_or_default());
    if app.train.shown.as_ref().is_some_and(|shown| !shown.evaluations.is_empty()) {
        let key = app.keymap.chord(&app.contexts(), crate::app::Action::Matrix);
        titles.bottom = key.map_or_else(String::new, |key| format!("{} opens its matrix", key.show(app.look.ascii)));
    }
    titles
}

/// The figure by which the best weights are told, with its name.
fn metric(shown: &Watched, scores: &Scores) -> String {
    let best = shown.settings.best;
    format!("{} {}, epoch {}", best.name(), three(best.of(scores)), epoch(scores))
}

/// An epoch's number: whole where it is at its end.
fn epoch(scores: &Scores) -> String {
    if scores.epoch.fract().abs() < 1e-6 { format!("{:.0}", scores.epoch) } else { format!("{:.2}", scores.epoch) }
}

/// A figure with three decimals, the point first where it is below 1.
fn three(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let text = format!("{value:.3}");
    text.strip_prefix('0').map_or(text.clone(), str::to_owned)
}

/// The pane on one line.
pub(super) fn summary(canvas: &mut Canvas<'_>, line: Rect) {
    let theme = canvas.theme;
    let Some(shown) = &canvas.app.train.shown else { return };
    let Some(last) = shown.evaluations.last() else { return };
    let (accuracy, f1, macro_f1) = (three(last.accuracy), three(last.f1), three(last.macro_f1));
    let text = format!("  epoch {}: accuracy {accuracy}, F1 {f1}, macro {macro_f1}", epoch(last));
    let best = shown.best_scores().map(|best| format!("   best: epoch {}", epoch(best))).unwrap_or_default();
    canvas.line(line.x, line.y, line.width, &[(&text, theme.text), (&best, theme.dim)]);
}

/// Lines for evaluations in a pane of so many.
pub(in crate::ui) fn page(shown: &Watched, height: u16) -> usize {
    let classes = shown.labels.len().min(CLASSES) + 2;
    let below = usize::from(shown.test.is_some()) + 1;
    // A line at least, whatever the classes take.
    usize::from(height).saturating_sub(classes + below).max(3.min(usize::from(height.saturating_sub(1))))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let Some(shown) = &app.train.shown else {
        canvas.line(inner.x + 1, inner.y + 1, inner.width, &[("fills at the end of every epoch", theme.dim)]);
        return;
    };
    // Precision and recall come together or not at all.
    let more = if inner.width >= 54 { 5 } else { inner.width };
    let specs = [
        Column { width: Width::Fixed(1), drop: 0 },
        Column { width: Width::Fixed(5), drop: 0 },
        Column { width: Width::Fixed(6), drop: 2 },
        Column { width: Width::Min { least: 5, most: 8 }, drop: 0 },
        Column { width: Width::Min { least: more, most: 8 }, drop: 4 },
        Column { width: Width::Min { least: more, most: 8 }, drop: 4 },
        Column { width: Width::Min { least: 5, most: 8 }, drop: 0 },
        Column { width: Width::Min { least: 5, most: 8 }, drop: 0 },
        Column { width: Width::Min { least: 5, most: 8 }, drop: 1 },
    ];
    let slots = columns(&specs, inner.x, inner.width.saturating_sub(1), 1);
    let put = |canvas: &mut Canvas<'_>, place: usize, y: u16, content: &str, style| {
        if let Some(Some(Slot { x, width })) = slots.get(place) {
            let text = text::pad(content, usize::from(*width), Align::Right);
            canvas.line(*x, y, *width, &[(&text, style)]);
        }
    };
    for (place, name) in ["", "epoch", "step", "acc", "prec", "rec", "F1", "macro", "loss"].into_iter().enumerate() {
        put(canvas, place, inner.y, name, theme.dim);
    }
    let lines = page(shown, inner.height);
    let all = shown.evaluations.len();
    let first = all.saturating_sub(lines + app.train.scroll);
    let mut y = inner.y + 1;
    for scores in shown.evaluations.iter().skip(first).take(lines) {
        let best = Some(scores.step) == shown.best;
        let style = if best { theme.good } else { theme.text };
        put(canvas, 0, y, if best { canvas.symbol("★", "@") } else { "" }, theme.good);
        let cells = [scores.accuracy, scores.precision, scores.recall, scores.f1, scores.macro_f1, scores.loss];
        put(canvas, 1, y, &epoch(scores), style);
        put(canvas, 2, y, &scores.step.to_string(), theme.dim);
        for (place, value) in cells.into_iter().enumerate() {
            put(canvas, place + 3, y, &three(value), style);
        }
        y += 1;
    }
    if all == 0 {
        canvas.line(inner.x + 1, y, inner.width, &[("nothing is evaluated yet", theme.dim)]);
        y += 1;
    }
    if let Some(test) = shown.test.filter(|_| y < inner.bottom()) {
        put(canvas, 1, y, "test", theme.heading);
        for (place, value) in [(3, test.accuracy), (6, test.f1), (7, test.macro_f1)] {
            put(canvas, place, y, &three(value), theme.heading);
        }
        y += 1;
    }
    if let Some(last) = shown.evaluations.last() {
        classes(canvas, Rect { y: y + 1, height: inner.bottom().saturating_sub(y + 1), ..inner }, shown, last);
    }
}

/// F1 of every class.
fn classes(canvas: &mut Canvas<'_>, inner: Rect, shown: &Watched, last: &Scores) {
    let (theme, ascii) = (canvas.theme, canvas.ascii());
    if inner.height < 2 {
        return;
    }
    let head = format!("F1 by class at step {}", last.step);
    canvas.line(inner.x + 1, inner.y, inner.width.saturating_sub(1), &[(&head, theme.dim)]);
    let room = usize::from(inner.height - 1).min(CLASSES);
    let hidden = shown.labels.len().saturating_sub(room);
    let shown_labels = if hidden > 0 { room.saturating_sub(1) } else { room };
    let mut y = inner.y + 1;
    for (place, (label, value)) in shown.labels.iter().zip(&last.class_f1).take(shown_labels).enumerate() {
        let name = text::pad(label, usize::from(LABEL), Align::Left);
        let used = canvas.line(inner.x + 1, y, inner.width, &[(&name, theme.label(place)), (" ", theme.text)]);
        let x = inner.x + 1 + used;
        let width = inner.width.saturating_sub(used + 8).min(40);
        bar::bar(canvas.buf, Rect::new(x, y, width, 1), *value, theme.bar, theme.bar_rest, ascii);
        let figure = text::pad(&share(*value), 5, Align::Right);
        canvas.line(x + width, y, 6, &[(&figure, theme.text)]);
        y += 1;
    }
    if hidden > 0 {
        let more = format!("and {} more", shown.labels.len() - shown_labels);
        canvas.line(inner.x + 1, y, inner.width, &[(&more, theme.dim)]);
    }
}
