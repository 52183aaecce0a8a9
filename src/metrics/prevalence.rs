//! How many rows have a label, from a model's answers to many rows and a sample of them with gold labels.
//!
//! Counting answers alone is biased wherever the model is ([`naive`]). [`classical`] takes the labelled sample alone;
//! [`prediction_powered`] corrects the answers by the errors seen in the sample (Angelopoulos et al. 2023), and with the power
//! tuned from the data (PPI++, Angelopoulos, Duchi and Zrnic 2023) is never wider than the classical interval for large
//! samples. Both are ppi-python's `ppi_mean_ci`. [`design_based`] is design-based supervised learning for a mean (Egami,
//! Hinck, Stewart and Wei 2023): outcomes of labelled rows are corrected by how likely they were to be labelled.
//!
//! All of it stands on the labelled rows being a random draw from the rows that are asked about.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use super::report::{nan_for_null, nans_for_nulls};

/// An estimate of a share, with its 95% interval by the normal distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct Share {
    /// The estimate; it can lie outside of 0 to 1, where the sample is small.
    #[serde(deserialize_with = "nan_for_null")]
    pub value: f64,
    /// Its interval, not cut to 0 and 1; NaN where the rows cannot tell one ([`undefined`]).
    #[serde(deserialize_with = "nans_for_nulls")]
    pub ci95: [f64; 2],
}

/// How one label's share is asked for: 1 for rows that have it, 0 for those that do not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Gold labels of the labelled rows.
    pub gold: Vec<f64>,
    /// The model's answers to the labelled rows, in the same order.
    pub predicted: Vec<f64>,
    /// Its answers to the rows without a gold label.
    pub unlabelled: Vec<f64>,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The variance by n.
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
}

/// Half the width of a 95% interval in standard errors.
fn z() -> f64 {
    Normal::standard().inverse_cdf(0.975)
}

/// An estimate with an error of nothing at all is not certain: its rows are too alike, or too few, to tell the error.
fn share(value: f64, squared_error: f64) -> Share {
    let half = if squared_error > 0.0 { z() * squared_error.sqrt() } else { f64::NAN };
    Share { value, ci95: [value - half, value + half] }
}

/// The share of the model's answers, labelled rows and others: no correction, and so an interval that says nothing of the
/// model's errors.
pub fn naive(sample: &Sample) -> Share {
    let all: Vec<f64> = sample.predicted.iter().chain(&sample.unlabelled).copied().collect();
    share(mean(&all), variance(&all) / all.len() as f64)
}

/// As [`share`], of an estimate that takes labelled rows: the spread of one row says nothing of its error.
fn share_of_sample(sample: &Sample, value: f64, squared_error: f64) -> Share {
    share(value, if sample.gold.len() > 1 { squared_error } else { f64::NAN })
}

/// Why the labelled rows tell no interval, where they do not.
pub fn undefined(sample: &Sample) -> Option<&'static str> {
    let first = sample.gold.first()?;
    if sample.gold.len() == 1 {
        return Some("one labelled row tells no interval");
    }
    let alike = sample.gold.iter().all(|gold| gold == first);
    let why = if *first > 0.0 { "all labelled rows have this label" } else { "no labelled row has this label" };
    alike.then_some(why)
}

/// The share in the labelled rows alone.
pub fn classical(sample: &Sample) -> Share {
    share_of_sample(sample, mean(&sample.gold), variance(&sample.gold) / sample.gold.len() as f64)
}

/// How much the answers are relied on where that is tuned: from 0, as if there were none, to 1.
pub fn power(sample: &Sample) -> f64 {
    power_with(sample, sample.gold.len() as f64)
}

/// [`power`], had there been `labelled` labelled rows with the spread of those that there are.
fn power_with(sample: &Sample, labelled: f64) -> f64 {
    let (n, others) = (sample.gold.len() as f64, sample.unlabelled.len() as f64);
    let (of_gold, of_predicted) = (mean(&sample.gold), mean(&sample.predicted));
    let pairs = sample.gold.iter().zip(&sample.predicted);
    let covariance = pairs.map(|(gold, predicted)| (gold - of_gold) * (predicted - of_predicted)).sum::<f64>() / n;
    let all: Vec<f64> = sample.predicted.iter().chain(&sample.unlabelled).copied().collect();
    let spread = variance(&all) * all.len() as f64 / (all.len() as f64 - 1.0);
    let lambda = covariance / ((1.0 + labelled / others) * spread);
    // Answers that are all the same tell nothing.
    if lambda.is_finite() { lambda.clamp(0.0, 1.0) } else { 0.0 }
}

/// Prediction-powered: the answers to the rows without a label, corrected by how gold labels and answers differ in the
/// labelled ones. `lambda` 1 is PPI, [`power`] PPI++.
pub fn prediction_powered(sample: &Sample, lambda: f64) -> Share {
    let rectified: Vec<f64> =
        sample.gold.iter().zip(&sample.predicted).map(|(gold, predicted)| gold - lambda * predicted).collect();
    let value = lambda * mean(&sample.unlabelled) + mean(&rectified);
    share_of_sample(sample, value, squared_error(sample, &rectified, lambda, rectified.len() as f64))
}

/// The squared standard error of [`prediction_powered`] with `labelled` labelled rows.
fn squared_error(sample: &Sample, rectified: &[f64], lambda: f64, labelled: f64) -> f64 {
    lambda * lambda * variance(&sample.unlabelled) / sample.unlabelled.len() as f64 + variance(rectified) / labelled
}

/// Design-based: each row's answer, that of a labelled row plus its error divided by the share of rows that are labelled.
pub fn design_based(sample: &Sample) -> Share {
    let (n, all) = (sample.gold.len() as f64, (sample.gold.len() + sample.unlabelled.len()) as f64);
    let drawn = n / all;
    let corrected =
        sample.gold.iter().zip(&sample.predicted).map(|(gold, predicted)| predicted + (gold - predicted) / drawn);
    let outcomes: Vec<f64> = corrected.chain(sample.unlabelled.iter().copied()).collect();
    share_of_sample(sample, mean(&outcomes), variance(&outcomes) / all)
}

/// How many labelled rows would make an interval at most `width` wide; none where the labelled rows tell no interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Needed {
    /// By the labelled rows alone.
    pub classical: Option<u64>,
    /// With the answers, as many of them as there are now, relied on as far as that many labelled rows bear it (PPI++).
    pub prediction_powered: Option<u64>,
}

/// Labels needed for a 95% interval of `width`, if spreads stay as they are in the sample: the classical interval of `n`
/// labels is `2 z sqrt(var(gold) / n)` wide, the prediction-powered one `2 z sqrt(λ² var(answers) / N + var(gold - λ answer) / n)`
/// with `λ` tuned for that `n`. The more labels there are, the less is gained by answers, so some number is always enough.
pub fn labels_needed(sample: &Sample, width: f64) -> Needed {
    if sample.gold.len() < 2 || variance(&sample.gold) == 0.0 {
        return Needed { classical: None, prediction_powered: None };
    }
    let budget = (width / (2.0 * z())).powi(2);
    let classical = fewest(|labelled| variance(&sample.gold) / labelled <= budget);
    if sample.unlabelled.is_empty() {
        return Needed { classical, prediction_powered: None };
    }
    let powered = fewest(|labelled| {
        let lambda = power_with(sample, labelled);
        let pairs = sample.gold.iter().zip(&sample.predicted);
        let rectified: Vec<f64> = pairs.map(|(gold, predicted)| gold - lambda * predicted).collect();
        squared_error(sample, &rectified, lambda, labelled) <= budget
    });
    Needed { classical, prediction_powered: powered }
}

/// The lowest count from 2 on that is enough, where every higher one is enough too.
fn fewest(enough: impl Fn(f64) -> bool) -> Option<u64> {
    // Counts above 2^53 are no longer told apart as floats.
    let above = (1..=53).map(|power| 1_u64 << power).find(|count| enough(*count as f64))?;
    let (mut below, mut above) = (above / 2, above);
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if enough(middle as f64) { above = middle } else { below = middle }
    }
    Some(above)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::metrics::fixtures::{close, read};

    fn sample(case: &Value) -> Sample {
        let of = |key: &str| -> Vec<f64> { serde_json::from_value(case[key].clone()).unwrap() };
        Sample { gold: of("gold"), predicted: of("predicted"), unlabelled: of("unlabelled") }
    }

    #[test]
    fn figures_equal_ppi_python_and_numpy() {
        let cases = read("prevalence.json");
        for case in cases.as_array().unwrap() {
            let sample = sample(case);
            close(power(&sample), &case["lambda"], "power");
            for (ours, name) in [
                (naive(&sample), "naive"),
                (classical(&sample), "classical"),
                (prediction_powered(&sample, 1.0), "ppi"),
                (prediction_powered(&sample, power(&sample)), "ppi_plus_plus"),
                (design_based(&sample), "dsl"),
            ] {
                close(ours.value, &case[name]["value"], name);
                close(ours.ci95[0], &case[name]["ci95"][0], name);
                close(ours.ci95[1], &case[name]["ci95"][1], name);
            }
        }
        assert_eq!(cases.as_array().unwrap().len(), 7);
    }

    #[test]
    fn as_many_labels_as_the_width_takes() {
        let sample = sample(&read("prevalence.json")[0]);
        let width = |of: Share| of.ci95[1] - of.ci95[0];
        // The width that there is needs the labels that there are.
        let needed = labels_needed(&sample, width(classical(&sample)) * (1.0 + 1e-9));
        assert_eq!(needed.classical, Some(sample.gold.len() as u64));
        let powered = prediction_powered(&sample, power(&sample));
        let needed = labels_needed(&sample, width(powered) * (1.0 + 1e-9));
        assert_eq!(needed.prediction_powered, Some(sample.gold.len() as u64));
        // However narrow: the answers help less and less, and some number is enough.
        let narrow = labels_needed(&sample, 1e-4);
        assert!(narrow.prediction_powered.unwrap() > 1_000_000);
        assert!(narrow.classical.unwrap() >= narrow.prediction_powered.unwrap());
    }

    #[test]
    fn labels_needed_equal_a_search_with_ppi_python_s_formulas() {
        let mut asked = 0;
        for case in read("prevalence.json").as_array().unwrap() {
            let sample = sample(case);
            for needed in case["needed"].as_array().unwrap() {
                let of = labels_needed(&sample, needed["width"].as_f64().unwrap());
                assert_eq!(serde_json::to_value(of).unwrap(), needed["labels"], "{}", needed["width"]);
                asked += 1;
            }
        }
        assert!(asked >= 12, "{asked}");
    }

    #[test]
    fn too_little_to_say_anything() {
        let nothing = Sample::default();
        assert!(classical(&nothing).value.is_nan() && naive(&nothing).ci95[0].is_nan());
        assert_eq!(undefined(&nothing), None);
        let alike = Sample { gold: vec![1.0; 4], predicted: vec![1.0; 4], unlabelled: vec![1.0; 9] };
        assert_eq!(power(&alike), 0.0);
        for share in [classical(&alike), prediction_powered(&alike, power(&alike)), design_based(&alike)] {
            assert!(share.value == 1.0 && share.ci95.iter().all(|end| end.is_nan()));
        }
        let none = Needed { classical: None, prediction_powered: None };
        assert_eq!((undefined(&alike), labels_needed(&alike, 0.1)), (Some("all labelled rows have this label"), none));
        let absent = Sample { gold: vec![0.0; 4], predicted: vec![1.0, 0.0, 0.0, 0.0], ..alike.clone() };
        assert_eq!((undefined(&absent), labels_needed(&absent, 0.1)), (Some("no labelled row has this label"), none));
        let single = Sample { gold: vec![1.0], predicted: vec![1.0], unlabelled: vec![1.0, 0.0, 0.0] };
        assert_eq!(
            (undefined(&single), labels_needed(&single, 0.1)),
            (Some("one labelled row tells no interval"), none)
        );
        for share in [classical(&single), prediction_powered(&single, 1.0), design_based(&single)] {
            assert!(share.value.is_finite() && share.ci95[0].is_nan());
        }
        let none_left = Sample { gold: vec![1.0, 0.0], predicted: vec![1.0; 2], unlabelled: Vec::new() };
        assert!(prediction_powered(&none_left, 1.0).value.is_nan());
        assert_eq!(labels_needed(&none_left, 0.5), Needed { classical: Some(16), prediction_powered: None });
        assert_eq!(serde_json::to_value(classical(&nothing)).unwrap()["value"], Value::Null);
        assert_eq!(serde_json::to_value(classical(&single)).unwrap()["ci95"], serde_json::json!([null, null]));
    }
}
