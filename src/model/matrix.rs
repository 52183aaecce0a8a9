//! Matrix products on strided views.
//!
//! They are the `gemm` crate's, called here rather than through candle so that a product can add into its destination, read
//! strided heads in place and be told how many threads to use. Where a caller says that a product need not be exact to the
//! last bits, larger ones are made by tiles if the processor has them ([`super::amx`]). Calls of both are the only unsafe
//! code.

use gemm::Parallelism;

#[cfg(target_arch = "x86_64")]
use super::amx::{self, Operand};

/// A read-only matrix inside a slice: element `(i, j)` is at `offset + i * row + j * col`.
#[derive(Clone, Copy)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row: usize,
    col: usize,
}

impl<'a> View<'a> {
    /// A view of `rows` × `cols` elements, rows `row` elements apart.
    ///
    /// # Panics
    /// When the view does not lie inside `data`: a mistake of the caller, never of the input.
    pub fn new(data: &'a [f32], rows: usize, cols: usize, row: usize) -> Self {
        assert!(fits(data.len(), rows, cols, row), "{rows}×{cols} by {row} in {}", data.len());
        Self { data, rows, cols, row, col: 1 }
    }

    /// The transposed view.
    pub fn transposed(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row: self.col, col: self.row, ..self }
    }
}

#[cfg(target_arch = "x86_64")]
impl<'a> View<'a> {
    fn left(self) -> Operand<'a> {
        Operand { data: self.data, len: self.rows, apart: self.row, deep: self.col }
    }

    fn right(self) -> Operand<'a> {
        Operand { data: self.data, len: self.cols, apart: self.col, deep: self.row }
    }
}

/// The right matrix of several products: what can be prepared for all is done once.
pub struct Right<'a> {
    view: View<'a>,
    #[cfg(target_arch = "x86_64")]
    tiles: Option<amx::Prepared>,
}

impl<'a> Right<'a> {
    /// For products with about so many rows each.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
    #[allow(unsafe_code)]
    pub fn new(view: View<'a>, rows: usize) -> Self {
        Self {
            view,
            // SAFETY: tiles are usable where a product is tiled.
            #[cfg(target_arch = "x86_64")]
            tiles: tiled(rows, view.cols, view.rows).then(|| unsafe { amx::Prepared::of(view.right(), view.rows) }),
        }
    }

    /// [`near_matmul`] of `a` and this.
    #[allow(unsafe_code)]
    pub fn times(&self, out: &mut [f32], out_row: usize, a: View<'_>, add: bool) {
        #[cfg(target_arch = "x86_64")]
        if let Some(tiles) = &self.tiles
            && tiled(a.rows, self.view.cols, self.view.rows)
        {
            assert_eq!(a.cols, self.view.rows, "inner dimensions");
            // SAFETY: what is prepared for tiles is there with the instructions for them.
            return unsafe { tiles.times((out, out_row), a.left(), add) };
        }
        near_matmul(out, out_row, a, self.view, add);
    }
}

/// Whether a row-major view lies inside a slice of `len` elements.
fn fits(len: usize, rows: usize, cols: usize, row: usize) -> bool {
    rows == 0 || cols == 0 || (cols <= row || rows == 1) && (rows - 1) * row + cols <= len
}

/// `out = a · b`, or `out += a · b` with `add`; `out` has rows `out_row` elements apart.
///
/// # Panics
/// When the shapes do not match or `out` is too short: a mistake of the caller, never of the input.
#[allow(unsafe_code)]
pub fn matmul(out: &mut [f32], out_row: usize, a: View<'_>, b: View<'_>, add: bool, threads: usize) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    assert_eq!(k, b.rows, "inner dimensions");
    assert!(fits(out.len(), m, n, out_row), "{m}×{n} by {out_row} in {}", out.len());
    if m == 0 || n == 0 {
        return;
    }
    let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
    // SAFETY: both views lie inside their slices (`View` is only made by `new` and `transposed`), the destination was
    // checked above and is borrowed mutably, so it overlaps neither source. Strides fit `isize` as the slices do.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_row as isize,
            add,
            a.data.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.col as isize,
            b.row as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Whether a product is large enough for tiles, in each of its sizes and in all, and there are any.
#[cfg(target_arch = "x86_64")]
fn tiled(m: usize, n: usize, k: usize) -> bool {
    m >= 12 && n >= 12 && k >= 12 && m * n * k >= 1 << 15 && amx::usable()
}

/// [`matmul`] on one thread; by tiles where that is faster, and then off by some millionths of its terms.
///
/// # Panics
/// As for [`matmul`].
#[allow(unsafe_code)]
pub fn near_matmul(out: &mut [f32], out_row: usize, a: View<'_>, b: View<'_>, add: bool) {
    #[cfg(target_arch = "x86_64")]
    if tiled(a.rows, b.cols, a.cols) {
        assert_eq!(a.cols, b.rows, "inner dimensions");
        // SAFETY: tiles are usable where a product is tiled.
        return unsafe { amx::product((out, out_row), a.left(), b.right(), a.cols, add) };
    }
    matmul(out, out_row, a, b, add, 1);
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
    fn products_of_strided_views_equal_the_plain_sum() {
        let (m, n, k, row) = (7, 5, 12, 20);
        let (a, b) = (noise(m * row, 1), noise(n * k, 2));
        for (add, threads) in [(false, 1), (true, 1), (true, 2)] {
            let mut out = vec![1.0; m * 9];
            matmul(&mut out, 9, View::new(&a, m, k, row), View::new(&b, n, k, k).transposed(), add, threads);
            for i in 0..m {
                for j in 0..n {
                    let sum: f32 = (0..k).map(|l| a[i * row + l] * b[j * k + l]).sum();
                    let want = if add { sum + 1.0 } else { sum };
                    assert!((out[i * 9 + j] - want).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn products_of_all_sizes_and_directions_equal_sums_in_f64() {
        for (m, n, k) in [(12, 12, 240), (16, 64, 33), (33, 35, 70), (70, 100, 800), (65, 31, 1000), (300, 320, 15)] {
            let (a, b, before) = (noise(m * k, 1), noise(k * n, 2), noise(m * (n + 3), 3));
            for (left, right) in [(false, false), (false, true), (true, false), (true, true)] {
                let of = |data, rows, cols, turned: bool| {
                    if turned {
                        View::new(data, cols, rows, rows).transposed()
                    } else {
                        View::new(data, rows, cols, cols)
                    }
                };
                let views: (View<'_>, View<'_>) = (of(&a, m, k, left), of(&b, k, n, right));
                let at = |view: View<'_>, i: usize, j: usize| f64::from(view.data[i * view.row + j * view.col]);
                for (add, prepared) in [(false, false), (true, false), (false, true), (true, true)] {
                    let mut out = before.clone();
                    if prepared {
                        Right::new(views.1, m).times(&mut out, n + 3, views.0, add);
                    } else {
                        near_matmul(&mut out, n + 3, views.0, views.1, add);
                    }
                    for (place, (out, before)) in out.iter().zip(&before).enumerate() {
                        let (i, j) = (place / (n + 3), place % (n + 3));
                        if j >= n {
                            assert_eq!(out, before, "what lies between rows is left alone");
                            continue;
                        }
                        let terms = (0..k).map(|l| at(views.0, i, l) * at(views.1, l, j));
                        let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()));
                        let want = if add { sum + f64::from(*before) } else { sum };
                        let error = (f64::from(*out) - want).abs();
                        // Three times 2^-18, where both sides are split into two bf16.
                        assert!(error < 1.2e-5 * (size + 0.1), "{m} {n} {k} {left} {right} {add}: {error} of {size}");
                    }
                }
            }
        }
    }
}
