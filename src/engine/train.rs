//! Fine-tuning as a job: the encoder is found and read, texts become tokens, and the trainer tells the job how it goes.

use std::time::Instant;

use candle_core::DType;

use crate::model::classifier::{self, AnyEncoder};
use crate::model::encoder::EncoderFiles;
use crate::model::layers::Layers;
use crate::model::locate::{Located, ModelFiles};
use crate::model::tokenizer::Tokenizer;
use crate::model::{fingerprint, language, locate};
use crate::train::optimizer::trains;
use crate::train::settings::Precision;
use crate::train::trainer::{Outcome, Task, Tokens, TrainError, Trainer, steps_per_epoch};
use crate::train::{Started, Update};

use super::command::{Examples, TrainRequest};
use super::event::Trained;
use super::worker::{EngineError, Job};

/// Texts tokenized between two looks at the cancel flag.
const TEXTS: usize = 256;

impl From<TrainError> for EngineError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Cancelled => Self::Cancelled,
            TrainError::Bad(text) => Self::Bad(text),
            TrainError::Failed(text) => Self::Failed(text),
        }
    }
}

/// What tokenizing a split found.
#[derive(Default)]
struct Counts {
    truncated: usize,
    empty: usize,
}

fn tokens(
    job: &Job,
    tokenizer: &Tokenizer,
    examples: &Examples,
    most: usize,
    vocabulary: usize,
    counts: &mut Counts,
) -> Result<Tokens, EngineError> {
    let mut tokens = Tokens { ids: Vec::with_capacity(examples.texts.len()), labels: examples.labels.clone() };
    for (index, text) in examples.texts.iter().enumerate() {
        if index % TEXTS == 0 {
            job.check()?;
        }
        let row = examples.rows.get(index).copied().unwrap_or(index);
        let bad = |what: String| EngineError::Bad(format!("row {row}: {what}"));
        let (ids, cut) = classifier::tokens(tokenizer, text, most).map_err(|error| bad(error.to_string()))?;
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
            return Err(bad(format!("the tokenizer gives token {id}, the model knows {vocabulary}: they do not fit")));
        }
        if ids.is_empty() {
            return Err(bad("the tokenizer gives no token, and the model reads at least one".to_owned()));
        }
        counts.truncated += usize::from(cut);
        counts.empty += usize::from(text.trim().is_empty());
        tokens.ids.push(ids);
    }
    Ok(tokens)
}

/// Trains as asked.
pub fn train(job: &Job, request: &TrainRequest, threads: usize) -> Result<Trained, EngineError> {
    let started = Instant::now();
    let settings = &request.settings;
    let TrainRequest { labels, .. } = request;
    if labels.len() < 2 {
        return Err(EngineError::Bad("two labels at least are needed to train a classifier".to_owned()));
    }
    if request.train.texts.is_empty() {
        return Err(EngineError::Bad("there are no rows to train on".to_owned()));
    }
    let located = locate::locate(&settings.model, &mut |fetching| {
        job.loading(fetching.what.clone(), fetching.done, fetching.total);
        !job.is_cancelled()
    });
    job.check()?;
    let located = located.map_err(|error| EngineError::Bad(error.to_string()))?;
    let files = open(&located)?;
    if settings.max_length > files.config.context {
        return Err(EngineError::Bad(format!(
            "train.max_length = {}: {} reads {} tokens at the most",
            settings.max_length, located.name, files.config.context
        )));
    }
    if settings.freeze_layers > files.config.layers {
        return Err(EngineError::Bad(format!(
            "train.freeze_layers = {}: {} has {} layers",
            settings.freeze_layers, located.name, files.config.layers
        )));
    }
    let device = language::open(&request.model.device)?;
    let products = match settings.precision {
        Precision::F32 => DType::F32,
        Precision::Auto if device.is_cpu() => DType::F32,
        Precision::Bf16 if device.is_cpu() => {
            let message =
                "train.precision = \"bf16\": the CPU trains in f32; say \"auto\", or name a GPU as model.device";
            return Err(EngineError::Bad(message.to_owned()));
        }
        Precision::Auto | Precision::Bf16 => DType::BF16,
    };
    job.loading(format!("reading {}", located.name), 0, None);
    let tokenizer = Tokenizer::from_folder(&files.folder)?;
    let sha256 = fingerprint::sha256(&located.files)?;
    let mut counts = Counts::default();
    let most = settings.max_length;
    let vocabulary = files.config.vocab_size;
    let train = tokens(job, &tokenizer, &request.train, most, vocabulary, &mut counts)?;
    let validation = tokens(job, &tokenizer, &request.validation, most, vocabulary, &mut counts)?;
    let test = tokens(job, &tokenizer, &request.test, most, vocabulary, &mut counts)?;
    let config = match settings.dropout {
        Some(rate) => files.config.clone().with_dropout(rate),
        None => files.config.clone(),
    };
    let mut drawn = Vec::new();
    let encoder = classifier::read(
        config,
        &files,
        labels.len(),
        &device,
        products,
        threads,
        settings.seed,
        &mut drawn,
        &mut || !job.is_cancelled(),
    )?;
    let mut notes = Vec::new();
    if !drawn.is_empty() {
        notes.push(format!("new, to be learnt: {}", drawn.join(", ")));
    }
    let task = Task {
        settings,
        labels,
        train: &train,
        validation: &validation,
        test: &test,
        folder: &request.folder,
        model_sha256: &sha256,
        config: &classifier::config(&files, labels, &settings.clean, settings.max_length)?,
        tokenizer: &files.folder,
        control: &request.control,
        cancelled: &|| job.is_cancelled(),
        tell: &|update| job.training(update),
    };
    let per_epoch = steps_per_epoch(settings, train.ids.len());
    let begun = Started {
        model: located.name.clone(),
        origin: located.origin.clone(),
        sha256: sha256.clone(),
        device: language::device_name(&device),
        dtype: format!("{products:?}").to_lowercase(),
        threads,
        steps: per_epoch * settings.epochs,
        steps_per_epoch: per_epoch,
        epochs: settings.epochs,
        truncated: counts.truncated,
        empty: counts.empty,
        notes,
        ..Started::default()
    };
    let outcome = match encoder {
        AnyEncoder::Cpu(encoder) => go(task, encoder, request, begun)?,
        AnyEncoder::Device(encoder) => go(task, encoder, request, begun)?,
    };
    Ok(Trained {
        steps: outcome.steps,
        seconds: started.elapsed().as_secs_f64(),
        rows: outcome.rows,
        step_seconds: outcome.step_seconds,
        best_step: outcome.best_step,
        best: outcome.best.map(|value| (settings.best.name().to_owned(), value)),
        stopped: outcome.stopped,
    })
}

fn go<L: Layers>(
    task: Task<'_>,
    encoder: crate::model::encoder::Encoder<L>,
    request: &TrainRequest,
    begun: Started,
) -> Result<Outcome, EngineError> {
    let tell = task.tell;
    let trainer = if request.resume { Trainer::resume(task, encoder)? } else { Trainer::new(task, encoder) };
    let parameters = trainer.encoder().parameters();
    let trained = parameters.iter().filter(|parameter| trains(&request.settings, parameter.place));
    tell(Update::Started(Box::new(Started {
        parameters: parameters.iter().map(|parameter| parameter.len()).sum(),
        trainable: trained.map(|parameter| parameter.len()).sum(),
        step: trainer.state().step,
        history: trainer.state().history.clone(),
        ..begun
    })));
    Ok(trainer.run()?)
}

/// The files of an encoder.
pub(super) fn open(located: &Located) -> Result<EncoderFiles, EngineError> {
    let files = match &located.files {
        ModelFiles::Folder(folder) => EncoderFiles::open(folder)?,
        ModelFiles::Gguf(_) => None,
    };
    files.ok_or_else(|| {
        EngineError::Bad(format!(
            "train.model: {} is no encoder that can be fine-tuned here (BERT, RoBERTa, DistilBERT, DeBERTa-v2 and v3 in \
             the hub's form can)",
            located.name
        ))
    })
}
