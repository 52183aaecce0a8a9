//! AdamW over the parameters of an encoder: groups with and without decay, clipping, and rates that fall layer by layer.

use candle_core::Result;

use crate::model::encoder::{Encoder, Grads, Place};
use crate::model::layers::{AdamW, Layers};

use super::settings::TrainSpec;

/// Moments of all parameters that train.
pub struct Optimizer<L: Layers> {
    /// By the parameters' places; none before a parameter's first step.
    moments: Vec<Option<L::Moments>>,
    /// Steps done.
    pub steps: usize,
}

/// A parameter's moments as values, with the place of the parameter.
pub type MomentValues = (usize, Vec<f32>, Vec<f32>);

/// Whether the settings train what is at `place`.
pub fn trains(settings: &TrainSpec, place: Place) -> bool {
    match place {
        Place::Embeddings => !settings.freeze_embeddings,
        Place::Layer(layer) => layer >= settings.freeze_layers,
        Place::Head => true,
    }
}

/// The learning rate at `place`, as a share of that of the head.
fn share(settings: &TrainSpec, place: Place, layers: usize) -> f64 {
    let below = match place {
        Place::Head => 0,
        Place::Layer(layer) => layers.saturating_sub(layer),
        Place::Embeddings => layers + 1,
    };
    settings.layer_decay.powi(i32::try_from(below).unwrap_or(i32::MAX))
}

/// The norm of all gradients together.
pub fn total_norm<L: Layers>(encoder: &Encoder<L>, grads: &Grads<L>) -> Result<f64> {
    let mut squares = 0.0;
    for place in 0..encoder.parameters().len() {
        squares += encoder.grad_norm(grads, place)?.powi(2);
    }
    Ok(squares.sqrt())
}

impl<L: Layers> Optimizer<L> {
    /// An optimizer that has done nothing yet.
    pub fn new(encoder: &Encoder<L>) -> Self {
        Self { moments: encoder.parameters().iter().map(|_| None).collect(), steps: 0 }
    }

    /// One step with the gradients, which are scaled down to the norm that the settings allow; gives the norm before.
    pub fn step(
        &mut self,
        encoder: &mut Encoder<L>,
        mut grads: Grads<L>,
        rate: f64,
        settings: &TrainSpec,
    ) -> Result<f64> {
        let norm = total_norm(encoder, &grads)?;
        self.steps += 1;
        // PyTorch's clip_grad_norm_, with its constant.
        let most = settings.max_grad_norm;
        let grad_scale = if most > 0.0 { (most / (norm + 1e-6)).min(1.0) } else { 1.0 };
        let layers = encoder.config().layers;
        for place in 0..encoder.parameters().len() {
            let Some(grad) = encoder.take_grad(&mut grads, place) else { continue };
            let Some(parameter) = encoder.parameters().get(place) else { continue };
            let adamw = AdamW {
                rate: rate * share(settings, parameter.place, layers),
                weight_decay: if parameter.decays { settings.weight_decay } else { 0.0 },
                beta1: settings.adam_beta1,
                beta2: settings.adam_beta2,
                epsilon: settings.adam_epsilon,
                step: self.steps,
                grad_scale,
            };
            let Some(slot) = self.moments.get_mut(place) else { continue };
            let mut moments = match slot.take() {
                Some(moments) => moments,
                None => encoder.no_moments(place)?,
            };
            encoder.step(place, &mut moments, &grad, &adamw)?;
            *slot = Some(moments);
        }
        Ok(norm)
    }

    /// The places of the parameters that have moments.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.moments.iter().enumerate().filter(|(_, moments)| moments.is_some()).map(|(place, _)| place)
    }

    /// The moments of the parameter at a place as values, first and second; empty where it has none.
    pub fn values(&self, encoder: &Encoder<L>, place: usize) -> Result<(Vec<f32>, Vec<f32>)> {
        match self.moments.get(place) {
            Some(Some(moments)) => encoder.layers().moment_values(moments),
            _ => Ok((Vec::new(), Vec::new())),
        }
    }

    /// The optimizer as it was when its moments were kept after so many steps.
    pub fn from_values(encoder: &Encoder<L>, values: Vec<MomentValues>, steps: usize) -> Result<Self> {
        let mut optimizer = Self { steps, ..Self::new(encoder) };
        for (place, first, second) in values {
            if let Some(slot) = optimizer.moments.get_mut(place) {
                *slot = Some(encoder.moments_from(place, first, second)?);
            }
        }
        Ok(optimizer)
    }
}
