//! What a training leaves behind.

use std::fs;
use std::path::Path;

use shotglass::engine::{Engine, Event, ScoreRequest, Work, local::Local};
use shotglass::model::{ModelSpec, fingerprint, locate::ModelFiles};
use shotglass::train::{TrainSpec, Update};

use super::{LABELS, examples, request, run, start};

fn bytes(folder: &Path, file: &str) -> Vec<u8> {
    fs::read(folder.join(file)).unwrap()
}

fn checkpoints(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("checkpoints")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_training_learns_and_its_result_is_a_model_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path());
    request.settings.epochs = 6;
    let told = run(request.clone());
    let trained = told.end.clone().unwrap();
    assert_eq!((trained.steps, trained.rows, &trained.stopped), (48, 6 * 61, &None));
    let losses: Vec<f64> = told
        .updates
        .iter()
        .filter_map(|update| if let Update::Step(step) = update { Some(step.loss) } else { None })
        .collect();
    assert_eq!(losses.len(), 16);
    let sum = |part: &[f64]| part.iter().sum::<f64>();
    assert!(sum(&losses[12..]) < 0.85 * sum(&losses[..4]), "{losses:?}");
    // Two are kept, whole, and nothing half written beside them.
    assert_eq!(checkpoints(folder.path()), ["step-00000040", "step-00000048"]);
    let best = folder.path().join("best");
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        assert!(best.join(file).exists(), "{file}");
    }
    let config: serde_json::Value = serde_json::from_slice(&bytes(&best, "config.json")).unwrap();
    assert_eq!(config["id2label"], serde_json::json!({ "0": "oppose", "1": "support" }));
    assert_eq!(config["architectures"][0], "BertForSequenceClassification");
    assert_eq!(fingerprint::sha256(&ModelFiles::Folder(best.clone())).unwrap().len(), 64);

    let (engine, events) = Engine::start(Box::new(Local::new(Some(2)))).unwrap();
    let spec = ModelSpec { source: best.display().to_string(), ..ModelSpec::default() };
    engine.submit(Work::Load(spec)).unwrap();
    let test = examples(81, 20);
    // The labels in another order than the model's.
    let labels = vec!["support".to_owned(), "oppose".to_owned()];
    engine.submit(Work::Score(ScoreRequest { prompts: test.texts, labels, ..ScoreRequest::default() })).unwrap();
    let mut scored = vec![Vec::new(); 20];
    for event in events {
        match event {
            Event::Ready { model, .. } => {
                let classifier = model.classifier.as_ref().unwrap();
                assert_eq!(classifier.labels, LABELS);
                assert_eq!(classifier.max_length, 48);
            }
            Event::Scored { answers, .. } => {
                answers.into_iter().for_each(|answer| scored[answer.index] = answer.logprobs);
            }
            Event::Failed { error, .. } => panic!("{error}"),
            event if event.is_last() && !scored[0].is_empty() => break,
            _ => {}
        }
    }
    for (scored, want) in scored.iter().zip(told.test().logprobs.iter()) {
        assert!((scored[0] - want[1]).abs() < 1e-5 && (scored[1] - want[0]).abs() < 1e-5, "{scored:?} {want:?}");
    }
}

#[test]
fn a_training_that_was_broken_off_ends_as_an_unbroken_one() {
    let whole = tempfile::tempdir().unwrap();
    let mut settings = TrainSpec { gradient_accumulation: 2, save_steps: Some(3), ..request(whole.path()).settings };
    settings.epochs = 3;
    let ask = |folder: &Path| {
        let mut request = request(folder);
        request.settings = settings.clone();
        request
    };
    let unbroken = run(ask(whole.path()));
    assert_eq!(unbroken.end.as_ref().unwrap().steps, 12);
    for at in [1, 4, 5, 8, 11] {
        let folder = tempfile::tempdir().unwrap();
        let broken = start(ask(folder.path())).listen(|update, training| {
            if matches!(update, Update::Pace(pace) if pace.step >= at) {
                training.cancel.cancel();
            }
        });
        assert_eq!(broken.refusal(), "cancelled");
        let mut request = ask(folder.path());
        request.resume = true;
        let resumed = run(request);
        assert_eq!(resumed.end.as_ref().unwrap().steps, 12);
        assert_eq!(resumed.figures(), unbroken.figures(), "broken off at {at}");
        assert_eq!(resumed.test().logprobs, unbroken.test().logprobs);
        for file in ["best/model.safetensors", "checkpoints/step-00000012/optimizer.safetensors"] {
            assert!(bytes(folder.path(), file) == bytes(whole.path(), file), "{file}, broken off at {at}");
        }
    }
}

#[test]
fn frozen_parts_stay_and_the_rest_learns() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path());
    request.settings.freeze_embeddings = true;
    request.settings.freeze_layers = 1;
    request.settings.layer_decay = 0.9;
    request.validation = Default::default();
    let told = run(request);
    told.end.as_ref().unwrap();
    let started = told.updates.iter().find_map(|update| match update {
        Update::Started(started) => Some(started),
        _ => None,
    });
    let started = started.unwrap();
    assert!(started.trainable < started.parameters / 2 && started.trainable > 0);
    let read = |path: &Path| fs::read(path).unwrap();
    let (before, after) =
        (read(&super::fixture().join("model.safetensors")), read(&folder.path().join("best/model.safetensors")));
    let (before, after) = (
        safetensors::SafeTensors::deserialize(&before).unwrap(),
        safetensors::SafeTensors::deserialize(&after).unwrap(),
    );
    let same =
        |name: &str| before.tensor(name).unwrap().data() == after.tensor(&format!("bert.{name}")).unwrap().data();
    assert!(same("embeddings.word_embeddings.weight") && same("encoder.layer.0.output.dense.weight"));
    assert!(!same("encoder.layer.1.output.dense.weight") && !same("pooler.dense.weight"));
}

#[test]
fn other_options_train_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path());
    request.settings.class_weights =
        shotglass::train::settings::ClassWeights::Named(shotglass::train::settings::NamedWeights::Balanced);
    request.settings.label_smoothing = 0.1;
    request.settings.warmup = 0.2;
    request.settings.group_by_length = false;
    request.settings.padding = shotglass::train::settings::Padding::Max;
    request.settings.dropout = Some(0.0);
    request.settings.patience = Some(1);
    request.settings.best = shotglass::train::settings::Best::Loss;
    request.settings.epochs = 40;
    request.settings.learning_rate = 3e-3;
    let trained = run(request).end.unwrap();
    assert!(trained.stopped.unwrap().contains("no better loss in 1"));
    assert!(trained.steps < 40 * 8);
}
