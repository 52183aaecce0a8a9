//! Trainings as far as they need no encoder: bad input, help, and folders that are told of again.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::home::{Home, ROWS, SMOKE, session};

/// A home with a session that trains.
fn home() -> Home {
    let home = Home::new();
    home.write("rows.csv", ROWS);
    home.write("session.toml", &(session("") + "\n[train]\nmodel = \"./none\"\n"));
    home
}

/// Runs a training that must fail with these words, and leave everything as it was.
fn refused(home: &Home, overrides: &[&str], words: &[&str]) {
    let before = home.files();
    let set = overrides.iter().flat_map(|text| ["--set", text]);
    let error = home.error(&["train", "session.toml"].into_iter().chain(set).collect::<Vec<_>>());
    for word in words {
        assert!(error.contains(word), "{overrides:?}: {word:?} is not in {error:?}");
    }
    assert_eq!(home.files(), before, "{overrides:?}");
}

#[test]
fn help_says_how_to_go_on() {
    let home = Home::new();
    let help = home.stdout(&["train", "--help"]);
    for words in
        ["--resume <RUN>", "shotglass train fine-tune", "--set model.source=RUN/best", "as it would have ended"]
    {
        assert!(help.contains(words), "{words}: {help}");
    }
    assert!(home.stdout(&["--help"]).contains("Fine-tune an encoder"));
    assert_eq!(home.run(&["train"]).status.code(), Some(2));
}

#[test]
fn settings_that_are_wrong() {
    let home = home();
    refused(&home, &["train.epohcs=5"], &["--set train.epohcs=5: unknown key `train.epohcs`; did you mean `epochs`?"]);
    refused(&home, &["train.batch_size=0"], &["`train.batch_size` must be between 1 and 65536"]);
    refused(&home, &["train.best=f2"], &["`train.best` cannot be `f2`"]);
    refused(&home, &["train.clean=[\"url\"]"], &["`train.clean` cannot be obeyed", "did you mean \"urls\"?"]);
    refused(&home, &["train.class_weights.suport=2"], &["no row is called `suport`; did you mean `support`?"]);
    let text = session("") + "\n[train]\nmodel = \"./none\"\nepochs = -1\n";
    home.write("typo.toml", &text);
    let line = text.lines().count();
    assert!(home.error(&["train", "typo.toml"]).contains(&format!("typo.toml:{line}:10: `train.epochs`")));
    home.write("plain.toml", &session(""));
    assert!(home.error(&["train", "plain.toml"]).contains("the session has no [train] section"));
    assert!(home.error(&["train", "plain.toml", "--set", "train.epochs=3"]).contains("`train.model` is empty"));
    assert!(home.error(&["train", "session.toml", "--format", "csv"]).contains("`train` writes text or json"));
    assert!(home.error(&["train", "fine-tunes"]).contains("did you mean `fine-tune`?"));
}

#[test]
fn data_from_which_nothing_can_be_learnt() {
    let home = home();
    home.write("same.csv", &ROWS.replace(",0\n", ",1\n"));
    refused(&home, &["data.path=same.csv"], &["all rows of the train split have the label \"support\""]);
    let rare = ROWS.replace("go home,0", "go home,2");
    let mut seen = 0;
    for seed in 0..20 {
        home.write("rare.csv", &rare);
        let set = [format!("data.seed={seed}"), "data.path=rare.csv".into(), "data.labels.2=other".into()];
        let arguments: Vec<&str> = set.iter().flat_map(|text| ["--set", text]).collect();
        let split = home.json(&[&["split", "session.toml"], &arguments[..]].concat());
        let name = ["validation", "test"].into_iter().find(|name| split[name].as_array().unwrap().contains(&json!(9)));
        if let Some(name) = name {
            let said = format!("row 9 of the {name} split has the label \"other\"");
            refused(&home, &set.each_ref().map(String::as_str), &[&said, "data.stratify = true"]);
            seen += 1;
        }
    }
    assert!(seen > 0);
    let none = "data.splits={ train = 0.0, validation = 0.5, test = 0.5 }";
    refused(&home, &[none], &["the train split has no rows"]);
}

#[test]
fn encoders_that_cannot_be_trained() {
    let home = home();
    refused(&home, &[], &["none"]);
    let smoke = format!("train.model={SMOKE}");
    refused(&home, &[&smoke], &["encoder", "BERT"]);
    refused(&home, &["train.model=owner/does-not-exist"], &["owner/does-not-exist"]);
    refused(&home, &["train.model=rows.csv"], &["rows.csv"]);
}

/// A run of `session.toml`, made into a training that stands as `status` says.
fn training(home: &Home, status: &str) -> PathBuf {
    let run = home.json(&["run", "session.toml", "--split", "test", "-q"]);
    let folder = home.path().join(run["run"].as_str().unwrap());
    let path = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["status"] = status.into();
    manifest["training"] =
        json!({ "encoder": "a", "train_rows": 6, "validation_rows": 3, "test_rows": 3, "unlabelled": 0, "steps": 3 });
    fs::write(&path, manifest.to_string()).unwrap();
    let metrics = "kind,step,epoch,loss,learning_rate,grad_norm,accuracy,precision,recall,f1,macro_f1,f1:support,f1:oppose\n\
        train,1,0.5,0.6,0.00005,1,,,,,,,\neval,2,1,0.5,,,0.75,0.7,0.75,0.72,0.7,0.8,0.6\neval,4,2,0.4,,,1,1,1,1,1,1,1\ntrain,5";
    fs::write(folder.join("metrics.csv"), metrics).unwrap();
    folder
}

#[test]
fn a_finished_training_is_told_again() {
    let home = home();
    let folder = training(&home, "finished");
    let folder = folder.to_str().unwrap();
    let text = home.stdout(&["train", "--resume", folder]);
    let lines: Vec<&str> = text.lines().take(3).collect();
    assert!(lines[0].starts_with("Epoch  Training Loss  Validation Loss  Accuracy"), "{text}");
    assert_eq!(lines[1], "    1       0.600000         0.500000  0.750000   0.700000  0.750000  0.720000");
    assert!(text.contains("weighted avg") && !text.contains("rows/s"), "{text}");
    let told = home.json(&["train", "--resume", folder]);
    assert_eq!((&told["rows"], &told["epochs"][1]["eval_loss"]), (&3.into(), &0.4.into()));
    assert_eq!(told["epochs"].as_array().unwrap().len(), 2);
    assert_eq!(home.json(&["report", folder])["rows"], 3);
    let error = home.error(&["train", "session.toml", "--resume", folder]);
    assert!(error.contains("is finished: without a session"), "{error}");
}

#[test]
fn a_training_is_no_run_and_a_run_no_training() {
    let home = home();
    let folder = training(&home, "cancelled");
    let path = folder.to_str().unwrap();
    let error = home.error(&["run", "--resume", path]);
    assert!(error.ends_with("is a training: go on with `shotglass train --resume`"), "{error}");
    let error = home.error(&["report", path]);
    assert!(
        error.contains("the training is not finished; its last evaluation is ") && error.ends_with("evaluation.csv")
    );
    let error = home.error(&["train", "--resume", path, "--set", "train.epochs=2"]);
    assert!(error.contains("--set needs the session file: shotglass train SESSION --resume RUN"), "{error}");
    let error = home.error(&["train", "session.toml", "--resume", path, "--set", "train.epochs=2"]);
    assert!(error.ends_with("`train.epochs` was 3 and is 2"), "{error}");
    assert!(home.error(&["train", "--resume", "none"]).contains("none: no run is there"));

    let manifest = folder.join("manifest.json");
    let mut value: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    value.as_object_mut().unwrap().remove("training");
    fs::write(&manifest, value.to_string()).unwrap();
    let error = home.error(&["train", "--resume", path]);
    assert!(error.ends_with("is no training: go on with `shotglass run --resume`"), "{error}");
}
