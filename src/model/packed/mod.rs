//! Weights as they are read on the CPU: quantised and half-precision numbers stay as small in memory as they are in the
//! file, and are widened to f32 in registers, so that nothing is lost and little has to be fetched.
//!
//! Rows of a matrix are interleaved in strips of [`LANES`]: what belongs to one input and all rows of a strip lies together,
//! in one register. A product with few rows of activations reads each strip once and multiplies on the way; one with many
//! widens some strips at a time into panels that stay in the cache, and multiplies those. Both are the f32 product of the
//! numbers that the file holds, up to the order of sums, whatever the instruction set.

mod kernel;
mod pack;

use rayon::prelude::*;

use super::scratch::Buffer;

pub use kernel::instructions;

/// Rows of a strip.
pub const LANES: usize = 16;
/// Inputs that share a scale.
pub const BLOCK: usize = 32;
/// Rows of activations up to which a strip is multiplied as it is read.
pub const FEW: usize = 4;
/// Strips of a panel.
const PANEL: usize = 2;
/// Numbers of panels below which a second thread costs more than it brings: waking it takes some ten microseconds.
const MANY_THREADS: usize = 1 << 22;
/// The same for strips that are multiplied as they are read: on a thread of the pool, as texts are continued, handing a
/// half over takes a microsecond or two.
const FEW_THREADS: usize = 1 << 16;
/// Rows of activations from which on threads take rows instead of outputs.
const SHARE: usize = 64;
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

    /// `out (+)= x · weightᵀ`: `x` holds rows of `columns` elements, `out` as many rows of `rows` elements.
    ///
    /// # Panics
    /// When the lengths do not match: a mistake of the caller, never of the input.
    pub fn product(&self, out: &mut [f32], x: &[f32], add: bool, threads: usize) {
        let count = x.len() / self.columns.max(1);
        assert_eq!(x.len(), count * self.columns, "activations");
        assert_eq!(out.len(), count * self.rows, "outputs");
        if count == 0 || self.rows == 0 {
            return;
        }
        if count <= FEW { self.few(out, x, count, add, threads) } else { self.many(out, x, count, add, threads) }
    }

    /// Strips are multiplied as they are read.
    fn few(&self, out: &mut [f32], x: &[f32], count: usize, add: bool, threads: usize) {
        // Blocks of activations one after another, those of all rows together, with their sums: what minima are multiplied by.
        let mut blocks = Buffer::zeros(self.blocks * count * BLOCK);
        let mut sums = Buffer::of(self.blocks * count);
        for (row, x) in x.chunks_exact(self.columns).enumerate() {
            for (block, x) in x.chunks(BLOCK).enumerate() {
                let place = block * count + row;
                blocks[place * BLOCK..][..x.len()].copy_from_slice(x);
                sums[place] = x.iter().sum();
            }
        }
        let strips = self.rows.div_ceil(LANES);
        let of = |strip: usize, results: &mut [[f32; LANES]]| {
            kernel::few(self.form, self.strip(strip), &blocks, &sums, results);
        };
        let mut results = vec![[0.0; LANES]; strips * count];
        if threads > 1 && self.rows * self.columns > FEW_THREADS {
            let part = strips.div_ceil(threads * 2).max(1);
            results.par_chunks_mut(part * count).enumerate().for_each(|(index, results)| {
                results
                    .chunks_exact_mut(count)
                    .enumerate()
                    .for_each(|(strip, results)| of(index * part + strip, results));
            });
        } else {
            results.chunks_exact_mut(count).enumerate().for_each(|(strip, results)| of(strip, results));
        }
        for (row, out) in out.chunks_exact_mut(self.rows).enumerate() {
            for (strip, out) in out.chunks_mut(LANES).enumerate() {
                for (out, result) in out.iter_mut().zip(&results[strip * count + row]) {
                    *out = if add { *out + result } else { *result };
                }
            }
        }
    }

    /// Panels of strips are widened, and multiplied with all activations that fit into a cache.
    fn many(&self, out: &mut [f32], x: &[f32], count: usize, add: bool, threads: usize) {
        let width = LANES * PANEL;
        let panels = self.rows.div_ceil(width);
        if threads > 1 && count >= threads * SHARE {
            // Each thread widens all panels for rows of its own: beside so many rows that is little.
            let part = count.div_ceil(threads);
            let parts = x.par_chunks(part * self.columns).zip(out.par_chunks_mut(part * self.rows));
            parts.for_each(|(x, out)| self.by_panel(0..panels, out, x, self.rows, add));
        } else if threads > 1 && self.rows * self.columns > MANY_THREADS {
            let part = panels.div_ceil(threads);
            let columns: Vec<(usize, Vec<f32>)> = (0..panels.div_ceil(part))
                .into_par_iter()
                .map(|index| {
                    let first = index * part;
                    let of = first..panels.min(first + part);
                    let columns = (of.len() * width).min(self.rows - first * width);
                    let mut out = vec![0.0; count * columns];
                    self.by_panel(of, &mut out, x, columns, false);
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
            self.by_panel(0..panels, out, x, self.rows, add);
        }
    }

    /// Some panels' products; `out` has rows of `width` outputs, the first of which is the first panel's first.
    fn by_panel(&self, panels: std::ops::Range<usize>, out: &mut [f32], x: &[f32], width: usize, add: bool) {
        let size = self.blocks * BLOCK * kernel::WIDTH;
        let group = (GROUP_BYTES / 4 / size).clamp(1, panels.len().max(1));
        // All of it is written before it is read: strips that are not there leave columns behind the last output.
        let mut widened = Buffer::of(group * size);
        let turned = kernel::turn(x, self.columns);
        for first in panels.clone().step_by(group) {
            let of = first..panels.end.min(first + group);
            for (panel, widened) in of.clone().zip(widened.chunks_exact_mut(size)) {
                for place in 0..PANEL {
                    kernel::widen(self.form, self.strip(panel * PANEL + place), widened, place);
                }
            }
            let widened = widened.get(..of.len() * size).unwrap_or_default();
            let first = (first - panels.start) * kernel::WIDTH;
            kernel::many(kernel::level(), widened, size, &turned, self.columns, out, width, first, add);
        }
    }
}

#[cfg(test)]
mod tests;
