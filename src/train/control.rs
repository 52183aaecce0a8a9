//! How a training is steered from outside while it goes on. Each wish is read before the next step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Wishes of who watches a training. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<Wishes>);

#[derive(Debug, Default)]
struct Wishes {
    paused: AtomicBool,
    stop: AtomicBool,
    evaluate: AtomicBool,
    /// Bits of the learning rate wished for; 0 is no wish.
    learning_rate: AtomicU64,
}

impl Control {
    /// Waits before the next step, or goes on.
    pub fn pause(&self, paused: bool) {
        self.0.paused.store(paused, Ordering::Relaxed);
    }

    /// Ends the training after this step: evaluates, and keeps the best weights so far.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }

    /// Evaluates after this step.
    pub fn evaluate(&self) {
        self.0.evaluate.store(true, Ordering::Relaxed);
    }

    /// Takes another highest learning rate; the schedule goes on scaling it.
    pub fn set_learning_rate(&self, rate: f64) {
        self.0.learning_rate.store(rate.to_bits(), Ordering::Relaxed);
    }

    /// Whether to wait.
    pub fn is_paused(&self) -> bool {
        self.0.paused.load(Ordering::Relaxed)
    }

    /// Whether to end.
    pub fn is_stopped(&self) -> bool {
        self.0.stop.load(Ordering::Relaxed)
    }

    /// Whether an evaluation is wished for; the wish is gone then.
    pub fn takes_evaluation(&self) -> bool {
        self.0.evaluate.swap(false, Ordering::Relaxed)
    }

    /// Another learning rate, if one is wished for; the wish is gone then.
    pub fn takes_learning_rate(&self) -> Option<f64> {
        let bits = self.0.learning_rate.swap(0, Ordering::Relaxed);
        (bits != 0).then(|| f64::from_bits(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_shared_and_taken_once() {
        let control = Control::default();
        let other = control.clone();
        other.set_learning_rate(1e-5);
        other.evaluate();
        assert_eq!(control.takes_learning_rate(), Some(1e-5));
        assert_eq!(control.takes_learning_rate(), None);
        assert!(control.takes_evaluation() && !control.takes_evaluation());
        other.pause(true);
        other.stop();
        assert!(control.is_paused() && control.is_stopped());
        other.pause(false);
        assert!(!control.is_paused());
    }
}
