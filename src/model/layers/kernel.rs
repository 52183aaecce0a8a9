//! Inner loops of training on the CPU: plain Rust, compiled once for each instruction set by `pulp` and chosen at run time.

use super::{Activation, AdamW, Dropout};
use crate::model::kernel::{ARCH, dot_of, exp, sum_of};

/// The error function to a few units in the last place of f32: a rational function in `x²`, as in Eigen; ±1 from ±4 on.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let s = x * x;
    let mut p = -2.726_142_3e-10;
    p = p * s + 2.770_681_4e-8;
    p = p * s - 2.101_024e-6;
    p = p * s - 5.692_506_4e-5;
    p = p * s - 7.349_906_3e-4;
    p = p * s - 2.954_6e-3;
    p = p * s - 1.609_603_3e-2;
    let mut q = -1.456_607_2e-5;
    q = q * s - 2.133_740_5e-4;
    q = q * s - 1.682_827e-3;
    q = q * s - 7.373_329e-3;
    q = q * s - 1.426_474e-2;
    x * p / q
}

/// tanh by the exponential function; exact to about one unit in the seventh place.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let x = x.clamp(-10.0, 10.0);
    let e = exp(2.0 * x);
    (e - 1.0) / (e + 1.0)
}

/// `√(2/π)`, of the tanh approximation of GELU.
const ROOT: f32 = 0.797_884_6;
const CUBIC: f32 = 0.044_715;

#[inline(always)]
fn value(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Gelu => 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)),
        Activation::GeluTanh => 0.5 * x * (1.0 + tanh(ROOT * (x + CUBIC * x * x * x))),
        Activation::Relu => x.max(0.0),
        Activation::Tanh => tanh(x),
    }
}

#[inline(always)]
fn slope(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Gelu => {
            // 1/√(2π), the density of the normal distribution at 0.
            const DENSITY: f32 = 0.398_942_3;
            0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)) + x * DENSITY * exp(-0.5 * x * x)
        }
        Activation::GeluTanh => {
            let t = tanh(ROOT * (x + CUBIC * x * x * x));
            0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * ROOT * (1.0 + 3.0 * CUBIC * x * x)
        }
        Activation::Relu => f32::from(u8::from(x > 0.0)),
        Activation::Tanh => {
            let t = tanh(x);
            1.0 - t * t
        }
    }
}

/// The same loop for each activation, so that each is compiled on its own.
macro_rules! each_activation {
    ($activation:expr, $name:ident => $body:expr) => {
        match $activation {
            Activation::Gelu => {
                const $name: Activation = Activation::Gelu;
                $body
            }
            Activation::GeluTanh => {
                const $name: Activation = Activation::GeluTanh;
                $body
            }
            Activation::Relu => {
                const $name: Activation = Activation::Relu;
                $body
            }
            Activation::Tanh => {
                const $name: Activation = Activation::Tanh;
                $body
            }
        }
    };
}

/// The activation of each element of `x` into `out`.
pub fn activate(activation: Activation, out: &mut [f32], x: &[f32]) {
    each_activation!(activation, KIND => ARCH.dispatch(
        #[inline(always)]
        || {
            for (o, &x) in out.iter_mut().zip(x) {
                *o = value(KIND, x);
            }
        },
    ));
}

/// `grad` times the slope at each element of `x`, in place.
pub fn activate_back(activation: Activation, grad: &mut [f32], x: &[f32]) {
    each_activation!(activation, KIND => ARCH.dispatch(
        #[inline(always)]
        || {
            for (g, &x) in grad.iter_mut().zip(x) {
                *g *= slope(KIND, x);
            }
        },
    ));
}

/// Drops elements of `x`, whose first one is at `start` of the whole.
pub fn drop(x: &mut [f32], dropout: Dropout, start: usize) {
    if dropout.is_none() {
        return;
    }
    ARCH.dispatch(
        #[inline(always)]
        || {
            for (index, x) in x.iter_mut().enumerate() {
                *x *= dropout.factor(start + index);
            }
        },
    );
}

/// `sum += x`.
pub fn add(sum: &mut [f32], x: &[f32]) {
    ARCH.dispatch(
        #[inline(always)]
        || {
            for (s, &x) in sum.iter_mut().zip(x) {
                *s += x;
            }
        },
    );
}

/// Adds each column of `x` up into `sums`.
pub fn add_columns(sums: &mut [f32], x: &[f32]) {
    ARCH.dispatch(
        #[inline(always)]
        || {
            for row in x.chunks_exact(sums.len().max(1)) {
                for (s, &x) in sums.iter_mut().zip(row) {
                    *s += x;
                }
            }
        },
    );
}

/// The sum of all squares, in f64.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    ARCH.dispatch(
        #[inline(always)]
        || {
            let mut total = 0.0;
            // Short runs in f32, their sums in f64.
            for part in x.chunks(512) {
                let mut lanes = [0.0f32; 16];
                let chunks = part.chunks_exact(16);
                let rest: f32 = chunks.remainder().iter().map(|x| x * x).sum();
                for chunk in chunks {
                    for (lane, &x) in lanes.iter_mut().zip(chunk) {
                        *lane += x * x;
                    }
                }
                total += f64::from(lanes.iter().sum::<f32>() + rest);
            }
            total
        },
    )
}

/// Layer norm of each row of `x` in place, into what is kept: `x` becomes `(x − mean) / deviation`, `inverse` gets one over
/// each row's deviation, `out` that times `weight` plus `bias`.
pub fn norm(out: &mut [f32], x: &mut [f32], inverse: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    let width = weight.len().max(1);
    ARCH.dispatch(
        #[inline(always)]
        || {
            let rows = out.chunks_exact_mut(width).zip(x.chunks_exact_mut(width)).zip(inverse.iter_mut());
            for ((out, x), inverse) in rows {
                let mean = sum_of(x) / width as f32;
                let mut lanes = [0.0f32; 16];
                let mut chunks = x.chunks_exact_mut(16);
                for chunk in &mut chunks {
                    for (lane, x) in lanes.iter_mut().zip(chunk) {
                        *x -= mean;
                        *lane += *x * *x;
                    }
                }
                let mut squares: f32 = lanes.iter().sum();
                for x in chunks.into_remainder() {
                    *x -= mean;
                    squares += *x * *x;
                }
                *inverse = 1.0 / (squares / width as f32 + eps).sqrt();
                for (((o, x), &w), &b) in out.iter_mut().zip(x.iter_mut()).zip(weight).zip(bias) {
                    *x *= *inverse;
                    *o = *x * w + b;
                }
            }
        },
    );
}

/// The backward pass of [`norm`]: `grad` becomes the gradient of what was normed; `weights` and `biases` get theirs added.
pub fn norm_back(
    grad: &mut [f32],
    normed: &[f32],
    inverse: &[f32],
    weight: &[f32],
    weights: &mut [f32],
    biases: &mut [f32],
) {
    let width = weight.len().max(1);
    ARCH.dispatch(
        #[inline(always)]
        || {
            let rows = grad.chunks_exact_mut(width).zip(normed.chunks_exact(width)).zip(inverse);
            for ((grad, normed), &inverse) in rows {
                for (((g, &n), &w), (dw, db)) in
                    grad.iter_mut().zip(normed).zip(weight).zip(weights.iter_mut().zip(biases.iter_mut()))
                {
                    *dw += *g * n;
                    *db += *g;
                    *g *= w;
                }
                let (sum, product) = (sum_of(grad) / width as f32, dot_of(grad, normed) / width as f32);
                for (g, &n) in grad.iter_mut().zip(normed) {
                    *g = (*g - sum - n * product) * inverse;
                }
            }
        },
    );
}

/// The backward pass of softmax times `scale`, in place: `grad` is that of the probabilities of each row of `width`.
pub fn softmax_back(grad: &mut [f32], probabilities: &[f32], width: usize, scale: f32) {
    ARCH.dispatch(
        #[inline(always)]
        || {
            let rows = grad.chunks_exact_mut(width.max(1)).zip(probabilities.chunks_exact(width.max(1)));
            for (grad, probabilities) in rows {
                let sum = dot_of(grad, probabilities);
                for (g, &p) in grad.iter_mut().zip(probabilities) {
                    *g = (*g - sum) * p * scale;
                }
            }
        },
    );
}

/// One step of AdamW over some elements.
pub fn adamw(parameter: &mut [f32], first: &mut [f32], second: &mut [f32], grad: &[f32], adamw: &AdamW) {
    let step = i32::try_from(adamw.step).unwrap_or(i32::MAX);
    let (beta1, beta2) = (adamw.beta1 as f32, adamw.beta2 as f32);
    let (rest1, rest2) = ((1.0 - adamw.beta1) as f32, (1.0 - adamw.beta2) as f32);
    let scale = adamw.grad_scale as f32;
    let decay = (1.0 - adamw.rate * adamw.weight_decay) as f32;
    let size = (adamw.rate / (1.0 - adamw.beta1.powi(step))) as f32;
    let root = (1.0 / (1.0 - adamw.beta2.powi(step)).sqrt()) as f32;
    let epsilon = adamw.epsilon as f32;
    ARCH.dispatch(
        #[inline(always)]
        || {
            let moments = first.iter_mut().zip(second.iter_mut());
            for ((p, (m, v)), &g) in parameter.iter_mut().zip(moments).zip(grad) {
                let g = g * scale;
                *m = beta1 * *m + rest1 * g;
                *v = beta2 * *v + rest2 * g * g;
                *p = *p * decay - size * *m / (v.sqrt() * root + epsilon);
            }
        },
    );
}

/// The same for elements whose gradient has always been zero: decay alone.
pub fn decay(parameter: &mut [f32], adamw: &AdamW) {
    let decay = (1.0 - adamw.rate * adamw.weight_decay) as f32;
    if decay == 1.0 {
        return;
    }
    ARCH.dispatch(
        #[inline(always)]
        || {
            for p in parameter.iter_mut() {
                *p *= decay;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_slopes_are_exact() {
        use statrs::function::erf::erf as exact;
        for i in -6000..6000 {
            let x = i as f32 / 1000.0;
            let wide = f64::from(x);
            assert!((f64::from(erf(x)) - exact(wide)).abs() < 4e-7, "{x}");
            assert!((f64::from(tanh(x)) - wide.tanh()).abs() < 3e-7, "{x}");
            for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Tanh, Activation::Relu] {
                // The slope against a difference of the exact function in f64.
                let f = |x: f64| match activation {
                    Activation::Gelu => 0.5 * x * (1.0 + exact(x / 2f64.sqrt())),
                    Activation::GeluTanh => {
                        let root = (2.0 / std::f64::consts::PI).sqrt();
                        0.5 * x * (1.0 + (root * (x + 0.044715 * x.powi(3))).tanh())
                    }
                    Activation::Relu => x.max(0.0),
                    Activation::Tanh => x.tanh(),
                };
                assert!(
                    (f64::from(value(activation, x)) - f(wide)).abs() < 1e-6 * (1.0 + wide.abs()),
                    "{activation:?}"
                );
                if i != 0 {
                    let difference = (f(wide + 1e-5) - f(wide - 1e-5)) / 2e-5;
                    let error = (f64::from(slope(activation, x)) - difference).abs();
                    assert!(error < 2e-6 * (1.0 + wide.abs()), "{activation:?} at {x}: {error}");
                }
            }
        }
    }

    #[test]
    fn adamw_equals_the_formula_and_decay_is_a_step_without_gradient() {
        let settings =
            AdamW { rate: 1e-2, weight_decay: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 3, grad_scale: 0.5 };
        let (mut p, mut m, mut v) = (vec![0.7f32; 40], vec![0.02f32; 40], vec![0.003f32; 40]);
        adamw(&mut p, &mut m, &mut v, &[0.4; 40], &settings);
        let (first, second) = (0.9 * 0.02 + 0.1 * 0.2, 0.999 * 0.003 + 0.001 * 0.04f64);
        let (unbiased, root) = (first / (1.0 - 0.9f64.powi(3)), (second / (1.0 - 0.999f64.powi(3))).sqrt());
        let want = 0.7 * (1.0 - 1e-3) - 1e-2 * unbiased / (root + 1e-8);
        assert!((f64::from(p[39]) - want).abs() < 1e-6);
        let (mut p, mut q) = (vec![0.7f32; 20], vec![0.7f32; 20]);
        adamw(&mut p, &mut [0.0; 20], &mut [0.0; 20], &[0.0; 20], &settings);
        decay(&mut q, &settings);
        assert_eq!(p, q);
    }
}
