//! Picking the next token: greedily, or drawn from the model's distribution.
//!
//! The order is transformers': repetition penalty, temperature, top-k, top-p. Draws are candle-transformers', from a
//! stream of their own for each text.

use candle_core::{Device, Result, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};
use candle_transformers::utils::apply_repeat_penalty;

/// How tokens are picked.
#[derive(Clone, Debug, PartialEq)]
pub struct Picking {
    /// 0 is greedy.
    pub temperature: f64,
    /// Keep this many of the best tokens.
    pub top_k: Option<usize>,
    /// Keep the smallest set of tokens whose probabilities add up to this.
    pub top_p: Option<f64>,
    /// Divide the logits of tokens seen already by this (multiply the negative ones).
    pub repetition_penalty: Option<f64>,
}

impl Picking {
    /// Whether the likeliest token is taken as the model gives it.
    pub fn is_plain(&self) -> bool {
        self.temperature <= 0.0 && self.repetition_penalty.is_none_or(|penalty| penalty == 1.0)
    }
}

/// Picks the tokens of one text.
pub struct Picker {
    processor: LogitsProcessor,
    penalty: Option<f32>,
}

impl Picker {
    /// A picker that draws from the stream of `seed` and `stream`.
    pub fn new(picking: &Picking, seed: u64, stream: u64) -> Self {
        let temperature = picking.temperature;
        let sampling = if temperature <= 0.0 {
            Sampling::ArgMax
        } else {
            match (picking.top_k.filter(|&k| k > 0), picking.top_p.filter(|&p| p < 1.0)) {
                (Some(k), Some(p)) => Sampling::TopKThenTopP { k, p, temperature },
                (Some(k), None) => Sampling::TopK { k, temperature },
                (None, Some(p)) => Sampling::TopP { p, temperature },
                (None, None) => Sampling::All { temperature },
            }
        };
        // An odd multiplier spreads neighbouring streams over all seeds.
        let seed = seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let penalty = picking.repetition_penalty.filter(|&penalty| penalty != 1.0).map(|penalty| penalty as f32);
        Self { processor: LogitsProcessor::from_sampling(seed, sampling), penalty }
    }

    /// Picks a token by its logits, `[vocabulary]`; `seen` are the tokens of the prompt and the text so far.
    pub fn pick(&mut self, logits: &[f32], seen: &[u32]) -> Result<u32> {
        let mut logits = Tensor::from_slice(logits, logits.len(), &Device::Cpu)?;
        if let Some(penalty) = self.penalty {
            logits = apply_repeat_penalty(&logits, penalty, seen)?;
        }
        self.processor.sample(&logits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picking(temperature: f64) -> Picking {
        Picking { temperature, top_k: None, top_p: None, repetition_penalty: None }
    }

    #[test]
    fn greedy_takes_the_best_and_the_penalty_moves_it() {
        let logits = [0.5, 2.0, 1.5, -1.0];
        assert_eq!(Picker::new(&picking(0.0), 1, 0).pick(&logits, &[]).unwrap(), 1);
        let picking = Picking { repetition_penalty: Some(2.0), ..picking(0.0) };
        assert_eq!(Picker::new(&picking, 1, 0).pick(&logits, &[1]).unwrap(), 2);
    }

    #[test]
    fn draws_follow_the_distribution_and_the_seed() {
        let logits = [0.0f32, 1.0, 2.0];
        let draw = |seed, picking: &Picking| {
            let mut picker = Picker::new(picking, seed, 3);
            (0..4000).map(|_| picker.pick(&logits, &[]).unwrap()).collect::<Vec<_>>()
        };
        let tokens = draw(7, &picking(1.0));
        assert_eq!(tokens, draw(7, &picking(1.0)));
        assert_ne!(tokens, draw(8, &picking(1.0)));
        let total: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
        for (token, logit) in logits.iter().enumerate() {
            let share = tokens.iter().filter(|&&t| t == token as u32).count() as f64 / tokens.len() as f64;
            assert!((share - f64::from(*logit).exp() / total).abs() < 0.03, "{token}: {share}");
        }
        assert!(draw(7, &Picking { top_k: Some(2), ..picking(1.0) }).iter().all(|&t| t > 0));
        assert!(draw(7, &Picking { top_p: Some(0.5), ..picking(1.0) }).iter().all(|&t| t == 2));
    }
}
