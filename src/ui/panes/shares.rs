//! Shares of real and simulated answers side by side, with intervals, and how far they are apart.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::run::Run;
use crate::app::view::Pane;
use crate::metrics::distribution::Estimate;
use crate::session::simulation::{Distance, Simulation};
use crate::ui::widgets::bar;
use crate::ui::widgets::table::{Column, Slot, Width, columns};
use crate::ui::widgets::text::{self, Align};
use crate::ui::{Canvas, is_focused, share};

use super::Titles;

/// Lines of figures below the bars.
const FIGURES: u16 = 6;
/// Columns of a share with its interval.
const ESTIMATE: u16 = 13;
/// Columns of a share alone.
const SHARE: u16 = 5;

/// Lines of figures that stand below the bars at a height of the pane.
pub(in crate::ui) fn below(height: u16) -> u16 {
    FIGURES.min(height / 2)
}

/// What the figures are about.
fn about(app: &App, distance: &Distance) -> String {
    let dot = if app.look.ascii { "|" } else { "·" };
    let mut about = match (&app.simulate.group, app.simulate.grouping()) {
        (Some(group), Some(grouping)) => format!("{} {group}", grouping.column),
        _ => "Shares".to_owned(),
    };
    about += &format!(" {dot} {}", if distance.weighted { "weighted" } else { "unweighted" });
    if distance.without_missing {
        about += &format!(" {dot} without missing");
    }
    about + &format!(" {dot} n = {}", distance.comparison.rows)
}

pub(super) fn titles(app: &App) -> Titles {
    let Some(distance) = app.simulate.simulation().and_then(|simulation| app.simulate.distance(simulation)) else {
        return Titles::new("Shares", "");
    };
    let key = |action| app.keymap.chord(&[crate::app::Context::Survey], action).map(|chord| chord.show(app.look.ascii));
    let keys = [(crate::app::Action::Weights, "weights"), (crate::app::Action::Missing, "missing")];
    let bottom: Vec<String> =
        keys.iter().filter_map(|(action, what)| Some(format!("{} {what}", key(*action)?))).collect();
    let dot = if app.look.ascii { "|" } else { "·" };
    let variation = format!("TV {}", share(distance.comparison.total_variation.value));
    // The figure comes first: a long name is cut at its end.
    let run = app.run.as_ref().map(|run| format!(" {dot} {}", name_of(app, run)));
    Titles { left: about(app, distance), right: variation + &run.unwrap_or_default(), bottom: bottom.join("  ") }
}

/// A share with half of its interval, where there is room for that.
fn estimate(app: &App, estimate: &Estimate, room: u16) -> String {
    let [low, high] = estimate.ci95;
    let value =
        if estimate.value.is_finite() { format!("{:>5.1}", estimate.value * 100.0) } else { "  n/a".to_owned() };
    let sign = if app.look.ascii { "+-" } else { "±" };
    match low.is_finite() && high.is_finite() && room >= ESTIMATE {
        true => format!("{value} {sign}{:<4.1}", (high - low) * 50.0),
        false => value,
    }
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let simulation = app.simulate.simulation();
    let Some((simulation, distance)) = simulation.and_then(|of| Some((of, app.simulate.distance(of)?))) else {
        return hint(canvas, inner);
    };
    let beside = app.simulate.beside.as_ref().and_then(|(_, of)| app.simulate.distance(of));
    let names = distance.labels.iter().map(|label| text::width(label)).max().unwrap_or(0).clamp(5, 16) as u16;
    // Two runs side by side leave their intervals to the figures below where there is little room.
    let figures = if beside.is_some() && inner.width < 90 { SHARE } else { ESTIMATE };
    let bars = Width::Flex { least: 6, weight: 1 };
    let mut specs = vec![Column { width: Width::Fixed(names), drop: 0 }];
    for place in 0..if beside.is_some() { 3 } else { 2 } {
        specs.push(Column { width: bars, drop: if place == 0 { 3 } else { 2 } });
        specs.push(Column { width: Width::Fixed(figures), drop: 0 });
    }
    let slots = columns(&specs, inner.x + 1, inner.width.saturating_sub(2), 1);
    // The same length means the same share in every column.
    let bars = (0..3).filter_map(|pair| slots.get(1 + 2 * pair).copied().flatten()).map(|slot| slot.width).min();
    let marked = app.runs.beside.as_ref().map(|run| name_of(app, run)).unwrap_or_default();
    let heads = [("real", canvas.symbol("▒", ":")), ("simulated", canvas.symbol("█", "#")), (marked.as_str(), "")];
    for (pair, (name, sign)) in heads.into_iter().enumerate() {
        let Some(slot) = slots.get(1 + 2 * pair).copied().flatten().or(slots.get(2 + 2 * pair).copied().flatten())
        else {
            continue;
        };
        canvas.line(slot.x, inner.y, slot.width + ESTIMATE, &[(sign, theme.dim), (" ", theme.dim), (name, theme.dim)]);
    }
    // The marked run may know other labels.
    let of_marked = beside.map(|beside| {
        let place = |label: &String| beside.labels.iter().position(|other| other == label);
        let estimate = |place: usize| beside.comparison.simulated.get(place).copied();
        distance.labels.iter().map(|label| place(label).and_then(estimate)).collect::<Vec<_>>()
    });
    let own = |estimates: &[Estimate]| estimates.iter().copied().map(Some).collect::<Vec<_>>();
    let series: Vec<Vec<Option<Estimate>>> =
        [own(&distance.comparison.real), own(&distance.comparison.simulated)].into_iter().chain(of_marked).collect();
    // The same scale for all: the greatest share fills its bar.
    let most = series.iter().flatten().flatten().map(|of| of.value).fold(0.05_f64, f64::max);
    let bottom = inner.bottom().saturating_sub(below(inner.height));
    let focused = is_focused(app, Pane::Shares);
    for (place, y) in (app.simulate.offset[0]..distance.labels.len()).zip(inner.y + 1..bottom) {
        let label = distance.labels.get(place).map_or("", String::as_str);
        if let Some(Some(Slot { x, width })) = slots.first() {
            canvas.line(*x, y, *width, &[(&text::fit(label, usize::from(*width)), theme.label(place))]);
        }
        for (pair, of) in series.iter().enumerate() {
            let Some(Some(value)) = of.get(place) else { continue };
            if let (Some(Some(Slot { x, .. })), Some(width)) = (slots.get(1 + 2 * pair), bars) {
                shaded(canvas, Rect::new(*x, y, width, 1), value.value / most, pair == 0);
            }
            if let Some(Some(Slot { x, width })) = slots.get(2 + 2 * pair) {
                canvas.line(*x, y, *width, &[(&estimate(app, value, *width), theme.text)]);
            }
        }
        if place == app.simulate.selected[0] {
            let style = if focused { theme.cursor_line } else { theme.cursor_line_away };
            canvas.tint(Rect { y, height: 1, ..inner }, style);
        }
    }
    let lines = figure_lines(app, simulation, distance, beside);
    for ((name, figures), y) in lines.iter().zip(bottom..inner.bottom()) {
        let name = text::pad(name, 11, Align::Left);
        canvas.line(inner.x + 1, y, inner.width.saturating_sub(1), &[(&name, theme.dim), (figures, theme.text)]);
    }
}

/// What a run is called, with its session where that is not the one that is open.
fn name_of(app: &App, run: &Run) -> String {
    let entry = app.runs.entries.iter().find(|entry| entry.path == run.about.path);
    let own = app.session.as_ref().map(|session| session.file.stem.as_str());
    match entry.map(|entry| entry.session.as_str()).filter(|session| Some(*session) != own) {
        Some(session) => format!("{session} {}", run.about.name),
        None => run.about.name.clone(),
    }
}

/// A bar; that of real shares is lighter, also without colour.
fn shaded(canvas: &mut Canvas<'_>, at: Rect, share: f64, light: bool) {
    let (theme, ascii) = (canvas.theme, canvas.ascii());
    let blank = ratatui::style::Style::new();
    bar::bar(canvas.buf, at, share, if light { theme.dim } else { theme.bar }, blank, ascii);
    for x in at.x..at.right() {
        let Some(cell) = canvas.buf.cell_mut((x, at.y)) else { continue };
        let symbol = match (cell.symbol(), light, ascii) {
            ("█" | "▉" | "▊" | "▋" | "▌", true, false) => "▒",
            // The least share still shows; an end of less than half a cell does not.
            ("▍" | "▎" | "▏", true, false) if x > at.x => " ",
            ("#", true, true) => ":",
            (".", _, true) => " ",
            _ => continue,
        };
        cell.set_symbol(symbol);
    }
}

/// The distances, a line each.
fn figure_lines(
    app: &App,
    simulation: &Simulation,
    distance: &Distance,
    beside: Option<&Distance>,
) -> Vec<(&'static str, String)> {
    let of = &distance.comparison;
    let ends = |estimate: &Estimate| {
        let [low, high] = estimate.ci95.map(share);
        if estimate.ci95[0].is_finite() { format!(" [{low}, {high}]") } else { String::new() }
    };
    let plain = |value: f64| if value.is_finite() { format!("{value:.2}") } else { "n/a".to_owned() };
    let figure =
        |name: &str, value: f64| if value.is_finite() { format!("{name} {value:.2}") } else { format!("{name} n/a") };
    let arrow = if app.look.ascii { "->" } else { "→" };
    let mut variation = format!("TV {}{}", share(of.total_variation.value), ends(&of.total_variation));
    if let Some(beside) = beside {
        variation += &format!(" (marked {})", share(beside.comparison.total_variation.value));
    }
    let distances = [
        variation,
        format!("JS {}", share(of.jensen_shannon.value)),
        figure("KL", of.kullback_leibler.value) + " bits",
    ];
    let flatness = [
        figure("variance ratio", of.variance_ratio.value) + &ends(&of.variance_ratio),
        format!("entropy {} {arrow} {} bits", plain(of.entropy_real.value), plain(of.entropy_simulated.value)),
    ];
    let own = distance.individual;
    let known = |value: Option<f64>| value.map_or("n/a".to_owned(), share);
    let individual = format!(
        "accuracy {}, majority {}, macro-F1 {}, kappa {}",
        known(own.accuracy),
        known(own.majority_accuracy),
        known(own.macro_f1),
        known(own.kappa)
    );
    let mut orders = Vec::new();
    if let Some(order) = &simulation.orders {
        orders.push(format!(
            "{} of {} change their answer in {} orders",
            share(order.changed),
            order.rows,
            order.shuffles
        ));
    }
    if let Some(first) = simulation.positions.first() {
        let chance = share(1.0 / simulation.positions.len() as f64);
        orders.push(format!("{} take the first label listed (chance {chance})", share(*first)));
    }
    let mut lines =
        vec![("distance", distances.join("   ")), ("flatness", flatness.join("   ")), ("own answer", individual)];
    lines.extend(orders.into_iter().map(|order| ("order", order)));
    if of.answered < 1.0 {
        lines.push(("answered", format!("{} of the simulated answers are one of these labels", share(of.answered))));
    }
    lines
}

fn hint(canvas: &mut Canvas<'_>, at: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let of_survey = app.run.as_ref().and_then(|run| run.about.prepared.as_ref());
    let of_survey = of_survey.is_some_and(|prepared| prepared.session.simulate.is_some());
    let hint = if !app.simulates() {
        ""
    } else if app.evaluate.preparing.is_some() {
        "writing the prompts …"
    } else if app.simulate.counting {
        "counting …"
    } else if of_survey && app.run.as_ref().is_some_and(|run| run.report.is_none()) {
        "no respondent has a real answer to compare with"
    } else {
        "^R asks every respondent; view 6 opens earlier runs"
    };
    canvas.line(at.x + 1, at.y + 1, at.width.saturating_sub(1), &[(hint, theme.dim)]);
}

/// The pane on one line.
pub(super) fn summary(canvas: &mut Canvas<'_>, at: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let distance = app.simulate.simulation().and_then(|simulation| app.simulate.distance(simulation));
    let told = distance.map(|distance| {
        let own = distance.individual.accuracy.map_or("n/a".to_owned(), share);
        format!("  TV {}   accuracy {own}", share(distance.comparison.total_variation.value))
    });
    canvas.line(at.x, at.y, at.width, &[(told.as_deref().unwrap_or_default(), theme.text)]);
}
