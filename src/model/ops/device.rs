//! Operations on candle tensors: what runs on a GPU, in its own number format.
//!
//! Rows stay packed everywhere but in attention, whose own part is padded to the longest row; the shared prefix is
//! attended to by all queries in one product. Softmax and norms are computed in f32. What is read back is what was asked
//! for: log-probabilities and the likeliest tokens, not logits.

use candle_core::{D, DType, Device as Candle, Result, Tensor, bail};

use super::{BatchOf, Heads, Linear, Ops, Rotation, Weight};
use crate::model::kv::Row;

/// Operations on tensors of one device and number format.
#[derive(Clone, Debug)]
pub struct Device {
    /// Where the tensors are.
    pub device: Candle,
    /// Their number format.
    pub dtype: DType,
}

/// Products are several times slower where a matrix has rows of numbers that do not fill so many: prefixes and rows are padded.
const ALIGNED: usize = 8;

/// Keys and values: for each layer two tensors `[kv heads, tokens, head dim]`, aligned by zeros behind the tokens.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    layers: Vec<(Tensor, Tensor)>,
}

/// Keys and values of several rows, padded to columns: for each layer two tensors `[kv heads, rows, columns, head dim]`.
#[derive(Clone, Debug, Default)]
pub struct Past {
    layers: Vec<(Tensor, Tensor)>,
    /// For each row which columns hold a token.
    real: Vec<Vec<bool>>,
}

impl Past {
    fn columns(&self) -> usize {
        self.real.first().map_or(0, Vec::len)
    }

    /// The same with padding behind, up to so many columns.
    fn widened(mut self, columns: usize) -> Result<Self> {
        let more = columns - self.columns();
        if more > 0 {
            for (keys, values) in &mut self.layers {
                *keys = keys.pad_with_zeros(2, 0, more)?;
                *values = values.pad_with_zeros(2, 0, more)?;
            }
            self.real.iter_mut().for_each(|row| row.resize(columns, false));
        }
        Ok(self)
    }
}

/// `[kv heads, tokens, head dim]` with zeros behind, so that the number of tokens is aligned.
fn aligned(x: Tensor) -> Result<Tensor> {
    let tokens = x.dim(1)?;
    match tokens.next_multiple_of(ALIGNED) - tokens {
        0 => Ok(x),
        more => x.pad_with_zeros(1, 0, more),
    }
}

/// Packed rows, and the same padded to the longest: `[rows, longest]` places.
#[derive(Debug)]
struct Padding {
    rows: usize,
    longest: usize,
    /// For each padded place the packed row, the first one where there is none; nothing where no row is padded.
    spread: Option<Tensor>,
    /// For each packed row its padded place.
    back: Option<Tensor>,
}

impl Padding {
    /// To the longest of the rows, and to a multiple of `unit`.
    fn new(lengths: impl Iterator<Item = usize> + Clone, unit: usize, device: &Candle) -> Result<Self> {
        let (rows, longest) = lengths.clone().fold((0, 0), |(rows, longest), len| (rows + 1, len.max(longest)));
        let longest = longest.next_multiple_of(unit);
        if lengths.clone().all(|len| len == longest) {
            return Ok(Self { rows, longest, spread: None, back: None });
        }
        let mut spread = vec![0u32; rows * longest];
        let mut back = Vec::new();
        for (row, len) in lengths.enumerate() {
            for place in row * longest..row * longest + len {
                if let Some(spread) = spread.get_mut(place) {
                    *spread = back.len() as u32;
                }
                back.push(place as u32);
            }
        }
        Ok(Self { rows, longest, spread: Some(Tensor::new(spread, device)?), back: Some(Tensor::new(back, device)?) })
    }

    fn pad(&self, x: &Tensor) -> Result<Tensor> {
        self.spread.as_ref().map_or_else(|| Ok(x.clone()), |places| x.index_select(places, 0))
    }

    fn pack(&self, x: Tensor) -> Result<Tensor> {
        match &self.back {
            Some(places) => x.index_select(places, 0),
            None => Ok(x),
        }
    }

    /// Packed `[tokens, kv heads · head dim]` to `[kv heads, rows, longest, head dim]`.
    fn keys(&self, x: &Tensor, heads: Heads) -> Result<Tensor> {
        let x = self.pad(x)?.reshape((self.rows, self.longest, heads.kv, heads.dim))?;
        x.permute((2, 0, 1, 3))?.contiguous()
    }
}

/// Where the tokens of a batch lie and what they see.
#[derive(Debug)]
pub struct Layout {
    queries: Padding,
    tokens: Padding,
    /// 0 where a query sees a column, negative infinity where it does not: `[rows, queries, columns]`.
    mask: Tensor,
}

impl Device {
    /// Keys and values that all rows see, in one aligned piece.
    fn prefix(&self, layer: usize, shared: &[(usize, Cache)]) -> Result<Option<(Tensor, Tensor)>> {
        let of_layer = shared.iter().map(|(_, cache)| cache.layers.get(layer));
        let Some(parts) = of_layer.collect::<Option<Vec<_>>>() else { bail!("a shared prefix without layer {layer}") };
        Ok(match &*parts {
            [] => None,
            [both] => Some((*both).clone()),
            parts => {
                let lens = shared.iter().map(|(len, _)| *len);
                let tokens = parts
                    .iter()
                    .zip(lens)
                    .map(|((keys, values), len)| Ok((keys.narrow(1, 0, len)?, values.narrow(1, 0, len)?)));
                let (keys, values): (Vec<_>, Vec<_>) = tokens.collect::<Result<Vec<_>>>()?.into_iter().unzip();
                Some((aligned(Tensor::cat(&keys, 1)?)?, aligned(Tensor::cat(&values, 1)?)?))
            }
        })
    }
}

/// Attention's weights, from the scores of the prefix that all see, `[kv heads, rows · repeat · queries, prefix]`, and of
/// each row's own columns, `[kv heads · rows, repeat · queries, columns]`: one softmax over both, in f32. What lies behind
/// the prefix's tokens, whose number is beside its scores, gets no weight.
fn soft(
    prefix: Option<(Tensor, usize)>,
    own: Tensor,
    mask: &Tensor,
    [kv_heads, repeat]: [usize; 2],
    scale: f32,
) -> Result<(Option<Tensor>, Tensor)> {
    #[cfg(feature = "cuda")]
    if own.device().is_cuda() {
        return super::fused::soft(prefix, &own, mask, repeat, scale);
    }
    let (rows, queries, columns) = mask.dims3()?;
    let format = own.dtype();
    let scaled = |x: &Tensor, width: usize| {
        x.to_dtype(DType::F32)?.reshape((kv_heads, rows, repeat, queries, width))? * f64::from(scale)
    };
    let seen = scaled(&own, columns)?.broadcast_add(&mask.reshape((1, rows, 1, queries, columns))?)?;
    let Some((prefix, tokens)) = prefix else {
        return Ok((None, candle_nn::ops::softmax_last_dim(&seen)?.to_dtype(format)?.reshape(own.shape())?));
    };
    let before = prefix.dim(D::Minus1)?;
    let seen = Tensor::cat(&[scaled(&prefix, before)?.narrow(D::Minus1, 0, tokens)?, seen], D::Minus1)?;
    let weights = candle_nn::ops::softmax_last_dim(&seen)?;
    let part = |from: usize, width: usize, like: &Tensor| {
        let part = weights.narrow(D::Minus1, from, width)?.to_dtype(format)?.contiguous()?;
        part.pad_with_zeros(D::Minus1, 0, like.dim(D::Minus1)? - width)?.reshape(like.shape())
    };
    Ok((Some(part(0, tokens, &prefix)?), part(tokens, columns, &own)?))
}

fn tensor(weight: &Weight) -> Result<&Tensor> {
    match weight {
        Weight::Tensor(tensor) => Ok(tensor),
        Weight::Packed(_) => bail!("weights that were read for the CPU"),
    }
}

impl Ops for Device {
    const TOGETHER: usize = 16_384;
    const LOGIT_ROWS: usize = 256;

    type Mat = Tensor;
    type Cache = Cache;
    type Past = Past;
    type Layout = Layout;

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
        candle_nn::ops::rms_norm(x, weight, eps as f32)
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
        let x = x.reshape((1, rows, heads, width / heads.max(1)))?;
        candle_nn::rotary_emb::rope_thd(&x, &rotation.cos, &rotation.sin)?.reshape((rows, width))
    }

    fn silu_mul(&self, gate: Tensor, up: Tensor) -> Result<Tensor> {
        gate.silu()? * up
    }

    fn select(&self, x: &Tensor, rows: &[usize]) -> Result<Tensor> {
        let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        x.index_select(&Tensor::new(rows, &self.device)?, 0)
    }

    fn logprobs(&self, logits: &Tensor, asked: &[(usize, u32)]) -> Result<Vec<f64>> {
        let (rows, vocabulary) = logits.dims2()?;
        if let Some((row, token)) = asked.iter().find(|(row, token)| *row >= rows || *token as usize >= vocabulary) {
            bail!("token {token} of row {row} is outside {rows} rows of {vocabulary}");
        }
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let logits = logits.to_dtype(DType::F32)?;
        let normalisers = logits.log_sum_exp(D::Minus1)?.to_vec1::<f32>()?;
        let places: Vec<u32> = asked.iter().map(|(row, token)| (row * vocabulary) as u32 + token).collect();
        let picked = logits.flatten_all()?.index_select(&Tensor::new(places, &self.device)?, 0)?.to_vec1::<f32>()?;
        let normaliser = |row: usize| normalisers.get(row).copied().map_or(f64::NAN, f64::from);
        Ok(picked.into_iter().zip(asked).map(|(logit, (row, _))| f64::from(logit) - normaliser(*row)).collect())
    }

    fn best(&self, logits: &Tensor) -> Result<Vec<(u32, f64)>> {
        let logits = logits.to_dtype(DType::F32)?;
        let best = logits.argmax(D::Minus1)?;
        let logprobs = (logits.max(D::Minus1)? - logits.log_sum_exp(D::Minus1)?)?;
        Ok(best.to_vec1::<u32>()?.into_iter().zip(logprobs.to_vec1::<f32>()?.into_iter().map(f64::from)).collect())
    }

    fn beginning(&self, cache: &Cache, tokens: usize) -> Result<Cache> {
        let first = |tensor: &Tensor| aligned(tensor.narrow(1, 0, tokens)?.contiguous()?);
        let layers = cache.layers.iter().map(|(keys, values)| Ok((first(keys)?, first(values)?)));
        Ok(Cache { layers: layers.collect::<Result<_>>()? })
    }

    fn no_past(&self, rows: usize) -> Past {
        Past { layers: Vec::new(), real: vec![Vec::new(); rows] }
    }

    fn behind(&self, cache: Cache, tokens: usize) -> Result<Past> {
        let one = |x: &Tensor| x.narrow(1, 0, tokens)?.contiguous()?.unsqueeze(1);
        let layers = cache.layers.iter().map(|(keys, values)| Ok((one(keys)?, one(values)?)));
        Ok(Past { layers: layers.collect::<Result<_>>()?, real: vec![vec![true; tokens]] })
    }

    fn share(&self, past: Past) -> Result<Cache> {
        let [real] = &*past.real else { bail!("the past of {} rows, not of one", past.real.len()) };
        let columns = (0u32..).zip(real).filter(|(_, real)| **real).map(|(column, _)| column);
        let columns = Tensor::new(columns.collect::<Vec<_>>(), &self.device)?;
        let tokens = |x: &Tensor| aligned(x.squeeze(1)?.index_select(&columns, 1)?);
        let layers = past.layers.iter().map(|(keys, values)| Ok((tokens(keys)?, tokens(values)?)));
        Ok(Cache { layers: layers.collect::<Result<_>>()? })
    }

    fn join(&self, past: Past, others: Past) -> Result<Past> {
        if past.real.is_empty() {
            return Ok(others);
        }
        let columns = past.columns().max(others.columns());
        let (past, others) = (past.widened(columns)?, others.widened(columns)?);
        let both = |a: &Tensor, b: &Tensor| Tensor::cat(&[a, b], 1);
        let layers = past.layers.iter().zip(&others.layers).map(|(a, b)| Ok((both(&a.0, &b.0)?, both(&a.1, &b.1)?)));
        Ok(Past { layers: layers.collect::<Result<_>>()?, real: [past.real, others.real].concat() })
    }

    fn retain(&self, past: Past, keep: &[bool]) -> Result<Past> {
        let rows: Vec<u32> = (0u32..).zip(keep).filter(|(_, keep)| **keep).map(|(row, _)| row).collect();
        let real = past.real.into_iter().zip(keep).filter(|(_, keep)| **keep).map(|(real, _)| real).collect();
        if rows.is_empty() {
            return Ok(Past { layers: Vec::new(), real });
        }
        let rows = Tensor::new(rows, &self.device)?;
        let kept = |x: &Tensor| x.index_select(&rows, 1);
        let layers = past.layers.iter().map(|(keys, values)| Ok((kept(keys)?, kept(values)?)));
        Ok(Past { layers: layers.collect::<Result<_>>()?, real })
    }

    fn layout(&self, batch: &BatchOf<'_, Self>) -> Result<Layout> {
        let count = |row: &Row| row.len() - row.wanted.min(row.len());
        let queries = Padding::new(batch.rows.iter().map(count), 1, &self.device)?;
        // Text that is generated grows by single columns, which are not worth aligning.
        let unit = if batch.rows.iter().all(|row| row.len() < 2) { 1 } else { ALIGNED };
        let tokens = Padding::new(batch.rows.iter().map(Row::len), unit, &self.device)?;
        let before = batch.past.as_ref().map_or(0, |past| past.kept.columns());
        let columns = before + tokens.longest;
        // Where nothing is asked there is a mask all the same: a GPU has no tensors without elements.
        let most = queries.longest.max(1);
        let mut mask = vec![f32::NEG_INFINITY; queries.rows * most * columns];
        for (index, row) in batch.rows.iter().enumerate() {
            let real = batch.past.as_ref().and_then(|past| past.kept.real.get(index));
            for query in 0..queries.longest {
                let first = (index * most + query) * columns;
                let Some(seen) = mask.get_mut(first..first + columns) else { continue };
                if query >= count(row) {
                    // A padded query sees something, so that its softmax is a number; it is never read.
                    seen.fill(0.0);
                    continue;
                }
                let place = row.wanted + query;
                let (past, new) = seen.split_at_mut(before);
                for (seen, real) in past.iter_mut().zip(real.into_iter().flatten()) {
                    *seen = if *real { 0.0 } else { f32::NEG_INFINITY };
                }
                let causal = row.tokens.len();
                for (other, seen) in new.iter_mut().enumerate().take(place + 1) {
                    if other < causal || row.sees(place, other) {
                        *seen = 0.0;
                    }
                }
            }
        }
        let mask = Tensor::from_vec(mask, (queries.rows, most, columns), &self.device)?;
        Ok(Layout { queries, tokens, mask })
    }

    fn keep(
        &self,
        layer: usize,
        heads: Heads,
        k: &Tensor,
        v: &Tensor,
        batch: &mut BatchOf<'_, Self>,
        layout: &Layout,
    ) -> Result<()> {
        let Some(past) = batch.past.as_deref_mut() else { return Ok(()) };
        let (new_keys, new_values) = (layout.tokens.keys(k, heads)?, layout.tokens.keys(v, heads)?);
        match past.kept.layers.get_mut(layer) {
            Some((keys, values)) => {
                *keys = Tensor::cat(&[&*keys, &new_keys], 2)?;
                *values = Tensor::cat(&[&*values, &new_values], 2)?;
            }
            None => past.kept.layers.push((new_keys, new_values)),
        }
        if layer == 0 {
            for (real, row) in past.kept.real.iter_mut().zip(batch.rows) {
                real.extend((0..layout.tokens.longest).map(|place| place < row.len()));
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
        batch: &BatchOf<'_, Self>,
        layout: &Layout,
    ) -> Result<Tensor> {
        let (count, width) = q.dims2()?;
        if count == 0 {
            return Ok(q.clone());
        }
        // Query heads that share keys stand beside each other, so that keys and values are never repeated for them.
        let repeat = heads.query / heads.kv.max(1);
        let (rows, most) = (layout.queries.rows, layout.queries.longest);
        let q = layout.queries.pad(q)?.reshape((rows, most, heads.kv, repeat, heads.dim))?;
        let q = q.permute((2, 0, 3, 1, 4))?.contiguous()?;
        let (keys, values) = match batch.past.as_ref().map(|past| past.kept.layers.get(layer)) {
            Some(Some((keys, values))) => (keys.clone(), values.clone()),
            Some(None) => bail!("rows without keys in layer {layer}"),
            None => (layout.tokens.keys(k, heads)?, layout.tokens.keys(v, heads)?),
        };
        let columns = layout.mask.dim(2)?;
        let own = |x: Tensor| x.reshape((heads.kv * rows, columns, heads.dim));
        let (keys, values) = (own(keys)?, own(values)?);
        let own_scores = q.reshape((heads.kv * rows, repeat * most, heads.dim))?.matmul(&keys.t()?)?;
        let prefix = self.prefix(layer, batch.shared)?;
        let asking = q.reshape((heads.kv, rows * repeat * most, heads.dim))?;
        let prefix_scores = prefix.as_ref().map(|(keys, _)| asking.matmul(&keys.t()?)).transpose()?;

        let scale = 1.0 / (heads.dim as f32).sqrt();
        let prefix_scores = prefix_scores.map(|scores| (scores, batch.shared_len()));
        let (prefix_weights, own_weights) = soft(prefix_scores, own_scores, &layout.mask, [heads.kv, repeat], scale)?;
        let mut out = own_weights.matmul(&values)?.reshape((heads.kv, rows * repeat * most, heads.dim))?;
        if let Some((weights, (_, values))) = prefix_weights.zip(prefix) {
            out = (out + weights.matmul(&values)?)?;
        }
        let out = out.reshape((heads.kv, rows, repeat, most, heads.dim))?.permute((1, 3, 0, 2, 4))?.contiguous()?;
        layout.queries.pack(out.reshape((rows * most, width))?)
    }
}
