//! AVX-512 VNNI: products of whole numbers, two for each of the sixteen rows of a strip in one instruction.
//!
//! Codes of weights are whole numbers already. Activations are rounded to 16 bits with sign, with a scale for each block of
//! 32: what is lost is at most 2^-16 of the block's largest. The sums of a block are exact; scales and minima come behind
//! them, in f32.

use std::arch::x86_64::*;

use super::avx512::{NIBBLES, WIDE, ask_ahead, heads, load, words};
use super::{BLOCK, LANES};

/// The largest rounded activation.
const LARGEST: f32 = 32767.0;

/// Rounds a block of activations. `pairs` is set to pairs of them, place `4 v + j` to those at `8 v + j` and `8 v + 4 + j`:
/// what one shift brings to the two halves of a word of weights. Gives what the rounded ones are multiplied by.
#[target_feature(enable = "avx512f")]
pub(super) fn round(x: &[f32; BLOCK], pairs: &mut [f32; LANES]) -> f32 {
    // SAFETY: 32 floats are two registers.
    let (first, second) = unsafe { (_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(x.as_ptr().add(LANES))) };
    let most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(first), _mm512_abs_ps(second)));
    let inverse = _mm512_set1_ps(if most > 0.0 { LARGEST / most } else { 0.0 });
    let whole = |x: __m512| _mm512_cvtps_epi32(_mm512_mul_ps(x, inverse));
    let (first, second) = (whole(first), whole(second));
    let low = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    let high = _mm512_add_epi32(low, _mm512_set1_epi32(4));
    let low = _mm512_and_si512(_mm512_permutex2var_epi32(first, low, second), _mm512_set1_epi32(0xFFFF));
    let high = _mm512_slli_epi32::<16>(_mm512_permutex2var_epi32(first, high, second));
    // SAFETY: sixteen pairs are one register.
    unsafe { _mm512_storeu_si512(pairs.as_mut_ptr().cast(), _mm512_or_si512(low, high)) };
    most / LARGEST
}

/// One strip times `N` rows, whose outputs `results` is set to. For every block of the strip there must be activations, rounded by [`round`], with what they are
/// multiplied by, and their sums.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn few<const FORM: u8, const N: usize>(
    strip: &[u32],
    x: &[[[f32; LANES]; N]],
    scales: &[[f32; N]],
    sums: &[[f32; N]],
    results: &mut [[f32; LANES]; N],
) {
    // Sums that do not wait for one another, as many as an instruction takes time.
    let chains = if N < 3 {
        4
    } else if N < 6 {
        2
    } else {
        1
    };
    let low = _mm512_set1_epi16(15);
    let mut totals = [_mm512_setzero_ps(); N];
    for (((block, x), scales), sums) in strip.chunks_exact(words(FORM)).zip(x).zip(scales).zip(sums) {
        ask_ahead(block);
        let mut parts = [[_mm512_setzero_si512(); N]; 4];
        let mut add = |place: usize, weights: __m512i| {
            for row in 0..N {
                let part = &mut parts[place % chains][row];
                *part = _mm512_dpwssd_epi32(*part, weights, _mm512_set1_epi32(x[row][place].to_bits() as i32));
            }
        };
        for group in 0..BLOCK / 8 {
            // SAFETY: `chunks_exact` gives whole blocks.
            unsafe {
                if matches!(FORM, NIBBLES | WIDE) {
                    let codes = load(block, group * LANES);
                    add(group * 4, _mm512_and_si512(codes, low));
                    add(group * 4 + 1, _mm512_and_si512(_mm512_srli_epi16::<4>(codes), low));
                    add(group * 4 + 2, _mm512_and_si512(_mm512_srli_epi16::<8>(codes), low));
                    add(group * 4 + 3, _mm512_srli_epi16::<12>(codes));
                } else {
                    for odd in 0..2 {
                        let codes = load(block, (group * 2 + odd) * LANES);
                        add(group * 4 + odd, _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(codes)));
                        add(group * 4 + odd + 2, _mm512_srai_epi16::<8>(codes));
                    }
                }
            }
        }
        // SAFETY: as above.
        let (scale, minimum) = unsafe { heads::<FORM>(block) };
        for row in 0..N {
            let mut part = parts[0][row];
            for more in &parts[1..chains] {
                part = _mm512_add_epi32(part, more[row]);
            }
            let part = _mm512_mul_ps(_mm512_cvtepi32_ps(part), _mm512_set1_ps(scales[row]));
            totals[row] = _mm512_fmadd_ps(scale, part, totals[row]);
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
