//! A model as DeBERTa-v3 lies on the hub: `pytorch_model.bin` in float16, `spm.model`, no `tokenizer.json`.

use std::path::Path;

use serde::Deserialize;
use shotglass::model::encoder::{Batch, Encoder, EncoderFiles};
use shotglass::model::layers::{Layers, cpu::Cpu};
use shotglass::model::tokenizer::Tokenizer;

use super::{request, run};

#[derive(Deserialize)]
struct Expected {
    texts: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    input_ids: Vec<u32>,
    l2: f64,
    first8: Vec<f32>,
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/deberta-hub")
}

#[test]
fn tokens_and_hidden_states_are_those_of_transformers() {
    let expected: Expected = serde_json::from_slice(&std::fs::read(folder().join("expected.json")).unwrap()).unwrap();
    let tokenizer = Tokenizer::from_folder(&folder()).unwrap();
    let files = EncoderFiles::open(&folder()).unwrap().unwrap();
    let mut drawn = Vec::new();
    let encoder =
        Encoder::new(files.config.clone(), 2, Cpu { threads: 1 }, |parameter| files.read(parameter, 42, &mut drawn));
    let encoder = encoder.unwrap();
    // The head alone is new; that of the masked language model is left where it is.
    assert_eq!(drawn, ["pooler.dense.weight", "pooler.dense.bias", "classifier.weight", "classifier.bias"]);
    for case in expected.texts {
        assert_eq!(tokenizer.encode(&case.text, true).unwrap(), case.input_ids, "{:?}", case.text);
        let hidden = encoder.hidden(&Batch::new([case.input_ids.as_slice()], 0)).unwrap();
        let hidden = encoder.layers().values(&hidden).unwrap();
        let norm = hidden.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        assert!((norm - case.l2).abs() < 1e-5 * case.l2, "{:?}: {norm} for {}", case.text, case.l2);
        for (got, want) in hidden.iter().zip(&case.first8) {
            assert!((got - want).abs() < 1e-5 * (1.0 + want.abs()), "{:?}: {got} for {want}", case.text);
        }
    }
}

#[test]
fn it_is_trained_and_its_result_has_its_tokenizer() {
    let kept = tempfile::tempdir().unwrap();
    let mut asked = request(kept.path());
    asked.settings.model = folder().display().to_string();
    asked.settings.epochs = 1;
    let told = run(asked);
    told.end.as_ref().unwrap();
    assert!(kept.path().join("best/spm.model").exists());
    assert!(Tokenizer::from_folder(&kept.path().join("best")).is_ok());
}

#[test]
fn weights_that_bring_code_are_refused() {
    let (kept, model) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for file in ["config.json", "spm.model", "tokenizer_config.json"] {
        std::fs::copy(folder().join(file), model.path().join(file)).unwrap();
    }
    let file = std::fs::File::create(model.path().join("pytorch_model.bin")).unwrap();
    let mut zip = zip::ZipWriter::new(file);
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("archive/data.pkl", stored).unwrap();
    std::io::Write::write_all(&mut zip, b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.").unwrap();
    zip.finish().unwrap();
    let mut asked = request(kept.path());
    asked.settings.model = model.path().display().to_string();
    let error = run(asked).refusal();
    assert!(error.contains("os.system") && error.contains("pytorch_model.bin"), "{error}");
}
