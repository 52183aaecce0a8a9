//! What a run has to do: the rows of a split, their prompts, and what an answer to one of them says.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::data::Split;
use crate::engine::command::Method;
use crate::engine::{Answer, Classifier, EngineError, GenerateRequest, ModelInfo, ScoreRequest, Work};
use crate::prompt::Prompt;
use crate::session::folder::{self, DataRecord, Manifest, ModelRecord, PromptRecord, Seeds, Status};
use crate::session::predictions::{Columns, Prediction, margin, written_options};
use crate::session::prepare::{self, PrepareError, Prepared};
use crate::session::simulation::{self, Take};

use super::RunError;

/// The rows and prompts of a run, before anything of it is written.
pub struct Task {
    prepared: Arc<Prepared>,
    pub(super) rows: Vec<usize>,
    /// Those of all rows, then those of all rows with the labels in another order, and so on.
    pub(super) prompts: Vec<Prompt>,
    pub(super) manifest: Manifest,
    uses_options: bool,
}

impl Task {
    /// Writes the prompts of a split's first `limit` rows for `model`; of a classifier they are the rows' texts alone. `file` is what the session file is called.
    /// `progress` is told before each prompt how many are written, of how many, and returns false to stop, which is
    /// [`EngineError::Cancelled`].
    pub fn new(
        prepared: &Arc<Prepared>,
        file: &str,
        split: Split,
        limit: Option<usize>,
        model: &ModelInfo,
        progress: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Self, RunError> {
        prepared.check_labels()?;
        let rows = prepared.rows(split, limit)?.to_vec();
        let shuffles = prepared.session.simulate.as_ref().map_or(0, |simulate| simulate.shuffles);
        let written = match &model.classifier {
            Some(classifier) => texts(prepared, &rows, model, classifier, progress)?,
            None => prompts(prepared, &rows, shuffles, model, progress)?,
        };
        let Written { prompts, record, uses_options } = written.ok_or(EngineError::Cancelled)?;
        if shuffles > 0 && !uses_options {
            return Err(PrepareError::NoOptions { shuffles }.into());
        }
        let manifest = manifest(prepared, file, (split, limit, rows.len()), model, record);
        Ok(Self { prepared: Arc::clone(prepared), rows, prompts, manifest, uses_options })
    }

    /// Gives the run a name of its own, as the list of runs shows it. Without one a resumed run keeps the name it has.
    pub fn with_name(mut self, name: Option<String>) -> Self {
        self.manifest.name = name;
        self
    }

    /// The rows of the data file, in the order of the split.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// How many orders of the labels each row is asked in: one, and `simulate.shuffles` more.
    pub fn orders(&self) -> usize {
        self.prompts.len() / self.rows.len().max(1)
    }

    /// Which order of the labels an answer is to, the first being 0.
    pub(super) fn order_of(&self, answer: &Answer) -> usize {
        answer.index / self.rows.len().max(1)
    }

    /// What the run's manifest says so far.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The session and its data.
    pub fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }

    /// Rows whose prompt shows a demonstration with their very text, as retweets have.
    pub fn duplicates(&self) -> usize {
        self.manifest.prompt.duplicates
    }

    pub(super) fn columns(&self) -> Columns {
        let weight = self.prepared.session.data.weight.is_some();
        let extra = [("options", self.uses_options), ("weight", weight)];
        Columns {
            labels: self.prepared.data.labels().to_vec(),
            extra: extra.into_iter().filter(|(_, used)| *used).map(|(name, _)| name.to_owned()).collect(),
        }
    }

    /// The work for the engine, but for the rows that are `done`.
    pub(super) fn work(&self, done: Vec<bool>) -> Work {
        let session = &self.prepared.session;
        let prompts = self.prompts.iter().map(|prompt| prompt.text.clone()).collect();
        let rows = self.rows.repeat(self.orders());
        let (batch_size, truncate) = (session.batch_size(), session.truncates());
        match session.decode.method {
            Method::Score => {
                let labels = self.prepared.data.labels().to_vec();
                Work::Score(ScoreRequest { prompts, labels, rows, done, batch_size, truncate })
            }
            Method::Generate => Work::Generate(GenerateRequest {
                prompts,
                generation: session.generation(),
                rows,
                done,
                batch_size,
                truncate,
                stream: false,
            }),
        }
    }

    /// The prediction that an answer makes.
    pub(super) fn prediction(&self, answer: &Answer) -> Option<Prediction> {
        let Prepared { session, data, answers, .. } = &*self.prepared;
        let row = *self.rows.get(answer.index % self.rows.len().max(1))?;
        let word = |label: usize| data.labels().get(label).cloned();
        let label = match session.decode.method {
            Method::Score => match &session.simulate {
                // The same number is drawn in every order, so that only the order makes a difference.
                Some(simulate) if simulate.answer == Take::Sampled => {
                    simulation::draw(simulate.seed, row, &answer.logprobs)
                }
                _ => best(&answer.logprobs),
            },
            Method::Generate => answers.label(&answer.text),
        };
        let options = self.prompts.get(answer.index).and_then(|prompt| prompt.options.as_ref());
        let weight = || data.weight(row).map(|weight| weight.to_string()).unwrap_or_default();
        let extra = [
            self.uses_options.then(|| options.map(|options| written_options(options)).unwrap_or_default()),
            session.data.weight.is_some().then(weight),
        ];
        Some(Prediction {
            row,
            split: self.manifest.split,
            gold: data.gold(row).and_then(word),
            predicted: label.and_then(word).unwrap_or_else(|| session.answer.unknown.clone()),
            answer: answer.text.clone(),
            margin: margin(&answer.logprobs).filter(|margin| !margin.is_infinite()),
            logprobs: answer
                .logprobs
                .iter()
                .map(|&logprob| Some(logprob).filter(|_| logprob != f64::NEG_INFINITY))
                .collect(),
            extra: extra.into_iter().flatten().collect(),
        })
    }
}

/// What the model is shown of each row, and what the manifest says of it.
struct Written {
    prompts: Vec<Prompt>,
    record: PromptRecord,
    uses_options: bool,
}

/// The prompts of some rows; none if `progress` said to stop.
fn prompts(
    prepared: &Prepared,
    rows: &[usize],
    shuffles: u32,
    model: &ModelInfo,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<Written>, PrepareError> {
    let renderer = prepared.renderer(model.chat.clone())?;
    let shuffles = if renderer.uses_options() { shuffles } else { 0 };
    let Some(prompts) = prepare::prompts(&renderer, rows, shuffles, progress)? else { return Ok(None) };
    let record = PromptRecord {
        template_sha256: template_sha256(prepared, model),
        demos: renderer.demos().unwrap_or_default().to_vec(),
        duplicates: renderer.duplicates(rows).len(),
    };
    Ok(Some(Written { prompts, record, uses_options: renderer.uses_options() }))
}

/// The texts of some rows as a classifier reads them, with nothing around them; none if `progress` said to stop.
fn texts(
    prepared: &Prepared,
    rows: &[usize],
    model: &ModelInfo,
    classifier: &Classifier,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<Written>, PrepareError> {
    let cleaner = prepared.classifier(model, classifier)?;
    let mut prompts = Vec::with_capacity(rows.len());
    for row in rows {
        if !progress(prompts.len(), rows.len()) {
            return Ok(None);
        }
        let text = prepare::plain_text(&prepared.data, &cleaner, *row).into_owned();
        prompts.push(Prompt { text, options: None, demos: Vec::new() });
    }
    progress(rows.len(), rows.len());
    let template_sha256 = sha256(classifier.clean.iter().map(String::as_str));
    let record = PromptRecord { template_sha256, demos: Vec::new(), duplicates: 0 };
    Ok(Some(Written { prompts, record, uses_options: false }))
}

/// The manifest of a run that begins now.
fn manifest(
    prepared: &Prepared,
    file: &str,
    (split, limit, rows): (Split, Option<usize>, usize),
    model: &ModelInfo,
    prompt: PromptRecord,
) -> Manifest {
    let Prepared { session, data, .. } = prepared;
    let now = folder::now();
    let scoring = model.scoring_after(session.prompt.chat).filter(|_| session.decode.method == Method::Score);
    Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: folder::platform(),
        name: None,
        status: Status::Running,
        error: None,
        started: now.clone(),
        changed: now,
        file: file.to_owned(),
        session: session.clone(),
        split,
        limit,
        rows,
        labels: data.labels().to_vec(),
        seeds: Seeds { data: session.data.seed, prompt: session.prompt.seed, decode: session.decode.seed },
        data: DataRecord {
            path: data.path().display().to_string(),
            sha256: data.sha256().to_owned(),
            rows: data.len(),
        },
        prompt,
        model: ModelRecord {
            name: model.name.clone(),
            origin: model.origin.clone(),
            sha256: model.sha256.clone(),
            device: model.device.clone(),
            dtype: model.dtype.clone(),
            threads: model.threads,
            classifier: model.classifier.is_some(),
            scoring: scoring.map(str::to_owned),
        },
        legs: Vec::new(),
        stats: None,
        training: None,
        tried: None,
    }
}

/// The index of the greatest number, the first of equals; none of what is no number or negative infinity: an endpoint that
/// lists its best tokens alone may list none that a label begins with.
pub fn best(logprobs: &[f64]) -> Option<usize> {
    let numbers = logprobs.iter().enumerate().filter(|(_, logprob)| **logprob > f64::NEG_INFINITY);
    // `max_by` takes the last of equals.
    numbers.rev().max_by(|a, b| a.1.total_cmp(b.1)).map(|(index, _)| index)
}

/// SHA-256 over all that is written around a row's text.
fn template_sha256(prepared: &Prepared, model: &ModelInfo) -> String {
    let prompt = &prepared.session.prompt;
    let chat = if prompt.chat { model.chat.as_ref().map(|chat| chat.source.as_str()) } else { None };
    sha256([prompt.template.as_str(), &prompt.demo, &prompt.separator, chat.unwrap_or_default()])
}

/// SHA-256 over some texts, each with a NUL behind it.
fn sha256<'t>(parts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_labels_is_taken() {
        assert_eq!(best(&[-1.0, -0.5, -0.5]), Some(1));
        assert_eq!(best(&[f64::NAN, -3.0]), Some(1));
        assert_eq!(best(&[f64::NEG_INFINITY, -9.0]), Some(1));
        assert_eq!(best(&[f64::NEG_INFINITY, f64::NEG_INFINITY]), None);
        assert_eq!(best(&[]), None);
    }
}
