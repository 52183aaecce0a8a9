//! Operations on the CPU: f32 slices, our own kernels, no padding.

use candle_core::{Result, Storage, Tensor, bail};
use rayon::prelude::*;

use super::{BatchOf, Heads, Linear, Ops, Rotation, Weight};
use crate::model::kernel;
use crate::model::kv;
use crate::model::packed::Packed;
use crate::model::scratch::Buffer;
use attention::{Attention, Piece};

mod attention;

/// Scores of a head below which its attention is not worth waking a thread for: a text being generated has one query.
const MANY_SCORES: usize = 1 << 14;

/// Operations on the CPU with so many threads a product. Rows that are split over threads take one each.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// Threads of one operation.
    pub threads: usize,
    /// Whether the activations of few rows may be rounded to 16 bits in products with quantised weights: for texts, whose
    /// tokens come one by one, and not for scores.
    pub rounded: bool,
}

/// Activations in row-major order.
#[derive(Clone, Debug)]
pub struct Mat {
    data: Buffer,
    width: usize,
}

impl Mat {
    /// Numbers that are all to be written.
    fn new(rows: usize, width: usize) -> Self {
        Self { data: Buffer::of(rows * width), width }
    }

    fn rows(&self) -> usize {
        self.data.len() / self.width.max(1)
    }
}

/// Keys and values: for each layer two row-major matrices of `kv heads · head dim` columns.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    /// Columns of each.
    width: usize,
}

/// Runs `f` on the values of a contiguous f32 tensor on the CPU.
fn with_slice<T>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("a tensor that is not on the CPU") };
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("a tensor that is not contiguous") };
    match storage.as_slice::<f32>()?.get(start..end) {
        Some(values) => Ok(f(values)),
        None => bail!("a tensor outside its storage"),
    }
}

fn packed(weight: &Weight) -> Result<&Packed> {
    match weight {
        Weight::Packed(packed) => Ok(packed),
        Weight::Tensor(_) => bail!("weights that were read for another device"),
    }
}

impl Cpu {
    /// For scores: nothing is rounded.
    pub fn new(threads: usize) -> Self {
        Self { threads, rounded: false }
    }

    /// For texts.
    pub fn rounding(threads: usize) -> Self {
        Self { threads, rounded: true }
    }

    /// `out (+)= x · weightᵀ (+ bias)`
    fn product(&self, out: &mut Mat, x: &Mat, layer: &Linear, add: bool) -> Result<()> {
        packed(&layer.weight)?.product(&mut out.data, &x.data, add, self.threads, self.rounded);
        if let Some(bias) = &layer.bias {
            with_slice(bias, |bias| kernel::add_bias(&mut out.data, bias))?;
        }
        Ok(())
    }

    /// Runs `f` on parts of two matrices with the same number of rows, on several threads where that pays.
    fn by_rows(&self, out: &mut [f32], out_width: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
        let rows = out.len() / out_width.max(1);
        if self.threads < 2 || rows < 64 {
            f(0, out);
        } else {
            let part = rows.div_ceil(self.threads);
            out.par_chunks_mut(part * out_width).enumerate().for_each(|(index, out)| f(index * part, out));
        }
    }
}

impl Ops for Cpu {
    const TOGETHER: usize = 512;
    const LOGIT_ROWS: usize = 32;

    type Mat = Mat;
    type Cache = Cache;
    type Past = Vec<Cache>;
    type Layout = ();

    fn mat(&self, values: Vec<f32>, width: usize) -> Result<Mat> {
        Ok(Mat { data: values.into(), width })
    }

    fn values(&self, x: &Mat) -> Result<Vec<f32>> {
        Ok(x.data.to_vec())
    }

    fn embed(&self, table: &Weight, ids: &[u32]) -> Result<Mat> {
        let table = packed(table)?;
        let (rows, width) = table.shape();
        let mut out = Mat::new(ids.len(), width);
        for (&id, out) in ids.iter().zip(out.data.chunks_exact_mut(width.max(1))) {
            if !table.row(id as usize, out) {
                bail!("token {id} is outside the vocabulary of {rows}");
            }
        }
        Ok(out)
    }

    fn rms_norm(&self, x: &Mat, weight: &Tensor, eps: f64) -> Result<Mat> {
        let mut out = Mat::new(x.rows(), x.width);
        with_slice(weight, |weight| {
            self.by_rows(&mut out.data, x.width, |first, out| {
                kernel::rms_norm(out, &x.data[first * x.width..][..out.len()], weight, eps as f32);
            });
        })?;
        Ok(out)
    }

    fn head_norm(&self, x: Mat, weight: &Tensor, eps: f64) -> Result<Mat> {
        let mut out = Mat::new(x.rows(), x.width);
        with_slice(weight, |weight| kernel::rms_norm(&mut out.data, &x.data, weight, eps as f32))?;
        Ok(out)
    }

    fn linear(&self, x: &Mat, layer: &Linear) -> Result<Mat> {
        let mut out = Mat::new(x.rows(), packed(&layer.weight)?.shape().0);
        self.product(&mut out, x, layer, false)?;
        Ok(out)
    }

    fn add_linear(&self, mut sum: Mat, x: &Mat, layer: &Linear) -> Result<Mat> {
        self.product(&mut sum, x, layer, true)?;
        Ok(sum)
    }

    fn rope(&self, mut x: Mat, heads: usize, rotation: &Rotation<Mat>) -> Result<Mat> {
        let half = rotation.cos.width;
        kernel::rope(&mut x.data, heads, half, &rotation.cos.data, &rotation.sin.data);
        Ok(x)
    }

    fn silu_mul(&self, mut gate: Mat, up: Mat) -> Result<Mat> {
        self.by_rows(&mut gate.data, gate.width, |first, gate| {
            kernel::silu_mul(gate, &up.data[first * up.width..][..gate.len()]);
        });
        Ok(gate)
    }

    fn select(&self, x: &Mat, rows: &[usize]) -> Result<Mat> {
        let mut out = Mat::new(rows.len(), x.width);
        for (out, row) in out.data.chunks_exact_mut(x.width.max(1)).zip(rows) {
            out.copy_from_slice(&x.data[row * x.width..(row + 1) * x.width]);
        }
        Ok(out)
    }

    fn logprobs(&self, logits: &Mat, asked: &[(usize, u32)]) -> Result<Vec<f64>> {
        let rows: Vec<&[f32]> = logits.data.chunks_exact(logits.width.max(1)).collect();
        // Rows are asked for one after another: each is summed up once.
        let mut last: Option<(usize, f64)> = None;
        let of = |&(row, token): &(usize, u32)| -> Option<f64> {
            let values = rows.get(row)?;
            let normaliser = match last {
                Some((known, normaliser)) if known == row => normaliser,
                _ => kernel::log_sum_exp(values),
            };
            last = Some((row, normaliser));
            Some(f64::from(*values.get(token as usize)?) - normaliser)
        };
        match asked.iter().map(of).collect() {
            Some(logprobs) => Ok(logprobs),
            None => bail!("a token outside the vocabulary of {}", logits.width),
        }
    }

    fn best(&self, logits: &Mat) -> Result<Vec<(u32, f64)>> {
        let of = |values: &[f32]| {
            let (token, most) = kernel::best(values);
            (token as u32, f64::from(most) - kernel::log_sum_exp(values))
        };
        Ok(logits.data.chunks_exact(logits.width.max(1)).map(of).collect())
    }

    fn beginning(&self, cache: &Cache, tokens: usize) -> Result<Cache> {
        let total = |values: &[f32], width: usize| values.get(..tokens * width).map(<[f32]>::to_vec);
        let layers = cache.layers.iter().map(|(keys, values)| total(keys, cache.width).zip(total(values, cache.width)));
        match layers.collect::<Option<Vec<_>>>() {
            Some(layers) => Ok(Cache { layers, width: cache.width }),
            None => bail!("a cache of fewer than {tokens} tokens"),
        }
    }

    fn no_past(&self, rows: usize) -> Vec<Cache> {
        vec![Cache::default(); rows]
    }

    fn behind(&self, cache: Cache, _tokens: usize) -> Result<Vec<Cache>> {
        Ok(vec![cache])
    }

    fn share(&self, past: Vec<Cache>) -> Result<Cache> {
        Ok(past.into_iter().next().unwrap_or_default())
    }

    fn join(&self, past: Vec<Cache>, others: Vec<Cache>) -> Result<Vec<Cache>> {
        Ok(past.into_iter().chain(others).collect())
    }

    fn retain(&self, past: Vec<Cache>, keep: &[bool]) -> Result<Vec<Cache>> {
        Ok(past.into_iter().zip(keep).filter(|(_, keep)| **keep).map(|(cache, _)| cache).collect())
    }

    fn layout(&self, _batch: &BatchOf<'_, Self>) -> Result<()> {
        Ok(())
    }

    fn keep(
        &self,
        layer: usize,
        _heads: Heads,
        k: &Mat,
        v: &Mat,
        batch: &mut BatchOf<'_, Self>,
        _layout: &(),
    ) -> Result<()> {
        let spans = batch.spans();
        let Some(past) = batch.past.as_deref_mut() else { return Ok(()) };
        for (cache, span) in past.kept.iter_mut().zip(spans) {
            if cache.layers.len() <= layer {
                cache.layers.resize_with(layer + 1, Default::default);
            }
            cache.width = k.width;
            let (keys, values) = &mut cache.layers[layer];
            keys.extend_from_slice(&k.data[span.start * k.width..span.end * k.width]);
            values.extend_from_slice(&v.data[span.start * v.width..span.end * v.width]);
        }
        Ok(())
    }

    fn attend(
        &self,
        layer: usize,
        heads: Heads,
        q: &Mat,
        k: &Mat,
        v: &Mat,
        batch: &BatchOf<'_, Self>,
        _layout: &(),
    ) -> Result<Mat> {
        let empty = (Vec::new(), Vec::new());
        let shared = batch.shared.iter().map(|(len, cache)| {
            let (keys, values) = cache.layers.get(layer)?;
            Some((*len, keys.as_slice(), values.as_slice()))
        });
        let Some(shared) = shared.collect::<Option<Vec<_>>>() else { bail!("a shared prefix without layer {layer}") };
        let queries = kv::spans(batch.rows.iter().map(|row| row.len() - row.wanted.min(row.len())));
        let rows = batch.rows.iter().zip(queries).zip(batch.spans()).enumerate();
        let pieces = rows.flat_map(|(index, ((row, queries), span))| {
            match batch.past.as_deref().and_then(|past| past.kept.get(index)) {
                // The row's new tokens were kept behind its past already.
                Some(cache) => {
                    let (keys, values) = cache.layers.get(layer).unwrap_or(&empty);
                    Piece::of(row, queries, batch.past_len(index), 0, (keys, values))
                }
                None => Piece::of(row, queries, 0, span.start, (&k.data, &v.data)),
            }
        });
        let attention = Attention::new(heads, &q.data, &shared, pieces.collect());
        let mut out = Mat::new(q.rows(), q.width);
        if out.data.is_empty() {
            return Ok(out);
        }
        if self.threads < 2 || attention.scores() < MANY_SCORES {
            for head in 0..heads.query {
                attention.head(head, &mut out.data[head * heads.dim..], q.width);
            }
        } else {
            // Heads on several threads write to places of their own, put together afterwards.
            let parts: Vec<Buffer> = (0..heads.query)
                .into_par_iter()
                .map(|head| {
                    let mut part = Buffer::of(q.rows() * heads.dim);
                    attention.head(head, &mut part, heads.dim);
                    part
                })
                .collect();
            for (head, part) in parts.iter().enumerate() {
                for (out, part) in out.data.chunks_exact_mut(q.width).zip(part.chunks_exact(heads.dim)) {
                    out[head * heads.dim..][..heads.dim].copy_from_slice(part);
                }
            }
        }
        Ok(out)
    }
}
