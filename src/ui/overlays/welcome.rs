//! What this is and what to do first, at the first start.

use ratatui::layout::Rect;

use crate::app::{Action, App, Context};
use crate::ui::Canvas;
use crate::ui::widgets::text;

fn lines(app: &App) -> Vec<(String, bool)> {
    let key = |context, action| {
        app.keymap
            .chord(&[context, Context::Global], action)
            .map_or_else(String::new, |chord| chord.show(app.look.ascii))
    };
    let at = |action| key(Context::Global, action);
    vec![
        ("Shotglass classifies text with a language model, live.".to_owned(), true),
        (
            "This is a session: rows of data, a prompt, and a model; the default one is small and fetched once (98 MB). View 1 \
             shows the prompt on the left; on the right, what the model makes of one row, and of a probe of 32 rows."
                .to_owned(),
            false,
        ),
        (String::new(), false),
        (format!("{:>5}  edit the template: the probe is scored again as you type", key(Context::Template, Action::Edit)), false),
        (format!("{:>5}  go to the next pane: demos, row, answer, probe", at(Action::NextPane)), false),
        (format!("{:>5}  show another row", at(Action::NextRow)), false),
        (format!("{:>5}  classify the whole split: report, confusion matrix, rows", at(Action::RunSplit)), false),
        (format!("{:>5}  see all keys    {}  find a command by its name", at(Action::Help), at(Action::Palette)), false),
        (format!("{:>5}  leave", at(Action::Quit)), false),
        (String::new(), false),
        (
            format!(
                "Your own data: a session is one TOML file that names a CSV, its columns and a prompt; {} opens another one. \
                 Nothing that you do here changes the data.",
                at(Action::Sessions)
            ),
            false,
        ),
    ]
}

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect) {
    let inner = super::titled(canvas, outer, "Welcome", "Any key begins.");
    let width = usize::from(inner.width.saturating_sub(2)).max(1);
    let mut y = inner.y;
    for (line, strong) in lines(canvas.app) {
        let style = if strong { canvas.theme.heading } else { canvas.theme.text };
        let ranges = text::wrap(&line, width);
        for range in ranges {
            if y >= inner.bottom() {
                return;
            }
            canvas.line(inner.x + 1, y, inner.width.saturating_sub(1), &[(line.get(range).unwrap_or_default(), style)]);
            y += 1;
        }
    }
}
