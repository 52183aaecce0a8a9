//! A run as one file for others: the predictions as CSV, everything as JSON, a report to read as Markdown or as an HTML page.
//!
//! A run folder is read as it lies on disk, and may belong to a run that is not finished: what is there is exported.
//! `manifest.json` is read as plain JSON, so that runs of other versions of the program can be exported too.

mod calibration;
mod cases;
mod charts;
mod document;
mod html;
mod markdown;
mod words;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Map, Value};

use document::Document;

use super::calibrate::Kept;
use super::predictions::{self, Prediction, Predictions, PredictionsError};

/// The formats of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `predictions.csv` as it is, but for the torn last record of a killed run. Cells keep what they hold, control
    /// characters and what a spreadsheet takes for a formula included: it is data for programs, not for a terminal.
    Csv,
    /// One object of `manifest`, `report` (`null` while there is none that can be read) and `rows`; control characters are escaped.
    Json,
    /// A report to read: set-up, prompt, figures, confusion matrix, methods. Text from the data is escaped.
    Md,
    /// The same as one page that fetches nothing, with drawings and with the rows that were answered wrongly. Their texts are
    /// in it where the data is still what it was.
    Html,
}

impl Format {
    /// The formats' names.
    pub const NAMES: [&str; 4] = ["csv", "json", "md", "html"];
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            "md" => Ok(Self::Md),
            "html" => Ok(Self::Html),
            _ => Err(format!("unknown format `{}`: {}", crate::text::printable(name), Self::NAMES.join(", "))),
        }
    }
}

/// Why a run cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder or a file of it cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the folder is no JSON.
    #[error("{path}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The predictions cannot be read.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
    /// The page cannot be made.
    #[error("cannot make the page: {0}")]
    Page(#[from] minijinja::Error),
    /// The export cannot be written.
    #[error("cannot write the export: {0}")]
    Write(#[source] io::Error),
}

/// Writes an export of the run in folder `run`.
///
/// # Errors
/// A file that is missing or broken, by its name; a failure of `out`.
pub fn export(run: &Path, format: Format, out: &mut dyn Write) -> Result<(), ExportError> {
    let table = run.join("predictions.csv");
    let predictions = predictions::read(&table)?;
    let json = |name: &str| Ok::<_, ExportError>(read_json(&run.join(name))?.unwrap_or_default());
    // All figures in it can be told from the rows.
    let report = || {
        json("report.json").unwrap_or_else(|error| {
            tracing::warn!(%error, "an export without the run's own report");
            Value::Null
        })
    };
    let written = match format {
        Format::Csv => {
            let bytes = std::fs::read(&table).map_err(|source| ExportError::Read { path: table, source })?;
            out.write_all(predictions::complete(&bytes))
        }
        Format::Json => {
            let rows = predictions.rows.iter().map(|row| record(row, &predictions)).collect();
            crate::text::json(&Export { manifest: json("manifest.json")?, report: report(), rows })
                .map_err(io::Error::from)
                .and_then(|text| writeln!(out, "{text}"))
        }
        Format::Md | Format::Html => {
            let name = run.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let (manifest, report) = (json("manifest.json")?, report());
            // What cannot be read there is left out.
            let kept = Kept::read(run).unwrap_or_else(|error| {
                tracing::warn!(%error, "an export without calibrations");
                Kept::default()
            });
            let document = Document::of(&name, &manifest, &report, &predictions, &kept);
            let text = match format {
                Format::Html => html::write(run, &manifest, &document, &predictions)?,
                _ => markdown::write(&document),
            };
            out.write_all(text.as_bytes())
        }
    };
    written.and_then(|()| out.flush()).map_err(ExportError::Write)
}

/// The JSON of an export.
#[derive(Serialize)]
struct Export {
    manifest: Value,
    report: Value,
    rows: Vec<Map<String, Value>>,
}

/// A prediction with what is in its extra columns under their names.
fn record(row: &Prediction, predictions: &Predictions) -> Map<String, Value> {
    let columns = &predictions.columns;
    let logprobs: Map<String, Value> =
        columns.labels.iter().cloned().zip(row.logprobs.iter().map(|logprob| Value::from(*logprob))).collect();
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| record.insert(name.to_owned(), value);
    put("row", row.row.into());
    put("split", row.split.name().into());
    put("gold", row.gold.clone().into());
    put("predicted", row.predicted.clone().into());
    put("answer", row.answer.clone().into());
    put("margin", row.margin.into());
    put("logprobs", logprobs.into());
    for (name, cell) in columns.extra.iter().zip(&row.extra) {
        put(name, cell.clone().into());
    }
    record
}

/// A JSON file; `None` if it is not there.
fn read_json(path: &Path) -> Result<Option<Value>, ExportError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ExportError::Read { path: path.to_owned(), source }),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|source| ExportError::Json { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
