//! The first line: the program, the session, the views.

use crate::app::state::SessionState;
use crate::ui::{Canvas, edge_row};

/// Draws the first line.
pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>) {
    let (app, theme) = (canvas.app, canvas.theme);
    let (width, height) = app.size;
    let row = edge_row(app, height);
    let tabs = app.areas.tabs.first().map_or(width, |(_, area)| area.x);
    let name = app.session.as_ref().map(|session| session.file.stem.clone());
    let name = name.or_else(|| app.opening.clone()).unwrap_or_else(|| "no session".to_owned());
    let dirty = app.session.as_ref().is_some_and(SessionState::is_dirty);
    let mark = if dirty { canvas.symbol(" ●", " *") } else { "" };
    let version = app.prompt.version.map_or_else(String::new, |version| format!("  v{version}"));
    // Where there is little room, the session's name needs it more.
    let program = if tabs < 32 { ["", ""] } else { ["shotglass", "  "] };
    let pieces = [
        (program[0], theme.heading),
        (program[1], theme.text),
        (name.as_str(), theme.title),
        (mark, theme.warn),
        (&version, theme.dim),
    ];
    canvas.line(1, row.y, tabs.saturating_sub(2), &pieces);
    for (view, at) in &app.areas.tabs {
        let style = if *view == app.view { theme.tab_current } else { theme.tab };
        let text = format!("{} {} ", view.number(), view.title());
        canvas.line(at.x, at.y, at.width + 1, &[(&text, style)]);
    }
}
