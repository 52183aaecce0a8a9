//! Inner loops on the CPU: the element-wise functions between matrix products. They are plain Rust, compiled once for each
//! instruction set by `pulp` and chosen at run time.

use std::sync::LazyLock;

use pulp::Arch;

/// The instruction set of this machine.
pub(super) static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Sums that go on beside each other, as many as the widest register has lanes.
const LANES: usize = 16;

/// `e^x` to about two units in the last place, written so that it vectorises; 0 below −87.
///
/// The range is reduced by powers of two and the rest approximated by the polynomial of Cephes' `expf`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, so that the reduction loses nothing.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding and subtracting 1.5 · 2^23 rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let rounded = clamped * LOG2_E + ROUND;
    let power = rounded - ROUND;
    let rest = clamped - power * LN2_HIGH - power * LN2_LOW;
    let mut y = 1.987_569_2e-4;
    y = y * rest + 1.398_199_9e-3;
    y = y * rest + 8.333_452e-3;
    y = y * rest + 4.166_579_6e-2;
    y = y * rest + 1.666_666_5e-1;
    y = y * rest + 0.5;
    y = y * rest * rest + rest + 1.0;
    // The integer is in the last bits of the sum: 2 to its power without a conversion, which Rust would check.
    let scale = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    if x < -87.0 { 0.0 } else { y * scale }
}

/// The largest element; negative infinity of nothing. Sixteen lanes, so that it vectorises.
#[inline(always)]
pub(super) fn max_of(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let chunks = row.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The sum, in sixteen lanes.
#[inline(always)]
pub(super) fn sum_of(row: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let chunks = row.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Dot product, in sixteen lanes.
#[inline(always)]
pub(super) fn dot_of(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (a_chunks, b_chunks) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for i in 0..16 {
            lanes[i] += x[i] * y[i];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The weights of a softmax of `scale` times each row's first `valid(row)` elements, in place, before they are divided by
/// their sums; what lies behind them becomes 0. `inverse` is set to one over each row's sum.
///
/// `scores` holds rows of `width` elements. Negative infinity inside the valid part stands for a masked element.
pub fn softmax(scores: &mut [f32], width: usize, scale: f32, valid: impl Fn(usize) -> usize, inverse: &mut [f32]) {
    ARCH.dispatch(
        #[inline(always)]
        || {
            for ((index, row), inverse) in scores.chunks_exact_mut(width.max(1)).enumerate().zip(inverse) {
                let (row, behind) = row.split_at_mut(valid(index).min(width));
                let max = max_of(row);
                // As many sums as a register has lanes, so that none waits for another.
                let mut sums = [0.0; LANES];
                let (chunks, rest) = row.as_chunks_mut::<LANES>();
                for chunk in chunks {
                    for (x, sum) in chunk.iter_mut().zip(&mut sums) {
                        *x = exp((*x - max) * scale);
                        *sum += *x;
                    }
                }
                for (x, sum) in rest.iter_mut().zip(&mut sums) {
                    *x = exp((*x - max) * scale);
                    *sum += *x;
                }
                *inverse = 1.0 / sums.iter().sum::<f32>();
                behind.fill(0.0);
            }
        },
    );
}

/// Each row of `dim` elements of `out`, rows `out_row` apart, times its factor.
pub fn scale_rows(out: &mut [f32], out_row: usize, dim: usize, factors: &[f32]) {
    ARCH.dispatch(
        #[inline(always)]
        || {
            for (out, factor) in out.chunks_mut(out_row.max(1)).zip(factors) {
                out.iter_mut().take(dim).for_each(|x| *x *= factor);
            }
        },
    );
}

/// Root-mean-square norm of each row of `x` into `out`: `x / sqrt(mean(x²) + eps) · weight`.
pub fn rms_norm(out: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
    let width = weight.len().max(1);
    ARCH.dispatch(
        #[inline(always)]
        || {
            for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                let inverse = 1.0 / (dot_of(x, x) / width as f32 + eps).sqrt();
                for ((o, &x), &w) in out.iter_mut().zip(x).zip(weight) {
                    *o = x * inverse * w;
                }
            }
        },
    );
}

/// SwiGLU's gate in place: `gate = silu(gate) · up`.
pub fn silu_mul(gate: &mut [f32], up: &[f32]) {
    ARCH.dispatch(
        #[inline(always)]
        || {
            for (g, &u) in gate.iter_mut().zip(up) {
                *g = *g / (1.0 + exp(-*g)) * u;
            }
        },
    );
}

/// Adds `bias` to each row of `x`.
pub fn add_bias(x: &mut [f32], bias: &[f32]) {
    ARCH.dispatch(
        #[inline(always)]
        || {
            for row in x.chunks_exact_mut(bias.len().max(1)) {
                for (x, &b) in row.iter_mut().zip(bias) {
                    *x += b;
                }
            }
        },
    );
}

/// Rotates each head of each row of `x` by its position (RoPE in the half-split form of Hugging Face's checkpoints).
///
/// `x` has rows of `heads` × `2 · half` elements; `cos` and `sin` hold `half` elements a row.
pub fn rope(x: &mut [f32], heads: usize, half: usize, cos: &[f32], sin: &[f32]) {
    if half == 0 || heads == 0 {
        return;
    }
    ARCH.dispatch(
        #[inline(always)]
        || {
            let rows = x.chunks_exact_mut(heads * half * 2);
            for ((row, cos), sin) in rows.zip(cos.chunks_exact(half)).zip(sin.chunks_exact(half)) {
                for head in row.chunks_exact_mut(half * 2) {
                    let (low, high) = head.split_at_mut(half);
                    for (((l, h), &c), &s) in low.iter_mut().zip(high).zip(cos).zip(sin) {
                        (*l, *h) = (*l * c - *h * s, *h * c + *l * s);
                    }
                }
            }
        },
    );
}

/// Scores of one query against `out.len()` keys, rows of `keys` that lie `stride` apart.
pub fn dots(out: &mut [f32], query: &[f32], keys: &[f32], stride: usize) {
    ARCH.dispatch(
        #[inline(always)]
        || {
            for (o, key) in out.iter_mut().zip(keys.chunks(stride.max(1))) {
                *o = dot_of(query, &key[..query.len()]);
            }
        },
    );
}

/// Adds the values weighted by `weights` to `out`; rows of `values` lie `stride` apart.
pub fn weighted_sum(out: &mut [f32], weights: &[f32], values: &[f32], stride: usize) {
    ARCH.dispatch(
        #[inline(always)]
        || {
            for (&w, value) in weights.iter().zip(values.chunks(stride.max(1))) {
                for (o, &v) in out.iter_mut().zip(value) {
                    *o += w * v;
                }
            }
        },
    );
}

/// The first of the largest elements, and where it is; negative infinity at 0 where nothing is larger.
pub fn best(row: &[f32]) -> (usize, f32) {
    let most = ARCH.dispatch(
        #[inline(always)]
        || max_of(row),
    );
    (row.iter().position(|x| *x == most).unwrap_or(0), most)
}

/// `ln Σ e^x`, summed in f64.
pub fn log_sum_exp(row: &[f32]) -> f64 {
    ARCH.dispatch(
        #[inline(always)]
        || {
            let max = max_of(row);
            let mut total = 0.0f64;
            for chunk in row.chunks(1024) {
                let mut lanes = [0.0f32; LANES];
                let (parts, rest) = chunk.as_chunks::<LANES>();
                for part in parts {
                    for (lane, x) in lanes.iter_mut().zip(part) {
                        *lane += exp(x - max);
                    }
                }
                for (lane, x) in lanes.iter_mut().zip(rest) {
                    *lane += exp(x - max);
                }
                total += lanes.iter().map(|&x| f64::from(x)).sum::<f64>();
            }
            f64::from(max) + total.ln()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    #[test]
    fn exp_is_exact_to_a_few_units_in_the_last_place() {
        for i in -86_000..88_000 {
            let x = i as f32 / 1000.0;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) - want).abs() <= want * 3e-7, "{x}");
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn softmax_masks_and_sums_to_one() {
        let mut x = noise(4 * 37, 3);
        x[5] = f32::NEG_INFINITY;
        let before = x.clone();
        let mut inverse = [0.0; 4];
        softmax(&mut x, 37, 0.5, |row| 20 + row, &mut inverse);
        scale_rows(&mut x, 37, 37, &inverse);
        for row in 0..4 {
            let (valid, behind) = x[row * 37..(row + 1) * 37].split_at(20 + row);
            assert!((valid.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(behind.iter().all(|&p| p == 0.0));
            let ratio = (valid[1] / valid[2]).ln();
            assert!((ratio - 0.5 * (before[row * 37 + 1] - before[row * 37 + 2])).abs() < 1e-5);
        }
        assert_eq!(x[5], 0.0);
    }

    #[test]
    fn the_first_of_the_best_is_found() {
        let mut x = noise(1000, 9);
        (x[333], x[801]) = (3.0, 3.0);
        assert_eq!(best(&x), (333, 3.0));
        assert_eq!(best(&[f32::NAN, 1.0]), (1, 1.0));
        assert_eq!(best(&[]), (0, f32::NEG_INFINITY));
    }

    #[test]
    fn log_sum_exp_equals_f64() {
        let x: Vec<f32> = noise(49_152, 4).iter().map(|x| x * 20.0).collect();
        let want = x.iter().map(|&x| f64::from(x).exp()).sum::<f64>().ln();
        assert!((log_sum_exp(&x) - want).abs() < 1e-6);
    }

    #[test]
    fn dots_and_weighted_sums_read_strided_rows() {
        let (query, rows) = (noise(24, 5), noise(10 * 40, 6));
        let mut scores = vec![0.0; 10];
        dots(&mut scores, &query, &rows, 40);
        let mut sum = vec![0.0; 24];
        weighted_sum(&mut sum, &scores, &rows, 40);
        for i in 0..10 {
            let want: f32 = (0..24).map(|j| query[j] * rows[i * 40 + j]).sum();
            assert!((scores[i] - want).abs() < 1e-5);
        }
        let want: f32 = (0..10).map(|i| scores[i] * rows[i * 40 + 3]).sum();
        assert!((sum[3] - want).abs() < 1e-4);
    }
}
