//! AVX-512: a register holds one number of each of the sixteen rows of a strip.
//!
//! Four-bit codes are widened by a look-up among sixteen floats in a register, which takes the low four bits of each lane:
//! a shift and a permutation for sixteen numbers.

use std::arch::x86_64::*;

use super::{BLOCK, LANES, TOKENS, WIDTH};
use crate::model::packed::{Form, byte};

pub(super) const SINGLE: u8 = 0;
pub(super) const BRAIN: u8 = 1;
pub(super) const HALF: u8 = 2;
pub(super) const NIBBLES: u8 = 3;
pub(super) const WIDE: u8 = 4;
pub(super) const BYTES: u8 = 5;

/// Words by which weights are asked for before they are multiplied.
const AHEAD: usize = 1024;

pub(super) const fn words(form: u8) -> usize {
    match form {
        SINGLE => Form::Single.words(),
        BRAIN => Form::Brain.words(),
        HALF => Form::Half.words(),
        NIBBLES => Form::Nibbles.words(),
        WIDE => Form::WideNibbles.words(),
        _ => Form::Bytes.words(),
    }
}

/// The words from one on, as many as a register holds; `at + 16` words must be there.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn load(block: &[u32], at: usize) -> __m512i {
    debug_assert!(at + LANES <= block.len());
    // SAFETY: the caller's promise.
    unsafe { _mm512_loadu_si512(block.as_ptr().add(at).cast()) }
}

/// Sixteen f16 from a word on; eight words must be there.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn halves(block: &[u32], at: usize) -> __m256i {
    debug_assert!(at + LANES / 2 <= block.len());
    // SAFETY: the caller's promise.
    unsafe { _mm256_loadu_si256(block.as_ptr().add(at).cast()) }
}

/// The numbers at a place of a block that is not of nibbles, before scales. The block must be whole.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn number<const FORM: u8>(block: &[u32], place: usize) -> __m512 {
    // SAFETY: all places of a whole block are inside of it.
    unsafe {
        match FORM {
            SINGLE => _mm512_castsi512_ps(load(block, place * LANES)),
            BRAIN => {
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves(block, place * LANES / 2))))
            }
            HALF => _mm512_cvtph_ps(halves(block, place * LANES / 2)),
            _ => {
                let (word, shift) = byte(place);
                let moved = _mm512_sllv_epi32(load(block, word * LANES), _mm512_set1_epi32(24 - shift as i32));
                _mm512_cvtepi32_ps(_mm512_srai_epi32::<24>(moved))
            }
        }
    }
}

/// Scales and minima of a whole block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn heads<const FORM: u8>(block: &[u32]) -> (__m512, __m512) {
    const CODES: usize = BLOCK * LANES / 8;
    // SAFETY: the heads of a whole block are inside of it.
    unsafe {
        match FORM {
            NIBBLES => (_mm512_cvtph_ps(halves(block, CODES)), _mm512_cvtph_ps(halves(block, CODES + LANES / 2))),
            WIDE => (_mm512_castsi512_ps(load(block, CODES)), _mm512_castsi512_ps(load(block, CODES + LANES))),
            _ => (_mm512_castsi512_ps(load(block, BLOCK * LANES / 4)), _mm512_setzero_ps()),
        }
    }
}

/// Asks memory for what comes soon after a block; asking for what lies behind the end does nothing.
#[inline]
pub(super) fn ask_ahead(block: &[u32]) {
    for line in 0..block.len().div_ceil(LANES) {
        let place = block.as_ptr().wrapping_add(AHEAD + line * LANES);
        // SAFETY: a hint, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
    }
}

/// The sixteen codes as floats.
#[inline]
#[target_feature(enable = "avx512f")]
fn table() -> __m512 {
    _mm512_setr_ps(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0)
}

/// See [`super::few`]. There must be activations and sums for all blocks of the strip.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn few<const FORM: u8, const N: usize>(
    strip: &[u32],
    x: &[[[f32; BLOCK]; N]],
    sums: &[[f32; N]],
    results: &mut [[f32; LANES]; N],
) {
    let table = table();
    let zero = _mm512_setzero_ps();
    let mut totals = [zero; N];
    for ((block, x), sums) in strip.chunks_exact(words(FORM)).zip(x).zip(sums) {
        ask_ahead(block);
        // Four sums that do not wait for one another.
        let mut parts = [[zero; N]; 4];
        // SAFETY: `chunks_exact` gives whole blocks.
        let (scale, minimum) = unsafe {
            if matches!(FORM, NIBBLES | WIDE) {
                let mut codes: [__m512i; 4] = [load(block, 0), load(block, 16), load(block, 32), load(block, 48)];
                for step in 0..8 {
                    for group in 0..4 {
                        let weights = _mm512_permutexvar_ps(codes[group], table);
                        codes[group] = _mm512_srli_epi32::<4>(codes[group]);
                        for row in 0..N {
                            let x = _mm512_set1_ps(x[row][group * 8 + step]);
                            parts[group][row] = _mm512_fmadd_ps(weights, x, parts[group][row]);
                        }
                    }
                }
            } else {
                for step in 0..8 {
                    for group in 0..4 {
                        let weights = number::<FORM>(block, group * 8 + step);
                        for row in 0..N {
                            let x = _mm512_set1_ps(x[row][group * 8 + step]);
                            parts[group][row] = _mm512_fmadd_ps(weights, x, parts[group][row]);
                        }
                    }
                }
            }
            if matches!(FORM, SINGLE | BRAIN | HALF) { (zero, zero) } else { heads::<FORM>(block) }
        };
        for row in 0..N {
            let part =
                _mm512_add_ps(_mm512_add_ps(parts[0][row], parts[1][row]), _mm512_add_ps(parts[2][row], parts[3][row]));
            totals[row] = if matches!(FORM, SINGLE | BRAIN | HALF) {
                _mm512_add_ps(totals[row], part)
            } else {
                _mm512_fmadd_ps(scale, part, totals[row])
            };
            if matches!(FORM, NIBBLES | WIDE) {
                totals[row] = _mm512_fmadd_ps(minimum, _mm512_set1_ps(sums[row]), totals[row]);
            }
        }
    }
    for (result, total) in results.iter_mut().zip(totals) {
        // SAFETY: sixteen floats are written to sixteen floats.
        unsafe { _mm512_storeu_ps(result.as_mut_ptr(), total) };
    }
}

/// Hands the numbers of a whole block to `take`, those of two inputs at a time, with the pair's place.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn pairs<const FORM: u8>(block: &[u32], mut take: impl FnMut(usize, __m512, __m512)) {
    debug_assert_eq!(block.len(), words(FORM));
    // SAFETY: the callers' `chunks_exact` gives whole blocks.
    unsafe {
        if matches!(FORM, NIBBLES | WIDE) {
            let table = table();
            let (scale, minimum) = heads::<FORM>(block);
            for group in 0..4 {
                let mut codes = load(block, group * LANES);
                for step in 0..4 {
                    let first = _mm512_permutexvar_ps(codes, table);
                    let second = _mm512_permutexvar_ps(_mm512_srli_epi32::<4>(codes), table);
                    codes = _mm512_srli_epi32::<8>(codes);
                    let of = |codes: __m512| _mm512_fmadd_ps(codes, scale, minimum);
                    take(group * 4 + step, of(first), of(second));
                }
            }
        } else {
            let scale = if FORM == BYTES { heads::<FORM>(block).0 } else { _mm512_set1_ps(1.0) };
            for pair in 0..BLOCK / 2 {
                let of = |place: usize| {
                    let number = number::<FORM>(block, place);
                    if FORM == BYTES { _mm512_mul_ps(number, scale) } else { number }
                };
                take(pair, of(2 * pair), of(2 * pair + 1));
            }
        }
    }
}

/// See [`super::widen`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn widen<const FORM: u8>(strip: &[u32], panel: &mut [[f32; WIDTH]], column: usize) {
    for (block, panel) in strip.chunks_exact(words(FORM)).zip(panel.as_chunks_mut::<BLOCK>().0) {
        pairs::<FORM>(block, |pair, first, second| {
            for (place, value) in [(2 * pair, first), (2 * pair + 1, second)] {
                let lanes = &mut panel[place][column * LANES..][..LANES];
                // SAFETY: sixteen floats are written to sixteen floats.
                unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), value) };
            }
        });
    }
}

/// A panel times up to [`TOKENS`] rows of activations.
#[target_feature(enable = "avx512f")]
pub(super) fn tiles(panel: &[[f32; WIDTH]], x: &[f32], sums: &mut [[f32; WIDTH]]) {
    match sums.len() {
        14 => tile::<14>(panel, x, sums),
        13 => tile::<13>(panel, x, sums),
        12 => tile::<12>(panel, x, sums),
        11 => tile::<11>(panel, x, sums),
        10 => tile::<10>(panel, x, sums),
        9 => tile::<9>(panel, x, sums),
        8 => tile::<8>(panel, x, sums),
        7 => tile::<7>(panel, x, sums),
        6 => tile::<6>(panel, x, sums),
        5 => tile::<5>(panel, x, sums),
        4 => tile::<4>(panel, x, sums),
        3 => tile::<3>(panel, x, sums),
        2 => tile::<2>(panel, x, sums),
        1 => tile::<1>(panel, x, sums),
        _ => {}
    }
}

/// `T` rows: two registers of sums for each.
#[target_feature(enable = "avx512f")]
fn tile<const T: usize>(panel: &[[f32; WIDTH]], x: &[f32], sums: &mut [[f32; WIDTH]]) {
    const { assert!(T <= TOKENS) };
    let mut totals = [[_mm512_setzero_ps(); 2]; T];
    for (x, weights) in x.as_chunks::<T>().0.iter().zip(panel) {
        // SAFETY: two registers are the 32 floats of a panel's row.
        unsafe {
            let (low, high) = (_mm512_loadu_ps(weights.as_ptr()), _mm512_loadu_ps(weights.as_ptr().add(LANES)));
            for row in 0..T {
                let x = _mm512_set1_ps(x[row]);
                totals[row][0] = _mm512_fmadd_ps(low, x, totals[row][0]);
                totals[row][1] = _mm512_fmadd_ps(high, x, totals[row][1]);
            }
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals) {
        // SAFETY: two registers are the 32 floats of a row of sums.
        unsafe {
            _mm512_storeu_ps(sums.as_mut_ptr(), totals[0]);
            _mm512_storeu_ps(sums.as_mut_ptr().add(LANES), totals[1]);
        }
    }
}
