//! The answer to the current row: its text as it comes, and the probability of each label.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::app::state::ModelState;
use crate::engine::Temperature;
use crate::engine::command::Method;
use crate::session::predictions::probabilities;
use crate::ui::widgets::{bar, text};
use crate::ui::{Canvas, share};

use super::Titles;

/// Labels shown at once.
const MOST: usize = 8;
/// Columns of the longest label.
const WIDEST: usize = 16;

pub(super) fn titles(app: &App) -> Titles {
    let dot = if app.look.ascii { "|" } else { "·" };
    let how = app.session.as_ref().map(|session| match session.now.generation().temperature {
        Temperature::Value(value) if value > 0.0 => format!("temperature {value}"),
        Temperature::Value(_) => "greedy".to_owned(),
        Temperature::Model => "as the model says".to_owned(),
    });
    let rate = app.prompt.answer.rate.map(|rate| format!("{rate:.0} tok/s")).unwrap_or_default();
    Titles::new(how.map_or_else(|| "Answer".to_owned(), |how| format!("Answer {dot} {how}")), rate)
}

/// Lines of the pane with its border.
pub(in crate::ui) fn height(app: &App) -> u16 {
    2 + 2 + app.labels().len().clamp(2, MOST) as u16
}

/// The labels with their shares and log-probabilities: in session order, or the likeliest where not all fit.
fn labels(app: &App, room: usize) -> Vec<(usize, f64, f64)> {
    let logprobs: Vec<Option<f64>> = app.prompt.answer.logprobs.iter().copied().map(Some).collect();
    let shares = probabilities(&logprobs).unwrap_or_default();
    let mut all: Vec<(usize, f64, f64)> = shares
        .into_iter()
        .zip(&app.prompt.answer.logprobs)
        .enumerate()
        .map(|(i, (share, logprob))| (i, share, *logprob))
        .collect();
    if all.len() > room {
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.truncate(room);
    }
    all
}

/// Whether what is shown answers another prompt or row.
fn is_stale(app: &App) -> bool {
    app.prompt.answer.of != app.row().map(|row| (row, app.prompt.edit))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let answer = &app.prompt.answer;
    let stale = is_stale(app);
    let lines = inner.height.saturating_sub(app.labels().len().clamp(2, MOST) as u16).max(1);
    draw_text(canvas, Rect { height: lines.min(inner.height), ..inner }, stale);
    let below = Rect { y: inner.y + lines, height: inner.height.saturating_sub(lines), ..inner };
    let gold = app.row().zip(app.prepared()).and_then(|(row, prepared)| prepared.data.gold(row));
    if answer.logprobs.is_empty() {
        let (hint, style) = match (&app.model, &app.prompt.problem) {
            (_, Some(_)) | (ModelState::Ready(_), None) => (String::new(), theme.dim),
            (ModelState::Failed(error), None) => (format!("{error}. r tries again, m picks another model"), theme.bad),
            _ => ("the label probabilities come here once the model is there".to_owned(), theme.dim),
        };
        let lines = text::wrap_lines(&hint, usize::from(inner.width).max(1), 0, usize::from(inner.height));
        for (range, y) in lines.into_iter().zip(inner.y..inner.bottom()) {
            canvas.line(inner.x, y, inner.width, &[(hint.get(range).unwrap_or_default(), style)]);
        }
        return;
    }
    let shown = labels(app, usize::from(below.height));
    let name = |label: usize| app.labels().get(label).map_or("", String::as_str);
    let widest = shown.iter().map(|(label, ..)| text::width(name(*label))).max().unwrap_or(0).min(WIDEST);
    let best = shown.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(label, ..)| label);
    for ((label, probability, logprob), y) in shown.into_iter().zip(below.y..below.bottom()) {
        let style = if stale { theme.stale } else { theme.text };
        let word = text::pad(&text::fit(name(label), widest), widest, text::Align::Left);
        let used = canvas.line(
            below.x,
            y,
            below.width,
            &[(&word, if stale { style } else { theme.label(label) }), (" ", style)],
        );
        let mark = match (gold == Some(label), best == Some(label)) {
            (true, true) => canvas.symbol("✓ gold", "+ gold"),
            (true, false) => canvas.symbol("✗ gold", "- gold"),
            _ => "",
        };
        let numbers = format!(" {}  {mark:<7}{logprob:>7.2}", share(probability));
        let columns = text::width(&numbers) as u16;
        let room = below.width.saturating_sub(used + columns);
        let line = Rect::new(below.x + used, y, room, 1);
        bar::bar(canvas.buf, line, probability, if stale { style } else { theme.bar }, theme.bar_rest, app.look.ascii);
        let style = match (gold == Some(label), best == Some(label)) {
            _ if stale => theme.stale,
            (true, true) => theme.good,
            (true, false) => theme.bad,
            _ => theme.text,
        };
        canvas.line(line.right(), y, columns, &[(&numbers, style)]);
    }
}

/// The text as it came, with each token's probability where that is asked for.
fn draw_text(canvas: &mut Canvas<'_>, area: Rect, stale: bool) {
    let (app, theme) = (canvas.app, canvas.theme);
    let answer = &app.prompt.answer;
    if let Some(error) = &answer.error {
        for (range, y) in text::wrap(error, usize::from(area.width).max(1)).into_iter().zip(area.y..area.bottom()) {
            canvas.line(area.x, y, area.width, &[(error.get(range).unwrap_or_default(), theme.bad)]);
        }
        return;
    }
    let style = if stale { theme.stale } else { theme.answer };
    let (mut x, mut y) = (area.x, area.y);
    let mut put = |canvas: &mut Canvas<'_>, piece: &str, style: Style| {
        let columns = text::width(piece) as u16;
        if x + columns > area.right() && x > area.x {
            (x, y) = (area.x, y + 1);
        }
        if y < area.bottom() {
            x += canvas.line(x, y, area.right().saturating_sub(x), &[(piece, style)]);
        }
    };
    for token in &answer.tokens {
        put(canvas, &token.text, style);
        if app.prompt.probabilities && !token.text.is_empty() && !token.probability.is_nan() {
            put(canvas, &share(f64::from(token.probability)), theme.dim);
        }
    }
    // Where the answer is read by a rule, what it was read as.
    let by_rule = app.session.as_ref().is_some_and(|session| session.now.decode.method == Method::Generate);
    if let Some(prepared) = app.prepared().filter(|_| by_rule && answer.complete) {
        let label = prepared.answers.label(&answer.text()).and_then(|label| app.labels().get(label));
        let unknown = app.session.as_ref().map_or("", |session| session.now.answer.unknown.as_str());
        let read = format!("  {} {}", canvas.symbol("→", "->"), label.map_or(unknown, String::as_str));
        put(canvas, &read, theme.accent);
    }
    if !answer.complete && !answer.tokens.is_empty() {
        put(canvas, canvas.symbol("▏", "_"), theme.accent);
    }
}

/// The answer on one line.
pub(super) fn summary(canvas: &mut Canvas<'_>, line: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let style = if is_stale(app) { theme.stale } else { theme.text };
    let text = app.prompt.answer.text();
    let text = text::fit(text.trim(), 24).into_owned();
    let mut used = canvas.line(line.x, line.y, line.width, &[("  ", style), (&text, style), ("   ", style)]);
    for (label, probability, _) in labels(app, 4) {
        let name = app.labels().get(label).map_or("", String::as_str);
        let piece = format!("{} {}  ", text::fit(name, 12), share(probability));
        let style = if is_stale(app) { theme.stale } else { theme.label(label) };
        used += canvas.line(line.x + used, line.y, line.width.saturating_sub(used), &[(&piece, style)]);
    }
}
