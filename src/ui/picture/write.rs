//! The picture written as SVG.

use std::fmt::{self, Write as _};

use super::colors::{Hex, PictureColors, mix, rgb};
use super::glyphs::PX;
use super::{CELL_WIDTH, Look, Picture, TITLE_BAR, Word, place};

/// 0.6 of this is what most monospaced fonts are wide.
const FONT_SIZE: i64 = 15;
/// From the top of a cell.
pub(super) const BASELINE: i64 = 14;
const FONTS: &str =
    "ui-monospace,'SF Mono','Cascadia Mono',Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

impl Picture {
    /// The whole file.
    pub(super) fn write(&self, out: &mut String, [width, height]: [i64; 2], colors: &PictureColors) -> fmt::Result {
        let background = Hex(colors.background);
        let [bar, border] = [1, 2].map(|part| Hex(mix(colors.background, colors.foreground, part, 9)));
        write!(out, r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" "#)?;
        writeln!(out, r#"viewBox="0 0 {width} {height}">"#)?;
        writeln!(out, r#"<rect width="{width}" height="{height}" rx="9" fill="{background}"/>"#)?;
        writeln!(
            out,
            r#"<path fill="{bar}" d="M0 {}V9a9 9 0 0 1 9-9H{}a9 9 0 0 1 9 9V{0}z"/>"#,
            TITLE_BAR - 8,
            width - 9
        )?;
        for (x, color) in [(16, 0xec6a5e), (34, 0xf4bf4f), (52, 0x61c554)] {
            writeln!(out, r#"<circle cx="{x}" cy="11" r="5" fill="{}"/>"#, Hex(rgb(color)))?;
        }
        writeln!(out, r#"<g shape-rendering="crispEdges">"#)?;
        for (color, [x, y, width, height]) in &self.backgrounds {
            let [x, y, width, height] = [*x, *y, *width, *height].map(Px);
            let color = Hex(*color);
            writeln!(out, r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{color}"/>"#)?;
        }
        for (color, blocks) in &self.blocks {
            write!(out, r#"<path fill="{}" d=""#, Hex(*color))?;
            for [x, y, width, height] in blocks {
                let [x, y, width, height, back] = [*x, *y, *width, *height, -width].map(Px);
                write!(out, "M{x} {y}h{width}v{height}h{back}z")?;
            }
            writeln!(out, r#""/>"#)?;
        }
        writeln!(out, "</g>")?;
        for (color, path) in &self.lines {
            writeln!(out, r#"<path fill="none" stroke="{}" d="{path}"/>"#, Hex(*color))?;
        }
        for (color, path) in &self.dots {
            let color = Hex(*color);
            write!(out, r#"<path fill="none" stroke="{color}" stroke-width="2.6" stroke-linecap="round" "#)?;
            writeln!(out, r#"d="{path}"/>"#)?;
        }
        write!(out, r#"<g font-family="{FONTS}" font-size="{FONT_SIZE}" font-variant-ligatures="none" "#)?;
        writeln!(out, r#"direction="ltr" unicode-bidi="bidi-override">"#)?;
        for (row, look, words) in &self.texts {
            write_text(out, *row, *look, words)?;
        }
        writeln!(out, "</g>")?;
        writeln!(
            out,
            r#"<rect x=".5" y=".5" width="{}" height="{}" rx="8.5" fill="none" stroke="{border}"/>"#,
            width - 1,
            height - 1
        )?;
        writeln!(out, "</svg>")
    }
}

fn write_text(out: &mut String, row: i64, look: Look, words: &[Word]) -> fmt::Result {
    let [_, top] = place(0, row);
    write!(out, r#"<text y="{}" fill="{}""#, Px(top + BASELINE * PX), Hex(look.foreground))?;
    if look.bold {
        out.push_str(r#" font-weight="bold""#);
    }
    if look.italic {
        out.push_str(r#" font-style="italic""#);
    }
    out.push('>');
    for word in words {
        let [left, _] = place(word.x, row);
        let width = word.columns * CELL_WIDTH;
        if word.columns > 1 && !word.plain {
            // Emoji and the like are about as wide as that; they look best in the middle.
            write!(out, r#"<tspan x="{}" text-anchor="middle">"#, Px(left + width * PX / 2))?;
        } else {
            write!(out, r#"<tspan x="{}" textLength="{width}""#, Px(left))?;
            out.push_str(if word.plain { ">" } else { r#" lengthAdjust="spacingAndGlyphs">"# });
        }
        for c in word.text.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                c => out.push(c),
            }
        }
        out.push_str("</tspan>");
    }
    writeln!(out, "</text>")
}

/// Thousandths of a pixel, written in pixels.
pub(super) struct Px(pub(super) i64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0.abs() / PX, self.0.abs() % PX);
        f.write_str(if self.0 < 0 { "-" } else { "" })?;
        match part {
            0 => write!(f, "{whole}"),
            part => write!(f, "{whole}.{}", format!("{part:03}").trim_end_matches('0')),
        }
    }
}
