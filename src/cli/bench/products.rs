//! How fast products with a model's quantised weights are, ours beside candle's: for which numbers of rows, and how exact.

use std::time::Instant;

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{Device, Module, Tensor};
use serde::Serialize;

use crate::cli::Global;
use crate::cli::failure::Failure;
use crate::cli::models::locate;
use crate::engine::Cancel;
use crate::model::packed::Packed;
use crate::model::weights::Weights;

/// Numbers of rows: a text, few texts, many texts, a short and a long prompt.
const ROWS: [usize; 5] = [1, 4, 16, 64, 400];
/// Rows that are computed in f64 beside.
const CHECKED: usize = 4;
/// How often each is done; the fastest counts.
const TIMES: usize = 7;
/// The matrix: a layer's largest.
const MATRIX: &str = "model.layers.0.mlp.gate_proj.weight";

/// Products with one matrix.
#[derive(Serialize)]
pub(super) struct Products {
    /// How its numbers are held in the file, as `Q4_K`.
    kind: String,
    outputs: usize,
    inputs: usize,
    threads: usize,
    rows: Vec<Timed>,
    /// The largest error, as a part of the sum of a product's terms without signs.
    error: f64,
    candle_error: f64,
}

/// One number of rows.
#[derive(Serialize)]
struct Timed {
    rows: usize,
    seconds: f64,
    candle_seconds: f64,
}

/// Measures; none where a model has no quantised weights.
pub(super) fn measure(model: &str, stop: &Cancel, global: &Global) -> Result<Option<Products>, Failure> {
    let located = locate(model, stop, global)?;
    // Of what cannot be read here, an encoder, nothing is measured: the model was loaded before.
    let Ok(weights) = Weights::open(&located.files) else { return Ok(None) };
    let Some(tensor) = weights.quantized(MATRIX)? else { return Ok(None) };
    let failed = |error: candle_core::Error| Failure::Failed(format!("{MATRIX}: {error}"));
    of(tensor).map(Some).map_err(failed)
}

fn of(tensor: QTensor) -> candle_core::Result<Products> {
    let (outputs, inputs) = tensor.shape().dims2()?;
    let kind = format!("{:?}", tensor.dtype());
    // candle's take as many threads as it finds, whatever is asked for.
    let threads = candle_core::utils::get_num_threads();
    let ours = Packed::from_quantized(&tensor)?;
    let values = tensor.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
    let candle = QMatMul::from_qtensor(tensor)?;
    let activations = |rows: usize| -> Vec<f32> {
        // Irrational steps: as good as drawn, and the same each time.
        (0..rows * inputs).map(|place| (place as f32 * 0.618_034).fract() * 2.0 - 1.0).collect()
    };
    let mut rows_of = Vec::new();
    let (mut error, mut candle_error) = (0.0, 0.0);
    // All of ours first: candle's threads go on waiting busily for a while.
    for rows in ROWS {
        let x = activations(rows);
        let mut out = vec![0.0; rows * outputs];
        let seconds = fastest(|| {
            ours.product(&mut out, &x, false, threads, false);
            Ok(())
        })?;
        rows_of.push(Timed { rows, seconds, candle_seconds: 0.0 });
        if rows == CHECKED {
            error = largest_error(&out, &x, &values, inputs);
        }
    }
    for timed in &mut rows_of {
        let x = activations(timed.rows);
        let tensor = Tensor::from_slice(&x, (timed.rows, inputs), &Device::Cpu)?;
        let mut out = tensor.clone();
        timed.candle_seconds = fastest(|| {
            out = candle.forward(&tensor)?;
            Ok(())
        })?;
        if timed.rows == CHECKED {
            candle_error = largest_error(&out.flatten_all()?.to_vec1::<f32>()?, &x, &values, inputs);
        }
    }
    Ok(Products { kind, outputs, inputs, threads, rows: rows_of, error, candle_error })
}

/// Seconds of the fastest of some times.
fn fastest(mut work: impl FnMut() -> candle_core::Result<()>) -> candle_core::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        let started = Instant::now();
        work()?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// The largest difference to products in f64, as a part of the sum of their terms without signs.
fn largest_error(products: &[f32], x: &[f32], weights: &[f32], inputs: usize) -> f64 {
    let of = |x: &[f32], weights: &[f32], product: f32| {
        let terms = x.iter().zip(weights).map(|(x, weight)| f64::from(*x) * f64::from(*weight));
        let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
        (sum - f64::from(product)).abs() / size.max(f64::MIN_POSITIVE)
    };
    let pairs = x.chunks_exact(inputs).flat_map(|x| weights.chunks_exact(inputs).map(move |weights| (x, weights)));
    pairs.zip(products).map(|((x, weights), product)| of(x, weights, *product)).fold(0.0, f64::max)
}

impl Products {
    /// Lines of a table: what was measured, and what is used for which rows and why.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let times = |of: fn(&Timed) -> f64| -> String {
            self.rows.iter().map(|timed| format!("{:>8.2}", of(timed) * 1e3)).collect()
        };
        let threads = if self.threads == 1 { "one thread".to_owned() } else { format!("{} threads", self.threads) };
        let faster: Vec<String> = self
            .rows
            .iter()
            .filter(|timed| timed.candle_seconds < timed.seconds)
            .map(|timed| timed.rows.to_string())
            .collect();
        let but = match &faster[..] {
            [] => String::new(),
            rows => format!("; candle's is faster for {} and not used for that", rows.join(", ")),
        };
        let rows: String = self.rows.iter().map(|timed| format!("{:>8}", timed.rows)).collect();
        let products = format!("{} × {} in {}, {threads}, in milliseconds", self.outputs, self.inputs, self.kind);
        vec![
            ("products", products),
            ("", format!("rows   {rows}")),
            ("", format!("ours   {}   off by {:.0e} of a product's terms at most", times(|of| of.seconds), self.error)),
            (
                "",
                format!(
                    "candle {}   off by {:.0e}: it rounds activations to 8 bits",
                    times(|of| of.candle_seconds),
                    self.candle_error
                ),
            ),
            ("", format!("ours is used for all rows, since answers are to be those of the model{but}")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::GgmlDType;

    use super::*;

    #[test]
    fn ours_and_candles_are_timed_and_held_against_f64() {
        let values: Vec<f32> = (0..256 * 512).map(|place| (place as f32 * 0.754_877_7).fract() - 0.5).collect();
        let tensor = Tensor::from_vec(values, (256, 512), &Device::Cpu).unwrap();
        for dtype in [GgmlDType::Q4K, GgmlDType::Q8_0, GgmlDType::Q4_1] {
            let products = of(QTensor::quantize(&tensor, dtype).unwrap()).unwrap();
            assert_eq!((products.outputs, products.inputs), (256, 512));
            assert!(products.error < 1.2e-5, "{dtype:?}: {}", products.error);
            assert!(
                products.candle_error > products.error && products.candle_error < 0.05,
                "{}",
                products.candle_error
            );
            assert!(products.rows.iter().all(|timed| timed.seconds > 0.0 && timed.candle_seconds > 0.0));
            let lines: Vec<String> = products.lines().into_iter().map(|(_, text)| text).collect();
            assert!(lines[0].starts_with("256 × 512 in Q"), "{lines:?}");
            assert!(lines[1].ends_with("400") && lines[4].starts_with("ours is used"), "{lines:?}");
        }
    }
}
