//! Scores that are kept on the disk and taken from there.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::home::Home;

/// The records of the one run in a folder.
fn predictions(home: &Home, out: &str) -> String {
    let entries = fs::read_dir(home.path().join(out)).unwrap().map(|entry| entry.unwrap().path());
    let run = entries.into_iter().find(|path| path.is_dir()).unwrap();
    fs::read_to_string(run.join("predictions.csv")).unwrap()
}

/// The logs of the home's cache.
fn logs(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.path().join("cache/shotglass/scores")).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some());
    paths
}

#[test]
fn a_second_run_computes_nothing_and_says_so() {
    let home = Home::with_session();
    let run = |out: &str, more: &[&str]| -> Value {
        home.json(&[&["run", "session.toml", "--split", "train", "--out", out], more].concat())
    };
    // Switched off, nothing is kept either.
    assert_eq!(run("off", &["--no-score-cache"])["cached_rows"], 0);
    assert!(logs(&home).is_empty());
    assert_eq!(run("first", &[])["cached_rows"], 0);
    assert_eq!(logs(&home).len(), 1);
    let second = run("second", &[]);
    assert_eq!((&second["rows"], &second["cached_rows"]), (&6.into(), &6.into()));
    for out in ["first", "second"] {
        assert_eq!(predictions(&home, out), predictions(&home, "off"), "{out}");
    }
    assert_eq!(run("anew", &["--no-score-cache"])["cached_rows"], 0);
    let mut off = home.process();
    off.args(["run", "session.toml", "--split", "train", "--out", "variable", "--format", "json"]);
    let told = off.env("SHOTGLASS_SCORE_CACHE", "OFF").output().unwrap().stdout;
    assert_eq!(serde_json::from_slice::<Value>(&told).unwrap()["cached_rows"], 0);

    let text = home.stdout(&["run", "session.toml", "--split", "train", "--out", "text"]);
    assert!(text.contains("      cached rows  6, from the score cache\n"), "{text}");
    assert!(text.contains("by the shared prefix and the score cache\n") && !text.contains("tokens/s"), "{text}");
    // Another prompt is another question.
    assert_eq!(run("prompt", &["--set", "prompt.template={{ text }} is"])["cached_rows"], 0);
    let report = fs::read_dir(home.path().join("second")).unwrap().map(|entry| entry.unwrap().path());
    let report = report.into_iter().find(|path| path.is_dir()).unwrap().join("report.json");
    assert!(!fs::read_to_string(report).unwrap().contains("cached"), "the report is that of any other run");
}

#[test]
fn a_cache_that_cannot_be_used_fails_nothing() {
    let home = Home::with_session();
    home.write("cache/shotglass/scores", "a file in the folder's place");
    for out in ["first", "second"] {
        let run = home.json(&["run", "session.toml", "--split", "train", "--out", out]);
        assert_eq!((&run["rows"], &run["cached_rows"]), (&6.into(), &0.into()));
    }
    let logs = fs::read_dir(home.path().join("state/shotglass/log")).unwrap();
    let told: String = logs.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    assert_eq!(told.matches("the score cache cannot be").count(), 2, "{told}");
}
