use serde_json::Value;

use super::*;
use crate::metrics::fixtures::{close, read};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn sample(case: &Value) -> Sample {
    let categories = case["categories"].as_u64().unwrap() as usize;
    let mut sample = Sample::new(categories, case["shares"].as_bool().unwrap());
    let rows = case["real"].as_array().unwrap().iter().zip(case["simulated"].as_array().unwrap());
    for ((real, simulated), weight) in rows.zip(numbers(&case["weights"])) {
        sample.push(Some(real.as_u64().unwrap() as usize), &numbers(simulated), weight);
    }
    sample
}

fn same(ours: &Estimate, theirs: &Value, what: &str) {
    close(ours.value, &theirs["value"], what);
    close(ours.ci95[0], &theirs["ci95"][0], what);
    close(ours.ci95[1], &theirs["ci95"][1], what);
}

#[test]
fn figures_are_those_of_scipy_and_numpy() {
    let cases = read("distribution.json");
    for case in cases.as_array().unwrap() {
        let bootstrap = Bootstrap {
            resamples: case["resamples"].as_u64().unwrap() as usize,
            seed: case["seed"].as_u64().unwrap() as u32,
            smoothing: case["smoothing"].as_f64().unwrap(),
        };
        let ours = sample(case).compare(&bootstrap);
        let (name, theirs) = (case["name"].as_str().unwrap(), &case["expected"]);
        assert_eq!(ours.rows as u64, theirs["rows"].as_u64().unwrap(), "{name}");
        close(ours.effective_rows, &theirs["effective_rows"], name);
        close(ours.answered, &theirs["answered"], name);
        for (key, ours) in [("real", &ours.real), ("simulated", &ours.simulated)] {
            assert_eq!(ours.len(), theirs[key].as_array().unwrap().len());
            for (place, estimate) in ours.iter().enumerate() {
                same(estimate, &theirs[key][place], &format!("{name} {key} {place}"));
            }
        }
        for (key, ours) in [
            ("total_variation", ours.total_variation),
            ("jensen_shannon", ours.jensen_shannon),
            ("kullback_leibler", ours.kullback_leibler),
            ("entropy_real", ours.entropy_real),
            ("entropy_simulated", ours.entropy_simulated),
            ("variance_ratio", ours.variance_ratio),
        ] {
            same(&ours, &theirs[key], &format!("{name} {key}"));
        }
    }
}

#[test]
fn without_respondents_nothing_is_known() {
    let bootstrap = Bootstrap { resamples: 10, seed: 1, smoothing: 0.5 };
    let nothing = Sample::new(2, false).compare(&bootstrap);
    assert!(nothing.rows == 0 && nothing.total_variation.value.is_nan() && nothing.real[0].ci95[1].is_nan());
    // What cannot be counted is left out, and does not end in a panic.
    let mut sample = Sample::new(2, false);
    sample.push(Some(2), &[1.0, 0.0], 1.0);
    sample.push(Some(0), &[1.0], 1.0);
    sample.push(Some(0), &[1.0, 0.0], f64::NAN);
    sample.push(Some(0), &[1.0, 0.0], -1.0);
    assert!(sample.is_empty());
    let json = serde_json::to_string(&nothing).unwrap();
    let back: Comparison = serde_json::from_str(&json).unwrap();
    assert!(back.total_variation.value.is_nan() && back.real.len() == 2);
}

#[test]
fn simulated_shares_alone_have_no_distance() {
    let bootstrap = Bootstrap { resamples: 10, seed: 1, smoothing: 0.5 };
    let mut sample = Sample::new(2, false);
    sample.push(None, &[1.0, 0.0], 3.0);
    sample.push(None, &[0.0, 1.0], 1.0);
    let alone = sample.compare(&bootstrap);
    assert_eq!((alone.rows, alone.simulated[0].value, alone.answered), (2, 0.75, 1.0));
    assert!(alone.total_variation.value.is_nan() && alone.real[0].value.is_nan());
    assert!(Sample::new(0, false).compare(&bootstrap).entropy_real.value.is_nan());
}

#[test]
fn distances_have_their_bounds() {
    let (left, right) = ([1.0, 0.0], [0.0, 1.0]);
    assert_eq!((total_variation(&left, &right), jensen_shannon(&left, &right)), (1.0, 1.0));
    assert_eq!((total_variation(&left, &left), jensen_shannon(&left, &left)), (0.0, 0.0));
    assert_eq!(kullback_leibler(&left, &right), f64::INFINITY);
    assert_eq!((entropy(&[0.5, 0.5]), entropy(&left), variance(&left)), (1.0, 0.0, 0.0));
}
