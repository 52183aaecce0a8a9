//! The comparison of view 6: the marked run, A, and the one under the cursor, B.

use std::path::PathBuf;
use std::sync::Arc;

use crate::session::comparison::{Compared, Outcome, Remark};
use crate::session::folder::Status;

/// Two runs, and how far they were when they were compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The folder of A.
    pub a: PathBuf,
    /// The folder of B.
    pub b: PathBuf,
    /// Answers that each of them has, and where it stands: a run that has gone on is compared anew.
    pub stands: [(usize, Status); 2],
}

/// What came of a comparison.
#[derive(Clone, Debug)]
pub struct Contrast {
    /// The figures.
    pub compared: Compared,
    /// What should be known of them.
    pub remarks: Vec<Remark>,
    /// The comparison as text and as JSON; not there while the intervals are computed.
    pub written: Option<[String; 2]>,
}

/// What view 6 knows of it.
#[derive(Clone, Debug, Default)]
pub struct ContrastState {
    /// The pair that was asked about last, if the view shows one.
    pub asked: Option<Pair>,
    /// Counts the questions: answers to earlier ones are dropped.
    pub number: u64,
    /// What came of it: the counts first, the intervals later; or why the two cannot be compared.
    pub found: Option<Result<Arc<Contrast>, String>>,
    /// Resamples that are done.
    pub done: usize,
    /// The selected outcome.
    pub selected: usize,
    /// The run that is being read to list the rows of an outcome.
    pub wanted: Option<(PathBuf, Outcome)>,
}

impl ContrastState {
    /// The comparison, once its counts are there.
    pub fn contrast(&self) -> Option<&Arc<Contrast>> {
        self.found.as_ref()?.as_ref().ok()
    }

    /// The outcomes that are listed: none where the two cannot be compared.
    pub fn outcomes(&self) -> &'static [Outcome] {
        match (&self.asked, &self.found) {
            (None, _) | (_, Some(Err(_))) => &[],
            (_, Some(Ok(contrast))) => contrast.compared.outcomes(),
            (Some(_), None) => Outcome::JUDGED,
        }
    }

    /// The selected one.
    pub fn outcome(&self) -> Option<Outcome> {
        let outcomes = self.outcomes();
        outcomes.get(self.selected.min(outcomes.len().saturating_sub(1))).copied()
    }
}
