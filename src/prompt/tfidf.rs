//! How alike two texts are: cosine similarity of TF-IDF vectors.
//!
//! Terms are words of two or more characters and pairs of neighbouring words, lower-cased; a term that occurs `t` times
//! weighs `(1 + ln t) · (1 + ln((1 + n) / (1 + d)))`, where `d` of the `n` documents have it; vectors have length 1. That
//! is scikit-learn's `TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)`.

use std::collections::HashMap;

use crate::text::terms::counted;

/// An inverted index over documents.
#[derive(Debug)]
pub(super) struct TfIdf {
    terms: HashMap<String, Term>,
    documents: usize,
}

#[derive(Debug, Default)]
struct Term {
    idf: f64,
    /// Documents that have the term, in order, with its weight in their unit vectors.
    postings: Vec<(usize, f64)>,
}

impl TfIdf {
    /// Indexes `documents`.
    pub(super) fn fit<T: AsRef<str>>(documents: &[T]) -> Self {
        let mut terms: HashMap<String, Term> = HashMap::new();
        for (document, text) in documents.iter().enumerate() {
            for (term, count) in counted(text.as_ref()) {
                terms.entry(term).or_default().postings.push((document, 1.0 + count.ln()));
            }
        }
        let mut squares = vec![0.0; documents.len()];
        // In the order of the terms, so that sums round the same way every time.
        let mut sorted: Vec<(&String, &mut Term)> = terms.iter_mut().collect();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        for (_, term) in &mut sorted {
            term.idf = 1.0 + ((1.0 + documents.len() as f64) / (1.0 + term.postings.len() as f64)).ln();
            for (document, weight) in &mut term.postings {
                *weight *= term.idf;
                if let Some(square) = squares.get_mut(*document) {
                    *square += *weight * *weight;
                }
            }
        }
        for (_, term) in sorted {
            for (document, weight) in &mut term.postings {
                if let Some(square) = squares.get(*document) {
                    *weight /= square.sqrt();
                }
            }
        }
        Self { terms, documents: documents.len() }
    }

    /// The cosine similarity of `text` to each document. Terms that no document has are left out.
    pub(super) fn similarities(&self, text: &str) -> Vec<f64> {
        let mut query: Vec<(String, f64)> = counted(text).into_iter().collect();
        query.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let query: Vec<(&Term, f64)> = query
            .iter()
            .filter_map(|(name, count)| {
                let term = self.terms.get(name)?;
                Some((term, (1.0 + count.ln()) * term.idf))
            })
            .collect();
        let length = query.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        let mut similarities = vec![0.0; self.documents];
        for (term, weight) in query {
            for (document, other) in &term.postings {
                if let Some(similarity) = similarities.get_mut(*document) {
                    *similarity += weight / length * other;
                }
            }
        }
        similarities
    }
}
