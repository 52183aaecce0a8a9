//! A scripted training: the loss falls, the classes are told apart better and better, wishes are followed. The numbers are
//! the same every time and say nothing of any model.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::command::{Examples, TrainRequest};
use crate::engine::event::Trained;
use crate::engine::worker::{EngineError, Job};
use crate::metrics::{Confusion, Report};
use crate::train::update::Scores;
use crate::train::{Evaluation, Pace, Started, Step, Update};

/// Rows a second, as it says.
const RATE: f64 = 21.5;
/// Time between two looks whether a pause is over.
const LOOK: Duration = Duration::from_millis(1);

/// What a training is scripted to do beside going well.
#[derive(Clone, Debug, Default)]
pub struct TrainScript {
    /// Time a step takes.
    pub delay: Duration,
    /// This step fails.
    pub fail_at: Option<usize>,
    /// The first evaluation from this step on is followed by a warning.
    pub warn_at: Option<usize>,
}

/// A number from 0 to 1 that looks like chance.
fn chance(seed: usize) -> f64 {
    let mut bits = (seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A training that goes on.
struct Going<'a> {
    job: &'a Job,
    request: &'a TrainRequest,
    steps: usize,
    each_epoch: usize,
    rate: f64,
    best: Option<(usize, f64)>,
}

/// Follows the script; `each` is called before every step with the number of those done.
pub(super) fn train(
    script: &TrainScript,
    job: &Job,
    request: &TrainRequest,
    each: &mut dyn FnMut(usize),
) -> Result<Trained, EngineError> {
    let settings = &request.settings;
    let rows = request.train.texts.len();
    let each_epoch = rows.div_ceil(settings.batch_size.max(1)).max(1);
    let steps = each_epoch * settings.epochs;
    let begun = if request.resume { newest(&request.folder) } else { 0 };
    job.loading("reading the script", 0, None);
    job.training(Update::Started(Box::new(Started {
        model: "scripted-encoder".to_owned(),
        origin: settings.model.clone(),
        sha256: "1".repeat(64),
        device: "cpu".to_owned(),
        dtype: "f32".to_owned(),
        threads: 1,
        parameters: 22_000_000,
        trainable: 22_000_000,
        steps,
        steps_per_epoch: each_epoch,
        epochs: settings.epochs,
        step: begun,
        ..Started::default()
    })));
    let mut going = Going { job, request, steps, each_epoch, rate: settings.learning_rate, best: None };
    let (mut done, mut warned) = (begun, false);
    let mut stopped = None;
    while done < steps {
        each(done);
        going.wait(done);
        if job.is_cancelled() {
            going.save(done)?;
            return Err(EngineError::Cancelled);
        }
        if request.control.is_stopped() {
            going.changed(done, "stopped by the user; the best weights are kept", false);
            stopped = Some(format!("stopped by the user at step {done}"));
            break;
        }
        if let Some(rate) = request.control.takes_learning_rate() {
            going.changed(done, &format!("learning rate {:.2e} instead of {:.2e}", rate, going.rate), false);
            going.rate = rate;
        }
        done += 1;
        if script.fail_at == Some(done) {
            return Err(EngineError::Failed(format!("the script fails at step {done}")));
        }
        std::thread::sleep(script.delay);
        going.step(done);
        let ended = done.is_multiple_of(each_epoch);
        if request.control.takes_evaluation() || ended {
            if !ended {
                going.changed(done, "evaluated by the user", false);
            }
            going.evaluate(done);
            if script.warn_at.is_some_and(|at| done >= at) && !warned {
                warned = true;
                let text = "overfitting sets in: the loss on validation rises while that of training falls".to_owned();
                job.training(Update::Warned { step: done, text });
            }
            if ended {
                going.save(done)?;
            }
            // The last word before the next step.
            going.pace(done);
        }
    }
    if stopped.is_some() {
        going.evaluate(done);
    }
    let scores = going.scores(done, &request.test);
    job.training(Update::Evaluated(Box::new(Evaluation {
        logprobs: Arc::new(going.answers(done, &request.test)),
        scores,
        test: true,
        ..Evaluation::default()
    })));
    Ok(Trained {
        steps: done,
        seconds: (done - begun) as f64,
        rows: rows * done / each_epoch,
        step_seconds: 0.0,
        best_step: going.best.map_or(done, |(step, _)| step),
        best: going.best.map(|(_, value)| (settings.best.name().to_owned(), value)),
        stopped,
    })
}

impl Going<'_> {
    fn epoch(&self, done: usize) -> f64 {
        done as f64 / self.each_epoch as f64
    }

    /// Share of the way.
    fn share(&self, done: usize) -> f64 {
        done as f64 / self.steps.max(1) as f64
    }

    /// Stands still while it is asked to.
    fn wait(&self, done: usize) {
        let control = &self.request.control;
        if !control.is_paused() {
            return;
        }
        self.changed(done, "paused", true);
        while control.is_paused() && !control.is_stopped() && !self.job.is_cancelled() {
            std::thread::sleep(LOOK);
        }
        self.changed(done, "goes on", false);
    }

    fn changed(&self, step: usize, text: &str, paused: bool) {
        self.job.training(Update::Changed { step, text: text.to_owned(), paused });
    }

    fn loss(&self, done: usize) -> f64 {
        // Another learning rate than at the beginning is seen.
        let faster = (self.rate / self.request.settings.learning_rate).log2().clamp(-2.0, 2.0);
        0.15 + 0.1 * faster + 0.55 * (-4.0 * self.share(done)).exp() + 0.12 * (chance(done) - 0.5)
    }

    fn learning_rate(&self, done: usize) -> f64 {
        self.rate * (1.0 - self.share(done))
    }

    fn grad_norm(done: usize) -> f64 {
        1.5 + 2.0 * chance(done + 7000)
    }

    fn step(&self, done: usize) {
        if done.is_multiple_of(self.request.settings.logging_steps.max(1)) {
            self.job.training(Update::Step(Step {
                step: done,
                epoch: self.epoch(done),
                loss: self.loss(done),
                learning_rate: self.learning_rate(done),
                grad_norm: Self::grad_norm(done),
            }));
        }
        self.pace(done);
    }

    fn pace(&self, done: usize) {
        let left = (self.steps - done) * self.request.settings.batch_size;
        self.job.training(Update::Pace(Pace {
            step: done,
            epoch: self.epoch(done),
            loss: self.loss(done),
            learning_rate: self.learning_rate(done),
            grad_norm: Self::grad_norm(done),
            rows_per_second: RATE,
            seconds_left: left as f64 / RATE,
            evaluating: None,
        }));
    }

    /// Log-probabilities of the labels: the more steps, the more rows are right.
    fn answers(&self, done: usize, examples: &Examples) -> Vec<Vec<f64>> {
        let labels = self.request.labels.len().max(1);
        let right = 0.6 + 0.35 * self.share(done);
        let answer = |(row, gold): (usize, usize)| {
            let answered = if chance(row * 31) < right { gold } else { (gold + 1) % labels };
            let sure = (0.5 + 0.5 * chance(row + 900)).min(0.99);
            let rest = (1.0 - sure) / (labels.max(2) - 1) as f64;
            (0..labels).map(|label| if label == answered { sure.ln() } else { rest.ln() }).collect()
        };
        examples.rows.iter().copied().zip(examples.labels.iter().copied()).map(answer).collect()
    }

    fn scores(&self, done: usize, examples: &Examples) -> Scores {
        let name = |label: usize| self.request.labels.get(label).map_or("", String::as_str);
        let mut confusion = Confusion::with_labels(self.request.labels.iter().cloned());
        for (logprobs, gold) in self.answers(done, examples).iter().zip(&examples.labels) {
            let best = logprobs.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            confusion.add(name(*gold), name(best.map_or(0, |(label, _)| label)));
        }
        let report = Report::new(confusion);
        Scores {
            step: done,
            epoch: self.epoch(done),
            loss: 0.2 + 0.4 * (-3.0 * self.share(done)).exp(),
            accuracy: report.accuracy,
            precision: report.weighted.precision,
            recall: report.weighted.recall,
            f1: report.weighted.f1,
            macro_f1: report.macro_f1,
            class_f1: report.classes.values().map(|class| class.f1).collect(),
        }
    }

    fn evaluate(&mut self, done: usize) {
        let examples = &self.request.validation;
        let scores = self.scores(done, examples);
        let value = scores.f1;
        let best = self.best.is_none_or(|(_, most)| value > most);
        let logprobs = Arc::new(self.answers(done, examples));
        self.job.training(Update::Evaluated(Box::new(Evaluation { scores, best, logprobs, ..Evaluation::default() })));
        if best {
            self.best = Some((done, value));
            self.job.training(Update::Best { step: done, metric: self.request.settings.best.name().to_owned(), value });
        }
    }

    /// Leaves a folder where a checkpoint would be.
    fn save(&self, done: usize) -> Result<(), EngineError> {
        if done == 0 {
            return Ok(());
        }
        let path = self.request.folder.join("checkpoints").join(format!("step-{done}"));
        fs::create_dir_all(&path).map_err(|error| EngineError::Failed(format!("{}: {error}", path.display())))?;
        self.job.training(Update::Saved { step: done, path });
        Ok(())
    }
}

/// The step of the newest checkpoint in a run's folder.
fn newest(folder: &Path) -> usize {
    let entries = fs::read_dir(folder.join("checkpoints")).into_iter().flatten().flatten();
    let step = |entry: fs::DirEntry| entry.file_name().to_string_lossy().strip_prefix("step-")?.parse().ok();
    entries.filter_map(step).max().unwrap_or(0)
}
