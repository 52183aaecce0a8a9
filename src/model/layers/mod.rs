//! The layers of encoders, forward and backward, in two sets: [`cpu`] on slices with kernels of our own, [`device`] on candle
//! tensors for GPUs. The encoder and its backward pass are written once, for both.
//!
//! candle's own norms and softmax have no backward, and its automatic differentiation copies every gradient once more;
//! here each layer says what it keeps and what its gradient is. Rows stay packed: activations are matrices with one row
//! for each real token, and padding is not computed (but in the attention of GPUs).

pub mod cpu;
pub mod device;
mod dropout;
mod kernel;
#[cfg(test)]
mod tests;

use std::ops::Range;

use candle_core::Result;

pub use dropout::{Dropout, seed};

/// What lies between two linear layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · Φ(x)`, with the error function.
    Gelu,
    /// Its approximation with tanh.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// tanh.
    Tanh,
}

/// The texts of a batch: where each begins and ends among its tokens, and whether all tokens ask or the first of each alone.
#[derive(Clone, Debug)]
pub struct Texts {
    /// Tokens of each text, one text behind the other.
    pub spans: Vec<Range<usize>>,
    /// Only the first token of each text asks: all that a classification head reads of the last layer.
    pub first_only: bool,
    /// Tokens to which a text is padded where padding is computed; at least those of the longest.
    pub padded: usize,
}

impl Texts {
    /// Tokens of the longest text.
    pub fn longest(&self) -> usize {
        self.spans.iter().map(Range::len).max().unwrap_or(0)
    }

    /// Where the queries of each text are, among all queries.
    pub fn queries(&self) -> Vec<Range<usize>> {
        match self.first_only {
            true => (0..self.spans.len()).map(|text| text..text + 1).collect(),
            false => self.spans.clone(),
        }
    }

    /// The first token of each text.
    pub fn firsts(&self) -> Vec<u32> {
        self.spans.iter().map(|span| span.start as u32).collect()
    }
}

/// Keys and queries of relative distances (DeBERTa's disentangled attention), one row for each distance from
/// `-(longest − 1)` to `longest − 1`.
#[derive(Debug)]
pub struct Relative<'a, M> {
    /// What queries meet: content to position.
    pub keys: Option<&'a M>,
    /// What keys meet: position to content.
    pub queries: Option<&'a M>,
}

// Derived, it would ask the same of the matrices.
impl<M> Clone for Relative<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Relative<'_, M> {}

impl<M> Relative<'_, M> {
    /// Without positions.
    pub const NONE: Self = Self { keys: None, queries: None };

    /// How many kinds of scores are added up, with that of content to content.
    pub fn kinds(&self) -> usize {
        1 + usize::from(self.keys.is_some()) + usize::from(self.queries.is_some())
    }
}

/// Gradients of attention's inputs.
#[derive(Debug)]
pub struct AttentionGrads<M> {
    /// Of the queries.
    pub q: M,
    /// Of the keys.
    pub k: M,
    /// Of the values.
    pub v: M,
    /// Of [`Relative::keys`].
    pub relative_keys: Option<M>,
    /// Of [`Relative::queries`].
    pub relative_queries: Option<M>,
}

/// What AdamW does to one parameter in one step.
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    /// The learning rate.
    pub rate: f64,
    /// Decay, as a share of the learning rate.
    pub weight_decay: f64,
    /// First coefficient.
    pub beta1: f64,
    /// Second coefficient.
    pub beta2: f64,
    /// The constant in the denominator.
    pub epsilon: f64,
    /// The number of the step, from 1.
    pub step: usize,
    /// What the gradient is multiplied with first.
    pub grad_scale: f64,
}

/// Where a gradient lies in its parameter.
#[derive(Clone, Debug)]
pub enum Grad<M> {
    /// All of it.
    Dense(M),
    /// Some rows of an embedding table, each once, in rising order; the gradient of all others is zero.
    Rows(Vec<u32>, M),
}

/// One set of layers. Activations are matrices with a row for each token; weights of linear layers are `[output, input]`,
/// biases and norms matrices of one row.
pub trait Layers: Send + Sync {
    /// A matrix.
    type Mat: Clone + Send + Sync;
    /// What a norm keeps for its backward pass.
    type Normed: Send;
    /// What attention keeps for its backward pass.
    type Attended: Send;
    /// AdamW's moments of one parameter.
    type Moments: Send;

    /// A matrix from values in row-major order.
    fn mat(&self, values: Vec<f32>, width: usize) -> Result<Self::Mat>;
    /// The values of a matrix in row-major order.
    fn values(&self, x: &Self::Mat) -> Result<Vec<f32>>;
    /// The sum of all squares, in f64 where that can be had.
    fn sum_of_squares(&self, x: &Self::Mat) -> Result<f64>;

    /// Rows of a matrix.
    fn gather(&self, table: &Self::Mat, rows: &[u32]) -> Result<Self::Mat>;
    /// The backward pass of [`Layers::gather`]: a matrix of `rows` rows, to each of which its gradients are added up.
    fn scatter(&self, grad: &Self::Mat, places: &[u32], rows: usize) -> Result<Self::Mat>;
    /// `a + b`.
    fn add(&self, a: Self::Mat, b: &Self::Mat) -> Result<Self::Mat>;

    /// `x · weightᵀ + bias`.
    fn linear(&self, x: &Self::Mat, weight: &Self::Mat, bias: Option<&Self::Mat>) -> Result<Self::Mat>;
    /// Adds the gradient of the weight to what is there already.
    fn weight_grad(&self, x: &Self::Mat, grad: &Self::Mat, weight: &mut Option<Self::Mat>) -> Result<()>;
    /// Adds the gradient of the bias to what is there already.
    fn bias_grad(&self, grad: &Self::Mat, bias: &mut Option<Self::Mat>) -> Result<()>;
    /// `sum + grad · weight`: the gradient of a linear layer's input, on top of another one.
    fn linear_back(&self, sum: Option<Self::Mat>, grad: &Self::Mat, weight: &Self::Mat) -> Result<Self::Mat>;

    /// Layer norm of `residual + dropout(x)`: zero mean and unit variance in each row, times `weight`, plus `bias`.
    fn norm(
        &self,
        x: Self::Mat,
        residual: Option<&Self::Mat>,
        dropout: Dropout,
        weight: &Self::Mat,
        bias: &Self::Mat,
        eps: f64,
    ) -> Result<(Self::Mat, Self::Normed)>;
    /// The gradient of the sum that was normed; those of weight and bias are added to what is there.
    fn norm_back(
        &self,
        kept: &Self::Normed,
        weight: &Self::Mat,
        grad: Self::Mat,
        weight_grad: &mut Option<Self::Mat>,
        bias_grad: &mut Option<Self::Mat>,
    ) -> Result<Self::Mat>;

    /// The activation of each element.
    fn activate(&self, activation: Activation, x: &Self::Mat) -> Result<Self::Mat>;
    /// The gradient of its input.
    fn activate_back(&self, activation: Activation, x: &Self::Mat, grad: Self::Mat) -> Result<Self::Mat>;
    /// Zeroes elements and scales the rest up. The backward pass is the very same.
    fn dropout(&self, x: Self::Mat, dropout: Dropout) -> Result<Self::Mat>;

    /// Attention of each text's queries to all its tokens, in `heads` heads; `keep` for a backward pass.
    #[allow(clippy::too_many_arguments)]
    fn attend(
        &self,
        texts: &Texts,
        heads: usize,
        q: &Self::Mat,
        k: &Self::Mat,
        v: &Self::Mat,
        relative: Relative<'_, Self::Mat>,
        dropout: Dropout,
        keep: bool,
    ) -> Result<(Self::Mat, Self::Attended)>;
    /// Its backward pass, with the arguments of the forward pass.
    #[allow(clippy::too_many_arguments)]
    fn attend_back(
        &self,
        texts: &Texts,
        heads: usize,
        q: &Self::Mat,
        k: &Self::Mat,
        v: &Self::Mat,
        relative: Relative<'_, Self::Mat>,
        dropout: Dropout,
        kept: &Self::Attended,
        grad: &Self::Mat,
    ) -> Result<AttentionGrads<Self::Mat>>;

    /// Moments of a parameter with so many values: zero.
    fn moments(&self, parameter: &Self::Mat) -> Result<Self::Moments>;
    /// Moments as values, first and second.
    fn moment_values(&self, moments: &Self::Moments) -> Result<(Vec<f32>, Vec<f32>)>;
    /// Moments from values.
    fn moments_from(&self, parameter: &Self::Mat, first: Vec<f32>, second: Vec<f32>) -> Result<Self::Moments>;
    /// One step of AdamW, as PyTorch's.
    fn step(
        &self,
        parameter: &mut Self::Mat,
        moments: &mut Self::Moments,
        grad: &Grad<Self::Mat>,
        adamw: &AdamW,
    ) -> Result<()>;
}
