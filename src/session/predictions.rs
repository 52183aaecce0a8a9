//! `predictions.csv`: what a run answered, one record a row.
//!
//! The columns are `row, split, gold, predicted, answer, margin`, then one `logprob:<label>` for each label in the
//! session's order, then what a kind of run adds (`options`, `weight`). Records end in `\n`; a cell is quoted only where
//! it must be. Log-probabilities and margins are natural logarithms with six decimals; cells of what was not computed
//! are empty.
//!
//! This file is the format; [`writer`] appends to it, takes up what a killed run left, and puts it in order at the end;
//! [`pairs`] reads gold and predicted labels out of a run or anybody's CSV, [`answers`] the same by row number.

pub mod answers;
pub mod pairs;
pub mod writer;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::data::Split;
use crate::text::printable;

pub use pairs::{LabelPairs, PairsError, read_pairs};
pub use writer::Writer;

/// The columns that every file has.
const FIXED: [&str; 6] = ["row", "split", "gold", "predicted", "answer", "margin"];

/// What stands before a label in the name of its column.
const LOGPROB: &str = "logprob:";

/// What can be wrong with a file of predictions.
#[derive(Debug, thiserror::Error)]
pub enum PredictionsError {
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No space for another record; those already written are whole.
    #[error("{path}: the disk is full. What is answered is kept: make room, then go on with `--resume`")]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else has the file open for writing.
    #[error("{path}: another run is writing to this file; wait for its end or stop it")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Killed before the header was written.
    #[error("{path}: there are no predictions in it yet")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The header is not the one it should be.
    #[error("{path}: the columns are `{found}`, not `{expected}`: is it of another session?")]
    Columns {
        /// The file.
        path: PathBuf,
        /// The header.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A record that cannot be read.
    #[error("{path}, line {line}: {what}")]
    Record {
        /// The file.
        path: PathBuf,
        /// The record's first line, from 1.
        line: u64,
        /// What is wrong and what would be right.
        what: String,
    },
    /// Two records of one row.
    #[error("{path}, line {line}: row {row} is there already, in line {first}; remove one of the two")]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The later one's first line, from 1.
        line: u64,
        /// The row.
        row: usize,
        /// The earlier one's first line, from 1.
        first: u64,
    },
    /// A prediction that does not fit the columns.
    #[error("row {row} has {found} {what} for {expected} columns")]
    Shape {
        /// The row.
        row: usize,
        /// Of what there is a wrong number.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
}

impl PredictionsError {
    /// Tells a full disk from other failures.
    fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }
}

/// The answer to one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The row's number in the data file.
    pub row: usize,
    /// The split that it is in.
    pub split: Split,
    /// Its gold label, where the data has one.
    pub gold: Option<String>,
    /// The label that the answer was read as, or the session's word for none.
    pub predicted: String,
    /// The text that was generated; empty where labels were scored.
    pub answer: String,
    /// See [`margin`]; `None` where text was generated.
    pub margin: Option<f64>,
    /// Natural log-probability of each label in the session's order; no entries at all where none was computed.
    pub logprobs: Vec<Option<f64>>,
    /// What this kind of run adds, in the order of [`Columns::extra`].
    pub extra: Vec<String>,
}

/// How far the best label lies before the second best, whichever is right: the difference of their log-probabilities.
/// `None` with fewer than two.
pub fn margin(logprobs: &[f64]) -> Option<f64> {
    let mut sorted = logprobs.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    match sorted.as_slice() {
        [best, second, ..] => Some(best - second),
        _ => None,
    }
}

/// Probability of each label among the labels; nothing where not all of them were scored.
pub fn probabilities(logprobs: &[Option<f64>]) -> Option<Vec<f64>> {
    let logprobs: Vec<f64> = logprobs.iter().copied().collect::<Option<_>>()?;
    let most = logprobs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return None;
    }
    let shares: Vec<f64> = logprobs.iter().map(|logprob| (logprob - most).exp()).collect();
    let sum: f64 = shares.iter().sum();
    Some(shares.into_iter().map(|share| share / sum).collect())
}

/// An order of labels as a cell holds it: with `|` between them, or as a JSON list where a label has that in it.
pub fn written_options(options: &[String]) -> String {
    let plain = !options.iter().any(|option| option.contains('|'));
    let list = if plain { None } else { serde_json::to_string(options).ok() };
    list.unwrap_or_else(|| options.join("|"))
}

/// The order of labels in a cell of so many.
pub fn read_options(cell: &str, labels: usize) -> Option<Vec<String>> {
    let list = serde_json::from_str(cell).ok();
    let options: Vec<String> = list.unwrap_or_else(|| cell.split('|').map(str::to_owned).collect());
    Some(options).filter(|options| options.len() == labels)
}

/// The columns beyond those that every file has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The labels, in the session's order.
    pub labels: Vec<String>,
    /// Names of what this kind of run adds.
    pub extra: Vec<String>,
}

impl Columns {
    /// The header.
    fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let fixed = FIXED.into_iter().map(Cow::Borrowed);
        let labels = self.labels.iter().map(|label| Cow::Owned(format!("{LOGPROB}{label}")));
        fixed.chain(labels).chain(self.extra.iter().map(|name| Cow::Borrowed(name.as_str())))
    }

    /// The columns of a header; `None` if it is not one of ours.
    fn of(header: &StringRecord) -> Option<Self> {
        if !header.iter().take(FIXED.len()).eq(FIXED) {
            return None;
        }
        let mut rest = header.iter().skip(FIXED.len()).peekable();
        let mut columns = Self::default();
        while let Some(label) = rest.peek().and_then(|name| name.strip_prefix(LOGPROB)) {
            columns.labels.push(label.to_owned());
            rest.next();
        }
        columns.extra = rest.map(str::to_owned).collect();
        Some(columns)
    }

    /// For messages.
    fn shown(&self) -> String {
        shown_list(self.names())
    }
}

/// Names as one line, whatever is in them.
fn shown_list(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    names.map(|name| printable(name.as_ref()).into_owned()).collect::<Vec<_>>().join(",")
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// Its columns.
    pub columns: Columns,
    /// Its records, in file order.
    pub rows: Vec<Prediction>,
}

/// Reads a file and leaves it as it is. The torn last record of a run that was killed, or is writing just now, is passed
/// over.
///
/// # Errors
/// Every variant but those of writing.
pub fn read(path: &Path) -> Result<Predictions, PredictionsError> {
    let bytes = std::fs::read(path).map_err(|source| PredictionsError::io(path, source))?;
    parse(path, complete(&bytes))
}

/// The part of the file up to the end of the last whole record. A record ends with a line break outside quotes; what is
/// behind the last one was cut off by a kill.
pub(super) fn complete(bytes: &[u8]) -> &[u8] {
    let mut quoted = false;
    let mut end = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            // A doubled quote inside a quoted cell turns twice.
            b'"' => quoted = !quoted,
            b'\n' if !quoted => end = at + 1,
            _ => {}
        }
    }
    bytes.get(..end).unwrap_or_default()
}

/// Reads whole records.
fn parse(path: &Path, bytes: &[u8]) -> Result<Predictions, PredictionsError> {
    let wrong = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let what = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("{len} cells instead of {expected_len}")
            }
            csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
            _ => error.to_string(),
        };
        PredictionsError::Record { path: path.to_owned(), line, what }
    };
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    let mut records = reader.records();
    let header = records.next().ok_or_else(|| PredictionsError::Empty { path: path.to_owned() })?.map_err(wrong)?;
    let columns = Columns::of(&header).ok_or_else(|| PredictionsError::Columns {
        path: path.to_owned(),
        found: shown_list(header.iter()),
        expected: format!("{},…", FIXED.join(",")),
    })?;
    let mut lines = HashMap::new();
    let mut rows = Vec::new();
    for record in records {
        let record = record.map_err(wrong)?;
        let line = record.position().map_or(1, csv::Position::line);
        let prediction =
            decode(&record, &columns).map_err(|what| PredictionsError::Record { path: path.to_owned(), line, what })?;
        let row = prediction.row;
        if let Some(first) = lines.insert(row, line) {
            return Err(PredictionsError::Duplicate { path: path.to_owned(), line, row, first });
        }
        rows.push(prediction);
    }
    Ok(Predictions { columns, rows })
}

/// One record, as long as the header.
fn decode(record: &StringRecord, columns: &Columns) -> Result<Prediction, String> {
    let cell = |index: usize| record.get(index).unwrap_or_default();
    let wrong = |index: usize, right: &str| {
        let start: String = cell(index).chars().take(40).collect();
        format!("`{}` is {right}", printable(&start))
    };
    let number = |index: usize| match cell(index) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| wrong(index, "not a number")),
    };
    let logprobs: Vec<_> = (FIXED.len()..).take(columns.labels.len()).map(number).collect::<Result<_, String>>()?;
    Ok(Prediction {
        row: cell(0).parse().map_err(|_| wrong(0, "not the number of a row"))?,
        split: Split::ALL
            .into_iter()
            .find(|split| split.name() == cell(1))
            .ok_or_else(|| wrong(1, "not a split: train, validation or test"))?,
        gold: Some(cell(2).to_owned()).filter(|gold| !gold.is_empty()),
        predicted: cell(3).to_owned(),
        answer: cell(4).to_owned(),
        margin: number(5)?,
        logprobs: if logprobs.iter().all(Option::is_none) { Vec::new() } else { logprobs },
        extra: record.iter().skip(FIXED.len() + columns.labels.len()).map(str::to_owned).collect(),
    })
}

/// Whole records, the header first where it is asked for.
fn encode(columns: &Columns, header: bool, rows: &[Prediction]) -> Result<Vec<u8>, PredictionsError> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    let failed = |error: csv::Error| PredictionsError::io(Path::new("predictions.csv"), error.into());
    if header {
        writer.write_record(columns.names().map(Cow::into_owned).collect::<Vec<_>>()).map_err(failed)?;
    }
    for row in rows {
        let fits = |what, found, expected, empty: bool| {
            if found == expected || (empty && found == 0) {
                return Ok(());
            }
            Err(PredictionsError::Shape { row: row.row, what, found, expected })
        };
        fits("log-probabilities", row.logprobs.len(), columns.labels.len(), true)?;
        fits("further cells", row.extra.len(), columns.extra.len(), false)?;
        let mut record = StringRecord::from(vec![
            row.row.to_string().as_str(),
            row.split.name(),
            row.gold.as_deref().unwrap_or_default(),
            &row.predicted,
            &row.answer,
            &decimals(row.margin),
        ]);
        for index in 0..columns.labels.len() {
            record.push_field(&decimals(row.logprobs.get(index).copied().flatten()));
        }
        record.extend(&row.extra);
        writer.write_record(&record).map_err(failed)?;
    }
    writer.into_inner().map_err(|error| failed(error.into_error().into()))
}

/// Six decimals, so that a number that was read back is written as it was; nothing for what was not computed.
fn decimals(value: Option<f64>) -> String {
    match value {
        Some(value) if !value.is_nan() => {
            let text = format!("{value:.6}");
            // A log-probability that rounds to nothing is a plain zero.
            if text == "-0.000000" { "0.000000".to_owned() } else { text }
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
