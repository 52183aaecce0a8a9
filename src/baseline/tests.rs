use serde_json::Value;

use super::*;

fn cases() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/baseline/baseline.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn figures_equal_scikit_learn() {
    for case in cases() {
        let (train, test): (Vec<String>, Vec<String>) = (list(&case["train"]), list(&case["test"]));
        let gold: Vec<usize> = list(&case["gold"]);
        let labels = gold.iter().max().unwrap() + 1;
        let terms = TfIdf::fit(&train, &mut || true).unwrap();
        assert_eq!(Value::from(terms.len()), case["terms"]);
        let rows: Vec<Features> = train.iter().map(|text| terms.of(text)).collect();
        let asked: Vec<Features> = test.iter().map(|text| terms.of(text)).collect();
        for (row, theirs) in asked.iter().zip(list::<f64>(&case["sums"])) {
            assert!((row.iter().map(|(_, value)| value).sum::<f64>() - theirs).abs() < 1e-9);
        }
        for (name, weights) in [("plain", Weights::Uniform), ("balanced", Weights::Balanced)] {
            let model = Logistic::fit(&rows, &gold, labels, terms.len(), weights, &|| true).unwrap();
            for (row, theirs) in asked.iter().zip(list::<Vec<f64>>(&case[name])) {
                for (ours, theirs) in model.probabilities(row).iter().zip(theirs) {
                    assert!((ours - theirs).abs() < 1e-4, "{name}: {ours} and {theirs}");
                }
            }
        }
        let near = Neighbours::fit(&rows, &gold, labels);
        let (theirs, tied): (Vec<usize>, Vec<bool>) = (list(&case["neighbours"]), list(&case["tied"]));
        let mut compared = 0;
        for ((row, theirs), tied) in asked.iter().zip(theirs).zip(tied) {
            if !tied {
                assert_eq!(near.predict(row), Some(theirs));
                compared += 1;
            }
        }
        assert!(compared > 30, "{compared}");
    }
}

#[test]
fn what_cannot_be_fitted() {
    assert!(TfIdf::fit(&["a b", "c d"], &mut || false).is_none());
    let terms = TfIdf::fit(&["alone", "different"], &mut || true).unwrap();
    assert!(terms.is_empty() && terms.of("alone").is_empty());
    let rows = vec![vec![(0, 1.0)], vec![(0, -1.0)]];
    assert!(Logistic::fit(&rows, &[0, 0], 2, 1, Weights::Balanced, &|| true).is_none());
    assert!(Logistic::fit(&rows, &[0, 5], 2, 1, Weights::Balanced, &|| true).is_none());
    assert!(Logistic::fit(&rows, &[0, 1], 2, 1, Weights::Balanced, &|| false).is_none());
    // A third label that no row has is never answered.
    let model = Logistic::fit(&rows, &[0, 2], 3, 1, Weights::Balanced, &|| true).unwrap();
    assert_eq!((model.predict(&vec![(0, 2.0)]), model.predict(&vec![(0, -2.0)])), (0, 2));
    assert_eq!(model.probabilities(&Vec::new())[1], 0.0);
    assert_eq!(Neighbours::fit(&[], &[], 2).predict(&vec![(0, 1.0)]), None);
    assert_eq!((majority(&[1, 0, 1], 2), majority(&[1, 0], 2), majority(&[], 2)), (Some(1), Some(0), None));
    assert_eq!(dense(&[0.5, 0.0]), [(0, 0.5), (1, 0.0)]);
}
