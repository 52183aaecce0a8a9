//! Colours of a terminal in numbers.

use std::fmt;

use ratatui::style::Color;

/// Red, green and blue.
pub type Rgb = [u8; 3];

/// The colours that a terminal has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureColors {
    /// The 16 ANSI colours: black, red, green, yellow, blue, magenta, cyan, white, and the bright ones.
    pub palette: [Rgb; 16],
    /// Of text without a colour.
    pub foreground: Rgb,
    /// Behind text without a colour.
    pub background: Rgb,
}

impl Default for PictureColors {
    /// Light text on a dark ground.
    fn default() -> Self {
        let palette = [
            0x1c2026, 0xe5676f, 0x8fc06b, 0xe0b25b, 0x5ea5ec, 0xc281dc, 0x55b5c1, 0xb9c0cb, 0x69717d, 0xf28b92,
            0xaddb8c, 0xf2cd85, 0x8cc2fb, 0xdaa5ee, 0x82d3dd, 0xf0f3f7,
        ];
        Self { palette: palette.map(rgb), foreground: rgb(0xd3d8e0), background: rgb(0x14171c) }
    }
}

/// The colour that a number such as 0xff8000 stands for.
pub(super) fn rgb(code: u32) -> Rgb {
    let [_, red, green, blue] = code.to_be_bytes();
    [red, green, blue]
}

/// What a cell's colour is; `default` where it has none.
pub(super) fn resolve(color: Color, colors: &PictureColors, default: Rgb) -> Rgb {
    let index = match color {
        Color::Reset => return default,
        Color::Rgb(red, green, blue) => return [red, green, blue],
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    match (colors.palette.get(usize::from(index)), index) {
        (Some(color), _) => *color,
        // A cube of 6 levels a side, then 24 greys, as in xterm.
        (None, 16..=231) => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(|level| match level {
            0 => 0,
            level => 55 + 40 * level,
        }),
        (None, _) => [8 + 10 * (index.max(232) - 232); 3],
    }
}

/// `part` of `whole` on the way from one colour to another.
pub(super) fn mix(from: Rgb, to: Rgb, part: u32, whole: u32) -> Rgb {
    let [red, green, blue] = [0, 1, 2].map(|channel: usize| {
        let [from, to] = [from, to].map(|color| u32::from(color.get(channel).copied().unwrap_or(0)));
        // Between two bytes lies a byte.
        ((from * (whole - part) + to * part + whole / 2) / whole) as u8
    });
    [red, green, blue]
}

/// A colour in SVG.
pub(super) struct Hex(pub(super) Rgb);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}
