//! The Llama family, Qwen2 and Qwen3: one decoder, differing in biases, norms of queries and keys, tied embeddings and
//! RoPE.
//!
//! Follows transformers' `modeling_llama.py`, `modeling_qwen2.py` and `modeling_qwen3.py` in its numbers. What they do not
//! do: rows are packed instead of padded, the last layer computes only the tokens whose output is wanted, and logits
//! exist for those alone.

use candle_core::{Result, Tensor};

use super::config::DecoderConfig;
use super::kv::Batch;
use super::ops::{BatchOf, Heads, Linear, Ops, Rotation, Weight};
use super::packed::Form;

struct Layer {
    input_norm: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    q_norm: Option<Tensor>,
    k_norm: Option<Tensor>,
    o: Linear,
    post_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl Layer {
    fn matrices(&self) -> [&Linear; 7] {
        [&self.q, &self.k, &self.v, &self.o, &self.gate, &self.up, &self.down]
    }
}

/// A decoder's weights.
pub struct Decoder {
    config: DecoderConfig,
    embeddings: Weight,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Linear,
    /// RoPE's angular frequency of each pair of a head's elements.
    frequencies: Vec<f32>,
}

/// What gives a decoder its weights: by the names of the hub, each with the shape it must have.
pub trait Source {
    /// Errors of the source.
    type Error;
    /// The tensor called `name`.
    fn tensor(&self, name: &str, shape: &[usize]) -> std::result::Result<Tensor, Self::Error>;
    /// The matrix called `name`, as the operations take it that the decoder will run on.
    fn matrix(&self, name: &str, shape: &[usize]) -> std::result::Result<Weight, Self::Error>;
}

impl Decoder {
    /// Reads the weights.
    pub fn load<S: Source>(config: DecoderConfig, source: &S) -> std::result::Result<Self, S::Error> {
        let hidden = config.hidden_size;
        let q_width = config.heads * config.head_dim;
        let kv_width = config.kv_heads * config.head_dim;
        let linear = |name: String, out: usize, input: usize, bias: bool| {
            let weight = source.matrix(&format!("{name}.weight"), &[out, input])?;
            let bias = if bias { Some(source.tensor(&format!("{name}.bias"), &[out])?) } else { None };
            Ok(Linear { weight, bias })
        };
        let norm = |name: String| source.tensor(&name, &[hidden]);
        let head_norm = |name: String| {
            if config.qk_norm { source.tensor(&name, &[config.head_dim]).map(Some) } else { Ok(None) }
        };
        let mut layers = Vec::new();
        for index in 0..config.layers {
            let at = format!("model.layers.{index}");
            layers.push(Layer {
                input_norm: norm(format!("{at}.input_layernorm.weight"))?,
                q: linear(format!("{at}.self_attn.q_proj"), q_width, hidden, config.qkv_bias)?,
                k: linear(format!("{at}.self_attn.k_proj"), kv_width, hidden, config.qkv_bias)?,
                v: linear(format!("{at}.self_attn.v_proj"), kv_width, hidden, config.qkv_bias)?,
                q_norm: head_norm(format!("{at}.self_attn.q_norm.weight"))?,
                k_norm: head_norm(format!("{at}.self_attn.k_norm.weight"))?,
                o: linear(format!("{at}.self_attn.o_proj"), hidden, q_width, config.output_bias)?,
                post_norm: norm(format!("{at}.post_attention_layernorm.weight"))?,
                gate: linear(format!("{at}.mlp.gate_proj"), config.intermediate_size, hidden, config.mlp_bias)?,
                up: linear(format!("{at}.mlp.up_proj"), config.intermediate_size, hidden, config.mlp_bias)?,
                down: linear(format!("{at}.mlp.down_proj"), hidden, config.intermediate_size, config.mlp_bias)?,
            });
        }
        let embeddings = source.matrix("model.embed_tokens.weight", &[config.vocab_size, hidden])?;
        let head = if config.tie_embeddings {
            Linear { weight: embeddings.clone(), bias: None }
        } else {
            linear("lm_head".to_owned(), config.vocab_size, hidden, false)?
        };
        let norm = norm("model.norm.weight".to_owned())?;
        let frequencies = config.rope.inverse_frequencies(config.head_dim);
        Ok(Self { config, embeddings, layers, norm, head, frequencies })
    }

    /// The configuration.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// How the numbers of its matrices are held, and how many bytes each kind takes, the largest first; empty where they are
    /// tensors of a device.
    pub fn forms(&self) -> Vec<(Form, usize)> {
        let of_layer = |layer: &'_ Layer| layer.matrices().map(|of| of.weight.clone());
        let mut bytes: Vec<(Form, usize)> = Vec::new();
        let mut weights: Vec<Weight> = self.layers.iter().flat_map(of_layer).chain([self.embeddings.clone()]).collect();
        if !self.config.tie_embeddings {
            weights.push(self.head.weight.clone());
        }
        for weight in &weights {
            let Weight::Packed(packed) = weight else { continue };
            match bytes.iter_mut().find(|(form, _)| *form == packed.form()) {
                Some((_, sum)) => *sum += packed.bytes(),
                None => bytes.push((packed.form(), packed.bytes())),
            }
        }
        bytes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        bytes
    }

    /// Tokens of a pass up to which the keys and values of one may depend, in their last bits, on how many there are.
    pub fn few_rows(&self) -> usize {
        let matrices = |layer: &'_ Layer| layer.matrices().map(|of| of.weight.clone());
        let of = |weight| if let Weight::Packed(packed) = weight { packed.few_rows() } else { 0 };
        self.layers.iter().flat_map(matrices).map(of).max().unwrap_or(0)
    }

    /// Bytes that one token takes in a cache of keys and values.
    pub fn cache_bytes_per_token(&self, bytes_per_number: usize) -> usize {
        2 * self.config.layers * self.config.kv_heads * self.config.head_dim * bytes_per_number
    }

    /// Each position's cosines and sines are computed once: rows of a batch stand at the same ones.
    fn rotation<O: Ops>(&self, ops: &O, positions: &[usize]) -> Result<Rotation<O::Mat>> {
        let half = self.frequencies.len();
        let mut distinct = positions.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let places: Vec<usize> = positions.iter().filter_map(|at| distinct.binary_search(at).ok()).collect();
        let angles = || distinct.iter().flat_map(|&at| self.frequencies.iter().map(move |f| at as f32 * f));
        let rows = |values: Vec<f32>| ops.select(&ops.mat(values, half)?, &places);
        Ok(Rotation { cos: rows(angles().map(f32::cos).collect())?, sin: rows(angles().map(f32::sin).collect())? })
    }

    /// Runs the new tokens of a batch and gives the normalised hidden states of the wanted ones, one row for each of
    /// [`Batch::queries`], which are of no use where there are none. The rows' past, where the batch has one, grows by the new
    /// tokens.
    pub fn forward<O: Ops>(&self, ops: &O, batch: &mut BatchOf<'_, O>) -> Result<O::Mat> {
        match self.forward_while(ops, batch, &mut || true)? {
            Some(hidden) => Ok(hidden),
            None => candle_core::bail!("a forward pass that goes on was stopped"),
        }
    }

    /// The same as long as `go_on` says so, which is asked before each layer; none once it has said no. The past is
    /// half filled then and of no use.
    pub fn forward_while<O: Ops>(
        &self,
        ops: &O,
        batch: &mut BatchOf<'_, O>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<O::Mat>> {
        let config = &self.config;
        let heads = Heads { query: config.heads, kv: config.kv_heads, dim: config.head_dim };
        let queries = batch.queries();
        let positions = batch.positions();
        let rotation = self.rotation(ops, &positions)?;
        // In all layers but the last, every token is a query.
        let every: Vec<_> = batch.rows.iter().map(|row| super::kv::Row { wanted: 0, ..row.clone() }).collect();
        let wanted_layout = ops.layout(batch)?;
        let layout = ops.layout(&Batch { rows: &every, shared: batch.shared, past: batch.past.as_deref_mut() })?;
        let mut x = ops.embed(&self.embeddings, &batch.ids())?;
        for (index, layer) in self.layers.iter().enumerate() {
            if !go_on() {
                return Ok(None);
            }
            let last = index + 1 == self.layers.len();
            let normed = ops.rms_norm(&x, &layer.input_norm, config.rms_norm_eps)?;
            let mut k = ops.linear(&normed, &layer.k)?;
            let v = ops.linear(&normed, &layer.v)?;
            if let Some(norm) = &layer.k_norm {
                k = ops.head_norm(k, norm, config.rms_norm_eps)?;
            }
            k = ops.rope(k, config.kv_heads, &rotation)?;
            ops.keep(index, heads, &k, &v, batch, &layout)?;
            if last && queries.is_empty() {
                break;
            }
            let normed = if last { ops.select(&normed, &queries)? } else { normed };
            if last {
                x = ops.select(&x, &queries)?;
            }
            let mut q = ops.linear(&normed, &layer.q)?;
            if let Some(norm) = &layer.q_norm {
                q = ops.head_norm(q, norm, config.rms_norm_eps)?;
            }
            let attended = if last {
                let wanted = |of: &O::Mat| ops.select(of, &queries);
                let rotation = Rotation { cos: wanted(&rotation.cos)?, sin: wanted(&rotation.sin)? };
                q = ops.rope(q, config.heads, &rotation)?;
                ops.attend(index, heads, &q, &k, &v, batch, &wanted_layout)?
            } else {
                q = ops.rope(q, config.heads, &rotation)?;
                let all = Batch { rows: &every, shared: batch.shared, past: batch.past.as_deref_mut() };
                ops.attend(index, heads, &q, &k, &v, &all, &layout)?
            };
            x = ops.add_linear(x, &attended, &layer.o)?;
            let normed = ops.rms_norm(&x, &layer.post_norm, config.rms_norm_eps)?;
            let gated = ops.silu_mul(ops.linear(&normed, &layer.gate)?, ops.linear(&normed, &layer.up)?)?;
            x = ops.add_linear(x, &gated, &layer.down)?;
        }
        if let Some(past) = batch.past.as_deref_mut() {
            for (len, row) in past.lens.iter_mut().zip(batch.rows) {
                *len += row.len();
            }
        }
        // A GPU has no matrices without rows: where nothing is wanted, what comes back is of no use.
        if queries.is_empty() { Ok(Some(x)) } else { ops.rms_norm(&x, &self.norm, config.rms_norm_eps).map(Some) }
    }

    /// Logits over the vocabulary, `[rows, vocabulary]`, of hidden states as [`Self::forward`] gives them.
    pub fn logits<O: Ops>(&self, ops: &O, hidden: &O::Mat) -> Result<O::Mat> {
        ops.linear(hidden, &self.head)
    }
}
