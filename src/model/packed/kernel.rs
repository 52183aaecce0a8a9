//! The products of packed weights, for each instruction set: AMX, AVX-512 with and without VNNI, AVX2, and plain Rust, which
//! the compiler turns into NEON on ARM. Which one runs is found out once, at run time.
//!
//! This and the modules in it are the only place with unsafe code for packed weights: loads and stores at addresses whose
//! bounds are checked on entry, and calls of functions for instruction sets that were found to be there.
#![allow(unsafe_code)]

use std::ops::Range;
use std::sync::LazyLock;

use super::{BLOCK, Form, LANES, PANEL};
use crate::model::scratch::Buffer;

/// Rows of activations that are multiplied with a panel at once, at the most.
pub(super) const TOKENS: usize = 14;
/// Outputs of a panel.
pub(super) const WIDTH: usize = LANES * PANEL;
/// Rows that a strip is multiplied with at once as it is read, at the most.
const PASS: usize = 8;
/// Rows of activations up to which a strip is multiplied as it is read.
const FEW: usize = 4;
/// The same where activations are rounded.
const ROUNDED: usize = 48;
/// Rows of a tile.
const TILE_ROWS: usize = 16;

/// What this processor can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(super) enum Level {
    /// VNNI and tiles of bf16.
    Amx,
    /// AVX-512 with products of whole numbers.
    Vnni,
    Avx512,
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
            if is_x86_feature_detected!("avx512vnni") {
                if crate::model::amx::usable() {
                    levels.push(Level::Amx);
                }
                levels.push(Level::Vnni);
            }
            levels.push(Level::Avx512);
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            levels.push(Level::Avx2);
        }
    }
    levels.push(Level::Plain);
    levels
}

impl Level {
    /// What it is called.
    fn name(self) -> &'static str {
        match self {
            Self::Amx => "AMX",
            Self::Vnni => "AVX-512 VNNI",
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2",
            Self::Plain if cfg!(target_arch = "aarch64") => "NEON",
            Self::Plain => "plain",
        }
    }

    /// Whether there are products of whole numbers.
    fn rounds(self) -> bool {
        matches!(self, Self::Amx | Self::Vnni)
    }

    /// Rows that are multiplied with a panel at once.
    fn tokens(self) -> usize {
        match self {
            Self::Amx | Self::Vnni | Self::Avx512 => TOKENS,
            _ => 3,
        }
    }
}

/// The instruction set that products run on, as `AVX-512`.
pub fn instructions() -> &'static str {
    LEVEL.name()
}

/// How products are made here, for which rows, and why, in words.
pub fn ways() -> String {
    let few = format!("for up to {FEW} rows at once as they are read, which memory decides");
    let panels = "for more rows widened to f32 in panels that stay in the cache, which products decide";
    let rounded =
        "texts, of which each step has few rows, with activations rounded to 16 bits, in products of whole numbers";
    match *LEVEL {
        Level::Amx => format!(
            "AMX; 4 bits for 2 rows and more, and 8 bits for 2 to 64, in tiles of codes, which need the fewest instructions; \
             others {few}; for more rows as two tiles of bf16 each, three times as fast as f32, but f32 weights in panels \
             of f32; {rounded}"
        ),
        Level::Vnni => format!("AVX-512; {few}; {panels}; {rounded}"),
        level => format!("{}; {few}; {panels}", level.name()),
    }
}

/// How a product is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Strips are multiplied as they are read.
    Few,
    /// Strips' codes are multiplied, in tiles.
    Codes,
    /// Strips are widened to panels that stay in a cache.
    Panels,
}

/// Rows up to which products of codes are faster than those of panels, where there are tiles.
fn coded_rows(form: Form) -> usize {
    if form == Form::Bytes { 64 } else { usize::MAX }
}

/// The same of products of whole numbers beside those of codes.
fn rounded_rows(form: Form) -> usize {
    if form == Form::Bytes { 8 } else { 4 }
}

/// The way that is fastest for so many rows of activations; with `rounded`, these may be rounded to 16 bits.
pub(super) fn way(level: Level, form: Form, rows: usize, rounded: bool) -> Way {
    match level {
        Level::Amx if form.has_codes() => match rows {
            1 => Way::Few,
            _ if rounded && rows <= rounded_rows(form) => Way::Few,
            _ if rows <= coded_rows(form) => Way::Codes,
            _ => Way::Panels,
        },
        Level::Vnni if form.has_codes() && rounded && rows <= ROUNDED => Way::Few,
        _ if rows <= FEW => Way::Few,
        _ => Way::Panels,
    }
}

/// The instruction set for panels of weights of a form: what is f32 in the file is multiplied in f32.
pub(super) fn of_panels(level: Level, form: Form) -> Level {
    match level {
        Level::Amx if form == Form::Single => Level::Avx512,
        level => level,
    }
}

/// Rows up to which the numbers of one may depend, in their last bits, on how many there are.
pub(super) fn few_rows(level: Level, form: Form) -> usize {
    match level {
        // More than one pass of codes adds in another order than one.
        Level::Amx if form.has_codes() && form != Form::Bytes => TILE_ROWS,
        Level::Amx if form.has_codes() => coded_rows(form),
        _ => FEW,
    }
}

/// See [`codes::product`]; the level must have tiles.
#[cfg(target_arch = "x86_64")]
pub(super) fn by_codes(form: Form, strips: &[u32], blocks: usize, x: &[f32], out: &mut [f32], width: usize, add: bool) {
    debug_assert!(levels().contains(&Level::Amx));
    // SAFETY: levels are those that were found to be there.
    unsafe { codes::product(form, strips, blocks, x, out, width, add) };
}

/// Calls a function of an instruction set that is compiled for each form.
#[cfg(target_arch = "x86_64")]
macro_rules! of_form {
    ($form:expr, $set:ident::$function:ident::<FORM $(, $rows:ident)?>($($argument:expr),*)) => {
        match $form {
            Form::Single => $set::$function::<{ avx512::SINGLE } $(, $rows)?>($($argument),*),
            Form::Brain => $set::$function::<{ avx512::BRAIN } $(, $rows)?>($($argument),*),
            Form::Half => $set::$function::<{ avx512::HALF } $(, $rows)?>($($argument),*),
            Form::Nibbles => $set::$function::<{ avx512::NIBBLES } $(, $rows)?>($($argument),*),
            Form::WideNibbles => $set::$function::<{ avx512::WIDE } $(, $rows)?>($($argument),*),
            Form::Bytes => $set::$function::<{ avx512::BYTES } $(, $rows)?>($($argument),*),
        }
    };
}

/// Calls a function with the number of rows of a pass as a constant.
macro_rules! by_rows {
    ($rows:expr, $constant:ident => $call:expr) => {
        by_rows!(@ $rows, $constant, $call, 1 2 3 4 5 6 7 8)
    };
    (@ $rows:expr, $constant:ident, $call:expr, $($count:literal)*) => {
        match $rows {
            $($count => {
                const $constant: usize = $count;
                $call
            })*
            _ => {}
        }
    };
}

/// A few rows of activations, as they are multiplied with strips that are being read: in passes of some rows.
pub(super) struct Few {
    level: Level,
    form: Form,
    rows: usize,
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    rounded: bool,
    passes: Vec<Pass>,
}

/// Up to [`PASS`] rows: their blocks one after another, and in each of them those of all rows together.
struct Pass {
    rows: usize,
    /// 32 floats of each row, or sixteen pairs of whole numbers.
    blocks: Buffer,
    /// What whole numbers are multiplied by.
    scales: Buffer,
    /// The sum of each: what minima are multiplied by.
    sums: Buffer,
}

impl Pass {
    fn of(x: &[f32], columns: usize, rounded: bool) -> Self {
        let (rows, blocks) = (x.len() / columns, columns.div_ceil(BLOCK));
        let size = rows * if rounded { LANES } else { BLOCK };
        let mut pass = Self {
            rows,
            blocks: Buffer::zeros(blocks * size),
            scales: Buffer::of(blocks * rows),
            sums: Buffer::of(blocks * rows),
        };
        for (row, x) in x.chunks_exact(columns).enumerate() {
            let places = pass.scales.iter_mut().zip(pass.sums.iter_mut()).skip(row).step_by(rows);
            for ((x, block), (_scale, sum)) in x.chunks(BLOCK).zip(pass.blocks.chunks_exact_mut(size)).zip(places) {
                *sum = x.iter().sum();
                #[cfg(target_arch = "x86_64")]
                if let (true, Some(x)) = (rounded, x.first_chunk()) {
                    if let Some(pairs) = block.as_chunks_mut().0.get_mut(row) {
                        // SAFETY: nothing is rounded but where VNNI was found to be there.
                        *_scale = unsafe { vnni::round(x, pairs) };
                    }
                    continue;
                }
                block[row * BLOCK..][..x.len()].copy_from_slice(x);
            }
        }
        pass
    }
}

impl Few {
    /// Rows of `columns` activations for weights of a form; with `rounded`, they are rounded where that is faster.
    pub(super) fn of(level: Level, form: Form, x: &[f32], columns: usize, rounded: bool) -> Self {
        let rounded = rounded && level.rounds() && form.has_codes();
        let most = if rounded { PASS } else { PASS / 2 };
        let rows = x.len() / columns.max(1);
        let pass = |x| Pass::of(x, columns, rounded);
        Self { level, form, rows, rounded, passes: x.chunks((most * columns).max(1)).map(pass).collect() }
    }

    /// Strips, of `words` words each, times all rows: `results` is set to the outputs, those of a strip together.
    pub(super) fn times(&self, strips: &[u32], words: usize, results: &mut [[f32; LANES]]) {
        for (strip, results) in strips.chunks_exact(words.max(1)).zip(results.chunks_exact_mut(self.rows.max(1))) {
            let mut rest = results;
            for pass in &self.passes {
                let Some((results, behind)) = rest.split_at_mut_checked(pass.rows) else { return };
                rest = behind;
                by_rows!(pass.rows, N => self.pass::<N>(pass, strip, results));
            }
        }
    }

    fn pass<const N: usize>(&self, pass: &Pass, strip: &[u32], results: &mut [[f32; LANES]]) {
        let Ok(results) = <&mut [[f32; LANES]; N]>::try_from(results) else { return };
        let form = self.form;
        let count = strip.len() / form.words();
        let sums = pass.sums.as_chunks::<N>().0;
        #[cfg(target_arch = "x86_64")]
        if self.rounded {
            let x = pass.blocks.as_chunks::<LANES>().0.as_chunks::<N>().0;
            let scales = pass.scales.as_chunks::<N>().0;
            assert!(x.len() >= count && scales.len() >= count && sums.len() >= count, "activations of {count} blocks");
            // SAFETY: levels are those that were found to be there.
            unsafe {
                match form {
                    Form::Nibbles => vnni::few::<{ avx512::NIBBLES }, N>(strip, x, scales, sums, results),
                    Form::WideNibbles => vnni::few::<{ avx512::WIDE }, N>(strip, x, scales, sums, results),
                    _ => vnni::few::<{ avx512::BYTES }, N>(strip, x, scales, sums, results),
                }
            }
            return;
        }
        let x = pass.blocks.as_chunks::<BLOCK>().0.as_chunks::<N>().0;
        assert!(x.len() >= count && sums.len() >= count, "activations of {count} blocks");
        match self.level {
            // SAFETY: levels are those that were found to be there.
            #[cfg(target_arch = "x86_64")]
            Level::Amx | Level::Vnni | Level::Avx512 => unsafe {
                of_form!(form, avx512::few::<FORM, N>(strip, x, sums, results));
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2::few::<N>(form, strip, x, sums, results) },
            _ => plain::few::<N, false>(form, strip, x, sums, results),
        }
    }
}

/// Some strips side by side, widened: panels of [`WIDTH`] outputs for a range of inputs.
pub(super) struct Panels<'a> {
    /// Panels one after another, of `size` numbers each.
    pub(super) numbers: &'a [f32],
    pub(super) size: usize,
    /// The inputs: whole blocks, but for the last one.
    pub(super) inputs: Range<usize>,
}

/// Widens blocks of a strip into columns `place * 16` and on of a panel. For AMX that is tiles of bf16, and else rows of
/// [`WIDTH`] numbers for one input each.
pub(super) fn widen(level: Level, form: Form, strip: &[u32], panel: &mut [f32], place: usize) {
    let inputs = panel.len() / WIDTH;
    assert!(inputs * form.words() >= strip.len() * BLOCK && place < PANEL, "a panel of {inputs} inputs");
    match level {
        // SAFETY: levels are those that were found to be there.
        #[cfg(target_arch = "x86_64")]
        Level::Amx => unsafe { of_form!(form, amx::widen::<FORM>(strip, panel, place)) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Vnni | Level::Avx512 => unsafe {
            of_form!(form, avx512::widen::<FORM>(strip, panel.as_chunks_mut().0, place));
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::widen(form, strip, panel.as_chunks_mut().0, place) },
        _ => plain::widen::<false>(form, strip, panel.as_chunks_mut().0, place),
    }
}

/// Rows of activations, turned for products with panels: some rows at a time, those of one input together.
pub(super) struct Turned {
    level: Level,
    columns: usize,
    numbers: Buffer,
}

impl Turned {
    /// Rows of `columns` activations.
    pub(super) fn of(level: Level, x: &[f32], columns: usize) -> Self {
        #[cfg(target_arch = "x86_64")]
        if level == Level::Amx {
            return Self { level, columns, numbers: amx::turn(x, columns) };
        }
        let mut numbers = Buffer::of(x.len());
        let most = level.tokens() * columns;
        for (rows, turned) in x.chunks(most.max(1)).zip(numbers.chunks_mut(most.max(1))) {
            match rows.len() / columns {
                TOKENS => turn::<TOKENS>(rows, columns, turned),
                3 => turn::<3>(rows, columns, turned),
                count => {
                    for (row, x) in rows.chunks_exact(columns).enumerate() {
                        for (place, x) in turned.chunks_exact_mut(count).zip(x) {
                            place[row] = *x;
                        }
                    }
                }
            }
        }
        Self { level, columns, numbers }
    }

    /// The products with panels, for all rows, into outputs from `first` on of rows of `width`, to which they are added with
    /// `add`. Outputs behind the last go nowhere.
    pub(super) fn times(&self, panels: &Panels<'_>, out: &mut [f32], width: usize, first: usize, add: bool) {
        let Self { level, columns, ref numbers } = *self;
        if columns == 0 || first >= width {
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if level == Level::Amx {
            // SAFETY: levels are those that were found to be there.
            return unsafe { amx::many(panels, numbers, columns, out, width, first, add) };
        }
        let most = level.tokens();
        let mut sums = [[0.0; WIDTH]; TOKENS];
        // Activations stay in the first-level cache for all panels.
        for (x, out) in numbers.chunks(most * columns).zip(out.chunks_mut(most * width)) {
            let rows = x.len() / columns;
            let (x, sums) = (&x[panels.inputs.start * rows..panels.inputs.end * rows], &mut sums[..rows]);
            for (index, panel) in panels.numbers.chunks_exact(panels.size).enumerate() {
                let panel = &panel.as_chunks::<WIDTH>().0[..panels.inputs.len()];
                match level {
                    // SAFETY: levels are those that were found to be there.
                    #[cfg(target_arch = "x86_64")]
                    Level::Amx | Level::Vnni | Level::Avx512 => unsafe { avx512::tiles(panel, x, sums) },
                    // SAFETY: as above.
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => unsafe { avx2::tiles(panel, x, sums) },
                    _ => plain::tiles::<false>(panel, x, sums),
                }
                put(sums, out, width, first + index * WIDTH, add);
            }
        }
    }
}

/// So many rows, whose number the compiler knows: one input of all of them at a time.
fn turn<const T: usize>(rows: &[f32], columns: usize, turned: &mut [f32]) {
    let rows: [&[f32]; T] = std::array::from_fn(|row| &rows[row * columns..][..columns]);
    for (column, place) in turned.as_chunks_mut::<T>().0.iter_mut().enumerate().take(columns) {
        for (place, row) in place.iter_mut().zip(rows) {
            *place = row[column];
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

#[cfg(target_arch = "x86_64")]
#[path = "amx.rs"]
mod amx;
#[cfg(target_arch = "x86_64")]
#[path = "avx2.rs"]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[path = "avx512.rs"]
mod avx512;
#[cfg(target_arch = "x86_64")]
#[path = "codes.rs"]
mod codes;
#[path = "plain.rs"]
mod plain;
#[cfg(target_arch = "x86_64")]
#[path = "vnni.rs"]
mod vnni;
