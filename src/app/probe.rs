//! The probe: a small pinned sample of the validation split that is scored again at every edit of the prompt.

use crate::metrics::{Confusion, Report};

/// What the probe's rows were answered, as far as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// For each row the label that was answered: `None` while it is not, `Some(None)` where the answer is no label.
    pub answers: Vec<Option<Option<usize>>>,
}

/// Figures over rows of the probe.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Rows that are answered.
    pub rows: usize,
    /// Of those, the ones answered right.
    pub right: usize,
    /// The share of them.
    pub accuracy: f64,
    /// Mean F1 over the labels.
    pub macro_f1: f64,
}

/// How a row's answer changed against the accepted version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flip {
    /// Wrong before, right now.
    Fixed,
    /// Right before, wrong now.
    Broken,
    /// Another wrong answer.
    Other,
}

/// The state of the probe.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// The rows.
    pub rows: Vec<usize>,
    /// Their gold labels.
    pub gold: Vec<usize>,
    /// The edit that is being scored or was scored last.
    pub edit: u64,
    /// Its answers.
    pub now: Outcome,
    /// Those of the accepted version.
    pub accepted: Option<Outcome>,
}

impl Probe {
    /// A probe over rows with their gold labels.
    pub fn new(rows: Vec<(usize, usize)>) -> Self {
        let (rows, gold): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let now = Outcome { answers: vec![None; rows.len()] };
        Self { rows, gold, now, ..Self::default() }
    }

    /// Begins anew for an edit.
    pub fn begin(&mut self, edit: u64) {
        self.edit = edit;
        self.now.answers = vec![None; self.rows.len()];
    }

    /// Takes the answer of one row.
    pub fn answer(&mut self, place: usize, label: Option<usize>) {
        if let Some(answer) = self.now.answers.get_mut(place) {
            *answer = Some(label);
        }
    }

    /// Rows answered.
    pub fn done(&self) -> usize {
        self.now.answers.iter().flatten().count()
    }

    /// Whether all are.
    pub fn is_complete(&self) -> bool {
        !self.rows.is_empty() && self.done() == self.rows.len()
    }

    /// The figures so far.
    pub fn figures(&self) -> Figures {
        figures(&self.gold, &self.now, &self.now)
    }

    /// The figures of the accepted version over the rows that are answered now, so that the two can be compared while
    /// answers come.
    pub fn accepted_figures(&self) -> Option<Figures> {
        Some(figures(&self.gold, self.accepted.as_ref()?, &self.now))
    }

    /// Whether a row's answer is right now.
    pub fn is_right(&self, place: usize) -> Option<bool> {
        let answer = self.now.answers.get(place).copied().flatten()?;
        Some(answer == self.gold.get(place).copied())
    }

    /// How a row's answer changed.
    pub fn flip(&self, place: usize) -> Option<Flip> {
        let gold = self.gold.get(place).copied();
        let before = self.accepted.as_ref()?.answers.get(place).copied().flatten()?;
        let now = self.now.answers.get(place).copied().flatten()?;
        match (before == gold, now == gold) {
            _ if before == now => None,
            (false, true) => Some(Flip::Fixed),
            (true, false) => Some(Flip::Broken),
            _ => Some(Flip::Other),
        }
    }

    /// How many rows were fixed and broken.
    pub fn flips(&self) -> (usize, usize) {
        let count = |kind| (0..self.rows.len()).filter(|place| self.flip(*place) == Some(kind)).count();
        (count(Flip::Fixed), count(Flip::Broken))
    }

    /// Places of the rows: those that flipped first, then the wrong ones, then the rest.
    pub fn order(&self) -> Vec<usize> {
        let rank = |place: &usize| match (self.flip(*place), self.is_right(*place)) {
            (Some(Flip::Broken), _) => 0,
            (Some(_), _) => 1,
            (None, Some(false)) => 2,
            (None, Some(true)) => 3,
            (None, None) => 4,
        };
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(rank);
        order
    }

    /// The answers now become those that others are compared with.
    pub fn accept(&mut self) {
        self.accepted = Some(self.now.clone());
    }

    /// Share of the most frequent label among the rows.
    pub fn majority(&self) -> Option<f64> {
        let mut counts: Vec<usize> = Vec::new();
        for &gold in &self.gold {
            counts.resize(counts.len().max(gold + 1), 0);
            if let Some(count) = counts.get_mut(gold) {
                *count += 1;
            }
        }
        counts.into_iter().max().map(|most| most as f64 / self.gold.len() as f64)
    }
}

/// The figures of `outcome` over the rows that `answered` has answers to.
fn figures(gold: &[usize], outcome: &Outcome, answered: &Outcome) -> Figures {
    let rows = gold.iter().zip(&outcome.answers).zip(&answered.answers);
    let mut confusion = Confusion::new();
    for ((gold, answer), _) in rows.filter(|(_, answered)| answered.is_some()) {
        if let Some(answer) = answer {
            // Places of labels serve as their names: only the counts matter here. No label is `unknown`'s place.
            let predicted = answer.map_or_else(|| "?".to_owned(), |label| label.to_string());
            confusion.add(&gold.to_string(), &predicted);
        }
    }
    let report = Report::new(confusion);
    Figures {
        rows: report.rows() as usize,
        right: report.confusion.correct() as usize,
        accuracy: report.accuracy,
        macro_f1: report.macro_f1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_move_as_answers_come_and_compare_on_the_same_rows() {
        let mut probe = Probe::new(vec![(10, 0), (11, 1), (12, 0), (13, 1)]);
        assert_eq!(probe.figures().rows, 0);
        for (place, label) in [Some(0), Some(0), Some(0), None].into_iter().enumerate() {
            probe.answer(place, label);
        }
        assert!(probe.is_complete());
        let figures = probe.figures();
        assert_eq!((figures.rows, figures.right, figures.accuracy), (4, 2, 0.5));
        probe.accept();
        probe.begin(2);
        probe.answer(1, Some(1));
        probe.answer(2, Some(1));
        assert_eq!((probe.done(), probe.is_complete()), (2, false));
        let before = probe.accepted_figures().unwrap();
        assert_eq!((before.rows, before.right, probe.figures().right), (2, 1, 1));
        assert_eq!((probe.flip(1), probe.flip(2), probe.flip(0)), (Some(Flip::Fixed), Some(Flip::Broken), None));
        assert_eq!(probe.flips(), (1, 1));
        assert_eq!(probe.order(), [2, 1, 0, 3]);
        probe.answer(3, Some(0));
        assert_eq!(probe.flip(3), Some(Flip::Other));
        assert_eq!(probe.majority(), Some(0.5));
        probe.answer(99, None);
    }
}
