//! How far probabilities can be believed: calibration error, Brier score, reliability, and accuracy by coverage.

use serde::{Deserialize, Serialize};

use crate::metrics::report::nan_for_null;

/// Bins of confidence, equally wide.
const BINS: usize = 10;

/// Points that the risk-coverage curve has at most, one a percent and the beginning.
const MOST_POINTS: usize = 101;

/// Rows whose confidence (the probability of the label that is predicted) lies in one tenth; the lower end is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Rows in it.
    pub rows: usize,
    /// Their mean confidence; NaN without rows.
    #[serde(deserialize_with = "nan_for_null")]
    pub confidence: f64,
    /// Share of them that is predicted right; NaN without rows.
    #[serde(deserialize_with = "nan_for_null")]
    pub accuracy: f64,
}

/// What is left if only the surest rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskPoint {
    /// Share of the rows that is kept.
    pub coverage: f64,
    /// Share of those that is predicted wrong.
    pub risk: f64,
    /// The confidence of the least sure row that is kept.
    pub confidence: f64,
    /// How many are kept.
    pub rows: usize,
}

/// How good the probabilities of some rows are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Rows.
    pub rows: usize,
    /// Expected calibration error: how far confidence and accuracy lie apart in a bin, weighted by its rows.
    #[serde(deserialize_with = "nan_for_null")]
    pub ece: f64,
    /// Brier score over all labels: the mean of the summed squared differences from 1 for the gold label and 0 for the
    /// others (0 to 2; scikit-learn's `brier_score_loss` with `scale_by_half=False`).
    #[serde(deserialize_with = "nan_for_null")]
    pub brier: f64,
    /// The reliability diagram, from confidence 0 to 1.
    pub bins: Vec<Bin>,
    /// The risk-coverage curve, from the surest rows to all. Rows of equal confidence are kept together.
    pub risk: Vec<RiskPoint>,
    /// The area under it: the mean over all rows of the share wrong among the rows at least as sure.
    #[serde(deserialize_with = "nan_for_null")]
    pub aurc: f64,
}

impl Quality {
    /// Of rows with the probabilities of their labels, the places of the label predicted and of the gold label.
    pub fn of(probabilities: &[Vec<f64>], predicted: &[usize], gold: &[usize]) -> Self {
        let mut sums = [(0, 0.0, 0.0); BINS];
        let mut brier = 0.0;
        let mut sure: Vec<(f64, bool)> = Vec::with_capacity(gold.len());
        for ((shares, predicted), gold) in probabilities.iter().zip(predicted).zip(gold) {
            let confidence = shares.get(*predicted).copied().unwrap_or_default();
            let right = predicted == gold;
            let place = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
            if let Some((rows, of_confidence, of_right)) = sums.get_mut(place) {
                *rows += 1;
                *of_confidence += confidence;
                *of_right += f64::from(u8::from(right));
            }
            let wanted = |label: usize| f64::from(u8::from(label == *gold));
            brier += shares.iter().enumerate().map(|(label, share)| (share - wanted(label)).powi(2)).sum::<f64>();
            sure.push((confidence, right));
        }
        let rows = sure.len();
        let bins = sums.map(|(count, confidence, right)| Bin {
            rows: count,
            confidence: confidence / count as f64,
            accuracy: right / count as f64,
        });
        let gap = |bin: &Bin| bin.rows as f64 * (bin.confidence - bin.accuracy).abs();
        let ece = bins.iter().filter(|bin| bin.rows > 0).map(gap).sum::<f64>() / rows as f64;
        let (risk, aurc) = risk_coverage(sure);
        Self { rows, ece, brier: brier / rows as f64, bins: bins.to_vec(), risk, aurc }
    }

    /// What is left if so large a share of the rows is kept, the surest: the last point that covers no more, else the first.
    pub fn kept(&self, coverage: f64) -> Option<RiskPoint> {
        let within = self.risk.iter().rev().find(|point| point.coverage <= coverage + 1e-12);
        within.or(self.risk.first()).copied()
    }
}

/// The curve, thinned out to one point a percent, and the area under it.
fn risk_coverage(mut sure: Vec<(f64, bool)>) -> (Vec<RiskPoint>, f64) {
    sure.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all = sure.len();
    let mut points: Vec<RiskPoint> = Vec::new();
    let (mut wrong, mut area, mut from) = (0, 0.0, 0);
    for (place, (confidence, right)) in sure.iter().enumerate() {
        wrong += usize::from(!right);
        let rows = place + 1;
        if sure.get(rows).is_some_and(|next| next.0 == *confidence) {
            continue;
        }
        let risk = f64::from(u32::try_from(wrong).unwrap_or(u32::MAX)) / rows as f64;
        area += risk * (rows - from) as f64;
        from = rows;
        let point = RiskPoint { coverage: rows as f64 / all as f64, risk, confidence: *confidence, rows };
        // One a percent: a later row of the same percent takes the place of the one before.
        let percent = |point: &RiskPoint| (point.coverage * (MOST_POINTS - 1) as f64 - 1e-9).ceil();
        match points.last_mut().filter(|last| percent(last) == percent(&point)) {
            Some(last) => *last = point,
            None => points.push(point),
        }
    }
    (points, area / all as f64)
}
