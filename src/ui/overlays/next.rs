//! The most likely next tokens after the current row's prompt.

use ratatui::layout::Rect;

use crate::app::window::Next;
use crate::ui::Canvas;
use crate::ui::widgets::text::{self, Align};
use crate::ui::widgets::{bar, text as widths};

/// Columns of a token.
const TOKEN: usize = 18;

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, next: &Next) {
    let (theme, ascii) = (canvas.theme, canvas.ascii());
    let title =
        next.row.map_or_else(|| "Next token".to_owned(), |row| format!("Next token after the prompt of row {row}"));
    let inner = super::titled(canvas, outer, &title, "");
    if let Some(error) = &next.error {
        for (range, y) in widths::wrap(error, usize::from(inner.width).max(1)).into_iter().zip(inner.y..inner.bottom())
        {
            canvas.line(inner.x, y, inner.width, &[(error.get(range).unwrap_or_default(), theme.bad)]);
        }
        return;
    }
    if !next.ready {
        let hint = match canvas.app.model() {
            _ if canvas.app.jobs.is_training() => "waits: a training goes on",
            Some(_) => "computing",
            None => "waits for the model",
        };
        canvas.line(inner.x, inner.y, inner.width, &[(hint, theme.dim)]);
        return;
    }
    let perplexity = next.perplexity.map(|value| format!(", perplexity of the prompt {value:.1}")).unwrap_or_default();
    canvas.line(inner.x, inner.y, inner.width, &[(&format!("{} tokens{perplexity}", next.tokens), theme.dim)]);
    let rest = 1.0 - next.next.iter().map(|token| token.probability).sum::<f64>();
    let lines = usize::from(inner.height.saturating_sub(3));
    for (token, y) in next.next.iter().take(lines).zip(inner.y + 2..inner.bottom()) {
        // Blanks are part of a token: quotes show them.
        let shown = format!("{:?}", token.token).replace("\\\"", "\"");
        let shown = text::pad(&text::fit(&shown, TOKEN), TOKEN, Align::Left);
        let numbers = format!(" {:.4} {:>8.2}", token.probability, token.logit);
        let used = canvas.line(inner.x, y, inner.width, &[(&shown, theme.text), (" ", theme.text)]);
        let columns = text::width(&numbers) as u16;
        let line = Rect::new(inner.x + used, y, inner.width.saturating_sub(used + columns), 1);
        bar::bar(canvas.buf, line, token.probability, theme.bar, theme.bar_rest, ascii);
        canvas.line(line.right(), y, columns, &[(&numbers, theme.dim)]);
    }
    let text = format!("all other tokens {:.4}", rest.max(0.0));
    canvas.line(inner.x, inner.bottom().saturating_sub(1), inner.width, &[(&text, theme.dim)]);
}
