//! Short messages in the upper right corner, where no figure stands that somebody is working to move.

use ratatui::layout::Rect;

use crate::app::toast::Tone;
use crate::ui::Canvas;
use crate::ui::widgets::text;

/// Columns that a message may take.
const WIDEST: u16 = 76;
/// Lines that it may take.
const LINES: usize = 4;

pub(super) fn draw(canvas: &mut Canvas<'_>) {
    let (app, theme) = (canvas.app, canvas.theme);
    let (width, height) = app.size;
    let mut top = 1;
    for toast in app.toasts.shown() {
        let (sign, style) = match toast.tone {
            Tone::Info => (canvas.symbol("• ", "- "), theme.toast_info),
            Tone::Warn => (canvas.symbol("▲ ", "! "), theme.toast_warn),
            Tone::Good => (canvas.symbol("✓ ", "+ "), theme.toast_good),
            Tone::Bad => (canvas.symbol("✗ ", "! "), theme.toast_bad),
        };
        let most = WIDEST.min(width.saturating_sub(6));
        let lines: Vec<String> = text::wrap_lines(&toast.text, usize::from(most.saturating_sub(2)), 0, LINES)
            .into_iter()
            .map(|range| toast.text.get(range).unwrap_or_default().to_owned())
            .collect();
        let columns = lines.iter().map(|line| text::width(line)).max().unwrap_or(0) as u16 + 4;
        let rows = lines.len() as u16;
        if top + rows + 2 > height {
            return;
        }
        let area = Rect::new(width.saturating_sub(columns + 1), top, columns, rows);
        super::clear(canvas, area);
        canvas.tint(area, style);
        for (index, line) in lines.iter().enumerate() {
            let sign = if index == 0 { sign } else { "  " };
            canvas.line(area.x + 1, area.y + index as u16, columns - 1, &[(sign, style), (line, style)]);
        }
        top += rows + 1;
    }
}
