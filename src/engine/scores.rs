//! Scores kept on the disk: log-probabilities that were computed once are not computed again, also in the next start of the
//! program.
//!
//! There is a [`log`] for each model and way of computing, and a record in it for each prompt with its labels, both as
//! tokens. What is kept are the numbers as they were first computed: the same layout of batches gives the same bits, another
//! one may differ by some millionths. A batch is kept whole before its answers are told, so that a run that was broken off
//! and goes on computes the batches of an unbroken one. Trouble with the disk fails no job: it is told in the program's log
//! once, and then nothing more is kept.

mod log;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::model::language::LanguageModel;

use super::event::{Answer, Stats};
use super::plan::{Item, Plan};
use super::worker::{EngineError, Job};
use log::{Bounds, Key, Log, VERSION};

/// 64 MB hold a million and a half answers with two labels; to read them takes about a second once, and 70 MB of memory.
/// Four such models and many small ones fit into a folder.
const BOUNDS: Bounds = Bounds { log: 64 << 20, folder: 256 << 20 };
/// To be raised with every change that gives other numbers for the same tokens.
const NUMBERS: u32 = 1;
/// Answers that are handed on at once: as many as come from a large batch.
const AT_ONCE: usize = 256;

/// The scores that are kept of one model.
pub struct Scores(Mutex<State>);

struct State {
    log: Log,
    /// Whether writing failed; what was read before is good all the same.
    broken: bool,
}

impl Scores {
    /// Those of a model, in `folder`.
    pub fn of(folder: &Path, model: &LanguageModel) -> Self {
        Self::named(folder, &name(&model.sha256, &model.arithmetic()), BOUNDS)
    }

    fn named(folder: &Path, name: &str, bounds: Bounds) -> Self {
        Self(Mutex::new(State { log: Log::new(folder, name, bounds), broken: false }))
    }

    /// Hands on the answers that are kept, but for those that are `done`. Says which prompts are done now, and which distinct
    /// ones are known and need not be computed.
    pub fn answer(
        &self,
        job: &Job,
        plan: &Plan,
        done: &[bool],
        answer: impl Fn(usize, &Vec<f64>) -> Vec<Answer>,
        stats: &mut Stats,
    ) -> Result<(Vec<bool>, Vec<bool>), EngineError> {
        let mut known = vec![false; plan.items.len()];
        let mut done = done.to_vec();
        done.resize(plan.answers.iter().map(Vec::len).sum(), false);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = state.log.refresh() {
            state.give_up("read", &error);
        }
        let mut answers: Vec<Answer> = Vec::new();
        let mut hand_on = |answers: &mut Vec<Answer>| {
            stats.rows += answers.len();
            stats.cached_rows += answers.len();
            job.answers(std::mem::take(answers));
        };
        for ((place, item), known) in plan.items.iter().enumerate().zip(&mut known) {
            let kept = state.log.get(&key(item)).filter(|logprobs| logprobs.len() == item.labels.len());
            let Some(logprobs) = kept else { continue };
            *known = true;
            for answer in answer(place, &logprobs.to_vec()) {
                if let Some(done) = done.get_mut(answer.index).filter(|done| !**done) {
                    *done = true;
                    answers.push(answer);
                }
            }
            if answers.len() >= AT_ONCE {
                job.check()?;
                hand_on(&mut answers);
            }
        }
        if !answers.is_empty() {
            hand_on(&mut answers);
        }
        Ok((done, known))
    }

    /// Keeps the log-probabilities of a batch.
    pub fn keep(&self, plan: &Plan, batch: &[usize], logprobs: &[Vec<f64>]) {
        let items = batch.iter().filter_map(|&place| plan.items.get(place));
        let records: Vec<(Key, &[f64])> =
            items.zip(logprobs).map(|(item, logprobs)| (key(item), logprobs.as_slice())).collect();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.broken
            && let Err(error) = state.log.append(&records)
        {
            state.give_up("written", &error);
        }
    }
}

impl State {
    fn give_up(&mut self, what: &str, error: &std::io::Error) {
        if !std::mem::replace(&mut self.broken, true) {
            tracing::warn!(%error, "the score cache cannot be {what}: scores are computed and not kept");
        }
    }
}

/// The name of a model's log: other weights, or another way of multiplying them, have another.
fn name(sha256: &str, arithmetic: &str) -> String {
    let release = env!("CARGO_PKG_VERSION");
    let hash = Sha256::digest(format!("{VERSION}\n{NUMBERS}\n{release}\n{sha256}\n{arithmetic}"));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What tells a prompt with its labels from all others.
fn key(item: &Item) -> Key {
    let mut hash = Sha256::new();
    // Each list with its length before it: no two ways to cut the same tokens are the same.
    for tokens in [&item.context].into_iter().chain(&*item.labels) {
        hash.update((tokens.len() as u64).to_le_bytes());
        tokens.iter().for_each(|token| hash.update(token.to_le_bytes()));
    }
    hash.finalize().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
