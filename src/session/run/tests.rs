//! Runs on the scripted engine.

mod survey;

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::data::Split;
use crate::engine::fake::{Fake, Rule, Script};
use crate::engine::{Classifier, ModelInfo, ScoreRequest};
use crate::model::tokenizer::Tokenizer;
use crate::session::Session;
use crate::session::prepare::Prepared;

/// Ten rows, every other one in favour, all of them in the test split but for those that demonstrations need.
fn prepared(folder: &Path, more: &str) -> Arc<Prepared> {
    let path = folder.join("rows.csv");
    let rows: String = (0..10).map(|row| format!("text {row} {},{}\n", ["good", "bad"][row % 2], row % 2)).collect();
    std::fs::write(&path, format!("text,label\n{rows}")).unwrap();
    let text = format!(
        "version = 1\n[data]\npath = {path:?}\nlabel = \"label\"\nlabels = {{ \"0\" = \"yes\", \"1\" = \"no\" }}\n\
         splits = {{ train = 0.2, validation = 0.0, test = 0.8 }}\n[prompt]\ntemplate = \"{{{{ text }}}}\"\n{more}"
    );
    Arc::new(Prepared::new(Session::parse("a.toml", &text, &[]).unwrap(), &mut |_, _| true).unwrap())
}

fn rules() -> Vec<Rule> {
    let rule = |contains: &str, logprobs: [f64; 2], text: &str| Rule {
        contains: contains.to_owned(),
        logprobs: logprobs.to_vec(),
        text: text.to_owned(),
    };
    vec![rule("good", [-0.5, -1.0], " Yes!"), rule("bad", [-2.0, -0.25], "I pass.")]
}

struct Bench {
    engine: Engine,
    events: Receiver<Event>,
    stop: Cancel,
    model: Arc<ModelInfo>,
}

impl Bench {
    fn new(script: Script) -> Self {
        let smoke = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smoke");
        let tokenizer = Arc::new(Tokenizer::from_folder(Path::new(smoke)).unwrap());
        let (engine, events) = Engine::start(Box::new(Fake::new(script, tokenizer))).unwrap();
        let stop = Cancel::default();
        let load = Work::Load(crate::model::ModelSpec::default());
        let loaded = drive(&engine, &events, load, &stop, &mut |_| Ok::<_, EngineError>(())).unwrap();
        let Outcome::Loaded(model) = loaded else { panic!("{loaded:?}") };
        Self { engine, events, stop, model }
    }

    fn task(&self, prepared: &Arc<Prepared>) -> Task {
        Task::new(prepared, "a.toml", Split::Test, None, &self.model, &mut |_, _| true).unwrap()
    }

    /// Answers until the end; cancels behind the batch with which `cancel_after` rows are answered.
    fn answer(&self, recording: &mut Recording, cancel_after: usize) -> Result<Outcome, RunError> {
        drive(&self.engine, &self.events, recording.work(), &self.stop, &mut |event| {
            if let Event::Scored { answers, .. } = event {
                recording.record(&answers)?;
                if recording.tally().done >= cancel_after {
                    self.stop.cancel();
                }
            }
            Ok::<_, RunError>(())
        })
    }
}

fn finish(recording: Recording, outcome: Result<Outcome, RunError>) -> (Summary, Manifest) {
    let Ok(Outcome::Answered(stats)) = outcome else { panic!("{outcome:?}") };
    recording.finish(stats, &|| true).unwrap()
}

/// A whole run in a folder of its own: its files but for times.
fn unbroken(prepared: &Arc<Prepared>, runs: &Path) -> (Vec<u8>, serde_json::Value) {
    let bench = Bench::new(Script { rules: rules(), ..Script::default() });
    let mut recording = Recording::create(bench.task(prepared), runs).unwrap();
    let outcome = bench.answer(&mut recording, usize::MAX);
    let (summary, _) = finish(recording, outcome);
    files(Path::new(&summary.run))
}

fn files(folder: &Path) -> (Vec<u8>, serde_json::Value) {
    let report = std::fs::read(folder.join(REPORT)).unwrap();
    let mut report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    report.as_object_mut().unwrap().retain(|field, _| field != "run" && field != "seconds");
    (std::fs::read(folder.join(PREDICTIONS)).unwrap(), report)
}

#[test]
fn scored_rows_make_a_report() {
    let home = TempDir::new().unwrap();
    let prepared = prepared(home.path(), "");
    let bench = Bench::new(Script { rules: rules(), batch: 3, ..Script::default() });
    let mut recording = Recording::create(bench.task(&prepared), &home.path().join("runs")).unwrap();
    let outcome = bench.answer(&mut recording, usize::MAX);
    assert_eq!(recording.tally(), Tally { done: 8, total: 8, labelled: 8, right: 8 });
    let (summary, manifest) = finish(recording, outcome);
    assert_eq!((summary.rows, summary.report.unwrap().accuracy), (8, 1.0));
    assert_eq!((manifest.status, manifest.legs.len(), manifest.legs[0].rows), (Status::Finished, 1, 8));
    assert_eq!(Manifest::read(Path::new(&summary.run)).unwrap(), manifest);
    let kept = crate::session::predictions::read(&Path::new(&summary.run).join(PREDICTIONS)).unwrap();
    assert_eq!(kept.rows.iter().map(|row| row.row).collect::<Vec<_>>(), prepared.data.split(Split::Test));
    assert!(kept.rows.iter().all(|row| row.margin == Some(if row.predicted == "yes" { 0.5 } else { 1.75 })));
}

#[test]
fn generated_texts_are_read_by_the_rule() {
    let home = TempDir::new().unwrap();
    let prepared = prepared(home.path(), "[decode]\nmethod = \"generate\"\n[answer]\nunknown = \"other\"");
    let (predictions, report) = unbroken(&prepared, home.path());
    let predictions = String::from_utf8(predictions).unwrap();
    assert!(predictions.contains("test,yes,yes, Yes!,,,\n"), "{predictions}");
    assert!(predictions.contains("test,no,other,I pass.,,,\n"), "{predictions}");
    assert_eq!(report["confusion"]["labels"], serde_json::json!(["no", "other", "yes"]));
}

#[test]
fn a_cancelled_run_goes_on() {
    let home = TempDir::new().unwrap();
    let prepared = prepared(home.path(), "");
    let expected = unbroken(&prepared, &home.path().join("unbroken"));
    let bench = Bench::new(Script { rules: rules(), batch: 1, ..Script::default() });
    let delayed =
        Bench::new(Script { rules: rules(), batch: 2, delay: Duration::from_millis(100), ..Script::default() });
    let mut recording = Recording::create(delayed.task(&prepared), &home.path().join("runs")).unwrap();
    let outcome = delayed.answer(&mut recording, 2);
    assert!(matches!(outcome, Err(RunError::Engine(EngineError::Cancelled))), "{outcome:?}");
    let done = recording.tally().done;
    assert!((2..8).contains(&done), "{done}");
    let folder = recording.stop(&EngineError::Cancelled).unwrap();
    assert_eq!(Manifest::read(&folder).unwrap().status, Status::Cancelled);
    assert!(!folder.join(REPORT).exists());

    let mut recording = Recording::resume(bench.task(&prepared), &folder).unwrap();
    assert_eq!(recording.tally().done, done);
    let outcome = bench.answer(&mut recording, usize::MAX);
    let (_, manifest) = finish(recording, outcome);
    assert_eq!(manifest.legs.iter().map(|leg| leg.rows).collect::<Vec<_>>(), [done, 8 - done]);
    assert_eq!(files(&folder), expected);
}

#[test]
fn a_failure_or_a_panic_keeps_what_was_answered() {
    let home = TempDir::new().unwrap();
    let prepared = prepared(home.path(), "");
    let expected = unbroken(&prepared, &home.path().join("unbroken"));
    for (script, word) in [
        (Script { fail_at: Some(5), ..Script::default() }, "fails at prompt 5"),
        (Script { panic_at: Some(5), ..Script::default() }, "panics at prompt 5"),
    ] {
        let bench = Bench::new(Script { rules: rules(), batch: 2, ..script });
        let mut recording = Recording::create(bench.task(&prepared), &home.path().join("runs")).unwrap();
        let Err(RunError::Engine(error)) = bench.answer(&mut recording, usize::MAX) else { panic!() };
        assert!(error.to_string().contains(word), "{error}");
        let folder = recording.stop(&error).unwrap();
        let manifest = Manifest::read(&folder).unwrap();
        assert_eq!((manifest.status, manifest.legs[0].rows), (Status::Failed, 4));
        assert!(manifest.error.unwrap().contains(word));

        let bench = Bench::new(Script { rules: rules(), ..Script::default() });
        let mut recording = Recording::resume(bench.task(&prepared), &folder).unwrap();
        let outcome = bench.answer(&mut recording, usize::MAX);
        finish(recording, outcome);
        assert_eq!(files(&folder), expected);
    }
}

#[test]
fn a_run_without_an_answer_leaves_nothing() {
    let home = TempDir::new().unwrap();
    let prepared = prepared(home.path(), "");
    let bench = Bench::new(Script { fail_at: Some(0), ..Script::default() });
    let runs = home.path().join("deep/er/runs");
    let mut recording = Recording::create(bench.task(&prepared), &runs).unwrap();
    assert!(recording.folder().is_dir());
    let Err(RunError::Engine(error)) = bench.answer(&mut recording, usize::MAX) else { panic!() };
    assert_eq!(recording.stop(&error), None);
    assert!(!home.path().join("deep").exists());
}

#[test]
fn an_error_of_the_listener_cancels_the_work() {
    let bench = Bench::new(Script { batch: 1, delay: Duration::from_millis(20), ..Script::default() });
    let work =
        || Work::Score(ScoreRequest { prompts: vec!["a".into(); 50], labels: vec!["b".into()], ..Default::default() });
    let mut heard = 0;
    let outcome = drive(&bench.engine, &bench.events, work(), &bench.stop, &mut |event| match event {
        Event::Scored { .. } => {
            heard += 1;
            Err(EngineError::Failed("the disk is full".to_owned()))
        }
        _ => Ok(()),
    });
    assert_eq!((outcome.unwrap_err().to_string().as_str(), heard), ("the disk is full", 1));
    // The engine lives on, and events of the job before are passed over.
    let outcome = drive(&bench.engine, &bench.events, work(), &bench.stop, &mut |_| Ok::<_, EngineError>(()));
    assert!(matches!(outcome, Ok(Outcome::Answered(stats)) if stats.rows == 50));
}

#[test]
fn a_run_lives_on_another_thread_and_tells_what_is_new() {
    let home = TempDir::new().unwrap();
    let prepared = prepared(home.path(), "");
    let bench = Bench::new(Script { rules: rules(), batch: 3, ..Script::default() });
    let (task, runs) = (bench.task(&prepared).with_name(Some("first".into())), home.path().join("runs"));
    let work = std::thread::spawn(move || {
        let mut recording = Recording::create(task, &runs).unwrap();
        let answer = |index: usize| Answer { index, logprobs: vec![-1.0, -2.0], ..Answer::default() };
        let new = recording.record(&[answer(3), answer(0), answer(3), answer(99)]).unwrap();
        let rows = recording.task().rows().to_vec();
        assert_eq!(new.iter().map(|row| row.row).collect::<Vec<_>>(), [rows[3], rows[0]]);
        assert_eq!(recording.record(&[answer(0)]).unwrap(), []);
        (recording.stop(&EngineError::Cancelled).unwrap(), new)
    });
    let (folder, new) = work.join().unwrap();
    assert_eq!(Manifest::read(&folder).unwrap().name.as_deref(), Some("first"));

    // A name given while the run goes on is kept, and so is one of the leg before.
    let recording = Recording::resume(bench.task(&prepared), &folder).unwrap();
    assert_eq!(recording.answered(), new);
    let mut manifest = Manifest::read(&folder).unwrap();
    assert_eq!(manifest.name.as_deref(), Some("first"));
    manifest.name = Some("second".into());
    manifest.write(&folder).unwrap();
    recording.stop(&EngineError::Cancelled);
    assert_eq!(Manifest::read(&folder).unwrap().name.as_deref(), Some("second"));
}

#[test]
fn writing_the_prompts_can_be_cancelled() {
    let home = TempDir::new().unwrap();
    let prepared = prepared(home.path(), "");
    let bench = Bench::new(Script::default());
    let mut told = Vec::new();
    let mut progress = |done, total| {
        told.push((done, total));
        done < 2
    };
    let task = Task::new(&prepared, "a.toml", Split::Test, None, &bench.model, &mut progress);
    assert!(matches!(task, Err(RunError::Engine(EngineError::Cancelled))));
    assert_eq!(told, [(0, 8), (1, 8), (2, 8)]);
}

/// What the fake engine loads, as if it were a fine-tuned encoder.
fn classifier(model: &ModelInfo, labels: &[&str], clean: &[&str]) -> ModelInfo {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    ModelInfo {
        name: model.name.clone(),
        origin: model.origin.clone(),
        sha256: model.sha256.clone(),
        device: model.device.clone(),
        dtype: model.dtype.clone(),
        kernels: model.kernels.clone(),
        context: model.context,
        threads: model.threads,
        tokenizer: model.tokenizer.clone(),
        chat: None,
        classifier: Some(Classifier { labels: words(labels), clean: words(clean), max_length: 16 }),
        scoring: None,
    }
}

#[test]
fn a_classifier_reads_texts_alone() {
    let home = TempDir::new().unwrap();
    let prepared = prepared(home.path(), "[data.codebook]\ntext = { \"text 0 good\" = \"a word\" }");
    let mut session = prepared.session.clone();
    session.prompt.template = "Say {{ options }} of {{ text }}".into();
    session.data.clean = vec!["lowercase".into()];
    let bench = Bench::new(Script { rules: rules(), ..Script::default() });
    let model = classifier(&bench.model, &["no", "yes"], &["whitespace"]);
    let new = |prepared: &Arc<Prepared>, model: &ModelInfo| {
        Task::new(prepared, "a.toml", Split::Test, None, model, &mut |_, _| true)
    };
    let prepared = Arc::new(Prepared::new(session, &mut |_, _| true).unwrap());
    let task = new(&prepared, &model).unwrap();
    for (row, prompt) in task.rows().iter().zip(&task.prompts) {
        assert_eq!(prompt.text, prepared.data.raw_text(*row).trim());
        assert_eq!(prompt.text, prepared.shown(*row, Some(&model)).unwrap());
        assert_eq!((prompt.options.as_ref(), prompt.demos.len()), (None, 0));
    }
    assert!(prepared.shown(0, None).unwrap().starts_with("Say yes, no of "));
    let other = new(&prepared, &classifier(&bench.model, &["yes", "no"], &[])).unwrap();
    assert_ne!(task.manifest().prompt.template_sha256, other.manifest().prompt.template_sha256);
    assert_eq!(task.manifest().prompt.template_sha256.len(), 64);
    assert!(task.manifest().reads_text_alone());

    let mut recording = Recording::create(task, home.path()).unwrap();
    let outcome = bench.answer(&mut recording, usize::MAX);
    let (summary, _) = finish(recording, outcome);
    assert_eq!(summary.report.unwrap().accuracy, 1.0);
    let mut told = 0;
    let stopped = Task::new(&prepared, "a.toml", Split::Test, None, &model, &mut |done, _| {
        told = done;
        done < 2
    });
    assert!(matches!(stopped, Err(RunError::Engine(EngineError::Cancelled))) && told == 2);

    let error = |model: &ModelInfo| new(&prepared, model).err().unwrap().to_string();
    assert_eq!(
        error(&classifier(&bench.model, &["yes", "perhaps"], &[])),
        "scripted tells apart yes, perhaps, and the session's labels are yes, no: they must be the same, in any order"
    );
    assert!(error(&classifier(&bench.model, &["yes", "no", "no"], &[])).contains("yes, no, no"));
    assert!(error(&classifier(&bench.model, &["yes", "no"], &["urls", "stemmed"])).contains("urls, stemmed"));
    let mut session = prepared.session.clone();
    session.decode.method = crate::engine::command::Method::Generate;
    let error = new(&Arc::new(prepared.with_session(session)), &model).err().unwrap().to_string();
    assert!(error.contains("is a classifier") && error.ends_with("decode.method = \"score\""), "{error}");
}
