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

/// A session without gold labels, on `rows.csv`.
const UNLABELLED: &str = "version = 1\n[data]\npath = \"rows.csv\"\nlabels = { \"1\" = \"support\", \"0\" = \"oppose\" }\n\
    splits = { train = 0.0, validation = 1.0, test = 0.0 }\n[prompt]\ntemplate = \"Text: <{{ text }}>\\nAnswer:\"\n";

#[test]
fn rows_worth_labelling_come_least_sure_first() {
    let home = Home::with_session();
    home.write("open.toml", UNLABELLED);
    let run = home.json(&["run", "open.toml", "--set", MODEL])["run"].as_str().unwrap().to_owned();
    let order = home.json(&["audit", "open.toml", &run, "--next", "5"]);
    let entropies: Vec<f64> = order.as_array().unwrap().iter().map(|of| of["entropy"].as_f64().unwrap()).collect();
    assert_eq!(entropies.len(), 5);
    assert!(entropies.is_sorted_by(|a, b| a >= b) && entropies[0] > 0.0, "{entropies:?}");
    let text = home.stdout(&["audit", "open.toml", &run, "--next", "2"]);
    assert!(text.starts_with("    row  entropy  text\n") && text.lines().count() == 3, "{text}");
    // Label cells that say nothing count as unlabelled.
    home.write("some.csv", "text,stance\nsave the ferry,1\nlet it sink,0\nthe horn at seven,\ngo home,\n");
    let path = [
        "data.path=some.csv",
        "data.missing={ stance = [\"\"] }",
        "data.splits={ train = 0.0, validation = 1.0, test = 0.0 }",
    ];
    let set: Vec<&str> = path.iter().flat_map(|of| ["--set", of]).collect();
    let run = home.json(&[&["run", "session.toml"], &set[..]].concat())["run"].as_str().unwrap().to_owned();
    let order = home.json(&[&["audit", "session.toml", &run, "--next", "9"], &set[..]].concat());
    let mut rows: Vec<u64> = order.as_array().unwrap().iter().map(|of| of["row"].as_u64().unwrap()).collect();
    rows.sort_unstable();
    assert_eq!(rows, [2, 3]);
}

#[test]
fn marks_from_before_verdicts_are_decided() {
    let home = Home::with_session();
    home.write("rows.csv", &super::home::ROWS.replace("let it sink", "save  THE ferry"));
    home.json(&["run", "session.toml"]);
    let manifest = fs::read_to_string(home.only_run().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let sha256 = manifest["data"]["sha256"].clone();
    let mark = serde_json::json!({ "row": 0, "time": "t", "data_sha256": sha256, "doubtful": true });
    home.write("session/overlay.jsonl", &format!("{mark}\n"));
    let run = home.only_run();
    let found = home.json(&["audit", "session.toml", run.to_str().unwrap()]);
    assert_eq!(found["decided"], 1, "{found}");
    let text = home.stdout(&["audit", "session.toml", run.to_str().unwrap()]);
    assert!(text.contains("predicted     prob.") && text.contains("[doubtful]"), "{text}");
    let csv = home.stdout(&["audit", "session.toml", "--export", "-"]);
    assert!(csv.contains("\n0,") && csv.contains(",support,doubtful,true,"), "{csv}");
    // Answers that were generated do not say how sure the model is.
    let generated = home.json(&["run", "session.toml", "--set", "decode.method=generate"]);
    let text = home.stdout(&["audit", "session.toml", generated["run"].as_str().unwrap()]);
    assert!(text.contains("this run scored no labels"), "{text}");
}

#[test]
#[cfg(unix)]
fn an_audit_is_cancelled() {
    let home = Home::with_session();
    let rows: String =
        (0..200_000).map(|row| format!("the ferry number {row} of {} is late,1\n", row * 7919)).collect();
    home.write("rows.csv", &format!("text,stance\n{rows}go home,0\ngo away,0\n"));
    // Sooner than the program listens the signal ends it like any other program.
    let codes = (5..13).map(|power| {
        let mut child = home.process().args(["audit", "session.toml", "--quiet"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1 << power));
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        child.wait().unwrap().code()
    });
    assert_eq!(codes.flatten().next(), Some(130));
}

#[test]
fn a_correction_is_that_of_the_same_question() {
    let home = Home::new();
    let all = run(&home, &[]);
    let sample = run(&home, &["--limit", "60"]);
    let labelled = |path: &str| home.run(&["prevalence", &all, "--labelled", path]);
    let told = home.json(&["prevalence", &all, "--labelled", &sample]);
    // Rows that are in both count once, as labelled ones.
    assert_eq!((&told["labelled"], &told["unlabelled"]), (&serde_json::json!(60), &serde_json::json!(167)));
    let stderr = |path: &str| String::from_utf8(labelled(path).stderr).unwrap();
    assert_eq!(stderr(&sample), "60 rows are in both and count once, as labelled ones\n");
    let other = run(&home, &["--limit", "20", "--set", "prompt.template={{ text }} is"]);
    let warnings = stderr(&other);
    assert!(warnings.contains("answered with different prompts"), "{warnings}");
    assert!(warnings.contains("20 labelled rows are few"), "{warnings}");
    let manifest = fs::read_to_string(home.path().join(&other).join("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    manifest["model"]["sha256"] = serde_json::json!("0".repeat(64));
    home.write(&format!("{other}/manifest.json"), &manifest.to_string());
    assert!(stderr(&other).contains("answered by different models"), "{}", stderr(&other));
    manifest["labels"] = serde_json::json!(["yes", "no"]);
    home.write(&format!("{other}/manifest.json"), &manifest.to_string());
    let error = home.error(&["prevalence", &all, "--labelled", &other]);
    assert!(error.contains("the labels are support, oppose in one and yes, no in the other"), "{error}");

    // Files know no labels but those in them.
    let rows = |of: &str| {
        let first = if of.starts_with(',') { 40 } else { 0 };
        (first..first + 40).map(|row| format!("{row},{of}\n")).collect::<String>()
    };
    home.write("all.csv", &format!("row,gold,predicted\n{}", rows(",yes")));
    home.write("sample.csv", &format!("row,gold,predicted\n{}", rows("1,1")));
    let error = home.error(&["prevalence", "all.csv", "--labelled", "sample.csv"]);
    assert!(error.contains("none of the rows without a gold label has an answer of the sample's, `1`"), "{error}");
    home.write("sample.csv", &format!("row,gold,predicted\n{}", rows("1,yes")));
    let error = home.error(&["prevalence", "all.csv", "--labelled", "sample.csv"]);
    assert!(error.contains("no answer is one of the gold labels `1`"), "{error}");
    home.write("sample.csv", &format!("row,gold,predicted\n{}", rows("yes,yes")));
    let told = home.json(&["prevalence", "all.csv", "--labelled", "sample.csv"]);
    let yes = &told["labels"]["yes"];
    assert_eq!(yes["undefined"], "all labelled rows have this label");
    assert!(yes["classical"]["ci95"][0].is_null() && yes["labels_needed"]["classical"].is_null(), "{yes}");
    let text = home.stdout(&["prevalence", "all.csv", "--labelled", "sample.csv"]);
    assert!(text.contains("classical -, PPI++ -  (all labelled rows have this label)"), "{text}");
}
