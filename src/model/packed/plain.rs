//! Products in plain Rust, which the compiler turns into what there is: NEON on ARM, AVX2 in the functions of [`super::avx2`].

use super::{BLOCK, LANES, WIDTH};
use crate::model::packed::{Form, byte};

/// `a · b + c`, in one rounding where that is one instruction.
#[inline(always)]
fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The numbers of all rows of a strip at one place of a block, before scales, and whether there are scales.
#[inline(always)]
fn lanes(form: Form, block: &[u32], place: usize) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    match form {
        Form::Nibbles | Form::WideNibbles => {
            let shift = place % 8 * 4;
            for (lane, word) in lanes.iter_mut().zip(&block[place / 8 * LANES..][..LANES]) {
                *lane = (word >> shift & 15) as i32 as f32;
            }
        }
        Form::Single => {
            for (lane, word) in lanes.iter_mut().zip(&block[place * LANES..][..LANES]) {
                *lane = f32::from_bits(*word);
            }
        }
        Form::Bytes => {
            let (word, shift) = byte(place);
            for (lane, word) in lanes.iter_mut().zip(&block[word * LANES..][..LANES]) {
                *lane = f32::from((word >> shift) as i8);
            }
        }
        Form::Brain | Form::Half => {
            let words = &block[place * LANES / 2..][..LANES / 2];
            for (place, lane) in lanes.iter_mut().enumerate() {
                let bits = (words[place / 2] >> (place % 2 * 16)) as u16;
                *lane = if form == Form::Brain { f32::from_bits(u32::from(bits) << 16) } else { from_half(bits) };
            }
        }
    }
    lanes
}

#[inline(always)]
fn from_half(bits: u16) -> f32 {
    half::f16::from_bits(bits).to_f32()
}

/// Scales and minima of a block's rows; none where numbers are what they are.
#[inline(always)]
fn heads(form: Form, block: &[u32]) -> Option<([f32; LANES], [f32; LANES])> {
    let codes = BLOCK * LANES / 8;
    let wide = |first: usize| std::array::from_fn(|lane| f32::from_bits(block[first + lane]));
    let narrow =
        |first: usize| std::array::from_fn(|lane| from_half((block[first + lane / 2] >> (lane % 2 * 16)) as u16));
    match form {
        Form::Single | Form::Brain | Form::Half => None,
        Form::Nibbles => Some((narrow(codes), narrow(codes + LANES / 2))),
        Form::WideNibbles => Some((wide(codes), wide(codes + LANES))),
        Form::Bytes => Some((wide(BLOCK * LANES / 4), [0.0; LANES])),
    }
}

/// See [`super::few`].
#[inline(always)]
pub(super) fn few<const N: usize, const FMA: bool>(
    form: Form,
    strip: &[u32],
    x: &[[[f32; BLOCK]; N]],
    sums: &[[f32; N]],
    results: &mut [[f32; LANES]; N],
) {
    let mut totals = [[0.0; LANES]; N];
    for ((block, x), sums) in strip.chunks_exact(form.words()).zip(x).zip(sums) {
        let mut parts = [[0.0; LANES]; N];
        for place in 0..BLOCK {
            let lanes = lanes(form, block, place);
            for (part, x) in parts.iter_mut().zip(x) {
                for (part, lane) in part.iter_mut().zip(lanes) {
                    *part = fused::<FMA>(lane, x[place], *part);
                }
            }
        }
        let heads = heads(form, block);
        for ((total, part), sum) in totals.iter_mut().zip(parts).zip(sums) {
            for lane in 0..LANES {
                total[lane] = match heads {
                    Some((scale, minimum)) => {
                        fused::<FMA>(minimum[lane], *sum, fused::<FMA>(scale[lane], part[lane], total[lane]))
                    }
                    None => total[lane] + part[lane],
                };
            }
        }
    }
    *results = totals;
}

/// See [`super::widen`].
#[inline(always)]
pub(super) fn widen<const FMA: bool>(form: Form, strip: &[u32], panel: &mut [[f32; WIDTH]], column: usize) {
    for (block, panel) in strip.chunks_exact(form.words()).zip(panel.chunks_exact_mut(BLOCK)) {
        let heads = heads(form, block);
        for (place, row) in panel.iter_mut().enumerate() {
            let lanes = lanes(form, block, place);
            for (lane, out) in row[column * LANES..][..LANES].iter_mut().enumerate() {
                *out = match heads {
                    Some((scale, minimum)) => fused::<FMA>(lanes[lane], scale[lane], minimum[lane]),
                    None => lanes[lane],
                };
            }
        }
    }
}

/// A panel times up to three rows of activations.
#[inline(always)]
pub(super) fn tiles<const FMA: bool>(panel: &[[f32; WIDTH]], x: &[f32], sums: &mut [[f32; WIDTH]]) {
    match sums.len() {
        1 => tile::<1, FMA>(panel, x, sums),
        2 => tile::<2, FMA>(panel, x, sums),
        _ => tile::<3, FMA>(panel, x, sums),
    }
}

#[inline(always)]
fn tile<const T: usize, const FMA: bool>(panel: &[[f32; WIDTH]], x: &[f32], sums: &mut [[f32; WIDTH]]) {
    let mut totals = [[0.0; WIDTH]; T];
    for (x, weights) in x.as_chunks::<T>().0.iter().zip(panel) {
        for (total, &x) in totals.iter_mut().zip(x) {
            for (total, weight) in total.iter_mut().zip(weights) {
                *total = fused::<FMA>(*weight, x, *total);
            }
        }
    }
    sums.copy_from_slice(&totals);
}
