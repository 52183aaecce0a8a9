//! Windows with a list: pickers, and the rows of the probe.

use ratatui::layout::Rect;

use crate::app::probe::Flip;
use crate::app::window::Picker;
use crate::ui::Canvas;
use crate::ui::layout::rect;
use crate::ui::widgets::text::{self, Align};

pub(super) fn picker(canvas: &mut Canvas<'_>, outer: Rect, picker: &Picker) {
    let theme = canvas.theme;
    let count =
        if picker.loading { "looking".to_owned() } else { format!("{}/{}", picker.hits.len(), picker.items.len()) };
    let inner = super::titled(canvas, outer, &picker.title, &count);
    let prompt = canvas.symbol("› ", "> ");
    let used = canvas.line(inner.x, inner.y, inner.width, &[(prompt, theme.accent)]);
    let line = Rect { x: inner.x + used, width: inner.width.saturating_sub(used), height: 1, ..inner };
    canvas.tint(line, theme.input);
    super::input_line(canvas, line, &picker.input);
    let list = canvas.app.areas.list.map(rect).unwrap_or_default();
    if picker.hits.is_empty() && !picker.loading {
        let hint = if picker.free.is_some() && !picker.input.text().trim().is_empty() {
            "Enter takes what you typed"
        } else {
            "nothing fits"
        };
        canvas.line(list.x, list.y, list.width, &[(hint, theme.dim)]);
    }
    for (place, y) in (picker.offset..picker.hits.len()).zip(list.y..list.bottom()) {
        let Some((item, matched)) =
            picker.hits.get(place).and_then(|(item, matched)| Some((picker.items.get(*item)?, matched)))
        else {
            break;
        };
        if place == picker.selected {
            canvas.tint(Rect { y, height: 1, ..list }, theme.cursor_line);
        }
        let detail = text::fit(&item.detail, usize::from(list.width / 2)).into_owned();
        let columns = text::width(&detail) as u16;
        let room = list.width.saturating_sub(columns + 2);
        let mut used = 1;
        let title = text::fit(&item.title, usize::from(room.saturating_sub(1)));
        for (at, c) in title.chars().enumerate() {
            let style = if matched.contains(&(at as u32)) { theme.matched } else { theme.text };
            let mut buffer = [0; 4];
            used += canvas.line(list.x + used, y, room.saturating_sub(used), &[(c.encode_utf8(&mut buffer), style)]);
        }
        canvas.line(list.right().saturating_sub(columns + 1), y, columns, &[(&detail, theme.dim)]);
    }
    canvas.scrollbar(outer, picker.offset, usize::from(list.height), picker.hits.len());
}

pub(super) fn flips(canvas: &mut Canvas<'_>, outer: Rect, selected: usize, offset: usize) {
    let (app, theme) = (canvas.app, canvas.theme);
    let probe = &app.prompt.probe;
    let (fixed, broken) = probe.flips();
    let inner = super::titled(
        canvas,
        outer,
        "Probe rows",
        &format!("{fixed} fixed, {broken} broken against the accepted version"),
    );
    let list = app.areas.list.map(rect).unwrap_or_default();
    canvas.line(inner.x + 1, inner.y, inner.width, &[("            gold          answer        text", theme.dim)]);
    let order = probe.order();
    let label = |place: Option<usize>| place.and_then(|place| app.labels().get(place)).map_or("", String::as_str);
    let unknown = app.session.as_ref().map_or("unknown", |session| session.now.answer.unknown.as_str());
    for (line, y) in (offset..order.len()).zip(list.y..list.bottom()) {
        let Some(place) = order.get(line).copied() else { break };
        if line == selected {
            canvas.tint(Rect { y, height: 1, ..list }, theme.cursor_line);
        }
        let (what, style) = match (probe.flip(place), probe.is_right(place)) {
            (Some(Flip::Fixed), _) => ("fixed", theme.good),
            (Some(Flip::Broken), _) => ("broken", theme.bad),
            (Some(Flip::Other), _) => ("changed", theme.warn),
            (None, Some(true)) => ("right", theme.dim),
            (None, Some(false)) => ("wrong", theme.text),
            (None, None) => (canvas.symbol("…", "..."), theme.dim),
        };
        let answer = match probe.now.answers.get(place).copied().flatten() {
            Some(Some(answer)) => label(Some(answer)),
            Some(None) => unknown,
            None => "",
        };
        let column = |content: &str, width: usize| text::pad(&text::fit(content, width), width, Align::Left);
        let words = probe.rows.get(place).zip(app.prepared()).map(|(row, prepared)| prepared.data.text(*row));
        let pieces = [column(what, 10), column(label(probe.gold.get(place).copied()), 12), column(answer, 12)];
        canvas.line(
            list.x + 1,
            y,
            list.width.saturating_sub(1),
            &[
                (&pieces[0], style),
                ("  ", theme.text),
                (&pieces[1], theme.text),
                ("  ", theme.text),
                (&pieces[2], style),
                ("  ", theme.text),
                (words.as_deref().unwrap_or_default(), theme.text),
            ],
        );
    }
    canvas.scrollbar(outer, offset, usize::from(list.height), order.len());
}
