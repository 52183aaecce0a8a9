//! Logistic regression with an L2 penalty: scikit-learn's `LogisticRegression(C=10, class_weight=…)`.
//!
//! With two labels there is one row of coefficients, with more one for each (softmax). The intercept is not penalised. The
//! optimum is found by argmin's L-BFGS, the optimiser that linfa's logistic regression stands on; linfa's own takes dense
//! features alone and knows no class weights.

use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::Features;

/// The inverse of the penalty's strength.
pub const C: f64 = 10.0;

/// Steps after which the optimiser is taken at its word.
const MOST_STEPS: u64 = 300;

/// Rows count the same, or labels do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Every row counts once.
    Uniform,
    /// Rows of rare labels count more, so that all labels count the same (`class_weight="balanced"`).
    Balanced,
}

/// A fitted model.
#[derive(Clone, Debug)]
pub struct Logistic {
    /// Rows of coefficients, each with its intercept last.
    coefficients: Vec<Vec<f64>>,
    labels: usize,
}

struct Problem<'a> {
    rows: &'a [Features],
    gold: &'a [usize],
    /// Of each row.
    weights: Vec<f64>,
    features: usize,
    /// Rows of coefficients: 1 for two labels.
    outputs: usize,
    go_on: &'a dyn Fn() -> bool,
}

impl Problem<'_> {
    fn scores(&self, parameters: &[f64], row: &Features) -> Vec<f64> {
        parameters.chunks(self.features + 1).map(|of| score(of, row)).collect()
    }

    /// The loss of a row, and by how much each score is off.
    fn loss(&self, scores: &[f64], gold: usize) -> (f64, Vec<f64>) {
        match scores {
            [score] => {
                let wanted = if gold == 1 { 1.0 } else { 0.0 };
                let softplus = score.max(0.0) + (-score.abs()).exp().ln_1p();
                (softplus - wanted * score, vec![1.0 / (1.0 + (-score).exp()) - wanted])
            }
            scores => {
                let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
                let share = |score: &f64| (score - most).exp() / sum;
                let off = scores.iter().enumerate();
                let off = off.map(|(label, score)| share(score) - if label == gold { 1.0 } else { 0.0 }).collect();
                (most + sum.ln() - scores.get(gold).copied().unwrap_or_default(), off)
            }
        }
    }

    /// Coefficients without intercepts, with their places.
    fn penalised<'p>(&'p self, parameters: &'p [f64]) -> impl Iterator<Item = (usize, f64)> + 'p {
        let intercept = self.features;
        parameters.iter().copied().enumerate().filter(move |(place, _)| place % (intercept + 1) != intercept)
    }

    fn check(&self) -> Result<(), Error> {
        if (self.go_on)() { Ok(()) } else { Err(Error::msg("cancelled")) }
    }
}

/// The weighted sum of a row's features, with the intercept.
fn score(coefficients: &[f64], row: &Features) -> f64 {
    let weighted = row.iter().filter_map(|(place, value)| Some(coefficients.get(*place as usize)? * value));
    weighted.sum::<f64>() + coefficients.last().copied().unwrap_or_default()
}

impl CostFunction for Problem<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Self::Param) -> Result<f64, Error> {
        self.check()?;
        let rows = self.rows.iter().zip(self.gold).zip(&self.weights);
        let loss: f64 =
            rows.map(|((row, gold), weight)| weight * self.loss(&self.scores(parameters, row), *gold).0).sum();
        Ok(C * loss + 0.5 * self.penalised(parameters).map(|(_, value)| value * value).sum::<f64>())
    }
}

impl Gradient for Problem<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Self::Param) -> Result<Vec<f64>, Error> {
        self.check()?;
        let mut gradient = vec![0.0; parameters.len()];
        for ((row, gold), weight) in self.rows.iter().zip(self.gold).zip(&self.weights) {
            let (_, off) = self.loss(&self.scores(parameters, row), *gold);
            for (of, off) in gradient.chunks_mut(self.features + 1).zip(off) {
                let off = C * weight * off;
                for (place, value) in row {
                    if let Some(slope) = of.get_mut(*place as usize) {
                        *slope += off * value;
                    }
                }
                if let Some(slope) = of.last_mut() {
                    *slope += off;
                }
            }
        }
        for (place, value) in self.penalised(parameters) {
            if let Some(slope) = gradient.get_mut(place) {
                *slope += value;
            }
        }
        Ok(gradient)
    }
}

impl Logistic {
    /// Fits rows of so many features with the places of their labels. None where it was stopped, or where there is nothing
    /// to tell apart: fewer than two labels, or rows of one label alone.
    pub fn fit(
        rows: &[Features],
        gold: &[usize],
        labels: usize,
        features: usize,
        weights: Weights,
        go_on: &dyn Fn() -> bool,
    ) -> Option<Self> {
        let mut counts = vec![0.0_f64; labels];
        for label in gold {
            *counts.get_mut(*label)? += 1.0;
        }
        let present = counts.iter().filter(|count| **count > 0.0).count();
        if present < 2 || rows.len() != gold.len() {
            return None;
        }
        let weigh = |label: &usize| match weights {
            Weights::Uniform => 1.0,
            Weights::Balanced => {
                let count = counts.get(*label).copied().unwrap_or(1.0);
                gold.len() as f64 / (present as f64 * count)
            }
        };
        let outputs = if labels == 2 { 1 } else { labels };
        let weights = gold.iter().map(weigh).collect();
        let problem = Problem { rows, gold, weights, features, outputs, go_on };
        let begin = vec![0.0; problem.outputs * (features + 1)];
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 10).with_tolerance_grad(1e-4).ok()?;
        let solver = solver.with_tolerance_cost(1e-12).ok()?;
        let found = Executor::new(problem, solver).configure(|state| state.param(begin).max_iters(MOST_STEPS)).run();
        let best = found.ok()?.state.get_best_param()?.clone();
        let mut coefficients: Vec<Vec<f64>> = best.chunks(features + 1).map(<[f64]>::to_vec).collect();
        // A label that no row has is never answered.
        if labels > 2 {
            for (of, count) in coefficients.iter_mut().zip(&counts) {
                if let Some(intercept) = of.last_mut().filter(|_| *count == 0.0) {
                    *intercept = f64::NEG_INFINITY;
                }
            }
        }
        Some(Self { coefficients, labels })
    }

    /// The probability of each label.
    pub fn probabilities(&self, row: &Features) -> Vec<f64> {
        let scores: Vec<f64> = self.coefficients.iter().map(|of| score(of, row)).collect();
        if let ([score], 2) = (scores.as_slice(), self.labels) {
            let share = 1.0 / (1.0 + (-score).exp());
            return vec![1.0 - share, share];
        }
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
        let sum: f64 = shares.iter().sum();
        shares.into_iter().map(|share| share / sum).collect()
    }

    /// The place of the most probable label, the first of equals.
    pub fn predict(&self, row: &Features) -> usize {
        let shares = self.probabilities(row);
        let most = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        shares.iter().position(|share| *share == most).unwrap_or_default()
    }
}
