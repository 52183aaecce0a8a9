//! The loss of a training: raw, smoothed, on validation, and of earlier trainings beside it.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::training::{TrainState, Watched, settings};
use crate::app::{Action, App};
use crate::data::Split;
use crate::session::folder::Status;
use crate::ui::Canvas;
use crate::ui::widgets::bar;
use crate::ui::widgets::plot::{Plot, Scale, Stroke, ticks};
use crate::ui::widgets::text::{self, Align};

use super::Titles;
use super::report::clock;

/// Columns of the labels at the left.
const LABELS: u16 = 7;
/// Columns between two labels below.
const APART: u16 = 8;
/// Columns of a sparkline.
const SPARK: u16 = 10;

pub(super) fn titles(app: &App) -> Titles {
    let log = if app.train.log { ", log scale" } else { "" };
    let zoom = if app.train.is_zoomed() { ", a part" } else { "" };
    let mut titles = Titles::new(format!("Loss{log}{zoom}"), progress(app));
    titles.bottom = app.train.shown.as_ref().map(|shown| shown.name.clone()).unwrap_or_default();
    titles
}

/// How far the training is, in words.
fn progress(app: &App) -> String {
    let dot = if app.look.ascii { "|" } else { "·" };
    let Some(shown) = &app.train.shown else { return String::new() };
    let state = match shown.status {
        Status::Finished => "finished".to_owned(),
        Status::Cancelled => "broken off".to_owned(),
        Status::Failed => "failed".to_owned(),
        Status::Running if app.train.stopping => "stopping".to_owned(),
        Status::Running if shown.paused => "paused".to_owned(),
        Status::Running if app.train.pausing => "pausing".to_owned(),
        Status::Running => left(shown).unwrap_or_else(|| "running".to_owned()),
    };
    let Some(started) = &shown.started else { return state };
    let (epoch, step) = (shown.epoch(), shown.step());
    format!("epoch {epoch:.2}/{} {dot} step {step}/{} {dot} {state}", started.epochs, started.steps)
}

/// What is left, or what is being evaluated.
fn left(shown: &Watched) -> Option<String> {
    let pace = shown.pace?;
    Some(match pace.evaluating {
        Some((done, total)) => format!("evaluating {done}/{total}"),
        None => format!("{} left", clock(pace.seconds_left)),
    })
}

/// Where the curves are drawn inside of the pane: below the legend, above the axis, its labels and the figures.
pub(in crate::ui) fn chart(inner: Rect) -> Rect {
    Rect {
        x: inner.x + LABELS.min(inner.width),
        y: inner.y + 1.min(inner.height),
        width: inner.width.saturating_sub(LABELS + 1),
        height: inner.height.saturating_sub(4),
    }
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let Some(shown) = &app.train.shown else {
        let lines = empty(app);
        for (line, y) in lines.iter().zip(inner.y + 1..inner.bottom()) {
            canvas.line(inner.x + 1, y, inner.width.saturating_sub(1), &[(line, theme.text)]);
        }
        return;
    };
    if shown.curve.is_empty() && shown.evaluations.is_empty() {
        waiting(canvas, inner, shown);
        return;
    }
    let scale = scale(&app.train, shown);
    let area = chart(inner);
    legend(canvas, Rect { height: 1, ..inner });
    axes(canvas, area, &scale, shown);
    curves(canvas, area, scale, shown);
    figures(canvas, Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner }, shown);
}

/// What the sides of the chart stand for.
fn scale(state: &TrainState, shown: &Watched) -> Scale {
    let (from, to) = state.window();
    let x = (from as f64, to as f64);
    let inside = |at: f64| at >= x.0 && at <= x.1;
    let raw = shown.curve.points().filter(|point| inside(point.at())).flat_map(|point| [point.low, point.high]);
    let validation = shown.evaluations.iter().filter(|scores| inside(scores.step as f64)).map(|scores| scores.loss);
    let y = Scale::around(raw.chain(validation), state.log);
    Scale { x, y, log: state.log }
}

/// What the signs mean.
fn legend(canvas: &mut Canvas<'_>, line: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let strength = app.train.strength();
    let smoothed = if strength > 0.0 { format!("smoothed {strength}") } else { "not smoothed".to_owned() };
    let mut pieces: Vec<(String, Style)> = vec![
        (canvas.symbol("·", ".").to_owned(), theme.dim),
        (" raw  ".to_owned(), theme.dim),
        (canvas.symbol("⠒⠒", "*").to_owned(), theme.accent),
        (format!(" {smoothed}  "), theme.dim),
        (canvas.symbol("◆", "o").to_owned(), theme.bar_gold),
        (" validation  ".to_owned(), theme.dim),
        (canvas.symbol("★", "@").to_owned(), theme.bar_gold),
        (" best  ".to_owned(), theme.dim),
    ];
    for (place, overlay) in app.train.overlays.iter().enumerate() {
        pieces
            .push((canvas.symbol(["⠒ ⠒", "⠂⠂", "⠂ ⠂"].get(place).unwrap_or(&"⠂"), ":").to_owned(), theme.label(place)));
        pieces.push((format!(" {}  ", overlay.name), theme.dim));
    }
    let pieces: Vec<(&str, Style)> = pieces.iter().map(|(text, style)| (text.as_str(), *style)).collect();
    canvas.line(line.x + LABELS, line.y, line.width.saturating_sub(LABELS), &pieces);
}

/// A number in few letters.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1000.0 => format!("{value:.1e}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 0.1 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.0e}"),
    }
}

/// Both axes with their labels.
fn axes(canvas: &mut Canvas<'_>, area: Rect, scale: &Scale, shown: &Watched) {
    let theme = canvas.theme;
    let upright = canvas.symbol("│", "|");
    let left = area.x.saturating_sub(1);
    for y in area.top()..area.bottom() {
        canvas.line(left, y, 1, &[(upright, theme.border)]);
    }
    let ascii = canvas.ascii();
    let plot = Plot { buf: canvas.buf, area, scale: *scale, ascii };
    let most = usize::from(area.height / 3).clamp(2, 6);
    let marks: Vec<(u16, f64)> = ticks(scale.y, scale.log, most)
        .into_iter()
        .filter_map(|value| Some((plot.cell((scale.x.0, value))?.1, value)))
        .collect();
    // Epochs end at round places; where there are too many of them, or none is known, steps do.
    let each = shown.started.as_ref().map_or(0, |started| started.steps_per_epoch);
    let (from, to) = (scale.x.0 as usize, scale.x.1 as usize);
    let few = usize::from(area.width / APART).max(1);
    let epochs = each > 0 && (to - from) / each <= few && (to - from) / each > 0;
    let below: Vec<f64> = match epochs {
        true => (from.div_ceil(each)..=to / each).map(|epoch| (epoch * each) as f64).collect(),
        false => ticks(scale.x, false, few.min(8)),
    };
    let places: Vec<(u16, f64)> =
        below.into_iter().filter_map(|step| Some((plot.cell((step, scale.y.0))?.0, step))).collect();
    for (y, value) in marks {
        let label = text::pad(&number(value), usize::from(LABELS) - 2, Align::Right);
        canvas.line(area.x.saturating_sub(LABELS), y, LABELS - 1, &[(&label, theme.dim)]);
        canvas.line(left, y, 1, &[(canvas.symbol("┤", "+"), theme.border)]);
    }
    let floor = area.bottom();
    canvas.line(left, floor, 1, &[(canvas.symbol("└", "+"), theme.border)]);
    for x in area.left()..area.right() {
        canvas.line(x, floor, 1, &[(canvas.symbol("─", "-"), theme.border)]);
    }
    canvas.line(area.x.saturating_sub(LABELS), floor + 1, LABELS, &[(" step", theme.dim)]);
    let mut free = area.x;
    for (x, step) in places {
        canvas.line(x, floor, 1, &[(canvas.symbol("┴", "+"), theme.border)]);
        let label = format!("{step:.0}");
        let columns = label.len() as u16;
        let at = (x + 1).saturating_sub(columns.div_ceil(2)).max(area.x).min(area.right().saturating_sub(columns));
        if at >= free {
            canvas.line(at, floor + 1, columns, &[(&label, theme.dim)]);
            free = at + columns + 1;
        }
    }
}

/// The curves, the most important on top.
fn curves(canvas: &mut Canvas<'_>, area: Rect, scale: Scale, shown: &Watched) {
    let (app, theme, ascii) = (canvas.app, canvas.theme, canvas.ascii());
    let [raw, diamond, star] = if ascii { [".", "o", "@"] } else { ["·", "◆", "★"] };
    let strength = app.train.strength();
    let mut plot = Plot { buf: canvas.buf, area, scale, ascii };
    // A point of several steps shows how far they lie apart.
    let spread = shown.curve.points().flat_map(|point| {
        let several = (point.count > 1).then_some([point.low, point.high]).into_iter().flatten();
        several.chain([point.loss]).map(move |loss| (point.at(), loss))
    });
    plot.points(spread, raw, theme.dim);
    for (place, overlay) in app.train.overlays.iter().enumerate() {
        let dots = [5, 3, 1].get(place).copied().unwrap_or(1);
        plot.line(&overlay.curve.smoothed(strength), Stroke::Dashed(dots), theme.label(place));
    }
    plot.line(&shown.curve.smoothed(strength), Stroke::Solid, theme.accent);
    let evaluated = |best: bool| {
        let those = shown.evaluations.iter().filter(move |scores| (Some(scores.step) == shown.best) == best);
        those.map(|scores| (scores.step as f64, scores.loss))
    };
    plot.points(evaluated(false), diamond, theme.bar_gold);
    plot.points(evaluated(true), star, theme.bar_gold);
    if let Some(cursor) = app.train.cursor {
        plot.upright(cursor as f64, theme.warn);
    }
}

/// The last line: what the cursor reads, or how it goes now.
fn figures(canvas: &mut Canvas<'_>, line: Rect, shown: &Watched) {
    let (app, theme, ascii) = (canvas.app, canvas.theme, canvas.ascii());
    let dot = canvas.symbol(" · ", " | ");
    if let Some((cursor, point)) = app.train.cursor.and_then(|cursor| Some((cursor, shown.curve.near(cursor)?))) {
        let smoothed = shown.curve.smoothed(app.train.strength());
        let near = smoothed.iter().min_by(|a, b| (a.0 - point.at()).abs().total_cmp(&(b.0 - point.at()).abs()));
        let steps = if point.first == point.last {
            format!("step {}", point.last)
        } else {
            format!("steps {}-{}", point.first, point.last)
        };
        let mut texts = vec![
            format!("{steps}{dot}epoch {:.2}", point.epoch),
            format!("loss {}", number(point.loss)),
            format!("smoothed {}", near.map_or_else(String::new, |(_, loss)| number(*loss))),
            format!("lr {:.2e}", point.learning_rate),
            format!("grad {:.2}", point.grad_norm),
        ];
        let last = shown.evaluations.iter().rfind(|scores| scores.step <= cursor);
        texts.extend(last.map(|scores| format!("validation {} at {}", number(scores.loss), scores.step)));
        canvas.line(line.x + 1, line.y, line.width.saturating_sub(1), &[(&texts.join(dot), theme.text)]);
        return;
    }
    let points: Vec<_> = shown.curve.points().collect();
    let Some(last) = points.last() else { return };
    let pace = shown.pace.filter(|_| shown.status == Status::Running);
    let rate = pace.map_or(last.learning_rate, |pace| pace.learning_rate);
    let norm = pace.map_or(last.grad_norm, |pace| pace.grad_norm);
    let mut x = line.x + 1;
    // A line of the whole training, thinned to the columns that there are.
    let thin = |value: &dyn Fn(usize) -> Option<f64>| -> Vec<Option<f64>> {
        let columns = usize::from(SPARK).min(points.len());
        (1..=columns).map(|column| value(column * points.len() / columns - 1)).collect()
    };
    let rates = thin(&|at| points.get(at).map(|point| point.learning_rate));
    let norms = thin(&|at| points.get(at).map(|point| point.grad_norm));
    for (name, value, values, more) in
        [("lr ", format!("{rate:.2e} "), rates, dot), ("grad ", format!("{norm:>5.2} "), norms, "")]
    {
        x += canvas.line(x, line.y, line.right().saturating_sub(x), &[(name, theme.dim), (&value, theme.text)]);
        let most = values.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let place = Rect::new(x, line.y, SPARK.min(line.right().saturating_sub(x)), 1);
        bar::sparkline(canvas.buf, place, &values, (0.0, most), theme.spark, ascii);
        x += SPARK;
        x += canvas.line(x, line.y, line.right().saturating_sub(x), &[(more, theme.dim)]);
    }
    let speed = pace.map_or_else(String::new, |pace| format!("{dot}{:.1} rows/s", pace.rows_per_second));
    canvas.line(x, line.y, line.right().saturating_sub(x), &[(&speed, theme.text)]);
}

/// Before the first figures.
fn waiting(canvas: &mut Canvas<'_>, inner: Rect, shown: &Watched) {
    let (app, theme) = (canvas.app, canvas.theme);
    let text = match (&shown.stage, shown.status, &shown.started) {
        (Some((stage, done, Some(total))), ..) if *total > 0 => {
            format!("{stage}: {:.0} of {:.0} MB", *done as f64 / 1e6, *total as f64 / 1e6)
        }
        (Some((stage, ..)), ..) => stage.clone(),
        (None, Status::Running, Some(_)) => {
            let steps = shown.settings.logging_steps;
            format!("the first figures come at step {steps}")
        }
        (None, Status::Running, None) if app.train.live && !app.jobs.is_training() => {
            "waits until the engine is free".to_owned()
        }
        (None, Status::Running, None) => "begins".to_owned(),
        (None, ..) => "there are no figures of it".to_owned(),
    };
    canvas.line(inner.x + 1, inner.y + 1, inner.width.saturating_sub(1), &[(&text, theme.dim)]);
    for (line, y) in summary(&shown.settings).iter().zip(inner.y + 3..inner.bottom()) {
        canvas.line(inner.x + 1, y, inner.width.saturating_sub(1), &[(line, theme.dim)]);
    }
}

/// The settings that matter most, a line each.
fn summary(settings: &crate::train::TrainSpec) -> Vec<String> {
    let batch = settings.batch_size * settings.gradient_accumulation;
    vec![
        format!("model          {}", settings.model),
        format!("epochs         {}", settings.epochs),
        format!("rows a step    {batch}"),
        format!("learning rate  {:e}", settings.learning_rate),
        format!("best by        {}", settings.best.name()),
    ]
}

/// What stands here before the first training.
fn empty(app: &App) -> Vec<String> {
    let key =
        |action| app.keymap.chord(&app.contexts(), action).map_or_else(String::new, |chord| chord.show(app.look.ascii));
    if app.train.beginning {
        return vec!["reading the texts".to_owned()];
    }
    let Some(session) = &app.session else { return vec!["No session is open yet.".to_owned()] };
    let mut lines = vec!["No training yet.".to_owned(), String::new()];
    let Some(settings) = settings(&session.now) else {
        lines.extend([
            "This session trains nothing. To fine-tune an encoder on its data, add to the session file:".to_owned(),
            String::new(),
            "    [train]".to_owned(),
            "    model = \"microsoft/deberta-v3-small\"".to_owned(),
            String::new(),
            format!("and open it again ({}).", key(Action::Sessions)),
        ]);
        return lines;
    };
    lines.push(format!("{} or {}  fine-tunes the encoder of this session:", key(Action::Open), key(Action::RunSplit)));
    lines.push(String::new());
    lines.extend(summary(&settings).into_iter().map(|line| format!("    {line}")));
    if let Some(prepared) = app.prepared() {
        let rows = |split| prepared.data.split(split).len();
        let (train, validation, test) = (rows(Split::Train), rows(Split::Validation), rows(Split::Test));
        lines.push(format!("    rows           {train} to learn from, {validation} validation, {test} test"));
    }
    lines.extend([String::new(), format!("{}  lists earlier trainings with the other runs", key(Action::ViewRuns))]);
    lines
}
