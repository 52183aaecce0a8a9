//! Working batches off: over threads, in halves where memory runs out, with answers handed on as they come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::event::{Answer, Progress, Stats};
use super::plan::Plan;
use super::worker::{EngineError, Job, panic_text};

/// The batches with a prompt that is not answered yet, but for the distinct prompts that are `known`.
pub fn todo(plan: &Plan, done: &[bool], known: &[bool]) -> Vec<Vec<usize>> {
    let is_known = |place: &usize| known.get(*place).copied().unwrap_or(false);
    let rest = |batch: &Vec<usize>| batch.iter().copied().filter(|place| !is_known(place)).collect::<Vec<_>>();
    plan.batches.iter().map(rest).filter(|batch| !plan.is_done(batch, done)).collect()
}

/// Works batches off on so many threads and hands their answers on as they come.
#[allow(clippy::too_many_arguments)]
pub fn spread<T: Send>(
    job: &Job,
    plan: &Plan,
    done: &[bool],
    todo: &[Vec<usize>],
    threads: usize,
    work: impl Fn(&Vec<usize>) -> Result<Vec<T>, EngineError> + Sync,
    answer: impl Fn(usize, &T) -> Vec<Answer>,
    stats: &mut Stats,
) -> Result<(), EngineError> {
    let is_done = |index: usize| done.get(index).copied().unwrap_or(false);
    let total: usize = plan.answers.iter().map(Vec::len).sum();
    let mut answered = (0..total).filter(|&index| is_done(index)).count();
    stats.prefix_tokens = plan.prefix;
    stats.computed_tokens += if todo.is_empty() { 0 } else { plan.prefix - stats.reused_tokens.min(plan.prefix) };
    job.progress(Progress { done: answered, total, note: None });
    let mut take = |batch: &Vec<usize>, results: Vec<T>| {
        let mut answers = Vec::new();
        for (&place, result) in batch.iter().zip(&results) {
            stats.computed_tokens += plan.items.get(place).map_or(0, |item| item.context.len() - plan.prefix);
            answers.extend(answer(place, result).into_iter().filter(|answer| !is_done(answer.index)));
        }
        answered += answers.len();
        stats.rows += answers.len();
        stats.new_tokens += answers.iter().map(|answer| answer.token_ids.len()).sum::<usize>();
        job.answers(answers);
        job.progress(Progress { done: answered, total, note: None });
    };
    if threads < 2 || todo.len() < 2 {
        for batch in todo {
            job.check()?;
            take(batch, work(batch)?);
        }
        return Ok(());
    }
    let next = AtomicUsize::new(0);
    let (results, received) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(todo.len()) {
            let (results, next, work) = (results.clone(), &next, &work);
            scope.spawn(move || {
                // The longest batches first: the threads end together.
                while let Some(batch) =
                    todo.len().checked_sub(1 + next.fetch_add(1, Ordering::Relaxed)).and_then(|at| todo.get(at))
                {
                    let result = job.check().and_then(|()| {
                        let work = AssertUnwindSafe(|| work(batch));
                        catch_unwind(work)
                            .unwrap_or_else(|panic| Err(EngineError::Failed(panic_text(&*panic).to_owned())))
                    });
                    let failed = result.is_err();
                    if results.send((batch, result)).is_err() || failed {
                        break;
                    }
                }
            });
        }
        drop(results);
        let mut outcome = Ok(());
        for (batch, result) in received {
            match result {
                Ok(results) => take(batch, results),
                Err(error) => {
                    // The others stop at their next batch; the first error is the one told.
                    next.store(todo.len(), Ordering::Relaxed);
                    outcome = outcome.and(Err(error));
                }
            }
        }
        outcome
    })
}

/// Computes the answers of a batch.
pub type Compute<'a, T> = dyn Fn(&[usize]) -> Result<Vec<T>, EngineError> + 'a;

/// Runs a batch in halves, and halves of halves, where it does not fit into memory. `fits` remembers what did, so that
/// later batches do not fail first.
pub fn halving<T>(
    job: &Job,
    batch: &[usize],
    fits: &AtomicUsize,
    work: &Compute<'_, T>,
) -> Result<Vec<T>, EngineError> {
    let mut results = Vec::with_capacity(batch.len());
    let mut rest = batch;
    while !rest.is_empty() {
        let size = rest.len().min(fits.load(Ordering::Relaxed)).max(1);
        let (now, later) = rest.split_at(size);
        match work(now) {
            Ok(done) => {
                results.extend(done);
                rest = later;
            }
            Err(EngineError::Failed(error)) if size > 1 && is_out_of_memory(&error) => {
                fits.store(size / 2, Ordering::Relaxed);
                let note = format!("out of memory: {} rows at once instead of {size}", size / 2);
                job.progress(Progress { done: 0, total: 0, note: Some(note) });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(results)
}

fn is_out_of_memory(error: &str) -> bool {
    let error = error.to_lowercase();
    error.contains("out of memory") || error.contains("out_of_memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Cancel, Event};

    #[test]
    fn what_does_not_fit_is_halved_and_remembered() {
        let (events, received) = mpsc::channel();
        let job = Job::new(1, Cancel::default(), events);
        let fits = AtomicUsize::new(usize::MAX);
        let tries = std::cell::RefCell::new(Vec::new());
        let work = |batch: &[usize]| {
            tries.borrow_mut().push(batch.len());
            if batch.len() > 3 {
                Err(EngineError::Failed("CUDA_ERROR_OUT_OF_MEMORY".to_owned()))
            } else {
                Ok(batch.to_vec())
            }
        };
        let batch: Vec<usize> = (0..10).collect();
        assert_eq!(halving(&job, &batch, &fits, &work).unwrap(), batch);
        assert_eq!(halving(&job, &batch[..4], &fits, &work).unwrap(), batch[..4]);
        assert_eq!(*tries.borrow(), [10, 5, 2, 2, 2, 2, 2, 2, 2]);
        assert_eq!(received.try_iter().filter(|event| matches!(event, Event::Progress { .. })).count(), 2);
    }

    #[test]
    fn other_failures_are_not_tried_again() {
        let job = Job::new(1, Cancel::default(), mpsc::channel().0);
        let work = |_: &[usize]| -> Result<Vec<usize>, EngineError> { Err(EngineError::Failed("broken".to_owned())) };
        assert!(halving(&job, &[1, 2], &AtomicUsize::new(usize::MAX), &work).is_err());
    }
}
