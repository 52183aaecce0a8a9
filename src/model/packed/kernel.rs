//! The products of packed weights, for each instruction set: AVX-512, AVX2, and plain Rust, which the compiler turns into
//! NEON on ARM. Which one runs is found out once, at run time.
//!
//! This is the only place with unsafe code for packed weights: loads and stores at addresses whose bounds are checked on
//! entry, and calls of functions for instruction sets that were found to be there.
#![allow(unsafe_code)]

use std::sync::LazyLock;

use super::{BLOCK, Form, LANES, PANEL};
use crate::model::scratch::Buffer;

/// Rows of activations that are multiplied with a panel at once, at the most.
pub(super) const TOKENS: usize = 14;
/// Outputs of a panel.
pub(super) const WIDTH: usize = LANES * PANEL;

/// What this processor can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Plain,
}

static LEVEL: LazyLock<Level> = LazyLock::new(|| levels().first().copied().unwrap_or(Level::Plain));

/// The best of what can be used here.
pub(super) fn level() -> Level {
    *LEVEL
}

/// What can be used here, the best first.
pub(super) fn levels() -> Vec<Level> {
    let mut levels = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
        {
            levels.push(Level::Avx512);
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            levels.push(Level::Avx2);
        }
    }
    levels.push(Level::Plain);
    levels
}

/// The instruction set that products run on, as `AVX-512`.
pub fn instructions() -> &'static str {
    match *LEVEL {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => "AVX-512",
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => "AVX2",
        Level::Plain if cfg!(target_arch = "aarch64") => "NEON",
        Level::Plain => "plain",
    }
}

/// One strip times up to four rows of activations: `blocks` holds their blocks, those of all rows together, `sums` the sum
/// of each, `results` is set to the outputs of each row.
pub(super) fn few(form: Form, strip: &[u32], blocks: &[f32], sums: &[f32], results: &mut [[f32; LANES]]) {
    few_at(*LEVEL, form, strip, blocks, sums, results);
}

/// [`few`] on a given instruction set, which must be there.
pub(super) fn few_at(
    level: Level,
    form: Form,
    strip: &[u32],
    blocks: &[f32],
    sums: &[f32],
    results: &mut [[f32; LANES]],
) {
    match results.len() {
        1 => few_of::<1>(level, form, strip, blocks, sums, results),
        2 => few_of::<2>(level, form, strip, blocks, sums, results),
        3 => few_of::<3>(level, form, strip, blocks, sums, results),
        _ => few_of::<4>(level, form, strip, blocks, sums, results),
    }
}

fn few_of<const N: usize>(
    level: Level,
    form: Form,
    strip: &[u32],
    blocks: &[f32],
    sums: &[f32],
    results: &mut [[f32; LANES]],
) {
    let Ok(results) = <&mut [[f32; LANES]; N]>::try_from(results) else { return };
    let count = strip.len() / form.words();
    let (x, sums) = (blocks.as_chunks::<BLOCK>().0.as_chunks::<N>().0, sums.as_chunks::<N>().0);
    assert!(x.len() >= count && sums.len() >= count, "activations of {count} blocks");
    match level {
        // SAFETY: levels are those that were found to be there.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe {
            match form {
                Form::Single => avx512::few::<{ avx512::SINGLE }, N>(strip, x, sums, results),
                Form::Brain => avx512::few::<{ avx512::BRAIN }, N>(strip, x, sums, results),
                Form::Half => avx512::few::<{ avx512::HALF }, N>(strip, x, sums, results),
                Form::Nibbles => avx512::few::<{ avx512::NIBBLES }, N>(strip, x, sums, results),
                Form::WideNibbles => avx512::few::<{ avx512::WIDE }, N>(strip, x, sums, results),
                Form::Bytes => avx512::few::<{ avx512::BYTES }, N>(strip, x, sums, results),
            }
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { few_avx2::<N>(form, strip, x, sums, results) },
        Level::Plain => few_plain::<N, false>(form, strip, x, sums, results),
    }
}

/// Widens a strip into columns `place * 16` and on of a panel, whose rows are [`WIDTH`] numbers for one input each.
pub(super) fn widen(form: Form, strip: &[u32], panel: &mut [f32], place: usize) {
    widen_at(*LEVEL, form, strip, panel, place);
}

/// [`widen`] on a given instruction set. A strip that is not there, behind the last row, is not written.
pub(super) fn widen_at(level: Level, form: Form, strip: &[u32], panel: &mut [f32], place: usize) {
    let rows = panel.as_chunks_mut::<WIDTH>().0;
    assert!(rows.len() * form.words() >= strip.len() * BLOCK && place < PANEL, "a panel of {} inputs", rows.len());
    match level {
        // SAFETY: levels are those that were found to be there.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe {
            match form {
                Form::Single => avx512::widen::<{ avx512::SINGLE }>(strip, rows, place),
                Form::Brain => avx512::widen::<{ avx512::BRAIN }>(strip, rows, place),
                Form::Half => avx512::widen::<{ avx512::HALF }>(strip, rows, place),
                Form::Nibbles => avx512::widen::<{ avx512::NIBBLES }>(strip, rows, place),
                Form::WideNibbles => avx512::widen::<{ avx512::WIDE }>(strip, rows, place),
                Form::Bytes => avx512::widen::<{ avx512::BYTES }>(strip, rows, place),
            }
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { widen_avx2(form, strip, rows, place) },
        Level::Plain => widen_plain::<false>(form, strip, rows, place),
    }
}

/// Rows of activations for [`many`]: some rows at a time, those of one input together.
pub(super) fn turn(x: &[f32], columns: usize) -> Buffer {
    turn_at(*LEVEL, x, columns)
}

/// [`turn`] for a given instruction set.
pub(super) fn turn_at(level: Level, x: &[f32], columns: usize) -> Buffer {
    let mut turned = Buffer::of(x.len());
    let most = tokens(level) * columns;
    for (rows, turned) in x.chunks(most).zip(turned.chunks_mut(most)) {
        match rows.len() / columns.max(1) {
            TOKENS => turn_rows::<TOKENS>(rows, columns, turned),
            3 => turn_rows::<3>(rows, columns, turned),
            count => {
                for (row, x) in rows.chunks_exact(columns).enumerate() {
                    for (place, x) in turned.chunks_exact_mut(count).zip(x) {
                        place[row] = *x;
                    }
                }
            }
        }
    }
    turned
}

/// So many rows, whose number the compiler knows: one input of all of them at a time.
fn turn_rows<const T: usize>(rows: &[f32], columns: usize, turned: &mut [f32]) {
    let rows: [&[f32]; T] = std::array::from_fn(|row| &rows[row * columns..][..columns]);
    for (column, place) in turned.as_chunks_mut::<T>().0.iter_mut().enumerate().take(columns) {
        for (place, row) in place.iter_mut().zip(rows) {
            *place = row[column];
        }
    }
}

/// Rows of activations that are multiplied with a panel at once.
fn tokens(level: Level) -> usize {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => TOKENS,
        _ => 3,
    }
}

/// Panels, each of `size` numbers, times all of `x`, turned rows of `columns` activations, into outputs from `first` on of
/// each row of `out`.
#[allow(clippy::too_many_arguments)]
pub(super) fn many(
    level: Level,
    panels: &[f32],
    size: usize,
    x: &[f32],
    columns: usize,
    out: &mut [f32],
    width: usize,
    first: usize,
    add: bool,
) {
    if columns == 0 || first >= width {
        return;
    }
    let most = tokens(level);
    let mut sums = [[0.0; WIDTH]; TOKENS];
    // Activations stay in the first-level cache for all panels.
    for (x, out) in x.chunks(most * columns).zip(out.chunks_mut(most * width)) {
        let sums = &mut sums[..x.len() / columns];
        for (index, panel) in panels.chunks_exact(size).enumerate() {
            let panel = &panel.as_chunks::<WIDTH>().0[..columns];
            match level {
                // SAFETY: levels are those that were found to be there.
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => unsafe { avx512::tiles(panel, x, sums) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => unsafe { tiles_avx2(panel, x, sums) },
                Level::Plain => tiles_plain::<false>(panel, x, sums),
            }
            put(sums, out, width, first + index * WIDTH, add);
        }
    }
}

/// Sums into the outputs from `first` on of rows of `width`; those behind the last output go nowhere.
fn put(sums: &[[f32; WIDTH]], out: &mut [f32], width: usize, first: usize, add: bool) {
    for (out, sums) in out.chunks_mut(width).zip(sums) {
        let out = out.get_mut(first..).unwrap_or_default();
        match (out.first_chunk_mut::<WIDTH>(), add) {
            (Some(out), false) => *out = *sums,
            (Some(out), true) => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
            (None, false) => out.iter_mut().zip(sums).for_each(|(out, sum)| *out = *sum),
            (None, true) => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
        }
    }
}

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
            let words = &block[place * LANES / 4..][..LANES / 4];
            for (place, lane) in lanes.iter_mut().enumerate() {
                *lane = f32::from((words[place / 4] >> (place % 4 * 8)) as i8);
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

#[inline(always)]
fn few_plain<const N: usize, const FMA: bool>(
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

#[inline(always)]
fn widen_plain<const FMA: bool>(form: Form, strip: &[u32], panel: &mut [[f32; WIDTH]], column: usize) {
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

#[inline(always)]
fn tiles_plain<const FMA: bool>(panel: &[[f32; WIDTH]], x: &[f32], sums: &mut [[f32; WIDTH]]) {
    match sums.len() {
        1 => tile_plain::<1, FMA>(panel, x, sums),
        2 => tile_plain::<2, FMA>(panel, x, sums),
        _ => tile_plain::<3, FMA>(panel, x, sums),
    }
}

#[inline(always)]
fn tile_plain<const T: usize, const FMA: bool>(panel: &[[f32; WIDTH]], x: &[f32], sums: &mut [[f32; WIDTH]]) {
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

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn few_avx2<const N: usize>(
    form: Form,
    strip: &[u32],
    x: &[[[f32; BLOCK]; N]],
    sums: &[[f32; N]],
    results: &mut [[f32; LANES]; N],
) {
    // Known to the compiler in each arm, so that no number is asked for its form.
    match form {
        Form::Single => few_plain::<N, true>(Form::Single, strip, x, sums, results),
        Form::Brain => few_plain::<N, true>(Form::Brain, strip, x, sums, results),
        Form::Half => few_plain::<N, true>(Form::Half, strip, x, sums, results),
        Form::Nibbles => few_plain::<N, true>(Form::Nibbles, strip, x, sums, results),
        Form::WideNibbles => few_plain::<N, true>(Form::WideNibbles, strip, x, sums, results),
        Form::Bytes => few_plain::<N, true>(Form::Bytes, strip, x, sums, results),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen_avx2(form: Form, strip: &[u32], panel: &mut [[f32; WIDTH]], column: usize) {
    widen_plain::<true>(form, strip, panel, column);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn tiles_avx2(panel: &[[f32; WIDTH]], x: &[f32], sums: &mut [[f32; WIDTH]]) {
    tiles_plain::<true>(panel, x, sums);
}

#[cfg(target_arch = "x86_64")]
#[path = "avx512.rs"]
mod avx512;
