//! Supervised calibration: scale and offsets by maximum likelihood, a threshold by macro-F1.

use super::Calibration;

/// The ridge on the scale's distance from 1 and on the offsets, beside the summed negative log-likelihood.
const RIDGE: f64 = 0.01;

/// Rounds over all parameters after which the fit is taken as it is.
const MOST_ROUNDS: usize = 500;

/// A step that changes nothing any more.
const SMALL: f64 = 1e-10;

/// Rounds over the labels' thresholds, for more than two labels.
const THRESHOLD_ROUNDS: usize = 10;

pub(super) fn supervised(rows: &[(&Vec<f64>, usize)], go_on: &mut dyn FnMut() -> bool) -> Option<Calibration> {
    let labels = rows.first()?.0.len();
    if rows.iter().any(|(row, _)| row.len() != labels) {
        return None;
    }
    // Centred, scale and offsets hardly hang on each other, and steps along one parameter at a time arrive soon.
    let means: Vec<f64> = (0..labels)
        .map(|label| rows.iter().filter_map(|(row, _)| row.get(label)).sum::<f64>() / rows.len() as f64)
        .collect();
    let centred: Vec<(Vec<f64>, usize)> =
        rows.iter().map(|(row, gold)| (row.iter().zip(&means).map(|(of, mean)| of - mean).collect(), *gold)).collect();
    let (mut scale, mut offsets) = (1.0, vec![0.0; labels]);
    for _ in 0..MOST_ROUNDS {
        if !go_on() {
            return None;
        }
        let mut largest: f64 = 0.0;
        for parameter in 0..=labels {
            let step = newton(&centred, scale, &offsets, parameter.checked_sub(1));
            largest = largest.max(step.abs());
            match parameter.checked_sub(1).and_then(|label| offsets.get_mut(label)) {
                Some(offset) => *offset += step,
                // A model that is more often wrong the surer it is tells nothing; it is not turned round.
                None => scale = f64::max(scale + step, 0.0),
            }
        }
        // Only differences of offsets matter, and along their level single steps would take for ever.
        let level = offsets.iter().sum::<f64>() / labels as f64;
        offsets.iter_mut().for_each(|offset| *offset -= level);
        if largest < SMALL {
            break;
        }
    }
    let offsets: Vec<f64> = offsets.iter().zip(&means).map(|(offset, mean)| offset - scale * mean).collect();
    let mut decision = vec![0.0; labels];
    decide(&mut decision, rows, go_on)?;
    Some(Calibration { scale, offsets, decision })
}

/// Newton's step along one parameter: the scale, or a label's offset.
fn newton(rows: &[(Vec<f64>, usize)], scale: f64, offsets: &[f64], label: Option<usize>) -> f64 {
    /// A step is never longer; far from the end the curve may be flat.
    const LONGEST: f64 = 2.0;
    let at = label.and_then(|label| offsets.get(label)).map_or(scale - 1.0, |offset| *offset);
    let (mut slope, mut curve) = (RIDGE * at, RIDGE);
    for (row, gold) in rows {
        let scores: Vec<f64> = row.iter().zip(offsets).map(|(logprob, offset)| scale * logprob + offset).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
        let sum: f64 = shares.iter().sum();
        match label {
            Some(label) => {
                let share = shares.get(label).copied().unwrap_or_default() / sum;
                slope += share - f64::from(u8::from(label == *gold));
                curve += share * (1.0 - share);
            }
            None => {
                let mean: f64 = row.iter().zip(&shares).map(|(logprob, share)| logprob * share / sum).sum();
                let square: f64 = row.iter().zip(&shares).map(|(logprob, share)| logprob * logprob * share / sum).sum();
                slope += mean - row.get(*gold).copied().unwrap_or_default();
                curve += square - mean * mean;
            }
        }
    }
    (-slope / curve).clamp(-LONGEST, LONGEST)
}

/// Rows right, predicted and gold, by label.
struct Counts {
    right: Vec<f64>,
    predicted: Vec<f64>,
    gold: Vec<f64>,
}

impl Counts {
    fn predict(&mut self, label: usize, gold: usize, by: f64) {
        if let Some(count) = self.predicted.get_mut(label) {
            *count += by;
        }
        if let Some(count) = self.right.get_mut(label).filter(|_| label == gold) {
            *count += by;
        }
    }

    /// The mean F1 of the labels that are gold or predicted.
    fn macro_f1(&self) -> f64 {
        let (mut sum, mut labels) = (0.0, 0.0);
        for ((right, predicted), gold) in self.right.iter().zip(&self.predicted).zip(&self.gold) {
            if predicted + gold > 0.0 {
                sum += 2.0 * right / (predicted + gold);
                labels += 1.0;
            }
        }
        if labels > 0.0 { sum / labels } else { 0.0 }
    }
}

/// Sets what is added to the labels' log-probabilities so that the macro-F1 is highest: of two labels the best threshold there is, of
/// more the best for one label after another. None if it was stopped.
fn decide(decision: &mut [f64], rows: &[(&Vec<f64>, usize)], go_on: &mut dyn FnMut() -> bool) -> Option<()> {
    let labels = decision.len();
    let (first, rounds) = if labels == 2 { (1, 1) } else { (0, THRESHOLD_ROUNDS) };
    let mut best = f64::NEG_INFINITY;
    for _ in 0..rounds {
        let before = best;
        for label in first..labels {
            if !go_on() {
                return None;
            }
            let (score, value) = threshold(decision, rows, label);
            if score > best + SMALL
                && let Some(of) = decision.get_mut(label)
            {
                (best, *of) = (score, value);
            }
        }
        if best <= before + SMALL {
            break;
        }
    }
    Some(())
}

/// The highest macro-F1 that one label's addition can give, and the addition: the middle of the widest stretch that does.
fn threshold(decision: &[f64], rows: &[(&Vec<f64>, usize)], label: usize) -> (f64, f64) {
    let labels = decision.len();
    let mut counts = Counts { right: vec![0.0; labels], predicted: vec![0.0; labels], gold: vec![0.0; labels] };
    // What would have to be added for a row to be given the label, the label it has until then, and its gold label.
    let mut flips: Vec<(f64, usize, usize)> = Vec::with_capacity(rows.len());
    for (scores, gold) in rows {
        let others = scores.iter().zip(decision).map(|(score, more)| score + more).enumerate();
        let other = others.filter(|(place, _)| *place != label).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let Some((other, most)) = other else { continue };
        if let Some(count) = counts.gold.get_mut(*gold) {
            *count += 1.0;
        }
        counts.predict(other, *gold, 1.0);
        flips.push((most - scores.get(label).copied().unwrap_or_default(), other, *gold));
    }
    flips.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (Some(lowest), Some(highest)) = (flips.first().map(|flip| flip.0), flips.last().map(|flip| flip.0)) else {
        return (f64::NEG_INFINITY, 0.0);
    };
    let mut best = (counts.macro_f1(), 1.0, lowest - 0.5);
    for (place, (needed, other, gold)) in flips.iter().enumerate() {
        counts.predict(*other, *gold, -1.0);
        counts.predict(label, *gold, 1.0);
        let next = flips.get(place + 1).map_or(highest + 1.0, |flip| flip.0);
        let (score, width) = (counts.macro_f1(), next - needed);
        // Rows that need the same are given the label together.
        let better = score > best.0 + SMALL || (score > best.0 - SMALL && width > best.1);
        if width > 0.0 && better {
            best = (score, width, needed + width / 2.0);
        }
    }
    (best.0, best.2)
}
