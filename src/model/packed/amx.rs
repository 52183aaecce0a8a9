//! AMX for panels: weights and activations as pairs of bf16, see [`crate::model::amx`].

use std::arch::x86_64::*;

use super::avx512::{pairs, words};
use super::{BLOCK, LANES, PANEL, Panels};
use crate::model::amx::{Out, PRODUCTS, ROWS, STEP, TILE, TOKENS, Tiles, multiply, paired, split};
use crate::model::scratch::Buffer;

/// See [`super::widen`]: for each block a panel has the low parts of its strips, a tile each, and then the high ones. A
/// tile has a row for each pair of inputs, with a pair of bf16 for each output.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn widen<const FORM: u8>(strip: &[u32], panel: &mut [f32], place: usize) {
    for (block, tiles) in strip.chunks_exact(words(FORM)).zip(panel.as_chunks_mut::<STEP>().0) {
        let (low, high_tiles) = tiles.split_at_mut(PANEL * TILE);
        let low = &mut low[place * TILE..][..TILE];
        let high_tile = &mut high_tiles[place * TILE..][..TILE];
        pairs::<FORM>(block, |pair, first, second| {
            let (of_both, rest) = paired(first, second);
            // SAFETY: sixteen pairs of sixteen words are a tile.
            unsafe {
                debug_assert!(pair < ROWS);
                _mm512_storeu_si512(low.as_mut_ptr().add(pair * LANES).cast(), rest);
                _mm512_storeu_si512(high_tile.as_mut_ptr().add(pair * LANES).cast(), of_both);
            }
        });
    }
}

/// See [`super::Turned::of`]: for each block of inputs, some rows' high parts, a tile for sixteen rows, and then their low ones.
pub(super) fn turn(x: &[f32], columns: usize) -> Buffer {
    let blocks = columns.div_ceil(BLOCK);
    let count = x.len() / columns.max(1);
    let mut turned = Buffer::of(count.next_multiple_of(ROWS) * blocks * BLOCK);
    for (x, turned) in x.chunks(TOKENS * columns).zip(turned.chunks_mut(blocks * STEP)) {
        // Behind the last row lies what may be anything: it goes into sums that nobody reads.
        let tiles = (x.len() / columns).div_ceil(ROWS);
        for (row, x) in x.chunks_exact(columns).enumerate() {
            let (tile, row) = (row / ROWS, row % ROWS);
            for (x, turned) in x.chunks(BLOCK).zip(turned.chunks_exact_mut(2 * tiles * TILE)) {
                let mut block = [0.0; BLOCK];
                let x = x.first_chunk().unwrap_or_else(|| {
                    block[..x.len()].copy_from_slice(x);
                    &block
                });
                let (high, low) = turned.split_at_mut(tiles * TILE);
                let place = tile * TILE + row * LANES;
                if let (Some(high), Some(low)) =
                    (high[place..].first_chunk_mut::<LANES>(), low[place..].first_chunk_mut::<LANES>())
                {
                    // SAFETY: these levels are only asked for where AVX-512 with bf16 was found to be there.
                    unsafe { split(x.as_ptr(), high, low) };
                }
            }
        }
    }
    turned
}

/// See [`super::Turned::times`]: `x` is turned by [`turn`], `panels` are widened by [`widen`].
///
/// # Safety
/// Tiles must be [usable](crate::model::amx::usable).
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn many(
    panels: &Panels<'_>,
    x: &[f32],
    columns: usize,
    out: &mut [f32],
    width: usize,
    first: usize,
    add: bool,
) {
    let all = columns.div_ceil(BLOCK);
    let (skip, blocks) = (panels.inputs.start / BLOCK, panels.inputs.len().div_ceil(BLOCK));
    assert!(panels.size >= blocks * STEP && skip + blocks <= all, "panels of {blocks} blocks in {} words", panels.size);
    // SAFETY: as the caller says.
    let _tiles = unsafe { Tiles::lay_out(&PRODUCTS) };
    for (x, out) in x.chunks(all * STEP).zip(out.chunks_mut(TOKENS * width)) {
        // One tile's rows, or two.
        let step = x.len() / all;
        let x = &x[skip * step..(skip + blocks) * step];
        // SAFETY: tiles are laid out for products.
        unsafe {
            multiply(x, panels.numbers, panels.size, blocks, Out { numbers: out, width, first, last: width, add })
        };
    }
}
