//! Classifiers that cost next to nothing, to hold a language model against: always the most frequent label, logistic
//! regression and nearest neighbours over TF-IDF or over an encoder's embeddings.
//!
//! They see texts (or vectors) and places of labels, and know nothing of sessions, engines or terminals. Everything is as
//! scikit-learn does it with the settings that are named here, so that figures can be held beside a notebook's.

pub mod logistic;
pub mod neighbours;
pub mod tfidf;

pub use logistic::{Logistic, Weights};
pub use neighbours::Neighbours;
pub use tfidf::TfIdf;

/// A row's features: places that rise, each with its value; all others are 0.
pub type Features = Vec<(u32, f64)>;

/// A dense vector as features.
pub fn dense(vector: &[f32]) -> Features {
    (0..).zip(vector.iter().map(|value| f64::from(*value))).collect()
}

/// The most frequent label, the first of equals; none without rows.
pub fn majority(gold: &[usize], labels: usize) -> Option<usize> {
    let mut counts = vec![0_usize; labels];
    for label in gold {
        if let Some(count) = counts.get_mut(*label) {
            *count += 1;
        }
    }
    let most = counts.iter().copied().max().filter(|most| *most > 0)?;
    counts.iter().position(|count| *count == most)
}

/// The sum of the products of two rows' features.
fn dot(a: &[(u32, f64)], b: &[(u32, f64)]) -> f64 {
    let (mut sum, mut rest) = (0.0, b);
    for (place, value) in a {
        let skip = rest.partition_point(|(other, _)| other < place);
        rest = rest.get(skip..).unwrap_or_default();
        if let Some((other, factor)) = rest.first()
            && other == place
        {
            sum += value * factor;
        }
    }
    sum
}

#[cfg(test)]
mod tests;
