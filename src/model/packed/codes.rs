//! AMX for weights of four or eight bits: their codes, which bf16 holds exactly, are multiplied as they are, and scales and
//! minima come behind the sums of a block.
//!
//! An activation is split into a bf16 and another one of what is left of it, as in [`crate::model::amx`]; what is lost is at most
//! 2^-18 of it. A code of eight bits is split into two of four. So a block of a strip times sixteen rows is two products of
//! tiles, four for eight bits. Widening the block's codes takes half that time: with more rows they are kept for all.

use std::arch::asm;
use std::arch::x86_64::*;
use std::ops::Range;

use super::avx512::{BYTES, NIBBLES, WIDE, ask_ahead, heads, load, words};
use super::{BLOCK, Form, LANES, TILE_ROWS as ROWS};
use crate::model::amx::{self, Config, Tiles};
use crate::model::scratch::Buffer;

/// 32-bit words of a tile of codes: pairs of inputs, each in all rows of a strip.
const TILE: usize = BLOCK / 2 * LANES;
/// Blocks of activations of as many rows as a tile has that stay in the first-level cache.
const DEEP: usize = 9;
/// Bytes of codes that are kept for all rows: they stay in the second-level cache.
const KEPT_BYTES: usize = 768 << 10;
/// Blocks whose codes are kept where no other rows need them.
const RING: usize = 8;
/// Blocks whose codes are widened before the first of them is multiplied.
const AHEAD: usize = 3;
/// Blocks that are being multiplied while the sums of one are taken up.
const FLIGHT: usize = 4;

/// Words of a block's widened codes, with its scales and minima.
const fn slot(form: u8) -> usize {
    let tiles = if form == BYTES { 2 } else { 1 };
    tiles * TILE + 2 * LANES
}

/// Rows of a tile for so many rows of activations.
fn tile_rows(rows: usize) -> usize {
    rows.next_multiple_of(4).clamp(4, ROWS)
}

/// Widens a block: its codes, which are looked up among sixteen floats, and its scales and minima.
///
/// A pair of codes is what one shift brings to the two halves of each word: those of the inputs `8 v + j` and `8 v + 4 + j`.
///
/// # Safety
/// The block must be whole, and at `out` there must be a slot.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn widen<const FORM: u8>(block: &[u32], out: *mut f32) {
    debug_assert_eq!(block.len(), words(FORM));
    let (table, signed) = (table(false), table(true));
    // SAFETY: all places are inside of the block and the slot: pairs of codes in a tile, scales and minima.
    unsafe {
        let store = |tile: usize, pair: usize, codes: __m512i| {
            _mm512_storeu_si512(out.add(tile * TILE + pair * LANES).cast(), codes);
        };
        for group in 0..BLOCK / 8 {
            if matches!(FORM, NIBBLES | WIDE) {
                let codes = load(block, group * LANES);
                let look_up = |codes: __m512i| _mm512_permutexvar_epi16(codes, table);
                store(0, group * 4, look_up(codes));
                store(0, group * 4 + 1, look_up(_mm512_srli_epi32::<4>(codes)));
                store(0, group * 4 + 2, look_up(_mm512_srli_epi32::<8>(codes)));
                store(0, group * 4 + 3, look_up(_mm512_srli_epi32::<12>(codes)));
            } else {
                for odd in 0..2 {
                    let codes = load(block, (group * 2 + odd) * LANES);
                    let pair = group * 4 + odd;
                    store(0, pair, _mm512_permutexvar_epi16(codes, table));
                    store(1, pair, _mm512_permutexvar_epi16(_mm512_srli_epi32::<4>(codes), signed));
                    store(0, pair + 2, _mm512_permutexvar_epi16(_mm512_srli_epi32::<8>(codes), table));
                    store(1, pair + 2, _mm512_permutexvar_epi16(_mm512_srli_epi32::<12>(codes), signed));
                }
            }
        }
        let (scale, minimum) = heads::<FORM>(block);
        let behind = out.add(slot(FORM) - 2 * LANES);
        _mm512_storeu_ps(behind, scale);
        _mm512_storeu_ps(behind.add(LANES), minimum);
    }
}

/// The sixteen codes as bf16; of high halves of eight bits with sign what they stand for. They are there twice, as a look-up
/// takes five bits of each half of a word and codes have four.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn table(signed: bool) -> __m512i {
    const fn codes(signed: bool) -> [u16; 32] {
        let mut codes = [0; 32];
        let mut place = 0;
        while place < 32 {
            let code = (place % 16) as i32;
            let value = if signed { 16 * (if code < 8 { code } else { code - 16 }) } else { code };
            codes[place] = ((value as f32).to_bits() >> 16) as u16;
            place += 1;
        }
        codes
    }
    const TABLES: [[u16; 32]; 2] = [codes(false), codes(true)];
    // SAFETY: a table is a register.
    unsafe { _mm512_loadu_si512(TABLES[usize::from(signed)].as_ptr().cast()) }
}

/// Activations of some rows, in blocks.
struct Group<'a> {
    /// Rows that there are.
    rows: usize,
    /// For each block a tile of the numbers rounded to bf16, and one of what is left of them.
    tiles: &'a [f32],
    /// For each block the sums of all rows of a tile: what minima are multiplied by.
    sums: &'a [f32],
}

/// How tiles of so many rows of activations are laid out: of sums, of activations and of weights.
fn config(tile_rows: usize) -> Config {
    let (x, codes) = ((tile_rows as u8, 64), (ROWS as u8, 64));
    Config::of([x, x, x, x, x, x, codes, codes])
}

/// Splits up to [`ROWS`] rows of activations into tiles. Rows that are not there may be anything: their sums go nowhere.
fn turn(x: &[f32], columns: usize, tiles: &mut [f32], sums: &mut [f32]) {
    let rows = x.len() / columns;
    let tile_rows = tile_rows(rows);
    for (row, x) in x.chunks_exact(columns).enumerate() {
        let sums = sums.iter_mut().skip(row).step_by(tile_rows);
        let tiles = tiles.chunks_exact_mut(2 * tile_rows * LANES);
        for ((x, tiles), sum) in x.as_chunks().0.iter().zip(tiles).zip(sums) {
            let (high, low) = tiles.split_at_mut(tile_rows * LANES);
            let places = (high.as_chunks_mut().0.get_mut(row), low.as_chunks_mut().0.get_mut(row));
            if let (Some(high), Some(low)) = places {
                // SAFETY: nobody asks for tiles where there are none, and they come with AVX-512 and bf16.
                *sum = unsafe { split(x, high, low) };
            }
        }
    }
}

/// The high and the low parts of one row's block, in the order of pairs of codes; and the sum of its numbers.
#[target_feature(enable = "avx512f,avx512bf16")]
fn split(x: &[f32; BLOCK], high_parts: &mut [f32; LANES], low_parts: &mut [f32; LANES]) -> f32 {
    // SAFETY: 32 floats are two registers, 32 bf16 are one.
    unsafe {
        let (first, second) = (_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(x.as_ptr().add(LANES)));
        let low = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        let high = _mm512_add_epi32(low, _mm512_set1_epi32(4));
        let (left, right) = (_mm512_permutex2var_ps(first, low, second), _mm512_permutex2var_ps(first, high, second));
        let (of_both, rest) = amx::paired(left, right);
        _mm512_storeu_si512(high_parts.as_mut_ptr().cast(), of_both);
        _mm512_storeu_si512(low_parts.as_mut_ptr().cast(), rest);
        _mm512_reduce_add_ps(_mm512_add_ps(first, second))
    }
}

/// Sums of a tile of activations and one of weights.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Sums([[f32; LANES]; ROWS]);

/// A block's codes times its tiles of activations, which have `N` rows.
///
/// # Safety
/// Tiles must be laid out as [`config`] says for `N` rows; `codes` must point to a slot of the form, `x` to two tiles.
#[inline]
unsafe fn multiply<const FORM: u8, const N: usize>(codes: *const f32, x: *const f32, sums: &mut Sums) {
    let low = x.wrapping_add(N * LANES);
    // SAFETY: the caller's promise; there is room for the sums of as many rows as a tile can have.
    unsafe {
        if FORM == BYTES {
            asm!(
                "tilezero tmm0",
                "tileloadd tmm4, [{x} + {row}]",
                "tileloadd tmm6, [{codes} + {row}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{codes} + {row} + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm7",
                "tileloadd tmm5, [{low} + {row}]",
                "tdpbf16ps tmm0, tmm5, tmm6",
                "tdpbf16ps tmm0, tmm5, tmm7",
                "tilestored [{sums} + {row}], tmm0",
                x = in(reg) x,
                low = in(reg) low,
                codes = in(reg) codes,
                sums = in(reg) sums.0.as_mut_ptr(),
                row = in(reg) 64_usize,
                out("tmm0") _, out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        } else {
            asm!(
                "tilezero tmm0",
                "tileloadd tmm4, [{x} + {row}]",
                "tileloadd tmm6, [{codes} + {row}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{low} + {row}]",
                "tdpbf16ps tmm0, tmm5, tmm6",
                "tilestored [{sums} + {row}], tmm0",
                x = in(reg) x,
                low = in(reg) low,
                codes = in(reg) codes,
                sums = in(reg) sums.0.as_mut_ptr(),
                row = in(reg) 64_usize,
                out("tmm0") _, out("tmm4") _, out("tmm5") _, out("tmm6") _,
                options(nostack),
            );
        }
    }
}

/// Some blocks of some strips, and where their codes go or are.
struct Codes<'a> {
    /// The words of all strips.
    strips: &'a [u32],
    /// Blocks of a strip.
    all: usize,
    /// Those that are multiplied.
    blocks: Range<usize>,
    /// Their slots, or a ring of some.
    slots: &'a mut [f32],
}

/// Where outputs go: the first rows' in a strip, rows of `width` of them.
struct Out {
    first: *mut f32,
    width: usize,
    /// Outputs of a row that there are from the first on.
    left: usize,
    /// Whether they are added to what is there.
    add: bool,
}

/// Strips times the rows of a group. With `fresh`, codes are widened on the way.
///
/// # Safety
/// Tiles must be laid out for the group; there must be slots for all codes or [`RING`] of them; and outputs must not go
/// beyond their memory.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn some<const FORM: u8, const N: usize>(codes: &mut Codes<'_>, fresh: bool, group: &Group<'_>, out: &Out) {
    let mut flight = [Sums([[0.0; LANES]; ROWS]); FLIGHT];
    let mut totals = [_mm512_setzero_ps(); N];
    let strips = codes.strips.len() / (codes.all * words(FORM));
    let count = strips * codes.blocks.len();
    let whole = codes.slots.len();
    assert!(whole >= RING.min(count) * slot(FORM) && whole.is_multiple_of(slot(FORM)), "{whole} words of slots");
    assert!(group.tiles.len() >= codes.all * 2 * N * LANES && group.sums.len() >= codes.all * N, "tiles of {N} rows");
    // Where each step is: all go through the same blocks. Nothing here is a call, so that totals stay in registers.
    let Range { start, end } = codes.blocks;
    let (slots, tiles, factors) = (codes.slots.as_mut_ptr(), group.tiles.as_ptr(), group.sums.as_ptr());
    let on = |place: &mut usize, step: usize, start: usize, end: usize| {
        *place += step;
        let over = *place >= end;
        if over {
            *place = start;
        }
        over
    };
    let (mut slot_widened, mut slot_multiplied, mut slot_taken) = (0, 0, 0);
    let (mut strip_widened, mut widened, mut multiplied, mut strip, mut taken) = (0, start, start, 0, start);
    // Each step takes time until the next can go on with what it wrote; other blocks are in the next one meanwhile.
    for index in 0..count + AHEAD + FLIGHT - 1 {
        if fresh && index < count {
            let block = &codes.strips[(strip_widened * codes.all + widened) * words(FORM)..][..words(FORM)];
            ask_ahead(block);
            // SAFETY: the place is that of a slot.
            unsafe { widen::<FORM>(block, slots.add(slot_widened)) };
            on(&mut slot_widened, slot(FORM), 0, whole);
            strip_widened += usize::from(on(&mut widened, 1, start, end));
        }
        let Some(index) = index.checked_sub(AHEAD) else { continue };
        if index < count {
            // SAFETY: the places are those of a slot and of the tiles of a block.
            unsafe {
                let (codes, x) = (slots.add(slot_multiplied), tiles.add(multiplied * 2 * N * LANES));
                multiply::<FORM, N>(codes, x, &mut flight[index % FLIGHT]);
            }
            on(&mut slot_multiplied, slot(FORM), 0, whole);
            on(&mut multiplied, 1, start, end);
        }
        let Some(index) = index.checked_sub(FLIGHT - 1) else { continue };
        let sums = &flight[index % FLIGHT].0;
        // SAFETY: scales and minima are sixteen numbers each at the end of a slot, as sums are; factors are those of a block.
        unsafe {
            let behind = slots.add(slot_taken + slot(FORM) - 2 * LANES);
            let (scale, minimum) = (_mm512_loadu_ps(behind), _mm512_loadu_ps(behind.add(LANES)));
            let factors = factors.add(taken * N);
            for row in 0..N {
                totals[row] = _mm512_fmadd_ps(scale, _mm512_load_ps(sums[row].as_ptr()), totals[row]);
                if FORM != BYTES {
                    totals[row] = _mm512_fmadd_ps(minimum, _mm512_set1_ps(*factors.add(row)), totals[row]);
                }
            }
        }
        on(&mut slot_taken, slot(FORM), 0, whole);
        if on(&mut taken, 1, start, end) {
            let outputs = out.left.saturating_sub(strip * LANES).min(LANES);
            let mask = ((1_u32 << outputs) - 1) as u16;
            for (row, total) in totals.iter_mut().enumerate() {
                if row < group.rows {
                    // SAFETY: outputs are inside of their memory, says the caller, and others are masked.
                    unsafe {
                        let out_of_row = out.first.add(row * out.width + strip * LANES);
                        if out.add {
                            *total = _mm512_add_ps(*total, _mm512_maskz_loadu_ps(mask, out_of_row));
                        }
                        _mm512_mask_storeu_ps(out_of_row, mask, *total);
                    }
                }
                *total = _mm512_setzero_ps();
            }
            strip += 1;
        }
    }
}

/// `out (+)= x · stripsᵀ`: rows of `blocks` whole blocks of activations, and as many rows of `width` outputs, which are those
/// of the strips, but for rows of the last that are not there.
///
/// # Safety
/// Tiles must be usable.
pub(super) unsafe fn product(
    form: Form,
    strips: &[u32],
    blocks: usize,
    x: &[f32],
    out: &mut [f32],
    width: usize,
    add: bool,
) {
    // SAFETY: as the caller says; tiles come with AVX-512.
    unsafe {
        match form {
            Form::Nibbles => of_form::<NIBBLES>(strips, blocks, x, out, width, add),
            Form::WideNibbles => of_form::<WIDE>(strips, blocks, x, out, width, add),
            _ => of_form::<BYTES>(strips, blocks, x, out, width, add),
        }
    }
}

/// # Safety
/// As for [`product`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn of_form<const FORM: u8>(strips: &[u32], blocks: usize, x: &[f32], out: &mut [f32], width: usize, add: bool) {
    let (columns, size) = (blocks * BLOCK, blocks * words(FORM));
    assert!(strips.len() / size * LANES >= width && out.len() / width * columns == x.len(), "outputs of {width}");
    if x.is_empty() {
        return;
    }
    let count = x.len() / columns;
    let group_rows = |place: usize| (count - place * ROWS).min(ROWS);
    let groups = count.div_ceil(ROWS);
    let padded = (groups - 1) * ROWS + tile_rows(group_rows(groups - 1));
    let (mut tiles, mut sums) = (Buffer::of(2 * padded * blocks * LANES), Buffer::of(padded * blocks));
    let groups_tiles = tiles.chunks_mut(2 * ROWS * blocks * LANES).zip(sums.chunks_mut(ROWS * blocks));
    for (x, (tiles, sums)) in x.chunks(ROWS * columns).zip(groups_tiles) {
        turn(x, columns, tiles, sums);
    }
    let alone = groups == 1;
    let deep = if alone { blocks } else { blocks.div_ceil(blocks.div_ceil(DEEP)) };
    let near = if alone { strips.len() / size } else { (KEPT_BYTES / 4 / (deep * slot(FORM))).max(1) };
    let mut slots = Buffer::of(if alone { RING } else { near * deep } * slot(FORM));
    let mut laid_out = tile_rows(group_rows(0));
    // SAFETY: as the caller says.
    let mut layout = unsafe { Tiles::lay_out(&config(laid_out)) };
    for (part, strips) in strips.chunks(near * size).enumerate() {
        let first = part * near * LANES;
        for start in (0..blocks).step_by(deep) {
            let groups = tiles.chunks(2 * ROWS * blocks * LANES).zip(sums.chunks(ROWS * blocks));
            for (place, (tiles, sums)) in groups.enumerate() {
                let group = Group { rows: group_rows(place), tiles, sums };
                if tile_rows(group.rows) != laid_out {
                    laid_out = tile_rows(group.rows);
                    layout.change(&config(laid_out));
                }
                let Some(of_group) = out.get_mut(place * ROWS * width + first..) else { return };
                let out = Out { first: of_group.as_mut_ptr(), width, left: width - first, add: add || start > 0 };
                let blocks = start..blocks.min(start + deep);
                let mut codes = Codes { strips, all: size / words(FORM), blocks, slots: &mut slots };
                let fresh = place == 0;
                // SAFETY: tiles are laid out. Outputs lie in as many rows of those of the strips, but for the ones that
                // are not there, which are not left.
                unsafe {
                    match laid_out {
                        4 => some::<FORM, 4>(&mut codes, fresh, &group, &out),
                        8 => some::<FORM, 8>(&mut codes, fresh, &group, &out),
                        12 => some::<FORM, 12>(&mut codes, fresh, &group, &out),
                        _ => some::<FORM, 16>(&mut codes, fresh, &group, &out),
                    }
                }
            }
        }
    }
}
