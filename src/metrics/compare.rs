//! Two classifications of the same rows, `a` and `b`: which of them is better, and by how much.
//!
//! [`Paired`] holds the rows. [`Paired::outcomes`] counts rows fixed and broken on the way from `a` to `b`, [`mcnemar`]
//! tests whether one of the two is more than chance, [`Paired::differences`] tells accuracy and macro-F1, `b` minus `a`,
//! with 95% percentile bootstrap intervals: rows are drawn with replacement, gold and both answers together, as
//! `numpy.random.RandomState(seed).randint(0, n, size=(resamples, n))` draws them, and the ends are numpy's linear
//! percentiles. All differences are parts of 1.

use indexmap::IndexSet;

use super::distribution::{Estimate, interval};
use super::numpy_sum;
use crate::data::numpy::RandomState;

/// Rows with a gold label and two answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paired {
    labels: IndexSet<String>,
    /// The kinds of rows there are: gold, a and b.
    kinds: IndexSet<[usize; 3]>,
    /// The kind of each row.
    rows: Vec<usize>,
}

/// What became of the rows on the way from `a` to `b`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Wrong in `a`, right in `b`.
    pub fixed: u64,
    /// Right in `a`, wrong in `b`.
    pub broken: u64,
    /// Right in both.
    pub both_right: u64,
    /// Wrong in both.
    pub both_wrong: u64,
}

/// How much better `b` is than `a`. NaN without rows; the ends of intervals without resamples as well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Differences {
    /// Of the share of rows answered right.
    pub accuracy: Estimate,
    /// Of the mean F1 over the labels that are gold or predicted, as scikit-learn's
    /// `f1_score(average="macro", zero_division=0)`; in a resample, over those that occur in it.
    pub macro_f1: Estimate,
}

impl Paired {
    /// Adds a row.
    pub fn push(&mut self, gold: &str, a: &str, b: &str) {
        let kind = [gold, a, b].map(|label| match self.labels.get_index_of(label) {
            Some(index) => index,
            None => self.labels.insert_full(label.to_owned()).0,
        });
        self.rows.push(self.kinds.insert_full(kind).0);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Counts what became of the rows.
    pub fn outcomes(&self) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for ([gold, a, b], count) in self.kinds.iter().zip(self.counts()) {
            let field = match (gold == a, gold == b) {
                (false, true) => &mut outcomes.fixed,
                (true, false) => &mut outcomes.broken,
                (true, true) => &mut outcomes.both_right,
                (false, false) => &mut outcomes.both_wrong,
            };
            *field += count;
        }
        outcomes
    }

    /// The differences with their intervals. `go_on` is asked before each resample with how many are done; `None` where
    /// it says no.
    pub fn differences(
        &self,
        resamples: usize,
        seed: u32,
        mut go_on: impl FnMut(usize) -> bool,
    ) -> Option<Differences> {
        let whole = self.figures(&self.counts());
        let mut random = RandomState::new(seed);
        let mut drawn = [Vec::new(), Vec::new()];
        let mut counts = vec![0; self.kinds.len()];
        let rows = self.rows.len();
        for done in 0..if rows == 0 { 0 } else { resamples } {
            if !go_on(done) {
                return None;
            }
            counts.fill(0);
            for _ in 0..rows {
                let row = usize::try_from(random.randint(0, rows as i64)).unwrap_or_default();
                if let Some(count) = self.rows.get(row).and_then(|kind| counts.get_mut(*kind)) {
                    *count += 1;
                }
            }
            for (values, value) in drawn.iter_mut().zip(self.figures(&counts)) {
                values.push(value);
            }
        }
        let ([accuracy, macro_f1], [of_accuracy, of_macro_f1]) = (whole, drawn);
        Some(Differences {
            accuracy: Estimate { value: accuracy, ci95: interval(of_accuracy) },
            macro_f1: Estimate { value: macro_f1, ci95: interval(of_macro_f1) },
        })
    }

    /// How many rows there are of each kind.
    fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.kinds.len()];
        for kind in &self.rows {
            if let Some(count) = counts.get_mut(*kind) {
                *count += 1;
            }
        }
        counts
    }

    /// The differences of accuracy and macro-F1 with so many rows of each kind.
    fn figures(&self, counts: &[u64]) -> [f64; 2] {
        let none = Tally::default();
        let mut a = vec![none; self.labels.len()];
        let mut b = vec![none; self.labels.len()];
        let mut rows = 0;
        for ([gold, in_a, in_b], count) in self.kinds.iter().zip(counts) {
            rows += count;
            for (tallies, predicted) in [(&mut a, in_a), (&mut b, in_b)] {
                if let Some(tally) = tallies.get_mut(*gold) {
                    tally.occurs += count;
                    tally.right += if gold == predicted { *count } else { 0 };
                }
                if let Some(tally) = tallies.get_mut(*predicted) {
                    tally.occurs += count;
                }
            }
        }
        let right = |tallies: &[Tally]| tallies.iter().map(|tally| tally.right).sum::<u64>() as f64;
        [(right(&b) - right(&a)) / rows as f64, macro_f1(&b) - macro_f1(&a)]
    }
}

/// One label in one of the two.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// Rows that have it and were given it.
    right: u64,
    /// Rows that have it and rows that were given it.
    occurs: u64,
}

/// The mean F1 of the labels that occur; NaN where none does.
fn macro_f1(tallies: &[Tally]) -> f64 {
    let f1 = |tally: &Tally| 2.0 * tally.right as f64 / tally.occurs as f64;
    let scores: Vec<f64> = tallies.iter().filter(|tally| tally.occurs > 0).map(f1).collect();
    numpy_sum(&scores) / scores.len() as f64
}

/// McNemar's exact test of rows fixed against rows broken: how likely a split at least as uneven would be if either were
/// a coin's toss, on both sides. statsmodels' `mcnemar(exact=True)`; 1 where no row was fixed or broken.
pub fn mcnemar(fixed: u64, broken: u64) -> f64 {
    let (fewer, all) = (fixed.min(broken), fixed.saturating_add(broken));
    // Binomial coefficients as parts of the middle one: from there down they only fall, so that none overflows.
    let (mut weight, mut tail, mut half) = (1.0_f64, 0.0, 0.0);
    let middle = all / 2;
    for k in (0..=middle).rev() {
        // An even number of tosses has one middle, which is nobody's double.
        half += if k == middle && all % 2 == 0 { weight / 2.0 } else { weight };
        if k <= fewer {
            tail += weight;
        }
        weight *= k as f64 / (all - k + 1) as f64;
        if weight == 0.0 {
            break;
        }
    }
    (tail / half).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::agreement::kappa;
    use crate::metrics::fixtures::{close, read};

    #[test]
    fn figures_equal_statsmodels_numpy_and_scikit_learn() {
        let cases = read("compare.json");
        let cases = cases["pairs"].as_array().unwrap();
        for case in cases {
            let name = case["name"].as_str().unwrap();
            let texts = |key: &str| -> Vec<String> { serde_json::from_value(case[key].clone()).unwrap() };
            let (gold, a, b) = (texts("gold"), texts("a"), texts("b"));
            let mut paired = Paired::default();
            for ((gold, a), b) in gold.iter().zip(&a).zip(&b) {
                paired.push(gold, a, b);
            }
            let Outcomes { fixed, broken, both_right, both_wrong } = paired.outcomes();
            assert_eq!(serde_json::json!([fixed, broken, both_right, both_wrong]), case["outcomes"], "{name}");
            close(mcnemar(fixed, broken), &case["mcnemar_p"], name);
            close(kappa(a.iter().map(String::as_str).zip(b.iter().map(String::as_str))), &case["kappa"], name);
            let number = |key: &str| case[key].as_u64().unwrap();
            let seed = u32::try_from(number("seed")).unwrap();
            let found = paired.differences(number("resamples") as usize, seed, |_| true).unwrap();
            for (ours, key) in [(found.accuracy, "accuracy"), (found.macro_f1, "macro_f1")] {
                close(ours.value, &case[key]["value"], name);
                close(ours.ci95[0], &case[key]["ci95"][0], name);
                close(ours.ci95[1], &case[key]["ci95"][1], name);
            }
        }
        assert_eq!(cases.len(), 7);
    }

    #[test]
    fn mcnemar_equals_statsmodels() {
        let cases = read("compare.json");
        for case in cases["mcnemar"].as_array().unwrap() {
            let number = |key: &str| case[key].as_u64().unwrap();
            close(mcnemar(number("fixed"), number("broken")), &case["p"], &case.to_string());
        }
        assert_eq!(mcnemar(0, 0), 1.0);
    }

    #[test]
    fn nothing_to_compare_and_no_time() {
        let mut paired = Paired::default();
        assert!(paired.is_empty());
        let none = paired.differences(10, 42, |_| true).unwrap();
        assert!(none.accuracy.value.is_nan() && none.macro_f1.ci95[0].is_nan());
        paired.push("a", "a", "b");
        assert_eq!(paired.len(), 1);
        let some = paired.differences(0, 42, |_| true).unwrap();
        assert!(some.accuracy.value == -1.0 && some.accuracy.ci95[1].is_nan());
        assert_eq!(paired.differences(10, 42, |done| done < 3), None);
    }
}
