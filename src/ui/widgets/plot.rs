//! Curves on a rectangle of cells: lines in Braille dots, eight a cell, points as signs of their own. What is drawn is told
//! apart by its shape, so that colour can be left out. Titles and labels are left to who draws them beside.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::put;

/// The first of the Braille patterns, with no dot.
const BLANK: u32 = 0x2800;
/// Dots of a Braille pattern: columns, then lines from the top.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// What the sides of the rectangle stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// At the left and at the right.
    pub x: (f64, f64),
    /// At the bottom and at the top.
    pub y: (f64, f64),
    /// Whether `y` is logarithmic; then both of its ends are above 0.
    pub log: bool,
}

impl Scale {
    /// Where a point lies, both from 0 to 1 inside of the rectangle. None of what is no number or has no logarithm.
    fn share(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let along = |value: f64, (low, high): (f64, f64)| if high > low { (value - low) / (high - low) } else { 0.5 };
        let y = match self.log {
            true if y > 0.0 => along(y.ln(), (self.y.0.ln(), self.y.1.ln())),
            true => return None,
            false => along(y, self.y),
        };
        let x = along(x, self.x);
        (x.is_finite() && y.is_finite()).then_some((x, y))
    }

    /// The ends of a scale that shows all values, widened to round numbers: at least a quarter and at most a half of it is
    /// what lies between the least and the greatest. Nothing finite is seen from 0 to 1.
    pub fn around(values: impl Iterator<Item = f64>, log: bool) -> (f64, f64) {
        let fits = |value: &f64| value.is_finite() && (!log || *value > 0.0);
        let (low, high) = values
            .filter(fits)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return if log { (0.1, 1.0) } else { (0.0, 1.0) };
        }
        if log {
            let (low, high) =
                (10_f64.powf((low.log10() * 4.0).floor() / 4.0), 10_f64.powf((high.log10() * 4.0).ceil() / 4.0));
            return if low < high { (low, high) } else { (low / 2.0, high * 2.0) };
        }
        let unit = step((high - low).max(high.abs() * 1e-3).max(1e-9) / 4.0);
        let (from, to) = ((low / unit).floor() * unit, (high / unit).ceil() * unit);
        if from < to { (from, to) } else { (from - unit, to + unit) }
    }
}

/// The next of 1, 2 and 5 times a power of ten.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power).find(|step| *step >= least).unwrap_or(10.0 * power)
}

/// Round places along a side, at most about so many.
pub fn ticks((low, high): (f64, f64), log: bool, most: usize) -> Vec<f64> {
    if log {
        let powers = (low.log10().floor() as i32..=high.log10().ceil() as i32).map(|power| 10_f64.powi(power));
        let all: Vec<f64> = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * power)).collect();
        let inside: Vec<f64> = all.into_iter().filter(|tick| (low * 0.999..=high * 1.001).contains(tick)).collect();
        let every = inside.len().div_ceil(most.max(1)).max(1);
        return inside.into_iter().step_by(every).collect();
    }
    let unit = step(((high - low) / most.max(1) as f64).max(f64::MIN_POSITIVE));
    let first = (low / unit).ceil();
    let count = ((high / unit + 1e-6).floor() - first).clamp(0.0, 100.0) as usize;
    (0..=count).map(|place| (first + place as f64) * unit).collect()
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Without gaps.
    Solid,
    /// With gaps: so many dots of each eight.
    Dashed(u8),
}

/// A rectangle that is being drawn on. What is drawn later lies on top.
pub struct Plot<'b> {
    /// The screen.
    pub buf: &'b mut Buffer,
    /// The rectangle.
    pub area: Rect,
    /// What its sides stand for.
    pub scale: Scale,
    /// Letters only.
    pub ascii: bool,
}

impl Plot<'_> {
    /// The cell of a point, if it lies inside.
    pub fn cell(&self, point: (f64, f64)) -> Option<(u16, u16)> {
        let (x, y) = self.scale.share(point)?;
        let inside = (0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y) && !self.area.is_empty();
        let place = |share: f64, cells: u16| (share * f64::from(cells - 1)).round() as u16;
        inside.then(|| (self.area.x + place(x, self.area.width), self.area.bottom() - 1 - place(y, self.area.height)))
    }

    /// Draws a sign at each point.
    pub fn points(&mut self, points: impl Iterator<Item = (f64, f64)>, sign: &str, style: Style) {
        for point in points {
            if let Some((x, y)) = self.cell(point) {
                put(self.buf, x, y, sign, style);
            }
        }
    }

    /// Draws a line through points that come from left to right; one that is no number breaks it.
    pub fn line(&mut self, points: &[(f64, f64)], stroke: Stroke, style: Style) {
        if self.area.is_empty() {
            return;
        }
        let (columns, lines) = if self.ascii { (1.0, 1.0) } else { (2.0, 4.0) };
        let width = f64::from(self.area.width) * columns - 1.0;
        let height = f64::from(self.area.height) * lines - 1.0;
        let place = |point: &(f64, f64)| self.scale.share(*point).map(|(x, y)| (x * width, (1.0 - y) * height));
        let dots: Vec<Option<(f64, f64)>> = points.iter().map(place).collect();
        let mut last: Option<(f64, f64)> = None;
        for dot in dots {
            match (last, dot) {
                (Some(from), Some(to)) => self.segment(from, to, (width, height), stroke, style),
                (None, Some(at)) => self.segment(at, at, (width, height), stroke, style),
                _ => {}
            }
            last = dot;
        }
    }

    /// A straight line between two places, in dots from the top left; only what lies inside is walked along.
    fn segment(&mut self, from: (f64, f64), to: (f64, f64), (width, height): (f64, f64), stroke: Stroke, style: Style) {
        // The part of the way, from 0 to 1, that lies inside along one side.
        let part = |from: f64, to: f64, most: f64| {
            if (to - from).abs() < 1e-9 {
                return if (-0.5..=most + 0.5).contains(&from) { (0.0, 1.0) } else { (1.0, 0.0) };
            }
            let (a, b) = ((-0.5 - from) / (to - from), (most + 0.5 - from) / (to - from));
            (a.min(b), a.max(b))
        };
        let (x, y) = (part(from.0, to.0, width), part(from.1, to.1, height));
        let (begin, end) = (x.0.max(y.0).max(0.0), x.1.min(y.1).min(1.0));
        if begin > end {
            return;
        }
        let long = (to.0 - from.0).abs().max((to.1 - from.1).abs()) * (end - begin);
        let count = long.ceil().min(width + height + 2.0).max(1.0) as u32;
        for at in 0..=count {
            let way = begin + (end - begin) * f64::from(at) / f64::from(count);
            let (x, y) = (from.0 + (to.0 - from.0) * way, from.1 + (to.1 - from.1) * way);
            self.dot(x.round().clamp(0.0, width) as u16, y.round().clamp(0.0, height) as u16, stroke, style);
        }
    }

    fn dot(&mut self, x: u16, y: u16, stroke: Stroke, style: Style) {
        if let Stroke::Dashed(dots) = stroke
            && x % 8 >= u16::from(dots)
        {
            return;
        }
        if self.ascii {
            let sign = if stroke == Stroke::Solid { "*" } else { ":" };
            return put(self.buf, self.area.x + x, self.area.y + y, sign, style);
        }
        let (column, line) = (self.area.x + x / 2, self.area.y + y / 4);
        let there = self.buf.cell((column, line)).and_then(|cell| cell.symbol().chars().next()).map_or(0, u32::from);
        let pattern = if (BLANK..BLANK + 256).contains(&there) { there } else { BLANK };
        let bit = DOTS.get(usize::from(x % 2)).and_then(|dots| dots.get(usize::from(y % 4))).copied().unwrap_or(0);
        if let Some(sign) = char::from_u32(pattern | bit) {
            put(self.buf, column, line, sign.encode_utf8(&mut [0; 4]), style);
        }
    }

    /// Draws a line from top to bottom at `x`, in cells where nothing else is.
    pub fn upright(&mut self, x: f64, style: Style) {
        let Some((x, _)) = self.cell((x, self.scale.y.0)) else { return };
        for y in self.area.top()..self.area.bottom() {
            let empty = self.buf.cell((x, y)).is_some_and(|cell| cell.symbol() == " ");
            if empty {
                put(self.buf, x, y, if self.ascii { "|" } else { "│" }, style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style::new();

    fn drawn(width: u16, height: u16, ascii: bool, draw: impl Fn(&mut Plot<'_>)) -> Vec<String> {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        let scale = Scale { x: (0.0, 10.0), y: (0.0, 1.0), log: false };
        let area = buf.area;
        draw(&mut Plot { buf: &mut buf, area, scale, ascii });
        let row = |y| (0..width).map(|x| buf[(x, y)].symbol()).collect();
        (0..height).map(row).collect()
    }

    #[test]
    fn lines_go_from_corner_to_corner() {
        let line = [(0.0, 0.0), (10.0, 1.0)];
        assert_eq!(drawn(4, 2, false, |plot| plot.line(&line, Stroke::Solid, PLAIN)), ["  ⡠⠊", "⡠⠊  "]);
        assert_eq!(drawn(4, 2, true, |plot| plot.line(&line, Stroke::Solid, PLAIN)), ["  **", "**  "]);
        // A number that is none breaks it, and dots in the same cell add up.
        let broken = [(0.0, 0.5), (f64::NAN, 0.5), (10.0, 0.5)];
        assert_eq!(drawn(3, 1, false, |plot| plot.line(&broken, Stroke::Solid, PLAIN)), ["⠄ ⠠"]);
        let flat = [(0.0, 0.0), (10.0, 0.0)];
        assert_eq!(drawn(8, 1, false, |plot| plot.line(&flat, Stroke::Dashed(4), PLAIN)), ["⣀⣀  ⣀⣀  "]);
    }

    #[test]
    fn what_lies_outside_is_cut() {
        let line = [(-1e12, 0.5), (1e12, 0.5)];
        assert_eq!(drawn(3, 1, false, |plot| plot.line(&line, Stroke::Solid, PLAIN)), ["⠤⠤⠤"]);
        let far = [(-5.0, 9.0), (30.0, 9.0)];
        assert_eq!(drawn(3, 1, false, |plot| plot.line(&far, Stroke::Solid, PLAIN)), ["   "]);
        let points = [(5.0, 0.5), (11.0, 0.5), (5.0, f64::NAN)];
        assert_eq!(drawn(3, 1, false, |plot| plot.points(points.into_iter(), "◆", PLAIN)), [" ◆ "]);
        assert_eq!(drawn(3, 2, false, |plot| plot.upright(10.0, PLAIN)), ["  │", "  │"]);
    }

    #[test]
    fn scales_are_round_and_hold_still() {
        let around = |values: &[f64], log| Scale::around(values.iter().copied(), log);
        assert_eq!(around(&[0.13, 0.69], false), (0.0, 0.8));
        assert_eq!(around(&[0.13, 0.71, f64::NAN, f64::INFINITY], false), (0.0, 0.8));
        assert_eq!(around(&[], false), (0.0, 1.0));
        assert_eq!(around(&[0.0], true), (0.1, 1.0));
        let (low, high) = around(&[0.12, 0.9], true);
        assert!((0.05..=0.12).contains(&low) && (0.9..1.01).contains(&high), "{low} {high}");
        assert_eq!(ticks((0.0, 0.8), false, 4).len(), 5);
        assert_eq!(ticks((0.0, 375.0), false, 5), [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(ticks((0.1, 1.0), true, 9), [0.1, 0.2, 0.5, 1.0]);
        for value in [0.0, 3.0, -3.0, 1e-12, 1e12] {
            let (low, high) = around(&[value], false);
            assert!(low < high && low <= value && value <= high, "{value}: {low} {high}");
        }
    }

    #[test]
    fn any_area() {
        let scale = Scale { x: (0.0, 1.0), y: (0.0, 1.0), log: true };
        for area in [Rect::ZERO, Rect::new(0, 0, 5, 0), Rect::new(6, 3, 9, 2), Rect::new(60_000, 60_000, 5, 5)] {
            let mut buf = Buffer::empty(Rect::new(4, 3, 4, 1));
            let mut plot = Plot { buf: &mut buf, area, scale, ascii: false };
            plot.line(&[(0.0, 0.1), (1.0, 0.0), (0.5, 1.0)], Stroke::Solid, PLAIN);
            plot.points([(0.5, 0.5)].into_iter(), "◆", PLAIN);
            plot.upright(0.5, PLAIN);
        }
    }
}
