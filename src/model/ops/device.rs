//! Operations on candle tensors: what runs on a GPU, in its own number format.
//!
//! Rows stay packed in every layer but attention, whose own part is padded to the longest row; the shared prefix is
//! attended to by all queries in one product. Softmax and norms are computed in f32.

use candle_core::{D, DType, Device as Candle, Result, Tensor, bail};

use super::{Heads, Linear, Ops, Rotation, Weight};
use crate::model::kv::{Batch, Row};

/// Operations on tensors of one device and number format.
#[derive(Clone, Debug)]
pub struct Device {
    /// Where the tensors are.
    pub device: Candle,
    /// Their number format.
    pub dtype: DType,
}

/// Keys and values: for each layer two tensors `[tokens, kv heads · head dim]`.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    layers: Vec<(Tensor, Tensor)>,
}

impl Device {
    /// `[tokens, heads · dim]` to `[heads, tokens, dim]`, each kv head repeated for the query heads that share it.
    fn heads(&self, x: &Tensor, heads: usize, dim: usize, repeat: usize) -> Result<Tensor> {
        let tokens = x.dim(0)?;
        let x = x.reshape((tokens, heads, dim))?.transpose(0, 1)?;
        if repeat == 1 {
            return x.contiguous();
        }
        x.unsqueeze(1)?.expand((heads, repeat, tokens, dim))?.contiguous()?.reshape((heads * repeat, tokens, dim))
    }

    /// Each row's own keys or values padded to `longest` tokens: `[rows, longest, width]`.
    fn padded(
        &self,
        layer: usize,
        new: &Tensor,
        of_values: bool,
        batch: &Batch<'_, Cache>,
        longest: usize,
    ) -> Result<Tensor> {
        if let Some(caches) = batch.caches.as_deref() {
            let mut rows = Vec::with_capacity(caches.len());
            for (_, cache) in caches {
                let Some((keys, values)) = cache.layers.get(layer) else {
                    bail!("a row without keys in layer {layer}")
                };
                let own = if of_values { values } else { keys };
                rows.push(own.pad_with_zeros(0, 0, longest - own.dim(0)?)?);
            }
            return Tensor::stack(&rows, 0);
        }
        let spans = batch.spans();
        let places: Vec<u32> = spans
            .iter()
            .flat_map(|span| (0..longest).map(|place| if place < span.len() { (span.start + place) as u32 } else { 0 }))
            .collect();
        let places = Tensor::from_vec(places, spans.len() * longest, &self.device)?;
        new.index_select(&places, 0)?.reshape((spans.len(), longest, new.dim(1)?))
    }
}

fn tensor(weight: &Weight) -> Result<&Tensor> {
    match weight {
        Weight::Tensor(tensor) => Ok(tensor),
        Weight::Packed(_) => bail!("weights that were read for the CPU"),
    }
}

fn soft(x: &Tensor) -> Result<Tensor> {
    let exp = x.broadcast_sub(&x.max_keepdim(D::Minus1)?)?.exp()?;
    exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)
}

impl Ops for Device {
    type Mat = Tensor;
    type Cache = Cache;

    fn mat(&self, values: Vec<f32>, width: usize) -> Result<Tensor> {
        let rows = values.len() / width.max(1);
        Tensor::from_vec(values, (rows, width), &self.device)?.to_dtype(self.dtype)
    }

    fn values(&self, x: &Tensor) -> Result<Vec<f32>> {
        x.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
    }

    fn embed(&self, table: &Weight, ids: &[u32]) -> Result<Tensor> {
        let table = tensor(table)?;
        let vocabulary = table.dim(0)?;
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
            bail!("token {id} is outside the vocabulary of {vocabulary}");
        }
        table.index_select(&Tensor::new(ids, &self.device)?, 0)
    }

    fn rms_norm(&self, x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
        let x = x.to_dtype(DType::F32)?;
        let scale = (x.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?;
        x.broadcast_div(&scale)?.to_dtype(self.dtype)?.broadcast_mul(weight)
    }

    fn head_norm(&self, x: Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
        let (rows, width) = x.dims2()?;
        let dim = weight.dim(0)?;
        self.rms_norm(&x.reshape((rows * width / dim.max(1), dim))?, weight, eps)?.reshape((rows, width))
    }

    fn linear(&self, x: &Tensor, layer: &Linear) -> Result<Tensor> {
        let out = x.matmul(&tensor(&layer.weight)?.t()?)?;
        match &layer.bias {
            Some(bias) => out.broadcast_add(bias),
            None => Ok(out),
        }
    }

    fn add_linear(&self, sum: Tensor, x: &Tensor, layer: &Linear) -> Result<Tensor> {
        sum + self.linear(x, layer)?
    }

    fn rope(&self, x: Tensor, heads: usize, rotation: &Rotation<Tensor>) -> Result<Tensor> {
        let (rows, width) = x.dims2()?;
        let half = rotation.cos.dim(1)?;
        let x = x.reshape((rows, heads, 2 * half))?.to_dtype(DType::F32)?;
        let (low, high) = (x.narrow(2, 0, half)?, x.narrow(2, half, half)?);
        let cos = rotation.cos.to_dtype(DType::F32)?.unsqueeze(1)?;
        let sin = rotation.sin.to_dtype(DType::F32)?.unsqueeze(1)?;
        let turned_low = (low.broadcast_mul(&cos)? - high.broadcast_mul(&sin)?)?;
        let turned_high = (high.broadcast_mul(&cos)? + low.broadcast_mul(&sin)?)?;
        Tensor::cat(&[turned_low, turned_high], 2)?.reshape((rows, width))?.to_dtype(self.dtype)
    }

    fn silu_mul(&self, gate: Tensor, up: Tensor) -> Result<Tensor> {
        gate.silu()? * up
    }

    fn select(&self, x: &Tensor, rows: &[usize]) -> Result<Tensor> {
        let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        x.index_select(&Tensor::new(rows, &self.device)?, 0)
    }

    fn beginning(&self, cache: &Cache, tokens: usize) -> Result<Cache> {
        let first = |tensor: &Tensor| tensor.narrow(0, 0, tokens);
        let layers = cache.layers.iter().map(|(keys, values)| Ok((first(keys)?, first(values)?)));
        Ok(Cache { layers: layers.collect::<Result<_>>()? })
    }

    fn keep(&self, layer: usize, k: &Tensor, v: &Tensor, batch: &mut Batch<'_, Cache>) -> Result<()> {
        let spans = batch.spans();
        let Some(caches) = batch.caches.as_deref_mut() else { return Ok(()) };
        for ((_, cache), span) in caches.iter_mut().zip(spans) {
            let (new_keys, new_values) = (k.narrow(0, span.start, span.len())?, v.narrow(0, span.start, span.len())?);
            match cache.layers.get_mut(layer) {
                Some((keys, values)) => {
                    *keys = Tensor::cat(&[&*keys, &new_keys], 0)?;
                    *values = Tensor::cat(&[&*values, &new_values], 0)?;
                }
                None => cache.layers.push((new_keys.copy()?, new_values.copy()?)),
            }
        }
        Ok(())
    }

    fn attend(
        &self,
        layer: usize,
        heads: Heads,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        batch: &Batch<'_, Cache>,
    ) -> Result<Tensor> {
        let repeat = heads.query / heads.kv.max(1);
        let count = q.dim(0)?;
        let scale = 1.0 / (heads.dim as f64).sqrt();
        let rows = batch.rows.len();
        let past: Vec<usize> = (0..rows).map(|row| batch.past(row)).collect();
        let longest = batch.rows.iter().zip(&past).map(|(row, past)| past + row.len()).max().unwrap_or(0);
        let queries = |row: &Row| row.len() - row.wanted.min(row.len());
        let most = batch.rows.iter().map(queries).max().unwrap_or(0);
        if count == 0 {
            return Ok(q.clone());
        }

        // Where each query of the packed list stands in the padded [rows, most], and back.
        let mut to_padded = vec![0u32; rows * most];
        let mut to_packed = Vec::with_capacity(count);
        let mut mask = vec![f32::NEG_INFINITY; rows * most * longest];
        for (index, row) in batch.rows.iter().enumerate() {
            for query in 0..queries(row) {
                let padded = index * most + query;
                to_padded[padded] = to_packed.len() as u32;
                to_packed.push(padded as u32);
                let place = row.wanted + query;
                let seen = &mut mask[padded * longest..(padded + 1) * longest];
                seen[..past[index]].fill(0.0);
                for other in (0..row.len()).filter(|&other| row.sees(place, other)) {
                    seen[past[index] + other] = 0.0;
                }
            }
            // A padded query sees something, so that its softmax is a number; it is never read.
            for padded in queries(row)..most {
                mask[(index * most + padded) * longest] = 0.0;
            }
        }
        let to_padded = Tensor::from_vec(to_padded, rows * most, &self.device)?;
        let to_packed = Tensor::from_vec(to_packed, count, &self.device)?;
        let mask = Tensor::from_vec(mask, (rows, 1, most, longest), &self.device)?;

        let width = heads.query * heads.dim;
        let own = |x: Tensor| -> Result<Tensor> {
            let x = x.reshape((rows, longest, heads.kv, 1, heads.dim))?;
            let x = x.expand((rows, longest, heads.kv, repeat, heads.dim))?.contiguous()?;
            x.reshape((rows, longest, heads.query, heads.dim))?.transpose(1, 2)?.contiguous()
        };
        let own_keys = own(self.padded(layer, k, false, batch, longest)?)?;
        let own_values = own(self.padded(layer, v, true, batch, longest)?)?;
        let padded_q = q.index_select(&to_padded, 0)?.reshape((rows, most, heads.query, heads.dim))?;
        let padded_q = padded_q.transpose(1, 2)?.contiguous()?;
        // [rows, heads, most, longest], then packed to [heads, queries, longest]
        let own_scores = (padded_q.matmul(&own_keys.t()?)?.to_dtype(DType::F32)? * scale)?.broadcast_add(&mask)?;
        let own_scores = own_scores.transpose(0, 1)?.contiguous()?.reshape((heads.query, rows * most, longest))?;
        let own_scores = own_scores.index_select(&to_packed, 1)?;

        let packed_q = self.heads(q, heads.query, heads.dim, 1)?;
        let mut parts = Vec::with_capacity(batch.shared.len() + 1);
        for (_, cache) in batch.shared {
            let Some((keys, _)) = cache.layers.get(layer) else { bail!("a shared prefix without layer {layer}") };
            let keys = self.heads(keys, heads.kv, heads.dim, repeat)?;
            parts.push((packed_q.matmul(&keys.t()?)?.to_dtype(DType::F32)? * scale)?);
        }
        parts.push(own_scores);
        let weights = soft(&Tensor::cat(&parts, 2)?)?.to_dtype(self.dtype)?;

        let mut at = 0;
        let mut sum: Option<Tensor> = None;
        for (len, cache) in batch.shared {
            let Some((_, values)) = cache.layers.get(layer) else { bail!("a shared prefix without layer {layer}") };
            let values = self.heads(values, heads.kv, heads.dim, repeat)?;
            let part = weights.narrow(2, at, *len)?.contiguous()?.matmul(&values)?;
            at += len;
            sum = Some(match sum {
                Some(sum) => (sum + part)?,
                None => part,
            });
        }
        let own_weights = weights.narrow(2, at, longest)?.contiguous()?.index_select(&to_padded, 1)?;
        let own_weights = own_weights.reshape((heads.query, rows, most, longest))?.transpose(0, 1)?.contiguous()?;
        let own_part = own_weights.matmul(&own_values)?.transpose(0, 1)?.contiguous()?;
        let own_part = own_part.reshape((heads.query, rows * most, heads.dim))?.index_select(&to_packed, 1)?;
        let out = match sum {
            Some(sum) => (sum + own_part)?,
            None => own_part,
        };
        out.transpose(0, 1)?.contiguous()?.reshape((count, width))
    }
}
