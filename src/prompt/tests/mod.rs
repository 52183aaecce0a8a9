//! Tests of the room as a whole, on invented rows, on numbers of the reference libraries (`tests/fixtures/prompt`), and,
//! where the real data is at hand, on the prompts that the notebook printed.

mod chat;
mod demos;
mod hostile;
mod notebook;
mod render;
mod survey;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ChatTemplate, PromptError, PromptSpec, Renderer, Rows};
use crate::data::Split;

/// Rows in memory.
#[derive(Default)]
pub(super) struct Memory {
    pub labels: Vec<String>,
    pub train: Vec<usize>,
    pub validation: Vec<usize>,
    pub texts: Vec<String>,
    pub gold: Vec<Option<usize>>,
    /// Further columns: a name, and its values.
    pub columns: Vec<(String, Vec<String>)>,
}

impl Memory {
    /// Rows of `(text, label)`, the labels in order of first appearance; all but the last are for training.
    pub fn new(rows: &[(&str, &str)]) -> Self {
        let mut memory = Self::default();
        for (text, label) in rows {
            if !memory.labels.iter().any(|known| known == label) {
                memory.labels.push((*label).to_owned());
            }
            memory.texts.push((*text).to_owned());
            memory.gold.push(memory.labels.iter().position(|known| known == label));
        }
        let last = rows.len() - 1;
        memory.train = (0..last).collect();
        memory.validation = vec![last];
        memory
    }

    /// Adds a column.
    pub fn with(mut self, name: &str, values: &[&str]) -> Self {
        self.columns.push((name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect()));
        self
    }
}

impl Rows for Memory {
    fn count(&self) -> usize {
        self.texts.len()
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn split(&self, split: Split) -> &[usize] {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &[],
        }
    }

    fn split_of(&self, row: usize) -> Option<Split> {
        if self.train.contains(&row) {
            Some(Split::Train)
        } else {
            self.validation.contains(&row).then_some(Split::Validation)
        }
    }

    fn gold(&self, row: usize) -> Option<usize> {
        self.gold[row]
    }

    fn text(&self, row: usize) -> Cow<'_, str> {
        Cow::Borrowed(&self.texts[row])
    }

    fn record(&self, row: usize) -> Vec<(&str, Cow<'_, str>)> {
        let text = [("tweet", self.text(row))];
        text.into_iter()
            .chain(self.columns.iter().map(|(name, values)| (name.as_str(), values[row].as_str().into())))
            .collect()
    }
}

/// Six training rows of two classes, and row 6 to be classified, whose text is that of row 4.
pub(super) fn weather() -> Memory {
    Memory::new(&[
        ("sun and wind", "fine"),
        ("a cold rain", "foul"),
        ("warm sun today", "fine"),
        ("rain, cold rain", "foul"),
        ("the sun is out", "fine"),
        ("storm and hail", "foul"),
        ("the sun is out", "fine"),
    ])
    .with("place", &["Ulm", "Bonn", "Köln", "Trier", "Jena", "Halle", "Gera"])
    .with("degrees", &["1.0", "02", "3e1", "-4", " 5", "6,5", ""])
}

/// A prompt section with everything at its default but the template.
pub(super) fn spec(template: &str) -> PromptSpec {
    toml::from_str(&format!("template = {}", toml::Value::from(template))).expect("a prompt section")
}

/// The prompt of `row` without a chat template.
pub(super) fn prompt(spec: &PromptSpec, rows: &Memory, row: usize) -> Result<String, PromptError> {
    Ok(Renderer::new(spec, rows, None)?.prompt(row)?.text)
}

/// The message of the error that `spec` has on the weather rows.
pub(super) fn error(spec: &PromptSpec) -> String {
    match prompt(spec, &weather(), 6) {
        Ok(text) => panic!("no error but {text:?}"),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(char::is_control), "{message:?} is more than a line");
            message
        }
    }
}

pub(super) fn chat(source: &str) -> ChatTemplate {
    ChatTemplate { source: source.to_owned(), bos_token: Some("<s>".to_owned()), eos_token: Some("</s>".to_owned()) }
}

/// A file of `tests/fixtures/prompt`.
pub(super) fn fixture(name: &str) -> String {
    let path = root().join("tests/fixtures/prompt").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The list of numbers at `value`.
pub(super) fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().expect("a list").iter().map(|n| n.as_u64().expect("a number") as usize).collect()
}
