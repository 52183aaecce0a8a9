//! What a training refuses, and says.

use std::fs;
use std::path::Path;

use shotglass::engine::TrainRequest;
use shotglass::train::Update;
use shotglass::train::settings::Precision;

use super::{examples, fixture, request, run};

/// A copy of the small BERT whose tensors went through `change`.
fn changed(folder: &Path, change: impl Fn(&str, &mut [f32])) {
    for entry in fs::read_dir(fixture()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let bytes = fs::read(folder.join("model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let values: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let mut values: Vec<f32> =
                tensor.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
            change(name, &mut values);
            (name.to_owned(), tensor.shape().to_vec(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let views = values.iter().map(|(name, shape, data)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), data).unwrap();
        (name.clone(), view)
    });
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
}

#[test]
fn what_cannot_be_trained_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |change: &dyn Fn(&mut TrainRequest)| {
        let mut request = request(folder.path());
        change(&mut request);
        run(request).refusal()
    };
    let decoder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/smoke").display().to_string();
    type Change<'a> = &'a dyn Fn(&mut TrainRequest);
    let cases: [(&str, Change<'_>); 7] = [
        ("64 tokens", &|request| request.settings.max_length = 65),
        ("2 layers", &|request| request.settings.freeze_layers = 3),
        ("no encoder", &|request| request.settings.model = decoder.clone()),
        ("no-such-folder", &|request| request.settings.model = "./no-such-folder".to_owned()),
        ("trains in f32", &|request| request.settings.precision = Precision::Bf16),
        ("two labels", &|request| request.labels.truncate(1)),
        ("no rows", &|request| request.train = Default::default()),
    ];
    for (said, change) in cases {
        let error = ask(change);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn numbers_that_are_none_stop_the_training_and_keep_the_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut asked = request(folder.path());
    asked.settings.save_steps = Some(1);
    asked.settings.learning_rate = 1e30;
    asked.settings.max_grad_norm = 0.0;
    let told = run(asked);
    let saved = told.updates.iter().filter(|update| matches!(update, Update::Saved { .. })).count();
    let error = told.refusal();
    assert!(error.contains("learning_rate") && (error.contains("NaN") || error.contains("inf")), "{error}");
    assert!(saved >= 1);
    assert!(fs::read_dir(folder.path().join("checkpoints")).unwrap().count() >= 1);
}

#[test]
fn a_weight_that_cannot_learn_is_named() {
    let (folder, model) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    changed(model.path(), |name, values| {
        if name == "encoder.layer.0.output.LayerNorm.weight" {
            values.fill(0.0);
        }
    });
    let mut asked = request(folder.path());
    asked.settings.model = model.path().display().to_string();
    let error = run(asked).refusal();
    assert!(error.contains("gradient of `bert.embeddings.word_embeddings.weight` is zero"), "{error}");
}

#[test]
fn a_checkpoint_of_another_training_is_not_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = request(folder.path());
    first.settings.epochs = 1;
    run(first.clone()).end.unwrap();
    let again = |change: &dyn Fn(&mut TrainRequest)| {
        let mut request = first.clone();
        request.resume = true;
        change(&mut request);
        run(request).refusal()
    };
    let model = tempfile::tempdir().unwrap();
    changed(model.path(), |_, values| values.iter_mut().for_each(|value| *value *= 1.5));
    let other = model.path().display().to_string();
    assert!(again(&|request| request.settings.model = other.clone()).contains("the files of the encoder differ"));
    assert!(again(&|request| request.settings.seed = 7).contains("the settings differ"));
    assert!(again(&|request| request.train = examples(3, 61)).contains("the rows of the train split differ"));
    let state = folder.path().join("checkpoints/step-00000008/state.toml");
    fs::write(&state, "step = [").unwrap();
    assert!(again(&|_| ()).contains("state.toml: cannot be read"));
}

#[test]
fn what_cannot_be_written_stops_the_training_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("checkpoints"), "a file where a folder should be").unwrap();
    let error = run(request(folder.path())).refusal();
    assert!(error.contains("cannot be written"), "{error}");
    // What could be kept is.
    assert!(folder.path().join("best/model.safetensors").exists());
}

#[test]
fn an_encoder_without_a_head_is_no_classifier() {
    use shotglass::engine::{Engine, Event, Work, local::Local};
    let (engine, events) = Engine::start(Box::new(Local::new(Some(1)))).unwrap();
    let spec = shotglass::model::ModelSpec { source: fixture().display().to_string(), ..Default::default() };
    engine.submit(Work::Load(spec)).unwrap();
    let error = events.into_iter().find_map(|event| match event {
        Event::Failed { error, .. } => Some(error.to_string()),
        _ => None,
    });
    assert!(error.unwrap().contains("fine-tune it first"));
}
