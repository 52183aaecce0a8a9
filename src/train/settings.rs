//! The `[train]` section of a session file. Names and defaults are those of `TrainingArguments` where that has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::update::Scores;

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// In a straight line to 0.
    #[default]
    Linear,
    /// Along half a cosine to 0.
    Cosine,
    /// Not at all.
    Constant,
}

/// How far the texts of a batch are padded where a device computes padding at all; no number depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Padding {
    /// To the longest of the batch.
    #[default]
    Longest,
    /// To `max_length`.
    Max,
}

/// The number format of matrix products; weights, norms and the optimizer stay in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// bf16 on a GPU, f32 on the CPU.
    #[default]
    Auto,
    /// f32.
    F32,
    /// bf16, on a GPU alone.
    Bf16,
}

/// The metric by which the best checkpoint is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// F1, weighted by the labels' frequencies.
    #[default]
    F1,
    /// Unweighted mean of the labels' F1.
    MacroF1,
    /// Share of right answers.
    Accuracy,
    /// Precision, weighted by the labels' frequencies.
    Precision,
    /// Recall, weighted by the labels' frequencies.
    Recall,
    /// Loss on the validation split; the least is best.
    Loss,
}

impl Best {
    /// The name as session files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F1 => "f1",
            Self::MacroF1 => "macro_f1",
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::Loss => "loss",
        }
    }

    /// Its value in an evaluation.
    pub fn of(self, scores: &Scores) -> f64 {
        match self {
            Self::F1 => scores.f1,
            Self::MacroF1 => scores.macro_f1,
            Self::Accuracy => scores.accuracy,
            Self::Precision => scores.precision,
            Self::Recall => scores.recall,
            Self::Loss => scores.loss,
        }
    }
}

/// What each label counts in the loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// `"none"`: all the same; `"balanced"`: rows / (labels · rows of the label), as scikit-learn's.
    Named(NamedWeights),
    /// A number for each label.
    Each(BTreeMap<String, f64>),
}

/// Class weights that have a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamedWeights {
    /// All the same.
    #[default]
    None,
    /// Rows / (labels · rows of the label).
    Balanced,
}

impl Default for ClassWeights {
    fn default() -> Self {
        Self::Named(NamedWeights::None)
    }
}

/// How an encoder is fine-tuned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSpec {
    /// The encoder: hub id, folder, `pip:PACKAGE==VERSION`.
    pub model: String,
    /// Cleaning rules for the text column; none by default, whatever `data.clean` says.
    pub clean: Vec<String>,
    /// Passes over the training split.
    pub epochs: usize,
    /// Rows a step.
    pub batch_size: usize,
    /// Batches whose gradients are added up for one step.
    pub gradient_accumulation: usize,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// How it falls.
    pub schedule: Schedule,
    /// Steps in which it rises from 0: a number of them, or below 1 a share of all.
    pub warmup: f64,
    /// Decay of all weights but biases and norms.
    pub weight_decay: f64,
    /// AdamW's first coefficient.
    pub adam_beta1: f64,
    /// AdamW's second coefficient.
    pub adam_beta2: f64,
    /// AdamW's constant in the denominator.
    pub adam_epsilon: f64,
    /// The gradient is scaled down to this norm; 0 is never.
    pub max_grad_norm: f64,
    /// Texts are cut to so many tokens.
    pub max_length: usize,
    /// How far texts are padded.
    pub padding: Padding,
    /// Put texts of like length into the same batch.
    pub group_by_length: bool,
    /// Figures of the training are kept every so many steps.
    pub logging_steps: usize,
    /// Checkpoints between the ends of epochs, every so many steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save_steps: Option<usize>,
    /// Checkpoints kept; the best weights are kept besides.
    pub keep: usize,
    /// The metric by which the best checkpoint is told.
    pub best: Best,
    /// Stop after so many evaluations that are no better than the best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// What each label counts in the loss.
    pub class_weights: ClassWeights,
    /// Share of each target that is spread over all labels.
    pub label_smoothing: f64,
    /// Leave the embeddings as they are.
    pub freeze_embeddings: bool,
    /// Leave the first so many layers as they are.
    pub freeze_layers: usize,
    /// Learning rate of a layer as a multiple of that of the layer above it.
    pub layer_decay: f64,
    /// Dropout, instead of what the model's `config.json` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// The number format of matrix products.
    pub precision: Precision,
    /// Seed of the new head, of shuffles and dropout.
    pub seed: u64,
}

impl Default for TrainSpec {
    fn default() -> Self {
        Self {
            model: String::new(),
            clean: Vec::new(),
            epochs: 3,
            batch_size: 32,
            gradient_accumulation: 1,
            learning_rate: 5e-5,
            schedule: Schedule::Linear,
            warmup: 0.0,
            weight_decay: 0.01,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            max_grad_norm: 1.0,
            max_length: 128,
            padding: Padding::Longest,
            group_by_length: true,
            logging_steps: 10,
            save_steps: None,
            keep: 2,
            best: Best::F1,
            patience: None,
            class_weights: ClassWeights::default(),
            label_smoothing: 0.0,
            freeze_embeddings: false,
            freeze_layers: 0,
            layer_decay: 1.0,
            dropout: None,
            precision: Precision::Auto,
            seed: 42,
        }
    }
}

impl TrainSpec {
    /// What types cannot say: the key inside `[train]`, and what it must be.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let ensure = |right: bool, key, message: &str| if right { Ok(()) } else { Err((key, message.to_owned())) };
        let at_least_one = "must be at least 1";
        ensure(!self.model.is_empty(), "model", "is empty: name an encoder, as \"microsoft/deberta-v3-small\"")?;
        ensure((1..=10_000).contains(&self.epochs), "epochs", "must be between 1 and 10000")?;
        ensure((1..=65_536).contains(&self.batch_size), "batch_size", "must be between 1 and 65536")?;
        ensure((1..=65_536).contains(&self.gradient_accumulation), "gradient_accumulation", at_least_one)?;
        let positive = |number: f64| number > 0.0 && number.is_finite();
        let share = |number: f64| (0.0..1.0).contains(&number);
        ensure(positive(self.learning_rate), "learning_rate", "must be more than 0")?;
        ensure(self.warmup >= 0.0 && self.warmup.is_finite(), "warmup", "must be 0 or more")?;
        ensure(self.weight_decay >= 0.0 && self.weight_decay.is_finite(), "weight_decay", "must be 0 or more")?;
        ensure(share(self.adam_beta1), "adam_beta1", "must be at least 0 and below 1")?;
        ensure(share(self.adam_beta2), "adam_beta2", "must be at least 0 and below 1")?;
        ensure(positive(self.adam_epsilon), "adam_epsilon", "must be more than 0")?;
        ensure(self.max_grad_norm >= 0.0 && self.max_grad_norm.is_finite(), "max_grad_norm", "must be 0 or more")?;
        ensure(self.max_length >= 3, "max_length", "must be at least 3")?;
        ensure(self.logging_steps > 0, "logging_steps", at_least_one)?;
        ensure(self.save_steps != Some(0), "save_steps", at_least_one)?;
        ensure(self.keep > 0, "keep", at_least_one)?;
        ensure(self.patience != Some(0), "patience", at_least_one)?;
        ensure(share(self.label_smoothing), "label_smoothing", "must be at least 0 and below 1")?;
        ensure(self.layer_decay > 0.0 && self.layer_decay <= 1.0, "layer_decay", "must be more than 0, at most 1")?;
        ensure(self.dropout.is_none_or(share), "dropout", "must be at least 0 and below 1")?;
        if let ClassWeights::Each(weights) = &self.class_weights {
            ensure(weights.values().all(|weight| positive(*weight)), "class_weights", "must all be more than 0")?;
        }
        Ok(())
    }

    /// A label that has a weight of its own and is none of `known`.
    pub fn unknown_label(&self, known: &[&str]) -> Option<&str> {
        let ClassWeights::Each(weights) = &self.class_weights else { return None };
        weights.keys().map(String::as_str).find(|label| !known.contains(label))
    }
}
