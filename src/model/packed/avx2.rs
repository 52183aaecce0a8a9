//! AVX2: the plain functions, compiled for it.

use super::plain;
use super::{BLOCK, Form, LANES, WIDTH};

/// See [`plain::few`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn few<const N: usize>(
    form: Form,
    strip: &[u32],
    x: &[[[f32; BLOCK]; N]],
    sums: &[[f32; N]],
    results: &mut [[f32; LANES]; N],
) {
    // Known to the compiler in each arm, so that no number is asked for its form.
    match form {
        Form::Single => plain::few::<N, true>(Form::Single, strip, x, sums, results),
        Form::Brain => plain::few::<N, true>(Form::Brain, strip, x, sums, results),
        Form::Half => plain::few::<N, true>(Form::Half, strip, x, sums, results),
        Form::Nibbles => plain::few::<N, true>(Form::Nibbles, strip, x, sums, results),
        Form::WideNibbles => plain::few::<N, true>(Form::WideNibbles, strip, x, sums, results),
        Form::Bytes => plain::few::<N, true>(Form::Bytes, strip, x, sums, results),
    }
}

/// See [`plain::widen`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn widen(form: Form, strip: &[u32], panel: &mut [[f32; WIDTH]], column: usize) {
    plain::widen::<true>(form, strip, panel, column);
}

/// See [`plain::tiles`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn tiles(panel: &[[f32; WIDTH]], x: &[f32], sums: &mut [[f32; WIDTH]]) {
    plain::tiles::<true>(panel, x, sums);
}
