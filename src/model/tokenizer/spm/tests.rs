//! Against sentencepiece's own ids, and with broken files.

use std::path::PathBuf;

use super::*;

fn fixture(file: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spm");
    std::fs::read(folder.join(file)).unwrap()
}

/// A message of protocol buffers: fields one after the other.
#[derive(Clone, Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(mut self, field: u8, value: u8) -> Self {
        // Fields from 16 on have a key of two bytes.
        let key = u16::from(field) << 3;
        if field < 16 {
            self.0.push(u8::try_from(key).unwrap());
        } else {
            self.0.extend([u8::try_from(key & 0x7f).unwrap() | 0x80, u8::try_from(key >> 7).unwrap()]);
        }
        self.0.push(value);
        self
    }

    fn bytes(mut self, field: u8, value: &[u8]) -> Self {
        self.0.push(field << 3 | 2);
        let mut length = value.len();
        while length >= 0x80 {
            self.0.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        self.0.push(u8::try_from(length).unwrap());
        self.0.extend_from_slice(value);
        self
    }

    fn float(mut self, field: u8, value: f32) -> Self {
        self.0.push(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn piece(self, text: &str, score: f32, kind: u8) -> Self {
        let piece = Self::default().bytes(1, text.as_bytes()).float(2, score).number(3, kind);
        self.bytes(1, &piece.0)
    }
}

fn small() -> Message {
    let start = Message::default().piece("[PAD]", 0.0, 3).piece("[CLS]", 0.0, 3).piece("[SEP]", 0.0, 3);
    let start = start.piece("[UNK]", 0.0, 2).piece("▁", -3.0, 1).piece("a", -2.0, 1);
    start.piece("▁a", -2.0, 1).piece("<user>", 0.0, 4).piece("b", 0.0, 5)
}

fn ids(message: &Message, text: &str) -> Vec<u32> {
    build(&message.0, false).unwrap().encode(text, false)
}

fn wrong(message: &Message) -> String {
    build(&message.0, false).err().unwrap()
}

#[test]
fn ids_are_those_of_sentencepiece() {
    let spm = build(&fixture("spm.model"), false).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&fixture("expected.json")).unwrap();
    for case in expected["cases"].as_array().unwrap() {
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        assert_eq!(spm.encode(case["text"].as_str().unwrap(), true), ids, "{}", case["text"]);
    }
    assert_eq!(spm.inner.token_to_id("[MASK]"), Some(1500));
    assert_eq!(spm.inner.get_vocab_size(true), 1501);
    assert_eq!(spm.encode("[MASK]", true), [1, 1500, 2]);
    let both = [spm.encode("the", false), vec![2], spm.encode("march", false)].concat();
    assert_eq!(spm.encode("the [SEP] march", false), both);
    let ids = spm.encode("the march  is ﬁne", true);
    assert_eq!(spm.inner.decode(&ids, true).unwrap(), "the march is fine");
}

#[test]
fn lowercases_where_asked_to() {
    let bytes = fixture("spm.model");
    let (cased, lower) = (build(&bytes, false).unwrap(), build(&bytes, true).unwrap());
    assert_eq!(lower.encode("The MARCH", true), cased.encode("the march", true));
    assert_ne!(cased.encode("The MARCH", true), cased.encode("the march", true));
}

#[test]
fn every_kind_of_piece() {
    let model = small();
    assert_eq!(ids(&model, "a  a"), [6, 6]);
    assert_eq!(ids(&model, "a<user>a"), [6, 7, 5]);
    // Unused pieces are not matched, and what is unknown is one piece.
    assert_eq!(ids(&model, "bxa"), [4, 3, 5]);
    assert_eq!(ids(&model, "b x"), [4, 3, 4, 3]);
    assert!(ids(&model, " \n").iter().all(|id| *id == 4 || *id == 3));
    assert_eq!(ids(&model, ""), [0_u32; 0]);

    let no_prefix = small().bytes(3, &Message::default().number(3, 0).0);
    assert_eq!(ids(&no_prefix, "a a"), [5, 6]);
    let blanks = small().bytes(3, &Message::default().number(4, 0).0);
    assert_eq!(ids(&blanks, "a  a "), [6, 4, 6, 4]);
    let suffix = small().bytes(2, &Message::default().number(24, 1).0);
    assert_eq!(ids(&suffix, "aa"), [5, 5, 4]);
    let bytes = (0..=255_u8).fold(small(), |model, byte| model.piece(&format!("<0x{byte:02X}>"), 0.0, 6));
    assert!(wrong(&small().bytes(2, &Message::default().number(35, 1).0)).contains("lacks pieces"));
    let bytes = bytes.bytes(2, &Message::default().number(35, 1).0);
    assert_eq!(ids(&bytes, "é"), [4, 9 + 0xc3, 9 + 0xa9]);
    let tokenizer = build(&bytes.0, false).unwrap();
    assert_eq!(tokenizer.inner.decode(&[4, 9 + 0xc3, 9 + 0xa9, 6], true).unwrap(), "é a");
}

/// Ways that are equally good but for rounding; the crate's own search may take another, but decodes the same.
#[test]
fn the_tokenizer_inside_agrees() {
    let spm = build(&fixture("spm.model"), false).unwrap();
    for text in [TEXT, "the march, again", "Sooooo many", "yes!!!!!!!!!!"] {
        let normalized = spm.normalizer.normalize(text);
        let inner = spm.inner.encode_fast(normalized, true).unwrap().get_ids().to_vec();
        let ours = spm.encode(text, true);
        assert_eq!(ours.len(), inner.len(), "{text}");
        assert_eq!(spm.inner.decode(&ours, true).unwrap(), spm.inner.decode(&inner, true).unwrap());
    }
}

#[test]
fn wrong_models_are_errors() {
    assert_eq!(wrong(&Message::default()), "it has no pieces");
    assert!(wrong(&small().bytes(2, &Message::default().number(3, 2).0)).contains("BPE (supported: unigram)"));
    assert!(wrong(&small().piece("a", 0.0, 1)).contains("piece 9 \"a\" is there twice"));
    assert!(wrong(&small().piece("", 0.0, 1)).contains("piece 9 is empty"));
    assert!(wrong(&small().piece("c", f32::NAN, 1)).contains("no number"));
    assert!(wrong(&small().piece("c", 0.0, 2)).contains("second one"));
    assert!(wrong(&small().piece("c", 0.0, 9)).contains("type 9"));
    assert!(wrong(&small().piece(&"c".repeat(2000), 0.0, 1)).contains("longer"));
    let plain = Message::default().piece("<unk>", 0.0, 2).piece("a", -1.0, 1);
    assert!(wrong(&plain).contains("no piece [CLS]"));
    let unknown = Message::default().piece("[CLS]", 0.0, 3).piece("[SEP]", 0.0, 3);
    assert!(wrong(&unknown).contains("for what is unknown"));
    for charsmap in [&b"\x04"[..], b"\0\0\0\0", b"\x03\0\0\0abc", b"\xff\xff\xff\xffabcd"] {
        assert!(wrong(&small().bytes(3, &Message::default().bytes(2, charsmap).0)).contains("precompiled_charsmap"));
    }
    assert!(wrong(&Message(b"\x0b".to_vec())).contains("wire type 3"));
    assert!(wrong(&Message(b"\xff".repeat(11))).contains("64 bits"));
    assert!(wrong(&Message(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7fx".to_vec())).contains("is the file complete"));
    assert!(wrong(&Message(b"\x08\x01".to_vec())).contains("`pieces`"));
}

const TEXT: &str = "The ﬁne e\u{301}\u{323} ½ ＦＵＬＬ\u{200b} ✊🏽 日本語\t\u{0} x";

/// Whatever the bytes are, building ends, and so does encoding with what was built.
#[test]
fn cut_and_changed_models_do_no_harm() {
    let model = small().0;
    for at in 0..model.len() {
        drop(build(&model[..at], false));
        for value in [0, 0x7f, 0x80, 0xff, model[at] ^ (1 << (at % 8))] {
            let mut bytes = model.clone();
            bytes[at] = value;
            if let Ok(spm) = build(&bytes, at % 2 == 0) {
                drop(spm.encode(TEXT, true));
            }
        }
    }
    // The same in the character map of a real model, many bytes at once.
    let model = Model::read(&fixture("spm.model")).unwrap();
    let mut random = 7_u32;
    for round in 0..100 {
        let mut spec = model.normalizer.clone();
        let length = u32::try_from(spec.charsmap.len()).unwrap();
        for _ in 0..1 << (round % 14) {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = 4 + (random >> 4) % (length - 4);
            spec.charsmap[at as usize] = (random >> 20) as u8;
        }
        let normalizer = Normalizer::new(&spec, false, false, Vec::new()).unwrap();
        assert!(normalizer.normalize(TEXT).len() < 10_000);
    }
}

#[test]
fn ids_of_a_folder_in_the_form_of_the_hub() {
    let read = |file: &str| fixture(&format!("../models/deberta-hub/{file}"));
    let spm = build(&read("spm.model"), false).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&read("expected.json")).unwrap();
    assert_eq!(spm.inner.token_to_id("[MASK]").map(u64::from), expected["mask_id"].as_u64());
    for case in expected["texts"].as_array().unwrap() {
        let ids: Vec<u32> = serde_json::from_value(case["input_ids"].clone()).unwrap();
        assert_eq!(spm.encode(case["text"].as_str().unwrap(), true), ids, "{}", case["text"]);
    }
}
