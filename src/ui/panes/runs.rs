//! All runs with their figures.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::view::Pane;
use crate::session::folder::Status;
use crate::ui::widgets::table::{Column, Slot, Width, columns};
use crate::ui::widgets::text::{self, Align};
use crate::ui::{Canvas, is_focused, share};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let count = app.runs.entries.len();
    let right = if app.runs.loading {
        "looking …".to_owned()
    } else {
        format!("{count} run{}", if count == 1 { "" } else { "s" })
    };
    let mut titles = Titles::new("Runs", if app.look.ascii { right.replace('…', "...") } else { right });
    titles.bottom = app.runs.tried.as_ref().map(|tried| tried.text()).unwrap_or_default();
    titles
}

/// A time as day and hour, in the zone of the machine.
pub(super) fn when(time: jiff::Timestamp) -> String {
    time.to_zoned(jiff::tz::TimeZone::system()).strftime("%d %b %H:%M").to_string()
}

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    if app.runs.entries.is_empty() && !app.runs.loading {
        canvas.line(inner.x + 1, inner.y + 1, inner.width, &[("no run yet: ^R classifies the split", theme.dim)]);
        return;
    }
    let specs = [
        Column { width: Width::Fixed(1), drop: 0 },
        Column { width: Width::Fixed(12), drop: 2 },
        Column { width: Width::Flex { least: 10, weight: 2 }, drop: 0 },
        Column { width: Width::Flex { least: 8, weight: 1 }, drop: 3 },
        Column { width: Width::Fixed(10), drop: 4 },
        Column { width: Width::Fixed(5), drop: 0 },
        Column { width: Width::Fixed(5), drop: 0 },
        Column { width: Width::Fixed(6), drop: 1 },
    ];
    let slots = columns(&specs, inner.x, inner.width, 1);
    let put = |canvas: &mut Canvas<'_>, place: usize, y: u16, content: &str, align: Align, style| {
        if let Some(Some(Slot { x, width })) = slots.get(place) {
            let fitted = text::fit(content, usize::from(*width));
            canvas.line(*x, y, *width, &[(&text::pad(&fitted, usize::from(*width), align), style)]);
        }
    };
    let heads = ["", "started", "run", "session", "split", "acc", "mF1", "rows"];
    for (place, name) in heads.into_iter().enumerate() {
        put(canvas, place, inner.y, name, if place > 4 { Align::Right } else { Align::Left }, theme.dim);
    }
    let focused = is_focused(app, Pane::Runs);
    for (place, y) in (app.runs.offset..app.runs.entries.len()).zip(inner.y + 1..inner.bottom()) {
        let Some(entry) = app.runs.entries.get(place) else { break };
        if place == app.runs.selected {
            let style = if focused { theme.cursor_line } else { theme.cursor_line_away };
            canvas.tint(Rect { y, height: 1, ..inner }, style);
        }
        let open = app.run.as_ref().is_some_and(|run| run.about.path == entry.path);
        let mark = match (app.runs.marked.as_ref() == Some(&entry.path), open) {
            (true, _) => canvas.symbol("◆", "*"),
            (false, true) => canvas.symbol("●", "o"),
            _ => "",
        };
        let facts = entry.facts.as_ref().ok();
        let name = match facts {
            Some(facts) if facts.status == Status::Finished => entry.name.clone(),
            Some(facts) if facts.live => format!("{} (running)", entry.name),
            Some(_) => format!("{} (unfinished)", entry.name),
            None => format!("{} (broken)", entry.name),
        };
        let finished = facts.is_some_and(|facts| facts.status == Status::Finished);
        let style = if finished { theme.text } else { theme.stale };
        let figure = |value: Option<f64>| value.map_or_else(String::new, share);
        put(canvas, 0, y, mark, Align::Left, theme.accent);
        put(canvas, 1, y, &when(entry.started), Align::Left, theme.dim);
        put(canvas, 2, y, &name, Align::Left, style);
        put(canvas, 3, y, &entry.session, Align::Left, theme.dim);
        put(canvas, 4, y, facts.map_or("", |facts| facts.split.name()), Align::Left, theme.dim);
        put(canvas, 5, y, &figure(facts.and_then(|facts| facts.accuracy)), Align::Right, style);
        put(canvas, 6, y, &figure(facts.and_then(|facts| facts.macro_f1)), Align::Right, style);
        let rows = facts.map_or_else(String::new, |facts| facts.rows.to_string());
        put(canvas, 7, y, &rows, Align::Right, theme.dim);
    }
    canvas.scrollbar(outer, app.runs.offset, usize::from(inner.height.saturating_sub(1)), app.runs.entries.len());
}
