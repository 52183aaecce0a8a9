//! Ids and texts against those of the tokenizers library's Python package, and of transformers for the real model.

use std::path::PathBuf;

use serde::Deserialize;

use super::*;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn smoke() -> Tokenizer {
    Tokenizer::from_folder(&fixtures().join("smoke")).unwrap()
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    with_special: Vec<u32>,
    decoded: String,
    without_special: String,
}

#[test]
fn every_way_of_splitting_equals_the_reference() {
    let text = std::fs::read_to_string(fixtures().join("models/tokenizers.json")).unwrap();
    let cases: std::collections::BTreeMap<String, Vec<Case>> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 4);
    for (pre, cases) in &cases {
        let file = fixtures().join("models").join(format!("tokenizer-{pre}.gguf"));
        let tokenizer = Tokenizer::open(&ModelFiles::Gguf(file)).unwrap();
        assert_eq!(tokenizer.kind(), format!("byte-level BPE ({pre})"));
        assert_eq!(tokenizer.vocab_size(), 302);
        for case in cases {
            assert_eq!(tokenizer.encode(&case.text, false).unwrap(), case.ids, "{pre}: {:?}", case.text);
            assert_eq!(tokenizer.encode(&case.text, true).unwrap(), case.with_special, "{pre}: {:?}", case.text);
            assert_eq!(tokenizer.decode(&case.with_special, false), case.decoded);
            assert_eq!(tokenizer.decode(&case.with_special, true), case.without_special);
            let mut stream = tokenizer.stream();
            let mut streamed: String = case.with_special.iter().map(|id| stream.push(*id)).collect();
            streamed += &stream.finish();
            assert_eq!(streamed, case.without_special);
        }
    }
}

#[test]
fn special_and_added_tokens() {
    let tokenizer = Tokenizer::open(&ModelFiles::Gguf(fixtures().join("models/tokenizer-qwen2.gguf"))).unwrap();
    assert_eq!(tokenizer.encode("<|im_start|><tool>", false).unwrap(), [2, 300]);
    assert!(tokenizer.is_special(2) && !tokenizer.is_special(300) && !tokenizer.is_special(50));
    assert_eq!(tokenizer.decode(&[2, 300], true), "<tool>");
    assert_eq!(tokenizer.token_id("<|im_end|>"), Some(1));
    assert_eq!(tokenizer.token_id("[PAD301]"), None);
    assert_eq!(tokenizer.decode(&[301, 9999], false), "");
    assert!(tokenizer.encode("[PAD301]", false).unwrap().len() > 1);
}

#[test]
fn one_beginning_of_text_at_the_most() {
    let llama = Tokenizer::open(&ModelFiles::Gguf(fixtures().join("models/tokenizer-llama-bpe.gguf"))).unwrap();
    assert_eq!(llama.bos(), Some(2));
    assert_eq!(llama.encode("up", true).unwrap(), [2, llama.token_id("up").unwrap()]);
    assert_eq!(llama.encode("<|im_start|>up", true).unwrap(), [2, llama.token_id("up").unwrap()]);
    assert_eq!(llama.encode("", true).unwrap(), [2]);
    assert_eq!(smoke().encode("", true).unwrap(), [0_u32; 0]);
}

/// A copy of the smoke model's tokenizer with a post-processor, and other keys in `tokenizer_config.json`.
fn folder(post_processor: bool, config: &str) -> Tokenizer {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(fixtures().join("smoke/tokenizer.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    if post_processor {
        json["post_processor"] = serde_json::json!({
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [2], "tokens": ["<|im_start|>"]}},
        });
    }
    json["truncation"] = serde_json::json!({
        "direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
    json["padding"] = serde_json::json!({
        "strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "<|endoftext|>"});
    std::fs::write(folder.path().join("tokenizer.json"), json.to_string()).unwrap();
    std::fs::write(folder.path().join("tokenizer_config.json"), config).unwrap();
    Tokenizer::from_folder(folder.path()).unwrap()
}

#[test]
fn the_beginning_of_text_in_a_folder() {
    let up = smoke().token_id("up").unwrap();
    let bos = r#""bos_token": {"content": "<|im_start|>"}"#;
    for (post_processor, keys, expected) in [
        (true, "{}".to_owned(), vec![2, up, up]),
        (true, format!("{{{bos}}}"), vec![2, up, up]),
        (false, format!("{{{bos}, \"add_bos_token\": true}}"), vec![up, up]),
        (
            false,
            format!("{{{bos}, \"add_bos_token\": true, \"tokenizer_class\": \"LlamaTokenizerFast\"}}"),
            vec![2, up, up],
        ),
        (true, format!("{{{bos}, \"add_bos_token\": false, \"tokenizer_class\": \"LlamaTokenizer\"}}"), vec![up, up]),
    ] {
        let tokenizer = folder(post_processor, &keys);
        assert_eq!(tokenizer.encode("upup", true).unwrap(), expected, "{keys}");
        assert_eq!(tokenizer.encode("upup", false).unwrap(), [up, up]);
        // Neither cut nor padded as the file says.
        assert_eq!(tokenizer.encode("upupupup", false).unwrap(), [up; 4]);
    }
    let doubled = folder(true, &format!("{{{bos}}}"));
    assert_eq!(doubled.encode("<|im_start|>up", true).unwrap(), [2, up]);
}

#[test]
fn the_text_of_one_token() {
    let tokenizer = smoke();
    assert_eq!(tokenizer.token_text(tokenizer.token_id("Ġs").unwrap()), " s");
    assert_eq!(tokenizer.token_text(tokenizer.token_id("Ċ").unwrap()), "\n");
    assert_eq!(tokenizer.token_text(1), "<|im_end|>");
    assert_eq!(tokenizer.token_text(tokenizer.encode("é", false).unwrap()[0]), "\u{fffd}");
}

#[test]
fn streams_give_whole_characters() {
    let tokenizer = smoke();
    let ids = tokenizer.encode("a👩‍👩‍👧é", false).unwrap();
    assert!(ids.len() > 20);
    let mut stream = tokenizer.stream();
    let pieces: Vec<String> = ids.iter().map(|id| stream.push(*id)).collect();
    assert!(pieces.iter().all(|piece| !piece.contains('\u{fffd}') && piece.chars().count() <= 1), "{pieces:?}");
    assert_eq!(pieces.concat(), "a👩‍👩‍👧é");
    assert_eq!(stream.finish(), "");

    // Cut in the middle of a character, and bytes that never become one.
    let mut stream = tokenizer.stream();
    let pieces: String = ids[..3].iter().map(|id| stream.push(*id)).collect();
    assert_eq!((pieces.as_str(), stream.finish().as_str()), ("a", "\u{fffd}"));
    let broken = [ids[1], ids[0], ids[2], ids[2], ids[0]];
    let mut stream = tokenizer.stream();
    let mut pieces: String = broken.iter().map(|id| stream.push(*id)).collect();
    pieces += &stream.finish();
    assert_eq!(pieces, tokenizer.decode(&broken, true));
}

#[test]
fn wrong_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Tokenizer::from_folder(folder.path()).unwrap_err().to_string().contains("tokenizer.json"));
    std::fs::write(folder.path().join("tokenizer.json"), "{\"version\": \"1.0\"").unwrap();
    let error = Tokenizer::from_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("tokenizer.json") && !error.contains('\n'), "{error}");

    let whole = std::fs::read(fixtures().join("models/tokenizer-qwen2.gguf")).unwrap();
    let replaced = |from: &[u8], to: &[u8]| {
        let at = whole.windows(from.len()).position(|window| window == from).unwrap();
        let mut bytes = whole.clone();
        bytes[at..at + from.len()].copy_from_slice(to);
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, bytes).unwrap();
        Tokenizer::open(&ModelFiles::Gguf(path)).unwrap_err().to_string()
    };
    assert!(replaced(b"qwen2", b"qwen9").contains("`tokenizer.ggml.pre` is \"qwen9\""));
    assert!(replaced(b"gpt2", b"bert").contains("kind \"bert\""));
    assert!(replaced(b"h e", b"h_e").contains("\"h_e\" in `tokenizer.ggml.merges`"));
    assert!(replaced(b"tokenizer.ggml.merges", b"tokenizer.ggml.mergeX").contains("no `tokenizer.ggml.merges`"));
    let unknown = replaced(b"u p", b"u \x00");
    assert!(!unknown.contains('\n'), "{unknown}");
}

/// The reference of the real model's tokenizer, and the model where a cache has it.
fn smollm2(file: &str) -> Option<(serde_json::Value, crate::model::weights::Weights)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/reference").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: ../shared is not there");
        return None;
    };
    let mut locator = crate::model::locate::Locator::from_env().unwrap();
    // Only what is there already.
    locator.offline = true;
    locator.python = PathBuf::from("no-python");
    let Ok(found) = locator.locate(crate::model::DEFAULT_MODEL, &mut |_| true) else {
        println!("skipped: the default model is in no cache");
        return None;
    };
    let weights = crate::model::weights::Weights::open(&found.files).unwrap();
    Some((serde_json::from_str(&text).unwrap(), weights))
}

fn ids(value: &serde_json::Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn smollm2_reads_tweets_as_the_reference_does() {
    let Some((reference, weights)) = smollm2("smollm2_tokenizer_300_tweets.json") else { return };
    let tokenizer = weights.tokenizer().unwrap();
    let tweets = reference.as_array().unwrap();
    assert_eq!(tweets.len(), 300);
    for (row, tweet) in tweets.iter().enumerate() {
        let text = tweet["text"].as_str().unwrap();
        let found = tokenizer.encode(text, true).unwrap();
        assert_eq!(found, ids(&tweet["ids"]), "tweet {row}");
        assert_eq!(tokenizer.decode(&found, false), text, "tweet {row}");
    }
}

#[test]
fn smollm2_reads_and_writes_prompts_as_the_reference_does() {
    let Some((reference, weights)) = smollm2("smollm2.json") else { return };
    let tokenizer = weights.tokenizer().unwrap();
    assert_eq!(tokenizer.vocab_size(), 49_152);
    for (name, prompt) in reference["prompts"].as_object().unwrap() {
        let text = prompt["prompt"].as_str().unwrap();
        let found = tokenizer.encode(text, true).unwrap();
        assert_eq!(found, ids(&prompt["ids"]), "{name}");
        assert_eq!(tokenizer.decode(&found, false) == text, prompt["decode_roundtrip_equal"], "{name}");
        let greedy = ids(&prompt["greedy_ids"]);
        assert_eq!(tokenizer.decode(&greedy, true), prompt["greedy_text"], "{name}");
        assert_eq!(tokenizer.decode(&greedy, false), prompt["greedy_text_raw"], "{name}");
        let mut stream = tokenizer.stream();
        let mut streamed: String = greedy.iter().map(|id| stream.push(*id)).collect();
        streamed += &stream.finish();
        assert_eq!(streamed, prompt["greedy_text"], "{name}");
        for token in prompt["top10"].as_array().unwrap() {
            let id = u32::try_from(token["id"].as_u64().unwrap()).unwrap();
            assert_eq!(tokenizer.token_text(id), token["text"], "{name}");
        }
    }
    for support in [" support", " oppose"] {
        assert_eq!(tokenizer.encode(support, false).unwrap().len(), 1);
    }
    let chat = weights.chat_template().unwrap().unwrap();
    assert_eq!(chat.source, reference["chat_template_gguf"]);
    assert_eq!((chat.bos_token.as_deref(), chat.eos_token.as_deref()), (Some("<|im_start|>"), Some("<|im_end|>")));
}
