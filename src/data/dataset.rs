//! The `[data]` section of a session and the rows it describes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::clean::Cleaner;
use super::codebook::{Codes, same};
use super::error::{DataError, nearest, shown};
use super::labels::{self, Labels};
use super::split::{Positions, Strata, sample, split};
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

impl Split {
    /// All of them, in the order of a session file.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Its name in session files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
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

impl SplitSizes {
    /// The share of one split.
    pub fn share(&self, split: Split) -> f64 {
        match split {
            Split::Train => self.train,
            Split::Validation => self.validation,
            Split::Test => self.test,
        }
    }
}

/// The `[data]` section of a session file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// A CSV file: absolute, relative to the session file, or an `http(s)` URL.
    pub path: String,
    /// The column that holds the text to classify: `text` where that is not said and the file has such a column. A file
    /// without one is a survey, whose rows are told by the columns that the prompt names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The column that holds the gold label, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Codes of the label column to label words, in the order in which labels are listed everywhere.
    #[serde(default)]
    pub labels: IndexMap<String, String>,
    /// Which labels there are, and in what order they are listed everywhere.
    #[serde(default, skip_serializing_if = "LabelOrder::is_listed")]
    pub label_order: LabelOrder,
    /// Column to its codes that say nothing ("Refusal", "Not applicable"), each by its code or its word. In prompts such a
    /// value is an empty text; rows with such a label are told apart in reports.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub missing: IndexMap<String, Vec<String>>,
    /// Leave out the rows whose label says nothing; then the words of those codes are no labels either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_missing: bool,
    /// Names of cleaning rules, applied in order to the text column.
    #[serde(default)]
    pub clean: Vec<String>,
    /// Column to a code or its word: only rows that match all of them are kept.
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

/// The text column where a session names none.
const TEXT: &str = "text";

/// Which labels there are, and in what order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelOrder {
    /// All that `data.labels` lists, in its order.
    #[default]
    Listed,
    /// Those that the rows of the splits have, in the order in which they first come up, as pandas' `unique()` tells them.
    Appearance,
}

impl LabelOrder {
    fn is_listed(&self) -> bool {
        *self == Self::Listed
    }
}

fn default_seed() -> u32 {
    42
}

/// A table with its labels, cleaning rules and splits: everything that is asked of the data by the other rooms.
///
/// Rows are named by their number in the file: the first below the header is 0.
pub struct Dataset {
    table: Table,
    cleaner: Cleaner,
    /// The words of every column that has some, the label column included.
    codes: Vec<Option<Codes>>,
    text: Option<usize>,
    /// The columns that tell a row where there is no text.
    card: Vec<usize>,
    label: Option<usize>,
    weight: Option<usize>,
    labels: Labels,
    splits: Positions,
    /// For every row of the file the split that it is in.
    membership: Vec<Option<Split>>,
    empty_texts: usize,
}

impl Dataset {
    /// Reads `path` (a local file: see [`super::source`] for URLs), keeps the rows that pass the filter, draws the sample
    /// among them and splits it.
    ///
    /// Fails when the file is no table ([`Table::read`]), a column or rule that the session names does not exist, a row that
    /// passes the filter has a label code without a word or a weight that is no number, no row passes, the sample is larger
    /// than the rows that do, or the shares make no splits ([`super::split::split`]).
    pub fn load(spec: &DataSpec, path: &Path) -> Result<Self, DataError> {
        let cleaner = Cleaner::new(&spec.clean)?;
        let table = Table::read(path)?;
        let text = match &spec.text {
            Some(name) => Some(table.column(name).map_err(|error| error.at("data.text"))?),
            None => table.column(TEXT).ok(),
        };
        let label = optional_column(&table, spec.label.as_deref(), "data.label")?;
        let weight = optional_column(&table, spec.weight.as_deref(), "data.weight")?;
        let codes = codes(spec, &table, label)?;

        let mut kept = filtered(spec, &table, &codes)?;
        let label_codes = label.and_then(|column| codes.get(column)).and_then(Option::as_ref);
        if spec.drop_missing {
            kept = labels::without_missing(&table, label.zip(label_codes), kept)?;
        }
        let mut labels = match label {
            Some(column) => Labels::read(&table, column, label_codes, &kept)?,
            None => Labels::listed(&Codes::new(&spec.labels)),
        };
        if let Some(codes) = label_codes.filter(|_| spec.drop_missing) {
            // No row that is left has one of these.
            labels.keep(|label| !codes.means_missing(label));
        }
        if let Some(column) = weight {
            check_weights(&table, column, &kept)?;
        }

        let rows = sampled(spec, &table, kept)?;
        if label.is_some() && spec.label_order == LabelOrder::Appearance {
            labels.in_order_of_appearance(&rows);
        }
        let splits = if spec.stratify {
            if label.is_none() {
                return Err(DataError::StratifyWithoutLabel);
            }
            let (classes, names) = labels.strata(spec.labels.is_empty(), &rows);
            split(rows.len(), &spec.splits, spec.seed, Some(Strata { classes: &classes, names: &names }))?
        } else {
            split(rows.len(), &spec.splits, spec.seed, None)?
        };
        let row_numbers = |positions: Vec<usize>| positions.iter().filter_map(|at| rows.get(*at).copied()).collect();
        let splits = Positions {
            train: row_numbers(splits.train),
            validation: row_numbers(splits.validation),
            test: row_numbers(splits.test),
        };

        let membership = vec![None; table.len()];
        let card = Vec::new();
        let mut data =
            Self { table, cleaner, codes, text, card, label, weight, labels, splits, membership, empty_texts: 0 };
        for split in Split::ALL {
            for at in 0..data.split(split).len() {
                let row = data.split(split)[at];
                data.membership[row] = Some(split);
                data.empty_texts += usize::from(data.text.is_some() && data.text(row).trim().is_empty());
            }
        }
        Ok(data)
    }

    /// The same with the columns that tell a row where there is no text column; those that do not exist are passed over.
    pub fn told_by<'c>(mut self, columns: impl IntoIterator<Item = &'c str>) -> Self {
        self.card = columns.into_iter().filter_map(|name| self.table.column(name).ok()).collect();
        self
    }

    /// Whether there is a column with a text to classify.
    pub fn has_text(&self) -> bool {
        self.text.is_some()
    }

    /// How many rows the file has, before filter and sample.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Never true: a file without rows is not read.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The file that was read.
    pub fn path(&self) -> &Path {
        self.table.path()
    }

    /// SHA-256 of the file as it was read, in lower-case hexadecimal digits.
    pub fn sha256(&self) -> &str {
        self.table.sha256()
    }

    /// The label words, in session order. Where the session names none, the values of the label column, in order of first
    /// appearance among the rows that pass the filter.
    pub fn labels(&self) -> &[String] {
        self.labels.words()
    }

    /// How many rows of a split have each label, in the order of [`Self::labels`].
    pub fn label_counts(&self, split: Split) -> Vec<usize> {
        let mut counts = vec![0; self.labels().len()];
        for label in self.split(split).iter().filter_map(|row| self.gold(*row)) {
            if let Some(count) = counts.get_mut(label) {
                *count += 1;
            }
        }
        counts
    }

    /// File row numbers of a split, in split order.
    pub fn split(&self, split: Split) -> &[usize] {
        match split {
            Split::Train => &self.splits.train,
            Split::Validation => &self.splits.validation,
            Split::Test => &self.splits.test,
        }
    }

    /// The split that a file row is in, if any.
    pub fn split_of(&self, row: usize) -> Option<Split> {
        self.membership.get(row).copied().flatten()
    }

    /// Index into [`Self::labels`] of the row's gold label; none for rows that the filter leaves out, and for all where the
    /// session names no label column.
    pub fn gold(&self, row: usize) -> Option<usize> {
        self.labels.of(row)
    }

    /// The row's survey weight, where the session names a column of weights and the row's cell holds one.
    pub fn weight(&self, row: usize) -> Option<f64> {
        weight(self.table.cell(row, self.weight?))
    }

    /// Whether a label, by its place in [`Self::labels`], stands for codes that say nothing.
    pub fn is_missing(&self, label: usize) -> bool {
        let codes = self.label.and_then(|column| self.codes.get(column)).and_then(Option::as_ref);
        codes.zip(self.labels().get(label)).is_some_and(|(codes, word)| codes.means_missing(word))
    }

    /// The row's text after cleaning; where there is no text column, the values that tell the row, with commas between.
    pub fn text(&self, row: usize) -> Cow<'_, str> {
        let Some(column) = self.text else {
            let words = self.card.iter().map(|column| self.value(row, *column)).filter(|word| !word.is_empty());
            return Cow::Owned(words.collect::<Vec<_>>().join(", "));
        };
        self.cleaner.clean(self.word(column, self.table.cell(row, column)))
    }

    /// The row's text as it is in the file; empty where there is no text column.
    pub fn raw_text(&self, row: usize) -> &str {
        self.text.map_or("", |column| self.table.cell(row, column))
    }

    /// What a row has in a column, by its place in the table: the word of a code, or the cell itself; empty where the code
    /// says nothing.
    pub fn value(&self, row: usize, column: usize) -> &str {
        self.word(column, self.table.cell(row, column))
    }

    /// The codes of a column, where the session says some.
    pub fn codes(&self, column: usize) -> Option<&Codes> {
        self.codes.get(column).and_then(Option::as_ref)
    }

    /// The place of the label column in the table, where there is one.
    pub fn label_column(&self) -> Option<usize> {
        self.label
    }

    /// Every column of the row, codes replaced by their words (by nothing where they say nothing), the text column cleaned,
    /// in file order.
    pub fn record(&self, row: usize) -> Vec<(&str, Cow<'_, str>)> {
        let cells = self.table.columns().iter().zip(self.table.cells(row)).enumerate();
        let value = |column, cell| {
            let word = self.word(column, cell);
            if Some(column) == self.text { self.cleaner.clean(word) } else { Cow::Borrowed(word) }
        };
        cells.map(|(column, (name, cell))| (name.as_str(), value(column, cell))).collect()
    }

    /// How many rows of the splits have a text with nothing but whitespace after cleaning.
    pub fn empty_texts(&self) -> usize {
        self.empty_texts
    }

    /// The table as read.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The word for a cell of a column, or the cell itself. The label's word is told even where it says nothing: it is what
    /// the row's label is called.
    fn word<'d>(&'d self, column: usize, cell: &'d str) -> &'d str {
        let Some(codes) = self.codes(column) else { return cell };
        if Some(column) != self.label && codes.is_missing(cell) {
            return "";
        }
        codes.word(cell).unwrap_or(cell)
    }
}

/// The place of a column that a session may name.
fn optional_column(table: &Table, name: Option<&str>, key: &str) -> Result<Option<usize>, DataError> {
    name.map(|name| table.column(name).map_err(|error| error.at(key))).transpose()
}

/// The codes of every column that has some. The label column's are in `data.labels`, or else in the codebook.
fn codes(spec: &DataSpec, table: &Table, label: Option<usize>) -> Result<Vec<Option<Codes>>, DataError> {
    let mut codes: Vec<Option<Codes>> = table.columns().iter().map(|_| None).collect();
    for (name, words) in &spec.codebook {
        let column = table.column(name).map_err(|error| error.at(format!("data.codebook.{name}")))?;
        codes[column] = Some(Codes::new(words));
    }
    if let Some(column) = label.filter(|_| !spec.labels.is_empty()) {
        codes[column] = Some(Codes::new(&spec.labels));
    }
    for (name, missing) in &spec.missing {
        let column = table.column(name).map_err(|error| error.at(format!("data.missing.{name}")))?;
        let named = codes[column].take().unwrap_or_default();
        // A code that is a number may well be one that no row has; a word that means no code is a typing error.
        let unknown =
            |value: &&String| named.codes().len() > 0 && value.trim().parse::<f64>().is_err() && !value.is_empty();
        if let Some(value) = missing.iter().filter(unknown).find(|value| !named.knows(value)) {
            let known: Vec<&str> = named.codes().chain(named.words()).collect();
            let nearest = nearest(value, known.into_iter()).map(str::to_owned);
            return Err(DataError::UnknownMissing { column: name.clone(), value: value.clone(), nearest });
        }
        codes[column] = Some(named.with_missing(missing));
    }
    Ok(codes)
}

/// The rows that pass the filter, in file order: those with the code that it names, or with a code that it names the word of.
fn filtered(spec: &DataSpec, table: &Table, codes: &[Option<Codes>]) -> Result<Vec<usize>, DataError> {
    let mut rows: Vec<usize> = (0..table.len()).collect();
    for (name, code) in &spec.filter {
        let column = table.column(name).map_err(|error| error.at(format!("data.filter.{name}")))?;
        let codes = codes.get(column).and_then(Option::as_ref);
        let is = |cell: &str| same(cell, code) || codes.is_some_and(|codes| codes.word(cell) == Some(code.as_str()));
        rows.retain(|row| is(table.cell(*row, column)));
    }
    if rows.is_empty() {
        let filter: Vec<String> = spec.filter.iter().map(|(name, code)| format!("{name} = {}", shown(code))).collect();
        return Err(DataError::FilteredOut { path: table.path().to_owned(), filter: filter.join(", ") });
    }
    Ok(rows)
}

/// A survey weight: a finite number from 0 up.
fn weight(cell: &str) -> Option<f64> {
    cell.trim().parse().ok().filter(|weight: &f64| weight.is_finite() && *weight >= 0.0)
}

fn check_weights(table: &Table, column: usize, kept: &[usize]) -> Result<(), DataError> {
    match kept.iter().find(|row| weight(table.cell(**row, column)).is_none()) {
        Some(row) => Err(DataError::Weight {
            path: table.path().to_owned(),
            row: *row,
            line: table.line(*row),
            column: table.columns().get(column).cloned().unwrap_or_default(),
            value: table.cell(*row, column).to_owned(),
        }),
        None => Ok(()),
    }
}

/// The rows to split: a sample of those kept, in the order drawn, or all of them in file order.
fn sampled(spec: &DataSpec, table: &Table, kept: Vec<usize>) -> Result<Vec<usize>, DataError> {
    let Some(size) = spec.sample else {
        return Ok(kept);
    };
    if !(1..=kept.len()).contains(&size) {
        return Err(DataError::Sample { path: table.path().to_owned(), sample: size, rows: kept.len() });
    }
    Ok(sample(kept.len(), size, spec.seed).into_iter().filter_map(|at| kept.get(at).copied()).collect())
}

#[cfg(test)]
mod tests;
