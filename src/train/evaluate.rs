//! Classifying a split in the middle of a training, or after its end.

use std::sync::Arc;
use std::time::Instant;

use crate::metrics::{Confusion, Report};
use crate::model::layers::Layers;

use super::guard;
use super::loss::log_softmax;
use super::trainer::{TrainError, Trainer};
use super::update::{Evaluation, Scores};

/// Rows of an evaluation's batch.
const EVALUATED: usize = 32;

impl<L: Layers> Trainer<'_, L> {
    /// Classifies a split with the weights as they are.
    pub(super) fn evaluate(&mut self, test: bool) -> Result<Evaluation, TrainError> {
        let started = Instant::now();
        let tokens = if test { self.task.test } else { self.task.validation };
        let outputs = self.task.labels.len();
        let mut order: Vec<usize> = (0..tokens.ids.len()).collect();
        order.sort_by_key(|row| tokens.ids.get(*row).map_or(0, Vec::len));
        let mut logprobs = vec![Vec::new(); tokens.ids.len()];
        let (mut loss, mut weight, mut done) = (0.0, 0.0, 0);
        for rows in order.chunks(EVALUATED) {
            self.pace(Some((done, tokens.ids.len())));
            let (batch, labels) = self.batch(tokens, rows);
            let logits = self.encoder.logits(&batch, &|| !(self.task.cancelled)())?;
            let Some(logits) = logits else {
                // After the last step there is a checkpoint already.
                return Err(if test { TrainError::Cancelled } else { self.break_off() });
            };
            let logits = self.encoder.layers().values(&logits)?;
            let (one, counts) = self.loss.sums(&logits, outputs, &labels);
            (loss, weight) = (loss + one, weight + counts);
            for (row, logits) in rows.iter().zip(logits.chunks_exact(outputs.max(1))) {
                if let Some(slot) = logprobs.get_mut(*row) {
                    *slot = log_softmax(logits);
                }
            }
            done += rows.len();
        }
        let scores = self.scores(loss / weight, &logprobs, &tokens.labels);
        let seconds = started.elapsed().as_secs_f64();
        Ok(Evaluation { scores, test, best: false, logprobs: Arc::new(logprobs), seconds })
    }

    fn scores(&self, loss: f64, logprobs: &[Vec<f64>], labels: &[usize]) -> Scores {
        let word = |label: usize| self.task.labels.get(label).map_or("", String::as_str);
        let mut confusion = Confusion::with_labels(self.task.labels.iter().cloned());
        for (logprobs, gold) in logprobs.iter().zip(labels) {
            confusion.add(word(*gold), word(guard::likeliest(logprobs)));
        }
        let report = Report::new(confusion.observed());
        let class_f1 = self.task.labels.iter().map(|label| report.classes.get(label).map_or(0.0, |class| class.f1));
        Scores {
            step: self.state.step,
            epoch: self.epoch(),
            loss,
            accuracy: report.accuracy,
            precision: report.weighted.precision,
            recall: report.weighted.recall,
            f1: report.weighted.f1,
            macro_f1: report.macro_avg.f1,
            class_f1: class_f1.collect(),
        }
    }
}
