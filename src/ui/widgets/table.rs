//! Columns for lists that are drawn row by row, and the scrollbar beside them.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::put;

/// How wide a column may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Just that.
    Fixed(u16),
    /// At least `least`; up to `most` before flexible columns get anything.
    Min {
        /// What it needs.
        least: u16,
        /// What it can use.
        most: u16,
    },
    /// At least `least`, and its share of what is left by `weight`.
    Flex {
        /// What it needs.
        least: u16,
        /// Its part of the whole.
        weight: u16,
    },
}

impl Width {
    fn least(self) -> u16 {
        match self {
            Self::Fixed(width) => width,
            Self::Min { least, .. } | Self::Flex { least, .. } => least,
        }
    }
}

/// A column to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its width.
    pub width: Width,
    /// Where there is too little room the column with the highest goes first, the rightmost among equals; 0 stays.
    pub drop: u8,
}

/// Where a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its first column of the screen.
    pub x: u16,
    /// Its width, never 0.
    pub width: u16,
}

/// Places columns from `x` on in `width`, with `gap` between them. `None` for a column that is left out. Columns that must
/// stay but do not fit are cut at the right edge.
pub fn columns(specs: &[Column], x: u16, width: u16, gap: u16) -> Vec<Option<Slot>> {
    let (room, gap) = (u32::from(width), u32::from(gap));
    let mut widths: Vec<Option<u32>> = specs.iter().map(|spec| Some(u32::from(spec.width.least()))).collect();
    let needed = |widths: &[Option<u32>]| {
        let kept = widths.iter().flatten().count() as u32;
        widths.iter().flatten().sum::<u32>() + gap * kept.saturating_sub(1)
    };
    while needed(&widths) > room {
        let kept = specs.iter().zip(&mut widths).filter(|(spec, width)| spec.drop > 0 && width.is_some());
        let Some((_, last)) = kept.max_by_key(|(spec, _)| spec.drop) else { break };
        *last = None;
    }
    let mut spare = room.saturating_sub(needed(&widths));
    for (spec, width) in specs.iter().zip(&mut widths) {
        if let (Width::Min { most, .. }, Some(width)) = (spec.width, width) {
            let more = u32::from(most).saturating_sub(*width).min(spare);
            *width += more;
            spare -= more;
        }
    }
    let weight_of = |spec: &Column| if let Width::Flex { weight, .. } = spec.width { u32::from(weight) } else { 0 };
    let mut weights: u32 =
        specs.iter().zip(&widths).filter(|(_, width)| width.is_some()).map(|(spec, _)| weight_of(spec)).sum();
    for (spec, width) in specs.iter().zip(&mut widths) {
        let (weight, Some(width)) = (weight_of(spec), width) else { continue };
        // Of what the columns before left, so that nothing is lost in rounding.
        let more = (spare * weight).checked_div(weights).unwrap_or(0);
        *width += more;
        spare -= more;
        weights -= weight;
    }
    let mut at = 0;
    widths
        .into_iter()
        .map(|width| {
            let start = at;
            at += width.map_or(0, |width| width + gap);
            let width = width?.min(room.saturating_sub(start));
            // Both come from numbers of 16 bits.
            (width > 0).then(|| Slot { x: x.saturating_add(start as u16), width: width as u16 })
        })
        .collect()
}

/// The rows of a scrollbar of `track` rows that its thumb takes, when `visible` of `total` lines from `offset` on are seen.
/// None where all are seen. It touches an end of the track only when the list does.
pub fn thumb(track: u16, offset: usize, visible: usize, total: usize) -> Option<Range<u16>> {
    if track == 0 || visible >= total {
        return None;
    }
    let rows = u128::from(track);
    let (visible, total) = (visible as u128, total as u128);
    let size = (rows * visible / total).max(1);
    let (free, last) = (rows - size, total - visible);
    let offset = (offset as u128).min(last);
    let mut start = (free * offset + last / 2) / last;
    if free > 1 && offset > 0 && offset < last {
        start = start.clamp(1, free - 1);
    }
    // No larger than the track.
    Some(start as u16..(start + size) as u16)
}

/// Draws the thumb of a scrollbar over the first column of `track`, as the right border of a pane between its corners; the
/// rest of the track stays as it is.
pub fn scrollbar(
    buf: &mut Buffer,
    track: Rect,
    offset: usize,
    visible: usize,
    total: usize,
    style: Style,
    ascii: bool,
) {
    if track.width > 0 {
        let rows = thumb(track.height, offset, visible, total).unwrap_or_default();
        rows.for_each(|row| put(buf, track.x, track.y.saturating_add(row), if ascii { "#" } else { "█" }, style));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Column = Column { width: Width::Fixed(5), drop: 3 };
    const GOLD: Column = Column { width: Width::Min { least: 4, most: 9 }, drop: 0 };
    const TEXT: Column = Column { width: Width::Flex { least: 10, weight: 2 }, drop: 0 };
    const NOTE: Column = Column { width: Width::Flex { least: 6, weight: 1 }, drop: 3 };

    fn placed(specs: &[Column], width: u16) -> Vec<Option<(u16, u16)>> {
        columns(specs, 1, width, 1).into_iter().map(|slot| slot.map(|slot| (slot.x, slot.width))).collect()
    }

    #[test]
    fn room_is_shared() {
        let all = [ROW, GOLD, TEXT, NOTE];
        assert_eq!(placed(&all, 28), [Some((1, 5)), Some((7, 4)), Some((12, 10)), Some((23, 6))]);
        assert_eq!(placed(&all, 31), [Some((1, 5)), Some((7, 7)), Some((15, 10)), Some((26, 6))]);
        assert_eq!(placed(&all, 43), [Some((1, 5)), Some((7, 9)), Some((17, 16)), Some((34, 10))]);
        assert_eq!(placed(&[ROW], 99), [Some((1, 5))]);
        assert_eq!(placed(&[], 99), []);
    }

    #[test]
    fn columns_go_by_priority() {
        let all = [ROW, GOLD, TEXT, NOTE];
        assert_eq!(placed(&all, 27), [Some((1, 5)), Some((7, 9)), Some((17, 11)), None]);
        assert_eq!(placed(&all, 20), [None, Some((1, 9)), Some((11, 10)), None]);
        assert_eq!(placed(&all, 12), [None, Some((1, 4)), Some((6, 7)), None]);
        assert_eq!(placed(&all, 5), [None, Some((1, 4)), None, None]);
        assert_eq!(placed(&all, 0), [None; 4]);
    }

    #[test]
    fn nothing_overlaps_or_overflows() {
        let kinds = [ROW, GOLD, TEXT, NOTE, Column { width: Width::Flex { least: 0, weight: 0 }, drop: 1 }];
        for seed in 0..3125_usize {
            let specs: Vec<Column> = (0..5).map(|place| kinds[seed / 5_usize.pow(place) % 5]).collect();
            for width in [0, 1, 7, 30, 61, 200, u16::MAX] {
                let mut end = 0;
                for slot in columns(&specs, 0, width, 2).into_iter().flatten() {
                    assert!(slot.width > 0 && slot.x >= end, "{specs:?} {width}");
                    assert!(slot.x + slot.width <= width, "{specs:?} {width}");
                    end = slot.x + slot.width;
                }
            }
        }
        let wide = Column { width: Width::Fixed(u16::MAX), drop: 0 };
        assert_eq!(columns(&[wide, wide], u16::MAX, 5, 1), [Some(Slot { x: u16::MAX, width: 5 }), None]);
    }

    #[test]
    fn thumbs() {
        assert_eq!(thumb(10, 0, 10, 100), Some(0..1));
        assert_eq!(thumb(10, 1, 10, 100), Some(1..2));
        assert_eq!(thumb(10, 89, 10, 100), Some(8..9));
        assert_eq!(thumb(10, 90, 10, 100), Some(9..10));
        assert_eq!(thumb(10, 900, 10, 100), Some(9..10));
        assert_eq!(thumb(10, 3, 10, 12), Some(2..10));
        assert_eq!([thumb(10, 0, 12, 12), thumb(0, 0, 1, 12), thumb(5, 0, 0, 0)], [None, None, None]);
        assert_eq!(thumb(1, 7, 1, 12), Some(0..1));
        assert_eq!(thumb(9, usize::MAX, usize::MAX - 1, usize::MAX), Some(1..9));
    }

    #[test]
    fn the_bar_covers_the_border() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 3, 4));
        scrollbar(&mut buf, Rect::new(2, 0, 1, 4), 5, 5, 10, Style::new(), false);
        assert_eq!((0..4).map(|y| buf[(2, y)].symbol()).collect::<String>(), "  ██");
        scrollbar(&mut buf, Rect::new(2, 0, 1, 4), 5, 5, 10, Style::new(), true);
        assert_eq!((0..4).map(|y| buf[(2, y)].symbol()).collect::<String>(), "  ##");
        for area in [Rect::ZERO, Rect::new(2, 2, 1, 9), Rect { x: 65_535, y: 65_535, width: 3, height: 3 }] {
            scrollbar(&mut buf, area, 5, 5, 10, Style::new(), false);
        }
    }
}
