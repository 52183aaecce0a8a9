//! The operations that a decoder is made of, in two sets: [`cpu`] on slices with kernels of our own, [`device`] on
//! candle tensors for GPUs. The decoder is written once, for both.

pub mod cpu;
pub mod device;

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::kv::Batch;
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

/// One set of operations. Activations are matrices with a row for each token.
pub trait Ops {
    /// A matrix of activations, `[tokens, width]`.
    type Mat: Clone;
    /// Keys and values of a run of tokens in every layer, growing at its end.
    type Cache: Clone + Default;

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

    /// Keys and values of the first `tokens` tokens of a cache that holds as many or more.
    fn beginning(&self, cache: &Self::Cache, tokens: usize) -> Result<Self::Cache>;
    /// Keeps keys and values of a batch's new tokens in the caches of its rows, if it has any.
    fn keep(&self, layer: usize, k: &Self::Mat, v: &Self::Mat, batch: &mut Batch<'_, Self::Cache>) -> Result<()>;
    /// Attention of the queries to what the batch shares, to each row's own past, and causally (in a tree: to its
    /// ancestors) to the row's new tokens. `q` has a row for each of [`Batch::queries`], `k` and `v` one for each token.
    fn attend(
        &self,
        layer: usize,
        heads: Heads,
        q: &Self::Mat,
        k: &Self::Mat,
        v: &Self::Mat,
        batch: &Batch<'_, Self::Cache>,
    ) -> Result<Self::Mat>;
}
