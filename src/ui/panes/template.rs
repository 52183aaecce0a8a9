//! The template and the system message, as they are typed.

use ratatui::layout::{Position, Rect};
use unicode_segmentation::UnicodeSegmentation;

use crate::app::editor::syntax::{self, Kind};
use crate::app::editor::{column_width, shown};
use crate::app::{App, Pane};
use crate::ui::widgets::text;
use crate::ui::{Canvas, is_focused};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let version = match (app.prompt.version, &app.prompt.problem) {
        (_, Some(_)) => "cannot be rendered".to_owned(),
        (Some(version), _) => format!("v{version}"),
        (None, _) if app.session.is_some() => "new".to_owned(),
        (None, _) => String::new(),
    };
    let typing = if app.is_typing() { "Template · typing" } else { "Template" };
    Titles::new(if app.look.ascii { typing.replace('·', "-") } else { typing.to_owned() }, version)
}

pub(super) fn draw(canvas: &mut Canvas<'_>, pane: Pane, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let system = pane == Pane::System;
    let editor = if system { &app.prompt.system } else { &app.prompt.template };
    let scroll = app.prompt.scroll[usize::from(system)];
    let width = usize::from(inner.width).max(1);
    if editor.text().is_empty() && !app.is_typing() {
        let hint = if app.session.is_some() { "empty: Enter types in it" } else { "" };
        canvas.line(inner.x, inner.y, inner.width, &[(hint, theme.dim)]);
    }
    // The last line is for what is wrong with the template.
    let problem = app.prompt.problem.as_ref().filter(|_| !system && inner.height > 2);
    let height = inner.height - if problem.is_some() { problem_lines(app, width, inner.height) } else { 0 };
    let text_of = editor.text();
    let spans = syntax::spans(text_of);
    let selection = editor.selection().unwrap_or_default();
    let sought = if app.prompt.sought.is_empty() { Vec::new() } else { editor.matches(&app.prompt.sought) };
    let wrong = app.prompt.problem.as_ref().and_then(|problem| problem.place).filter(|_| !system);
    let wrong = wrong.and_then(|place| offset_of(text_of, place));
    for (line, y) in editor.lines(width).into_iter().skip(scroll).zip(inner.y..inner.y + height) {
        let mut x = inner.x;
        let Some(part) = text_of.get(line.range.clone()) else { continue };
        for (at, grapheme) in part.grapheme_indices(true) {
            let offset = line.range.start + at;
            let columns = column_width(grapheme) as u16;
            if x + columns > inner.right() {
                break;
            }
            let kind = spans.iter().find(|(range, _)| range.contains(&offset)).map_or(Kind::Text, |(_, kind)| *kind);
            let mut style = match kind {
                Kind::Text => theme.text,
                Kind::Delimiter => theme.delimiter,
                Kind::Variable => theme.variable,
                Kind::Keyword => theme.keyword,
                Kind::Filter => theme.filter,
                Kind::Literal => theme.literal,
                Kind::Comment => theme.comment,
                Kind::Unclosed => theme.unclosed,
            };
            if sought.iter().any(|range| range.contains(&offset)) {
                style = style.patch(theme.found);
            }
            if wrong == Some(offset) {
                style = style.patch(theme.unclosed);
            }
            if selection.contains(&offset) {
                style = style.patch(theme.selection);
            }
            text::put(canvas.buf, x, y, &shown(grapheme), style);
            x += columns;
        }
    }
    if let Some(problem) = problem {
        let most = usize::from(inner.height - height);
        let lines = text::wrap_lines(&problem.message, width, 0, most);
        for (range, y) in lines.into_iter().zip(inner.y + height..inner.bottom()) {
            canvas.line(inner.x, y, inner.width, &[(problem.message.get(range).unwrap_or_default(), theme.bad)]);
        }
    }
    if is_focused(app, pane) {
        let (column, line) = editor.cursor_position(width);
        if line >= scroll && line - scroll < usize::from(height) {
            let at = Position::new(
                inner.x + (column as u16).min(inner.width.saturating_sub(1)),
                inner.y + (line - scroll) as u16,
            );
            if app.is_typing() {
                canvas.cursor = Some(at);
            }
        }
    }
}

/// Lines that the message of what is wrong takes.
fn problem_lines(app: &App, width: usize, height: u16) -> u16 {
    let message = app.prompt.problem.as_ref().map_or("", |problem| problem.message.as_str());
    (text::wrap(message, width).len() as u16).min(3).min(height.saturating_sub(1))
}

/// The byte at a line and column of characters, both from 1.
fn offset_of(text: &str, (line, column): (usize, usize)) -> Option<usize> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let (at, _) = text.get(start..)?.char_indices().nth(column.checked_sub(1)?)?;
    Some(start + at)
}
