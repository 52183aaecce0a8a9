//! A picture of a screen: an SVG of a buffer, as a terminal would show it.
//!
//! It needs nothing but a monospaced font of the viewer's. Each character is told its place, so that columns stay aligned in
//! any font; lines and blocks are drawn, so that they join. Two pictures of equal buffers are equal. Which buffer, and
//! where the picture goes, is left to others.

mod colors;
mod glyphs;
mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::style::Modifier;

use crate::text::printable;
use colors::{mix, resolve};
use glyphs::{Block, PX, glyph};
use write::{BASELINE, Px};

pub use colors::{PictureColors, Rgb};

/// Pixels of a cell.
const CELL_WIDTH: i64 = 9;
const CELL_HEIGHT: i64 = 18;
/// Around the screen, and above it.
const PADDING: i64 = 12;
const TITLE_BAR: i64 = 30;
/// Longer than any emoji; a cell that holds more is not to be trusted.
const LONGEST_SYMBOL: usize = 64;

/// A self-contained SVG of the buffer in the window of a terminal.
pub fn svg(buffer: &Buffer, colors: &PictureColors) -> String {
    let mut picture = Picture::default();
    for row in 0..buffer.area.height {
        picture.row(buffer, row, colors);
    }
    let width = i64::from(buffer.area.width) * CELL_WIDTH + 2 * PADDING;
    let height = i64::from(buffer.area.height) * CELL_HEIGHT + TITLE_BAR + PADDING;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = picture.write(&mut out, [width, height], colors);
    out
}

/// How a run of cells looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    foreground: Rgb,
    background: Rgb,
    bold: bool,
    italic: bool,
    underlined: bool,
    crossed_out: bool,
    hidden: bool,
}

impl Look {
    fn of(cell: &Cell, colors: &PictureColors) -> Self {
        let has = |modifier| cell.modifier.contains(modifier);
        let mut foreground = resolve(cell.fg, colors, colors.foreground);
        let mut background = resolve(cell.bg, colors, colors.background);
        if has(Modifier::REVERSED) {
            (foreground, background) = (background, foreground);
        }
        if has(Modifier::DIM) {
            foreground = mix(background, foreground, 5, 8);
        }
        Self {
            foreground,
            background,
            bold: has(Modifier::BOLD),
            italic: has(Modifier::ITALIC),
            underlined: has(Modifier::UNDERLINED),
            crossed_out: has(Modifier::CROSSED_OUT),
            hidden: has(Modifier::HIDDEN),
        }
    }

    /// Whether text in both can be one element.
    fn writes_as(self, other: Self) -> bool {
        (self.foreground, self.bold, self.italic) == (other.foreground, other.bold, other.italic)
    }
}

/// A place in a row of text, in cells.
#[derive(Debug)]
struct Word {
    x: i64,
    columns: i64,
    text: String,
    /// Plain letters, which others may be joined to.
    plain: bool,
}

/// Everything on the screen, by what it is written as.
#[derive(Debug, Default)]
struct Picture {
    backgrounds: Vec<(Rgb, Block)>,
    blocks: BTreeMap<Rgb, Vec<Block>>,
    lines: BTreeMap<Rgb, String>,
    dots: BTreeMap<Rgb, String>,
    /// Runs of equal looks, with the row that each stands in.
    texts: Vec<(i64, Look, Vec<Word>)>,
}

impl Picture {
    fn row(&mut self, buffer: &Buffer, row: u16, colors: &PictureColors) {
        let area = buffer.area;
        let y = i64::from(row);
        let mut column = 0;
        while column < area.width {
            let Some(cell) = buffer.cell((area.x + column, area.y + row)) else { return };
            let look = Look::of(cell, colors);
            let (symbol, columns) = shown(cell);
            let columns = columns.min(area.width - column);
            let (x, wide) = (i64::from(column), i64::from(columns));
            self.ground(x, y, wide, look, colors);
            if !look.hidden {
                self.symbol(x, y, wide, &symbol, look);
            }
            column += columns;
        }
    }

    /// What is behind and across the text.
    fn ground(&mut self, x: i64, y: i64, columns: i64, look: Look, colors: &PictureColors) {
        let [left, top] = place(x, y);
        let width = columns * CELL_WIDTH * PX;
        if look.background != colors.background {
            let block = [left, top, width, CELL_HEIGHT * PX];
            let last = self.backgrounds.last_mut().filter(|(color, _)| *color == look.background);
            if !last.is_some_and(|(_, last)| joined(last, block)) {
                self.backgrounds.push((look.background, block));
            }
        }
        for (drawn, below) in [(look.underlined, BASELINE + 2), (look.crossed_out, CELL_HEIGHT / 2)] {
            if drawn && !look.hidden {
                self.block(look.foreground, [left, top + below * PX, width, PX]);
            }
        }
    }

    fn symbol(&mut self, x: i64, y: i64, columns: i64, symbol: &str, look: Look) {
        if symbol.chars().all(|c| c.is_whitespace() || c == '\u{ad}') {
            return;
        }
        let mut chars = symbol.chars();
        let alone = chars.next().filter(|_| chars.next().is_none());
        if let Some(glyph) = alone.and_then(glyph) {
            let [left, top] = place(x, y);
            let fill = mix(look.background, look.foreground, glyph.tone.into(), 4);
            for [block_x, block_y, width, height] in glyph.blocks {
                self.block(fill, [left + block_x, top + block_y, width, height]);
            }
            for ([line_x, line_y], path) in glyph.line {
                let lines = self.lines.entry(look.foreground).or_default();
                let _ = write!(lines, "M{} {}{path}", Px(left + line_x), Px(top + line_y));
            }
            for [dot_x, dot_y] in glyph.dots {
                let dots = self.dots.entry(look.foreground).or_default();
                let _ = write!(dots, "M{} {}h0", Px(left + dot_x), Px(top + dot_y));
            }
            return;
        }
        // Latin letters are as wide as the font says; of others that cannot be known.
        let plain = alone.is_some_and(|c| matches!(c, '!'..='~' | '\u{a1}'..='\u{24f}')) && columns == 1;
        let word = Word { x, columns, text: symbol.to_owned(), plain };
        match self.texts.last_mut() {
            Some((row, run, words)) if *row == y && run.writes_as(look) => match words.last_mut() {
                Some(last) if plain && last.plain && last.x + last.columns == x => {
                    last.text.push_str(symbol);
                    last.columns += columns;
                }
                _ => words.push(word),
            },
            _ => self.texts.push((y, look, vec![word])),
        }
    }

    fn block(&mut self, color: Rgb, block: Block) {
        let blocks = self.blocks.entry(color).or_default();
        // Double lines come in pairs.
        if !blocks.iter_mut().rev().take(4).any(|last| joined(last, block)) {
            blocks.push(block);
        }
    }
}

/// The top left of a cell.
fn place(column: i64, row: i64) -> [i64; 2] {
    [(PADDING + column * CELL_WIDTH) * PX, (TITLE_BAR + row * CELL_HEIGHT) * PX]
}

/// Puts a block to one that it overlaps or touches in a line; false where they would make no block.
fn joined(last: &mut Block, next: Block) -> bool {
    let [last_x, last_y, last_width, last_height] = last;
    let [x, y, width, height] = next;
    if (*last_y, *last_height) == (y, height) && (*last_x..=*last_x + *last_width).contains(&x) {
        *last_width = (*last_width).max(x + width - *last_x);
        return true;
    }
    if (*last_x, *last_width) == (x, width) && (*last_y..=*last_y + *last_height).contains(&y) {
        *last_height = (*last_height).max(y + height - *last_y);
        return true;
    }
    false
}

/// What a cell shows, and in how many columns. Nothing that is no honest text leaves here.
fn shown(cell: &Cell) -> (Cow<'_, str>, u16) {
    let symbol = cell.symbol();
    let honest = symbol.len() <= LONGEST_SYMBOL
        && matches!(printable(symbol), Cow::Borrowed(_))
        // XML has no such characters.
        && !symbol.contains(['\u{fffe}', '\u{ffff}']);
    if honest { (Cow::Borrowed(symbol), cell.cell_width().max(1)) } else { (Cow::Borrowed("\u{fffd}"), 1) }
}

#[cfg(test)]
mod tests;
