//! How far simulated answers are from real ones in each group of respondents.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::view::Pane;
use crate::session::simulation::Distance;
use crate::ui::widgets::table::{Column, Slot, Width, columns};
use crate::ui::widgets::text::{self, Align};
use crate::ui::{Canvas, is_focused, share};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let Some(grouping) = app.simulate.grouping() else { return Titles::new("Groups", "") };
    let [before, after] = if app.look.ascii { ["< ", " >"] } else { ["◂ ", " ▸"] };
    let flatness = grouping.within_entropy_ratio.map(|ratio| format!("entropy within groups {}", share(ratio)));
    let floor = app.simulate.simulation().map_or(0, |simulation| simulation.floor);
    let small = grouping.groups.iter().any(|group| group.small);
    Titles {
        left: format!("By {before}{}{after}", grouping.column),
        right: flatness.unwrap_or_default(),
        bottom: if small { format!("dimmed: fewer than {floor}") } else { String::new() },
    }
}

/// The figures of a group, in the order of the columns.
fn cells(distance: &Distance) -> [String; 7] {
    let of = &distance.comparison;
    let plain = |value: f64| if value.is_finite() { format!("{value:.2}") } else { "n/a".to_owned() };
    let known = |value: Option<f64>| value.map_or("n/a".to_owned(), share);
    [
        of.rows.to_string(),
        share(of.total_variation.value),
        plain(of.variance_ratio.value),
        plain(of.entropy_real.value),
        plain(of.entropy_simulated.value),
        known(distance.individual.accuracy),
        known(distance.individual.majority_accuracy),
    ]
}

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let Some(grouping) = app.simulate.grouping() else {
        if app.simulates() {
            let simulate = app.session.as_ref().and_then(|session| session.now.simulate.as_ref());
            let by = simulate.map(|simulate| simulate.by.join(", ")).unwrap_or_default();
            let hint = match by.is_empty() {
                true => "groups stand here where the session names columns in simulate.by".to_owned(),
                false => format!("respondents by {by}, once they are asked"),
            };
            canvas.line(inner.x + 1, inner.y, inner.width.saturating_sub(1), &[(&hint, theme.dim)]);
        }
        return;
    };
    let figure = |width, drop| Column { width: Width::Fixed(width), drop };
    let specs = [
        Column { width: Width::Flex { least: 10, weight: 1 }, drop: 0 },
        figure(5, 0),
        figure(4, 0),
        figure(8, 2),
        figure(6, 4),
        figure(7, 4),
        figure(6, 1),
        figure(7, 3),
    ];
    let slots = columns(&specs, inner.x + 1, inner.width.saturating_sub(2), 1);
    let put = |canvas: &mut Canvas<'_>, place: usize, y: u16, content: &str, style| {
        if let Some(Some(Slot { x, width })) = slots.get(place) {
            let align = if place == 0 { Align::Left } else { Align::Right };
            let fitted = text::fit(content, usize::from(*width));
            canvas.line(*x, y, *width, &[(&text::pad(&fitted, usize::from(*width), align), style)]);
        }
    };
    for (place, name) in ["", "n", "TV", "var.rat.", "H real", "H sim.", "acc", "major."].into_iter().enumerate() {
        put(canvas, place, inner.y, name, theme.dim);
    }
    let focused = is_focused(app, Pane::Groups);
    for (place, y) in (app.simulate.offset[1]..grouping.groups.len()).zip(inner.y + 1..inner.bottom()) {
        let Some(group) = grouping.groups.get(place) else { break };
        let distance = group
            .distances
            .iter()
            .find(|distance| distance.without_missing != app.simulate.with_missing)
            .or(group.distances.last());
        let Some(distance) = distance else { continue };
        let small = distance.comparison.rows < app.simulate.simulation().map_or(0, |simulation| simulation.floor);
        let style = if small { theme.stale } else { theme.text };
        let chosen = app.simulate.group.as_ref() == Some(&group.value);
        let mark = if chosen { canvas.symbol("▸ ", "> ") } else { "" };
        put(canvas, 0, y, &format!("{mark}{}", group.value), style);
        for (column, cell) in cells(distance).iter().enumerate() {
            put(canvas, column + 1, y, cell, style);
        }
        if place == app.simulate.selected[1] {
            let style = if focused { theme.cursor_line } else { theme.cursor_line_away };
            canvas.tint(Rect { y, height: 1, ..inner }, style);
        }
    }
    let visible = usize::from(inner.height.saturating_sub(1));
    canvas.scrollbar(outer, app.simulate.offset[1], visible, grouping.groups.len());
}
