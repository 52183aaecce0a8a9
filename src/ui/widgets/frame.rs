//! The frame around a pane, with titles in its corners.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::text::{draw, fit, put, width};

/// The least columns of a title worth cutting it to.
const LEAST: usize = 4;

/// A frame and the titles in it, each drawn where it is not empty. Titles are cut to the room that there is: the left one
/// comes first, the right one is cut or left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pane<'a> {
    /// At the top left.
    pub title: &'a str,
    /// At the top right.
    pub right: &'a str,
    /// At the bottom left.
    pub bottom: &'a str,
    /// At the bottom right.
    pub bottom_right: &'a str,
    /// Whether keys go to this pane: its border is in `border_focused`, its title bold, and in ASCII its rules are double.
    pub focused: bool,
    /// `+`, `-` and `|` only.
    pub ascii: bool,
}

/// How a pane looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct PaneStyle {
    /// The border.
    pub border: Style,
    /// The border of the pane that has the focus.
    pub border_focused: Style,
    /// All titles, over the style of the border: what it leaves open is as there.
    pub title: Style,
}

impl Pane<'_> {
    /// Draws the frame along the edges of `area` and returns what it leaves inside, which is not touched.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, style: &PaneStyle) -> Rect {
        let seen = area.intersection(buf.area);
        let border = self.border(style);
        if !seen.is_empty() {
            let upright = if self.ascii { "|" } else { "│" };
            for y in seen.top()..seen.bottom() {
                put(buf, area.left(), y, upright, border);
                put(buf, area.right() - 1, y, upright, border);
            }
            let [top, foot] = if self.ascii { [["+", "+"]; 2] } else { [["╭", "╮"], ["╰", "╯"]] };
            self.rule(buf, area, area.bottom() - 1, foot, [self.bottom, self.bottom_right], style);
            self.rule(buf, area, area.top(), top, [self.title, self.right], style);
        }
        inner(area)
    }

    fn border(&self, style: &PaneStyle) -> Style {
        if self.focused { style.border_focused } else { style.border }
    }

    fn rule(&self, buf: &mut Buffer, area: Rect, y: u16, corners: [&str; 2], titles: [&str; 2], style: &PaneStyle) {
        let border = self.border(style);
        let line = match (self.ascii, self.focused) {
            (true, true) => "=",
            (true, false) => "-",
            _ => "─",
        };
        let seen = area.intersection(buf.area);
        if seen.is_empty() || y >= seen.bottom() || y < seen.top() {
            return;
        }
        for x in seen.left()..seen.right() {
            put(buf, x, y, line, border);
        }
        let [left, right] = corners;
        put(buf, area.right() - 1, y, right, border);
        put(buf, area.left(), y, left, border);

        let title_style = if self.focused { style.title.add_modifier(Modifier::BOLD) } else { style.title };
        let room = usize::from(area.width.saturating_sub(2));
        let [left, right] = titles;
        let mut used = 0;
        if !left.is_empty() && room > 2 {
            let title = format!(" {} ", fit(left, room - 2));
            // It fits into the width of the area.
            used = usize::from(draw(buf, area.x + 1, y, room as u16, &title, title_style)) + 1;
        }
        let room = room.saturating_sub(used);
        let whole = width(right) + 2;
        if !right.is_empty() && room >= whole.min(LEAST + 2) {
            let title = format!(" {} ", fit(right, room - 2));
            let columns = width(&title) as u16;
            draw(buf, area.right() - 1 - columns, y, columns, &title, title_style);
        }
    }
}

/// What a frame along the edges of `area` leaves inside; empty where there is nothing.
pub fn inner(area: Rect) -> Rect {
    Rect {
        x: area.x.saturating_add(area.width.min(1)),
        y: area.y.saturating_add(area.height.min(1)),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;

    use super::*;

    const NAMED: Pane<'_> =
        Pane { title: "Template", right: "v14", bottom: "by gender", bottom_right: "", focused: false, ascii: false };

    fn rows(buf: &Buffer) -> Vec<String> {
        let row = |y| (buf.area.left()..buf.area.right()).map(|x| buf[(x, y)].symbol()).collect();
        (buf.area.top()..buf.area.bottom()).map(row).collect()
    }

    fn drawn(pane: Pane<'_>, width: u16, height: u16) -> Vec<String> {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        let area = buf.area;
        pane.draw(&mut buf, area, &PaneStyle::default());
        rows(&buf)
    }

    #[test]
    fn titles_stand_in_corners() {
        assert_eq!(drawn(NAMED, 22, 3), ["╭ Template ───── v14 ╮", "│                    │", "╰ by gender ─────────╯"]);
        assert_eq!(
            drawn(Pane { ascii: true, bottom_right: "x", ..NAMED }, 22, 3),
            ["+ Template ----- v14 +", "|                    |", "+ by gender ------ x +"]
        );
        let focused = Pane { ascii: true, focused: true, bottom: "", ..NAMED };
        assert_eq!(drawn(focused, 22, 2), ["+ Template ===== v14 +", "+====================+"]);
    }

    #[test]
    fn the_left_title_wins() {
        let first = |width| drawn(Pane { right: "version 14", ..NAMED }, width, 1).remove(0);
        assert_eq!(first(25), "╭ Template ─ version 14 ╮");
        assert_eq!(first(24), "╭ Template ─ version … ╮");
        assert_eq!(first(19), "╭ Template ─ ver… ╮");
        assert_eq!(first(18), "╭ Template ──────╮");
        assert_eq!(first(12), "╭ Template ╮");
        assert_eq!(first(11), "╭ Templa… ╮");
        assert_eq!(first(5), "╭ … ╮");
        assert_eq!(first(4), "╭──╮");
        assert_eq!(first(1), "╭");
        let alone = |width| drawn(Pane { title: "", right: "v14", ..NAMED }, width, 1).remove(0);
        assert_eq!([alone(9), alone(7), alone(6)], ["╭── v14 ╮", "╭ v14 ╮", "╭────╮"]);
    }

    #[test]
    fn hostile_titles() {
        let title = |title, width| drawn(Pane { title, right: "", ..NAMED }, width, 1).remove(0);
        assert_eq!(title("a\nb\u{1b}[2J", 20), "╭ a⏎b\\u{1b}[2J ────╮");
        // A wide character's second cell holds a blank.
        assert_eq!(title("👩‍🔬🇩🇪", 9), "╭ 👩‍🔬 🇩🇪  ─╮");
        assert_eq!(title("👩‍🔬🇩🇪", 7), "╭ 👩‍🔬 … ╮");
    }

    #[test]
    fn styles() {
        let style = PaneStyle {
            border: Style::new().fg(Color::DarkGray),
            border_focused: Style::new().fg(Color::Cyan),
            title: Style::new().fg(Color::White),
        };
        for (focused, border) in [(false, Color::DarkGray), (true, Color::Cyan)] {
            let mut buf = Buffer::empty(Rect::new(0, 0, 22, 3));
            let area = buf.area;
            Pane { focused, ..NAMED }.draw(&mut buf, area, &style);
            assert!([(0, 0), (21, 1), (14, 0)].iter().all(|&at| buf[at].fg == border));
            assert_eq!(buf[(3, 0)].fg, Color::White);
            assert_eq!(buf[(3, 0)].modifier.contains(Modifier::BOLD), focused);
        }
    }

    #[test]
    fn any_area() {
        let far = Rect { x: 65_530, y: 65_530, width: 9, height: 9 };
        for area in [Rect::ZERO, Rect::new(0, 0, 5, 0), Rect::new(2, 2, 4, 9), Rect::new(6, 3, 90, 2), far] {
            for pane in [NAMED, Pane { focused: true, ascii: true, ..NAMED }] {
                let mut buf = Buffer::empty(Rect::new(4, 3, 4, 4));
                let inside = pane.draw(&mut buf, area, &PaneStyle::default());
                assert!(inside.width <= area.width.saturating_sub(2) && inside.height <= area.height.saturating_sub(2));
            }
        }
    }
}
