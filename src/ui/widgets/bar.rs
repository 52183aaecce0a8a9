//! Quantities as pictures on one row: a bar for a share, a progress bar, a sparkline. Figures are left to who draws them
//! beside.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::put;

/// From nothing to a full cell, in eighths.
const EIGHTHS: [&str; 9] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const ASCII_LEVELS: [&str; 6] = ["_", ".", "-", "=", "*", "#"];

/// Draws a bar as long as `share` of the row, to an eighth of a column; in ASCII `##..`, to a column. Any share above nothing
/// shows. The first row of `row` is drawn on; a share that is no number is none.
pub fn bar(buf: &mut Buffer, row: Rect, share: f64, style: Style, rest_style: Style, ascii: bool) {
    let steps: u32 = if ascii { 1 } else { 8 };
    let filled = steps_of(share, u32::from(row.width) * steps);
    // The empty part of a cell belongs to the rest.
    let edge_style = Style { bg: style.bg.or(rest_style.bg), ..style };
    each(buf, row, |column| {
        let eighths = filled.saturating_sub(column * steps).min(steps);
        let symbol = match (ascii, eighths) {
            (true, 0) => ".",
            (true, _) => "#",
            (false, eighths) => EIGHTHS.get(eighths as usize).copied().unwrap_or(" "),
        };
        (symbol, if eighths == 0 { rest_style } else { edge_style })
    });
}

/// Draws `▓▓▓░░░`, in ASCII `###...`: how much of the work is done. It is full only when all is done, and not empty once
/// anything is.
pub fn progress(buf: &mut Buffer, row: Rect, share: f64, style: Style, rest_style: Style, ascii: bool) {
    let all = u32::from(row.width);
    let mut filled = steps_of(share, all);
    if share < 1.0 && filled == all && all > 1 {
        filled -= 1;
    }
    let [done, open] = if ascii { ["#", "."] } else { ["▓", "░"] };
    each(buf, row, |column| if column < filled { (done, style) } else { (open, rest_style) });
}

/// Draws the last values that fit, a column each, the latest at the right: `▁▂▃▄▅▆▇█`, in ASCII `_.-=*#`, from `low` to
/// `high`. What lies outside of these is drawn as the nearer of them, and a missing value or one that is no number as a
/// blank. Where `low` is not below `high`, all values stand at half height.
pub fn sparkline(
    buf: &mut Buffer,
    row: Rect,
    values: &[Option<f64>],
    (low, high): (f64, f64),
    style: Style,
    ascii: bool,
) {
    let levels: &[&str] = if ascii { &ASCII_LEVELS } else { &LEVELS };
    let ahead = usize::from(row.width).saturating_sub(values.len());
    let skipped = values.len().saturating_sub(usize::from(row.width));
    each(buf, row, |column| {
        let at = (column as usize).checked_sub(ahead).map(|index| index + skipped);
        let value = at.and_then(|index| values.get(index)).copied().flatten().filter(|value| !value.is_nan());
        let symbol = value.and_then(|value| {
            let place = if low < high { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
            levels.get((place * (levels.len() - 1) as f64).round() as usize)
        });
        (symbol.copied().unwrap_or(" "), style)
    });
}

/// `share` of `all`, rounded, but something for every share above nothing.
fn steps_of(share: f64, all: u32) -> u32 {
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    let steps = (share * f64::from(all)).round() as u32;
    if share > 0.0 { steps.max(1).min(all) } else { steps }
}

/// Draws the cells of the row that the buffer has.
fn each(buf: &mut Buffer, row: Rect, cell: impl Fn(u32) -> (&'static str, Style)) {
    let seen = Rect { height: row.height.min(1), ..row }.intersection(buf.area);
    if seen.is_empty() {
        return;
    }
    for x in seen.left()..seen.right() {
        let (symbol, style) = cell(u32::from(x - row.x));
        put(buf, x, seen.y, symbol, style);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;

    use super::*;

    const PLAIN: Style = Style::new();

    fn drawn(width: u16, draw: impl Fn(&mut Buffer, Rect)) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
        let area = buf.area;
        draw(&mut buf, area);
        buf.content.iter().map(|cell| cell.symbol()).collect()
    }

    #[test]
    fn bars() {
        let unicode = |share| drawn(4, |buf, row| bar(buf, row, share, PLAIN, PLAIN, false));
        let ascii = |share| drawn(4, |buf, row| bar(buf, row, share, PLAIN, PLAIN, true));
        assert_eq!([0.0, 0.5, 1.0, 0.66].map(unicode), ["    ", "██  ", "████", "██▋ "]);
        assert_eq!([1e-9, -1.0, 7.0, f64::NAN].map(unicode), ["▏   ", "    ", "████", "    "]);
        assert_eq!([0.0, 0.01, 0.5, 1.0].map(ascii), ["....", "#...", "##..", "####"]);
    }

    #[test]
    fn the_rest_shows_behind_the_last_cell() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 3, 1));
        let area = buf.area;
        bar(&mut buf, area, 0.5, PLAIN.fg(Color::Green), PLAIN.bg(Color::Blue), false);
        assert_eq!((buf[(1, 0)].symbol(), buf[(1, 0)].fg, buf[(1, 0)].bg), ("▌", Color::Green, Color::Blue));
        assert_eq!((buf[(2, 0)].fg, buf[(2, 0)].bg), (Color::Reset, Color::Blue));
    }

    #[test]
    fn progress_is_full_at_the_end_only() {
        let unicode = |share| drawn(6, |buf, row| progress(buf, row, share, PLAIN, PLAIN, false));
        assert_eq!([0.0, 0.001, 0.5, 0.999, 1.0].map(unicode), ["░░░░░░", "▓░░░░░", "▓▓▓░░░", "▓▓▓▓▓░", "▓▓▓▓▓▓"]);
        assert_eq!(drawn(6, |buf, row| progress(buf, row, 0.5, PLAIN, PLAIN, true)), "###...");
    }

    #[test]
    fn sparklines() {
        let values: Vec<_> = (0..8).map(|value| Some(f64::from(value))).collect();
        let line = |width, range, ascii| drawn(width, |buf, row| sparkline(buf, row, &values, range, PLAIN, ascii));
        assert_eq!(line(8, (0.0, 7.0), false), "▁▂▃▄▅▆▇█");
        assert_eq!(line(3, (0.0, 7.0), false), "▆▇█");
        assert_eq!(line(10, (2.0, 5.0), false), "  ▁▁▁▃▆███");
        assert_eq!(line(8, (0.0, 7.0), true), "_..-=**#");
        assert_eq!(line(3, (1.0, 1.0), false), "▅▅▅");
        let odd = [None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(0.5)];
        assert_eq!(drawn(5, |buf, row| sparkline(buf, row, &odd, (0.0, 1.0), PLAIN, false)), "  █▁▅");
        assert_eq!(drawn(5, |buf, row| sparkline(buf, row, &[], (0.0, 1.0), PLAIN, false)), "     ");
    }

    #[test]
    fn any_area() {
        for area in [Rect::ZERO, Rect::new(0, 0, 5, 0), Rect::new(6, 3, 9, 2), Rect::new(65_530, 65_530, 5, 5)] {
            let mut buf = Buffer::empty(Rect::new(4, 3, 4, 1));
            bar(&mut buf, area, 0.5, PLAIN, PLAIN, false);
            progress(&mut buf, area, 0.5, PLAIN, PLAIN, false);
            sparkline(&mut buf, area, &[Some(1.0); 20], (0.0, 1.0), PLAIN, false);
        }
    }
}
