//! The list of demonstrations: those in the prompt first, then the other training rows.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::view::Pane;
use crate::prompt::DemoStrategy;
use crate::ui::widgets::text;
use crate::ui::{Canvas, is_focused};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let Some(prompt) = app.spec() else { return Titles::new("Demos", "") };
    let demos = &app.prompt.demos;
    let shown = demos.shown.len();
    let how = match prompt.demos {
        _ if shown == 0 && prompt.shots == 0 => "zero-shot".to_owned(),
        DemoStrategy::Random => format!("random, seed {}", prompt.seed),
        DemoStrategy::Similar => "similar to the row (TF-IDF)".to_owned(),
        DemoStrategy::Diverse => format!("diverse, seed {}", prompt.seed),
        DemoStrategy::Pinned => "picked by hand".to_owned(),
    };
    let dot = if app.look.ascii { "|" } else { "·" };
    let left = match (&demos.like, demos.filter.text()) {
        (Some((row, _)), _) => format!("Demos {dot} rows like {row}"),
        (None, "") => format!("Demos {dot} {how}"),
        (None, filter) => format!("Demos {dot} with \"{filter}\""),
    };
    let cost = demos.cost().filter(|_| shown > 0).map(|tokens| format!(" {dot} {tokens} tokens")).unwrap_or_default();
    Titles::new(left, format!("{shown} shown{cost}"))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let Some(prepared) = app.prepared() else { return };
    let data = &prepared.data;
    let demos = &app.prompt.demos;
    if demos.list.is_empty() {
        let hint = if demos.filter.text().is_empty() {
            "no labelled training rows"
        } else {
            "no training row has these words"
        };
        canvas.line(inner.x, inner.y, inner.width, &[(hint, theme.dim)]);
    }
    let widest = data.labels().iter().map(|label| text::width(label)).max().unwrap_or(0).min(12);
    let focused = is_focused(app, Pane::Demos);
    let tick = [canvas.symbol("✓", "x"), canvas.symbol("⚷", "L")];
    for (place, y) in (demos.offset..demos.list.len()).zip(inner.y..inner.bottom()) {
        let Some(row) = demos.list.get(place).copied() else { break };
        let shown = demos.shown.contains(&row);
        let locked = demos.locked.contains(&row);
        if place == demos.selected {
            let style = if focused { theme.cursor_line } else { theme.cursor_line_away };
            canvas.tint(Rect { y, height: 1, ..inner }, style);
        }
        let mark = if locked {
            tick[1]
        } else if shown {
            tick[0]
        } else {
            " "
        };
        let label = data.gold(row);
        let word = label.and_then(|label| data.labels().get(label)).map_or("", String::as_str);
        let word = text::pad(&text::fit(word, widest), widest, text::Align::Left);
        let tokens = demos.tokens.get(&row).map_or_else(String::new, |tokens| format!("{tokens}t"));
        let tokens = text::pad(&tokens, 5, text::Align::Right);
        let style = if shown { theme.text } else { theme.stale };
        let used = canvas.line(
            inner.x,
            y,
            inner.width,
            &[
                (mark, theme.good),
                (" ", style),
                (&word, label.map_or(style, |label| theme.label(label))),
                ("  ", style),
            ],
        );
        let room = inner.width.saturating_sub(used + 6);
        canvas.line(inner.x + used, y, room, &[(&text::fit(&data.text(row), usize::from(room)), style)]);
        canvas.line(inner.right().saturating_sub(5), y, 5, &[(&tokens, theme.dim)]);
    }
    canvas.scrollbar(outer, demos.offset, usize::from(inner.height), demos.list.len());
}
