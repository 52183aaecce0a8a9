//! Cross-entropy as PyTorch's `CrossEntropyLoss`, with class weights and label smoothing, and its gradient.

/// The loss of a batch.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// What each label counts.
    pub weights: Vec<f64>,
    /// Share of each target that is spread over all labels.
    pub smoothing: f64,
}

/// Log-probabilities of one row of logits.
pub fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted: Vec<f64> = logits.iter().map(|x| f64::from(*x) - f64::from(max)).collect();
    let total = shifted.iter().map(|x| x.exp()).sum::<f64>().ln();
    shifted.into_iter().map(|x| x - total).collect()
}

impl CrossEntropy {
    /// Plain cross-entropy over so many labels.
    pub fn plain(labels: usize) -> Self {
        Self { weights: vec![1.0; labels], smoothing: 0.0 }
    }

    fn weight(&self, label: usize) -> f64 {
        self.weights.get(label).copied().unwrap_or(1.0)
    }

    /// The loss of one row before it is divided by the rows' weights, and that weight.
    fn row(&self, logprobs: &[f64], label: usize) -> (f64, f64) {
        let own = -logprobs.get(label).copied().unwrap_or(f64::NEG_INFINITY) * self.weight(label);
        let all: f64 = logprobs.iter().enumerate().map(|(class, logprob)| -logprob * self.weight(class)).sum();
        let spread = self.smoothing / logprobs.len().max(1) as f64;
        ((1.0 - self.smoothing) * own + if spread > 0.0 { spread * all } else { 0.0 }, self.weight(label))
    }

    /// The summed loss of some rows and their summed weight; `logits` has a row of `outputs` for each label.
    pub fn sums(&self, logits: &[f32], outputs: usize, labels: &[usize]) -> (f64, f64) {
        let rows = logits.chunks_exact(outputs.max(1)).zip(labels);
        rows.fold((0.0, 0.0), |(loss, weight), (logits, label)| {
            let (one, counts) = self.row(&log_softmax(logits), *label);
            (loss + one, weight + counts)
        })
    }

    /// The mean loss times `scale`, and its gradient at each logit.
    pub fn mean(&self, logits: &[f32], outputs: usize, labels: &[usize], scale: f64) -> (f64, Vec<f32>) {
        let (loss, weight) = self.sums(logits, outputs, labels);
        let scale = scale / weight;
        let spread = self.smoothing / outputs.max(1) as f64;
        let weights: f64 = self.weights.iter().sum();
        let rows = logits.chunks_exact(outputs.max(1)).zip(labels);
        let grad = rows.flat_map(|(logits, label)| {
            let own = (1.0 - self.smoothing) * self.weight(*label);
            let total = own + spread * weights;
            let grads = log_softmax(logits).into_iter().enumerate().map(move |(class, logprob)| {
                let target = spread * self.weight(class) + if class == *label { own } else { 0.0 };
                ((logprob.exp() * total - target) * scale) as f32
            });
            grads.collect::<Vec<_>>()
        });
        (loss * scale, grad.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By PyTorch 2.15: `CrossEntropyLoss(weight=w, label_smoothing=s)` on these logits and labels.
    const LOGITS: [f32; 9] = [0.5, -1.0, 2.0, 0.0, 0.3, -0.7, 1.5, 1.0, -2.0];
    const LABELS: [usize; 3] = [2, 0, 1];

    #[test]
    fn equals_pytorch() {
        let loss = |weights: [f64; 3], smoothing| {
            CrossEntropy { weights: weights.to_vec(), smoothing }.mean(&LOGITS, 3, &LABELS, 1.0).0
        };
        for (weights, smoothing, want) in [
            ([1.0, 1.0, 1.0], 0.0, 0.760026995),
            ([1.0, 2.0, 0.5], 0.0, 0.900606997),
            ([1.0, 1.0, 1.0], 0.1, 0.842249217),
            ([1.0, 2.0, 0.5], 0.1, 0.965120426),
        ] {
            assert!((loss(weights, smoothing) - want).abs() < 1e-6, "{weights:?} {smoothing}");
        }
    }

    #[test]
    fn the_gradient_is_the_slope() {
        let loss = CrossEntropy { weights: vec![1.0, 2.0, 0.5], smoothing: 0.1 };
        let (_, grad) = loss.mean(&LOGITS, 3, &LABELS, 0.5);
        for place in 0..9 {
            let at = |by: f32| {
                let mut logits = LOGITS;
                logits[place] += by;
                loss.mean(&logits, 3, &LABELS, 0.5).0
            };
            let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
            assert!((f64::from(grad[place]) - slope).abs() < 1e-4, "{place}");
        }
    }
}
