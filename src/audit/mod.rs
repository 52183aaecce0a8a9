//! Gold labels and texts that deserve a second look, told from the data and from a model's answers.
//!
//! [`disagreements`] are rows where the model is confident and the gold label says otherwise (confident learning, Northcutt
//! et al. 2021), [`duplicates`] finds texts that are nearly the same by MinHash, [`worth_labelling`] says which unlabelled
//! rows would teach most. Texts, labels and probabilities go in; nothing here knows of sessions, engines or terminals.

pub mod duplicates;

use std::collections::{HashMap, HashSet};

pub use duplicates::{Group, groups};

/// A row with what a model says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// Its number.
    pub row: usize,
    /// The place of its gold label.
    pub gold: Option<usize>,
    /// The place of the label that was predicted; none where that is no label.
    pub predicted: Option<usize>,
    /// The labels' probabilities; empty where there are none.
    pub probabilities: Vec<f64>,
}

/// A row whose gold label a model confidently disagrees with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disagreement {
    /// The row.
    pub row: usize,
    /// The label that the model gives.
    pub predicted: usize,
    /// Its probability.
    pub confidence: f64,
}

/// Rows whose predicted label is not the gold one and is believed at least as much as that label is on average where it
/// is gold, the most confident first. That average is each label's threshold: a model that is timid with a label is not
/// held to one that it is bold with. Rows without probabilities are left out.
pub fn disagreements(rows: &[Answered]) -> Vec<Disagreement> {
    let labels = rows.iter().map(|row| row.probabilities.len()).max().unwrap_or_default();
    let (mut sums, mut counts) = (vec![0.0; labels], vec![0.0_f64; labels]);
    for row in rows {
        let Some((gold, share)) = row.gold.and_then(|gold| Some((gold, row.probabilities.get(gold)?))) else {
            continue;
        };
        if let (Some(sum), Some(count)) = (sums.get_mut(gold), counts.get_mut(gold)) {
            *sum += share;
            *count += 1.0;
        }
    }
    let threshold = |label: usize| {
        let (sum, count) =
            (sums.get(label).copied().unwrap_or_default(), counts.get(label).copied().unwrap_or_default());
        if count > 0.0 { sum / count } else { 0.0 }
    };
    let suspect = |row: &Answered| {
        let (gold, predicted) = (row.gold?, row.predicted?);
        let confidence = *row.probabilities.get(predicted)?;
        (gold != predicted && confidence >= threshold(predicted)).then_some(Disagreement {
            row: row.row,
            predicted,
            confidence,
        })
    };
    let mut found: Vec<Disagreement> = rows.iter().filter_map(suspect).collect();
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.row.cmp(&b.row)));
    found
}

/// Unlabelled rows in the order in which labels would teach most: the least sure first (the highest entropy of the labels'
/// probabilities), and of nearly the same texts, whose places in `groups` are the same, only the first before all others.
pub fn worth_labelling(rows: &[Answered], groups: &[Group]) -> Vec<(usize, f64)> {
    let entropy =
        |shares: &[f64]| -> f64 { shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum() };
    let open = rows.iter().filter(|row| row.gold.is_none() && !row.probabilities.is_empty());
    let mut ranked: Vec<(usize, f64)> = open.map(|row| (row.row, entropy(&row.probabilities))).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let of_group = groups.iter().enumerate().flat_map(|(group, of)| of.rows.iter().map(move |row| (*row, group)));
    let group_of: HashMap<usize, usize> = of_group.collect();
    let mut seen = HashSet::new();
    let (first, again): (Vec<_>, Vec<_>) =
        ranked.into_iter().partition(|(row, _)| group_of.get(row).is_none_or(|group| seen.insert(*group)));
    first.into_iter().chain(again).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: usize, gold: Option<usize>, shares: &[f64]) -> Answered {
        let best = (0..shares.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b]));
        Answered { row, gold, predicted: best, probabilities: shares.to_vec() }
    }

    #[test]
    fn the_most_confident_disagreement_is_first_and_timid_ones_are_none() {
        let rows = [
            row(0, Some(0), &[0.9, 0.1]),
            row(1, Some(0), &[0.7, 0.3]),
            row(2, Some(1), &[0.4, 0.6]),
            // Label 0 is believed by 0.77 where it is gold: 0.75 is below that, 0.95 is not.
            row(3, Some(1), &[0.75, 0.25]),
            row(4, Some(1), &[0.95, 0.05]),
            row(5, Some(0), &[0.3, 0.7]),
            row(6, None, &[0.99, 0.01]),
            Answered { row: 7, gold: Some(1), predicted: Some(0), probabilities: Vec::new() },
        ];
        let found = disagreements(&rows);
        assert_eq!(found.iter().map(|of| (of.row, of.predicted)).collect::<Vec<_>>(), [(4, 0), (3, 0), (5, 1)]);
        assert_eq!(disagreements(&[]), []);
    }

    #[test]
    fn unsure_rows_first_and_each_text_once() {
        let rows = [
            row(0, None, &[0.5, 0.5]),
            row(1, None, &[0.51, 0.49]),
            row(2, None, &[0.9, 0.1]),
            row(3, Some(1), &[0.5, 0.5]),
            row(4, None, &[0.6, 0.4]),
        ];
        let same = Group { rows: vec![0, 1], similarity: 1.0 };
        let order: Vec<usize> = worth_labelling(&rows, &[same]).into_iter().map(|(row, _)| row).collect();
        assert_eq!(order, [0, 4, 2, 1]);
    }
}
