//! What the tests of this room read: see `tests/fixtures/metrics/README.md`.

use serde_json::Value;

use super::Confusion;

/// A file of `tests/fixtures/metrics`.
pub fn read(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/metrics").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The counts of a case: of its rows (`y_true`, `y_pred`), or its own (`labels`, `confusion`).
pub fn confusion(case: &Value) -> Confusion {
    if case.get("y_true").is_none() {
        let dense = serde_json::json!({"labels": case["labels"], "matrix": case["confusion"]});
        return serde_json::from_value(dense).unwrap();
    }
    let labels = |key: &str| -> Vec<String> { case[key].as_array().unwrap().iter().map(label).collect() };
    let (gold, predicted) = (labels("y_true"), labels("y_pred"));
    Confusion::of(gold.iter().map(String::as_str).zip(predicted.iter().map(String::as_str)))
}

/// A label, which one case has as a number.
pub fn label(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Equal within 1e-12, or both undefined.
pub fn close(ours: f64, theirs: &Value, what: &str) {
    match theirs.as_f64() {
        Some(theirs) => assert!((ours - theirs).abs() <= 1e-12, "{what}: {ours} here, {theirs} there"),
        None => assert!(theirs.is_null() && ours.is_nan(), "{what}: {ours} here, {theirs} there"),
    }
}
