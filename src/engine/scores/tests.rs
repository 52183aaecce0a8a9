use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use super::*;
use crate::engine::local::Local;
use crate::engine::{Backend, Cancel, Event, ScoreRequest};
use crate::model::{DeviceSpec, ModelSpec};

/// An engine with the small random model.
fn engine(scores: Option<PathBuf>) -> Local {
    let mut engine = Local::new(Some(1)).with_scores(scores);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smoke").to_owned();
    let spec = ModelSpec { source, device: DeviceSpec::Cpu, ..ModelSpec::default() };
    engine.load(&Job::new(1, Cancel::default(), mpsc::channel().0), &spec).unwrap();
    engine
}

fn request(rows: std::ops::Range<usize>, labels: [&str; 2]) -> ScoreRequest {
    let prompt = |row: usize| format!("Say what this is about: <the ferry number {row}{}>", " is late".repeat(row % 5));
    ScoreRequest { prompts: rows.map(prompt).collect(), labels: labels.map(str::to_owned).into(), ..Default::default() }
}

const LABELS: [&str; 2] = ["support", "oppose"];

/// The figures of a job, and the bits of its answers in the order of the prompts.
fn score(engine: &mut Local, request: &ScoreRequest) -> (Stats, Vec<Vec<u64>>) {
    let (events, received) = mpsc::channel();
    let stats = engine.score(&Job::new(2, Cancel::default(), events), request).unwrap();
    let scored = received.try_iter().filter_map(|event| match event {
        Event::Scored { answers, .. } => Some(answers),
        _ => None,
    });
    let mut answers: Vec<Answer> = scored.flatten().collect();
    answers.sort_by_key(|answer| answer.index);
    assert_eq!(answers.len(), stats.rows);
    assert!(answers.iter().all(|answer| answer.prompt_tokens > 0));
    (stats, answers.iter().map(|answer| answer.logprobs.iter().map(|number| number.to_bits()).collect()).collect())
}

#[test]
fn a_second_engine_computes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scores = Some(folder.path().join("scores"));
    // More than are handed on at once, some of them twice.
    let mut request = request(0..300, LABELS);
    request.prompts.extend_from_within(..40);
    let (first, computed) = score(&mut engine(scores.clone()), &request);
    assert_eq!((first.rows, first.cached_rows), (340, 0));
    let (none, without) = score(&mut engine(None), &request);
    assert_eq!((none.cached_rows, &without), (0, &computed));
    let (second, kept) = score(&mut engine(scores), &request);
    assert_eq!((second.rows, second.cached_rows, second.computed_tokens), (340, 340, 0));
    assert_eq!(second.prompt_tokens, first.prompt_tokens);
    assert_eq!(kept, computed);
}

#[test]
fn other_labels_and_other_prompts_are_computed() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = engine(Some(folder.path().to_owned()));
    score(&mut engine, &request(0..5, LABELS));
    let (stats, _) = score(&mut engine, &request(0..5, ["support", "neither"]));
    assert_eq!(stats.cached_rows, 0);
    let (stats, _) = score(&mut engine, &request(0..5, ["oppose", "support"]));
    assert_eq!(stats.cached_rows, 0);
    // Of a batch of which a part is known the other part is computed.
    let eight = ScoreRequest { batch_size: Some(8), ..request(0..8, LABELS) };
    let (part, answers) = score(&mut engine, &eight);
    assert_eq!((part.rows, part.cached_rows, answers.len()), (8, 5, 8));
    let (whole, others) = score(&mut self::engine(None), &eight);
    assert!(part.computed_tokens > 0 && part.computed_tokens < whole.computed_tokens);
    for (number, other) in answers.iter().flatten().zip(others.iter().flatten()) {
        assert!((f64::from_bits(*number) - f64::from_bits(*other)).abs() < 1e-4);
    }
    // What is done already, of a run that goes on, is not told again.
    let done = (0..8).map(|row| row < 3).collect();
    let (rest, _) = score(&mut engine, &ScoreRequest { done, ..request(0..8, LABELS) });
    assert_eq!((rest.rows, rest.cached_rows, rest.computed_tokens), (5, 5, 0));
}

#[test]
fn what_is_asked_and_of_whom_is_told_apart() {
    let item = |context: &[u32], labels: &[&[u32]]| Item {
        context: context.to_vec(),
        labels: Arc::from(labels.iter().map(|label| label.to_vec()).collect::<Vec<_>>()),
    };
    let items = [
        item(&[1, 2, 3], &[&[4], &[5, 6]]),
        item(&[1, 2, 4], &[&[4], &[5, 6]]),
        item(&[1, 2], &[&[3, 4], &[5, 6]]),
        item(&[1, 2, 3], &[&[4, 5], &[6]]),
        item(&[1, 2, 3], &[&[5, 6], &[4]]),
        item(&[1, 2, 3], &[&[4]]),
    ];
    let keys: std::collections::HashSet<Key> = items.iter().map(key).collect();
    assert_eq!(keys.len(), items.len());
    let names = [name("00", "cpu"), name("01", "cpu"), name("00", "cuda")];
    assert!(names[0] != names[1] && names[0] != names[2]);
    assert_eq!(names[0].len(), 64);
}

#[test]
fn a_cancelled_job_keeps_the_batches_that_were_done() {
    let folder = tempfile::tempdir().unwrap();
    let scores = Some(folder.path().to_owned());
    let request = ScoreRequest { batch_size: Some(1), ..request(0..400, LABELS) };
    let (events, received) = mpsc::channel();
    let cancel = Cancel::default();
    let job = Job::new(2, cancel.clone(), events);
    let listening = std::thread::spawn(move || {
        let mut told = 0;
        for event in received {
            if let Event::Scored { answers, .. } = event {
                told += answers.len();
                cancel.cancel();
            }
        }
        told
    });
    assert_eq!(engine(scores.clone()).score(&job, &request), Err(EngineError::Cancelled));
    drop(job);
    let told = listening.join().unwrap();
    assert!((1..400).contains(&told), "{told}");
    let (stats, answers) = score(&mut engine(scores), &request);
    assert!((told..400).contains(&stats.cached_rows), "{stats:?}");
    assert_eq!(answers, score(&mut engine(None), &request).1);
}

#[test]
fn a_disk_that_cannot_be_written_fails_no_job() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let mut engine = engine(Some(file.join("scores")));
    for _ in 0..2 {
        assert_eq!(score(&mut engine, &request(0..3, LABELS)).0.cached_rows, 0);
    }
    // Nor does garbage in the log's place.
    let folder = folder.path().join("folder");
    let mut first = self::engine(Some(folder.clone()));
    let (_, computed) = score(&mut first, &request(0..3, LABELS));
    let logs = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let log = logs.into_iter().find(|path| path.extension().is_some()).unwrap();
    fs::write(&log, [0xff; 5000]).unwrap();
    let (stats, again) = score(&mut self::engine(Some(folder.clone())), &request(0..3, LABELS));
    assert_eq!((stats.cached_rows, again), (0, computed));
    assert_eq!(score(&mut self::engine(Some(folder)), &request(0..3, LABELS)).0.cached_rows, 3);
}
