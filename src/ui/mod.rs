//! The state on the screen: pure functions of [`App`], drawn only when something changed.
//!
//! [`layout`] decides where things are and is the one place that writes to the state (what the mouse can hit, what is
//! scrolled into sight). [`panes`] and [`overlays`] draw, with [`widgets`] and the styles of a [`theme`]. [`picture`]
//! makes an SVG of what was drawn.

pub mod layout;
mod overlays;
mod panes;
pub mod picture;
pub mod theme;
mod widgets;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::view::Pane;
use crate::app::{App, Area};

use theme::Theme;
use widgets::frame::{self, PaneStyle};
use widgets::text;

/// What panes draw with.
pub(crate) struct Canvas<'a> {
    /// The screen.
    pub buf: &'a mut Buffer,
    /// The state.
    pub app: &'a App,
    /// The styles.
    pub theme: &'a Theme,
    /// Where the terminal's cursor is to be shown.
    pub cursor: Option<Position>,
}

impl Canvas<'_> {
    /// Letters only?
    pub fn ascii(&self) -> bool {
        self.app.look.ascii
    }

    /// One of two symbols.
    pub fn symbol<'s>(&self, unicode: &'s str, ascii: &'s str) -> &'s str {
        if self.ascii() { ascii } else { unicode }
    }

    /// Draws pieces of text one behind the other within `width` columns; how many were used comes back.
    pub fn line(&mut self, x: u16, y: u16, width: u16, pieces: &[(&str, Style)]) -> u16 {
        let mut used = 0;
        for (piece, style) in pieces {
            used += text::draw(self.buf, x + used, y, width.saturating_sub(used), piece, *style);
        }
        used
    }

    /// Fills a rectangle with a style.
    pub fn tint(&mut self, rect: Rect, style: Style) {
        self.buf.set_style(rect, style);
    }

    fn pane_style(&self, focused: bool) -> PaneStyle {
        let title = if focused { self.theme.title_focused } else { self.theme.title };
        PaneStyle { border: self.theme.border, border_focused: self.theme.border_focused, title }
    }

    /// Draws a frame.
    pub fn frame(&mut self, outer: Rect, pane: &frame::Pane<'_>) -> Rect {
        let style = self.pane_style(pane.focused);
        pane.draw(self.buf, outer, &style)
    }

    /// A place along the right border where a list is.
    pub fn scrollbar(&mut self, outer: Rect, offset: usize, visible: usize, total: usize) {
        let style = self.theme.border;
        let bar = Rect { x: outer.right().saturating_sub(1), width: 1, ..outer };
        let bar = Rect { y: bar.y + 1, height: bar.height.saturating_sub(2), ..bar };
        widgets::table::scrollbar(self.buf, bar, offset, visible, total, style, self.ascii());
    }
}

/// Draws the whole screen; where the cursor is to be shown comes back.
pub fn draw(buf: &mut Buffer, app: &App, themes: &[Theme]) -> Option<Position> {
    let fallback = Theme::default();
    let theme = themes.get(app.look.theme).unwrap_or(&fallback);
    let all = buf.area;
    buf.set_style(all, theme.text);
    let mut canvas = Canvas { buf, app, theme, cursor: None };
    if app.areas.panes.is_empty() {
        too_small(&mut canvas);
        if app.look.ascii {
            spell_out(buf);
        }
        return None;
    }
    panes::header::draw(&mut canvas);
    for at in &app.areas.panes {
        panes::draw(&mut canvas, at);
    }
    panes::status::draw(&mut canvas);
    panes::footer::draw(&mut canvas);
    overlays::draw(&mut canvas);
    let cursor = canvas.cursor;
    if app.look.ascii {
        spell_out(buf);
    }
    cursor
}

/// Signs of ours that stand inside of texts, where `--ascii` asks for letters alone.
fn spell_out(buf: &mut Buffer) {
    for cell in &mut buf.content {
        let plain = match cell.symbol() {
            "…" => "~",
            "⏎" => "/",
            "·" => ".",
            "×" => "x",
            _ => continue,
        };
        cell.set_symbol(plain);
    }
}

fn too_small(canvas: &mut Canvas<'_>) {
    let all = canvas.buf.area;
    let (width, height) = layout::LEAST;
    let text = format!("too small: {}×{} of {width}×{height}", all.width, all.height);
    let x = all.width.saturating_sub(text.chars().count() as u16) / 2;
    let style = canvas.theme.warn;
    text::draw(canvas.buf, x, all.height / 2, all.width, &text, style);
}

/// Whether a pane has the focus and no window takes the keys.
pub(crate) fn is_focused(app: &App, pane: Pane) -> bool {
    app.windows.is_empty() && app.pane() == pane
}

/// The rows of the screen that belong to no pane: first line, status, footer.
pub(crate) fn edge_row(app: &App, from_bottom: u16) -> Area {
    let (width, height) = app.size;
    Area { x: 0, y: height.saturating_sub(from_bottom), width, height: 1 }
}

/// A share as text, with the point first where there is one: `.72`, `1.00`.
pub(crate) fn share(value: f64) -> String {
    if value.is_nan() {
        return " n/a".to_owned();
    }
    let text = format!("{value:.2}");
    text.strip_prefix('0').map_or(text.clone(), str::to_owned)
}
