//! A run on the screen: being answered now, or read from its folder.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::data::Split;
use crate::metrics::{Confusion, Report};
use crate::session::folder::Status;
use crate::session::predictions::Prediction;
use crate::session::prepare::Prepared;
use crate::session::run::Tally;

/// What a run on the screen is about.
#[derive(Clone)]
pub struct About {
    /// Its folder.
    pub path: PathBuf,
    /// What it is called.
    pub name: String,
    /// The split.
    pub split: Split,
    /// Rows in all.
    pub total: usize,
    /// The labels, in session order.
    pub labels: Vec<String>,
    /// Its session with the data; not there where the data cannot be read any more.
    pub prepared: Option<Arc<Prepared>>,
    /// The model's name.
    pub model: String,
    /// SHA-256 of the model's files.
    pub model_sha256: String,
}

/// The rows of a run with what is counted of them.
#[derive(Clone)]
pub struct Run {
    /// What it is about.
    pub about: About,
    /// Where it stands.
    pub status: Status,
    /// The rows answered, in the order in which they came.
    pub rows: Vec<Arc<Prediction>>,
    /// Places in `rows` by row number.
    places: HashMap<usize, usize>,
    /// The counts; labels hold their places while they grow.
    pub confusion: Confusion,
    /// The figures, where rows have gold labels.
    pub report: Option<Report>,
    /// How far it is.
    pub tally: Tally,
    /// Rows a second, while it goes on.
    pub rate: f64,
    /// Grows with every change of the rows.
    pub revision: u64,
}

impl Run {
    /// A run with the rows that are answered already.
    pub fn new(about: About, status: Status, rows: Vec<Prediction>) -> Self {
        let confusion = Confusion::with_labels(about.labels.iter().cloned());
        let tally = Tally { total: about.total, ..Tally::default() };
        let mut run = Self {
            about,
            status,
            rows: Vec::new(),
            places: HashMap::new(),
            confusion,
            report: None,
            tally,
            rate: 0.0,
            revision: 0,
        };
        run.add(rows);
        run
    }

    /// Takes rows that were answered.
    pub fn add(&mut self, rows: Vec<Prediction>) {
        for row in rows {
            self.tally.done += 1;
            if let Some(gold) = &row.gold {
                self.tally.labelled += 1;
                self.tally.right += usize::from(*gold == row.predicted);
                self.confusion.add(gold, &row.predicted);
            }
            self.places.insert(row.row, self.rows.len());
            self.rows.push(Arc::new(row));
        }
        self.revision += 1;
        self.report = (self.confusion.total() > 0).then(|| Report::new(self.confusion.observed()));
    }

    /// The prediction of a row.
    pub fn of(&self, row: usize) -> Option<&Arc<Prediction>> {
        self.rows.get(*self.places.get(&row)?)
    }

    /// The labels of the matrix, in the order of its rows and columns.
    pub fn matrix_labels(&self) -> Vec<&str> {
        self.confusion.labels().collect()
    }

    /// Whether it can still get answers.
    pub fn is_live(&self) -> bool {
        self.status == Status::Running
    }

    /// Seconds left, by the rate so far.
    pub fn seconds_left(&self) -> Option<f64> {
        let left = self.tally.total.saturating_sub(self.tally.done);
        (self.is_live() && self.rate > 0.0 && left > 0).then(|| left as f64 / self.rate)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn prediction(row: usize, gold: &str, predicted: &str, margin: f64) -> Prediction {
        Prediction {
            row,
            split: Split::Validation,
            gold: Some(gold.to_owned()),
            predicted: predicted.to_owned(),
            answer: String::new(),
            margin: Some(margin),
            logprobs: vec![Some(-0.1), Some(-0.1 - margin)],
            extra: Vec::new(),
        }
    }

    pub(crate) fn about(total: usize) -> About {
        About {
            path: PathBuf::from("runs/a"),
            name: "a".to_owned(),
            split: Split::Validation,
            total,
            labels: vec!["yes".to_owned(), "no".to_owned()],
            prepared: None,
            model: "scripted".to_owned(),
            model_sha256: "0".repeat(64),
        }
    }

    #[test]
    fn counts_grow_and_labels_hold_their_places() {
        let mut run = Run::new(about(4), Status::Running, vec![prediction(3, "yes", "no", 1.0)]);
        assert_eq!(run.matrix_labels(), ["yes", "no"]);
        run.add(vec![prediction(1, "no", "no", 0.5), prediction(2, "yes", "unknown", 0.1)]);
        assert_eq!(run.matrix_labels(), ["yes", "no", "unknown"]);
        assert_eq!((run.tally.done, run.tally.right, run.confusion.count(0, 1)), (3, 1, 1));
        assert_eq!(run.of(1).unwrap().predicted, "no");
        assert!(run.of(9).is_none());
        run.rate = 2.0;
        assert_eq!(run.seconds_left(), Some(0.5));
        // The figures are those that are kept: over the labels that occur, sorted.
        assert_eq!(run.report.unwrap().classes.keys().collect::<Vec<_>>(), ["no", "unknown", "yes"]);
    }
}
