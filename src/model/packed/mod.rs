//! Weights as they are read on the CPU: quantised and half-precision numbers stay as small in memory as they are in the
//! file, and are widened in registers, so that nothing is lost and little has to be fetched.
//!
//! Rows of a matrix are interleaved in strips of [`LANES`]: what belongs to one input and all rows of a strip lies together,
//! in one register. A product with few rows of activations reads each strip once and multiplies on the way; one with many
//! widens some strips at a time into panels that stay in the cache, and multiplies those. Processors with tiles multiply
//! the codes of quantised numbers as they are. All of that is the product of the numbers that the file holds: in f32, up to
//! the order of sums, or in pairs of bf16, which are off by some millionth of its terms. Only where a caller says that it may
//! be, activations are rounded to 16 bits.

mod kernel;
mod pack;

use std::ops::Range;

use rayon::prelude::*;

use super::scratch::Buffer;
use kernel::{Level, Way};

pub use kernel::{instructions, ways};

/// Rows of a strip.
pub const LANES: usize = 16;
/// Inputs that share a scale.
pub const BLOCK: usize = 32;
/// Strips of a panel.
const PANEL: usize = 2;
/// Numbers of panels below which a second thread costs more than it brings: waking it takes some ten microseconds.
const MANY_THREADS: usize = 1 << 22;
/// The same for strips that are multiplied as they are read: on a thread of the pool, as texts are continued, handing a
/// half over takes a microsecond or two.
const FEW_THREADS: usize = 1 << 16;
/// Rows of activations from which on threads take rows instead of outputs.
const SHARE: usize = 64;
/// Blocks of inputs of a panel: so many that some rows' activations stay in a second-level cache, too.
const DEEP: usize = 24;
/// Bytes of panels that all activations are multiplied with before the next are widened; they stay in a second-level cache.
const GROUP_BYTES: usize = 768 << 10;

/// How numbers are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 32-bit floats.
    Single,
    /// 16-bit floats with the exponent of 32-bit ones.
    Brain,
    /// IEEE 754 16-bit floats.
    Half,
    /// Four bits, with a scale and a minimum (f16 each) for 32 of them: Q4_0 and Q4_1.
    Nibbles,
    /// Four bits, with a scale and a minimum (f32 each) for 32 of them: Q4_K.
    WideNibbles,
    /// Eight bits with sign, with a scale (f32) for 32 of them: Q8_0.
    Bytes,
}

impl Form {
    /// Whether its numbers are codes of four or eight bits, with scales.
    const fn has_codes(self) -> bool {
        matches!(self, Self::Nibbles | Self::WideNibbles | Self::Bytes)
    }

    /// 32-bit words of one strip and block.
    const fn words(self) -> usize {
        match self {
            Self::Single => BLOCK * LANES,
            Self::Brain | Self::Half => BLOCK * LANES / 2,
            Self::Nibbles => BLOCK * LANES / 8 + LANES,
            Self::WideNibbles => BLOCK * LANES / 8 + 2 * LANES,
            Self::Bytes => BLOCK * LANES / 4 + LANES,
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "f32",
            Self::Brain => "bf16",
            Self::Half => "f16",
            Self::Nibbles => "4 bits",
            Self::WideNibbles => "4 bits, f32 scales",
            Self::Bytes => "8 bits",
        }
    }
}

/// Where the byte at a place of a block is, in each row's words: which of them, and by how many bits it is shifted. A word has
/// those of eight inputs that are at even places, the next one the others: shifts bring four-bit codes in that order.
const fn byte(place: usize) -> (usize, usize) {
    (place / 8 * 2 + place % 2, place % 8 / 2 * 8)
}

/// A matrix `[rows, columns]` of weights: `rows` outputs of `columns` inputs.
#[derive(Clone, Debug)]
pub struct Packed {
    form: Form,
    rows: usize,
    columns: usize,
    /// Blocks of a row, the last one filled up with zeros.
    blocks: usize,
    words: Vec<u32>,
}

impl Packed {
    /// Outputs and inputs.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// How its numbers are held.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.words.len() * 4
    }

    fn strip(&self, strip: usize) -> &[u32] {
        let words = self.blocks * self.form.words();
        self.words.get(strip * words..(strip + 1) * words).unwrap_or_default()
    }

    /// One row as f32, into `out` of as many elements as there are columns; false where there is no such row.
    pub fn row(&self, row: usize, out: &mut [f32]) -> bool {
        if row >= self.rows || out.len() != self.columns {
            return false;
        }
        let strip = self.strip(row / LANES);
        for (block, out) in strip.chunks_exact(self.form.words()).zip(out.chunks_mut(BLOCK)) {
            for (place, out) in out.iter_mut().enumerate() {
                *out = pack::value(self.form, block, row % LANES, place);
            }
        }
        true
    }

    /// Rows of activations up to which one's outputs may depend, in their last bits, on how many there are.
    pub fn few_rows(&self) -> usize {
        kernel::few_rows(kernel::level(), self.form)
    }

    /// `out (+)= x · weightᵀ`: `x` holds rows of `columns` elements, `out` as many rows of `rows` elements. With `rounded`,
    /// few rows are rounded to 16 bits where that is faster: an output is off by some 1e-5 of its terms then.
    ///
    /// # Panics
    /// When the lengths do not match: a mistake of the caller, never of the input.
    pub fn product(&self, out: &mut [f32], x: &[f32], add: bool, threads: usize, rounded: bool) {
        let count = x.len() / self.columns.max(1);
        assert_eq!(x.len(), count * self.columns, "activations");
        assert_eq!(out.len(), count * self.rows, "outputs");
        if count == 0 || self.rows == 0 {
            return;
        }
        let level = kernel::level();
        match kernel::way(level, self.form, count, rounded) {
            Way::Few => self.few(out, x, count, add, threads, rounded),
            #[cfg(target_arch = "x86_64")]
            Way::Codes => {
                let by = |strips: Range<usize>, out: &mut [f32], x: &[f32], width: usize, add: bool| {
                    let words = self.blocks * self.form.words();
                    let strips = self.words.get(strips.start * words..strips.end * words).unwrap_or_default();
                    kernel::by_codes(self.form, strips, self.blocks, x, out, width, add);
                };
                self.many(out, x, count, add, threads, LANES, by);
            }
            _ => {
                let by = |panels: Range<usize>, out: &mut [f32], x: &[f32], width: usize, add: bool| {
                    self.by_panel(level, panels, out, x, width, add);
                };
                self.many(out, x, count, add, threads, LANES * PANEL, by);
            }
        }
    }

    /// Strips are multiplied as they are read.
    fn few(&self, out: &mut [f32], x: &[f32], count: usize, add: bool, threads: usize, rounded: bool) {
        let few = kernel::Few::of(kernel::level(), self.form, x, self.columns, rounded);
        let strips = self.rows.div_ceil(LANES);
        let words = self.blocks * self.form.words();
        let mut results = vec![[0.0; LANES]; strips * count];
        if threads > 1 && self.rows * self.columns > FEW_THREADS {
            let part = strips.div_ceil(threads * 2).max(1);
            let parts = self.words.par_chunks(part * words).zip(results.par_chunks_mut(part * count));
            parts.for_each(|(strips, results)| few.times(strips, words, results));
        } else {
            few.times(&self.words, words, &mut results);
        }
        for (row, out) in out.chunks_exact_mut(self.rows).enumerate() {
            for (strip, out) in out.chunks_mut(LANES).enumerate() {
                for (out, result) in out.iter_mut().zip(&results[strip * count + row]) {
                    *out = if add { *out + result } else { *result };
                }
            }
        }
    }

    /// Splits a product over threads: rows where there are enough, or else parts of `width` outputs. `by` makes the product of
    /// a range of parts, with the outputs of these, rows of them of some width.
    #[allow(clippy::too_many_arguments)]
    fn many(
        &self,
        out: &mut [f32],
        x: &[f32],
        count: usize,
        add: bool,
        threads: usize,
        width: usize,
        by: impl Fn(Range<usize>, &mut [f32], &[f32], usize, bool) + Sync,
    ) {
        let parts = self.rows.div_ceil(width);
        if threads > 1 && count >= threads * SHARE {
            // Each thread widens all weights for rows of its own: beside so many rows that is little.
            let rows = count.div_ceil(threads);
            let shares = x.par_chunks(rows * self.columns).zip(out.par_chunks_mut(rows * self.rows));
            shares.for_each(|(x, out)| by(0..parts, out, x, self.rows, add));
        } else if threads > 1 && self.rows * self.columns > MANY_THREADS {
            let share = parts.div_ceil(threads);
            let columns: Vec<(usize, Buffer)> = (0..parts.div_ceil(share))
                .into_par_iter()
                .map(|index| {
                    let first = index * share;
                    let of = first..parts.min(first + share);
                    let columns = (of.len() * width).min(self.rows - first * width);
                    let mut out = Buffer::of(count * columns);
                    by(of, &mut out, x, columns, false);
                    (columns, out)
                })
                .collect();
            for (row, out) in out.chunks_exact_mut(self.rows).enumerate() {
                let values = columns.iter().flat_map(|(columns, part)| &part[row * columns..(row + 1) * columns]);
                for (out, value) in out.iter_mut().zip(values) {
                    *out = if add { *out + value } else { *value };
                }
            }
        } else {
            by(0..parts, out, x, self.rows, add);
        }
    }

    /// Some panels' products; `out` has rows of `width` outputs, the first of which is the first panel's first.
    fn by_panel(&self, level: Level, panels: Range<usize>, out: &mut [f32], x: &[f32], width: usize, add: bool) {
        let level = kernel::of_panels(level, self.form);
        let deep = self.blocks.min(DEEP);
        let size = deep * BLOCK * kernel::WIDTH;
        let group = (GROUP_BYTES / 4 / size).clamp(1, panels.len().max(1));
        // All of it is written before it is read: strips that are not there leave columns behind the last output.
        let mut widened = Buffer::of(group * size);
        let turned = kernel::Turned::of(level, x, self.columns);
        let words = self.form.words();
        for first in panels.clone().step_by(group) {
            let of = first..panels.end.min(first + group);
            for blocks in (0..self.blocks).step_by(deep).map(|start| start..self.blocks.min(start + deep)) {
                for (panel, widened) in of.clone().zip(widened.chunks_exact_mut(size)) {
                    for place in 0..PANEL {
                        let strip = self.strip(panel * PANEL + place);
                        let strip = strip.get(blocks.start * words..blocks.end * words).unwrap_or_default();
                        kernel::widen(level, self.form, strip, widened, place);
                    }
                }
                let panels_of = kernel::Panels {
                    numbers: widened.get(..of.len() * size).unwrap_or_default(),
                    size,
                    inputs: blocks.start * BLOCK..self.columns.min(blocks.end * BLOCK),
                };
                let first = (first - panels.start) * kernel::WIDTH;
                turned.times(&panels_of, out, width, first, add || blocks.start > 0);
            }
        }
    }
}

#[cfg(test)]
mod tests;
