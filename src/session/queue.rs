//! Many runs of one session one after another: which comes next depends on what came of those before.
//!
//! A [`Queue`] is asked for its next run and told the answers; it neither runs anything nor waits. A run of a queue is a run
//! like any other, in a folder of its own. A queue that is begun again finds the runs that are there already ([`kept`]),
//! takes their answers and goes on with one that was broken off, so that nothing need be remembered besides.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::metrics::Report;
use crate::metrics::calibration::Method;
use crate::prompt::PromptSpec;

use super::calibrate::{self, Kept};
use super::folder::{Manifest, Status};
use super::predictions::Prediction;
use super::run;
use super::runs;
use super::spec::Session;

/// The next run.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What the run is called.
    pub name: String,
    /// What it is run for.
    pub purpose: String,
    /// The session.
    pub session: Session,
    /// The split.
    pub split: Split,
    /// Only the first so many rows of it.
    pub limit: Option<usize>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Its folder.
    pub run: PathBuf,
    /// Its rows, in the order of the split.
    pub rows: Vec<Prediction>,
}

/// Calibrations that need neither labels nor further answers, and so can be taken off before a prompt is judged: a model that
/// answers one label whatever it reads has the same figures with every prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leveled {
    /// As the model says.
    #[default]
    None,
    /// Less what it says on average over the rows of the run.
    Batch,
}

impl Leveled {
    /// The answers so calibrated; those without log-probabilities as they are.
    pub(super) fn of(self, answered: Answered, labels: &[String]) -> Answered {
        if self == Self::None {
            return answered;
        }
        let rows: Vec<&Prediction> = answered.rows.iter().collect();
        let fitted = calibrate::fit(Method::Batch, &Kept::default(), Split::Validation, &rows, labels, &mut || true);
        match fitted {
            Ok(fitted) => Answered { rows: calibrate::apply(&fitted.calibration, &rows, labels), run: answered.run },
            Err(_) => answered,
        }
    }
}

/// Accuracy and macro-F1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Rows with a gold label.
    pub rows: u64,
    /// Share answered right.
    pub accuracy: f64,
    /// Mean F1 over the labels.
    pub macro_f1: f64,
}

impl Scores {
    /// Of some rows; none where none of them has a gold label.
    pub fn of(rows: &[Prediction]) -> Option<Self> {
        run::report(rows).map(|report| Self::from(&report))
    }
}

impl From<&Report> for Scores {
    fn from(report: &Report) -> Self {
        Self { rows: report.rows(), accuracy: report.accuracy, macro_f1: report.macro_f1 }
    }
}

/// A line of the table that is shown while a queue goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What is varied.
    pub kind: String,
    /// What it is called.
    pub name: String,
    /// The figures, once they are there.
    pub scores: Option<Scores>,
    /// What there is to say of it: "kept", "best so far".
    pub note: String,
    /// The prompt.
    pub prompt: PromptSpec,
    /// The run's folder.
    pub run: Option<PathBuf>,
}

/// Runs one after another.
pub trait Queue: Send {
    /// The next run; none at the end.
    fn next(&mut self) -> Option<Proposal>;
    /// Takes the answers of the run that came last.
    fn take(&mut self, answered: Answered);
    /// The table so far.
    fn lines(&self) -> Vec<Line>;
    /// Runs done, and runs in all as far as that is known.
    fn progress(&self) -> (usize, usize);
    /// What there is to say when it is over, or so far.
    fn text(&self) -> String;
}

/// The run that does what `now` describes, among those that are kept in a folder: finished if there is one, else one that
/// can go on. Somebody else's that is being written just now is left alone.
pub fn kept(folder: &Path, now: &Manifest) -> Option<(PathBuf, Status)> {
    let same = runs::list(&[folder.to_owned()]).into_iter().filter_map(|entry| {
        let facts =
            entry.facts.ok().filter(|facts| !facts.live && facts.template_sha256 == now.prompt.template_sha256)?;
        let manifest = Manifest::read(&entry.path).ok()?;
        manifest.allows(now, &entry.path).ok()?;
        Some((entry.path, facts.status))
    });
    let mut unfinished = None;
    for (path, status) in same {
        if status == Status::Finished {
            return Some((path, status));
        }
        unfinished.get_or_insert((path, status));
    }
    unfinished
}
