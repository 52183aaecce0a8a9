//! Scoring with a fine-tuned encoder: each text gets the log-probabilities of the labels that it was trained for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use crate::model::classifier::{self, Classifier};
use crate::model::locate::Located;
use crate::model::{ModelSpec, language};
use crate::train::loss::log_softmax;

use super::command::ScoreRequest;
use super::event::{Answer, Classifier as About, ModelInfo, Progress, Stats};
use super::worker::{EngineError, Job};

/// Texts of a batch: on the CPU one batch is one thread's, so that more would not be faster.
const CPU_ROWS: usize = 16;
const GPU_ROWS: usize = 256;

/// The classifier that a session asks for, where it is one.
pub fn load(job: &Job, located: &Located, spec: &ModelSpec) -> Result<Option<Classifier>, EngineError> {
    let device = language::open(&spec.device)?;
    // Norms and softmax stay in f32 whatever products are computed in.
    let products = language::format_on(&device, spec.dtype)?;
    Ok(Classifier::load(located, &device, products, &mut || !job.is_cancelled())?)
}

/// What the rest of the program sees of it.
pub fn describe(
    model: &Classifier,
    located: Located,
    spec: &ModelSpec,
    threads: usize,
) -> Result<ModelInfo, EngineError> {
    let device = language::open(&spec.device)?;
    Ok(ModelInfo {
        name: located.name,
        origin: located.origin,
        sha256: model.sha256.clone(),
        device: language::device_name(&device),
        dtype: format!("{:?}", language::format_on(&device, spec.dtype)?).to_lowercase(),
        kernels: if model.on_cpu() { "f32 products" } else { "tensors of the device" }.to_owned(),
        context: model.context,
        threads,
        tokenizer: Some(Arc::clone(&model.tokenizer)),
        chat: None,
        classifier: Some(About {
            labels: model.labels.clone(),
            clean: model.clean.clone(),
            max_length: model.max_length,
        }),
        scoring: None,
    })
}

/// Scores the request's labels for each of its texts.
pub fn score(job: &Job, model: &Classifier, request: &ScoreRequest, threads: usize) -> Result<Stats, EngineError> {
    let started = Instant::now();
    let places = places(&request.labels, &model.labels)?;
    let mut stats = Stats::default();
    let mut texts = Vec::with_capacity(request.prompts.len());
    for (index, text) in request.prompts.iter().enumerate() {
        if index % 64 == 0 {
            job.check()?;
        }
        let (ids, cut) = classifier::tokens(&model.tokenizer, text, model.max_length)
            .map_err(|error| EngineError::Bad(error.to_string()))?;
        stats.truncated += usize::from(cut);
        stats.prompt_tokens += ids.len();
        texts.push(ids);
    }
    let mut order: Vec<usize> = (0..texts.len()).collect();
    // The longest first: what is left at the end is short.
    order.sort_by_key(|index| std::cmp::Reverse(texts.get(*index).map_or(0, Vec::len)));
    let rows = request.batch_size.unwrap_or(if model.on_cpu() { CPU_ROWS } else { GPU_ROWS });
    let is_done = |index: &usize| request.done.get(*index).copied().unwrap_or(false);
    // Batches are laid out as if nothing were done, so that numbers are the same in a run that goes on.
    let batches: Vec<&[usize]> = order.chunks(rows).filter(|batch| !batch.iter().all(is_done)).collect();
    let answered = AtomicUsize::new((0..texts.len()).filter(is_done).count());
    let (total, kept) = (texts.len(), answered.load(Ordering::Relaxed));
    let one = |batch: &&[usize]| -> Result<usize, EngineError> {
        job.check()?;
        let ids: Vec<&[u32]> = batch.iter().filter_map(|index| texts.get(*index)).map(Vec::as_slice).collect();
        let logits = model.logits(&ids, &|| !job.is_cancelled())?.ok_or(EngineError::Cancelled)?;
        let answers: Vec<Answer> = batch
            .iter()
            .zip(logits.chunks_exact(model.labels.len().max(1)))
            .zip(&ids)
            .filter(|((index, _), _)| !is_done(index))
            .map(|((index, logits), ids)| {
                let logprobs = log_softmax(logits);
                let logprobs = places.iter().map(|place| logprobs.get(*place).copied().unwrap_or(f64::NAN)).collect();
                Answer { index: *index, logprobs, prompt_tokens: ids.len(), ..Answer::default() }
            })
            .collect();
        let done = answered.fetch_add(answers.len(), Ordering::Relaxed) + answers.len();
        job.answers(answers);
        job.progress(Progress { done, total, note: None });
        Ok(ids.iter().map(|ids| ids.len()).sum())
    };
    let computed: Result<Vec<usize>, EngineError> = if model.on_cpu() && threads > 1 {
        batches.par_iter().map(one).collect()
    } else {
        batches.iter().map(one).collect()
    };
    stats.computed_tokens = computed?.into_iter().sum();
    stats.rows = answered.load(Ordering::Relaxed) - kept;
    stats.seconds = started.elapsed().as_secs_f64();
    Ok(stats)
}

/// Where the labels asked for are among the model's own.
fn places(asked: &[String], own: &[String]) -> Result<Vec<usize>, EngineError> {
    let place = |label: &String| own.iter().position(|own| own == label);
    asked
        .iter()
        .map(|label| {
            place(label).ok_or_else(|| {
                EngineError::Bad(format!("the model tells apart {}; it knows no label {label:?}", own.join(", ")))
            })
        })
        .collect()
}
