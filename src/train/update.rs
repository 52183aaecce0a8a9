//! What a training tells while it goes on.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One thing that a training tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The model is loaded and the texts are tokens: training begins, or goes on.
    Started(Box<Started>),
    /// The figures of the last `logging_steps` steps.
    Step(Step),
    /// How fast it goes; only the latest matters. Sent after every step.
    Pace(Pace),
    /// The validation split was classified, or after the end the test split.
    Evaluated(Box<Evaluation>),
    /// A checkpoint was written.
    Saved {
        /// Steps done.
        step: usize,
        /// The checkpoint's folder.
        path: PathBuf,
    },
    /// The last evaluation is the best so far, and its weights were kept.
    Best {
        /// Steps done.
        step: usize,
        /// The metric's name.
        metric: String,
        /// Its value.
        value: f64,
    },
    /// Something is going wrong: overfitting sets in, all rows get the same label.
    Warned {
        /// Steps done.
        step: usize,
        /// What, and what could be done.
        text: String,
    },
    /// A wish was followed: paused, going on, another learning rate, evaluated or stopped by the user.
    Changed {
        /// Steps done.
        step: usize,
        /// What was done.
        text: String,
        /// Whether the training waits now.
        paused: bool,
    },
}

/// How a training begins, or goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The encoder's short name.
    pub model: String,
    /// Where it came from, exactly.
    pub origin: String,
    /// SHA-256 over its files.
    pub sha256: String,
    /// What it runs on.
    pub device: String,
    /// What products are computed in.
    pub dtype: String,
    /// Threads on the CPU.
    pub threads: usize,
    /// Numbers in all weights.
    pub parameters: usize,
    /// Of those, the ones that are trained.
    pub trainable: usize,
    /// Steps in all.
    pub steps: usize,
    /// Steps an epoch.
    pub steps_per_epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// The step from which it goes on; 0 of a new one.
    pub step: usize,
    /// Rows cut to `max_length`, in all three splits.
    pub truncated: usize,
    /// Rows whose text is empty, in all three splits.
    pub empty: usize,
    /// What was logged before that step, of one that goes on.
    pub history: Vec<Figures>,
    /// What a user should know.
    pub notes: Vec<String>,
}

/// A line of `metrics.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Figures {
    /// Of training.
    Train(Step),
    /// Of an evaluation.
    Eval(Scores),
}

/// The figures of some steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Steps done.
    pub step: usize,
    /// Epochs done, with their fraction.
    pub epoch: f64,
    /// Mean loss since the last figures.
    pub loss: f64,
    /// The learning rate of the last step, as `Trainer` logs it.
    pub learning_rate: f64,
    /// Norm of the last step's gradient, before it was clipped.
    pub grad_norm: f64,
}

/// How fast a training goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Steps done.
    pub step: usize,
    /// Epochs done, with their fraction.
    pub epoch: f64,
    /// Loss of this step.
    pub loss: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// Norm of this step's gradient, before it was clipped.
    pub grad_norm: f64,
    /// Rows a second, over the last steps.
    pub rows_per_second: f64,
    /// Seconds to the end of training, evaluations included.
    pub seconds_left: f64,
    /// Rows evaluated so far and in all, while an evaluation goes on.
    pub evaluating: Option<(usize, usize)>,
}

/// The figures of an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Steps done.
    pub step: usize,
    /// Epochs done, with their fraction.
    pub epoch: f64,
    /// Mean loss.
    pub loss: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Precision, weighted by the labels' frequencies.
    pub precision: f64,
    /// Recall, weighted by the labels' frequencies.
    pub recall: f64,
    /// F1, weighted by the labels' frequencies.
    pub f1: f64,
    /// Unweighted mean of the labels' F1.
    pub macro_f1: f64,
    /// F1 of each label, in the session's order.
    pub class_f1: Vec<f64>,
}

/// An evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Its figures.
    pub scores: Scores,
    /// Whether it is of the test split, with the best weights, after the end.
    pub test: bool,
    /// Whether it is the best so far.
    pub best: bool,
    /// Log-probabilities of the labels, for each row of the split in its order.
    pub logprobs: Arc<Vec<Vec<f64>>>,
    /// Seconds it took.
    pub seconds: f64,
}
