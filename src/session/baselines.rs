//! What a split could be classified with for next to nothing: fitted on the train split alone.
//!
//! Baselines of texts alone take a moment; those over an encoder's embeddings need a pass over all texts, whose vectors are
//! kept too, in the user's cache. Both are known again by the data, its settings, and for embeddings the encoder.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::baseline::{Features, Logistic, Neighbours, TfIdf, Weights, dense, majority};
use crate::data::Split;
use crate::engine::{EmbedRequest, Embedded};
use crate::metrics::{Confusion, Report};
use crate::model::DEFAULT_ENCODER;

use super::home::{cache_folder, sha256, write_whole};
use super::prepare::Prepared;

/// The folder's name, in the user's cache.
const BASELINES: &str = "baselines";

/// The way they are fitted; another one makes what is kept stale.
const VERSION: u32 = 1;

/// No kept file is larger.
const MOST_BYTES: u64 = 512 << 20;

/// One baseline on a split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// What it is.
    pub name: String,
    /// Seconds of fitting and answering, the encoder's pass left out.
    pub seconds: f64,
    /// Its figures.
    #[serde(flatten)]
    pub report: Report,
}

/// All baselines of a split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baselines {
    /// The split.
    pub split: Split,
    /// Rows with a gold label that they were fitted on.
    pub train_rows: usize,
    /// The encoder whose embeddings were used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// The baselines, majority first.
    pub baselines: Vec<Baseline>,
}

impl Baselines {
    /// The one with the highest macro-F1 that knows more than the majority.
    pub fn best(&self) -> Option<&Baseline> {
        let score = |of: &&Baseline| if of.report.macro_f1.is_nan() { f64::NEG_INFINITY } else { of.report.macro_f1 };
        self.baselines.iter().skip(1).max_by(|a, b| score(a).total_cmp(&score(b)))
    }

    /// What stands beside a run's figures, in two lines: the best of them, and whether the run loses to it.
    pub fn beside(&self, run: &Report) -> Option<[String; 2]> {
        let best = self.best()?;
        let lead = run.macro_f1 - best.report.macro_f1;
        let verdict = match lead {
            lead if lead < 0.0 => "the run LOSES to it",
            0.0 => "the run is no better",
            _ => "the run is better",
        };
        Some([
            format!("{}, fitted in {:.1} s", best.name, best.seconds),
            format!("accuracy {:.3}, macro-F1 {:.3}: {verdict}", best.report.accuracy, best.report.macro_f1),
        ])
    }
}

/// Rows with gold labels.
struct Labelled {
    rows: Vec<usize>,
    gold: Vec<usize>,
}

impl Labelled {
    /// Those of a split's first `rows` rows.
    fn of(prepared: &Prepared, split: Split, rows: usize) -> Self {
        let data = &prepared.data;
        let known = data.split(split).iter().take(rows).filter_map(|row| Some((*row, data.gold(*row)?)));
        let (rows, gold) = known.unzip();
        Self { rows, gold }
    }
}

/// Why there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// Nothing to read.
    #[error("data.text: baselines read the text of each row, and the session names no text column")]
    NoText,
    /// Nothing to learn from.
    #[error("the train split has no two labels to tell apart: baselines are fitted on it")]
    NoTrain,
    /// Rows that were learnt from.
    #[error("baselines are fitted on the train split and cannot be judged on it: take --split validation or test")]
    OnTrain,
    /// Nothing to judge by.
    #[error("no row of the {0} split has a gold label")]
    NoGold(Split),
    /// Stopped.
    #[error("cancelled")]
    Cancelled,
}

/// What has to be embedded for a split: the train rows, then the split's.
pub fn embed_request(prepared: &Prepared, split: Split, source: Option<&str>) -> EmbedRequest {
    let session = &prepared.session;
    let own = session.train.as_ref().map(|train| train.model.as_str());
    let rows: Vec<usize> =
        [Labelled::of(prepared, Split::Train, usize::MAX).rows, Labelled::of(prepared, split, usize::MAX).rows]
            .concat();
    EmbedRequest {
        source: source.or(own).unwrap_or(DEFAULT_ENCODER).to_owned(),
        device: session.model.device.clone(),
        max_length: session.train.as_ref().map_or(256, |train| train.max_length),
        texts: rows.iter().map(|row| prepared.data.text(*row).into_owned()).collect(),
        rows,
    }
}

/// Fits them for a split's first `rows` rows, or takes those that are kept. `go_on` is asked all along.
pub fn of(
    prepared: &Prepared,
    (split, rows): (Split, usize),
    embedded: Option<&Embedded>,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Baselines, BaselineError> {
    let path = place(&format!("{}.json", key(prepared, (split, rows), embedded.map(|of| &*of.sha256))));
    if let Some(kept) = path.as_deref().and_then(read).and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(kept);
    }
    let fitted = fit(prepared, (split, rows), embedded, go_on)?;
    if let (Some(path), Ok(text)) = (&path, serde_json::to_vec_pretty(&fitted)) {
        keep(path, &text);
    }
    Ok(fitted)
}

/// Embeddings that are kept for a request; none where there are none, or of another encoder.
pub fn kept_embeddings(request: &EmbedRequest) -> Option<Embedded> {
    let bytes = read(&place(&format!("{}.f32", embeddings_key(request)))?)?;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (head, values) = (bytes.get(..end)?, bytes.get(end + 1..)?);
    let (name, sha256): (String, String) = serde_json::from_slice(head).ok()?;
    let values: Vec<f32> =
        values.chunks_exact(4).filter_map(|four| Some(f32::from_le_bytes(four.try_into().ok()?))).collect();
    let width = values.len() / request.texts.len().max(1);
    let whole = width > 0 && values.len() == width * request.texts.len();
    whole.then(|| Embedded { name, sha256, vectors: values.chunks(width).map(<[f32]>::to_vec).collect() })
}

/// Keeps the embeddings of a request. What cannot be written is computed again.
pub fn keep_embeddings(request: &EmbedRequest, embedded: &Embedded) {
    let mut bytes = serde_json::to_vec(&(&embedded.name, &embedded.sha256)).unwrap_or_default();
    bytes.push(b'\n');
    bytes.extend(embedded.vectors.iter().flatten().flat_map(|value| value.to_le_bytes()));
    if let Some(path) = place(&format!("{}.f32", embeddings_key(request))) {
        keep(&path, &bytes);
    }
}

fn embeddings_key(request: &EmbedRequest) -> String {
    let device = format!("{:?}", request.device);
    let what = (VERSION, &request.source, device, request.max_length, &request.texts);
    sha256(serde_json::to_string(&what).unwrap_or_default().as_bytes())
}

fn key(prepared: &Prepared, (split, rows): (Split, usize), encoder: Option<&str>) -> String {
    let labelled = [Labelled::of(prepared, Split::Train, usize::MAX), Labelled::of(prepared, split, rows)];
    let rows = labelled.map(|of| (of.rows, of.gold));
    let session = &prepared.session.data;
    let what = (
        VERSION,
        prepared.data.sha256(),
        &session.text,
        &session.clean,
        prepared.data.labels(),
        rows,
        split.name(),
        encoder,
    );
    sha256(serde_json::to_string(&what).unwrap_or_default().as_bytes())
}

/// Where a file is kept; none for users without a home.
fn place(name: &str) -> Option<PathBuf> {
    cache_folder().ok().map(|cache| cache.join(BASELINES).join(name))
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn keep(path: &Path, bytes: &[u8]) {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    if let Err(error) = made.and_then(|()| write_whole(path, bytes)) {
        tracing::warn!(%error, path = %path.display(), "a baseline was not kept");
    }
}

fn fit(
    prepared: &Prepared,
    (split, rows): (Split, usize),
    embedded: Option<&Embedded>,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Baselines, BaselineError> {
    prepared.check_text().map_err(|_| BaselineError::NoText)?;
    if split == Split::Train {
        return Err(BaselineError::OnTrain);
    }
    let (train, asked) = (Labelled::of(prepared, Split::Train, usize::MAX), Labelled::of(prepared, split, rows));
    let labels = prepared.data.labels();
    let most = majority(&train.gold, labels.len()).ok_or(BaselineError::NoTrain)?;
    if train.gold.iter().all(|label| *label == most) {
        return Err(BaselineError::NoTrain);
    }
    if asked.rows.is_empty() {
        return Err(BaselineError::NoGold(split));
    }
    let mut baselines = Vec::new();
    let mut add = |name: &str, started: Instant, predicted: Vec<usize>| {
        let word = |label: &usize| labels.get(*label).map_or("", String::as_str);
        let pairs = asked.gold.iter().zip(&predicted).map(|(gold, predicted)| (word(gold), word(predicted)));
        let report = Report::new(Confusion::of(pairs));
        baselines.push(Baseline { name: name.to_owned(), seconds: started.elapsed().as_secs_f64(), report });
    };
    add("majority", Instant::now(), vec![most; asked.rows.len()]);

    let text = |row: &usize| prepared.data.text(*row);
    let started = Instant::now();
    let texts: Vec<_> = train.rows.iter().map(text).collect();
    let terms = TfIdf::fit(&texts, &mut || go_on()).ok_or(BaselineError::Cancelled)?;
    let of = |rows: &[usize]| -> Vec<Features> { rows.iter().map(|row| terms.of(&text(row))).collect() };
    let (rows, questions) = (of(&train.rows), of(&asked.rows));
    let reading = started.elapsed();
    over("TF-IDF", &rows, &questions, &train.gold, (labels.len(), terms.len()), reading, go_on, &mut add)?;
    if let Some(embedded) = embedded {
        let vectors: Vec<Features> = embedded.vectors.iter().map(|vector| dense(vector)).collect();
        let (rows, questions) = vectors.split_at(train.rows.len().min(vectors.len()));
        let width = embedded.vectors.first().map_or(0, Vec::len);
        let nothing = std::time::Duration::ZERO;
        over("embeddings", rows, questions, &train.gold, (labels.len(), width), nothing, go_on, &mut add)?;
    }
    Ok(Baselines { split, train_rows: train.rows.len(), encoder: embedded.map(|of| of.name.clone()), baselines })
}

/// The classifiers over one kind of features.
#[allow(clippy::too_many_arguments)]
fn over(
    what: &str,
    rows: &[Features],
    questions: &[Features],
    gold: &[usize],
    (labels, features): (usize, usize),
    reading: std::time::Duration,
    go_on: &(dyn Fn() -> bool + Sync),
    add: &mut dyn FnMut(&str, Instant, Vec<usize>),
) -> Result<(), BaselineError> {
    // The time of reading the texts counts for each.
    let begin = || Instant::now().checked_sub(reading).unwrap_or_else(Instant::now);
    for (name, weights) in
        [("logistic regression, balanced", Weights::Balanced), ("logistic regression", Weights::Uniform)]
    {
        let started = begin();
        let fitted = Logistic::fit(rows, gold, labels, features, weights, &|| go_on());
        let model = fitted.ok_or(if go_on() { BaselineError::NoTrain } else { BaselineError::Cancelled })?;
        add(&format!("{what} + {name}"), started, questions.iter().map(|row| model.predict(row)).collect());
    }
    let started = begin();
    let near = Neighbours::fit(rows, gold, labels);
    let mut predicted = Vec::with_capacity(questions.len());
    for row in questions {
        if !go_on() {
            return Err(BaselineError::Cancelled);
        }
        predicted.push(near.predict(row).unwrap_or_default());
    }
    add(&format!("{what} + {} nearest neighbours", crate::baseline::neighbours::K), started, predicted);
    Ok(())
}
