//! How far a simulated distribution of answers is from the real one.
//!
//! A [`Sample`] has for each respondent the real category, the simulated one (or a probability for each), and a weight.
//! [`Sample::compare`] tells both distributions and distances between them, with percentile bootstrap intervals: respondents
//! are drawn with replacement, real and simulated answer together, as `numpy.random.RandomState(seed).randint(0, n, size=(resamples, n))`
//! draws them, and the ends are numpy's linear percentiles. Entropies and divergences are in bits.

use serde::{Deserialize, Serialize};

use super::report::{nan_for_null, nans_for_nulls};
use crate::data::numpy::RandomState;

/// The simulated answers of some respondents.
#[derive(Clone, Debug, PartialEq)]
enum Simulated {
    /// The category of each; none where it gave none.
    Categories(Vec<Option<usize>>),
    /// For each respondent a share for each category, one respondent after the other. They may add up to less than 1.
    Shares(Vec<f64>),
}

/// Respondents with real and simulated answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    categories: usize,
    /// The real category of each respondent, where it is known.
    real: Vec<Option<usize>>,
    simulated: Simulated,
    weights: Vec<f64>,
}

/// How intervals are made, and how distributions are smoothed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Resamples; without any there are no intervals.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u32,
    /// Respondents that are added to each category of both distributions before their Kullback-Leibler divergence is taken,
    /// which is infinite where a category is real and never simulated.
    pub smoothing: f64,
}

/// A figure with the ends of its 95% interval. Without respondents all are NaN, without resamples the ends are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    #[serde(deserialize_with = "nan_for_null")]
    pub value: f64,
    /// Lower and upper end.
    #[serde(deserialize_with = "nans_for_nulls")]
    pub ci95: [f64; 2],
}

/// Two distributions and how far they are apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Respondents.
    pub rows: usize,
    /// Kish's effective number of them: as many without weights would tell as much.
    #[serde(deserialize_with = "nan_for_null")]
    pub effective_rows: f64,
    /// The part of them (by weight) whose simulated answer is one of the categories.
    #[serde(deserialize_with = "nan_for_null")]
    pub answered: f64,
    /// Real share of each category.
    pub real: Vec<Estimate>,
    /// Simulated share of each category, among the answers that are one.
    pub simulated: Vec<Estimate>,
    /// Total variation distance: half the sum of the differences, 0 to 1.
    pub total_variation: Estimate,
    /// Jensen-Shannon distance, the root of the divergence in bits, 0 to 1 (scipy's `jensenshannon(…, base=2)`).
    pub jensen_shannon: Estimate,
    /// Kullback-Leibler divergence of the real distribution from the simulated one in bits, both smoothed.
    pub kullback_leibler: Estimate,
    /// Entropy of the real distribution, in bits.
    pub entropy_real: Estimate,
    /// Entropy of the simulated distribution, in bits.
    pub entropy_simulated: Estimate,
    /// Variance of the simulated answers over that of the real ones: of a distribution it is one less the sum of its squared
    /// shares. Below 1 the simulation is flatter than life.
    pub variance_ratio: Estimate,
}

impl Sample {
    /// No respondents yet, of as many categories; `shares` says that simulated answers are probabilities.
    pub fn new(categories: usize, shares: bool) -> Self {
        let simulated = if shares { Simulated::Shares(Vec::new()) } else { Simulated::Categories(Vec::new()) };
        Self { categories, real: Vec::new(), simulated, weights: Vec::new() }
    }

    /// Adds a respondent with the share of each category in the simulated answer; without the real one only simulated shares
    /// are told, and distances are NaN. Of a sample of categories the greatest
    /// counts, and none where all are 0. A weight that is no number from 0 up, and a category that there is not, leave the
    /// respondent out.
    pub fn push(&mut self, real: Option<usize>, shares: &[f64], weight: f64) {
        if real.is_some_and(|real| real >= self.categories)
            || shares.len() != self.categories
            || !(weight.is_finite() && weight >= 0.0)
        {
            return;
        }
        match &mut self.simulated {
            Simulated::Categories(categories) => {
                let best = (0..shares.len()).rev().max_by(|a, b| shares[*a].total_cmp(&shares[*b]));
                categories.push(best.filter(|best| shares[*best] > 0.0));
            }
            Simulated::Shares(all) => all.extend_from_slice(shares),
        }
        self.real.push(real);
        self.weights.push(weight);
    }

    /// How many respondents there are.
    pub fn len(&self) -> usize {
        self.real.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.real.is_empty()
    }

    /// Both distributions, and how far they are apart.
    pub fn compare(&self, bootstrap: &Bootstrap) -> Comparison {
        let n = self.len();
        let whole = self.figures((0..n).map(|row| (row, 1.0)), bootstrap.smoothing);
        let mut random = RandomState::new(bootstrap.seed);
        let mut drawn: Vec<Vec<f64>> = vec![Vec::with_capacity(bootstrap.resamples); whole.flat().len()];
        let mut times = vec![0.0; n];
        for _ in 0..if n == 0 { 0 } else { bootstrap.resamples } {
            times.fill(0.0);
            for _ in 0..n {
                times[random.randint(0, n as i64) as usize] += 1.0;
            }
            let picked = times.iter().copied().enumerate().filter(|(_, times)| *times > 0.0);
            for (values, value) in drawn.iter_mut().zip(self.figures(picked, bootstrap.smoothing).flat()) {
                values.push(value);
            }
        }
        let mut estimates =
            whole.flat().into_iter().zip(drawn).map(|(value, drawn)| Estimate { value, ci95: interval(drawn) });
        let mut next = || estimates.next().unwrap_or(Estimate { value: f64::NAN, ci95: [f64::NAN; 2] });
        let squares: f64 = self.weights.iter().map(|weight| weight * weight).sum();
        let sum: f64 = self.weights.iter().sum();
        Comparison {
            rows: n,
            effective_rows: sum * sum / squares,
            answered: whole.answered,
            real: (0..self.categories).map(|_| next()).collect(),
            simulated: (0..self.categories).map(|_| next()).collect(),
            total_variation: next(),
            jensen_shannon: next(),
            kullback_leibler: next(),
            entropy_real: next(),
            entropy_simulated: next(),
            variance_ratio: next(),
        }
    }

    /// The figures of respondents that count so many times each.
    fn figures(&self, rows: impl Iterator<Item = (usize, f64)>, smoothing: f64) -> Figures {
        let mut real = vec![0.0; self.categories];
        let mut simulated = vec![0.0; self.categories];
        let (mut count, mut sum) = (0.0, 0.0);
        for (row, times) in rows {
            count += times;
            let weight = self.weights[row] * times;
            sum += weight;
            if let Some(category) = self.real[row] {
                real[category] += weight;
            }
            match &self.simulated {
                Simulated::Categories(categories) => {
                    if let Some(category) = categories[row] {
                        simulated[category] += weight;
                    }
                }
                Simulated::Shares(shares) => {
                    let shares = &shares[row * self.categories..(row + 1) * self.categories];
                    for (sum, share) in simulated.iter_mut().zip(shares) {
                        *sum += weight * share;
                    }
                }
            }
        }
        let answered = simulated.iter().sum::<f64>() / sum;
        normalise(&mut real);
        normalise(&mut simulated);
        let [p, q] = [&real, &simulated].map(|shares| smoothed(shares, smoothing / count));
        if self.categories == 0 {
            return Figures { answered, distances: [f64::NAN; 6], real, simulated };
        }
        Figures {
            answered,
            distances: [
                total_variation(&real, &simulated),
                jensen_shannon(&real, &simulated),
                kullback_leibler(&p, &q),
                entropy(&real),
                entropy(&simulated),
                variance_ratio(&simulated, &real),
            ],
            real,
            simulated,
        }
    }
}

/// The figures of one draw.
struct Figures {
    answered: f64,
    real: Vec<f64>,
    simulated: Vec<f64>,
    distances: [f64; 6],
}

impl Figures {
    /// Those that have intervals, in the order of [`Comparison`].
    fn flat(&self) -> Vec<f64> {
        [self.real.as_slice(), &self.simulated, &self.distances].concat()
    }
}

/// Makes weights add up to 1; NaN where they are all 0.
fn normalise(shares: &mut [f64]) {
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
}

/// The shares with something added to each.
fn smoothed(shares: &[f64], added: f64) -> Vec<f64> {
    let mut shares: Vec<f64> = shares.iter().map(|share| share + added).collect();
    normalise(&mut shares);
    shares
}

/// Half the sum of the differences of two distributions: the least part of the answers that would have to change.
pub fn total_variation(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0
}

/// The Jensen-Shannon distance of two distributions, base 2.
pub fn jensen_shannon(p: &[f64], q: &[f64]) -> f64 {
    let middle: Vec<f64> = p.iter().zip(q).map(|(p, q)| (p + q) / 2.0).collect();
    // Rounding may leave less than nothing.
    ((kullback_leibler(p, &middle) + kullback_leibler(q, &middle)) / 2.0).clamp(0.0, 1.0).sqrt()
}

/// The Kullback-Leibler divergence of `p` from `q`, in bits; infinite where a share of `q` is 0 and that of `p` is not.
pub fn kullback_leibler(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| if *p == 0.0 { 0.0 } else { p * (p / q).log2() }).sum()
}

/// The entropy of a distribution, in bits.
pub fn entropy(p: &[f64]) -> f64 {
    // Adding zero makes -0 of a distribution with one category 0.
    0.0 - p.iter().map(|p| if *p == 0.0 { 0.0 } else { p * p.log2() }).sum::<f64>()
}

/// The variance of answers with a distribution: the chance that two of them differ.
pub fn variance(p: &[f64]) -> f64 {
    1.0 - p.iter().map(|p| p * p).sum::<f64>()
}

/// The variance of simulated answers over that of real ones; NaN where all real ones are the same.
fn variance_ratio(simulated: &[f64], real: &[f64]) -> f64 {
    let variance_of_real = variance(real);
    if variance_of_real > 0.0 { variance(simulated) / variance_of_real } else { f64::NAN }
}

/// numpy's 2.5th and 97.5th percentile, NaN where a draw has no figure.
pub(super) fn interval(mut drawn: Vec<f64>) -> [f64; 2] {
    if drawn.is_empty() || drawn.iter().any(|value| value.is_nan()) {
        return [f64::NAN; 2];
    }
    drawn.sort_by(f64::total_cmp);
    [0.025, 0.975].map(|part| {
        let place = part * (drawn.len() - 1) as f64;
        let (below, above) = (drawn[place.floor() as usize], drawn[place.ceil() as usize]);
        // As numpy interpolates, from the nearer side.
        let step = place - place.floor();
        if step >= 0.5 { above - (above - below) * (1.0 - step) } else { below + (above - below) * step }
    })
}

#[cfg(test)]
mod tests;
