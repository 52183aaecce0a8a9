use serde_json::Value;

use super::*;
use crate::metrics::fixtures::{close, read};
use crate::metrics::{Confusion, Report};

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn table(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn places(value: &Value) -> Vec<usize> {
    serde_json::from_value(value.clone()).unwrap()
}

fn always(calibration: &Calibration, rows: &[Vec<f64>]) -> Vec<usize> {
    rows.iter().map(|row| calibration.predicted(row).unwrap()).collect()
}

fn macro_f1(gold: &[usize], predicted: &[usize]) -> f64 {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    let pairs = gold.iter().zip(predicted).map(|(gold, predicted)| (NAMES[*gold], NAMES[*predicted]));
    Report::new(Confusion::of(pairs)).macro_f1
}

#[test]
fn figures_equal_scipy_and_scikit_learn() {
    let cases = read("calibration.json");
    for (number, case) in cases.as_array().unwrap().iter().enumerate() {
        let (rows, gold) = (table(&case["logprobs"]), places(&case["gold"]));
        let labels = rows[0].len();
        let contextual = Calibration::contextual(&table(&case["content_free"])).unwrap();
        assert_eq!(always(&contextual, &rows), places(&case["contextual"]), "{number}");
        let batch = Calibration::batch(rows.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(always(&batch, &rows), places(&case["batch"]), "{number}");
        let supervised = Calibration::supervised(&rows, &gold, &mut || true).unwrap();
        for (row, theirs) in rows.iter().zip(table(&case["supervised"])) {
            for (ours, theirs) in supervised.log_probabilities(row).iter().zip(theirs) {
                assert!((ours - theirs).abs() < 1e-6, "case {number}: {ours} and {theirs}");
            }
        }
        let of_fitted = macro_f1(&gold, &always(&supervised, &rows));
        match case.get("best_macro_f1") {
            Some(best) => close(of_fitted, best, &format!("case {number}")),
            // With more labels no other threshold of one label is better.
            None => {
                for label in 0..labels {
                    for by in [-0.5, -0.1, 0.1, 0.5] {
                        let mut other = supervised.clone();
                        other.decision[label] += by;
                        assert!(macro_f1(&gold, &always(&other, &rows)) <= of_fitted + 1e-9, "{number}");
                    }
                }
            }
        }
        let none = Calibration::none(labels);
        let shares: Vec<Vec<f64>> =
            rows.iter().map(|row| none.log_probabilities(row).iter().map(|share| share.exp()).collect()).collect();
        let quality = Quality::of(&shares, &always(&none, &rows), &gold);
        let theirs = &case["quality"];
        close(quality.ece, &theirs["ece"], "ECE");
        close(quality.brier, &theirs["brier"], "Brier score");
        close(quality.aurc, &theirs["aurc"], "AURC");
        for (bin, theirs) in quality.bins.iter().zip(theirs["bins"].as_array().unwrap()) {
            assert_eq!(Value::from(bin.rows), theirs["rows"]);
            if bin.rows > 0 {
                close(bin.confidence, &theirs["confidence"], "confidence");
                close(bin.accuracy, &theirs["accuracy"], "accuracy");
            }
        }
        for (coverage, theirs) in theirs["kept"].as_object().unwrap() {
            let kept = quality.kept(coverage.parse().unwrap()).unwrap();
            assert_eq!(Value::from(kept.rows), theirs["rows"], "case {number}, {coverage}");
            close(kept.risk, &theirs["risk"], coverage);
        }
    }
    assert_eq!(cases.as_array().unwrap().len(), 5);
}

/// The reference's 500 few-shot rows: figures of their own, and what labelled rows add.
#[test]
fn the_reference_few_shot_run() {
    let reference = read("few_shot_logprobs.json");
    let (rows, gold) = (table(&reference["logprobs"]), places(&reference["gold"]));
    let content_free = table(&reference["content_free"]);
    let of = |calibration: &Calibration| macro_f1(&gold, &always(calibration, &rows));
    let theirs = &reference["macro_f1"];
    close(of(&Calibration::none(2)), &theirs["plain"], "as it is");
    close(of(&Calibration::contextual(&content_free[..1]).unwrap()), &theirs["calibrated_NA"], "N/A");
    close(of(&Calibration::contextual(&content_free).unwrap()), &theirs["calibrated_3cf_mean"], "three inputs");
    let batch = Calibration::batch(rows.iter().map(Vec::as_slice)).unwrap();
    close(of(&batch), &theirs["centred_by_batch_mean"], "batch");

    // Fitted on 200 rows and judged on the 300 others, whichever they are: better than the majority label's 0.465.
    let mut gains = Vec::new();
    for part in 0..5 {
        let fitted: Vec<usize> = (0..rows.len()).filter(|row| (row + part) % 5 < 2).collect();
        let others: Vec<usize> = (0..rows.len()).filter(|row| (row + part) % 5 >= 2).collect();
        let pick = |of: &[usize]| -> (Vec<Vec<f64>>, Vec<usize>) {
            of.iter().map(|row| (rows[*row].clone(), gold[*row])).unzip()
        };
        let ((x, y), (other_x, other_y)) = (pick(&fitted), pick(&others));
        let supervised = Calibration::supervised(&x, &y, &mut || true).unwrap();
        let majority = macro_f1(&other_y, &vec![0; other_y.len()]);
        gains.push(macro_f1(&other_y, &always(&supervised, &other_x)) - majority);
    }
    let mean = gains.iter().sum::<f64>() / gains.len() as f64;
    assert!(mean > 0.05, "{gains:?}");
}

#[test]
fn what_cannot_be_calculated_with() {
    let lost = vec![vec![f64::NEG_INFINITY, -1.0], vec![f64::NAN, -1.0], Vec::new()];
    assert_eq!(Calibration::contextual(&lost), None);
    assert_eq!(Calibration::batch(lost.iter().map(Vec::as_slice)), None);
    assert_eq!(Calibration::supervised(&lost, &[0, 1, 0], &mut || true), None);
    assert_eq!(Calibration::supervised(&[vec![-1.0, -2.0]], &[0], &mut || false), None);
    // A label that cannot follow is not predicted, and no number breaks.
    let none = Calibration::none(2);
    assert_eq!(none.predicted(&[f64::NEG_INFINITY, -1.0]), Some(1));
    assert_eq!(none.predicted(&[f64::NAN, f64::NAN]), None);
    assert_eq!(none.predicted(&[]), None);
    assert_eq!(none.margin(&[-1.0]), None);
    // One class alone, and rows that the model tells apart without a doubt: the fit has an end.
    let sure: Vec<Vec<f64>> =
        (0..20).map(|row| if row % 2 == 0 { vec![-0.1, -9.0] } else { vec![-9.0, -0.1] }).collect();
    let gold: Vec<usize> = (0..20).map(|row| row % 2).collect();
    let fitted = Calibration::supervised(&sure, &gold, &mut || true).unwrap();
    assert_eq!(always(&fitted, &sure), gold);
    let one = Calibration::supervised(&sure, &[0; 20], &mut || true).unwrap();
    assert!(one.log_probabilities(&sure[1]).iter().all(|share| share.is_finite()));
    assert_eq!(always(&one, &sure), [0; 20]);
    // Of nothing there is nothing to say.
    let quality = Quality::of(&[], &[], &[]);
    assert!(quality.ece.is_nan() && quality.kept(0.5).is_none());
    let text = serde_json::to_string(&quality).unwrap();
    assert!(text.contains("\"ece\":null"));
    assert!(serde_json::from_str::<Quality>(&text).unwrap().brier.is_nan());
    assert_eq!("batch".parse(), Ok(Method::Batch));
    assert!("bach".parse::<Method>().unwrap_err().contains("contextual"));
}
