//! Baselines, audit and prevalence from the command line, on the bundled tweets.

use std::fs;

use super::home::Home;

const MODEL: &str = concat!("model.source=", env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smoke");

/// A run on the small model.
fn run(home: &Home, more: &[&str]) -> String {
    let arguments = [&["run", "zero-shot", "--out", "runs", "--set", MODEL], more].concat();
    home.json(&arguments)["run"].as_str().unwrap().to_owned()
}

#[test]
fn baselines_are_fitted_once_and_beside_a_run() {
    let home = Home::new();
    let arguments = ["baseline", "few-shot", "--out", "runs", "--no-encoder"];
    let found = home.json(&arguments);
    let names: Vec<&str> =
        found["baselines"].as_array().unwrap().iter().map(|of| of["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "majority",
            "TF-IDF + logistic regression, balanced",
            "TF-IDF + logistic regression",
            "TF-IDF + 5 nearest neighbours"
        ]
    );
    let majority = &found["baselines"][0];
    assert_eq!(majority["accuracy"], majority["majority_accuracy"]);
    // The same seconds: it is not fitted again.
    assert_eq!(home.json(&arguments), found);
    let text = home.stdout(&arguments);
    assert!(text.contains("fitted on 226 train rows, judged on 227 rows of the validation split"), "{text}");
    let text = home.stdout(&["run", "zero-shot", "--out", "runs", "--set", MODEL, "--limit", "30"]);
    assert!(text.contains("    best baseline  TF-IDF + "), "{text}");

    // An encoder's embeddings, here of a small random one.
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/tiny-bert");
    let wrong = home.error(&["baseline", "few-shot", "--out", "runs", "--encoder", "nowhere/at/all.gguf"]);
    assert!(wrong.contains("nowhere"), "{wrong}");
    let found = home.json(&["baseline", "few-shot", "--out", "runs", "--encoder", tiny]);
    assert_eq!(found["baselines"].as_array().unwrap().len(), 7);
    let error = home.error(&["baseline", "few-shot", "--no-encoder", "--split", "train"]);
    assert!(error.contains("cannot be judged on it"), "{error}");
    let error = home.error(&["baseline", "simulate", "--no-encoder"]);
    assert!(error.contains("data.text"), "{error}");
}

#[test]
fn an_audit_lists_each_row_once_and_marks_are_exported() {
    let home = Home::new();
    let run = run(&home, &["--limit", "60"]);
    let found = home.json(&["audit", "few-shot", &run, "--limit", "500"]);
    assert_eq!(found["rows"], 567);
    let suspects = found["suspects"].as_array().unwrap();
    let counts: u64 = found["counts"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(suspects.len() as u64, counts);
    let mut rows: Vec<u64> = suspects.iter().map(|of| of["row"].as_u64().unwrap()).collect();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), suspects.len());
    let text = home.stdout(&["audit", "few-shot"]);
    assert!(text.contains("disagreement  (name a run to see these)"), "{text}");
    // Nothing is marked yet; a file that is there stays as it is.
    home.stdout(&["audit", "few-shot", "--export", "marks.csv"]);
    let csv = fs::read_to_string(home.path().join("marks.csv")).unwrap();
    assert_eq!(csv, "row,split,gold,verdict,doubtful,why,tag,note,time\n");
    let again = home.run(&["audit", "few-shot", "--export", "marks.csv"]);
    assert_eq!(again.status.code(), Some(1));
    let error = home.error(&["audit", "few-shot", &run, "--next", "3"]);
    assert!(error.contains("there is nothing to label"), "{error}");
    let error = home.error(&["audit", "simulate", &run]);
    assert!(error.contains("other data"), "{error}");
}

#[test]
fn reports_leave_doubtful_rows_out() {
    let home = Home::with_session();
    let model = MODEL;
    home.stdout(&["run", "session.toml", "--set", model, "--split", "test"]);
    let run = home.only_run();
    let path = run.to_str().unwrap();
    let manifest: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(run.join("manifest.json")).unwrap()).unwrap();
    let row = home.json(&["split", "session.toml"])["test"][0].as_u64().unwrap();
    let mark = serde_json::json!({
        "row": row, "time": "2026-01-01T00:00:00Z", "data_sha256": manifest["data"]["sha256"], "doubtful": true,
        "verdict": "gold-wrong", "why": "disagreement",
    });
    home.write("session/overlay.jsonl", &format!("{mark}\n"));
    let told = home.json(&["report", path, "--without-doubtful"]);
    let (all, without) = (told["rows"].as_u64().unwrap(), told["without_doubtful"]["rows"].as_u64().unwrap());
    assert_eq!((all - without, &told["left_out"]), (1, &serde_json::json!(1)));
    let text = home.stdout(&["report", path, "--without-doubtful"]);
    assert!(text.contains("without 1 row whose gold label is marked as wrong or doubtful"), "{text}");
    let csv = home.stdout(&["audit", "session.toml", "--export", "-"]);
    assert!(csv.contains(",gold-wrong,true,disagreement,,,2026-01-01T00:00:00Z"), "{csv}");
}

#[test]
fn shares_are_corrected_by_a_labelled_sample() {
    let home = Home::new();
    let rows: String = (0..400)
        .map(|row| {
            // Of 100 labelled rows 40 are yes; the model says yes to 30 of these and to 10 others.
            let gold = if row >= 100 {
                ""
            } else if row < 40 {
                "yes"
            } else {
                "no"
            };
            let predicted = if row % 100 < 30 || (40..50).contains(&(row % 100)) { "yes" } else { "no" };
            format!("{row},{gold},{predicted}\n")
        })
        .collect();
    home.write("mine.csv", &format!("row,gold,predicted\n{rows}"));
    let told = home.json(&["prevalence", "mine.csv", "--width", "0.1"]);
    assert_eq!((&told["labelled"], &told["unlabelled"]), (&serde_json::json!(100), &serde_json::json!(300)));
    let yes = &told["labels"]["yes"];
    let value = |name: &str| yes[name]["value"].as_f64().unwrap();
    assert_eq!(value("classical"), 0.4);
    for name in ["naive", "ppi", "ppi_plus_plus", "dsl"] {
        assert!((value(name) - 0.4).abs() < 1e-9, "{name}: {}", value(name));
    }
    let width = |name: &str| yes[name]["ci95"][1].as_f64().unwrap() - yes[name]["ci95"][0].as_f64().unwrap();
    assert!(width("ppi_plus_plus") < width("classical"));
    assert!(
        yes["labels_needed"]["classical"].as_u64().unwrap()
            > yes["labels_needed"]["prediction_powered"].as_u64().unwrap()
    );
    let text = home.stdout(&["prevalence", "mine.csv"]);
    assert!(text.contains("100 labelled rows, 300 others") && text.contains("yes    0.400"), "{text}");
    let error = home.error(&["prevalence", "mine.csv", "--labelled", "nowhere.csv"]);
    assert!(error.contains("nowhere.csv"), "{error}");
    home.write("gold.csv", "row,gold,predicted\n1,a,a\n");
    assert!(home.error(&["prevalence", "gold.csv"]).contains("nothing left to estimate"));
}
