//! Calibrating a run without running it again: from the log-probabilities that it keeps.
//!
//! Two of the methods need a little more than the run has: contextual calibration the log-probabilities of labels after
//! content-free inputs, supervised calibration those of some labelled train rows. Both are asked once, by the run's own
//! prompt and model, and kept in `calibration.json` in its folder. Nothing of the run itself is changed: a calibration is a
//! way to look at it.

use std::borrow::Borrow;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{Split, split};
use crate::engine::command::Method as Decoding;
use crate::engine::{Answer, ModelInfo, ScoreRequest, Work};
use crate::metrics::calibration::{Calibration, Method, Quality};
use crate::prompt::{Renderer, Variant};

use super::folder::{self, FolderError};
use super::predictions::Prediction;
use super::prepare::{PrepareError, Prepared, plain_text};

/// The file's name, in the run's folder.
pub const CALIBRATION: &str = "calibration.json";

/// No such file is larger.
const MOST_BYTES: u64 = 64 << 20;

/// The `[calibrate]` section of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CalibrateSpec {
    /// Inputs that say nothing, put in the place of every column that the prompt shows.
    pub content_free: Vec<String>,
    /// Labelled train rows that supervised calibration is fitted on.
    pub rows: usize,
    /// Seed of their draw.
    pub seed: u32,
}

impl Default for CalibrateSpec {
    fn default() -> Self {
        Self { content_free: ["N/A", "", "[MASK]"].map(str::to_owned).to_vec(), rows: 200, seed: 42 }
    }
}

impl CalibrateSpec {
    /// What types cannot say: the key, and what it must be.
    pub fn check(&self) -> Result<(), (String, String)> {
        const MOST: usize = 100;
        if self.content_free.is_empty() || self.content_free.len() > MOST {
            return Err(("content_free".to_owned(), format!("must hold 1 to {MOST} inputs")));
        }
        if self.rows == 0 {
            return Err(("rows".to_owned(), "must be at least 1".to_owned()));
        }
        Ok(())
    }
}

/// Why a run cannot be calibrated.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// Its prompts.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The file.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The file cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file is not what was written.
    #[error("{}: cannot be read: {error}; delete the file, and what is in it is asked anew", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: serde_json::Error,
    },
    /// Answers without log-probabilities.
    #[error("the run keeps no log-probabilities of labels to calibrate: decode.method = \"score\" has them")]
    NoLogprobs,
    /// Labels of which the server told nothing.
    #[error(
        "the server listed no token of some labels after {count} of the prompts, so their log-probabilities are not known"
    )]
    Untold {
        /// How many.
        count: usize,
    },
    /// Another model.
    #[error("the run was made with {was}, and the model that is loaded is {now}: load the run's own")]
    OtherModel {
        /// The run's.
        was: String,
        /// The one that is there.
        now: String,
    },
    /// Rows that may not be fitted on.
    #[error("the run is of train rows, which supervised calibration is fitted on: run the validation split")]
    OnTrain,
    /// Nothing to fit on.
    #[error("{method} calibration has nothing to go by: {what}")]
    Nothing {
        /// The method.
        method: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// Stopped.
    #[error("cancelled")]
    Cancelled,
}

/// A content-free input and what the model makes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContentFree {
    /// The input.
    pub text: String,
    /// The labels' log-probabilities, in the order of the run's labels.
    pub logprobs: Vec<f64>,
}

/// A labelled train row and what the model makes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainRow {
    /// Its number in the data file.
    pub row: usize,
    /// Its gold label.
    pub gold: String,
    /// The labels' log-probabilities.
    pub logprobs: Vec<f64>,
}

/// What `calibration.json` holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Content-free inputs.
    #[serde(default)]
    pub content_free: Vec<ContentFree>,
    /// Train rows.
    #[serde(default)]
    pub train: Vec<TrainRow>,
}

impl Kept {
    /// Reads what a run's folder has; nothing where there is no such file.
    pub fn read(run: &Path) -> Result<Self, CalibrateError> {
        use std::io::Read as _;
        let path = run.join(CALIBRATION);
        let failed = |error| CalibrateError::Read { path: path.clone(), error };
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        let mut text = String::new();
        file.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
        serde_json::from_str(&text).map_err(|error| CalibrateError::Broken { path: path.clone(), error })
    }

    /// Whether what a method needs is there.
    pub fn has(&self, method: Method) -> bool {
        match method {
            Method::None | Method::Batch => true,
            Method::Contextual => !self.content_free.is_empty(),
            Method::Supervised => !self.train.is_empty(),
        }
    }
}

/// What has to be asked of the model for a method.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    content_free: Vec<String>,
    train: Vec<(usize, String)>,
    prompts: Vec<String>,
    labels: Vec<String>,
    batch_size: Option<usize>,
    truncate: bool,
}

impl Ask {
    /// Writes the prompts that a method needs, in the words of a run's session; `rows` are the rows of the run. `go_on` is
    /// asked before each.
    pub fn new(
        prepared: &Prepared,
        model: &ModelInfo,
        method: Method,
        rows: &[usize],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Self, CalibrateError> {
        let session = &prepared.session;
        if session.decode.method != Decoding::Score {
            return Err(CalibrateError::NoLogprobs);
        }
        let spec = session.calibrate.clone().unwrap_or_default();
        let mut ask = Self {
            labels: prepared.data.labels().to_vec(),
            batch_size: session.batch_size(),
            truncate: session.truncates(),
            ..Self::default()
        };
        let shown = Shown::new(prepared, model)?;
        if method == Method::Contextual {
            // What else is in the prompt is as with the run's first row.
            let row = rows.first().copied().ok_or(CalibrateError::NoLogprobs)?;
            for text in &spec.content_free {
                ask.prompts.push(shown.of(row, Some(text))?);
            }
            ask.content_free = spec.content_free;
        }
        if method == Method::Supervised {
            let demos = shown.demos();
            let labelled: Vec<(usize, usize)> = prepared
                .data
                .split(Split::Train)
                .iter()
                .filter(|row| !demos.contains(row) && !rows.contains(row))
                .filter_map(|row| Some((*row, prepared.data.gold(*row)?)))
                .collect();
            for place in split::sample(labelled.len(), spec.rows.min(labelled.len()), spec.seed) {
                if !go_on() {
                    return Err(CalibrateError::Cancelled);
                }
                let Some((row, label)) = labelled.get(place) else { continue };
                ask.prompts.push(shown.of(*row, None)?);
                ask.train.push((*row, ask.labels.get(*label).cloned().unwrap_or_default()));
            }
            if ask.train.is_empty() {
                let what = "no row of the train split has a gold label and is no demonstration";
                return Err(CalibrateError::Nothing { method: method.name(), what });
            }
        }
        Ok(ask)
    }

    /// How many prompts there are.
    pub fn len(&self) -> usize {
        self.prompts.len()
    }

    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
    }

    /// The work for the engine.
    pub fn work(&self) -> Work {
        Work::Score(ScoreRequest {
            prompts: self.prompts.clone(),
            labels: self.labels.clone(),
            rows: Vec::new(),
            done: Vec::new(),
            batch_size: self.batch_size,
            truncate: self.truncate,
        })
    }

    /// Keeps the answers beside the run, with what is kept there already.
    pub fn keep(&self, run: &Path, answers: &[Answer]) -> Result<Kept, CalibrateError> {
        let untold = |answer: &&Answer| answer.logprobs.iter().any(|logprob| !logprob.is_finite());
        let count = answers.iter().filter(untold).count();
        if count > 0 {
            return Err(CalibrateError::Untold { count });
        }
        let mut logprobs = vec![Vec::new(); self.prompts.len()];
        for answer in answers {
            if let Some(place) = logprobs.get_mut(answer.index) {
                place.clone_from(&answer.logprobs);
            }
        }
        let mut logprobs = logprobs.into_iter();
        let mut kept = Kept::read(run).unwrap_or_default();
        if !self.content_free.is_empty() {
            let asked = self.content_free.iter().cloned().zip(logprobs.by_ref());
            kept.content_free = asked.map(|(text, logprobs)| ContentFree { text, logprobs }).collect();
        }
        if !self.train.is_empty() {
            let asked = self.train.iter().cloned().zip(logprobs);
            kept.train = asked.map(|((row, gold), logprobs)| TrainRow { row, gold, logprobs }).collect();
        }
        folder::write_json(&run.join(CALIBRATION), &kept)?;
        Ok(kept)
    }
}

/// What the model is shown of a row.
enum Shown<'p> {
    Prompt { renderer: Box<Renderer<'p>>, columns: Vec<String> },
    Text { prepared: &'p Prepared, cleaner: crate::data::clean::Cleaner },
}

impl<'p> Shown<'p> {
    fn new(prepared: &'p Prepared, model: &ModelInfo) -> Result<Self, CalibrateError> {
        if let Some(classifier) = &model.classifier {
            return Ok(Self::Text { prepared, cleaner: prepared.classifier(model, classifier)? });
        }
        let renderer = prepared.renderer(model.chat.clone()).map_err(PrepareError::from)?;
        let mut columns = prepared.variables(&prepared.session.prompt.template);
        columns.push("text".to_owned());
        Ok(Self::Prompt { renderer: Box::new(renderer), columns })
    }

    fn of(&self, row: usize, content_free: Option<&String>) -> Result<String, CalibrateError> {
        match self {
            Self::Text { prepared, cleaner } => Ok(match content_free {
                Some(text) => cleaner.clean(text).into_owned(),
                None => plain_text(&prepared.data, cleaner, row).into_owned(),
            }),
            Self::Prompt { renderer, columns } => {
                let values = content_free
                    .map(|text| columns.iter().map(|name| (name.clone(), text.clone())).collect())
                    .unwrap_or_default();
                let variant = Variant { shuffle: 0, values };
                Ok(renderer.variant(row, &variant).map_err(PrepareError::from)?.text)
            }
        }
    }

    fn demos(&self) -> &[usize] {
        match self {
            Self::Prompt { renderer, .. } => renderer.demos().unwrap_or_default(),
            Self::Text { .. } => &[],
        }
    }
}

/// The labels' log-probabilities of a row, where all of them are there.
fn logprobs(row: &Prediction) -> Option<Vec<f64>> {
    let known: Option<Vec<f64>> = row.logprobs.iter().copied().collect();
    known.filter(|logprobs| !logprobs.is_empty())
}

/// A calibration with what there is to say of it.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The method.
    pub method: Method,
    /// The calibration.
    pub calibration: Calibration,
    /// Why the labels are moved as they are, in a sentence.
    pub why: String,
}

/// Fits a method to a run; `rows` are its answers and `labels` its labels in their order.
pub fn fit(
    method: Method,
    kept: &Kept,
    split: Split,
    rows: &[impl Borrow<Prediction>],
    labels: &[String],
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Fitted, CalibrateError> {
    let of_rows = || rows.iter().filter_map(|row| logprobs(row.borrow()));
    if of_rows().next().is_none() {
        return Err(CalibrateError::NoLogprobs);
    }
    let nothing = |what| CalibrateError::Nothing { method: method.name(), what };
    let (calibration, why) = match method {
        Method::None => (Calibration::none(labels.len()), String::new()),
        Method::Contextual => {
            let inputs: Vec<Vec<f64>> = kept.content_free.iter().map(|of| of.logprobs.clone()).collect();
            let calibration =
                Calibration::contextual(&inputs).ok_or(nothing("the content-free inputs have no log-probabilities"))?;
            let texts: Vec<String> = kept.content_free.iter().map(|of| format!("{:?}", of.text)).collect();
            (calibration, format!("after {} the model says {}", texts.join(", "), leaning(inputs.iter(), labels)))
        }
        Method::Batch => {
            let all: Vec<Vec<f64>> = of_rows().collect();
            let calibration =
                Calibration::batch(all.iter().map(Vec::as_slice)).ok_or(nothing("no row has log-probabilities"))?;
            (calibration, format!("over all rows the model says {}", leaning(all.iter(), labels)))
        }
        Method::Supervised => {
            if split == Split::Train {
                return Err(CalibrateError::OnTrain);
            }
            let known = kept
                .train
                .iter()
                .filter_map(|row| Some((row.logprobs.clone(), labels.iter().position(|label| *label == row.gold)?)));
            let (logprobs, gold): (Vec<Vec<f64>>, Vec<usize>) = known.unzip();
            let calibration = match Calibration::supervised(&logprobs, &gold, go_on) {
                Some(calibration) => calibration,
                None if !go_on() => return Err(CalibrateError::Cancelled),
                None => return Err(nothing("the train rows have no log-probabilities")),
            };
            let before =
                logprobs.iter().zip(&gold).filter(|(row, gold)| crate::session::run::best(row) == Some(**gold)).count();
            let right =
                logprobs.iter().zip(&gold).filter(|(row, gold)| calibration.predicted(row) == Some(**gold)).count();
            let count = gold.len();
            (calibration, format!("fitted on {count} train rows, of which it gets {right} right in place of {before}"))
        }
    };
    Ok(Fitted { method, calibration, why })
}

/// Which label the model leans to: its mean probability among the labels, the largest first.
fn leaning<'a>(rows: impl Iterator<Item = &'a Vec<f64>>, labels: &[String]) -> String {
    let mut sums = vec![0.0; labels.len()];
    let mut count = 0.0_f64;
    for row in rows {
        let wrapped: Vec<Option<f64>> = row.iter().copied().map(Some).collect();
        let Some(shares) = super::predictions::probabilities(&wrapped) else { continue };
        count += 1.0;
        sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
    }
    let mut shares: Vec<(f64, &String)> = sums.into_iter().map(|sum| sum / count.max(1.0)).zip(labels).collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    let told: Vec<String> = shares.iter().take(3).map(|(share, label)| format!("{label} {share:.2}")).collect();
    let more = if shares.len() > 3 { ", …" } else { "" };
    format!("{}{more}", told.join(", "))
}

/// The rows as a calibration answers them: label, margin and normalised log-probabilities. Rows without
/// log-probabilities are as they were.
pub fn apply(calibration: &Calibration, rows: &[impl Borrow<Prediction>], labels: &[String]) -> Vec<Prediction> {
    let calibrated = |row: &Prediction| {
        let Some(logprobs) = logprobs(row) else { return row.clone() };
        let Some(label) = calibration.predicted(&logprobs).and_then(|label| labels.get(label)) else {
            return row.clone();
        };
        Prediction {
            predicted: label.clone(),
            margin: calibration.margin(&logprobs),
            logprobs: calibration.log_probabilities(&logprobs).into_iter().map(Some).collect(),
            ..row.clone()
        }
    };
    rows.iter().map(|row| calibrated(row.borrow())).collect()
}

/// How good the probabilities of some rows are, by their gold labels.
pub fn quality(rows: &[impl Borrow<Prediction>], labels: &[String]) -> Option<Quality> {
    let mut probabilities = Vec::new();
    let (mut predicted, mut gold) = (Vec::new(), Vec::new());
    for row in rows {
        let row = row.borrow();
        let place = |label: &String| labels.iter().position(|known| known == label);
        let Some(of_gold) = row.gold.as_ref().and_then(place) else { continue };
        let (Some(shares), Some(label)) = (super::predictions::probabilities(&row.logprobs), place(&row.predicted))
        else {
            continue;
        };
        probabilities.push(shares);
        predicted.push(label);
        gold.push(of_gold);
    }
    (!gold.is_empty()).then(|| Quality::of(&probabilities, &predicted, &gold))
}
