//! Weights of the fixtures in both forms, and damaged files.

use std::path::{Path, PathBuf};

use super::*;
use crate::model::gguf::Gguf;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn numbers(weights: &Weights, name: &str, shape: &[usize]) -> Vec<f32> {
    let tensor = weights.tensor(name, shape, DType::F32, &Device::Cpu).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The tensors of a tied Llama, by the configuration.
fn names(config: &DecoderConfig) -> Vec<(String, Vec<usize>)> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let (queries, keys) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let mut names = vec![
        ("model.embed_tokens.weight".to_owned(), vec![config.vocab_size, hidden]),
        ("model.norm.weight".to_owned(), vec![hidden]),
    ];
    for layer in 0..config.layers {
        let parts: [(&str, Vec<usize>); 9] = [
            ("input_layernorm", vec![hidden]),
            ("self_attn.q_proj", vec![queries, hidden]),
            ("self_attn.k_proj", vec![keys, hidden]),
            ("self_attn.v_proj", vec![keys, hidden]),
            ("self_attn.o_proj", vec![hidden, queries]),
            ("post_attention_layernorm", vec![hidden]),
            ("mlp.gate_proj", vec![inner, hidden]),
            ("mlp.up_proj", vec![inner, hidden]),
            ("mlp.down_proj", vec![hidden, inner]),
        ];
        names.extend(parts.into_iter().map(|(part, shape)| (format!("model.layers.{layer}.{part}.weight"), shape)));
    }
    names
}

#[test]
fn gguf_and_safetensors_give_the_same_tensors() {
    let folder = Weights::open(&ModelFiles::Folder(fixtures().join("tiny/llama_tied"))).unwrap();
    let file = Weights::open(&ModelFiles::Gguf(fixtures().join("models/llama_tied.gguf"))).unwrap();
    for (name, shape) in names(folder.config()) {
        let (expected, found) = (numbers(&folder, &name, &shape), numbers(&file, &name, &shape));
        if name.contains("down_proj") {
            // Q8_0: off by half a step of 1/127 of a block's largest number at most, and the step is stored in f16.
            let largest = expected.iter().fold(0_f32, |largest, number| largest.max(number.abs()));
            let off = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0_f32, f32::max);
            assert!(off > 0.0 && off < largest / 127.0, "{name}: {off}");
        } else {
            assert_eq!(expected, found, "{name}");
        }
    }
    assert!(!file.contains("lm_head.weight") && !file.contains("nonsense"));
    assert!(file.quantized("model.layers.0.self_attn.q_proj.weight").unwrap().is_some());
    assert!(folder.quantized("model.norm.weight").unwrap().is_none());
}

#[test]
fn other_number_formats_are_widened() {
    let name = "model.layers.1.mlp.up_proj.weight";
    let source = fixtures().join("tiny/llama_tied");
    let exact = Weights::open(&ModelFiles::Folder(source.clone())).unwrap();
    let exact = exact.tensor(name, &[96, 48], DType::F32, &Device::Cpu).unwrap();
    for dtype in [DType::BF16, DType::F16, DType::F64] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(source.join("config.json"), folder.path().join("config.json")).unwrap();
        let narrow = exact.to_dtype(dtype).unwrap();
        let path = folder.path().join("model.safetensors");
        candle_core::safetensors::save(&[(name.to_owned(), narrow.clone())].into(), path).unwrap();
        let weights = Weights::open(&ModelFiles::Folder(folder.path().to_owned())).unwrap();
        let expected = narrow.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(numbers(&weights, name, &[96, 48]), expected, "{dtype:?}");
        let half = weights.tensor(name, &[96, 48], DType::BF16, &Device::Cpu).unwrap();
        assert_eq!(half.dtype(), DType::BF16);
    }
}

/// A copy of the tiny model with one file changed.
fn changed(name: &str, bytes: &[u8]) -> (tempfile::TempDir, ModelFiles) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(fixtures().join("tiny/llama_tied").join(file), folder.path().join(file)).unwrap();
    }
    std::fs::write(folder.path().join(name), bytes).unwrap();
    let files = ModelFiles::Folder(folder.path().to_owned());
    (folder, files)
}

#[test]
fn shapes_and_names_are_checked() {
    let weights = Weights::open(&ModelFiles::Folder(fixtures().join("tiny/llama_tied"))).unwrap();
    let read =
        |name: &str, shape: &[usize]| weights.tensor(name, shape, DType::F32, &Device::Cpu).unwrap_err().to_string();
    let error = read("model.norm.weight", &[49]);
    assert_eq!(error, "tensor `model.norm.weight` has the shape [48]; the configuration asks for [49]");
    let error = read("model.layers.0.mlp.upp_proj.weight", &[96, 48]);
    assert!(error.contains("no tensor `model.layers.0.mlp.upp_proj.weight`"), "{error}");
    assert!(error.contains("the nearest is `model.layers.0.mlp.up_proj.weight`"), "{error}");
    let file = Weights::open(&ModelFiles::Gguf(fixtures().join("models/llama_tied.gguf"))).unwrap();
    let error = file.tensor("lm_head.weight", &[300, 48], DType::F32, &Device::Cpu).unwrap_err().to_string();
    assert_eq!(error, "the model has no tensor `output.weight`");
}

#[test]
fn damaged_safetensors_are_errors() {
    let whole = std::fs::read(fixtures().join("tiny/llama_tied/model.safetensors")).unwrap();
    let mut claims = whole.clone();
    claims[..8].copy_from_slice(&(1_u64 << 60).to_le_bytes());
    let header = br#"{"a":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,4611686018427387904]}}"#;
    let mut huge = (header.len() as u64).to_le_bytes().to_vec();
    huge.extend(header);
    for bytes in [&b""[..], b"abc", &whole[..whole.len() / 2], &whole[..whole.len() - 1], &whole[..100], &claims, &huge]
    {
        let (_folder, files) = changed("model.safetensors", bytes);
        let error = Weights::open(&files).unwrap_err().to_string();
        assert!(error.contains("model.safetensors") && !error.contains('\n'), "{error}");
    }
    let (folder, files) = changed("config.json", b"{}");
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert!(Weights::open(&files).unwrap_err().to_string().contains("config.json"));
}

#[test]
fn a_wrong_number_format_is_named() {
    let header = br#"{"model.norm.weight":{"dtype":"I64","shape":[48],"data_offsets":[0,384]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend([0; 384]);
    let (_folder, files) = changed("model.safetensors", &bytes);
    let weights = Weights::open(&files).unwrap();
    let error = weights.tensor("model.norm.weight", &[48], DType::F32, &Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("`model.norm.weight`") && error.contains("I64"), "{error}");
}

#[test]
fn weights_in_several_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(fixtures().join("tiny/llama_tied/config.json"), folder.path().join("config.json")).unwrap();
    let tensor = |value: f32| Tensor::full(value, 48, &Device::Cpu).unwrap();
    let mut map = serde_json::Map::new();
    for (value, name) in [(1.0, "model.norm.weight"), (2.0, "model.layers.0.input_layernorm.weight")] {
        let file = format!("model-0000{value}-of-00002.safetensors");
        candle_core::safetensors::save(&[(name, tensor(value))].into(), folder.path().join(&file)).unwrap();
        map.insert(name.to_owned(), file.into());
    }
    let index = folder.path().join("model.safetensors.index.json");
    let write = |map: &serde_json::Map<String, serde_json::Value>| {
        std::fs::write(&index, serde_json::json!({ "weight_map": map }).to_string()).unwrap();
    };
    write(&map);
    let files = ModelFiles::Folder(folder.path().to_owned());
    let weights = Weights::open(&files).unwrap();
    assert_eq!(numbers(&weights, "model.norm.weight", &[48]), [1.0; 48]);
    assert_eq!(numbers(&weights, "model.layers.0.input_layernorm.weight", &[48]), [2.0; 48]);
    assert_eq!(weights.describe().parameters, 96);

    for outside in ["../model.safetensors", "/etc/passwd", "", "a/../../b"] {
        map.insert("x".to_owned(), outside.into());
        write(&map);
        let error = Weights::open(&files).unwrap_err().to_string();
        assert!(error.contains("does not lie in the model's folder"), "{error}");
    }
    map.insert("x".to_owned(), "gone.safetensors".into());
    write(&map);
    assert!(Weights::open(&files).unwrap_err().to_string().contains("gone.safetensors"));
    write(&serde_json::Map::new());
    assert!(Weights::open(&files).is_err());
}

/// Every cut of the file either fails to open or fails to give its last tensors; none panics or gives wrong numbers.
#[test]
fn truncated_gguf_files_are_errors() {
    let whole = std::fs::read(fixtures().join("models/llama_tied.gguf")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.gguf");
    let read_all = |path: &Path| -> Result<(), LoadError> {
        let weights = Weights::open(&ModelFiles::Gguf(path.to_owned()))?;
        weights.tokenizer()?;
        weights.chat_template()?;
        for (name, shape) in names(weights.config()) {
            weights.tensor(&name, &shape, DType::F32, &Device::Cpu)?;
        }
        Ok(())
    };
    std::fs::write(&path, &whole).unwrap();
    read_all(&path).unwrap();
    for length in (0..whole.len()).step_by(997).chain([whole.len() - 1]) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = read_all(&path).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
    // Bytes turned over one by one in the header: whatever comes of it, nothing panics and nothing huge is asked for.
    for at in (0..9000).step_by(31) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        std::fs::write(&path, &bytes).unwrap();
        let _ = read_all(&path);
    }
}

#[test]
fn descriptions() {
    let file = Weights::open(&ModelFiles::Gguf(fixtures().join("models/llama_tied.gguf"))).unwrap().describe();
    let folder = Weights::open(&ModelFiles::Folder(fixtures().join("smoke"))).unwrap().describe();
    assert_eq!((file.kind, folder.kind), ("GGUF", "safetensors"));
    assert_eq!((file.parameters, folder.parameters), (56_112, 56_112));
    assert_eq!(file.tensor_types, [("F32".to_owned(), 18), ("Q8_0".to_owned(), 2)].into());
    assert_eq!(folder.tensor_types, [("F32".to_owned(), 20)].into());
    assert_eq!((file.context, folder.context), (64, 512));
    assert!(file.chat_template && folder.chat_template);
    assert_eq!(file.tokenizer, "byte-level BPE (smollm)");
    assert_eq!(folder.tokenizer, "byte-level BPE");
    let bare = Weights::open(&ModelFiles::Folder(fixtures().join("tiny/qwen2"))).unwrap().describe();
    assert!(!bare.chat_template && bare.tokenizer.starts_with("none: "), "{}", bare.tokenizer);
}

#[test]
fn hashes_are_the_files() {
    let path = fixtures().join("models/llama_tied.gguf");
    let weights = Weights::open(&ModelFiles::Gguf(path.clone())).unwrap();
    assert_eq!(weights.sha256().unwrap(), fingerprint::of_reader(std::fs::File::open(path).unwrap()).unwrap());
}

#[test]
fn no_tensor_lies_outside_of_the_file() {
    let file = Gguf::open(&fixtures().join("models/llama_tied.gguf")).unwrap();
    assert!(file.quantized("none", None).is_err());
    assert!(file.quantized("token_embd.weight", Some(7)).unwrap_err().to_string().contains("7 heads"));
}
