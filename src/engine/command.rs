//! What can be asked of the engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::model::{DeviceSpec, ModelSpec};
use crate::train::{Control, TrainSpec};

/// The number of a job; never used twice in one run of the program.
pub type JobId = u64;

/// A shared flag that asks a job to stop.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the job to stop at the next batch or decoding step.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the job was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One command: a job's number, its cancel flag, and the work.
#[derive(Clone, Debug)]
pub struct Command {
    /// The job's number, repeated in each of its events.
    pub job: JobId,
    /// Stops the job.
    pub cancel: Cancel,
    /// What to do.
    pub work: Work,
}

/// The kinds of work.
#[derive(Clone, Debug)]
pub enum Work {
    /// Find, fetch and load a model, unless it is the one already loaded.
    Load(ModelSpec),
    /// Log-probability of each label after each prompt.
    Score(ScoreRequest),
    /// Continue prompts.
    Generate(GenerateRequest),
    /// The distribution of the token after a prompt.
    Next {
        /// The prompt.
        prompt: String,
        /// How many of the best tokens to return.
        top: usize,
    },
    /// Embed texts with an encoder.
    Embed(Box<EmbedRequest>),
    /// Fine-tune an encoder.
    Train(Box<TrainRequest>),
}

/// Texts to embed. The encoder is loaded for this alone, beside the model that is loaded.
#[derive(Clone, Debug, Default)]
pub struct EmbedRequest {
    /// The encoder: hub id, folder or package.
    pub source: String,
    /// Where it runs.
    pub device: DeviceSpec,
    /// Texts are cut to so many tokens.
    pub max_length: usize,
    /// The texts.
    pub texts: Vec<String>,
    /// What to call each text in messages: its row in the data file.
    pub rows: Vec<usize>,
}

/// An encoder to fine-tune. Cancelling keeps a checkpoint from which it can go on.
#[derive(Clone, Debug, Default)]
pub struct TrainRequest {
    /// The encoder, and where it runs.
    pub model: ModelSpec,
    /// How it is trained.
    pub settings: TrainSpec,
    /// The labels, in the order of the head's outputs.
    pub labels: Vec<String>,
    /// Rows to learn from.
    pub train: Examples,
    /// Rows by which the best weights are told; may be empty.
    pub validation: Examples,
    /// Rows classified at the end with the best weights; may be empty.
    pub test: Examples,
    /// The run's folder: checkpoints go to `checkpoints/` in it, the best weights to `best/`.
    pub folder: PathBuf,
    /// Go on from the newest checkpoint there, if there is one.
    pub resume: bool,
    /// How the training is steered while it goes on.
    pub control: Control,
}

/// Labelled texts.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    /// What each is called in messages: its row in the data file.
    pub rows: Vec<usize>,
    /// The texts.
    pub texts: Vec<String>,
    /// The place of each text's label in the request's labels.
    pub labels: Vec<usize>,
}

/// Prompts to score.
#[derive(Clone, Debug, Default)]
pub struct ScoreRequest {
    /// The prompts, in the caller's order; answers carry the index into this list.
    pub prompts: Vec<String>,
    /// Label words; a blank is put between prompt and label unless the prompt ends in white space.
    pub labels: Vec<String>,
    /// What to call each prompt in messages, as its row in the data file; its index where this is empty.
    pub rows: Vec<usize>,
    /// Prompts whose answers are known already (a resumed run). Batches are laid out as if they were not, so that a
    /// resumed run computes the same numbers as an unbroken one.
    pub done: Vec<bool>,
    /// Rows a batch, or what fits into memory.
    pub batch_size: Option<usize>,
    /// Cut prompts longer than the context from the left instead of refusing them.
    pub truncate: bool,
}

/// The temperature of generation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Temperature {
    /// A number; 0 is greedy.
    Value(f64),
    /// What the model's `generation_config.json` says.
    Model,
}

/// How tokens are picked.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The most tokens to generate.
    pub max_new_tokens: usize,
    /// 0 is greedy.
    pub temperature: Temperature,
    /// Keep the smallest set of tokens whose probabilities add up to this.
    pub top_p: Option<f64>,
    /// Keep this many of the best tokens.
    pub top_k: Option<usize>,
    /// Divide the logits of tokens seen already by this (multiply the negative ones).
    pub repetition_penalty: Option<f64>,
    /// Seed of the draws; row `i` draws from its own stream of it.
    pub seed: u64,
    /// End at any of these texts, which are not part of the answer.
    pub stop: Vec<String>,
}

/// Prompts to continue.
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    /// The prompts, in the caller's order; answers carry the index into this list.
    pub prompts: Vec<String>,
    /// How tokens are picked.
    pub generation: Generation,
    /// See [`ScoreRequest::rows`].
    pub rows: Vec<usize>,
    /// See [`ScoreRequest::done`].
    pub done: Vec<bool>,
    /// Rows a batch, or what fits into memory.
    pub batch_size: Option<usize>,
    /// Cut prompts longer than the context from the left instead of refusing them.
    pub truncate: bool,
    /// Send [`super::Event::Token`] for each token.
    pub stream: bool,
}

/// How answers are had from the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The most likely label.
    #[default]
    Score,
    /// Generated text, read by the answer rule.
    Generate,
}

/// What to do with a prompt that is longer than the model's context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truncate {
    /// Refuse the run and name the rows.
    #[default]
    Never,
    /// Drop tokens from the left.
    Left,
}

/// A number, or a word in its place (`"auto"`, `"model"`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NumberOr {
    /// A number.
    Number(f64),
    /// A word.
    Word(String),
}

/// The `[decode]` section of a session file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecodeSpec {
    /// How answers are had from the model.
    pub method: Method,
    /// The most tokens to generate.
    pub max_new_tokens: usize,
    /// 0 is greedy; `"model"` obeys the model's `generation_config.json`.
    pub temperature: NumberOr,
    /// See [`Generation::top_p`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// See [`Generation::top_k`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// See [`Generation::repetition_penalty`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f64>,
    /// See [`Generation::seed`].
    pub seed: u64,
    /// See [`Generation::stop`].
    pub stop: Vec<String>,
    /// Rows a batch, or `"auto"`: what fits into memory.
    pub batch_size: NumberOr,
    /// What to do with a prompt that is longer than the model's context.
    pub truncate: Truncate,
}

impl Default for DecodeSpec {
    fn default() -> Self {
        Self {
            method: Method::Score,
            max_new_tokens: 10,
            temperature: NumberOr::Number(0.0),
            top_p: None,
            top_k: None,
            repetition_penalty: None,
            seed: 42,
            stop: Vec::new(),
            batch_size: NumberOr::Word("auto".to_owned()),
            truncate: Truncate::Never,
        }
    }
}
