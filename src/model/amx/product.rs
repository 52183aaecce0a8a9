//! Products of f32 matrices by tiles of bf16.

use std::arch::x86_64::*;
use std::ops::Range;

use super::{BLOCK, LANES, Out, PRODUCTS, ROWS, STEP, TILE, TOKENS, Tiles, WIDTH, multiply, paired, parts};
use crate::model::scratch::Buffer;

/// Blocks of inputs of a panel: so many that some rows of the other matrix stay in a cache, too.
const DEEP: usize = 24;
/// Words of panels that all rows are multiplied with before the next are made; they stay in the second-level cache.
const NEAR: usize = 192 << 10;

/// A matrix as a product takes it: `len` rows (of the left one) or columns (of the right one), each with as many numbers as the
/// product has inputs. Of the two distances at least one is 1.
#[derive(Clone, Copy)]
pub(in super::super) struct Operand<'a> {
    /// The numbers, from the first on.
    pub(in super::super) data: &'a [f32],
    /// Rows or columns.
    pub(in super::super) len: usize,
    /// How far apart these are.
    pub(in super::super) apart: usize,
    /// How far apart the inputs of one are.
    pub(in super::super) deep: usize,
}

/// What a tile needs: pairs of inputs of sixteen rows or columns, one of these after another or one pair after another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As the left matrix has it.
    Rows,
    /// As the right one has it.
    Pairs,
}

impl Operand<'_> {
    /// The high and the low parts of sixteen rows or columns from `first` on, for one block of inputs; zeros where there are
    /// none.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn tiles(self, order: Order, first: usize, block: usize, inputs: usize) -> ([__m512i; ROWS], [__m512i; ROWS]) {
        let (from, left) = (block * BLOCK, inputs - block * BLOCK);
        let zero = _mm512_setzero_si512();
        let (mut high_parts, mut low_parts) = ([zero; ROWS], [zero; ROWS]);
        // SAFETY: what is loaded is inside of the matrix, and what is not is masked.
        let load = |at: usize, count: usize| unsafe {
            _mm512_maskz_loadu_ps(mask(count), self.data.as_ptr().wrapping_add(at))
        };
        let along = if self.deep == 1 {
            for row in 0..ROWS.min(self.len - first) {
                let at = (first + row) * self.apart + from;
                let numbers = (load(at, left), load(at + LANES, left.saturating_sub(LANES)));
                (high_parts[row], low_parts[row]) = parts(numbers.0, numbers.1);
            }
            Order::Rows
        } else {
            for pair in 0..ROWS.min(left.div_ceil(2)) {
                let at = (from + 2 * pair) * self.deep + first;
                let second = if 2 * pair + 1 < left { self.len - first } else { 0 };
                let (one, two) = (load(at, self.len - first), load(at + self.deep, second));
                (high_parts[pair], low_parts[pair]) = paired(one, two);
            }
            Order::Pairs
        };
        if along == order { (high_parts, low_parts) } else { (turned(high_parts), turned(low_parts)) }
    }

    fn holds(&self, inputs: usize) -> bool {
        let last = |count: usize, apart: usize| count.saturating_sub(1) * apart;
        if self.len == 0 || inputs == 0 {
            return true;
        }
        (self.deep == 1 || self.apart == 1) && last(self.len, self.apart) + last(inputs, self.deep) < self.data.len()
    }
}

/// The first `count` of sixteen.
fn mask(count: usize) -> u16 {
    ((1_u32 << count.min(LANES)) - 1) as u16
}

/// Rows as columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn turned(rows: [__m512i; ROWS]) -> [__m512i; ROWS] {
    let zero = _mm512_setzero_si512();
    let (mut twos, mut fours, mut out) = ([zero; ROWS], [zero; ROWS], [zero; ROWS]);
    for two in 0..8 {
        twos[2 * two] = _mm512_unpacklo_epi32(rows[2 * two], rows[2 * two + 1]);
        twos[2 * two + 1] = _mm512_unpackhi_epi32(rows[2 * two], rows[2 * two + 1]);
    }
    for four in (0..ROWS).step_by(4) {
        for half in 0..2 {
            fours[four + 2 * half] = _mm512_unpacklo_epi64(twos[four + half], twos[four + half + 2]);
            fours[four + 2 * half + 1] = _mm512_unpackhi_epi64(twos[four + half], twos[four + half + 2]);
        }
    }
    // A quarter of each register is one column of four rows.
    for column in 0..4 {
        let even = |at: usize| _mm512_shuffle_i32x4::<0x88>(fours[at + column], fours[at + 4 + column]);
        let odd = |at: usize| _mm512_shuffle_i32x4::<0xDD>(fours[at + column], fours[at + 4 + column]);
        let (low, high) = ((even(0), even(8)), (odd(0), odd(8)));
        out[column] = _mm512_shuffle_i32x4::<0x88>(low.0, low.1);
        out[8 + column] = _mm512_shuffle_i32x4::<0xDD>(low.0, low.1);
        out[4 + column] = _mm512_shuffle_i32x4::<0x88>(high.0, high.1);
        out[12 + column] = _mm512_shuffle_i32x4::<0xDD>(high.0, high.1);
    }
    out
}

/// Writes a tile.
#[inline]
#[target_feature(enable = "avx512f")]
fn store(tile: &mut [f32], rows: [__m512i; ROWS]) {
    for (place, row) in tile.as_chunks_mut::<LANES>().0.iter_mut().zip(rows) {
        // SAFETY: sixteen words are a register.
        unsafe { _mm512_storeu_si512(place.as_mut_ptr().cast(), row) };
    }
}

/// A part of a product: some of the inputs, in blocks, and some of the right matrix' columns.
#[derive(Clone)]
struct Part {
    blocks: Range<usize>,
    columns: Range<usize>,
}

impl Part {
    /// Words of a panel.
    fn size(&self) -> usize {
        self.blocks.len() * STEP
    }

    /// Words of all panels.
    fn words(&self) -> usize {
        self.columns.len().div_ceil(WIDTH) * self.size()
    }

    /// Parts of all inputs, with so many panels each, or as many as stay in a cache.
    fn all(inputs: usize, columns: usize, near: Option<usize>) -> impl Iterator<Item = Self> {
        let blocks = inputs.div_ceil(BLOCK);
        let deep = blocks.clamp(1, DEEP);
        let near = near.unwrap_or(NEAR / (deep * STEP)).max(1) * WIDTH;
        let some = move |start: usize| start..blocks.min(start + deep);
        let of = move |start: usize| {
            (0..columns).step_by(near).map(move |first| (some(start), first..columns.min(first + near)))
        };
        (0..blocks).step_by(deep).flat_map(of).map(|(blocks, columns)| Self { blocks, columns })
    }

    /// Makes the panels.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn prepare(&self, right: Operand<'_>, inputs: usize, panels: &mut [f32]) {
        for (panel, at) in panels.chunks_exact_mut(self.size()).zip(self.columns.clone().step_by(WIDTH)) {
            for (tiles, block) in panel.as_chunks_mut::<STEP>().0.iter_mut().zip(self.blocks.clone()) {
                let (low_tiles, high_tiles) = tiles.split_at_mut(2 * TILE);
                let places = low_tiles.chunks_exact_mut(TILE).zip(high_tiles.chunks_exact_mut(TILE));
                for ((low_tile, high_tile), at) in places.zip((at..right.len).step_by(LANES)) {
                    let (high, low) = right.tiles(Order::Pairs, at, block, inputs);
                    store(high_tile, high);
                    store(low_tile, low);
                }
            }
        }
    }

    /// All rows times the panels.
    ///
    /// # Safety
    /// Tiles must be laid out as [`PRODUCTS`] says.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn times(
        &self,
        left: Operand<'_>,
        inputs: usize,
        panels: &[f32],
        (out, width): (&mut [f32], usize),
        add: bool,
    ) {
        let mut rows_of = Buffer::of(self.size());
        for (row, out) in (0..left.len).step_by(TOKENS).zip(out.chunks_mut(TOKENS * width)) {
            let tiles = (left.len - row).min(TOKENS).div_ceil(ROWS);
            let step = 2 * tiles * TILE;
            for (parts, block) in rows_of.chunks_exact_mut(step).zip(self.blocks.clone()) {
                let (high_tiles, low_tiles) = parts.split_at_mut(tiles * TILE);
                let places = high_tiles.chunks_exact_mut(TILE).zip(low_tiles.chunks_exact_mut(TILE));
                for ((high_tile, low_tile), at) in places.zip((row..left.len).step_by(ROWS)) {
                    let (high, low) = left.tiles(Order::Rows, at, block, inputs);
                    store(high_tile, high);
                    store(low_tile, low);
                }
            }
            let rows = &rows_of[..self.blocks.len() * step];
            let add = add || self.blocks.start > 0;
            let out = Out { numbers: out, width, first: self.columns.start, last: self.columns.end, add };
            // SAFETY: as the caller says.
            unsafe { multiply(rows, panels, self.size(), self.blocks.len(), out) };
        }
    }
}

/// `out = left · right`, or `out += left · right` with `add`: `out` has as many rows as `left`, `width` numbers apart, of
/// which the first are as many as `right` has columns.
///
/// # Panics
/// When an operand or `out` is too short: a mistake of the caller, never of the input.
///
/// # Safety
/// Tiles must be [usable](super::usable).
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(in super::super) unsafe fn product(
    (out, width): (&mut [f32], usize),
    left: Operand<'_>,
    right: Operand<'_>,
    inputs: usize,
    add: bool,
) {
    assert!(left.holds(inputs) && right.holds(inputs), "operands of {inputs} inputs");
    let out = ending(out, width, left.len, right.len);
    let mut panels = Buffer::default();
    // SAFETY: as the caller says.
    let _tiles = unsafe { Tiles::lay_out(&PRODUCTS) };
    for part in Part::all(inputs, right.len, None) {
        if panels.len() < part.words() {
            panels = Buffer::of(part.words());
        }
        part.prepare(right, inputs, &mut panels);
        // SAFETY: tiles are laid out.
        unsafe { part.times(left, inputs, &panels[..part.words()], (out, width), add) };
    }
}

/// `out` up to the last of so many columns in the last of so many rows.
fn ending(out: &mut [f32], width: usize, rows: usize, columns: usize) -> &mut [f32] {
    if rows == 0 || columns == 0 { &mut [] } else { &mut out[..(rows - 1) * width + columns] }
}

/// The panels of a right matrix that many are multiplied with.
pub(in super::super) struct Prepared {
    panels: Buffer,
    inputs: usize,
    columns: usize,
}

impl Prepared {
    /// Makes them.
    ///
    /// # Panics
    /// When the operand is too short: a mistake of the caller, never of the input.
    ///
    /// # Safety
    /// Tiles must be [usable](super::usable).
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(in super::super) unsafe fn of(right: Operand<'_>, inputs: usize) -> Self {
        assert!(right.holds(inputs), "an operand of {inputs} inputs");
        let parts = || Part::all(inputs, right.len, Some(right.len));
        let mut panels = Buffer::of(parts().map(|part| part.words()).sum());
        let mut rest = &mut *panels;
        for part in parts() {
            let (panels, behind) = rest.split_at_mut(part.words());
            part.prepare(right, inputs, panels);
            rest = behind;
        }
        Self { panels, inputs, columns: right.len }
    }

    /// [`product`] with these as the right matrix.
    ///
    /// # Panics
    /// When the operand or `out` is too short: a mistake of the caller, never of the input.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(in super::super) fn times(&self, (out, width): (&mut [f32], usize), left: Operand<'_>, add: bool) {
        assert!(left.holds(self.inputs), "an operand of {} inputs", self.inputs);
        let out = ending(out, width, left.len, self.columns);
        // SAFETY: tiles are usable, or there would be no panels.
        let _tiles = unsafe { Tiles::lay_out(&PRODUCTS) };
        let mut rest = &*self.panels;
        for part in Part::all(self.inputs, self.columns, Some(self.columns)) {
            let (panels, behind) = rest.split_at(part.words());
            // SAFETY: tiles are laid out.
            unsafe { part.times(left, self.inputs, panels, (out, width), add) };
            rest = behind;
        }
    }
}
