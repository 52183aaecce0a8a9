//! The figures of a classification, as scikit-learn computes them.
//!
//! [`Scores`] are precision, recall and F1 (`precision_recall_fscore_support` with `zero_division=0`), [`Report`] adds
//! accuracy, balanced accuracy, MCC, Cohen's kappa, the majority baseline and an interval, and is what `report.json`
//! holds. Sums run in numpy's order, so that the printed figures are the same to the character.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::Confusion;
use super::numpy_sum;

/// Precision, recall, F1 and support of one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Share of the rows predicted as this label that have it; 0 where none was.
    pub precision: f64,
    /// Share of the rows with this label that were predicted so; 0 where there are none.
    pub recall: f64,
    /// Harmonic mean of the two; 0 where the label is neither gold nor predicted.
    pub f1: f64,
    /// Rows with this gold label.
    pub support: u64,
}

impl ClassScores {
    /// From true positives, rows predicted and rows with the label.
    fn of(correct: u64, predicted: u64, support: u64) -> Self {
        Self {
            precision: ratio(correct, predicted),
            recall: ratio(correct, support),
            f1: if predicted + support == 0 { 0.0 } else { 2.0 * correct as f64 / (predicted + support) as f64 },
            support,
        }
    }
}

/// Precision, recall and F1 averaged over labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    /// Mean precision.
    #[serde(deserialize_with = "nan_for_null")]
    pub precision: f64,
    /// Mean recall.
    #[serde(deserialize_with = "nan_for_null")]
    pub recall: f64,
    /// Mean F1.
    #[serde(deserialize_with = "nan_for_null")]
    pub f1: f64,
}

/// Precision, recall and F1 of some labels, each and averaged.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Of each label, in the order asked for.
    pub classes: Vec<ClassScores>,
    /// Of the labels' counts taken together.
    pub micro: ClassScores,
    /// The labels' mean; NaN without labels.
    pub macro_avg: Averages,
    /// The labels' mean weighted by support; the plain mean where there is none.
    pub weighted: Averages,
}

impl Scores {
    /// The scores of every label of the matrix, in its order.
    pub fn all(confusion: &Confusion) -> Self {
        Self::of(confusion, confusion.labels())
    }

    /// The scores of `labels`. One that the matrix does not know scores 0; rows of labels not listed still count
    /// against the precision and recall of those that are, as with scikit-learn's `labels=`.
    pub fn of<'a>(confusion: &Confusion, labels: impl IntoIterator<Item = &'a str>) -> Self {
        let mut sums = [0; 3];
        let classes: Vec<ClassScores> = labels
            .into_iter()
            .map(|label| {
                // An index beyond the matrix counts nothing.
                let index = confusion.index(label).unwrap_or(usize::MAX);
                let counts = [confusion.count(index, index), confusion.predicted(index), confusion.gold(index)];
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += count;
                }
                let [correct, predicted, support] = counts;
                ClassScores::of(correct, predicted, support)
            })
            .collect();
        let [correct, predicted, support] = sums;
        let ones = vec![1.0; classes.len()];
        let supports: Vec<f64> = classes.iter().map(|class| class.support as f64).collect();
        Self {
            micro: ClassScores::of(correct, predicted, support),
            macro_avg: averages(&classes, &ones),
            weighted: averages(&classes, if support == 0 { &ones } else { &supports }),
            classes,
        }
    }
}

/// Everything that is told of a classified split. Serialises to the fields of `report.json`; what is undefined (kappa
/// with one label only) is NaN here and `null` there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Share of the rows predicted right.
    #[serde(deserialize_with = "nan_for_null")]
    pub accuracy: f64,
    /// Mean F1 over all labels that are gold or predicted, `unknown` included where it was predicted.
    #[serde(deserialize_with = "nan_for_null")]
    pub macro_f1: f64,
    /// Scores of each label.
    pub classes: IndexMap<String, ClassScores>,
    /// The counts.
    pub confusion: Confusion,
    /// Matthews correlation coefficient, for any number of classes (Gorodkin's R_K); 0 where it is undefined.
    pub mcc: f64,
    /// Cohen's kappa between gold and predicted; NaN where only one label occurs.
    #[serde(deserialize_with = "nan_for_null")]
    pub kappa: f64,
    /// Mean recall over the labels with support.
    #[serde(deserialize_with = "nan_for_null")]
    pub balanced_accuracy: f64,
    /// Accuracy of always predicting the most frequent gold label.
    #[serde(deserialize_with = "nan_for_null")]
    pub majority_accuracy: f64,
    /// Wilson's 95% interval of the accuracy, lower and upper end.
    #[serde(deserialize_with = "nans_for_nulls")]
    pub accuracy_ci95: [f64; 2],
    /// Means weighted by support.
    pub weighted: Averages,
    /// Plain means.
    #[serde(rename = "macro")]
    pub macro_avg: Averages,
}

impl Report {
    /// The figures of the counts, over the labels of the matrix in its order. [`Confusion::observed`] gives the matrix
    /// that scikit-learn would use. Without rows, shares are NaN.
    pub fn new(confusion: Confusion) -> Self {
        let scores = Scores::all(&confusion);
        let rows = confusion.total();
        let share = |count: u64| if rows == 0 { f64::NAN } else { ratio(count, rows) };
        let recalls: Vec<f64> = scores.classes.iter().filter(|c| c.support > 0).map(|c| c.recall).collect();
        Self {
            accuracy: share(confusion.correct()),
            macro_f1: scores.macro_avg.f1,
            classes: confusion.labels().map(str::to_owned).zip(scores.classes).collect(),
            mcc: matthews(&confusion),
            kappa: cohen_kappa(&confusion),
            balanced_accuracy: numpy_sum(&recalls) / recalls.len() as f64,
            majority_accuracy: share(confusion.majority().map_or(0, |(_, support)| support)),
            accuracy_ci95: wilson(confusion.correct(), rows),
            weighted: scores.weighted,
            macro_avg: scores.macro_avg,
            confusion,
        }
    }

    /// How many rows the report is about.
    pub fn rows(&self) -> u64 {
        self.confusion.total()
    }
}

/// Wilson's 95% score interval of a proportion, lower and upper end, as `statsmodels`'
/// `proportion_confint(method="wilson")`; NaN without trials.
pub fn wilson(successes: u64, trials: u64) -> [f64; 2] {
    const CONFIDENCE: f64 = 0.95;
    let (n, p) = (trials as f64, successes as f64 / trials as f64);
    let z = Normal::standard().inverse_cdf(0.5 + CONFIDENCE / 2.0);
    let z2 = z * z;
    let scale = 1.0 + z2 / n;
    let center = (p + z2 / (2.0 * n)) / scale;
    let half = z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / scale;
    // Mathematically within bounds; rounding may leave them by a hair.
    [(center - half).clamp(0.0, 1.0), (center + half).clamp(0.0, 1.0)]
}

/// `zero_division=0`.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `numpy.average` of the three columns.
fn averages(classes: &[ClassScores], weights: &[f64]) -> Averages {
    let average = |column: fn(&ClassScores) -> f64| {
        let weighted: Vec<f64> = classes.iter().zip(weights).map(|(class, weight)| column(class) * weight).collect();
        numpy_sum(&weighted) / numpy_sum(weights)
    };
    Averages { precision: average(|c| c.precision), recall: average(|c| c.recall), f1: average(|c| c.f1) }
}

/// Rows, right ones, and the sums over labels of predicted × gold, predicted² and gold².
fn marginals(confusion: &Confusion) -> (f64, f64, f64, f64, f64) {
    let (mut both, mut predicted2, mut gold2) = (0.0, 0.0, 0.0);
    for i in 0..confusion.labels().len() {
        let (predicted, gold) = (confusion.predicted(i) as f64, confusion.gold(i) as f64);
        both += predicted * gold;
        predicted2 += predicted * predicted;
        gold2 += gold * gold;
    }
    (confusion.total() as f64, confusion.correct() as f64, both, predicted2, gold2)
}

/// `matthews_corrcoef`.
fn matthews(confusion: &Confusion) -> f64 {
    let (rows, correct, both, predicted2, gold2) = marginals(confusion);
    let spread = (rows * rows - predicted2) * (rows * rows - gold2);
    if spread == 0.0 { 0.0 } else { (correct * rows - both) / spread.sqrt() }
}

/// `cohen_kappa_score`: one minus disagreement seen over disagreement expected.
pub(super) fn cohen_kappa(confusion: &Confusion) -> f64 {
    let (rows, correct, both, _, _) = marginals(confusion);
    let expected = rows - both / rows;
    // Not so for NaN either, which comes of no rows.
    if expected > 0.0 { 1.0 - (rows - correct) / expected } else { f64::NAN }
}

/// A number that JSON has none for.
pub(super) fn nan_for_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// The ends of an interval that JSON has no numbers for.
pub(super) fn nans_for_nulls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 2], D::Error> {
    Ok(<[Option<f64>; 2]>::deserialize(deserializer)?.map(|end| end.unwrap_or(f64::NAN)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fixtures::{close, read};

    #[test]
    fn figures_equal_scikit_learn() {
        let mut seen = 0;
        for (name, case) in read("metrics.json").as_object().unwrap() {
            // Two cases and the note of versions hold a text only.
            let Some(mcc) = case.get("mcc") else { continue };
            let confusion = crate::metrics::fixtures::confusion(case);
            let report = Report::new(confusion.clone());
            let micro = Scores::all(&confusion).micro;
            assert_eq!(serde_json::json!(confusion.matrix()), case["confusion"], "{name}");
            close(report.accuracy, &case["accuracy"], name);
            close(report.mcc, mcc, name);
            close(report.kappa, &case["kappa"], name);
            close(report.balanced_accuracy, &case["balanced_accuracy"], name);
            for (ours, theirs) in [(report.macro_avg, &case["macro"]), (report.weighted, &case["weighted"])] {
                close(ours.precision, &theirs[0], name);
                close(ours.recall, &theirs[1], name);
                close(ours.f1, &theirs[2], name);
            }
            close(micro.precision, &case["micro"][0], name);
            close(micro.recall, &case["micro"][1], name);
            close(micro.f1, &case["micro"][2], name);
            for (label, class) in &report.classes {
                let theirs = &case["dict"][label.as_str()];
                close(class.precision, &theirs["precision"], name);
                close(class.recall, &theirs["recall"], name);
                close(class.f1, &theirs["f1-score"], name);
                close(class.support as f64, &theirs["support"], name);
            }
            seen += 1;
        }
        assert_eq!(seen, 12);
    }

    #[test]
    fn figures_of_random_counts_equal_scikit_learn() {
        for (number, case) in read("random.json").as_array().unwrap().iter().enumerate() {
            let confusion = crate::metrics::fixtures::confusion(case);
            let report = Report::new(confusion.observed());
            let name = format!("case {number}");
            close(report.mcc, &case["mcc"], &name);
            close(report.kappa, &case["kappa"], &name);
            close(report.balanced_accuracy, &case["balanced_accuracy"], &name);
            close(report.macro_f1, &case["macro_f1"], &name);
        }
    }

    #[test]
    fn wilson_equals_statsmodels() {
        for case in read("wilson.json").as_array().unwrap() {
            let number = |key: &str| case[key].as_u64().unwrap();
            let [low, high] = wilson(number("successes"), number("trials"));
            close(low, &case["low"], "lower end");
            close(high, &case["high"], "upper end");
        }
        assert!(wilson(0, 0).iter().all(|end| end.is_nan()));
    }

    #[test]
    fn written_with_the_fields_that_others_read() {
        let report = Report::new(Confusion::of([("a", "a"), ("a", "a")]));
        let value = serde_json::to_value(&report).unwrap();
        let fields: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(
            fields,
            [
                "accuracy",
                "macro_f1",
                "classes",
                "confusion",
                "mcc",
                "kappa",
                "balanced_accuracy",
                "majority_accuracy",
                "accuracy_ci95",
                "weighted",
                "macro"
            ]
        );
        assert!(value["kappa"].is_null());
        assert_eq!(
            value["classes"]["a"],
            serde_json::json!({"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 2})
        );
        assert_eq!(value["macro"], serde_json::json!({"precision": 1.0, "recall": 1.0, "f1": 1.0}));
        let back: Report = serde_json::from_value(value.clone()).unwrap();
        assert!(back.kappa.is_nan());
        assert_eq!(serde_json::to_value(&back).unwrap(), value);
    }

    #[test]
    fn baselines() {
        let report = Report::new(Confusion::of([("a", "b"), ("a", "a"), ("b", "b"), ("a", "unknown")]));
        assert_eq!((report.rows(), report.majority_accuracy, report.accuracy), (4, 0.75, 0.5));
        assert_eq!(report.classes.keys().collect::<Vec<_>>(), ["a", "b", "unknown"]);
    }

    #[test]
    fn no_rows() {
        let report = Report::new(Confusion::with_labels(["a", "b"]));
        assert!(report.accuracy.is_nan() && report.kappa.is_nan() && report.balanced_accuracy.is_nan());
        assert!(report.majority_accuracy.is_nan() && report.accuracy_ci95[0].is_nan());
        assert_eq!((report.mcc, report.macro_f1), (0.0, 0.0));
        assert!(Report::new(Confusion::new()).macro_f1.is_nan());
        let value = serde_json::to_value(&report).unwrap();
        assert!(value["accuracy"].is_null() && value["accuracy_ci95"][1].is_null());
        assert!(serde_json::from_value::<Report>(value).unwrap().accuracy_ci95[1].is_nan());
    }
}
