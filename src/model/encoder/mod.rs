//! Encoders with a classification head: BERT, RoBERTa, DistilBERT, DeBERTa-v2 and v3; forward and backward.
//!
//! All families share one pass ([`pass`]). They differ in the names of their weights ([`layout`]), in how positions come
//! in, and in the head. The head reads the first token alone, so the last layer is computed for the first tokens alone.

pub mod config;
pub mod layout;
mod load;
mod pass;

use candle_core::Result;

use super::layers::{Grad, Layers, Texts};
use super::weights::{LoadError, said};
pub use config::{EncoderConfig, Family, Relative};
pub use layout::{Init, Layout, Parameter, Place};
pub use load::EncoderFiles;
pub use pass::Saved;

/// Texts as tokens, one behind the other.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Where each text is.
    pub texts: Texts,
}

impl Batch {
    /// A batch of texts, none of them empty. Where padding is computed, it is up to `padded` tokens.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a [u32]>, padded: usize) -> Self {
        let (mut ids, mut spans) = (Vec::new(), Vec::new());
        for text in texts {
            let start = ids.len();
            ids.extend_from_slice(text);
            spans.push(start..ids.len());
        }
        let longest = spans.iter().map(std::ops::Range::len).max().unwrap_or(0);
        Self { ids, texts: Texts { spans, first_only: false, padded: padded.max(longest) } }
    }
}

/// An encoder on one device.
pub struct Encoder<L: Layers> {
    config: EncoderConfig,
    layout: Layout,
    parameters: Vec<Parameter>,
    values: Vec<L::Mat>,
    layers: L,
}

/// Gradients of an encoder's parameters. Those of several batches add up.
pub struct Grads<L: Layers> {
    /// By the parameters' places; none where nothing reached it.
    dense: Vec<Option<L::Mat>>,
    /// Of the table of tokens: the rows that were met, rising.
    words: Option<(Vec<u32>, L::Mat)>,
}

impl<L: Layers> Encoder<L> {
    /// An encoder whose parameters are read by `read`, in the order of the layout, each as its values in row-major order.
    pub fn new(
        config: EncoderConfig,
        outputs: usize,
        layers: L,
        mut read: impl FnMut(&Parameter) -> std::result::Result<Vec<f32>, LoadError>,
    ) -> std::result::Result<Self, LoadError> {
        let (layout, parameters) = Layout::new(&config, outputs);
        let mut values = Vec::with_capacity(parameters.len());
        for parameter in &parameters {
            let value = layers.mat(read(parameter)?, parameter.width());
            let wrap = |error| LoadError::Tensor { name: parameter.name.clone(), message: said(&error) };
            values.push(value.map_err(wrap)?);
        }
        Ok(Self { config, layout, parameters, values, layers })
    }

    /// Sizes and constants.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// What it is computed with.
    pub fn layers(&self) -> &L {
        &self.layers
    }

    /// Its parameters.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Lets weight decay apply to all parameters, biases and norms too, as PyTorch's optimizer does by itself.
    pub fn decay_all(&mut self) {
        self.parameters.iter_mut().for_each(|parameter| parameter.decays = true);
    }

    /// The place of the table of tokens among the parameters.
    pub fn words(&self) -> usize {
        self.layout.words
    }

    /// The values of the parameter at a place.
    pub fn value(&self, place: usize) -> Result<Vec<f32>> {
        match self.values.get(place) {
            Some(value) => self.layers.values(value),
            None => candle_core::bail!("no parameter {place}"),
        }
    }

    /// The matrix of the parameter at a place.
    pub fn value_mut(&mut self, place: usize) -> Option<&mut L::Mat> {
        self.values.get_mut(place)
    }

    /// The moments of the parameter at a place before its first step.
    pub fn no_moments(&self, place: usize) -> Result<L::Moments> {
        match self.values.get(place) {
            Some(value) => self.layers.moments(value),
            None => candle_core::bail!("no parameter {place}"),
        }
    }

    /// The moments of the parameter at a place, from values.
    pub fn moments_from(&self, place: usize, first: Vec<f32>, second: Vec<f32>) -> Result<L::Moments> {
        match self.values.get(place) {
            Some(value) => self.layers.moments_from(value, first, second),
            None => candle_core::bail!("no parameter {place}"),
        }
    }

    /// One step of AdamW for the parameter at a place.
    pub fn step(
        &mut self,
        place: usize,
        moments: &mut L::Moments,
        grad: &Grad<L::Mat>,
        adamw: &super::layers::AdamW,
    ) -> Result<()> {
        match self.values.get_mut(place) {
            Some(value) => self.layers.step(value, moments, grad, adamw),
            None => candle_core::bail!("no parameter {place}"),
        }
    }

    /// Gradients that nothing was added to yet.
    pub fn no_grads(&self) -> Grads<L> {
        Grads { dense: vec![None; self.parameters.len()], words: None }
    }

    /// Takes the gradient of the parameter at a place out of `grads`.
    pub fn take_grad(&self, grads: &mut Grads<L>, place: usize) -> Option<Grad<L::Mat>> {
        if place == self.layout.words {
            return grads.words.take().map(|(rows, grad)| Grad::Rows(rows, grad));
        }
        grads.dense.get_mut(place)?.take().map(Grad::Dense)
    }

    /// Whether the configuration has no use for the parameter at a place: a table of distances that no score reads.
    pub fn is_unused(&self, place: usize) -> bool {
        let layout = &self.layout;
        let read = layout.blocks.iter().any(|b| b.relative_key.is_some() || b.relative_query.is_some());
        let norm = layout.relative_norm.is_some_and(|norm| norm.weight == place || norm.bias == place);
        !read && (layout.relative == Some(place) || norm)
    }

    /// The norm of the gradient of the parameter at a place; 0 where nothing reached it.
    pub fn grad_norm(&self, grads: &Grads<L>, place: usize) -> Result<f64> {
        let grad = if place == self.layout.words {
            grads.words.as_ref().map(|(_, grad)| grad)
        } else {
            grads.dense.get(place).and_then(Option::as_ref)
        };
        Ok(grad.map(|grad| self.layers.sum_of_squares(grad)).transpose()?.unwrap_or(0.0).sqrt())
    }
}
