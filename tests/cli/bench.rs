//! `shotglass bench -m MODEL`.

use super::home::{Home, SMOKE};

#[test]
fn speeds_of_a_model() {
    let home = Home::new();
    let told = home.json(&["bench", "-m", SMOKE, "--threads", "1"]);
    for field in [
        "prefill_tokens_per_second",
        "decode_tokens_per_second",
        "score_rows_per_second",
        "few_shot_rows_per_second",
        "probe_instruction_seconds",
        "probe_demo_seconds",
        "product_gflops",
        "load_seconds",
    ] {
        assert!(told[field].as_f64().is_some_and(|value| value > 0.0), "{field}: {told}");
    }
    assert_eq!((&told["device"], &told["dtype"], &told["threads"]), (&"cpu".into(), &"f32".into(), &1.into()));
    assert!(told["kernels"].as_str().unwrap().contains("multiplied by"), "{told}");
    assert!(told["products"].is_null(), "no weights are quantised: {told}");
    let text = home.stdout(&["bench", "-m", SMOKE, "--threads", "1"]);
    assert!(text.contains("\nprefill ") && text.contains(" tokens/s   one prompt of 400 tokens"), "{text}");
    // Nothing is left behind.
    assert!(!home.path().join("sessions").exists());
    assert!(home.error(&["bench", "-m", "nowhere.gguf"]).contains("nowhere.gguf"));
    assert!(home.error(&["bench", "-m", SMOKE, "--format", "md"]).contains("`bench` writes text or json"));
    // Measuring the screen is another command with other options.
    assert_eq!(home.run(&["bench", "ui", "-m", SMOKE]).status.code(), Some(2));
}

#[test]
fn speed_of_a_training() {
    let home = Home::new();
    let encoder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/tiny-bert");
    // It reads 64 tokens at the most, and the session cuts texts to 128.
    let error = home.error(&["bench", "train", encoder]);
    assert!(error.contains("tiny-bert reads 64 tokens at the most"), "{error}");
    let bench = ["bench", "train", encoder, "--set", "train.max_length=64", "--threads", "1"];
    let told = home.json(&[&bench[..], &["--device", "cpu"]].concat());
    for field in ["step_seconds", "train_rows_per_second"] {
        assert!(told[field].as_f64().is_some_and(|value| value > 0.0), "{field}: {told}");
    }
    assert_eq!((&told["batch_size"], &told["threads"]), (&32.into(), &1.into()));
    assert!(home.stdout(&bench).contains(" rows/s"));
    assert!(!home.path().join("sessions").exists());
}
