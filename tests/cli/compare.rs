//! `shotglass compare`: runs and CSVs beside each other.

use serde_json::{Value, json};

use super::home::{Home, session};

/// Two CSVs: of six rows in both, two are fixed and one is broken.
fn files() -> Home {
    let home = Home::new();
    home.write("a.csv", "row,gold,predicted\n0,x,x\n1,x,y\n2,y,x\n3,y,y\n4,x,x\n5,y,x\n8,x,x\n");
    home.write("b.csv", "predicted;row;gold\ny;5;y\nx;0;x\nx;1;x\nx;2;y\ny;3;y\ny;4;x\ny;9;y\n");
    home
}

#[test]
fn fields_that_others_read() {
    let home = files();
    let json = home.json(&["compare", "a.csv", "b.csv"]);
    assert_eq!((&json["a"], &json["b"]), (&json!("a.csv"), &json!("b.csv")));
    let counts = ["rows", "fixed", "broken", "both_right", "both_wrong"].map(|field| json[field].as_u64().unwrap());
    assert_eq!(counts, [6, 2, 1, 2, 1]);
    assert_eq!(json["mcnemar_p"], 1.0);
    let near = |field: &Value, value: f64| assert!((field.as_f64().unwrap() - value).abs() < 1e-9, "{field} {value}");
    near(&json["accuracy_difference"], 1.0 / 6.0);
    near(&json["kappa"], 0.0);
    assert!(json["alpha"].is_f64() && json["macro_f1_difference"].is_f64());
    for interval in ["ci95", "macro_f1_ci95"] {
        let [low, high] = [0, 1].map(|end| json[interval][end].as_f64().unwrap());
        assert!(low < high, "{json}");
    }
    assert_eq!((&json["resamples"], &json["seed"]), (&json!(2000), &json!(42)));
    near(&json["a_scores"]["accuracy"], 0.5);
    near(&json["b_scores"]["accuracy"], 4.0 / 6.0);
    near(&json["majority"]["accuracy"], 0.5);
    assert!(json.get("more").is_none() && json.get("alpha_all").is_none());

    // The same seed gives the same intervals; without resamples there are none.
    assert_eq!(home.json(&["compare", "a.csv", "b.csv", "--seed", "42"]), json);
    assert!(home.json(&["compare", "a.csv", "b.csv", "--resamples", "0"])["ci95"].is_null());
}

#[test]
fn a_table_to_read() {
    let home = files();
    let output = home.run(&["compare", "a.csv", "b.csv"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "6 rows are in both and are compared; 1 are in a.csv alone, 1 in b.csv alone\n");
    let stdout = String::from_utf8(output.stdout).unwrap();
    for line in [
        "a  a.csv\nb  b.csv\n\n",
        "                   b     0.667     0.667\n",
        "   majority baseline     0.500     0.333  (always x)\n",
        "               fixed  2 (a wrong, b right)\n",
        "             McNemar  p = 1.000 (exact)\n",
        "     accuracy, b - a  +0.167 (95% CI ",
        "       Cohen's kappa  0.000 (a and b)\n",
        "(gold, a and b)\n",
    ] {
        assert!(stdout.contains(line), "{line}: {stdout}");
    }
    assert!(home.stdout(&["compare", "a.csv", "a.csv"]).contains("both right  "));
}

#[test]
fn two_runs_and_a_csv() {
    let home = Home::with_session();
    home.write("other.toml", &session("").replace("Text: <", "The text: <"));
    let run = |name: &str| home.json(&["run", name])["run"].as_str().unwrap().to_owned();
    let (a, b) = (run("session.toml"), run("other.toml"));
    let text = home.stdout(&["compare", &a, &b]);
    assert!(
        text.contains("[-in a alone-] and {+in b alone+}:\n\n  [-Text-]{+The text+}: <{{ text }}>\n  Answer:\n"),
        "{text}"
    );
    assert!(text.starts_with(&format!("a  {a}  (A test)\nb  {b}  (A test)\n\n")), "{text}");
    assert!(home.stdout(&["compare", &a, &a]).contains("templates are the same"));

    let csv = format!("{b}/predictions.csv");
    let json = home.json(&["compare", &a, &csv, &b]);
    assert_eq!((&json["rows"], &json["b"]), (&json!(3), &json!(csv)));
    let more = json["more"].as_array().unwrap();
    assert_eq!((more.len(), &more[0]["b"], &more[0]["fixed"]), (1, &json!(b), &json["fixed"]));
    assert!(json.get("alpha_all").is_some());
    assert!(
        home.stdout(&["compare", &a, &csv, &b]).contains("Krippendorff's alpha of the gold labels and all 3 runs: ")
    );
    // Without the template there is no difference of prompts to show.
    assert!(!home.stdout(&["compare", &a, &csv]).contains("templates"));
}

#[test]
fn a_classifier_has_no_prompt() {
    let home = Home::with_session();
    let run = || home.json(&["run", "session.toml"])["run"].as_str().unwrap().to_owned();
    let (a, b) = (run(), run());
    let read_alone = |run: &str| {
        let path = home.path().join(run).join("manifest.json");
        let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        manifest["model"]["classifier"] = true.into();
        std::fs::write(&path, manifest.to_string()).unwrap();
    };
    read_alone(&b);
    let text = home.stdout(&["compare", &a, &b]);
    assert!(text.ends_with("\nb reads the text alone: there is no prompt to compare a's with.\n"), "{text}");
    read_alone(&a);
    let text = home.stdout(&["compare", &a, &b]);
    assert!(text.ends_with("\na and b read the text alone: there are no prompts to compare.\n"), "{text}");
}

#[test]
fn other_data_is_said() {
    let home = Home::with_session();
    home.write("more.csv", &super::home::ROWS.replace("go home", "go away"));
    let run = |more: &[&str]| home.json(&[&["run", "session.toml"], more].concat());
    let name = |json: &Value| json["run"].as_str().unwrap().to_owned();
    let (a, b) = (name(&run(&[])), name(&run(&["--set", "data.path=more.csv"])));
    let output = home.run(&["compare", &a, &b]);
    assert_eq!(output.status.code(), Some(0));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("warning: ") && stderr.contains("are of different data"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn without_gold_labels_there_is_agreement() {
    let home = Home::new();
    home.write("a.csv", "row,gold,predicted\n0,,x\n1,,y\n2,,x\n");
    home.write("b.csv", "row,gold,predicted\n0,,x\n1,,y\n2,,y\n");
    let json = home.json(&["compare", "a.csv", "b.csv"]);
    assert!(
        ["fixed", "mcnemar_p", "accuracy_difference", "ci95", "a_scores"].iter().all(|field| json[field].is_null())
    );
    assert!(json["rows"] == 3 && json["kappa"].is_f64() && json["alpha"].is_f64(), "{json}");
    let text = home.stdout(&["compare", "a.csv", "b.csv"]);
    assert!(text.contains("(a and b)\n") && !text.contains("fixed"), "{text}");
    // Where all answers are one label, agreement is undefined.
    home.write("c.csv", "row,gold,predicted\n0,,x\n2,,x\n");
    let json = home.json(&["compare", "c.csv", "c.csv"]);
    assert!(json["kappa"].is_null() && json["alpha"].is_null());
}

#[test]
fn what_is_wrong_is_named() {
    let home = files();
    home.write("far.csv", "row,gold,predicted\n100,x,x\n");
    home.write("gold.csv", "row,gold,predicted\n0,x,x\n1,y,y\n");
    home.write("columns.csv", "row,gold,prediction\n0,x,x\n");
    home.write("numbers.csv", "row,gold,predicted\nfirst,x,x\n");
    let error = |b: &str| home.error(&["compare", "a.csv", b]);
    assert!(error("far.csv").contains("a.csv and far.csv have no row in common"));
    assert!(error("gold.csv").contains("row 1: the gold label is \"x\" in a.csv and \"y\" in gold.csv"));
    // Two that are compared with a third must agree as well.
    home.write("none-gold.csv", "row,gold,predicted\n0,,x\n1,,y\n");
    let third = home.error(&["compare", "none-gold.csv", "b.csv", "gold.csv"]);
    assert!(third.contains("row 1: the gold label is \"x\" in b.csv and \"y\" in gold.csv"), "{third}");
    assert!(error("columns.csv").contains("did you mean \"prediction\"?"));
    assert!(error("numbers.csv").contains("line 2: row \"first\" is no number"));
    assert!(error("none.csv").contains("no such file"));
    assert!(home.error(&["compare", ".", "a.csv"]).contains("no run is there"));
}
