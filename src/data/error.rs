//! What can be wrong with data, said in one line each: the file, and the row, line, column or key.
//!
//! Values that come out of a data file are shown escaped and shortened, so that a message can be printed as it is.

use std::io;
use std::path::PathBuf;

use super::split::SplitError;

/// What can be wrong with data. All of it is bad input but [`DataError::Cancelled`].
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Nothing is there.
    #[error("{path}: no such file")]
    NotFound {
        /// What was to be read.
        path: PathBuf,
    },
    /// A folder stands where a file should.
    #[error("{path}: is a directory, a CSV file is needed")]
    Directory {
        /// What was to be read.
        path: PathBuf,
    },
    /// The system would not read or write it.
    #[error("{path}: {error}")]
    Io {
        /// What was to be read or written.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Not even a header.
    #[error("{path}: the file is empty, a header line with column names is needed")]
    Empty {
        /// The data file.
        path: PathBuf,
    },
    /// A header and no row.
    #[error("{path}: there are no rows below the header")]
    NoRows {
        /// The data file.
        path: PathBuf,
    },
    /// As some spreadsheets export "Unicode text".
    #[error("{path}: the file is UTF-16, save it as UTF-8")]
    Utf16 {
        /// The data file.
        path: PathBuf,
    },
    /// Bytes that are no UTF-8: mostly a file in an older encoding.
    #[error("{path}, line {line}: byte 0x{byte:02x} is not valid UTF-8, save the file as UTF-8")]
    Utf8 {
        /// The data file.
        path: PathBuf,
        /// The line with the byte, the first being 1.
        line: u64,
        /// The first byte that does not fit.
        byte: u8,
    },
    /// A row that is shorter or longer than the header.
    #[error("{path}, line {line}: {found} fields, but the header names {expected} columns")]
    Fields {
        /// The data file.
        path: PathBuf,
        /// The line where the row starts, the first being 1.
        line: u64,
        /// Fields in the row.
        found: usize,
        /// Columns in the header.
        expected: usize,
    },
    /// The end of the file came inside a quoted cell.
    #[error("{path}, line {line}: a quoted cell of this row is never closed")]
    Unclosed {
        /// The data file.
        path: PathBuf,
        /// The line where the row starts, the first being 1.
        line: u64,
    },
    /// Two columns of one name cannot be told apart.
    #[error("{path}: two columns are called {}, rename one", shown(.name))]
    DuplicateColumn {
        /// The data file.
        path: PathBuf,
        /// The name that comes twice.
        name: String,
    },
    /// A column that the file does not have.
    #[error("{path}: no column {}{}; there are {columns}", shown(.name), did_you_mean(.nearest.as_deref()))]
    Column {
        /// The data file.
        path: PathBuf,
        /// The column asked for.
        name: String,
        /// The column that was probably meant.
        nearest: Option<String>,
        /// The file's columns, listed for the message.
        columns: String,
    },
    /// Another error, with the key of the session file that led to it.
    #[error("{key}: {error}")]
    Key {
        /// The key, such as `data.label`.
        key: String,
        /// What is wrong.
        error: Box<DataError>,
    },
    /// A cleaning rule that does not exist.
    #[error("data.clean: no rule {}{}; there are {known}", shown(.name), did_you_mean(.nearest.as_deref()))]
    Rule {
        /// The rule asked for.
        name: String,
        /// The rule that was probably meant.
        nearest: Option<String>,
        /// All rules, listed for the message.
        known: String,
    },
    /// A row whose label code has no word.
    #[error(
        "{path}, row {row} (line {line}): {} in column {} has no label; add it to data.labels (now {known}), to data.missing \
         where it says nothing, or keep such rows out with data.filter",
        shown(.value), shown(.column)
    )]
    Label {
        /// The data file.
        path: PathBuf,
        /// The row, the first below the header being 0.
        row: usize,
        /// The line where the row starts, the first being 1.
        line: u64,
        /// The label column.
        column: String,
        /// The code without a word.
        value: String,
        /// The codes that have one, listed for the message.
        known: String,
    },
    /// A row whose label cell is empty.
    #[error(
        "{path}, row {row} (line {line}): the label column {} is empty; list \"\" in data.missing to leave such rows \
         without a label",
        shown(.column)
    )]
    NoLabel {
        /// The data file.
        path: PathBuf,
        /// The row, the first below the header being 0.
        row: usize,
        /// The line where the row starts, the first being 1.
        line: u64,
        /// The label column.
        column: String,
    },
    /// A survey weight that is no number, or no weight.
    #[error(
        "{path}, row {row} (line {line}): the weight {} in column {} is not a number from 0 up",
        shown(.value), shown(.column)
    )]
    Weight {
        /// The data file.
        path: PathBuf,
        /// The row, the first below the header being 0.
        row: usize,
        /// The line where the row starts, the first being 1.
        line: u64,
        /// The weight column.
        column: String,
        /// What is there instead.
        value: String,
    },
    /// A filter that no row passes.
    #[error("{path}: no row passes data.filter ({filter})")]
    FilteredOut {
        /// The data file.
        path: PathBuf,
        /// The filter, for the message.
        filter: String,
    },
    /// A sample of more rows than there are, or of none.
    #[error("{path}: data.sample is {sample}, but it must lie between 1 and the {rows} rows there are")]
    Sample {
        /// The data file.
        path: PathBuf,
        /// The sample asked for.
        sample: usize,
        /// Rows that pass the filter.
        rows: usize,
    },
    /// A value that is said to say nothing and that nobody knows.
    #[error(
        "data.missing.{column}: {} is neither a code nor a word of that column{}",
        shown(.value), did_you_mean(.nearest.as_deref())
    )]
    UnknownMissing {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// The code or word that was probably meant.
        nearest: Option<String>,
    },
    /// Leaving out rows with nothing said of what says nothing.
    #[error("data.drop_missing: data.missing names no codes of the label column, so there is nothing to leave out")]
    NothingMissing,
    /// No row is left.
    #[error(
        "{path}: every row that passes the filter has a label that says nothing (data.missing), and data.drop_missing leaves those out"
    )]
    AllMissing {
        /// The data file.
        path: PathBuf,
    },
    /// Stratifying needs labels.
    #[error("data.stratify: there is no data.label to keep the proportions of")]
    StratifyWithoutLabel,
    /// Shares that make no splits.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A URL that could not be fetched.
    #[error("{url}: {reason}")]
    Download {
        /// The URL.
        url: String,
        /// What went wrong and what can be done.
        reason: String,
    },
    /// The progress callback asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl DataError {
    /// The same error, saying which key of the session file led to it.
    pub(crate) fn at(self, key: impl Into<String>) -> Self {
        Self::Key { key: key.into(), error: Box::new(self) }
    }
}

/// How many names a message lists before it only counts the rest.
const LISTED: usize = 20;
/// How many characters of a value a message shows.
const SHOWN: usize = 40;

/// A value in quotes, shortened, with control characters escaped.
pub(super) fn shown(value: &str) -> String {
    let short: String = value.chars().take(SHOWN).collect();
    let rest = if short.len() < value.len() { "…" } else { "" };
    format!("\"{}{rest}\"", short.escape_debug())
}

/// Names in quotes with commas between; where there are many, the first of them.
pub(super) fn listed<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let mut list = names.take(LISTED).map(shown).collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    list
}

/// The known name that was probably meant by `name`, if any is close enough to say so.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    /// Below this Jaro-Winkler similarity two names have hardly anything in common.
    const CLOSE: f64 = 0.75;
    let name = name.to_lowercase();
    known
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean {}?)", shown(name))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_escaped_and_short() {
        assert_eq!(shown("a\u{1b}[31mb\r\n"), r#""a\u{1b}[31mb\r\n""#);
        assert_eq!(shown(&"é".repeat(41)), format!("\"{}…\"", "é".repeat(40)));
    }

    #[test]
    fn long_lists_are_counted() {
        let names: Vec<String> = (0..23).map(|n| n.to_string()).collect();
        assert!(listed(names.iter().map(String::as_str)).ends_with("\"19\" and 3 more"));
    }

    #[test]
    fn only_a_close_name_is_suggested() {
        let known = ["text", "stance", "sentiment"];
        assert_eq!(nearest("Stanze", known.into_iter()), Some("stance"));
        assert_eq!(nearest("zzz", known.into_iter()), None);
    }
}
