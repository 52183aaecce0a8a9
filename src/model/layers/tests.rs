//! Backward passes against differences of the forward passes, for both sets of layers.

use candle_core::DType;

use super::cpu::Cpu;
use super::device::Device;
use super::*;

fn noise(len: usize, stream: u64) -> Vec<f32> {
    (0..len).map(|i| (seed::derive(stream, i as u64) >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// Checks `grads` against differences of `f`, a sum of its results with fixed weights, in each of its inputs.
fn check(what: &str, inputs: &[Vec<f32>], grads: &[Vec<f32>], f: impl Fn(&[Vec<f32>]) -> Vec<f32>) {
    let weights = noise(f(inputs).len(), 99);
    let value = |inputs: &[Vec<f32>]| -> f64 {
        f(inputs).iter().zip(&weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let step = 1e-2f32;
    for (which, input) in inputs.iter().enumerate() {
        let scale = grads[which].iter().fold(0.1f32, |max, x| max.max(x.abs()));
        for place in (0..input.len()).step_by(1 + input.len() / 40) {
            let at = |by: f32| {
                let mut inputs = inputs.to_vec();
                inputs[which][place] += by;
                value(&inputs)
            };
            // Five points: exact to the fourth order, so that a wide step loses nothing to f32.
            let slope = (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * f64::from(step));
            let got = grads[which][place];
            assert!(
                (f64::from(got) - slope).abs() < 2e-3 * f64::from(scale),
                "{what}, input {which} at {place}: {got} for {slope}"
            );
        }
    }
}

fn norms<L: Layers>(layers: &L) {
    let (rows, width) = (5, 24);
    let inputs = vec![noise(rows * width, 1), noise(rows * width, 2), noise(width, 3), noise(width, 4)];
    for dropout in [Dropout::NONE, Dropout::at(0.3, 7, 1)] {
        let run = |inputs: &[Vec<f32>]| {
            let mats: Vec<L::Mat> = inputs.iter().map(|x| layers.mat(x.clone(), width).unwrap()).collect();
            layers.norm(mats[0].clone(), Some(&mats[1]), dropout, &mats[2], &mats[3], 1e-5).unwrap()
        };
        let (out, kept) = run(&inputs);
        let grad = layers.mat(noise(layers.values(&out).unwrap().len(), 99), width).unwrap();
        let (mut weight, mut bias) = (None, None);
        let of_weight = layers.mat(inputs[2].clone(), width).unwrap();
        let of_sum = layers.norm_back(&kept, &of_weight, grad, &mut weight, &mut bias).unwrap();
        let of_x = layers.dropout(of_sum.clone(), dropout).unwrap();
        let grads = [of_x, of_sum, weight.unwrap(), bias.unwrap()].map(|mat| layers.values(&mat).unwrap());
        check("norm", &inputs, &grads, |inputs| layers.values(&run(inputs).0).unwrap());
    }
}

fn linears<L: Layers>(layers: &L) {
    let (rows, input, output) = (7, 10, 6);
    let inputs = vec![noise(rows * input, 1), noise(input * output, 2), noise(output, 3)];
    let mats = |inputs: &[Vec<f32>]| {
        let widths = [input, input, output];
        inputs.iter().zip(widths).map(|(x, width)| layers.mat(x.clone(), width).unwrap()).collect::<Vec<_>>()
    };
    let at = mats(&inputs);
    let grad = layers.mat(noise(rows * output, 99), output).unwrap();
    let (mut weight, mut bias) = (None, None);
    for _ in 0..2 {
        layers.weight_grad(&at[0], &grad, &mut weight).unwrap();
        layers.bias_grad(&grad, &mut bias).unwrap();
    }
    // Gradients of a second batch are added: twice the same is double.
    let half = |mat: Option<L::Mat>| layers.values(&mat.unwrap()).unwrap().iter().map(|x| x / 2.0).collect::<Vec<_>>();
    let of_x = layers.values(&layers.linear_back(None, &grad, &at[1]).unwrap()).unwrap();
    check("linear", &inputs, &[of_x.clone(), half(weight), half(bias)], |inputs| {
        let at = mats(inputs);
        layers.values(&layers.linear(&at[0], &at[1], Some(&at[2])).unwrap()).unwrap()
    });
    let twice = layers.linear_back(Some(layers.mat(of_x.clone(), input).unwrap()), &grad, &at[1]).unwrap();
    for (twice, once) in layers.values(&twice).unwrap().iter().zip(&of_x) {
        assert!((twice - 2.0 * once).abs() < 1e-5);
    }
}

fn activations<L: Layers>(layers: &L) {
    for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Tanh] {
        let inputs = vec![noise(60, 5).iter().map(|x| x * 3.0).collect::<Vec<f32>>()];
        let x = layers.mat(inputs[0].clone(), 6).unwrap();
        let grad = layers.mat(noise(60, 99), 6).unwrap();
        let grads = [layers.values(&layers.activate_back(activation, &x, grad).unwrap()).unwrap()];
        check("activation", &inputs, &grads, |inputs| {
            let x = layers.mat(inputs[0].clone(), 6).unwrap();
            layers.values(&layers.activate(activation, &x).unwrap()).unwrap()
        });
    }
}

fn attentions<L: Layers>(layers: &L) {
    let (heads, width) = (2, 8);
    let spans = vec![0..5, 5..6, 6..9];
    let far = 5;
    for (first_only, keys, queries, rate) in [
        (false, false, false, 0.0),
        (false, true, true, 0.0),
        (true, true, true, 0.2),
        (false, true, false, 0.2),
        (true, false, false, 0.0),
    ] {
        let texts = Texts { spans: spans.clone(), first_only, padded: 6 };
        let asking = texts.queries().last().unwrap().end;
        let table = (2 * far - 1) * width;
        let inputs =
            vec![noise(asking * width, 1), noise(9 * width, 2), noise(9 * width, 3), noise(table, 4), noise(table, 5)];
        let dropout = Dropout::at(rate, 3, 1);
        let mats =
            |inputs: &[Vec<f32>]| inputs.iter().map(|x| layers.mat(x.clone(), width).unwrap()).collect::<Vec<_>>();
        let run = |at: &[L::Mat]| {
            let relative = Relative { keys: keys.then_some(&at[3]), queries: queries.then_some(&at[4]) };
            layers.attend(&texts, heads, &at[0], &at[1], &at[2], relative, dropout, true).unwrap()
        };
        let at = mats(&inputs);
        let (out, kept) = run(&at);
        let grad = layers.mat(noise(layers.values(&out).unwrap().len(), 99), width).unwrap();
        let relative = Relative { keys: keys.then_some(&at[3]), queries: queries.then_some(&at[4]) };
        let back = layers.attend_back(&texts, heads, &at[0], &at[1], &at[2], relative, dropout, &kept, &grad).unwrap();
        assert_eq!((back.relative_keys.is_some(), back.relative_queries.is_some()), (keys, queries));
        let none = || layers.mat(vec![0.0; table], width).unwrap();
        let tables = [back.relative_keys.unwrap_or_else(none), back.relative_queries.unwrap_or_else(none)];
        let [of_keys, of_queries] = tables;
        let grads = [back.q, back.k, back.v, of_keys, of_queries].map(|mat| layers.values(&mat).unwrap());
        let what = format!("attention, first {first_only}, distances {keys} {queries}, dropout {rate}");
        check(&what, &inputs, &grads, |inputs| layers.values(&run(&mats(inputs)).0).unwrap());
    }
}

fn tables<L: Layers>(layers: &L) {
    let table = layers.mat(noise(12, 1), 3).unwrap();
    let rows = layers.values(&layers.gather(&table, &[3, 0, 3]).unwrap()).unwrap();
    assert_eq!(rows[..3], rows[6..]);
    assert!(layers.gather(&table, &[4]).is_err());
    let grad = layers.mat(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 3).unwrap();
    let sums = layers.values(&layers.scatter(&grad, &[3, 0, 3], 4).unwrap()).unwrap();
    assert_eq!(sums, [4.0, 5.0, 6.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0, 10.0, 12.0]);
}

/// A step over the rows of a table that were met is a step over all of it, also in the steps after.
fn steps<L: Layers>(layers: &L) {
    let start = noise(4 * 6, 1);
    let (mut dense, mut rows) = (layers.mat(start.clone(), 6).unwrap(), layers.mat(start, 6).unwrap());
    let (mut of_dense, mut of_rows) = (layers.moments(&dense).unwrap(), layers.moments(&rows).unwrap());
    for step in 1..5 {
        let adamw =
            AdamW { rate: 1e-2, weight_decay: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step, grad_scale: 1.0 };
        let met = if step == 2 { vec![1] } else { vec![0, 2] };
        let grad = layers.mat(noise(met.len() * 6, step as u64), 6).unwrap();
        let all = layers.scatter(&grad, &met, 4).unwrap();
        layers.step(&mut dense, &mut of_dense, &Grad::Dense(all), &adamw).unwrap();
        layers.step(&mut rows, &mut of_rows, &Grad::Rows(met, grad), &adamw).unwrap();
        // Also where it was kept and taken up again.
        let (first, second) = layers.moment_values(&of_rows).unwrap();
        of_rows = layers.moments_from(&rows, first, second).unwrap();
    }
    assert_eq!(layers.values(&dense).unwrap(), layers.values(&rows).unwrap());
}

fn all<L: Layers>(layers: &L) {
    norms(layers);
    linears(layers);
    activations(layers);
    attentions(layers);
    tables(layers);
    steps(layers);
}

#[test]
fn gradients_are_the_slopes_on_the_cpu() {
    all(&Cpu { threads: 1 });
    all(&Cpu { threads: 2 });
}

#[test]
fn gradients_are_the_slopes_on_tensors() {
    all(&Device { device: candle_core::Device::Cpu, products: DType::F32 });
}

#[test]
fn both_sets_of_layers_agree() {
    let (cpu, device) = (Cpu { threads: 2 }, Device { device: candle_core::Device::Cpu, products: DType::F32 });
    // As many rows as are worth a second thread.
    let (rows, width) = (900, 64);
    let (x, residual) = (noise(rows * width, 1), noise(rows * width, 2));
    let (weight, bias) = (noise(width, 3), noise(width, 4));
    let dropout = Dropout::at(0.1, 5, 6);
    fn normed<L: Layers>(
        l: &L,
        x: &[f32],
        r: &[f32],
        w: &[f32],
        b: &[f32],
        dropout: Dropout,
        width: usize,
    ) -> Vec<f32> {
        let mat = |x: &[f32]| l.mat(x.to_vec(), width).unwrap();
        let (out, kept) = l.norm(mat(x), Some(&mat(r)), dropout, &mat(w), &mat(b), 1e-12).unwrap();
        let (mut dw, mut db) = (None, None);
        let back = l.norm_back(&kept, &mat(w), mat(r), &mut dw, &mut db).unwrap();
        [out, back, dw.unwrap(), db.unwrap()].iter().flat_map(|mat| l.values(mat).unwrap()).collect()
    }
    let a = normed(&cpu, &x, &residual, &weight, &bias, dropout, width);
    let b = normed(&device, &x, &residual, &weight, &bias, dropout, width);
    for (place, (a, b)) in a.iter().zip(&b).enumerate() {
        assert!((a - b).abs() < 1e-4 * (1.0 + b.abs()), "{place}: {a} {b}");
    }
}
