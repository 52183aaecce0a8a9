//! Bundled sessions, from any folder, and the session of the published prompts.

use std::fs;
use std::path::Path;

use shotglass::session::home::bundled_sessions;

use super::home::{Home, SMOKE};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn bundled_sessions_work_from_any_folder() {
    let home = Home::new();
    let model = format!("model.source={SMOKE}");
    for (name, text) in bundled_sessions() {
        assert_eq!(fs::read_to_string(format!("{ROOT}/sessions/{name}.toml")).unwrap(), text);
        if name.starts_with("womens-march") {
            continue;
        }
        // Demonstrations fill more than the small model's context.
        let run = home.json(&["run", name, "--set", &model, "--set", "decode.truncate=left", "--limit", "4"]);
        assert_eq!(run["rows"], 4, "{name}");
        let runs = home.path().join("data/shotglass/sessions").join(name).join("runs");
        assert!(Path::new(run["run"].as_str().unwrap()).starts_with(runs), "{name}");
    }
    let split = home.json(&["split", "sessions/zero-shot.toml"]);
    assert!((180..=260).contains(&split["validation"].as_array().unwrap().len()));

    // A user's own folder of sessions comes first, for runs and for files.
    fs::create_dir(home.path().join("sessions")).unwrap();
    let run = home.json(&["run", "sessions/zero-shot.toml", "--set", &model, "--limit", "4"]);
    assert!(run["run"].as_str().unwrap().starts_with("sessions/zero-shot/runs/"), "{run}");
    home.write("sessions/zero-shot.toml", "version = 3");
    assert!(home.error(&["run", "zero-shot"]).contains("sessions/zero-shot.toml:1:1: "));
}

#[test]
fn an_asset_that_was_changed_is_put_right() {
    let home = Home::new();
    let before = home.stdout(&["prompt", "zero-shot", "--row", "3"]);
    home.write("data/shotglass/assets/tweets.csv", "text,stance\n");
    assert_eq!(home.stdout(&["prompt", "zero-shot", "--row", "3"]), before);
}

#[test]
fn published_splits_and_prompt_are_reproduced() {
    let shared = Path::new(ROOT).join("../shared");
    if !shared.exists() {
        println!("skipped: ../shared is not there");
        return;
    }
    let home = Home::new();
    let data = format!("data.path={}", shared.join("data/womens_march_tweets.csv").display());
    let split = home.json(&["split", "womens-march-few-shot", "--set", &data]);
    let splits = fs::read(shared.join("reference/splits.json")).unwrap();
    let splits: serde_json::Value = serde_json::from_slice(&splits).unwrap();
    for (ours, theirs) in [("train", "train"), ("validation", "val"), ("test", "test")] {
        assert_eq!(split[ours], splits[theirs], "{ours}");
    }
    let row = splits["val"][0].to_string();
    let prompt = home.stdout(&["prompt", "womens-march-few-shot", "--set", &data, "--row", &row]);
    assert_eq!(prompt, fs::read_to_string(shared.join("reference/fewshot_val0.txt")).unwrap());
    let row = splits["val"][97].to_string();
    let prompt = home.stdout(&["prompt", "womens-march-zero-shot", "--set", &data, "--row", &row]);
    assert_eq!(prompt, fs::read_to_string(shared.join("reference/zeroshot_val97_batched.txt")).unwrap());
}
