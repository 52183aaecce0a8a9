//! The rows of a run as a table.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::view::Pane;
use crate::ui::widgets::table::{Column, Slot, Width, columns};
use crate::ui::widgets::text::{self, Align};
use crate::ui::{Canvas, is_focused};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let Some(run) = &app.run else { return Titles::new("Rows", "") };
    let dot = if app.look.ascii { "|" } else { "·" };
    let filter = &app.rows.filter;
    let arrow = if app.look.ascii { "->" } else { "→" };
    let mut what: Vec<String> = Vec::new();
    if let Some((gold, predicted)) = &filter.cell {
        what.push(format!("gold {gold} {arrow} predicted {predicted}"));
    }
    what.extend(filter.outcome.map(|outcome| format!("{}: {}", outcome.title(), outcome.meaning())));
    what.extend(filter.only.as_ref().map(crate::app::sift::Only::title));
    if filter.show != crate::app::sift::Show::All || what.is_empty() {
        what.push(filter.show.title().to_owned());
    }
    if !filter.query.is_empty() {
        what.push(format!("with {}", filter.query));
    }
    let order = match (filter.reverse, app.look.ascii) {
        (false, false) => "↑",
        (true, false) => "↓",
        (false, true) => "up",
        (true, true) => "down",
    };
    let count = format!("{} of {} rows", app.rows.listed.len(), run.rows.len());
    let mut titles = Titles::new(
        format!("{} {dot} {count}", what.join(&format!(" {dot} "))),
        format!("sort: {} {order}", filter.sort.title()),
    );
    let swap = if app.look.ascii { "<->" } else { "⇄" };
    let name = match (filter.outcome, &app.runs.beside) {
        (Some(_), Some(a)) => format!("A {} {swap} B {}", a.about.name, run.about.name),
        _ => run.about.name.clone(),
    };
    titles.bottom = format!("{name} {dot} {}", run.about.split);
    titles
}

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let Some(run) = &app.run else {
        canvas.line(
            inner.x + 1,
            inner.y + 1,
            inner.width,
            &[("no run yet: ^R classifies the split, view 6 opens an earlier run", theme.dim)],
        );
        return;
    };
    if let Some(error) = &app.rows.error {
        canvas.line(inner.x, inner.y, inner.width, &[("the pattern: ", theme.bad), (error, theme.bad)]);
        return;
    }
    let widest = |least: usize| {
        let labels = run.confusion.labels().map(text::width).max().unwrap_or(0);
        labels.clamp(least, 14) as u16
    };
    let specs = [
        Column { width: Width::Fixed(7), drop: 0 },
        Column { width: Width::Min { least: 4, most: widest(4) }, drop: 0 },
        Column { width: Width::Min { least: 9, most: widest(9) }, drop: 0 },
        Column { width: Width::Fixed(6), drop: 1 },
        Column { width: Width::Fixed(2), drop: 0 },
        Column { width: Width::Flex { least: 10, weight: 1 }, drop: 0 },
    ];
    let slots = columns(&specs, inner.x, inner.width, 1);
    let put = |canvas: &mut Canvas<'_>, place: usize, y: u16, content: &str, align: Align, style| {
        if let Some(Some(Slot { x, width })) = slots.get(place) {
            let fitted = text::fit(content, usize::from(*width));
            let padded = text::pad(&fitted, usize::from(*width), align);
            canvas.line(*x, y, *width, &[(&padded, style)]);
        }
    };
    for (place, (name, align)) in [
        ("row", Align::Right),
        ("gold", Align::Left),
        ("predicted", Align::Left),
        ("margin", Align::Right),
        ("", Align::Left),
        ("text", Align::Left),
    ]
    .into_iter()
    .enumerate()
    {
        put(canvas, place, inner.y, name, align, theme.dim);
    }
    if app.rows.listed.is_empty() {
        let text = if run.rows.is_empty() { "no answer yet" } else { "no row fits; Esc shows all" };
        canvas.line(inner.x + 1, inner.y + 2, inner.width, &[(text, theme.dim)]);
    }
    let focused = is_focused(app, Pane::Rows);
    let visible = inner.height.saturating_sub(1);
    for (place, y) in (app.rows.offset..app.rows.listed.len()).zip(inner.y + 1..inner.bottom()) {
        let Some(row) = app.rows.listed.get(place).and_then(|at| run.rows.get(*at as usize)) else { break };
        if place == app.rows.selected {
            let style = if focused { theme.cursor_line } else { theme.cursor_line_away };
            canvas.tint(Rect { y, height: 1, ..inner }, style);
        }
        let right = row.gold.as_ref().is_none_or(|gold| *gold == row.predicted);
        let margin = row.margin.map_or_else(String::new, |margin| format!("{margin:.2}"));
        let mark = app.marks.get(&row.row);
        let flag = match mark {
            Some(mark) if mark.doubtful => canvas.symbol("⚑", "!"),
            Some(mark) if mark.tag.is_some() || mark.note.is_some() => canvas.symbol("•", "*"),
            _ => "",
        };
        let words = run.about.prepared.as_ref().map(|prepared| prepared.data.text(row.row));
        put(canvas, 0, y, &row.row.to_string(), Align::Right, theme.dim);
        put(canvas, 1, y, row.gold.as_deref().unwrap_or_default(), Align::Left, theme.text);
        put(canvas, 2, y, &row.predicted, Align::Left, if right { theme.good } else { theme.bad });
        put(canvas, 3, y, &margin, Align::Right, theme.dim);
        put(canvas, 4, y, flag, Align::Left, theme.warn);
        put(canvas, 5, y, words.as_deref().unwrap_or_default(), Align::Left, theme.text);
    }
    canvas.scrollbar(outer, app.rows.offset, usize::from(visible), app.rows.listed.len());
}
