//! Every command, its text and its JSON.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::home::{Home, ROWS, SMOKE, session};

#[test]
fn run_prints_a_report_and_keeps_a_folder() {
    let home = Home::with_session();
    let output = home.run(&["run", "session.toml"]);
    assert_eq!(output.status.code(), Some(0));
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(stdout.starts_with("              precision    recall  f1-score   support\n"), "{stdout}");
    for line in ["majority baseline", "balanced accuracy", "MCC", "Cohen's kappa", "rows/s", "tokens/s", "tokens saved"]
    {
        assert!(stdout.contains(line), "{line}: {stdout}");
    }
    let run = home.only_run();
    assert!(stderr.starts_with("A test: 3 rows of the validation split\n"), "{stderr}");
    assert!(stderr.contains(run.file_name().unwrap().to_str().unwrap()), "{stderr}");

    let mut files: Vec<_> = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["manifest.json", "predictions.csv", "report.json"]);
    let manifest: Value = serde_json::from_slice(&fs::read(run.join("manifest.json")).unwrap()).unwrap();
    assert_eq!((&manifest["status"], &manifest["rows"]), (&"finished".into(), &3.into()));
    assert_eq!(manifest["session"]["data"]["path"], home.path().join("rows.csv").to_str().unwrap());
    assert!(manifest["data"]["sha256"].as_str().is_some_and(|hash| hash.len() == 64));
    let predictions = fs::read_to_string(run.join("predictions.csv")).unwrap();
    assert!(predictions.starts_with("row,split,gold,predicted,answer,margin,logprob:support,logprob:oppose\n"));
    assert_eq!(predictions.lines().count(), 4);

    // The same report again, from the folder and from the predictions alone.
    let run = run.to_str().unwrap();
    assert_eq!(home.stdout(&["report", run]), stdout);
    let table = stdout.split("\n\n accuracy").next().unwrap();
    assert!(home.stdout(&["report", &format!("{run}/predictions.csv")]).starts_with(table));
    assert_eq!(home.stdout(&["export", run]), predictions);
    assert_eq!(home.json(&["export", run])["rows"].as_array().unwrap().len(), 3);
    assert!(home.stdout(&["export", run, "--format", "md"]).starts_with("# A test\n"));
    let page = home.stdout(&["export", run, "--format", "html"]);
    assert!(page.trim_start().starts_with("<!DOCTYPE html>") && page.contains("<bdi>A test</bdi>"), "{page}");
    assert!(page.trim_end().ends_with("</html>"), "{page}");
}

#[test]
fn run_and_report_have_the_fields_that_others_read() {
    let home = Home::with_session();
    let run = home.json(&["run", "session.toml", "--split", "train", "--limit", "5", "--out", "elsewhere"]);
    let report = home.json(&["report", run["run"].as_str().unwrap()]);
    for (name, json) in [("run", &run), ("report", &report)] {
        assert_eq!(json["rows"], 5, "{name}");
        assert!(json["run"].as_str().unwrap().starts_with("elsewhere/"), "{name}");
        assert!(json["seconds"].as_f64().unwrap() > 0.0, "{name}");
        let numbers = ["accuracy", "macro_f1", "mcc", "balanced_accuracy", "majority_accuracy"];
        assert!(numbers.iter().all(|field| json[field].is_f64()), "{name}: {json}");
        assert_eq!(json["accuracy_ci95"].as_array().unwrap().len(), 2, "{name}");
        for field in ["weighted", "macro"] {
            assert!(["precision", "recall", "f1"].iter().all(|figure| json[field][figure].is_f64()), "{name}: {json}");
        }
        let labels = json["confusion"]["labels"].as_array().unwrap();
        assert_eq!(json["confusion"]["matrix"].as_array().unwrap().len(), labels.len(), "{name}");
        let support: u64 = json["classes"].as_object().unwrap().values().map(|c| c["support"].as_u64().unwrap()).sum();
        assert_eq!(support, 5, "{name}");
    }
    assert!(!home.path().join("session").exists());
}

#[test]
fn generated_answers_are_read_by_the_rule() {
    let home = Home::with_session();
    let generate = ["--set", "decode.method=generate", "--set", "decode.max_new_tokens=4"];
    let run = home.json(&[&["run", "session.toml"][..], &generate].concat());
    let run = run["run"].as_str().unwrap();
    let rows = home.json(&["export", run])["rows"].clone();
    for row in rows.as_array().unwrap() {
        // The random model names no label.
        assert_eq!(row["predicted"], "unknown");
        assert!(!row["answer"].as_str().unwrap().is_empty());
        assert_eq!((&row["margin"], &row["logprobs"]), (&Value::Null, &serde_json::json!({})));
    }
    assert!(home.stdout(&["report", run]).contains(" unknown "));
}

#[test]
fn shuffled_options_and_weights_are_kept_with_the_rows() {
    let home = Home::new();
    let mut rows = String::new();
    for (line, weight) in ROWS.lines().zip(0..) {
        rows += &if weight == 0 { format!("{line},weight\n") } else { format!("{line},{weight}.5\n") };
    }
    home.write("rows.csv", &rows);
    home.write("session.toml", &session("options = \"shuffled\"\n[decode]\nbatch_size = 2"));
    let run = home.json(&[
        "run",
        "session.toml",
        "--set",
        "prompt.template={{ options }}: {{ text }}",
        "--set",
        "data.weight=weight",
    ]);
    let exported = home.json(&["export", run["run"].as_str().unwrap()]);
    for row in exported["rows"].as_array().unwrap() {
        let options = row["options"].as_str().unwrap();
        assert!(["support|oppose", "oppose|support"].contains(&options), "{row}");
        assert_eq!(row["weight"], format!("{}.5", row["row"].as_u64().unwrap() + 1));
    }
}

#[test]
fn rows_without_gold_labels_are_classified_all_the_same() {
    let home = Home::with_session();
    let text = session("").replace("label = \"stance\"\n", "");
    home.write("session.toml", &text);
    assert!(home.stdout(&["run", "session.toml"]).contains("3 rows answered; without gold labels"));
    let run = home.only_run();
    assert!(home.error(&["report", run.to_str().unwrap()]).contains("no row has a gold label"));
    assert_eq!(home.json(&["run", "session.toml"])["rows"], 3);
}

#[test]
fn split_names_every_row_once() {
    let home = Home::with_session();
    let json = home.json(&["split", "session.toml"]);
    let rows =
        |split: &str| -> Vec<u64> { json[split].as_array().unwrap().iter().map(|row| row.as_u64().unwrap()).collect() };
    assert_eq!((rows("train").len(), rows("validation").len(), rows("test").len()), (6, 3, 3));
    let mut all = [rows("train"), rows("validation"), rows("test")].concat();
    all.sort_unstable();
    assert_eq!(all, (0..12).collect::<Vec<_>>());

    let text = home.stdout(&["split", "session.toml"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    let numbers: Vec<String> = rows("validation").iter().map(u64::to_string).collect();
    assert!(lines[1].starts_with("validation: 3 rows (") && lines[1].ends_with(&numbers.join(" ")), "{text}");
    assert_ne!(home.json(&["split", "session.toml", "--set", "data.seed=7"]), json);
    // Options of all commands may stand before the command too.
    let before = home.stdout(&["--format", "json", "--color", "never", "split", "session.toml"]);
    assert_eq!(serde_json::from_str::<Value>(&before).unwrap(), json);
}

#[test]
fn prompt_is_exact() {
    let home = Home::with_session();
    assert_eq!(home.stdout(&["prompt", "session.toml", "--row", "6"]), "Text: <the horn at seven>\nAnswer:");
    let json = home.json(&["prompt", "session.toml", "--row", "6"]);
    assert_eq!((&json["row"], &json["prompt"]), (&6.into(), &"Text: <the horn at seven>\nAnswer:".into()));
    assert!(json["tokens"].as_u64().unwrap() > 5);

    let chat = home.stdout(&["prompt", "session.toml", "--row", "6", "--set", "prompt.chat=true"]);
    assert!(chat.contains("Text: <the horn at seven>\nAnswer:") && chat.len() > 40, "{chat}");

    // No model, no tokens, but a prompt.
    let json = home.json(&["prompt", "session.toml", "--row", "6", "--set", "model.source=no/such-model"]);
    assert_eq!((&json["tokens"], json["prompt"].as_str().unwrap().len()), (&Value::Null, 33));
}

#[test]
fn demonstrations_are_shown() {
    let home = Home::with_session();
    home.write("session.toml", &session("shots = 2").replace("Text: <", "{{ demos }}\\n\\nText: <"));
    let prompt = home.stdout(&["prompt", "session.toml", "--row", "6"]);
    assert_eq!(prompt.matches("Answer: support").count(), 2, "{prompt}");
    assert_eq!(prompt.matches("Answer: oppose").count(), 2, "{prompt}");
}

#[test]
fn score_gives_probabilities_over_the_labels() {
    let home = Home::new();
    let json = home.json(&["score", "-m", SMOKE, "--labels", "support,oppose,neither of them", "Answer:"]);
    let labels = json["labels"].as_object().unwrap();
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["support", "oppose", "neither of them"]);
    let sum: f64 = labels.values().map(|label| label["probability"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9);
    assert!(labels.values().all(|label| label["logprob"].as_f64().unwrap() < 0.0));
    assert!(!json["token_ids"].as_array().unwrap().is_empty());
    let text = home.stdout(&["score", "-m", SMOKE, "--labels", "a,b", "Answer:"]);
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn next_lists_the_best_tokens_first() {
    let home = Home::new();
    let json = home.json(&["next", "-m", SMOKE, "--top", "5", "Answer:"]);
    let logits: Vec<f64> = json["next"].as_array().unwrap().iter().map(|n| n["logit"].as_f64().unwrap()).collect();
    assert_eq!(logits.len(), 5);
    assert!(logits.is_sorted_by(|a, b| a >= b));
    for field in ["id", "token", "probability"] {
        assert!(!json["next"][0][field].is_null());
    }
    assert!(!json["token_ids"].as_array().unwrap().is_empty());
    assert!(home.stdout(&["next", "-m", SMOKE, "Answer:"]).lines().count() > 10);
}

#[test]
fn generate_streams_what_its_json_holds() {
    let home = Home::new();
    let arguments = ["generate", "-m", SMOKE, "--max-new-tokens", "8", "Answer:"];
    let json = home.json(&arguments);
    assert_eq!(json["token_ids"].as_array().unwrap().len(), 8);
    assert_eq!(json["finish_reason"], "length");
    let text = json["text"].as_str().unwrap();
    assert_eq!(home.stdout(&arguments), format!("{}\n", shotglass::text::printable_lines(text)));

    let drawn = ["generate", "-m", SMOKE, "--max-new-tokens", "8", "--temperature", "2", "Answer:", "--seed"];
    let with = |seed| home.json(&[&drawn[..], &[seed]].concat());
    assert_eq!(with("1"), with("1"));
    assert_ne!(with("1")["token_ids"], with("2")["token_ids"]);
    let chat =
        home.json(&["generate", "-m", SMOKE, "--chat", "--system", "Be brief.", "--max-new-tokens", "2", "Hello"]);
    assert_eq!(chat["token_ids"].as_array().unwrap().len(), 2);
}

#[test]
fn texts_come_from_stdin_too() {
    let home = Home::new();
    home.write("text", "Answer:");
    let from = |text: &str| {
        let stdin = fs::File::open(home.path().join("text")).unwrap();
        let output = home.process().args(["next", "-m", SMOKE, text]).stdin(stdin).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(from("-"), from("Answer:"));
}

#[test]
fn report_reads_predictions_from_elsewhere() {
    let home = Home::new();
    home.write("elsewhere.csv", "id;predicted;gold\n1;yes;yes\n2;no;yes\n3;no;no\n4;;no\n");
    let json = home.json(&["report", "elsewhere.csv"]);
    assert_eq!((&json["rows"], &json["accuracy"], &json["seconds"]), (&4.into(), &0.5.into(), &Value::Null));
    assert!(home.stdout(&["report", "elsewhere.csv"]).contains("accuracy                          0.500         4"));
}

#[test]
fn models_show_and_list() {
    let home = Home::new();
    let json = home.json(&["models", "show", SMOKE]);
    assert_eq!((&json["architecture"], &json["layers"]), (&"llama".into(), &2.into()));
    assert_eq!(json["sha256"].as_str().unwrap().len(), 64);
    assert!(home.stdout(&["models", "show", SMOKE]).contains("architecture  llama"));
    assert!(home.json(&["models"])["models"].is_array());
    assert!(home.json(&["models", "list"])["models"].is_array());
}

#[test]
fn completions_and_help_are_there() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.stdout(&["completions", shell]).contains("shotglass"), "{shell}");
    }
    let commands = ["run", "prompt", "split", "generate", "score", "next", "report", "export", "models", "completions"];
    for command in commands {
        assert!(home.stdout(&[command, "--help"]).contains("Examples:\n  shotglass "), "{command}");
        assert!(home.stdout(&["--help"]).contains(&format!("\n  {command} ")), "{command}");
    }
    assert!(home.stdout(&["--version"]).starts_with("shotglass 0."));
    assert!(home.files().is_empty(), "{:?}", home.files());
}

#[test]
fn without_a_command_it_says_what_to_do() {
    let home = Home::new();
    let page = home.stdout(&[]);
    assert!(page.contains("\n  zero-shot ") && page.contains("\n  shotglass run zero-shot "), "{page}");
    assert_eq!(home.run(&["few-shot", "split"]).status.code(), Some(2));
    assert!(home.error(&["few-shot"]).contains("shotglass run few-shot"));
}

#[test]
fn quiet_is_quiet() {
    let home = Home::with_session();
    let output = home.run(&["run", "session.toml", "-q"]);
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn a_closed_stdout_is_no_panic() {
    let home = Home::with_session();
    for arguments in [&["run", "session.toml"][..], &["split", "session.toml"], &["completions", "bash"], &["--help"]] {
        let mut child = home.process().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_stdout_that_takes_nothing_is_a_failure() {
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else { return };
    let home = Home::with_session();
    let output = home.process().args(["split", "session.toml"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: stdout: "));
}

#[test]
fn escape_sequences_reach_neither_screen_nor_stdout() {
    let evil = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}";
    let home = Home::with_session();
    home.write("rows.csv", &ROWS.replace("the", &format!("the{evil}")));
    home.write("elsewhere.csv", &format!("gold,predicted\nyes{evil},no\nno,yes{evil}\n"));
    let label = format!("labels = {{ \"1\" = \"support{}\", \"0\" = \"oppose\" }}", "\\u001b[2J");
    home.write("labels.toml", &session("").replace("labels = { \"1\" = \"support\", \"0\" = \"oppose\" }", &label));
    let run = home.json(&["run", "labels.toml", "--split", "train"])["run"].as_str().unwrap().to_owned();
    let text = "Text\u{1b}[31m:";
    let commands: [&[&str]; 17] = [
        &["run", "labels.toml"],
        &["run", "session.toml", "--set", "data.labels={ \"1\" = \"a\" }"],
        &["run", "session.toml", "--set", "data.text=te\u{1b}[31mxt"],
        &["run", "no\u{1b}[31m.toml"],
        &["split", "labels.toml"],
        &["prompt", "session.toml", "--row", "6", "--format", "json"],
        &["prompt", "session.toml", "--row", "6", "--set", "prompt.template=\u{1b}[31m{{ nothing }}"],
        &["report", &run],
        &["report", "elsewhere.csv"],
        &["report", "elsewhere.csv", "--format", "json"],
        &["export", &run],
        &["export", &run, "--format", "json"],
        &["export", &run, "--format", "md"],
        &["export", &run, "--format", "html"],
        &["generate", "-m", SMOKE, "--max-new-tokens", "64", text],
        &["score", "-m", SMOKE, "--labels", "a\u{1b}[31m,b", text],
        &["next", "-m", SMOKE, "--top", "300", text],
    ];
    for arguments in commands {
        let output = home.run(arguments);
        for bytes in [output.stdout, output.stderr] {
            let text = String::from_utf8(bytes).unwrap();
            let raw = text.chars().find(|c| (c.is_control() && !"\n\t".contains(*c)) || *c == '\u{202e}');
            assert_eq!(raw, None, "{arguments:?}: {text:?}");
        }
    }
}
