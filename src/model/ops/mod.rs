//! The operations that a decoder is made of, in two sets: [`cpu`] on slices with kernels of our own, [`device`] on
//! candle tensors for GPUs. The decoder is written once, for both.

pub mod cpu;
pub mod device;
#[cfg(feature = "cuda")]
pub mod fused;

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::kv::{Batch, Past};
use super::packed::Packed;

/// A matrix of weights, as the operations take it that it was read for.
#[derive(Clone, Debug)]
pub enum Weight {
    /// For [`device`].
    Tensor(Tensor),
    /// For [`cpu`].
    Packed(Arc<Packed>),
}

/// A linear layer: `weight` is `[out, in]`, `bias` is `[out]`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// Weights, `[out, in]`.
    pub weight: Weight,
    /// Bias, `[out]`, where the layer has one.
    pub bias: Option<Tensor>,
}

/// The sizes that attention needs.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Query heads.
    pub query: usize,
    /// Key and value heads, each shared by `query / kv` query heads.
    pub kv: usize,
    /// Elements of a head.
    pub dim: usize,
}

/// Cosines and sines of RoPE for the tokens of a batch, `[tokens, dim / 2]` each.
#[derive(Clone, Debug)]
pub struct Rotation<M> {
    /// Cosines.
    pub cos: M,
    /// Sines.
    pub sin: M,
}

/// A batch as a set of operations takes it.
pub type BatchOf<'a, O> = Batch<'a, <O as Ops>::Cache, <O as Ops>::Past>;

/// One set of operations. Activations are matrices with a row for each token.
pub trait Ops {
    /// About how many tokens of several rows make a product as fast as it gets.
    const TOGETHER: usize;
    /// Rows of logits that are held at once.
    const LOGIT_ROWS: usize;

    /// A matrix of activations, `[tokens, width]`.
    type Mat: Clone;
    /// Keys and values of a run of tokens in every layer, which many rows may see.
    type Cache: Clone;
    /// Keys and values of the rows' own pasts in every layer.
    type Past;
    /// Where a batch's tokens lie and what they see, found out once for all layers.
    type Layout;

    /// A matrix from values in row-major order.
    fn mat(&self, values: Vec<f32>, width: usize) -> Result<Self::Mat>;
    /// The values of a matrix in row-major order, as f32.
    fn values(&self, x: &Self::Mat) -> Result<Vec<f32>>;
    /// Rows of the embedding table, `[vocabulary, width]`.
    fn embed(&self, table: &Weight, ids: &[u32]) -> Result<Self::Mat>;
    /// Root-mean-square norm of each row.
    fn rms_norm(&self, x: &Self::Mat, weight: &Tensor, eps: f64) -> Result<Self::Mat>;
    /// The same over each head of each row.
    fn head_norm(&self, x: Self::Mat, weight: &Tensor, eps: f64) -> Result<Self::Mat>;
    /// `x · weightᵀ + bias`.
    fn linear(&self, x: &Self::Mat, layer: &Linear) -> Result<Self::Mat>;
    /// `sum + x · weightᵀ + bias`.
    fn add_linear(&self, sum: Self::Mat, x: &Self::Mat, layer: &Linear) -> Result<Self::Mat>;
    /// Rotates each head by its token's position.
    fn rope(&self, x: Self::Mat, heads: usize, rotation: &Rotation<Self::Mat>) -> Result<Self::Mat>;
    /// `silu(gate) · up`.
    fn silu_mul(&self, gate: Self::Mat, up: Self::Mat) -> Result<Self::Mat>;
    /// The rows named.
    fn select(&self, x: &Self::Mat, rows: &[usize]) -> Result<Self::Mat>;

    /// The log-probabilities of tokens by their logits, `[rows, vocabulary]`: of each `(row, token)` asked for.
    fn logprobs(&self, logits: &Self::Mat, asked: &[(usize, u32)]) -> Result<Vec<f64>>;
    /// The likeliest token of each row of logits, with its log-probability.
    fn best(&self, logits: &Self::Mat) -> Result<Vec<(u32, f64)>>;

    /// Keys and values of the first `tokens` tokens of a cache that holds as many or more.
    fn beginning(&self, cache: &Self::Cache, tokens: usize) -> Result<Self::Cache>;
    /// So many rows without a past.
    fn no_past(&self, rows: usize) -> Self::Past;
    /// The past of one row that goes on behind a cache of so many tokens.
    fn behind(&self, cache: Self::Cache, tokens: usize) -> Result<Self::Past>;
    /// What one row has behind it, for others to share.
    fn share(&self, past: Self::Past) -> Result<Self::Cache>;
    /// The rows of `past` with those of `others` after them.
    fn join(&self, past: Self::Past, others: Self::Past) -> Result<Self::Past>;
    /// The rows that `keep` names, one for each row.
    fn retain(&self, past: Self::Past, keep: &[bool]) -> Result<Self::Past>;

    /// What [`Self::keep`] and [`Self::attend`] need to know of a batch; before its new tokens are kept.
    fn layout(&self, batch: &BatchOf<'_, Self>) -> Result<Self::Layout>;
    /// Keeps keys and values of a batch's new tokens behind its rows' past, if it has one.
    fn keep(
        &self,
        layer: usize,
        heads: Heads,
        k: &Self::Mat,
        v: &Self::Mat,
        batch: &mut BatchOf<'_, Self>,
        layout: &Self::Layout,
    ) -> Result<()>;
    /// Attention of the queries to what the batch shares, to each row's own past, and causally (in a tree: to its
    /// ancestors) to the row's new tokens, which are kept by now. `q` has a row for each of [`Batch::queries`], `k` and
    /// `v` one for each token.
    #[allow(clippy::too_many_arguments)]
    fn attend(
        &self,
        layer: usize,
        heads: Heads,
        q: &Self::Mat,
        k: &Self::Mat,
        v: &Self::Mat,
        batch: &BatchOf<'_, Self>,
        layout: &Self::Layout,
    ) -> Result<Self::Mat>;
}

impl<P> Past<P> {
    /// So many rows without a past.
    pub fn none<O: Ops<Past = P>>(ops: &O, rows: usize) -> Self {
        Self { lens: vec![0; rows], kept: ops.no_past(rows) }
    }

    /// One row that goes on behind a cache of so many tokens.
    pub fn behind<O: Ops<Past = P>>(ops: &O, (len, cache): (usize, O::Cache)) -> Result<Self> {
        Ok(Self { lens: vec![len], kept: ops.behind(cache, len)? })
    }

    /// What one row has behind it, with the number of its tokens.
    pub fn share<O: Ops<Past = P>>(self, ops: &O) -> Result<(usize, O::Cache)> {
        Ok((self.lens.iter().sum(), ops.share(self.kept)?))
    }

    /// These rows with others after them.
    pub fn join<O: Ops<Past = P>>(self, ops: &O, others: Self) -> Result<Self> {
        Ok(Self { lens: [self.lens, others.lens].concat(), kept: ops.join(self.kept, others.kept)? })
    }

    /// The rows that `keep` names, one for each row.
    pub fn retain<O: Ops<Past = P>>(self, ops: &O, keep: &[bool]) -> Result<Self> {
        let lens = self.lens.into_iter().zip(keep).filter(|(_, keep)| **keep).map(|(len, _)| len).collect();
        Ok(Self { lens, kept: ops.retain(self.kept, keep)? })
    }
}
