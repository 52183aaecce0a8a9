//! What the engine answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::tokenizer::Tokenizer;
use crate::prompt::chat::ChatTemplate;
use crate::train::Update;

use super::command::JobId;

/// What the engine says of a job. Every job ends with exactly one of `Finished`, `Cancelled` and `Failed`.
#[derive(Clone, Debug)]
pub enum Event {
    /// A model is being found, fetched or read.
    Loading {
        /// The job.
        job: JobId,
        /// What is happening, as `fetching model.safetensors`.
        stage: String,
        /// Bytes so far.
        done: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// A model is loaded.
    Ready {
        /// The job.
        job: JobId,
        /// The model.
        model: Arc<ModelInfo>,
    },
    /// One token of streamed text.
    Token {
        /// The job.
        job: JobId,
        /// Index of the prompt.
        index: usize,
        /// Token id; 0 from an endpoint, which tells none.
        id: u32,
        /// The text that this token completed: whole characters, perhaps none yet.
        text: String,
        /// Natural log of the token's probability; NaN where an endpoint does not tell it.
        logprob: f32,
    },
    /// Answers to some of a job's prompts, in any order, each prompt once.
    Scored {
        /// The job.
        job: JobId,
        /// The answers.
        answers: Vec<Answer>,
    },
    /// How far a job is; only the latest matters.
    Progress {
        /// The job.
        job: JobId,
        /// How far.
        progress: Progress,
    },
    /// A training tells something. All but its pace is to be kept.
    Training {
        /// The job.
        job: JobId,
        /// What it tells.
        update: Update,
    },
    /// The job is done.
    Finished {
        /// The job.
        job: JobId,
        /// What came of it.
        outcome: Outcome,
    },
    /// The job was cancelled.
    Cancelled {
        /// The job.
        job: JobId,
    },
    /// The job failed.
    Failed {
        /// The job.
        job: JobId,
        /// What was wrong, and what would be right.
        error: super::EngineError,
    },
}

impl Event {
    /// The job that the event belongs to.
    pub fn job(&self) -> JobId {
        match self {
            Self::Loading { job, .. }
            | Self::Ready { job, .. }
            | Self::Token { job, .. }
            | Self::Scored { job, .. }
            | Self::Progress { job, .. }
            | Self::Training { job, .. }
            | Self::Finished { job, .. }
            | Self::Cancelled { job }
            | Self::Failed { job, .. } => *job,
        }
    }

    /// Whether this is the job's last event.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Cancelled { .. } | Self::Failed { .. })
    }
}

/// A loaded model, as the rest of the program sees it.
#[derive(Debug)]
pub struct ModelInfo {
    /// A short name, as `SmolLM2-135M-Instruct Q4_1`.
    pub name: String,
    /// Where it came from, exactly.
    pub origin: String,
    /// SHA-256 over the model's files, in hexadecimal; of an endpoint, whose files are not seen, `endpoint:` and one over its
    /// address and the model's name.
    pub sha256: String,
    /// The device it runs on, as `cpu` or `cuda:0`; `remote` of an endpoint.
    pub device: String,
    /// The number format it computes in, as `f32`.
    pub dtype: String,
    /// How its weights are held and multiplied, in words.
    pub kernels: String,
    /// The most tokens of prompt and answer together.
    pub context: usize,
    /// Threads used on the CPU.
    pub threads: usize,
    /// Its tokenizer; an endpoint keeps it to itself.
    pub tokenizer: Option<Arc<Tokenizer>>,
    /// Its chat template, if it has one.
    pub chat: Option<ChatTemplate>,
    /// What it tells apart, of an encoder with a classification head: it reads a row's text alone, no prompt around it.
    pub classifier: Option<Classifier>,
    /// How an endpoint tells the labels' log-probabilities; nothing of models on this machine, which compute them.
    pub scoring: Option<&'static str>,
}

impl ModelInfo {
    /// How the labels' log-probabilities are told after prompts that are conversations, or not: nothing of models on this
    /// machine.
    pub fn scoring_after(&self, chat: bool) -> Option<&'static str> {
        self.scoring.map(|scoring| if chat { super::remote::OF_CONVERSATIONS } else { scoring })
    }
}

/// What a fine-tuned encoder tells apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classifier {
    /// Its labels, in the order of its outputs.
    pub labels: Vec<String>,
    /// The cleaning rules that its texts went through when it was trained.
    pub clean: Vec<String>,
    /// Texts are cut to so many tokens.
    pub max_length: usize,
}

/// The answer to one prompt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Index of the prompt in the request.
    pub index: usize,
    /// Natural log-probability of each label, in the request's order, negative infinity where an endpoint does not tell it;
    /// empty where text was generated.
    pub logprobs: Vec<f64>,
    /// The generated text; empty where labels were scored.
    pub text: String,
    /// Tokens generated, the end token included; empty where labels were scored.
    pub token_ids: Vec<u32>,
    /// Why generation ended.
    pub finish: Option<FinishReason>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
}

/// Why generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// An end token or a stop text.
    Stop,
    /// The most tokens allowed, or the end of the context.
    Length,
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Prompts answered.
    pub done: usize,
    /// Prompts in all.
    pub total: usize,
    /// Something to tell, as `out of memory: 16 rows a batch instead of 32`.
    pub note: Option<String>,
}

/// Figures of a finished job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Prompts answered in this job.
    pub rows: usize,
    /// Of those, the ones answered by scores that were kept from before.
    #[serde(default)]
    pub cached_rows: usize,
    /// Seconds of computing.
    pub seconds: f64,
    /// Tokens of all prompts as written.
    pub prompt_tokens: usize,
    /// Prompt tokens really computed: shared prefixes once, identical prompts once.
    pub computed_tokens: usize,
    /// Tokens of the prefix that all prompts share.
    pub prefix_tokens: usize,
    /// Of those, the ones that the job before had computed.
    #[serde(default)]
    pub reused_tokens: usize,
    /// Tokens generated.
    pub new_tokens: usize,
    /// Prompts cut from the left to fit the context.
    pub truncated: usize,
}

/// Figures of a finished training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Steps done, in all legs.
    pub steps: usize,
    /// Seconds of this leg, evaluations included.
    pub seconds: f64,
    /// Rows trained on in this leg, each as often as it was.
    pub rows: usize,
    /// Seconds of a step in this leg: the mean of all but the first two.
    pub step_seconds: f64,
    /// The step of the best weights.
    pub best_step: usize,
    /// The metric by which they were told, and its value.
    pub best: Option<(String, f64)>,
    /// Why it ended before its last step: stopped by the user, or early.
    pub stopped: Option<String>,
}

/// One token of a next-token distribution.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextToken {
    /// Token id; endpoints tell none.
    pub id: Option<u32>,
    /// Its text.
    pub token: String,
    /// Its logit; of an endpoint its log-probability, which is the same but for a constant.
    pub logit: f32,
    /// Its probability.
    pub probability: f64,
}

/// Embeddings of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// The encoder's name.
    pub name: String,
    /// SHA-256 over its files.
    pub sha256: String,
    /// A vector of length 1 for each text, in their order.
    pub vectors: Vec<Vec<f32>>,
}

/// What came of a job.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A model is loaded.
    Loaded(Arc<ModelInfo>),
    /// Prompts were scored or continued.
    Answered(Stats),
    /// Texts were embedded.
    Embedded(Embedded),
    /// An encoder was fine-tuned, and the test split classified.
    Trained(Trained),
    /// A next-token distribution.
    Next {
        /// Tokens of the prompt.
        token_ids: Vec<u32>,
        /// The best tokens, best first.
        next: Vec<NextToken>,
        /// Perplexity of the prompt's own tokens after the first, where there is more than one.
        perplexity: Option<f64>,
    },
}
