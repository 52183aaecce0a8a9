//! The HTML page: what is in it, and that nothing of the data, the session or the manifest breaks out of it.

use sha2::{Digest, Sha256};

use super::*;
use crate::metrics::wilson;
use crate::session::Session;
use crate::session::folder::{DataRecord, Manifest, ModelRecord, PromptRecord, Seeds, Status, TrainingRecord};

/// What could break out of a text, an attribute or a comment, or turn the direction of what follows.
const EVIL: &str = "</title></style><script>alert(1)</script><img src=x onerror=\"alert('2')\">&amp;--> {{ 7*7 }} \u{202e}evil\u{1b}[31m";

/// How [`EVIL`] is to be seen: as it is, but for the control characters.
const SEEN: &str = "</title></style><script>alert(1)</script><img src=x onerror=\"alert('2')\">&amp;--> {{ 7*7 }} \\u{202e}evil\\u{1b}[31m";

/// A run over a data file whose every part is hostile: 130 rows of two labels, rows 1 to 120 wrong.
fn hostile(folder: &Path) -> PathBuf {
    let data = folder.join(format!("rows {}.csv", EVIL.replace('/', "")));
    let other = format!("no{EVIL}");
    let mut table = csv::Writer::from_path(&data).unwrap();
    table.write_record(["text", "stance"]).unwrap();
    for row in 0..130 {
        table.write_record([format!("text {row} {EVIL}\r\nsecond line"), "yes".to_owned()]).unwrap();
    }
    table.flush().unwrap();
    let hash: String = Sha256::digest(fs::read(&data).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let text = format!(
        "version = 1\ntitle = {title}\n[model]\nsource = {title}\n[data]\npath = {path}\ntext = \"text\"\nlabel = \"stance\"\n\
         labels = {{ yes = \"yes\", no = {other} }}\n[prompt]\ntemplate = {template}\ndemo = {template}\nshots = 1\n\
         system = {title}\nchat = true\n",
        title = quoted(EVIL),
        path = quoted(data.to_str().unwrap()),
        other = quoted(&other),
        template = quoted(&format!("Template {EVIL}")),
    );
    let run = folder.join(format!("run {}", EVIL.replace('/', "")));
    fs::create_dir(&run).unwrap();
    Manifest {
        version: EVIL.into(),
        platform: EVIL.into(),
        name: Some(EVIL.into()),
        status: Status::Finished,
        error: None,
        started: EVIL.into(),
        changed: EVIL.into(),
        file: EVIL.into(),
        session: Session::parse("a.toml", &text, &[]).unwrap(),
        split: Split::Validation,
        limit: None,
        rows: 130,
        labels: vec!["yes".into(), other.clone()],
        seeds: Seeds { data: 1, prompt: 2, decode: 3 },
        data: DataRecord { path: data.to_str().unwrap().into(), sha256: hash, rows: 130 },
        prompt: PromptRecord { template_sha256: "ff".into(), demos: vec![125, 999_999], duplicates: 0 },
        model: ModelRecord {
            name: EVIL.into(),
            origin: "https://example.org/model".into(),
            sha256: "bb".into(),
            device: EVIL.into(),
            dtype: "f32".into(),
            threads: 1,
            classifier: false,
            scoring: None,
        },
        legs: Vec::new(),
        stats: None,
        training: None,
        tried: None,
    }
    .write(&run)
    .unwrap();
    fs::write(run.join("report.json"), r#"{"seconds": 1.0}"#).unwrap();
    let columns = Columns { labels: vec!["yes".into(), other.clone()], extra: Vec::new() };
    let (mut writer, _) = Writer::open(&run.join("predictions.csv"), columns).unwrap();
    let rows: Vec<Prediction> = (0..130)
        .map(|row| {
            // The later the row, the surer the model; the last nine are right.
            let wrong = (1..=120).contains(&row);
            let sure: f64 = 0.5 + row as f64 / 300.0;
            let (yes, no) = if wrong { (1.0 - sure, sure) } else { (sure, 1.0 - sure) };
            Prediction {
                row,
                split: Split::Validation,
                gold: Some("yes".into()),
                predicted: if wrong { other.clone() } else { "yes".into() },
                answer: EVIL.into(),
                margin: Some(0.5),
                logprobs: vec![Some(yes.ln()), Some(no.ln())],
                extra: Vec::new(),
            }
        })
        .collect();
    writer.append(&rows).unwrap();
    run
}

/// Checks that tags are closed in their order and attributes are plain, and returns the text between the tags, entities
/// resolved.
fn text_of(page: &str) -> String {
    const VOID: [&str; 2] = ["meta", "link"];
    let page = page.trim_start().strip_prefix("<!DOCTYPE html>").unwrap();
    let (mut open, mut text): (Vec<&str>, String) = (Vec::new(), String::new());
    for (index, piece) in page.split('<').enumerate() {
        let Some((tag, after)) = piece.split_once('>') else {
            assert!(index == 0, "a tag without an end: {piece}");
            continue;
        };
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()) && !name.is_empty(), "{tag}");
        assert!(!["script", "iframe", "object", "embed", "base", "form", "img"].contains(&name), "{tag}");
        let attributes = tag.split('"').step_by(2);
        assert!(attributes.clone().all(|outside| !outside.contains(" on") && !outside.contains('\'')), "{tag}");
        assert!(tag.split('"').count() % 2 == 1, "{tag}");
        for (at, _) in tag.match_indices("href=").chain(tag.match_indices("src=")) {
            assert!(tag[at..].starts_with("href=\"data:,\""), "{tag}");
        }
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{tag}");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        text.push_str(after);
    }
    assert!(open.is_empty(), "{open:?}");
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&amp;", "&")]
        .into_iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}

#[test]
fn hostile_data_stays_text() {
    let folder = tempfile::tempdir().unwrap();
    let run = hostile(folder.path());
    let page = exported(&run, Format::Html);
    assert!(!page.to_lowercase().contains("<script") && !page.contains("url(") && !page.contains("@import"));
    let raw = page.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
    assert_eq!(raw, None);
    let text = text_of(&page);
    for part in [
        format!("no{SEEN}"),
        format!("Template {SEEN}"),
        format!("text 125 {SEEN}\nsecond line"),
        format!("with the language model {SEEN} by few-shot"),
    ] {
        assert!(text.contains(&part), "{part}\n--- is not in\n{text}");
    }
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\""));
    // The Markdown of the same run.
    let markdown = exported(&run, Format::Md);
    let (report, _) = markdown.split_once("## Manifest").unwrap();
    let outside: String = report.split("```").step_by(2).collect();
    assert!(
        !outside.contains("<script") && !outside.contains('\u{1b}') && outside.contains("&lt;script&gt;"),
        "{outside}"
    );
}

#[test]
fn wrong_answers_come_with_their_texts_the_most_confident_first() {
    let folder = tempfile::tempdir().unwrap();
    let run = hostile(folder.path());
    let text = text_of(&exported(&run, Format::Html));
    assert!(text.contains("100 of 120 wrong answers, the most confident first; 20 are left out."), "{text}");
    let (_, cases) = text.split_once("Wrong answers").unwrap();
    let at = |part: &str| cases.find(part).unwrap_or_else(|| panic!("{part} is not in {cases}"));
    assert!(at("row 120 ") < at("row 119 ") && at("row 119 ") < at("row 21 "));
    assert!(!cases.contains("row 20 ") && !cases.contains("row 121 "));
    assert!(at("text 120 ") < at("text 119 ") && cases.contains(" 0.900"));
    // Demonstrations are there; of a row that the data does not have only its number.
    assert!(text.contains("row 125 yes") && text.contains("row 999999"), "{text}");

    // Other data is not taken for it.
    let manifest = Manifest::read(&run).unwrap();
    let data = fs::read_to_string(&manifest.data.path).unwrap();
    fs::write(&manifest.data.path, data.replace("second line", "another line")).unwrap();
    let text = text_of(&exported(&run, Format::Html));
    assert!(text.contains("has changed since the run.") && !text.contains("another line"), "{text}");
    fs::remove_file(&manifest.data.path).unwrap();
    let text = text_of(&exported(&run, Format::Html));
    assert!(text.contains("Texts are not shown: there is no file ") && text.contains("row 120 "), "{text}");
}

#[test]
fn both_documents_tell_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let text = text_of(&exported(&run, Format::Html));
    let [low, high] = wilson(1, 1);
    for part in [
        "Run 2025-11-21_ab12, 3 rows of the validation split, 12.3 seconds.".to_owned(),
        format!("1.000{low:.3} to {high:.3}"),
        "Of 2 rows with a gold label.".into(),
        "macro average0.333".into(),
        "Be brief.".into(),
        "Say ```yes``` or no.\n{{ demos }}\n{{ text }}\\u{9b}".into(),
        "The 3 rows of the validation split (seed 42) were classified with the language model owner/some_model by few-shot \
         prompting with 3 demonstrations per class"
            .into(),
        "The one wrong answer. Texts are not shown: the manifest does not tell where they are.".into(),
        "gold no, predicted (empty)".into(),
    ] {
        assert!(text.contains(&part), "{part}\n--- is not in\n{text}");
    }
    assert!(!text.contains("not finished"));
    fs::remove_file(run.join("report.json")).unwrap();
    assert!(text_of(&exported(&run, Format::Html)).contains("The run is not finished: the figures"));
}

#[test]
fn a_page_of_little() {
    let folder = tempfile::tempdir().unwrap();
    let (_writer, _) = Writer::open(&folder.path().join("predictions.csv"), Columns::default()).unwrap();
    let text = text_of(&exported(folder.path(), Format::Html));
    assert!(text.contains("0 rows of the data.") && text.contains("No row has a gold label."), "{text}");
}

#[test]
fn a_training_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let run = hostile(folder.path());
    let mut manifest = Manifest::read(&run).unwrap();
    manifest.training = Some(TrainingRecord::default());
    manifest.write(&run).unwrap();
    let page = exported(&run, Format::Html);
    assert!(!page.contains("<h2>Training</h2>"), "there is no figure yet");
    let head = "kind,step,epoch,loss,learning_rate,grad_norm,accuracy,precision,recall,f1,macro_f1,f1:yes,f1:no";
    let steps: String =
        (1..=900).map(|step| format!("train,{step},{},0.5,0.1,1,,,,,,,\n", step as f64 / 300.0)).collect();
    let eval = "eval,900,3,0.25,,,0.75,0.7,0.6,0.5,0.4,0.5,0.3\n";
    fs::write(run.join("metrics.csv"), format!("{}\n{steps}{eval}", head.replace("f1:no", "\"f1:no\""))).unwrap();
    let page = exported(&run, Format::Html);
    let text = text_of(&page);
    // Beside them are those of the probabilities.
    assert_eq!(page.matches("<polyline").count(), 5 + 3, "{page}");
    let points = page.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(points.split(' ').count(), 300, "900 steps are drawn as means of three");
    assert!(text.contains("30.5000.2500.7500.7000.6000.500"), "{text}");
    assert!(page.contains("validation from 0.250 at epoch 3.0 to 0.250 at 3.0"), "{page}");
    // A training's rows are shown as the encoder reads them, and no prompt is.
    assert!(!text.contains("System message"), "{text}");
}
