//! A session made ready: its data read, its templates and answer rule checked, the prompts of a split written out.
//!
//! All of this needs no model (but for chat templates, which come with one), so that what is wrong with a session is
//! known before a model is fetched or loaded. Commands and the workbench start here alike.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::data::clean::Cleaner;
use crate::data::source::{self, Fetched};
use crate::data::{DataError, Dataset, Split};
use crate::engine::command::Method;
use crate::engine::{Classifier, ModelInfo};
use crate::prompt::{Answers, ChatTemplate, Prompt, PromptError, PromptSpec, Renderer, Variant};

use super::simulation;
use super::spec::Session;

/// What can be wrong with a session's data or prompts.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The templates or the answer rule.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// A split without rows.
    #[error("the {split} split has no rows: give it a share in data.splits, or take another with --split")]
    NoRows {
        /// The split.
        split: Split,
    },
    /// A fine-tuned encoder that is asked to write.
    #[error(
        "decode.method = \"generate\": {model} is a classifier, which continues no text; say decode.method = \"score\""
    )]
    Generates {
        /// The model's name.
        model: String,
    },
    /// A fine-tuned encoder of other labels.
    #[error("{model} tells apart {known}, and the session's labels are {labels}: they must be the same, in any order")]
    OtherLabels {
        /// The model's name.
        model: String,
        /// Its labels.
        known: String,
        /// The session's labels.
        labels: String,
    },
    /// A fine-tuned encoder whose texts went through rules that are not known here.
    #[error("{model} was trained on texts that went through {rules}, and not all of these rules are known here")]
    Rules {
        /// The model's name.
        model: String,
        /// The rules.
        rules: String,
    },
    /// A column that makes too many groups.
    #[error(
        "simulate.by: column {column:?} has {count} values, more than {most} groups can be told apart; say where groups of \
         numbers begin, as simulate.bands = {{ {column} = [18, 30, 45] }}"
    )]
    Groups {
        /// The column.
        column: String,
        /// How many values it has.
        count: usize,
        /// How many it may have.
        most: usize,
    },
    /// Other orders of labels that are not listed.
    #[error(
        "simulate.shuffles = {shuffles}, but the prompt lists no labels, so their order cannot change; put {{{{ options }}}} \
         into prompt.template"
    )]
    NoOptions {
        /// `simulate.shuffles`.
        shuffles: u32,
    },
    /// A text column that is needed.
    #[error("data.text: name the column with the text, which a classifier reads")]
    NoText,
    /// Too few labels to tell apart.
    #[error("data.labels: {count} label{} to choose from; name two at least, as {{ \"1\" = \"yes\", \"0\" = \"no\" }}", if *.count == 1 { "" } else { "s" })]
    Labels {
        /// How many there are.
        count: usize,
    },
}

/// A session with its data.
pub struct Prepared {
    /// The session.
    pub session: Session,
    /// Its rows.
    pub data: Arc<Dataset>,
    /// Its answer rule.
    pub answers: Answers,
    /// The download, where the data is named by a URL.
    pub fetched: Option<Fetched>,
}

impl Prepared {
    /// Reads the data, which is fetched first where it is named by a URL (`progress` is told the bytes done and in all,
    /// and returns false to stop), and checks templates, demonstrations and answer rule.
    pub fn new(session: Session, progress: &mut dyn FnMut(u64, Option<u64>) -> bool) -> Result<Self, PrepareError> {
        let prepared = Self::open(session, progress)?;
        prepared.plain()?;
        Ok(prepared)
    }

    /// The same without looking at the prompt: where prompts are written, one that is wrong is shown and put right.
    pub fn open(session: Session, progress: &mut dyn FnMut(u64, Option<u64>) -> bool) -> Result<Self, PrepareError> {
        let fetched =
            if source::is_url(&session.data.path) { Some(source::fetch(&session.data.path, progress)?) } else { None };
        let path = fetched.as_ref().map_or_else(|| PathBuf::from(&session.data.path), |fetched| fetched.path.clone());
        let mut data = Dataset::load(&session.data, Path::new(&path))?;
        if !data.has_text() {
            let told = named_columns(&data, &[&session.prompt.template]);
            data = data.told_by(told.iter().map(String::as_str));
        }
        let answers = Answers::new(&session.answer, data.labels())?;
        let prepared = Self { session, data: Arc::new(data), answers, fetched };
        if let Some(simulate) = &prepared.session.simulate {
            simulation::check_columns(&prepared, simulate)?;
        }
        Ok(prepared)
    }

    /// The same data under a session that differs in its model, prompt or decoding.
    pub fn with_session(&self, session: Session) -> Self {
        Self { session, data: Arc::clone(&self.data), answers: self.answers.clone(), fetched: self.fetched.clone() }
    }

    /// The renderer of the session's prompts. `chat` is the model's chat template, needed for `prompt.chat = true` alone.
    pub fn renderer(&self, chat: Option<ChatTemplate>) -> Result<Renderer<'_>, PromptError> {
        Renderer::new(&self.session.prompt, &*self.data, chat)
    }

    /// A renderer that leaves the chat template out: all that can be known of prompts without a model.
    pub fn plain(&self) -> Result<Renderer<'_>, PromptError> {
        Renderer::new(&PromptSpec { chat: false, ..self.session.prompt.clone() }, &*self.data, None)
    }

    /// The first `limit` rows of a split, in its order.
    pub fn rows(&self, split: Split, limit: Option<usize>) -> Result<&[usize], PrepareError> {
        let rows = self.data.split(split);
        let rows = limit.and_then(|limit| rows.get(..limit)).unwrap_or(rows);
        if rows.is_empty() { Err(PrepareError::NoRows { split }) } else { Ok(rows) }
    }

    /// What a model is shown of a row: the prompt, or of a classifier the row's text alone. Nothing of the model needs to be
    /// known where the prompt is no chat.
    pub fn shown(&self, row: usize, model: Option<&ModelInfo>) -> Result<String, PrepareError> {
        if let Some((model, classifier)) = model.and_then(|model| Some((model, model.classifier.as_ref()?))) {
            let cleaner = self.classifier(model, classifier)?;
            return Ok(plain_text(&self.data, &cleaner, row).into_owned());
        }
        let renderer = self.renderer(model.and_then(|model| model.chat.clone()))?;
        Ok(renderer.prompt(row)?.text)
    }

    /// Whether a classifier can do what the session asks, and the rules that its texts go through.
    pub fn classifier(&self, model: &ModelInfo, classifier: &Classifier) -> Result<Cleaner, PrepareError> {
        let name = || model.name.clone();
        if self.session.decode.method == Method::Generate {
            return Err(PrepareError::Generates { model: name() });
        }
        let sorted = |labels: &[String]| {
            let mut labels = labels.to_vec();
            labels.sort();
            labels
        };
        if sorted(&classifier.labels) != sorted(self.data.labels()) {
            let (known, labels) = (classifier.labels.join(", "), self.data.labels().join(", "));
            return Err(PrepareError::OtherLabels { model: name(), known, labels });
        }
        self.check_text()?;
        let unknown = |_| PrepareError::Rules { model: name(), rules: classifier.clean.join(", ") };
        Cleaner::new(&classifier.clean).map_err(unknown)
    }

    /// The columns that a template names, in the order in which it does, the label's left out.
    pub fn variables(&self, template: &str) -> Vec<String> {
        let label = self.session.data.label.as_deref();
        named_columns(&self.data, &[template]).into_iter().filter(|name| Some(name.as_str()) != label).collect()
    }

    /// The values that rows of the splits have in a column, those that say nothing left out: in the order of the codebook, of
    /// numbers, or of the alphabet.
    pub fn values(&self, name: &str) -> Vec<String> {
        let Ok(column) = self.data.table().column(name) else { return Vec::new() };
        simulation::values(&self.data, column).into_iter().map(str::to_owned).collect()
    }

    /// Whether there is a column with a text, which classifiers read.
    pub fn check_text(&self) -> Result<(), PrepareError> {
        if self.data.has_text() { Ok(()) } else { Err(PrepareError::NoText) }
    }

    /// Whether there are labels to choose from.
    pub fn check_labels(&self) -> Result<(), PrepareError> {
        let count = self.data.labels().len();
        if count < 2 { Err(PrepareError::Labels { count }) } else { Ok(()) }
    }
}

/// The columns that templates name, in the order in which they do. (A word of the text around the variables that is a column's
/// name counts as well.)
pub(super) fn named_columns(data: &Dataset, templates: &[&str]) -> Vec<String> {
    let words: Vec<&str> =
        templates.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_')).collect();
    let place = |name: &String| words.iter().position(|word| word == name).map(|place| (place, name.clone()));
    let mut named: Vec<(usize, String)> = data.table().columns().iter().filter_map(place).collect();
    named.sort();
    named.into_iter().map(|(_, name)| name).collect()
}

/// What a classifier reads of a row, when it is trained and when it is run: the text column as it is in the file, as
/// `cleaner` leaves it. What the session's `data.clean` says is for prompts.
pub fn plain_text<'d>(data: &'d Dataset, cleaner: &Cleaner, row: usize) -> Cow<'d, str> {
    cleaner.clean(data.raw_text(row))
}

/// The prompts of some rows, in their order; behind them the same with the labels in another order, `shuffles` times.
/// `progress` is told how many are written, of how many, and returns false to stop, for which the answer is none.
pub fn prompts(
    renderer: &Renderer<'_>,
    rows: &[usize],
    shuffles: u32,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<Vec<Prompt>>, PromptError> {
    let total = rows.len() * (shuffles as usize + 1);
    let mut prompts = Vec::with_capacity(total);
    for shuffle in 0..=shuffles {
        let variant = Variant { shuffle, ..Variant::default() };
        for row in rows {
            if !progress(prompts.len(), total) {
                return Ok(None);
            }
            prompts.push(renderer.variant(*row, &variant)?);
        }
    }
    progress(total, total);
    Ok(Some(prompts))
}
