//! All keys, those of the focused pane first.

use std::collections::HashSet;

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::{App, Context};
use crate::ui::Canvas;
use crate::ui::widgets::text;

/// Lines of the help: a heading, or keys with what they do.
pub(in crate::ui) fn lines(app: &App) -> Vec<(String, String)> {
    let first = app.pane().context();
    let contexts = std::iter::once(first).chain(Context::ALL.into_iter().filter(|context| *context != first));
    let mut lines = Vec::new();
    for context in contexts {
        let mut told = HashSet::new();
        let mut section = Vec::new();
        for (_, action) in app.keymap.bindings(context) {
            if told.insert(action) {
                let keys: Vec<String> =
                    app.keymap.chords(context, action).iter().map(|chord| chord.show(app.look.ascii)).collect();
                section.push((keys.join(" "), action.long().to_owned()));
            }
        }
        if !section.is_empty() {
            lines.push((context.title().to_owned(), String::new()));
            lines.extend(section);
            lines.push((String::new(), String::new()));
        }
    }
    lines
}

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, scroll: usize) {
    let inner =
        super::titled(canvas, outer, "Keys", canvas.symbol("↑ ↓ scroll, Esc closes", "Up, Down: scroll, Esc: close"));
    let theme = canvas.theme;
    let lines = lines(canvas.app);
    let most = lines.len().saturating_sub(usize::from(inner.height));
    let keys =
        lines.iter().filter(|(_, text)| !text.is_empty()).map(|(keys, _)| text::width(keys)).max().unwrap_or(0).min(24);
    for ((left, right), y) in lines.iter().skip(scroll.min(most)).zip(inner.y..inner.bottom()) {
        if right.is_empty() {
            canvas.line(inner.x + 1, y, inner.width, &[(left, theme.heading)]);
        } else {
            let left = text::pad(&text::fit(left, keys), keys, text::Align::Right);
            canvas.line(
                inner.x + 1,
                y,
                inner.width.saturating_sub(1),
                &[(&left, theme.key), ("  ", Style::new()), (right, theme.text)],
            );
        }
    }
    canvas.scrollbar(outer, scroll.min(most), usize::from(inner.height), lines.len());
}
