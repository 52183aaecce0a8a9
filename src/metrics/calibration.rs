//! From the log-probabilities of labels to better answers, without asking the model again.
//!
//! A language model leans to some labels whatever it reads. A [`Calibration`] moves the labels' log-probabilities, by what
//! the model says of inputs without content (contextual; Zhao et al. 2021, "Calibrate before use"), by what it says on
//! average over the rows (batch; Zhou et al. 2024, "Batch calibration"), or by what labelled rows say (supervised; Platt
//! 1999, with a bias for each label as in the vector scaling of Guo et al. 2017). [`Quality`] says how far probabilities
//! can be believed.
//!
//! Contextual needs no labels and no other rows, and hangs on the inputs that are chosen. Batch needs no labels and takes
//! the rows together: it assumes that labels are about equally frequent, and where they are not, rows of the frequent label
//! are pushed away from it. Supervised needs labelled rows that are like those it is used on, and that are none of them.

mod fit;
mod quality;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use quality::{Bin, Quality, RiskPoint};

/// Ways to calibrate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// As the model says.
    #[default]
    None,
    /// Less what it says of content-free inputs.
    Contextual,
    /// Less what it says on average.
    Batch,
    /// As labelled rows say.
    Supervised,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Contextual, Self::Batch, Self::Supervised];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Contextual => "contextual",
            Self::Batch => "batch",
            Self::Supervised => "supervised",
        }
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("one of {}", names.join(", "))
        })
    }
}

/// What is done to the log-probabilities of a row. Probabilities are the softmax of `scale * logprob[k] + offsets[k]`; the label
/// that is predicted has the highest `logprob[k] + decision[k]`. The two differ for supervised calibration alone, where
/// probabilities are to be believed and answers are to be right for rare labels too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    scale: f64,
    offsets: Vec<f64>,
    decision: Vec<f64>,
}

impl Calibration {
    fn moved(offsets: Vec<f64>) -> Self {
        Self { scale: 1.0, decision: offsets.clone(), offsets }
    }

    /// Nothing is moved.
    pub fn none(labels: usize) -> Self {
        Self::moved(vec![0.0; labels])
    }

    /// Each label less the logarithm of its mean probability after content-free inputs, whose raw log-probabilities these
    /// are. None where no input has finite ones.
    pub fn contextual(content_free: &[Vec<f64>]) -> Option<Self> {
        let inputs: Vec<&Vec<f64>> = content_free.iter().filter(|row| usable(row)).collect();
        let labels = inputs.first()?.len();
        let mean = |label: usize| {
            let sum: f64 = inputs.iter().filter_map(|row| row.get(label)).map(|logprob| logprob.exp()).sum();
            sum / inputs.len() as f64
        };
        Some(Self::moved((0..labels).map(|label| -mean(label).max(f64::MIN_POSITIVE).ln()).collect()))
    }

    /// Each label less its mean log-probability over the rows. None where no row has finite ones.
    pub fn batch<'a>(rows: impl IntoIterator<Item = &'a [f64]>) -> Option<Self> {
        let mut sums: Vec<f64> = Vec::new();
        let mut count = 0.0;
        for row in rows.into_iter().filter(|row| usable(row)) {
            sums.resize(row.len(), 0.0);
            sums.iter_mut().zip(row).for_each(|(sum, logprob)| *sum += logprob);
            count += 1.0;
        }
        (count > 0.0).then(|| Self::moved(sums.into_iter().map(|sum| -sum / count).collect()))
    }

    /// Fitted on labelled rows: scale and offsets by maximum likelihood (with a light ridge, so that separable rows have
    /// an end), and for the answers thresholds on the log-probabilities that give these rows the highest macro-F1. `gold` are places of labels. `go_on`
    /// is asked between steps; none where it says no, or where no row can be used.
    pub fn supervised(rows: &[Vec<f64>], gold: &[usize], go_on: &mut dyn FnMut() -> bool) -> Option<Self> {
        let known: Vec<(&Vec<f64>, usize)> =
            rows.iter().zip(gold.iter().copied()).filter(|(row, gold)| usable(row) && *gold < row.len()).collect();
        fit::supervised(&known, go_on)
    }

    fn scores<'a>(&'a self, logprobs: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        logprobs.iter().zip(&self.offsets).map(|(logprob, offset)| self.scale * logprob + offset)
    }

    fn decided<'a>(&'a self, logprobs: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        logprobs.iter().zip(&self.decision).map(|(logprob, more)| logprob + more)
    }

    /// The place of the label that is predicted, the first of equals; none without numbers.
    pub fn predicted(&self, logprobs: &[f64]) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for (label, score) in self.decided(logprobs).enumerate() {
            if !score.is_nan() && best.is_none_or(|(_, most)| score > most) {
                best = Some((label, score));
            }
        }
        best.map(|(label, _)| label)
    }

    /// By how much the label that is predicted is ahead of the next.
    pub fn margin(&self, logprobs: &[f64]) -> Option<f64> {
        let mut scores: Vec<f64> = self.decided(logprobs).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        match scores.as_slice() {
            [first, second, ..] => Some(first - second).filter(|margin| !margin.is_nan()),
            _ => None,
        }
    }

    /// The logarithms of the labels' probabilities, which sum to 1.
    pub fn log_probabilities(&self, logprobs: &[f64]) -> Vec<f64> {
        let scores: Vec<f64> = self.scores(logprobs).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !most.is_finite() {
            return scores;
        }
        let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
        scores.iter().map(|score| score - most - sum.ln()).collect()
    }
}

/// Whether a row can be calculated with.
fn usable(row: &[f64]) -> bool {
    !row.is_empty() && row.iter().all(|logprob| logprob.is_finite())
}

#[cfg(test)]
mod tests;
