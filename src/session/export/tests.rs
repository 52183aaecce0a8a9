mod page;

use std::fs;

use super::*;
use crate::data::Split;
use crate::session::predictions::{Columns, Writer};

fn manifest() -> Value {
    serde_json::json!({
        "version": "0.1.0",
        "session": {
            "title": "A | *trick* <b>title</b> \u{1b}[2J",
            "model": {"source": "owner/some_model", "device": "auto", "dtype": "f32"},
            "data": {"path": "../data.csv", "seed": 42, "text": "text", "label": "stance"},
            "prompt": {
                "template": "Say ```yes``` or no.\n{{ demos }}\n{{ text }}\u{9b}", "demo": "{{ text }}: {{ label }}",
                "shots": 3, "demos": "random", "seed": 7, "chat": true, "system": "Be brief."
            },
            "decode": {"method": "generate", "max_new_tokens": 10, "temperature": 0.0},
            "answer": {"rule": "contains", "unknown": "unknown"}
        }
    })
}

/// A run of three rows whose labels and answers try to break out.
fn run(folder: &Path) -> PathBuf {
    let run = folder.join("2025-11-21_ab12");
    fs::create_dir(&run).unwrap();
    fs::write(run.join("manifest.json"), manifest().to_string()).unwrap();
    fs::write(run.join("report.json"), r#"{"run": "ab12", "seconds": 12.34, "kappa": null}"#).unwrap();
    let columns = Columns { labels: vec!["pro|con".into(), "no".into()], extra: vec!["options".into()] };
    let (mut writer, _) = Writer::open(&run.join("predictions.csv"), columns).unwrap();
    let row = |row, gold: Option<&str>, predicted: &str| Prediction {
        row,
        split: Split::Validation,
        gold: gold.map(str::to_owned),
        predicted: predicted.into(),
        answer: "=1+1\u{1b}[31m".into(),
        margin: Some(0.5),
        logprobs: vec![Some(-0.5), None],
        extra: vec!["no".into()],
    };
    writer.append(&[row(8, Some("pro|con"), "pro|con"), row(9, Some("no"), ""), row(2, None, "no")]).unwrap();
    run
}

fn exported(run: &Path, format: Format) -> String {
    let mut bytes = Vec::new();
    export(run, format, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn csv_is_the_file_without_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let path = run.join("predictions.csv");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}11,validation,\"no")).unwrap();
    assert_eq!(exported(&run, Format::Csv), whole);
    assert!(whole.contains("=1+1\u{1b}[31m"), "cells are data");
}

#[test]
fn json_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let text = exported(&run, Format::Json);
    assert!(!text.chars().any(|c| c != '\n' && c.is_control()));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["manifest"], manifest());
    assert_eq!(value["report"]["run"], "ab12");
    assert_eq!(
        value["rows"][0],
        serde_json::json!({
            "row": 8, "split": "validation", "gold": "pro|con", "predicted": "pro|con", "answer": "=1+1\u{1b}[31m",
            "margin": 0.5, "logprobs": {"pro|con": -0.5, "no": null}, "options": "no"
        })
    );
    assert!(value["rows"][2]["gold"].is_null());
    fs::remove_file(run.join("report.json")).unwrap();
    let value: Value = serde_json::from_str(&exported(&run, Format::Json)).unwrap();
    assert!(value["report"].is_null());
}

#[test]
fn markdown_tells_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let text = exported(&run, Format::Md);
    for part in [
        "# A \\| \\*trick\\* &lt;b&gt;title&lt;/b&gt; \\\\u{1b}\\[2J\n\nRun 2025-11-21\\_ab12, 3 rows of the validation split, 12.3 seconds.\n",
        "- Model asked for: owner/some\\_model\n",
        "System message:\n\n```\nBe brief.\n```\n",
        "````jinja\nSay ```yes``` or no.\n{{ demos }}\n{{ text }}\\u{9b}\n````\n",
        "Each demonstration:\n\n```jinja\n{{ text }}: {{ label }}\n```\n",
        "Of 2 rows with a gold label.\n",
        "| pro\\|con | 1.000 (0.207 to 1.000) | 1.000 (0.207 to 1.000) | 1.000 | 1 |\n",
        "| *(empty)* | 0.000 (0.000 to 0.793) | 0.000 | 0.000 | 0 |\n",
        "| macro average | 0.333 | 0.333 | 0.333 | 2 |\n",
        "| accuracy | 0.500 | 0.095 to 0.905 |\n",
        "| gold \\ predicted | *(empty)* | no | pro\\|con |\n| --- | ---: | ---: | ---: |\n| *(empty)* | 0 | 0 | 0 |\n| no | 1 | 0 | 0 |\n",
        "The 3 rows of the validation split (seed 42) were classified with the language model owner/some\\_model by few-shot \
         prompting with 3 demonstrations per class (strategy “random”, seed 7) through the model's chat template. Answers \
         of at most 10 new tokens were generated greedily and read by the rule “contains”; what matched no label counts \
         as unknown, and as wrong. Precision,",
        "\n## Manifest\n\n````json\n{\n",
    ] {
        assert!(text.contains(part), "{part}\n--- is not in\n{text}");
    }
    assert!(!text.contains("not finished"));
    assert!(!text.chars().any(|c| c != '\n' && c.is_control()));
}

#[test]
fn markdown_of_little() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(&folder.path().join("predictions.csv"), Columns::default()).unwrap();
    let text = exported(folder.path(), Format::Md);
    assert!(text.contains("0 rows of the data.\n\n**The run is not finished: "), "{text}");
    assert!(text.contains("No row has a gold label."), "{text}");
    let only = Prediction {
        row: 1,
        split: Split::Test,
        gold: Some("a".into()),
        predicted: "a".into(),
        answer: String::new(),
        margin: None,
        logprobs: Vec::new(),
        extra: Vec::new(),
    };
    writer.append(&[only]).unwrap();
    let text = exported(folder.path(), Format::Md);
    assert!(text.contains("1 row of the test split") && text.contains("| Cohen's kappa | undefined |  |"), "{text}");
}

#[test]
fn what_is_missing_or_broken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let failed = |run: &Path, format| export(run, format, &mut Vec::new()).unwrap_err().to_string();
    assert!(failed(folder.path(), Format::Csv).contains("predictions.csv: No such file"));
    let run = run(folder.path());
    fs::write(run.join("manifest.json"), "{\n\"session\": nonsense}").unwrap();
    let message = failed(&run, Format::Md);
    assert!(message.contains("manifest.json: ") && message.contains("line 2"), "{message}");
}

#[test]
fn formats_have_names() {
    for name in Format::NAMES {
        assert!(name.parse::<Format>().is_ok());
    }
    assert_eq!("mdd".parse::<Format>().unwrap_err(), "unknown format `mdd`: csv, json, md, html");
}

#[test]
fn markdown_tells_how_an_encoder_was_trained() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let mut manifest = manifest();
    manifest["session"]["train"] = serde_json::json!({
        "model": "microsoft/deberta-v3-small", "epochs": 3, "batch_size": 32, "learning_rate": 5e-5, "schedule": "linear",
        "weight_decay": 0.01, "max_length": 128, "seed": 42
    });
    manifest["training"] = serde_json::json!({
        "train_rows": 4000, "validation_rows": 500, "best": { "step": 250, "metric": "f1", "value": 0.9 }
    });
    fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
    let text = exported(&run, Format::Md);
    assert!(text.contains("fine-tuned with a classification head on 4000 rows of the train split (seed 42)"), "{text}");
    assert!(text.contains("the weights after step 250 were taken, which had the best f1 on 500 validation rows"));
    assert!(text.contains("- Epochs: 3\n") && text.contains("- Encoder asked for: microsoft/deberta-v3-small\n"));
    assert!(!text.contains("## Prompt") && !text.contains("prompting") && !text.contains("new tokens"), "{text}");
}

#[test]
fn a_classifier_is_said_to_have_read_the_text_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let mut said = manifest();
    said["model"] = serde_json::json!({ "name": "tuned", "classifier": true });
    // Earlier versions said so by the hash over no cleaning rules alone.
    let mut hashed = manifest();
    hashed["prompt"] = serde_json::json!({
        "template_sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "demos": [], "duplicates": 0
    });
    for manifest in [said, hashed] {
        fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
        let text = exported(&run, Format::Md);
        let (report, _) = text.split_once("## Manifest").unwrap();
        for part in [
            "it read the text of each row alone. The session's prompt was not used.\n",
            "(seed 42) were classified with the fine-tuned classifier owner/some\\_model, which read each row's text alone, \
             without a prompt, and the most probable label was taken as the answer. Precision,",
        ] {
            assert!(report.contains(part), "{part}\n--- is not in\n{report}");
        }
        let html = exported(&run, Format::Html);
        let (page, _) = html.split_once("<h2 id=\"manifest\">").unwrap();
        for not in ["prompting", "Say ```yes```", "Shots per class", "Each demonstration", "new tokens"] {
            assert!(!report.contains(not) && !page.contains(not), "{not}: {report}");
        }
    }
}

#[test]
fn pinned_demonstrations_are_counted_as_they_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let mut manifest = manifest();
    manifest["session"]["prompt"]["demos"] = "pinned".into();
    manifest["session"]["prompt"]["pinned"] = serde_json::json!([4, 5]);
    manifest["session"]["prompt"]["shots"] = 0.into();
    fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
    let text = exported(&run, Format::Md);
    assert!(text.contains("by few-shot prompting with 2 chosen demonstrations (strategy “pinned”"), "{text}");
    assert!(text.contains("Each demonstration:"), "{text}");
}
