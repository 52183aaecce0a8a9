//! Sweeps, searches and calibration from the command line, on the bundled tweets and the small model.

use std::fs;

use serde_json::Value;

use super::home::Home;

const MODEL: &str = concat!("model.source=", env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smoke");

/// A command on the few-shot session, of few rows, with its runs in `runs`.
fn arguments<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![command, "few-shot", "--out", "runs", "--set", MODEL, "--set", "prompt.shots=1"];
    arguments.extend(more);
    arguments
}

const SMALL: [&str; 8] =
    ["--set", "sweep.orders=1", "--set", "sweep.draws=1", "--set", "sweep.formats=[\"newlines\"]", "--limit", "12"];

#[test]
fn a_sweep_tells_how_far_figures_lie_apart() {
    let home = Home::new();
    let spread = home.json(&arguments("sweep", &SMALL));
    let variants = spread["variants"].as_array().unwrap();
    let kinds: Vec<&str> = variants.iter().map(|variant| variant["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["base", "demo-order", "demo-draw", "label-order", "paraphrase", "paraphrase", "paraphrase", "format"]
    );
    for variant in variants {
        assert_eq!(variant["scores"]["rows"], 12);
        // Each is a run like any other.
        let run = variant["run"].as_str().unwrap();
        assert_eq!(home.json(&["report", run])["rows"], 12);
    }
    let accuracy = |name: &str| spread["accuracy"][name].as_f64().unwrap();
    assert!(accuracy("min") <= accuracy("mean") && accuracy("mean") <= accuracy("max"));
    let runs = || fs::read_dir(home.path().join("runs")).unwrap().count();
    let before = runs();
    // Again, and as a table: nothing is run twice.
    let text = home.stdout(&arguments("sweep", &SMALL));
    assert_eq!(runs(), before);
    for told in ["variant ", "demo draw seed 43", "prompt stability", "paraphrase: macro-F1", " best"] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn a_search_keeps_the_test_split_locked_and_counts_what_it_tries() {
    let home = Home::new();
    let small = ["--set", "search.choose=10", "--set", "search.judge=6", "--set", "search.propose=6", "--budget", "5"];
    let found = home.json(&arguments("search", &small));
    assert_eq!(found["tried"].as_array().unwrap().len(), 5);
    assert_eq!((&found["used"]["chose"], &found["used"]["test"]), (&Value::from(10), &Value::from(0)));
    // Steps forward are versions; the base is none.
    let accepted = found["tried"].as_array().unwrap().iter().filter(|of| of["accepted"] == true).count();
    let versions = fs::read_to_string(home.path().join("runs/versions.jsonl")).unwrap_or_default();
    assert_eq!(versions.lines().count(), accepted - 1);
    // What was tried is told by the next run's manifest, and by its report.
    let run = home.json(&arguments("run", &["--limit", "8"]));
    let manifest = fs::read_to_string(home.path().join(run["run"].as_str().unwrap()).join("manifest.json")).unwrap();
    let tried: Value = serde_json::from_str::<Value>(&manifest).unwrap()["tried"].clone();
    assert_eq!((tried["prompts"].as_u64().unwrap(), tried["test_opened"].as_u64().unwrap()), (5, 0));
    let test = home.stdout(&arguments("run", &["--limit", "8", "--split", "test"]));
    assert!(test.contains("5 prompts tried, test opened once"), "{test}");
}

#[test]
fn a_run_is_calibrated_without_running_it_again() {
    let home = Home::new();
    let run = home.json(&arguments("run", &["--limit", "40"]));
    let path = run["run"].as_str().unwrap();
    let before = fs::read(home.path().join(path).join("predictions.csv")).unwrap();
    let told = home.json(&["calibrate", path]);
    let methods = told["methods"].as_object().unwrap();
    assert_eq!(methods.keys().collect::<Vec<_>>(), ["none", "contextual", "batch", "supervised"]);
    assert_eq!(methods["none"]["accuracy"], run["accuracy"]);
    for (name, of) in methods {
        let ece = of["quality"]["ece"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&ece), "{name}: {ece}");
    }
    assert_eq!(fs::read(home.path().join(path).join("predictions.csv")).unwrap(), before);
    // What was asked is kept: the model may be gone now.
    let kept: Value =
        serde_json::from_str(&fs::read_to_string(home.path().join(path).join("calibration.json")).unwrap()).unwrap();
    assert_eq!(kept["train"].as_array().unwrap().len(), 200);
    let text = home.stdout(&["calibrate", path]);
    for told in ["method ", "supervised", "after \"N/A\", \"\", \"[MASK]\" the model says", "least sure left to people"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
    let whole = home.stdout(&["calibrate", path, "--method", "batch"]);
    assert!(whole.contains("f1-score"), "{whole}");
}

#[test]
fn what_cannot_be_is_said() {
    let home = Home::new();
    let error = home.error(&["calibrate", "nowhere"]);
    assert!(error.contains("nowhere"), "{error}");
    let wrong = home.run(&["calibrate", "nowhere", "--method", "magic"]);
    let error = String::from_utf8(wrong.stderr).unwrap();
    assert!(wrong.status.code() == Some(2) && error.contains("contextual, batch, supervised"), "{error}");
    let generated = ["--limit", "3", "--set", "decode.method=generate", "--set", "decode.max_new_tokens=2"];
    let run = home.json(&arguments("run", &generated));
    let error = home.error(&["calibrate", run["run"].as_str().unwrap()]);
    assert!(error.contains("keeps no log-probabilities"), "{error}");
    let error = home.error(&arguments("sweep", &["--set", "sweep.instruction=Nowhere"]));
    assert!(error.contains("`sweep.instruction` must stand in place"), "{error}");
    let error = home.error(&arguments("search", &["--set", "search.by=luck"]));
    assert!(error.contains("macro_f1"), "{error}");
}
