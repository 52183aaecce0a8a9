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
        "product_gflops",
        "load_seconds",
    ] {
        assert!(told[field].as_f64().is_some_and(|value| value > 0.0), "{field}: {told}");
    }
    assert_eq!((&told["device"], &told["dtype"], &told["threads"]), (&"cpu".into(), &"f32".into(), &1.into()));
    assert!(told["kernels"].as_str().unwrap().contains("widened to f32 by"), "{told}");
    let text = home.stdout(&["bench", "-m", SMOKE, "--threads", "1"]);
    assert!(text.contains("\nprefill ") && text.contains(" tokens/s   one prompt of 400 tokens"), "{text}");
    // Nothing is left behind.
    assert!(!home.path().join("sessions").exists());
    assert!(home.error(&["bench", "-m", "nowhere.gguf"]).contains("nowhere.gguf"));
    assert!(home.error(&["bench", "-m", SMOKE, "--format", "md"]).contains("`bench` writes text or json"));
    // Measuring the screen is another command with other options.
    assert_eq!(home.run(&["bench", "ui", "-m", SMOKE]).status.code(), Some(2));
}
