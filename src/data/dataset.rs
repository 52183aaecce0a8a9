//! The `[data]` section of a session and the rows it describes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::table::Table;

/// Which part of the data a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Rows that demonstrations are drawn from and encoders are trained on.
    Train,
    /// Rows that prompts are judged on while they are being written.
    Validation,
    /// Rows that are looked at once, at the end.
    Test,
}

/// The share of the rows in each split; the shares add up to one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitSizes {
    /// Share of the training split.
    pub train: f64,
    /// Share of the validation split.
    pub validation: f64,
    /// Share of the test split.
    pub test: f64,
}

impl Default for SplitSizes {
    fn default() -> Self {
        Self { train: 0.8, validation: 0.1, test: 0.1 }
    }
}

/// The `[data]` section of a session file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// A CSV file: absolute, relative to the session file, or an `http(s)` URL.
    pub path: String,
    /// The column that holds the text to classify.
    #[serde(default = "default_text")]
    pub text: String,
    /// The column that holds the gold label, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Codes of the label column to label words, in the order in which labels are listed everywhere.
    #[serde(default)]
    pub labels: IndexMap<String, String>,
    /// Names of cleaning rules, applied in order to the text column.
    #[serde(default)]
    pub clean: Vec<String>,
    /// Column to raw code: only rows that match all of them are kept.
    #[serde(default)]
    pub filter: BTreeMap<String, String>,
    /// How many rows to draw, as pandas' `DataFrame.sample(n, random_state=seed)` does; all in file order without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<usize>,
    /// Seed of the sample and of the splits.
    #[serde(default = "default_seed")]
    pub seed: u32,
    /// The share of rows in each split.
    #[serde(default)]
    pub splits: SplitSizes,
    /// Keep the labels' proportions in every split, as scikit-learn's `stratify` does.
    #[serde(default)]
    pub stratify: bool,
    /// Column to its codes' words, for any column.
    #[serde(default)]
    pub codebook: IndexMap<String, IndexMap<String, String>>,
    /// Column with a survey weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
}

fn default_text() -> String {
    "text".to_owned()
}

fn default_seed() -> u32 {
    42
}

/// A table with its labels, cleaning rules and splits: everything that is asked of the data by the other rooms.
pub struct Dataset {
    table: Table,
}

/// What can be wrong with data; every message names the file, and the row, column or key.
#[derive(Debug, thiserror::Error)]
pub enum DataError {}

impl Dataset {
    /// Reads `path` (a local file: see [`super::source`] for URLs) as `spec` says and splits it.
    pub fn load(_spec: &DataSpec, _path: &std::path::Path) -> Result<Self, DataError> {
        unreachable!()
    }

    /// How many rows the file has, before filter and sample.
    pub fn len(&self) -> usize {
        unreachable!()
    }

    /// The label words, in session order (order of first appearance in the file where the session names none).
    pub fn labels(&self) -> &[String] {
        unreachable!()
    }

    /// File row numbers of a split, in split order.
    pub fn split(&self, _split: Split) -> &[usize] {
        unreachable!()
    }

    /// The split that a file row is in, if any.
    pub fn split_of(&self, _row: usize) -> Option<Split> {
        unreachable!()
    }

    /// Index into [`Self::labels`] of the row's gold label.
    pub fn gold(&self, _row: usize) -> Option<usize> {
        unreachable!()
    }

    /// The row's text after cleaning.
    pub fn text(&self, _row: usize) -> Cow<'_, str> {
        unreachable!()
    }

    /// Every column of the row, codes replaced by their words, the text column cleaned, in file order.
    pub fn record(&self, _row: usize) -> Vec<(&str, Cow<'_, str>)> {
        unreachable!()
    }

    /// How many rows have an empty text after cleaning.
    pub fn empty_texts(&self) -> usize {
        unreachable!()
    }

    /// The table as read.
    pub fn table(&self) -> &Table {
        &self.table
    }
}
