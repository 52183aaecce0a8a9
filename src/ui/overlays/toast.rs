//! Short messages in the lower right corner, above the status line.

use ratatui::layout::Rect;

use crate::app::toast::Tone;
use crate::ui::Canvas;
use crate::ui::widgets::text;

/// Columns that a message may take.
const WIDEST: u16 = 76;

pub(super) fn draw(canvas: &mut Canvas<'_>) {
    let (app, theme) = (canvas.app, canvas.theme);
    let (width, height) = app.size;
    let mut bottom = height.saturating_sub(2);
    for toast in app.toasts.shown().iter().rev() {
        let (sign, style) = match toast.tone {
            Tone::Info => (canvas.symbol("• ", "- "), theme.toast_info),
            Tone::Good => (canvas.symbol("✓ ", "+ "), theme.toast_good),
            Tone::Bad => (canvas.symbol("✗ ", "! "), theme.toast_bad),
        };
        let most = WIDEST.min(width.saturating_sub(6));
        let lines: Vec<String> = text::wrap(&toast.text, usize::from(most.saturating_sub(2)))
            .into_iter()
            .take(4)
            .map(|range| toast.text.get(range).unwrap_or_default().to_owned())
            .collect();
        let columns = lines.iter().map(|line| text::width(line)).max().unwrap_or(0) as u16 + 4;
        let rows = lines.len() as u16;
        let Some(top) = bottom.checked_sub(rows).filter(|top| *top > 0) else { return };
        let area = Rect::new(width.saturating_sub(columns + 1), top, columns, rows);
        super::clear(canvas, area);
        canvas.tint(area, style);
        for (index, line) in lines.iter().enumerate() {
            let sign = if index == 0 { sign } else { "  " };
            canvas.line(area.x + 1, area.y + index as u16, columns - 1, &[(sign, style), (line, style)]);
        }
        bottom = top.saturating_sub(1);
    }
}
