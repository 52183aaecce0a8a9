//! Embeddings of texts by an encoder that is not trained any further: the mean over a text's tokens of the last layer's
//! hidden states, scaled to length 1, as sentence-transformers makes them of all-MiniLM models.

use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::DType;
use rayon::prelude::*;

use crate::model::classifier::{self, AnyEncoder};
use crate::model::encoder::Batch;
use crate::model::tokenizer::Tokenizer;
use crate::model::{fingerprint, language, locate};

use super::command::EmbedRequest;
use super::event::{Embedded, Progress};
use super::train;
use super::worker::{EngineError, Job};

/// Texts of a batch.
const CPU_ROWS: usize = 16;
const GPU_ROWS: usize = 256;

/// Embeds the request's texts, in their order.
pub fn embed(job: &Job, request: &EmbedRequest, threads: usize) -> Result<Embedded, EngineError> {
    let located = locate::locate(&request.source, &mut |fetching| {
        job.loading(fetching.what.clone(), fetching.done, fetching.total);
        !job.is_cancelled()
    });
    job.check()?;
    let located = located.map_err(|error| EngineError::Bad(error.to_string()))?;
    let files = train::open(&located)?;
    job.loading(format!("reading {}", located.name), 0, None);
    let device = language::open(&request.device)?;
    let tokenizer = Tokenizer::from_folder(&files.folder)?;
    let sha256 = fingerprint::sha256(&located.files)?;
    // The head is not used; two outputs are what the least head has.
    let encoder =
        classifier::read(files.config.clone(), &files, 2, &device, DType::F32, 1, 0, &mut Vec::new(), &mut || {
            !job.is_cancelled()
        })?;
    let most = request.max_length.min(files.config.context);
    let mut texts = Vec::with_capacity(request.texts.len());
    for (index, text) in request.texts.iter().enumerate() {
        if index % 64 == 0 {
            job.check()?;
        }
        let ids = classifier::tokens(&tokenizer, text, most).map_err(|error| EngineError::Bad(error.to_string()))?.0;
        if ids.is_empty() || ids.iter().any(|id| *id as usize >= files.config.vocab_size) {
            let row = request.rows.get(index).copied().unwrap_or(index);
            return Err(EngineError::Bad(format!(
                "row {row}: the tokenizer of {} does not fit its weights",
                located.name
            )));
        }
        texts.push(ids);
    }
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(texts.get(*index).map_or(0, Vec::len)));
    let batches: Vec<&[usize]> = order.chunks(if device.is_cpu() { CPU_ROWS } else { GPU_ROWS }).collect();
    let done = AtomicUsize::new(0);
    let one = |batch: &&[usize]| -> Result<Vec<(usize, Vec<f32>)>, EngineError> {
        job.check()?;
        let ids: Vec<&[u32]> = batch.iter().filter_map(|index| texts.get(*index)).map(Vec::as_slice).collect();
        let hidden = hidden(&encoder, &Batch::new(ids.iter().copied(), 0))?;
        let tokens: usize = ids.iter().map(|ids| ids.len()).sum();
        let width = hidden.len() / tokens.max(1);
        let mut rows = hidden.chunks_exact(width.max(1));
        let means = batch.iter().zip(&ids).map(|(index, ids)| (*index, mean(rows.by_ref().take(ids.len()), width)));
        let means = means.collect();
        let done = done.fetch_add(batch.len(), Ordering::Relaxed) + batch.len();
        job.progress(Progress { done, total: texts.len(), note: None });
        Ok(means)
    };
    let computed: Result<Vec<_>, EngineError> = if device.is_cpu() && threads > 1 {
        batches.par_iter().map(one).collect()
    } else {
        batches.iter().map(one).collect()
    };
    let mut vectors = vec![Vec::new(); texts.len()];
    for (index, vector) in computed?.into_iter().flatten() {
        if let Some(place) = vectors.get_mut(index) {
            *place = vector;
        }
    }
    Ok(Embedded { name: located.name, sha256, vectors })
}

fn hidden(encoder: &AnyEncoder, batch: &Batch) -> Result<Vec<f32>, EngineError> {
    use crate::model::layers::Layers as _;
    let values = match encoder {
        AnyEncoder::Cpu(encoder) => encoder.hidden(batch).and_then(|hidden| encoder.layers().values(&hidden)),
        AnyEncoder::Device(encoder) => encoder.hidden(batch).and_then(|hidden| encoder.layers().values(&hidden)),
    };
    values.map_err(|error| EngineError::Failed(error.to_string()))
}

/// The mean of some vectors, scaled to length 1.
fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f32; width];
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        sum.iter_mut().for_each(|value| *value /= length);
    }
    sum
}
