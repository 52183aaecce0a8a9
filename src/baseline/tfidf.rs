//! TF-IDF of words and pairs of neighbouring words: scikit-learn's
//! `TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)`.
//!
//! Words have two characters or more and are lower-cased; a term that occurs `t` times weighs
//! `(1 + ln t) · (1 + ln((1 + n) / (1 + d)))`, where `d` of the `n` texts have it, and rows have length 1.

use std::collections::HashMap;

use crate::text::terms::counted;

use super::Features;

/// Texts in which a term has to be.
const LEAST: usize = 2;

/// The terms of some texts with their weights.
#[derive(Debug)]
pub struct TfIdf {
    terms: HashMap<String, (u32, f64)>,
}

impl TfIdf {
    /// Learns the terms of some texts. `go_on` is asked for each text; none where it says no.
    pub fn fit<T: AsRef<str>>(texts: &[T], go_on: &mut dyn FnMut() -> bool) -> Option<Self> {
        let mut found: HashMap<String, usize> = HashMap::new();
        for text in texts {
            if !go_on() {
                return None;
            }
            for term in counted(text.as_ref()).into_keys() {
                *found.entry(term).or_default() += 1;
            }
        }
        // In the order of the terms, so that sums round the same way every time.
        let mut kept: Vec<(String, usize)> = found.into_iter().filter(|(_, texts)| *texts >= LEAST).collect();
        kept.sort_unstable();
        let all = texts.len() as f64;
        let weighed = (0..).zip(kept).map(|(place, (term, texts))| {
            let idf = 1.0 + ((1.0 + all) / (1.0 + texts as f64)).ln();
            (term, (place, idf))
        });
        Some(Self { terms: weighed.collect() })
    }

    /// How many terms there are.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether no term is in two texts.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The features of a text; terms that were not learnt are left out.
    pub fn of(&self, text: &str) -> Features {
        let weigh = |(term, count): (String, f64)| {
            let (place, idf) = self.terms.get(&term)?;
            Some((*place, (1.0 + count.ln()) * idf))
        };
        let mut features: Features = counted(text).into_iter().filter_map(weigh).collect();
        features.sort_unstable_by_key(|(place, _)| *place);
        let length = features.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
        if length > 0.0 {
            features.iter_mut().for_each(|(_, value)| *value /= length);
        }
        features
    }
}
