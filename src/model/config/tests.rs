//! Configurations of the fixtures, and wrong ones.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::model::gguf::Gguf;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

#[test]
fn both_forms_of_the_file_say_the_same() {
    for name in ["llama", "llama_tied", "qwen2"] {
        let folder = fixtures().join("tiny").join(name);
        let new = DecoderConfig::from_file(&folder.join("config.json")).unwrap();
        let old = DecoderConfig::from_file(&folder.join("config.v4.json")).unwrap();
        assert_eq!(new, old, "{name}");
        assert_eq!((new.vocab_size, new.hidden_size, new.layers, new.context), (300, 48, 2, 64));
        assert_eq!(new.tie_embeddings, name != "llama");
        assert_eq!(new.qkv_bias, name == "qwen2");
        assert_eq!((new.bos, new.eos), (Some(2), vec![1]));
        assert!(new.notes.is_empty());
    }
}

#[test]
fn a_gguf_header_says_the_same() {
    let folder = DecoderConfig::from_folder(&fixtures().join("tiny/llama_tied")).unwrap();
    let file = Gguf::open(&fixtures().join("models/llama_tied.gguf")).unwrap();
    assert_eq!(DecoderConfig::from_gguf(&file).unwrap(), folder);
}

#[test]
fn end_tokens_of_both_files() {
    let config = DecoderConfig::from_folder(&fixtures().join("smoke")).unwrap();
    assert_eq!((config.context, config.eos), (512, vec![1, 0]));
}

/// A configuration like that of Llama 3.2, with some keys changed (`null` takes one away).
fn with(changes: &Value) -> Result<DecoderConfig, String> {
    let mut config = json!({
        "model_type": "llama", "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 8192,
        "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
        "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 500000.0,
        "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009],
        "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                         "original_max_position_embeddings": 8192, "rope_type": "llama3"},
    });
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    DecoderConfig::from_folder(folder.path()).map_err(|error| error.to_string())
}

#[test]
fn llama_3_2() {
    let config = with(&json!({})).unwrap();
    assert_eq!(config.eos, [128_001, 128_008, 128_009]);
    let scaling =
        RopeScaling::Llama3 { factor: 32.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 8192 };
    assert_eq!(config.rope, Rope { theta: 500_000.0, scaling });
    let new = json!({"rope_theta": null, "rope_scaling": null, "rope_parameters": {
        "rope_theta": 500000.0, "factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192, "rope_type": "llama3"}});
    assert_eq!(with(&new).unwrap(), config);
}

#[test]
fn frequencies_equal_numpys() {
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(fixtures().join("models/rope.json")).unwrap()).unwrap();
    let rope = with(&json!({})).unwrap().rope;
    let close = |scaling: RopeScaling, name: &str| {
        let ours = Rope { theta: rope.theta, scaling }.inverse_frequencies(64);
        let theirs: Vec<f32> = serde_json::from_value(expected[name].clone()).unwrap();
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!((ours / theirs - 1.0).abs() < 5e-7, "{name}: {ours} {theirs}");
        }
    };
    close(RopeScaling::None, "plain");
    close(rope.scaling.clone(), "llama3");
    close(RopeScaling::Factors(vec![1.0; 32]), "plain");
    let halved = Rope { theta: 1e4, scaling: RopeScaling::Linear { factor: 2.0 } }.inverse_frequencies(4);
    assert_eq!(halved, [0.5, 0.005]);
}

#[test]
fn families_differ() {
    let qwen3 = with(&json!({"model_type": "qwen3", "head_dim": null, "rope_scaling": null})).unwrap();
    assert_eq!((qwen3.head_dim, qwen3.qk_norm, qwen3.qkv_bias), (128, true, false));
    let qwen2 = with(&json!({"model_type": "qwen2", "rope_scaling": null, "sliding_window": 32768,
                             "use_sliding_window": false}))
    .unwrap();
    assert_eq!((qwen2.qkv_bias, qwen2.output_bias, qwen2.context), (true, false, 131_072));
    let biased = with(&json!({"attention_bias": true, "mlp_bias": true})).unwrap();
    assert!(biased.qkv_bias && biased.output_bias && biased.mlp_bias);
    let mistral = with(&json!({"model_type": "mistral", "rope_scaling": null, "sliding_window": null})).unwrap();
    assert_eq!(mistral.context, 131_072);
    let windowed = with(&json!({"model_type": "mistral", "rope_scaling": null, "sliding_window": 4096})).unwrap();
    assert_eq!(windowed.context, 4096);
    assert!(windowed.notes[0].contains("sliding window"), "{:?}", windowed.notes);
    assert_eq!(with(&json!({"num_key_value_heads": null})).unwrap().kv_heads, 32);
}

#[test]
fn what_is_not_supported_is_named() {
    let cases = [
        (json!({"model_type": "gpt_neox"}), "`model_type`: the architecture \"gpt_neox\""),
        (json!({"model_type": null}), "`model_type`: it is missing"),
        (json!({"hidden_act": "gelu"}), "`hidden_act`"),
        (json!({"rope_scaling": {"type": "yarn", "factor": 4.0}}), "`rope_scaling`: RoPE of type \"yarn\""),
        (json!({"rope_scaling": {"type": "dynamic", "factor": 4.0}}), "\"dynamic\""),
        (json!({"rope_scaling": {"type": "linear"}}), "`factor`: it is missing"),
        (json!({"rope_scaling": "linear"}), "`rope_scaling`: it should be an object"),
        (json!({"partial_rotary_factor": 0.5}), "`partial_rotary_factor`"),
        (json!({"quantization_config": {"quant_method": "awq"}}), "\"awq\""),
        (json!({"layer_types": ["full_attention", "linear_attention"]}), "\"linear_attention\""),
        (json!({"hidden_size": 0}), "`hidden_size`: 0 is not between"),
        (json!({"hidden_size": -5}), "`hidden_size`: it should be a whole number"),
        (json!({"vocab_size": 1_u64 << 60}), "`vocab_size`"),
        (json!({"num_hidden_layers": "two"}), "`num_hidden_layers`: it should be a whole number"),
        (json!({"num_attention_heads": 0, "head_dim": null}), "0 heads"),
        (json!({"num_key_value_heads": 5}), "`num_key_value_heads`: 32 query heads"),
        (json!({"head_dim": 63}), "`head_dim`: 63 is odd"),
        (json!({"rms_norm_eps": 2.0}), "`rms_norm_eps`"),
        (json!({"rope_theta": 0.0}), "`rope_theta`"),
        (json!({"eos_token_id": "</s>"}), "`eos_token_id`"),
        (json!({"max_position_embeddings": null}), "`max_position_embeddings`: it is missing"),
    ];
    for (changes, expected) in cases {
        let error = with(&changes).unwrap_err();
        assert!(error.contains(expected) && error.contains("config.json"), "{changes}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

/// The configuration of a GGUF file with the header of a small Llama and other keys.
fn with_header(changes: &[(&str, header::Value)], factors: Option<&[f32]>) -> Result<DecoderConfig, String> {
    use header::{QTensor, Tensor, Value};
    let text = |text: &str| Value::String(text.to_owned());
    let mut metadata: std::collections::BTreeMap<&str, Value> = [
        ("general.architecture", text("llama")),
        ("llama.vocab_size", Value::U32(300)),
        ("llama.embedding_length", Value::U32(48)),
        ("llama.feed_forward_length", Value::U32(96)),
        ("llama.block_count", Value::U32(2)),
        ("llama.attention.head_count", Value::U32(6)),
        ("llama.context_length", Value::U32(64)),
    ]
    .into();
    metadata.extend(changes.iter().map(|(key, value)| (*key, value.clone())));
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let factors = factors.map(|factors| {
        let tensor = Tensor::from_slice(factors, factors.len(), &candle_core::Device::Cpu).unwrap();
        QTensor::quantize(&tensor, candle_core::quantized::GgmlDType::F32).unwrap()
    });
    let tensors: Vec<(&str, &QTensor)> = factors.iter().map(|factors| ("rope_freqs.weight", factors)).collect();
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    header::write(&mut std::fs::File::create(&path).unwrap(), &metadata, &tensors).unwrap();
    DecoderConfig::from_gguf(&Gguf::open(&path).unwrap()).map_err(|error| error.to_string())
}

mod header {
    pub use candle_core::Tensor;
    pub use candle_core::quantized::QTensor;
    pub use candle_core::quantized::gguf_file::{Value, write};
}

#[test]
fn rope_in_gguf_headers() {
    use header::Value;
    assert_eq!(with_header(&[], None).unwrap().rope, Rope { theta: 1e4, scaling: RopeScaling::None });
    let stretched = with_header(&[("llama.rope.freq_base", Value::F32(5e5))], Some(&[1.0, 1.0, 2.0, 8.0])).unwrap();
    assert_eq!(stretched.rope, Rope { theta: 5e5, scaling: RopeScaling::Factors(vec![1.0, 1.0, 2.0, 8.0]) });
    assert!(with_header(&[], Some(&[1.0; 5])).unwrap_err().contains("`rope_freqs.weight`: its shape is [5]"));
    assert!(with_header(&[], Some(&[1.0, 0.0, 1.0, 1.0])).unwrap_err().contains("numbers above 0"));
    let scaling = |kind: &str, factor: f32| {
        let kind = Value::String(kind.to_owned());
        let changes = [("llama.rope.scaling.type", kind), ("llama.rope.scaling.factor", Value::F32(factor))];
        with_header(&changes, None)
    };
    assert_eq!(scaling("linear", 4.0).unwrap().rope.scaling, RopeScaling::Linear { factor: 4.0 });
    assert!(scaling("linear", 0.0).unwrap_err().contains("`llama.rope.scaling.factor`"));
    assert!(scaling("yarn", 4.0).unwrap_err().contains("`llama.rope.scaling.type`: RoPE of type \"yarn\""));
}

#[test]
fn gguf_headers_that_are_not_supported() {
    use header::Value;
    let cases = [
        ("general.architecture", Value::String("gpt\u{1b}2".to_owned()), "the architecture \"gpt\\u{1b}2\""),
        ("general.architecture", Value::U32(2), "`general.architecture`: it should be a text"),
        ("llama.expert_count", Value::U32(8), "`llama.expert_count`"),
        ("llama.attention.head_count", Value::Array(vec![Value::U32(6)]), "`llama.attention.head_count`: it should be"),
        ("llama.attention.head_count_kv", Value::U32(4), "`llama.attention.head_count_kv`: 6 query heads"),
        ("llama.embedding_length", Value::U32(50), "`llama.embedding_length`: 50 is not a multiple of 6"),
        ("llama.embedding_length", Value::I64(-1), "`llama.embedding_length`: it should be a whole number"),
        ("llama.block_count", Value::U64(1 << 60), "`llama.block_count`"),
        ("llama.rope.dimension_count", Value::U32(4), "`llama.rope.dimension_count`: 4 where heads are 8 wide"),
        ("llama.rope.freq_base", Value::F32(f32::NAN), "`llama.rope.freq_base`"),
        ("tokenizer.ggml.eos_token_id", Value::U64(1 << 40), "`tokenizer.ggml.eos_token_id`"),
    ];
    for (key, value, expected) in cases {
        let error = with_header(&[(key, value)], None).unwrap_err();
        assert!(error.contains(expected), "{key}: {error}");
    }
    let window = with_header(&[("llama.attention.sliding_window", Value::U32(32))], None).unwrap();
    assert_eq!((window.context, window.notes.len()), (32, 1));
    let eot = with_header(
        &[("tokenizer.ggml.eos_token_id", Value::U32(1)), ("tokenizer.ggml.eot_token_id", Value::U32(3))],
        None,
    );
    assert_eq!(eot.unwrap().eos, [1, 3]);
}

#[test]
fn generation_settings() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(GenerationConfig::from_folder(folder.path()).unwrap(), GenerationConfig::default());
    let text = r#"{"do_sample": true, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.1,
                   "eos_token_id": [151645, 151643]}"#;
    std::fs::write(folder.path().join("generation_config.json"), text).unwrap();
    let expected = GenerationConfig {
        do_sample: true,
        temperature: Some(0.7),
        top_p: Some(0.8),
        top_k: Some(20),
        repetition_penalty: Some(1.1),
        eos: vec![151_645, 151_643],
    };
    assert_eq!(GenerationConfig::from_folder(folder.path()).unwrap(), expected);
    std::fs::write(folder.path().join("generation_config.json"), "[1]").unwrap();
    assert!(GenerationConfig::from_folder(folder.path()).is_err());
}
