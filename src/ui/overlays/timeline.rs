//! The versions of the prompt: figures above, what a version would change below.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::text::diff;
use crate::ui::Canvas;
use crate::ui::layout::rect;
use crate::ui::panes::compare::{draw_wrapped, styled};
use crate::ui::share;
use crate::ui::widgets::text::{self, Align};

/// Prompts are short; comparing a long one must not hold up the frame.
const PATIENCE: Duration = Duration::from_millis(3);

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, selected: usize, offset: usize) {
    let (app, theme) = (canvas.app, canvas.theme);
    let inner = super::titled(canvas, outer, "Versions of the prompt", "Enter restores, newest first");
    let list = app.areas.list.map(rect).unwrap_or_default();
    canvas.line(inner.x + 1, inner.y, inner.width, &[("version  kept          accuracy  macro-F1  demos", theme.dim)]);
    let versions = &app.prompt.versions;
    for (from_top, y) in (offset..versions.len()).zip(list.y..list.bottom()) {
        let Some((place, version)) =
            versions.len().checked_sub(1 + from_top).and_then(|place| Some((place, versions.get(place)?)))
        else {
            break;
        };
        if place == selected {
            canvas.tint(Rect { y, height: 1, ..list }, theme.cursor_line);
        }
        let time = version.time.parse::<jiff::Timestamp>().ok().map(|time| time.to_zoned(jiff::tz::TimeZone::system()));
        let time = time.map_or_else(String::new, |time| time.strftime("%d %b %H:%M").to_string());
        let figure = |value: Option<f64>| text::pad(&value.map_or_else(String::new, share), 9, Align::Left);
        let probe = version.probe.as_ref();
        let now = app.prompt.version == Some(version.number);
        let mark = match (now, version.accepted) {
            (true, _) => canvas.symbol("● now", "* now"),
            (false, true) => "accepted",
            _ => "",
        };
        let line = format!(
            "v{:<7} {:<13} {} {} {:<6} {mark}",
            version.number,
            time,
            figure(probe.map(|probe| probe.accuracy)),
            figure(probe.map(|probe| probe.macro_f1)),
            version.prompt.shots,
        );
        canvas.line(list.x + 1, y, list.width.saturating_sub(1), &[(&line, theme.text)]);
    }
    canvas.scrollbar(Rect { height: list.height + 2, ..outer }, offset, usize::from(list.height), versions.len());
    let below = Rect { y: list.bottom() + 1, height: inner.bottom().saturating_sub(list.bottom() + 1), ..inner };
    let Some(version) = versions.get(selected) else { return };
    canvas.line(
        below.x,
        below.y.saturating_sub(1),
        below.width,
        &[("from the prompt as it is now to this version", theme.dim)],
    );
    let lines: Vec<Vec<(String, Style)>> =
        diff::words_within(app.prompt.template.text(), &version.prompt.template, PATIENCE)
            .iter()
            .map(|line| line.iter().map(|piece| styled(theme, piece)).collect())
            .collect();
    draw_wrapped(canvas, below, &lines, 0);
}
