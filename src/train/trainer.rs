//! The loop: batches in, steps, evaluations and checkpoints out, in the order and with the meaning of `Trainer`'s.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::model::encoder::{Batch, Encoder};
use crate::model::layers::{Layers, seed};

use super::checkpoint::{self, State};
use super::control::Control;
use super::guard;
use super::loss::CrossEntropy;
use super::optimizer::{Optimizer, trains};
use super::order;
use super::schedule;
use super::settings::{Best, ClassWeights, NamedWeights, Padding, TrainSpec};
use super::update::{Figures, Pace, Step, Update};

/// How often a training that waits looks whether it is to go on.
const PATIENCE: Duration = Duration::from_millis(50);
/// Streams of the seed.
const ORDER: u64 = 1;
const DROPOUT: u64 = 2;

/// Why a training ended early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// It was asked to; a checkpoint was kept.
    #[error("cancelled")]
    Cancelled,
    /// What was asked cannot be done.
    #[error("{0}")]
    Bad(String),
    /// It did not work out.
    #[error("{0}")]
    Failed(String),
}

impl From<candle_core::Error> for TrainError {
    fn from(error: candle_core::Error) -> Self {
        // Only the first line: candle appends a backtrace.
        Self::Failed(error.to_string().lines().next().unwrap_or("computing failed").to_owned())
    }
}

/// Labelled texts as tokens.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// The tokens of each text.
    pub ids: Vec<Vec<u32>>,
    /// The place of its label.
    pub labels: Vec<usize>,
}

/// What is to be done.
pub struct Task<'a> {
    /// How.
    pub settings: &'a TrainSpec,
    /// The labels, in the order of the outputs.
    pub labels: &'a [String],
    /// Rows to learn from.
    pub train: &'a Tokens,
    /// Rows by which the best weights are told.
    pub validation: &'a Tokens,
    /// Rows classified at the end.
    pub test: &'a Tokens,
    /// The run's folder.
    pub folder: &'a Path,
    /// SHA-256 of the encoder.
    pub model_sha256: &'a str,
    /// What `config.json` of the best weights says.
    pub config: &'a serde_json::Value,
    /// Where the tokenizer's files are.
    pub tokenizer: &'a Path,
    /// Wishes from outside.
    pub control: &'a Control,
    /// Whether to break off.
    pub cancelled: &'a dyn Fn() -> bool,
    /// Who listens.
    pub tell: &'a dyn Fn(Update),
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Steps done, in all legs.
    pub steps: usize,
    /// Rows trained on in this leg, each as often as it was.
    pub rows: usize,
    /// Seconds of a step in this leg: the mean of all but the first two, in which memory is got; 0 where there are none.
    pub step_seconds: f64,
    /// The step of the best weights.
    pub best_step: usize,
    /// The best value of the metric.
    pub best: Option<f64>,
    /// Why it ended before its last step.
    pub stopped: Option<String>,
}

/// Steps an epoch.
pub fn steps_per_epoch(settings: &TrainSpec, rows: usize) -> usize {
    rows.div_ceil(settings.batch_size.max(1)).div_ceil(settings.gradient_accumulation.max(1))
}

/// What each label counts in the loss.
pub fn class_weights(settings: &TrainSpec, labels: &[String], rows: &[usize]) -> Vec<f64> {
    match &settings.class_weights {
        ClassWeights::Named(NamedWeights::None) => vec![1.0; labels.len()],
        ClassWeights::Named(NamedWeights::Balanced) => (0..labels.len())
            .map(|label| {
                let own = rows.iter().filter(|row| **row == label).count().max(1);
                rows.len() as f64 / (labels.len() * own) as f64
            })
            .collect(),
        ClassWeights::Each(weights) => labels.iter().map(|label| weights.get(label).copied().unwrap_or(1.0)).collect(),
    }
}

/// A hash over the rows that are trained on, so that a checkpoint is not taken up with others.
pub fn fingerprint(tokens: &Tokens) -> String {
    let rows = tokens.ids.iter().zip(&tokens.labels).fold(tokens.ids.len() as u64, |hash, (ids, label)| {
        ids.iter().fold(seed::derive(hash, *label as u64), |hash, id| seed::derive(hash, u64::from(*id)))
    });
    format!("{rows:016x}")
}

/// A training under way.
pub struct Trainer<'a, L: Layers> {
    pub(super) task: Task<'a>,
    pub(super) encoder: Encoder<L>,
    optimizer: Optimizer<L>,
    pub(super) state: State,
    pub(super) loss: CrossEntropy,
    per_epoch: usize,
    steps: usize,
    rows: usize,
    /// Steps of this leg, and of those behind the first two the seconds and how many they are.
    begun: usize,
    timed: (f64, usize),
    /// Seconds a step and rows a second, over the last steps.
    speed: Option<(f64, f64)>,
    evaluation: Option<f64>,
    last: (f64, f64, f64),
}

impl<'a, L: Layers> Trainer<'a, L> {
    /// A new training.
    pub fn new(task: Task<'a>, encoder: Encoder<L>) -> Self {
        let state = State {
            model_sha256: task.model_sha256.to_owned(),
            rows: fingerprint(task.train),
            labels: task.labels.to_vec(),
            learning_rate: task.settings.learning_rate,
            settings: task.settings.clone(),
            ..State::default()
        };
        let optimizer = Optimizer::new(&encoder);
        Self::with(task, encoder, optimizer, state)
    }

    /// Goes on from the newest checkpoint in the run's folder, if there is one; else it is a new training.
    pub fn resume(task: Task<'a>, mut encoder: Encoder<L>) -> Result<Self, TrainError> {
        let Some((folder, state)) = checkpoint::newest(task.folder)? else { return Ok(Self::new(task, encoder)) };
        let differs = |what: &str| {
            TrainError::Bad(format!("{}: is a checkpoint of another training: {what} differ", folder.display()))
        };
        if state.model_sha256 != task.model_sha256 {
            return Err(differs("the files of the encoder"));
        }
        if state.rows != fingerprint(task.train) {
            return Err(differs("the rows of the train split"));
        }
        if state.labels != task.labels {
            return Err(differs("the labels"));
        }
        if state.settings != *task.settings {
            return Err(differs("the settings"));
        }
        checkpoint::load_weights(&folder, &mut encoder)?;
        let optimizer = checkpoint::load_optimizer(&folder, &encoder, state.step)?;
        Ok(Self::with(task, encoder, optimizer, state))
    }

    fn with(task: Task<'a>, encoder: Encoder<L>, optimizer: Optimizer<L>, state: State) -> Self {
        let loss = CrossEntropy {
            weights: class_weights(task.settings, task.labels, &task.train.labels),
            smoothing: task.settings.label_smoothing,
        };
        let per_epoch = steps_per_epoch(task.settings, task.train.ids.len());
        let steps = per_epoch * task.settings.epochs;
        Self {
            task,
            encoder,
            optimizer,
            state,
            loss,
            per_epoch,
            steps,
            rows: 0,
            begun: 0,
            timed: (0.0, 0),
            speed: None,
            evaluation: None,
            last: (0.0, 0.0, 0.0),
        }
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder<L> {
        &self.encoder
    }

    pub(super) fn epoch(&self) -> f64 {
        self.state.step as f64 / self.per_epoch.max(1) as f64
    }

    fn tell(&self, update: Update) {
        (self.task.tell)(update);
    }

    /// Trains to the end, and classifies the test split with the best weights.
    pub fn run(mut self) -> Result<Outcome, TrainError> {
        let stopped = self.train()?;
        if let Some(folder) = checkpoint::best(self.task.folder) {
            checkpoint::load_weights(&folder, &mut self.encoder)?;
        } else {
            // Without a validation split the last weights are the best.
            self.keep_best()?;
            self.state.best_step = self.state.step;
        }
        if !self.task.test.ids.is_empty() {
            let evaluation = self.evaluate(true)?;
            self.tell(Update::Evaluated(Box::new(evaluation)));
        }
        Ok(Outcome {
            steps: self.state.step,
            rows: self.rows,
            step_seconds: self.timed.0 / self.timed.1.max(1) as f64,
            best_step: self.state.best_step,
            best: self.state.best,
            stopped,
        })
    }

    fn train(&mut self) -> Result<Option<String>, TrainError> {
        let settings = self.task.settings;
        let lengths: Vec<usize> = self.task.train.ids.iter().map(Vec::len).collect();
        let orders = seed::derive(settings.seed, ORDER);
        if self.state.due {
            let reason = self.settle(true)?;
            if reason.is_some() {
                return Ok(reason);
            }
        }
        while self.state.step < self.steps {
            let epoch = self.state.step / self.per_epoch;
            let batches = order::batches(&lengths, settings.batch_size, settings.group_by_length, orders, epoch);
            let groups: Vec<&[Vec<usize>]> = batches.chunks(settings.gradient_accumulation).collect();
            for group in groups.into_iter().skip(self.state.step % self.per_epoch) {
                self.obey()?;
                self.step(group)?;
                let reason = self.settle(false)?;
                if reason.is_some() {
                    return Ok(reason);
                }
            }
        }
        Ok(None)
    }

    /// What follows a step: an evaluation, a checkpoint, perhaps the end, with its reason. `due` asks for the evaluation that a
    /// training did not come to before it was broken off.
    fn settle(&mut self, due: bool) -> Result<Option<String>, TrainError> {
        let settings = self.task.settings;
        let step = self.state.step;
        let ended = step.is_multiple_of(self.per_epoch);
        let stopped = self.task.control.is_stopped();
        let mut better = None;
        if due || ended || stopped || self.task.control.takes_evaluation() {
            self.state.due = true;
            better = self.validate()?;
            self.state.due = false;
        }
        let asked = settings.save_steps.is_some_and(|every| step.is_multiple_of(every));
        if due || ended || asked || stopped {
            self.save()?;
        }
        if stopped && step < self.steps {
            let text = "stopped; the best weights so far are kept".to_owned();
            self.tell(Update::Changed { step, text, paused: false });
            return Ok(Some("stopped by the user".to_owned()));
        }
        let stale = better == Some(false) && settings.patience.is_some_and(|patience| self.state.stale >= patience);
        Ok(stale.then(|| format!("no better {} in {} evaluations", settings.best.name(), self.state.stale)))
    }

    /// Follows wishes from outside.
    fn obey(&mut self) -> Result<(), TrainError> {
        if (self.task.cancelled)() {
            return Err(self.break_off());
        }
        if let Some(rate) = self.task.control.takes_learning_rate() {
            let text = format!("learning rate {rate:e} instead of {:e}, falling as before", self.state.learning_rate);
            self.state.learning_rate = rate;
            self.tell(Update::Changed { step: self.state.step, text, paused: false });
        }
        if !self.task.control.is_paused() {
            return Ok(());
        }
        // Whoever leaves a training that waits loses nothing.
        self.save()?;
        self.tell(Update::Changed { step: self.state.step, text: "paused".to_owned(), paused: true });
        while self.task.control.is_paused() && !self.task.control.is_stopped() {
            if (self.task.cancelled)() {
                return Err(self.break_off());
            }
            std::thread::sleep(PATIENCE);
        }
        self.tell(Update::Changed { step: self.state.step, text: "going on".to_owned(), paused: false });
        Ok(())
    }

    /// Keeps a checkpoint of a training that is asked to stop at once.
    pub(super) fn break_off(&mut self) -> TrainError {
        match self.save() {
            Ok(()) => TrainError::Cancelled,
            Err(error) => error,
        }
    }

    fn save(&mut self) -> Result<(), TrainError> {
        if self.state.step == 0 {
            return Ok(());
        }
        let path = checkpoint::save(self.task.folder, &self.encoder, &self.optimizer, &self.state)?;
        self.tell(Update::Saved { step: self.state.step, path });
        Ok(())
    }

    pub(super) fn batch(&self, tokens: &Tokens, rows: &[usize]) -> (Batch, Vec<usize>) {
        let padded = if self.task.settings.padding == Padding::Max { self.task.settings.max_length } else { 0 };
        let texts = rows.iter().filter_map(|row| tokens.ids.get(*row)).map(Vec::as_slice);
        let labels = rows.iter().filter_map(|row| tokens.labels.get(*row)).copied().collect();
        (Batch::new(texts, padded), labels)
    }

    /// One step over a group of batches, whose gradients add up.
    fn step(&mut self, group: &[Vec<usize>]) -> Result<(), TrainError> {
        let started = Instant::now();
        let settings = self.task.settings;
        let outputs = self.task.labels.len();
        let dropout = seed::derive(settings.seed, DROPOUT);
        let mut grads = self.encoder.no_grads();
        let (mut loss, mut rows) = (0.0, 0);
        for (index, places) in group.iter().enumerate() {
            let (batch, labels) = self.batch(self.task.train, places);
            let number = self.state.step * settings.gradient_accumulation + index;
            let (logits, saved) = self.encoder.forward(&batch, Some(seed::derive(dropout, number as u64)))?;
            let logits = self.encoder.layers().values(&logits)?;
            let (value, grad) = self.loss.mean(&logits, outputs, &labels, 1.0 / group.len() as f64);
            guard::finite("the loss", value, self.state.step + 1)?;
            loss += value;
            rows += labels.len();
            let grad = self.encoder.layers().mat(grad, outputs)?;
            self.encoder.backward(saved, grad, &|place| trains(settings, place), &mut grads)?;
        }
        if self.state.step == 0 {
            guard::all_learn(&self.encoder, &grads, &|place| trains(settings, place))?;
        }
        let rate = self.state.learning_rate * schedule::share(settings, self.state.step, self.steps);
        let norm = self.optimizer.step(&mut self.encoder, grads, rate, settings)?;
        guard::finite("the gradient", norm, self.state.step + 1)?;
        self.state.step += 1;
        self.state.losses += loss;
        self.state.counted += 1;
        self.rows += rows;
        self.last = (loss, rate, norm);
        let seconds = started.elapsed().as_secs_f64();
        self.begun += 1;
        if self.begun > 2 {
            self.timed = (self.timed.0 + seconds, self.timed.1 + 1);
        }
        let blend = |old: Option<f64>, new: f64| old.map_or(new, |old| old + 0.1 * (new - old));
        self.speed = Some((
            blend(self.speed.map(|speed| speed.0), seconds),
            blend(self.speed.map(|speed| speed.1), rows as f64 / seconds.max(1e-9)),
        ));
        self.pace(None);
        if self.state.step.is_multiple_of(settings.logging_steps) {
            let figures = Step {
                step: self.state.step,
                epoch: self.epoch(),
                loss: self.state.losses / self.state.counted as f64,
                learning_rate: rate,
                grad_norm: norm,
            };
            (self.state.losses, self.state.counted) = (0.0, 0);
            self.state.history.push(Figures::Train(figures));
            self.tell(Update::Step(figures));
        }
        Ok(())
    }

    pub(super) fn pace(&self, evaluating: Option<(usize, usize)>) {
        let (seconds, rows_per_second) = self.speed.unwrap_or_default();
        let (loss, learning_rate, grad_norm) = self.last;
        let epochs_left = self.task.settings.epochs.saturating_sub(self.state.step / self.per_epoch.max(1));
        self.tell(Update::Pace(Pace {
            step: self.state.step,
            epoch: self.epoch(),
            loss,
            learning_rate,
            grad_norm,
            rows_per_second,
            seconds_left: (self.steps.saturating_sub(self.state.step)) as f64 * seconds
                + epochs_left as f64 * self.evaluation.unwrap_or(0.0),
            evaluating,
        }));
    }

    /// Classifies the validation split; whether it is the best so far, if there is one.
    fn validate(&mut self) -> Result<Option<bool>, TrainError> {
        if self.task.validation.ids.is_empty() {
            return Ok(None);
        }
        let mut evaluation = self.evaluate(false)?;
        let scores = &evaluation.scores;
        let metric = self.task.settings.best;
        let value = metric.of(scores);
        let better = self.state.best.is_none_or(|best| if metric == Best::Loss { value < best } else { value > best });
        evaluation.best = better;
        let warnings = guard::warnings(&self.state.history, &evaluation, self.task.labels, self.task.validation);
        self.state.history.push(Figures::Eval(scores.clone()));
        self.evaluation = Some(evaluation.seconds);
        self.tell(Update::Evaluated(Box::new(evaluation)));
        for (kind, text) in warnings {
            if !self.state.warned.iter().any(|warned| warned == kind) {
                self.state.warned.push(kind.to_owned());
                self.tell(Update::Warned { step: self.state.step, text });
            }
        }
        if better {
            (self.state.best, self.state.best_step, self.state.stale) = (Some(value), self.state.step, 0);
            self.keep_best()?;
            self.tell(Update::Best { step: self.state.step, metric: metric.name().to_owned(), value });
        } else {
            self.state.stale += 1;
        }
        Ok(Some(better))
    }

    fn keep_best(&self) -> Result<(), TrainError> {
        let Task { folder, config, tokenizer, .. } = &self.task;
        checkpoint::save_best(folder, &self.encoder, config, tokenizer).map(|_| ())
    }
}
