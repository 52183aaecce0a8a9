//! Nearest neighbours: scikit-learn's `KNeighborsClassifier(n_neighbors=5, metric="cosine")`.
//!
//! The five most similar rows vote, each with one voice; of equally similar rows the earlier one is nearer, of labels with
//! as many voices the first is taken.

use std::collections::HashMap;

use super::Features;

/// How many vote.
pub const K: usize = 5;

/// Rows with their labels.
#[derive(Debug)]
pub struct Neighbours {
    /// By feature, the rows that have it with its value in their unit vectors.
    postings: HashMap<u32, Vec<(usize, f64)>>,
    gold: Vec<usize>,
    labels: usize,
}

impl Neighbours {
    /// Keeps rows with the places of their labels.
    pub fn fit(rows: &[Features], gold: &[usize], labels: usize) -> Self {
        let mut postings: HashMap<u32, Vec<(usize, f64)>> = HashMap::new();
        for (row, features) in rows.iter().enumerate() {
            let length = super::dot(features, features).sqrt();
            for (place, value) in features.iter().filter(|_| length > 0.0) {
                postings.entry(*place).or_default().push((row, value / length));
            }
        }
        Self { postings, gold: gold.to_vec(), labels }
    }

    /// The place of the label that most of the nearest rows have; none without rows.
    pub fn predict(&self, row: &Features) -> Option<usize> {
        let mut similar = vec![0.0; self.gold.len()];
        for (place, value) in row {
            for (other, factor) in self.postings.get(place).map(Vec::as_slice).unwrap_or_default() {
                if let Some(sum) = similar.get_mut(*other) {
                    *sum += value * factor;
                }
            }
        }
        let mut nearest: Vec<(f64, usize)> = similar.into_iter().zip(0..).collect();
        let order = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if nearest.len() > K {
            nearest.select_nth_unstable_by(K - 1, order);
            nearest.truncate(K);
        }
        let voices: Vec<usize> = nearest.iter().filter_map(|(_, row)| self.gold.get(*row)).copied().collect();
        super::majority(&voices, self.labels)
    }
}
