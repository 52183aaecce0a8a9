//! The engine against servers that behave, and servers that do not.

mod faults;
mod fixture;

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::*;
use crate::engine::command::{Cancel, Generation, Temperature};
use crate::engine::event::{Event, FinishReason};
use fixture::{Kind, Reply, Server as Fixture, best, healthy};

/// No test waits for long.
fn patience() -> Patience {
    Patience {
        first: Duration::from_millis(5),
        most: Duration::from_millis(40),
        grace: Duration::from_secs(2),
        ..Patience::default()
    }
}

struct Bench {
    remote: Remote,
    job: Job,
    cancel: Cancel,
    events: Receiver<Event>,
}

/// An engine that has loaded nothing, with the key `hunter2`.
fn bench() -> Bench {
    let (sender, events) = channel();
    let cancel = Cancel::default();
    let job = Job::new(1, cancel.clone(), sender);
    Bench { remote: Remote::with(Key::new("hunter2"), patience()), job, cancel, events }
}

fn spec(fixture: &Fixture) -> ModelSpec {
    ModelSpec { source: fixture.address.clone(), name: Some("m".into()), concurrency: Some(8), ..ModelSpec::default() }
}

impl Bench {
    fn load(&mut self, fixture: &Fixture) -> Arc<ModelInfo> {
        self.remote.load(&self.job, &spec(fixture)).unwrap()
    }

    /// The answers so far, in the order of their indices; each must be there once.
    fn answers(&self) -> Vec<Answer> {
        let scored = self.events.try_iter().filter_map(|event| match event {
            Event::Scored { answers, .. } => Some(answers),
            _ => None,
        });
        let mut answers: Vec<Answer> = scored.flatten().collect();
        answers.sort_by_key(|answer| answer.index);
        assert!(answers.windows(2).all(|pair| pair[0].index < pair[1].index), "an answer came twice");
        answers
    }
}

/// Prompts of lengths that go up by one.
fn prompts(count: usize) -> Vec<String> {
    (0..count).map(|row| format!("row {row}{} Answer:", "x".repeat(row % 7))).collect()
}

fn score(count: usize) -> ScoreRequest {
    ScoreRequest {
        prompts: prompts(count),
        labels: vec!["support".into(), "oppose".into()],
        rows: (100..100 + count).collect(),
        ..ScoreRequest::default()
    }
}

fn generate(count: usize) -> GenerateRequest {
    GenerateRequest {
        prompts: prompts(count),
        generation: Generation {
            max_new_tokens: 3,
            temperature: Temperature::Value(0.0),
            top_p: None,
            top_k: None,
            repetition_penalty: None,
            seed: 42,
            stop: vec!["\n".into()],
        },
        rows: (100..100 + count).collect(),
        done: Vec::new(),
        batch_size: None,
        truncate: false,
        stream: false,
    }
}

fn check_scores(request: &ScoreRequest, answers: &[Answer]) {
    assert_eq!(answers.len(), request.prompts.len());
    for (answer, prompt) in answers.iter().zip(&request.prompts) {
        let expected = if best(prompt) == " support" { [-0.25, -1.5] } else { [-1.5, -0.25] };
        assert_eq!(answer.logprobs, expected, "{prompt}");
        assert!(answer.prompt_tokens > 0);
    }
}

#[test]
fn every_way_of_telling_log_probabilities_gives_the_same_ones() {
    for (kind, told) in [
        (Kind::Echo, Way::Echo),
        (Kind::Shifted, Way::List(20)),
        (Kind::PromptLogprobs, Way::Prompt),
        (Kind::List, Way::List(20)),
    ] {
        let fixture = Fixture::start(move |request| healthy(kind, request));
        let mut bench = bench();
        let info = bench.load(&fixture);
        assert_eq!(info.scoring, Some(told.told()), "{kind:?}");
        assert_eq!((info.context, info.device.as_str(), info.tokenizer.is_none()), (512, "remote", true));
        let mut request = score(40);
        // Equal prompts are asked for once.
        request.prompts[39] = request.prompts[0].clone();
        let stats = bench.remote.score(&bench.job, &request).unwrap();
        check_scores(&request, &bench.answers());
        assert_eq!(stats.rows, 40);
        let each = if matches!(told, Way::List(_)) { 1 } else { 2 };
        assert_eq!(fixture.prompts().len(), 39 * each, "{kind:?}");
        assert!(fixture.requests().iter().all(|request| request.authorization.as_deref() == Some("Bearer hunter2")));
    }
}

#[test]
fn a_server_without_log_probabilities_says_so_and_generates() {
    let fixture = Fixture::start(|request| healthy(Kind::None, request));
    let mut bench = bench();
    bench.load(&fixture);
    let error = bench.remote.score(&bench.job, &score(2)).unwrap_err().to_string();
    assert!(error.contains("set decode.method = \"generate\""), "{error}");
    let request = generate(20);
    let stats = bench.remote.generate(&bench.job, &request).unwrap();
    let answers = bench.answers();
    assert_eq!((answers.len(), stats.rows, stats.new_tokens), (20, 20, 20));
    for (answer, prompt) in answers.iter().zip(&request.prompts) {
        assert_eq!((answer.text.as_str(), answer.finish), (best(prompt), Some(FinishReason::Length)));
    }
    let body = fixture.requests().last().unwrap().body.clone();
    assert_eq!(
        (&body["max_tokens"], &body["stop"], &body["temperature"]),
        (&3.into(), &vec!["\n"].into(), &0.0.into())
    );
    assert!(body.get("top_k").is_none());
}

#[test]
fn conversations_go_where_the_server_applies_the_template() {
    let fixture = Fixture::start(|request| healthy(Kind::Echo, request));
    let mut bench = bench();
    let info = bench.load(&fixture);
    assert_ne!(info.scoring_after(true), info.scoring_after(false));
    let said = |text: &str| {
        let turns = [crate::prompt::Message::system("Be brief."), crate::prompt::Message::user(text)];
        info.chat.as_ref().unwrap().render(&turns, true).unwrap()
    };
    let mut request = generate(0);
    request.prompts = vec![said("an even text"), said("an odd text")];
    bench.remote.generate(&bench.job, &request).unwrap();
    let texts: Vec<String> = bench.answers().into_iter().map(|answer| answer.text).collect();
    assert_eq!(texts, ["support", "oppose"]);
    let request = ScoreRequest { prompts: request.prompts, labels: score(0).labels, ..ScoreRequest::default() };
    bench.remote.score(&bench.job, &request).unwrap();
    let logprobs: Vec<Vec<f64>> = bench.answers().into_iter().map(|answer| answer.logprobs).collect();
    assert_eq!(logprobs, [[-0.25, -1.5], [-1.5, -0.25]]);
}

#[test]
fn a_prompt_after_which_the_text_would_end_is_scored_too() {
    let fixture = Fixture::start(|request| healthy(Kind::List, request));
    let mut bench = bench();
    bench.load(&fixture);
    let request = ScoreRequest { prompts: vec!["row 1, end of text".into()], ..score(0) };
    bench.remote.score(&bench.job, &request).unwrap();
    check_scores(&request, &bench.answers());
    assert_eq!(fixture.prompts().len(), 2);
}

#[test]
fn the_best_tokens_after_a_text_are_told() {
    let fixture = Fixture::start(|request| healthy(Kind::List, request));
    let mut bench = bench();
    bench.load(&fixture);
    let Outcome::Next { next, .. } = bench.remote.next(&bench.job, "ab", 2).unwrap() else { panic!() };
    let tokens: Vec<&str> = next.iter().map(|token| token.token.as_str()).collect();
    assert_eq!(tokens, [" support", " oppose"]);
    assert!(next[0].id.is_none() && (next[0].probability - (-0.25f64).exp()).abs() < 1e-12);
}
