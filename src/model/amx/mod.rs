//! AMX: products of tiles of 16 rows, which Intel's server processors multiply in a unit of their own, in bf16 with f32 sums.
//!
//! A bf16 has 8 bits of an f32's 24. So each number is split into a bf16 and what is left of it, in another one, and three
//! products are added up: high · high, high · low and low · high. What is lost is about 2^-18 of each product, some ten
//! times what the order of f32 sums changes; and three products are still several times as fast as one in f32.
//!
//! Rust has no stable functions for tiles, so their instructions are written out, each block of them with all that it needs.
//! That, loads and stores are the unsafe code here.
#![allow(unsafe_code)]

use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::LazyLock;

pub(super) use product::{Operand, Prepared, product};

mod product;

/// 32-bit words of a register.
const LANES: usize = 16;
/// Inputs of a tile: pairs of bf16 in each word of a row.
pub(super) const BLOCK: usize = 2 * LANES;
/// Rows of a tile, of 64 bytes each.
pub(super) const ROWS: usize = 16;
/// 32-bit words of a tile.
pub(super) const TILE: usize = ROWS * LANES;
/// Words of one block of a panel of [`WIDTH`] outputs, or of two tiles' rows of activations: two tiles of high parts, and two
/// of low ones. Panels have the low ones first.
pub(super) const STEP: usize = 4 * TILE;
/// Rows of activations that are multiplied with a panel at once.
pub(super) const TOKENS: usize = 2 * ROWS;
/// Outputs of a panel.
pub(super) const WIDTH: usize = 2 * LANES;

/// Whether this processor has tiles of bf16 and the system lets this process use them.
pub(super) fn usable() -> bool {
    static USABLE: LazyLock<bool> = LazyLock::new(find_out);
    *USABLE
}

fn find_out() -> bool {
    // Bits of leaf 7 in EDX, and the states of tiles that a system says it saves.
    const NEEDED: u32 = 1 << 22 | 1 << 24;
    const STATES: u64 = 1 << 17 | 1 << 18;
    if !is_x86_feature_detected!("xsave") || !is_x86_feature_detected!("avx512bf16") {
        return false;
    }
    // SAFETY: `xsave` is there, and with it this register, as a system that reports it has enabled it.
    let saved = unsafe { saved_states() };
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & NEEDED == NEEDED && saved & STATES == STATES && permitted()
}

#[target_feature(enable = "xsave")]
fn saved_states() -> u64 {
    // SAFETY: the register 0 is always there.
    unsafe { _xgetbv(0) }
}

/// Linux wants to be asked, once for a process, before it keeps room for tiles.
#[cfg(target_os = "linux")]
fn permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: a call that takes two numbers and changes nothing but this permission.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

/// The numbers rounded to bf16, as f32: the low sixteen bits are zero.
#[inline]
#[target_feature(enable = "avx512f")]
fn high(numbers: __m512) -> __m512 {
    let rounded = _mm512_add_epi32(_mm512_castps_si512(numbers), _mm512_set1_epi32(0x8000));
    _mm512_castsi512_ps(_mm512_and_si512(rounded, _mm512_set1_epi32(0xFFFF_0000_u32 as i32)))
}

/// The high and the low parts of two registers' numbers, in pairs with the first ones in the lower halves.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn paired(first: __m512, second: __m512) -> (__m512i, __m512i) {
    let (first_high, second_high) = (high(first), high(second));
    let rest = joined(high(_mm512_sub_ps(first, first_high)), high(_mm512_sub_ps(second, second_high)));
    (joined(first_high, second_high), rest)
}

/// Pairs of bf16, the first in the lower half, of numbers that are rounded to bf16.
#[inline]
#[target_feature(enable = "avx512f")]
fn joined(first: __m512, second: __m512) -> __m512i {
    _mm512_or_si512(_mm512_srli_epi32::<16>(_mm512_castps_si512(first)), _mm512_castps_si512(second))
}

/// The high and the low parts of 32 numbers.
///
/// # Safety
/// There must be 32 numbers at `x`, and bf16 among AVX-512's instructions.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn split(x: *const f32, high_parts: &mut [f32; LANES], low_parts: &mut [f32; LANES]) {
    // SAFETY: 32 floats are two registers, 32 bf16 are one.
    unsafe {
        let (high, low) = parts(_mm512_loadu_ps(x), _mm512_loadu_ps(x.add(LANES)));
        _mm512_storeu_si512(high_parts.as_mut_ptr().cast(), high);
        _mm512_storeu_si512(low_parts.as_mut_ptr().cast(), low);
    }
}

/// Two registers' numbers, one after the other, as bf16, and what is left of them.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn parts(first: __m512, second: __m512) -> (__m512i, __m512i) {
    let (first_high, second_high) = (high(first), high(second));
    let rest = (_mm512_sub_ps(first, first_high), _mm512_sub_ps(second, second_high));
    // SAFETY: both are 512 bits.
    let bits = |pair: __m512bh| unsafe { std::mem::transmute::<__m512bh, __m512i>(pair) };
    (bits(_mm512_cvtne2ps_pbh(second_high, first_high)), bits(_mm512_cvtne2ps_pbh(rest.1, rest.0)))
}

/// How tiles are laid out.
#[repr(C, align(64))]
pub(super) struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// All tiles of 16 rows of 64 bytes: what [`multiply`] needs.
pub(super) static PRODUCTS: Config = Config::of([(16, 64); 8]);

impl Config {
    /// Rows and bytes of a row of the first tiles.
    pub(super) const fn of<const TILES: usize>(tiles: [(u8, u16); TILES]) -> Self {
        let mut config = Self { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        let mut tile = 0;
        while tile < TILES {
            (config.rows[tile], config.row_bytes[tile]) = tiles[tile];
            tile += 1;
        }
        config
    }
}

/// Tiles of a thread as long as they are needed. How they were laid out before is put back in the end: others, as candle,
/// lay out theirs once and count on it.
pub(super) struct Tiles {
    before: Config,
}

impl Tiles {
    /// # Safety
    /// Tiles must be [`usable`].
    pub(super) unsafe fn lay_out(config: &Config) -> Self {
        let mut tiles = Self { before: Config::of([]) };
        // SAFETY: as the caller says; the configuration is a valid one.
        unsafe {
            asm!("sttilecfg [{}]", in(reg) &raw mut tiles.before, options(nostack));
            asm!("ldtilecfg [{}]", in(reg) &raw const *config, options(nostack, readonly));
        }
        tiles
    }

    /// Lays them out in another way.
    pub(super) fn change(&mut self, config: &Config) {
        // SAFETY: tiles are usable, or there would be none; the configuration is a valid one.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const *config, options(nostack, readonly)) };
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: tiles are usable, or there would be none; the configuration is what the processor stored.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const self.before, options(nostack, readonly)) };
    }
}

/// Where sums go: rows of `width` numbers, from the first of a tile's on.
struct Sums {
    first: *mut f32,
    width: usize,
    /// Whether they are added to what is there.
    add: bool,
}

/// Rows of outputs of [`multiply`].
pub(super) struct Out<'a> {
    /// As many rows as there are activations, or fewer: what lies behind goes nowhere.
    pub(super) numbers: &'a mut [f32],
    /// How far apart rows are.
    pub(super) width: usize,
    /// The first panel's first output in a row.
    pub(super) first: usize,
    /// The end of the outputs that there are in a row.
    pub(super) last: usize,
    /// Whether sums are added to what is there.
    pub(super) add: bool,
}

/// One or two tiles' rows of activations times panels, each of `size` words, of which the first `blocks` blocks are
/// multiplied.
///
/// # Safety
/// Tiles must be laid out as [`PRODUCTS`] says.
pub(super) unsafe fn multiply(x: &[f32], panels: &[f32], size: usize, blocks: usize, out: Out<'_>) {
    let Out { numbers, width, first, last, add } = out;
    let step = x.len() / blocks.max(1);
    assert!((step == STEP || step == STEP / 2) && size >= blocks * STEP, "{blocks} blocks of {step} words");
    assert!(last <= width, "outputs to {last} in rows of {width}");
    let mut edge = Edge([[0.0; WIDTH]; TOKENS]);
    let rows = numbers.len().div_ceil(width.max(1)).min(TOKENS);
    if rows == 0 {
        return;
    }
    // The last row may end where its outputs do.
    let end = numbers.len() - (rows - 1) * width;
    let whole = rows * TILE * 2 == ROWS * step;
    for (index, panel) in panels.chunks_exact(size).enumerate() {
        let at = first + index * WIDTH;
        if at >= last {
            return;
        }
        let panel = &panel[..blocks * STEP];
        if whole && at + WIDTH <= last.min(end) {
            // SAFETY: `x` and `panel` hold as many blocks, and all sums are inside of the numbers.
            unsafe { tiles(x, panel, step, Sums { first: numbers.as_mut_ptr().add(at), width, add }) };
            continue;
        }
        let wanted = (last - at).min(WIDTH);
        // As above, what is there comes first, so that a row's numbers are the same here and there.
        for (edge, out) in edge.0.iter_mut().zip(numbers.chunks(width)) {
            edge.iter_mut().zip(out.iter().skip(at)).take(wanted).for_each(|(edge, out)| *edge = *out);
        }
        // SAFETY: as above, with sums of their own.
        unsafe { tiles(x, panel, step, Sums { first: edge.0.as_mut_ptr().cast(), width: WIDTH, add }) };
        for (edge, out) in edge.0.iter().zip(numbers.chunks_mut(width)) {
            out.iter_mut().skip(at).zip(edge).take(wanted).for_each(|(out, edge)| *out = *edge);
        }
    }
}

/// Sums of which not all are wanted.
#[repr(align(64))]
struct Edge([[f32; WIDTH]; TOKENS]);

/// One or two tiles' rows times a panel: `step` words of the former go with a block.
#[inline]
unsafe fn tiles(x: &[f32], panel: &[f32], step: usize, sums: Sums) {
    let blocks = panel.len() / STEP;
    // SAFETY: as the caller says.
    unsafe { if step == STEP { two(x, panel, blocks, sums) } else { one(x, panel, blocks, sums) } }
}

/// Two tiles' rows times a panel.
#[inline]
unsafe fn two(x: &[f32], panel: &[f32], blocks: usize, sums: Sums) {
    // SAFETY: as the caller says.
    unsafe {
        asm!(
            "test {add}, {add}",
            "jz 3f",
            "tileloadd tmm0, [{sums} + {wide}]",
            "tileloadd tmm1, [{sums} + {wide} + 64]",
            "tileloadd tmm2, [{below} + {wide}]",
            "tileloadd tmm3, [{below} + {wide} + 64]",
            "jmp 2f",
            "3:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{x} + {row}]",
            "tileloadd tmm6, [{panel} + {row}]",
            "tileloadd tmm7, [{panel} + {row} + 1024]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm5, [{x} + {row} + 1024]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "tileloadd tmm6, [{panel} + {row} + 2048]",
            "tileloadd tmm7, [{panel} + {row} + 3072]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "tileloadd tmm4, [{x} + {row} + 2048]",
            "tileloadd tmm5, [{x} + {row} + 3072]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {x}, 4096",
            "add {panel}, 4096",
            "dec {blocks}",
            "jnz 2b",
            "tilestored [{sums} + {wide}], tmm0",
            "tilestored [{sums} + {wide} + 64], tmm1",
            "tilestored [{below} + {wide}], tmm2",
            "tilestored [{below} + {wide} + 64], tmm3",
            x = inout(reg) x.as_ptr() => _,
            panel = inout(reg) panel.as_ptr() => _,
            blocks = inout(reg) blocks => _,
            add = in(reg) usize::from(sums.add),
            sums = in(reg) sums.first,
            below = in(reg) sums.first.wrapping_add(ROWS * sums.width),
            row = in(reg) 64_usize,
            wide = in(reg) sums.width * size_of::<f32>(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// One tile's rows times a panel.
#[inline]
unsafe fn one(x: &[f32], panel: &[f32], blocks: usize, sums: Sums) {
    // SAFETY: as the caller says.
    unsafe {
        asm!(
            "test {add}, {add}",
            "jz 3f",
            "tileloadd tmm0, [{sums} + {wide}]",
            "tileloadd tmm1, [{sums} + {wide} + 64]",
            "jmp 2f",
            "3:",
            "tilezero tmm0",
            "tilezero tmm1",
            "2:",
            "tileloadd tmm4, [{x} + {row}]",
            "tileloadd tmm6, [{panel} + {row}]",
            "tileloadd tmm7, [{panel} + {row} + 1024]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{x} + {row} + 1024]",
            "tileloadd tmm6, [{panel} + {row} + 2048]",
            "tileloadd tmm7, [{panel} + {row} + 3072]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm0, tmm5, tmm6",
            "tdpbf16ps tmm1, tmm5, tmm7",
            "add {x}, 2048",
            "add {panel}, 4096",
            "dec {blocks}",
            "jnz 2b",
            "tilestored [{sums} + {wide}], tmm0",
            "tilestored [{sums} + {wide} + 64], tmm1",
            x = inout(reg) x.as_ptr() => _,
            panel = inout(reg) panel.as_ptr() => _,
            blocks = inout(reg) blocks => _,
            add = in(reg) usize::from(sums.add),
            sums = in(reg) sums.first,
            row = in(reg) 64_usize,
            wide = in(reg) sums.width * size_of::<f32>(),
            out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
