//! Characters that are drawn, not written: box lines, blocks, shades and Braille patterns. Fonts leave gaps between them.
//!
//! Sizes are in thousandths of a pixel, so that equal edges are equal numbers.

use super::{CELL_HEIGHT, CELL_WIDTH};

/// A pixel.
pub(super) const PX: i64 = 1000;

/// A rectangle: left, top, width, height.
pub(super) type Block = [i64; 4];

/// What is drawn for a character, from the top left of its cell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Glyph {
    /// Filled.
    pub(super) blocks: Vec<Block>,
    /// How far the fill is from background to foreground, in quarters.
    pub(super) tone: u8,
    /// Drawn as a line of a pixel: where it starts, and the rest of an SVG path in relative steps.
    pub(super) line: Vec<([i64; 2], &'static str)>,
    /// Centres of dots.
    pub(super) dots: Vec<[i64; 2]>,
}

/// What is drawn for a character, none where it is written.
pub(super) fn glyph(c: char) -> Option<Glyph> {
    let code = u32::from(c);
    let blocks = match c {
        '─'..='╿' => return box_glyph(c),
        '▀' => vec![part(0, 0, 8, 4)],
        '▁'..='█' => {
            let eighths = i64::from(code) - 0x2580;
            vec![part(0, 8 - eighths, 8, eighths)]
        }
        '▉'..='▏' => vec![part(0, 0, 0x2590 - i64::from(code), 8)],
        '▐' => vec![part(4, 0, 4, 8)],
        '░'..='▓' => {
            let tone = (code - 0x2590) as u8;
            return Some(Glyph { blocks: vec![part(0, 0, 8, 8)], tone, ..Glyph::default() });
        }
        '▔' => vec![part(0, 0, 8, 1)],
        '▕' => vec![part(7, 0, 1, 8)],
        '▖'..='▟' => quadrants(c),
        '\u{2800}'..='\u{28ff}' => return Some(Glyph { dots: dots(code - 0x2800), ..Glyph::default() }),
        _ => return None,
    };
    Some(Glyph { blocks, tone: 4, ..Glyph::default() })
}

/// A part of a cell in eighths of its sides.
fn part(x: i64, y: i64, width: i64, height: i64) -> Block {
    let (across, down) = (CELL_WIDTH * PX / 8, CELL_HEIGHT * PX / 8);
    [x * across, y * down, width * across, height * down]
}

fn quadrants(c: char) -> Vec<Block> {
    // Upper left, upper right, lower left, lower right.
    let which = match c {
        '▖' => [false, false, true, false],
        '▗' => [false, false, false, true],
        '▘' => [true, false, false, false],
        '▙' => [true, false, true, true],
        '▚' => [true, false, false, true],
        '▛' => [true, true, true, false],
        '▜' => [true, true, false, true],
        '▝' => [false, true, false, false],
        '▞' => [false, true, true, false],
        _ => [false, true, true, true],
    };
    let places = [part(0, 0, 4, 4), part(4, 0, 4, 4), part(0, 4, 4, 4), part(4, 4, 4, 4)];
    places.into_iter().zip(which).filter_map(|(place, filled)| filled.then_some(place)).collect()
}

/// The centres of the dots of a Braille pattern, evenly spaced over cells too.
fn dots(pattern: u32) -> Vec<[i64; 2]> {
    // The lowest row was added to an older pattern of six.
    let places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
    let seen = places.into_iter().enumerate().filter(|(bit, _)| pattern >> bit & 1 == 1);
    let (across, down) = (CELL_WIDTH * PX / 4, CELL_HEIGHT * PX / 8);
    seen.map(|(_, (column, row))| [across * (1 + 2 * column), down * (1 + 2 * row)]).collect()
}

/// The pixel that a light line takes, across and down.
const MIDDLE: [i64; 2] = [CELL_WIDTH / 2, CELL_HEIGHT / 2];

fn box_glyph(c: char) -> Option<Glyph> {
    let height = CELL_HEIGHT * PX;
    let [across, down] = MIDDLE.map(|middle| middle * PX + PX / 2);
    // These are for cells of 9 by 18 pixels.
    let line = match c {
        '╭' => vec![([across, height], "v-4a4.5 4.5 0 0 1 4.5-4.5")],
        '╮' => vec![([0, down], "a4.5 4.5 0 0 1 4.5 4.5v4")],
        '╯' => vec![([across, 0], "v5a4.5 4.5 0 0 1-4.5 4.5")],
        '╰' => vec![([across, 0], "v5a4.5 4.5 0 0 0 4.5 4.5")],
        '╱' => vec![([0, height], "l9-18")],
        '╲' => vec![([0, 0], "l9 18")],
        '╳' => vec![([0, height], "l9-18"), ([0, 0], "l9 18")],
        _ => Vec::new(),
    };
    let blocks = match c {
        '┄' => dashes(3, 1, true),
        '┅' => dashes(3, 2, true),
        '┆' => dashes(3, 1, false),
        '┇' => dashes(3, 2, false),
        '┈' => dashes(4, 1, true),
        '┉' => dashes(4, 2, true),
        '┊' => dashes(4, 1, false),
        '┋' => dashes(4, 2, false),
        '╌' => dashes(2, 1, true),
        '╍' => dashes(2, 2, true),
        '╎' => dashes(2, 1, false),
        '╏' => dashes(2, 2, false),
        _ if !line.is_empty() => Vec::new(),
        _ => {
            let code = ARMS.get((u32::from(c) - 0x2500) as usize)?;
            let mut weights = code.bytes().map(|digit| i64::from(digit - b'0'));
            arms([weights.next()?, weights.next()?, weights.next()?, weights.next()?])
        }
    };
    Some(Glyph { blocks, tone: 4, line, ..Glyph::default() })
}

/// A line of `weight` in `count` dashes, each two thirds of its part.
fn dashes(count: i64, weight: i64, horizontal: bool) -> Vec<Block> {
    let [column, row] = MIDDLE;
    let (length, middle) = if horizontal { (CELL_WIDTH, row) } else { (CELL_HEIGHT, column) };
    let (step, thick) = (length * PX / count, (2 * weight - 1) * PX);
    let dash = |place: i64| [place * step + step / 6, (middle + 1 - weight) * PX, step * 2 / 3, thick];
    (0..count).map(dash).map(|dash| if horizontal { dash } else { turned(dash) }).collect()
}

fn turned([x, y, width, height]: Block) -> Block {
    [y, x, height, width]
}

/// The lines from the middle of a cell to its left, right, upper and lower edge; see [`ARMS`] for their weights.
fn arms(weights: [i64; 4]) -> Vec<Block> {
    let [left, right, up, down] = weights;
    let [column, row] = MIDDLE;
    let mut blocks = Vec::new();
    let all = [
        (left, right, [up, down], true, false),
        (right, left, [up, down], true, true),
        (up, down, [left, right], false, false),
        (down, up, [left, right], false, true),
    ];
    for (weight, opposite, sides, horizontal, forward) in all {
        let (length, along, across) = if horizontal { (CELL_WIDTH, column, row) } else { (CELL_HEIGHT, row, column) };
        for (from, to, reach) in strokes(weight, opposite, sides) {
            let (start, end) = if forward { (along + 1 - reach, length) } else { (0, along + reach) };
            let block = [start, across + from, end - start, to - from].map(|pixels| pixels * PX);
            blocks.push(if horizontal { block } else { turned(block) });
        }
    }
    blocks
}

/// The strokes of an arm: from where to where across it, and how far it reaches into the middle, counted from the pixel of a
/// light line. `sides` are the weights of the arms beside it.
fn strokes(weight: i64, opposite: i64, sides: [i64; 2]) -> Vec<(i64, i64, i64)> {
    // To the nearer or the farther stroke of a double line.
    let (near, far) = (-1, 3);
    let double = sides.map(|side| side == DOUBLE);
    match weight {
        0 => Vec::new(),
        DOUBLE => {
            // Inner corners join the nearer stroke, outer ones the farther.
            let reach = |here: bool, there: bool| match (here, there) {
                (true, _) => near,
                (_, true) => far,
                _ => 1,
            };
            let [before, behind] = double;
            vec![(-2, -1, reach(before, behind)), (2, 3, reach(behind, before))]
        }
        _ => {
            let reach = match double {
                [true, true] if opposite == 0 => near,
                [false, false] => sides.into_iter().max().unwrap_or(0).max(1),
                _ => far,
            };
            vec![(1 - weight, weight, reach)]
        }
    }
}

const DOUBLE: i64 = 3;

/// The weights of the left, right, upper and lower arm of U+2500 to U+257F: 1 light, 2 heavy, 3 double. Dashes, arcs and
/// diagonals have none.
#[rustfmt::skip]
const ARMS: [&str; 128] = [
    "1100", "2200", "0011", "0022", "0000", "0000", "0000", "0000",
    "0000", "0000", "0000", "0000", "0101", "0201", "0102", "0202",
    "1001", "2001", "1002", "2002", "0110", "0210", "0120", "0220",
    "1010", "2010", "1020", "2020", "0111", "0211", "0121", "0112",
    "0122", "0221", "0212", "0222", "1011", "2011", "1021", "1012",
    "1022", "2021", "2012", "2022", "1101", "2101", "1201", "2201",
    "1102", "2102", "1202", "2202", "1110", "2110", "1210", "2210",
    "1120", "2120", "1220", "2220", "1111", "2111", "1211", "2211",
    "1121", "1112", "1122", "2121", "1221", "2112", "1212", "2221",
    "2212", "2122", "1222", "2222", "0000", "0000", "0000", "0000",
    "3300", "0033", "0301", "0103", "0303", "3001", "1003", "3003",
    "0310", "0130", "0330", "3010", "1030", "3030", "0311", "0133",
    "0333", "3011", "1033", "3033", "3301", "1103", "3303", "3310",
    "1130", "3330", "3311", "1133", "3333", "0000", "0000", "0000",
    "0000", "0000", "0000", "0000", "1000", "0010", "0100", "0001",
    "2000", "0020", "0200", "0002", "1200", "0012", "2100", "0021",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the pixel is filled.
    fn filled(c: char, x: i64, y: i64) -> bool {
        let (x, y) = (x * PX + PX / 2, y * PX + PX / 2);
        glyph(c)
            .unwrap()
            .blocks
            .iter()
            .any(|[left, top, width, height]| (*left..left + width).contains(&x) && (*top..top + height).contains(&y))
    }

    /// The pixels around the middle of a cell.
    fn picture(c: char) -> [String; 7] {
        [6, 7, 8, 9, 10, 11, 12].map(|y| (0..CELL_WIDTH).map(|x| if filled(c, x, y) { '#' } else { '.' }).collect())
    }

    #[test]
    fn lines_meet() {
        let cross = ["....#....", "....#....", "....#....", "#########", "....#....", "....#....", "....#...."]
            .map(str::to_owned);
        assert_eq!(picture('┼'), cross);
        assert_eq!(
            picture('┐'),
            [".........", ".........", ".........", "#####....", "....#....", "....#....", "....#...."]
        );
        assert_eq!(
            picture('┢'),
            ["....#....", "....#....", "...######", "...######", "...######", "...###...", "...###..."]
        );
    }

    #[test]
    fn double_lines_have_corners() {
        assert_eq!(
            picture('╔'),
            [".........", "..#######", "..#......", "..#......", "..#......", "..#...###", "..#...#.."]
        );
        assert_eq!(
            picture('╩'),
            ["..#...#..", "###...###", ".........", ".........", ".........", "#########", "........."]
        );
        assert_eq!(
            picture('╬'),
            ["..#...#..", "###...###", ".........", ".........", ".........", "###...###", "..#...#.."]
        );
        assert_eq!(
            picture('╓'),
            [".........", ".........", ".........", "..#######", "..#...#..", "..#...#..", "..#...#.."]
        );
        assert_eq!(
            picture('╢'),
            ["..#...#..", "..#...#..", "..#...#..", "###...#..", "..#...#..", "..#...#..", "..#...#.."]
        );
        assert_eq!(
            picture('╪'),
            ["....#....", "#########", "....#....", "....#....", "....#....", "#########", "....#...."]
        );
    }

    #[test]
    fn everything_stays_in_its_cell() {
        for c in ('\u{2500}'..='\u{259f}').chain('\u{2800}'..='\u{28ff}') {
            let glyph = glyph(c).unwrap();
            let empty = glyph.blocks.is_empty() && glyph.line.is_empty() && glyph.dots.is_empty();
            assert_eq!(empty, c == '\u{2800}', "{c}");
            for [x, y, width, height] in glyph.blocks {
                assert!(x >= 0 && y >= 0 && width > 0 && height > 0, "{c}");
                assert!(x + width <= CELL_WIDTH * PX && y + height <= CELL_HEIGHT * PX, "{c}");
            }
        }
        assert_eq!(glyph('a'), None);
    }

    #[test]
    fn blocks_and_dots() {
        assert_eq!(glyph('█').unwrap().blocks, [[0, 0, 9000, 18_000]]);
        assert_eq!(glyph('▁').unwrap().blocks, [[0, 15_750, 9000, 2250]]);
        assert_eq!(glyph('▏').unwrap().blocks, [[0, 0, 1125, 18_000]]);
        assert_eq!(glyph('▐').unwrap().blocks, [[4500, 0, 4500, 18_000]]);
        assert_eq!(['░', '▒', '▓', '█'].map(|c| glyph(c).unwrap().tone), [1, 2, 3, 4]);
        assert_eq!(glyph('⠑').unwrap().dots, [[2250, 2250], [6750, 6750]]);
    }
}
