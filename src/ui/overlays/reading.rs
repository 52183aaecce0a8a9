//! A text to read, line by line.

use ratatui::layout::Rect;

use crate::ui::Canvas;
use crate::ui::widgets::text;

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, title: &str, content: &str, scroll: usize) {
    let keys = canvas.symbol("↑ ↓ scroll, Esc closes", "Up, Down: scroll, Esc: close");
    let inner = super::titled(canvas, outer, title, keys);
    let theme = canvas.theme;
    let lines: Vec<&str> = content.lines().collect();
    let most = lines.len().saturating_sub(usize::from(inner.height));
    for (line, y) in lines.iter().skip(scroll.min(most)).zip(inner.y..inner.bottom()) {
        // What is not set in is the head of what follows.
        let style = if line.starts_with(' ') { theme.text } else { theme.heading };
        let line = text::fit(line, usize::from(inner.width.saturating_sub(2)));
        canvas.line(inner.x + 1, y, inner.width.saturating_sub(1), &[(&line, style)]);
    }
    canvas.scrollbar(outer, scroll.min(most), usize::from(inner.height), lines.len());
}
