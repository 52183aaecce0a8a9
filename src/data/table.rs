//! A CSV file in memory: every cell as it is written, and where each row stands in the file.
//!
//! The file is read once, as a stream, and hashed on the way. All cells lie in one string, their lengths beside it in mostly
//! one byte each, so that a table takes about as much memory as its file. What cells mean is left to others.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use super::error::{DataError, listed, nearest};
use super::hashed::Hashed;

/// How much of a file's start is looked at to tell its delimiter, in bytes.
const HEAD: usize = 64 * 1024;

/// Rows and columns of a CSV file.
pub struct Table {
    path: PathBuf,
    bytes: u64,
    sha256: String,
    columns: Vec<String>,
    rows: Vec<Start>,
    /// The cells, row after row, with nothing between them.
    text: String,
    /// The cells' lengths in bytes, seven bits a byte with the low ones first; the top bit says that more follow.
    lengths: Vec<u8>,
}

/// Where a row starts.
struct Start {
    text: usize,
    lengths: usize,
    line: u32,
}

impl Table {
    /// Reads a CSV file: UTF-8, with or without a byte order mark, a header, and comma, semicolon or tab between fields.
    /// Quoted cells may hold delimiters and line breaks, which are kept byte for byte; blank lines are skipped.
    ///
    /// Fails when the file cannot be read, is empty, has no rows or two columns of one name, and at the first row that has
    /// more or fewer fields than the header, is not UTF-8 or has a quote that is never closed, naming its line.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let io = |error| DataError::Io { path: path.to_owned(), error };
        let mut lines = Lines::new(open(path)?);
        let head = lines.file.fill_buf().map_err(io)?;
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
            return Err(DataError::Utf16 { path: path.to_owned() });
        }
        let delimiter = sniff(head);
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(lines);

        let mut table = Self {
            path: path.to_owned(),
            bytes: 0,
            sha256: String::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            text: String::new(),
            lengths: Vec::new(),
        };
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(|error| io(error.into()))? {
            let lines = reader.get_ref();
            let line = lines.number.saturating_sub(breaks(record.as_slice()));
            if lines.ended() {
                // The record that `Lines` appends, unless a cell that is still open has swallowed it.
                if record.len() == 1 && record.iter().all(<[u8]>::is_empty) {
                    break;
                }
                return Err(DataError::Unclosed { path: path.to_owned(), line });
            }
            if table.columns.is_empty() { table.header(&record, line)? } else { table.push(&record, line)? }
        }
        let file = reader.into_inner().file.into_inner();
        table.bytes = file.count();
        table.sha256 = file.sha256();
        if table.columns.is_empty() {
            return Err(DataError::Empty { path: table.path });
        }
        if table.rows.is_empty() {
            return Err(DataError::NoRows { path: table.path });
        }
        table.rows.shrink_to_fit();
        table.text.shrink_to_fit();
        table.lengths.shrink_to_fit();
        Ok(table)
    }

    fn header(&mut self, record: &ByteRecord, line: u64) -> Result<(), DataError> {
        let mut rest = text_of(&self.path, record, line)?;
        let mut seen = HashSet::new();
        for field in record {
            let (name, after) = rest.split_at_checked(field.len()).unwrap_or_default();
            if !seen.insert(name) {
                return Err(DataError::DuplicateColumn { path: self.path.clone(), name: name.to_owned() });
            }
            self.columns.push(name.to_owned());
            rest = after;
        }
        Ok(())
    }

    fn push(&mut self, record: &ByteRecord, line: u64) -> Result<(), DataError> {
        let (found, expected) = (record.len(), self.columns.len());
        if found != expected {
            return Err(DataError::Fields { path: self.path.clone(), line, found, expected });
        }
        let text = text_of(&self.path, record, line)?;
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        self.rows.push(Start { text: self.text.len(), lengths: self.lengths.len(), line });
        self.text.push_str(text);
        for field in record {
            push_length(&mut self.lengths, field.len());
        }
        Ok(())
    }

    /// The file that was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the file as it was read, in lower-case hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// How many rows there are, the header not counted.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never true: a file without rows is not read.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The columns' names, in file order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The place of a column. The error names the column that was probably meant and lists those there are.
    pub fn column(&self, name: &str) -> Result<usize, DataError> {
        let names = || self.columns.iter().map(String::as_str);
        names().position(|column| column == name).ok_or_else(|| DataError::Column {
            path: self.path.clone(),
            name: name.to_owned(),
            nearest: nearest(name, names()).map(str::to_owned),
            columns: listed(names()),
        })
    }

    /// A cell; empty where there is no such row or column.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        self.cells(row).nth(column).unwrap_or_default()
    }

    /// The cells of a row, in file order; none where there is no such row.
    pub fn cells(&self, row: usize) -> impl Iterator<Item = &str> {
        let (mut text, mut lengths) = match self.rows.get(row) {
            Some(start) => {
                (self.text.get(start.text..).unwrap_or_default(), self.lengths.get(start.lengths..).unwrap_or_default())
            }
            None => ("", [].as_slice()),
        };
        let count = if row < self.rows.len() { self.columns.len() } else { 0 };
        (0..count).map(move |_| {
            let (cell, rest) = text.split_at_checked(take_length(&mut lengths)).unwrap_or_default();
            text = rest;
            cell
        })
    }

    /// The line of the file in which a row starts, the first being 1; 0 where there is no such row.
    pub fn line(&self, row: usize) -> u64 {
        self.rows.get(row).map_or(0, |start| u64::from(start.line))
    }
}

/// Opens a file for reading, telling apart what is most often wrong with a path.
fn open(path: &Path) -> Result<File, DataError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => DataError::NotFound { path: path.to_owned() },
        _ => DataError::Io { path: path.to_owned(), error },
    })?;
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(DataError::Directory { path: path.to_owned() }),
        _ => Ok(file),
    }
}

/// The fields of a record that starts in `line` as text, one after the other.
fn text_of<'r>(path: &Path, record: &'r ByteRecord, line: u64) -> Result<&'r str, DataError> {
    let bytes = record.as_slice();
    if !bytes.is_ascii()
        && let Some(offset) = first_invalid(record)
    {
        let (valid, rest) = bytes.split_at_checked(offset).unwrap_or_default();
        let byte = rest.first().copied().unwrap_or_default();
        return Err(DataError::Utf8 { path: path.to_owned(), line: line + breaks(valid), byte });
    }
    Ok(std::str::from_utf8(bytes).unwrap_or_default())
}

/// Where the first field that is no UTF-8 stops to be. Fields are looked at one by one: half a character at the end of one
/// and the other half at the start of the next make none.
fn first_invalid(record: &ByteRecord) -> Option<usize> {
    let mut start = 0;
    for field in record {
        if let Err(error) = std::str::from_utf8(field) {
            return Some(start + error.valid_up_to());
        }
        start += field.len();
    }
    None
}

/// How many line feeds there are.
fn breaks(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn push_length(lengths: &mut Vec<u8>, mut length: usize) {
    while length > 0x7f {
        lengths.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    lengths.push(length as u8);
}

fn take_length(lengths: &mut &[u8]) -> usize {
    let mut length = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let Some((byte, rest)) = lengths.split_first() else {
            break;
        };
        *lengths = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if *byte <= 0x7f {
            break;
        }
    }
    length
}

/// The delimiter of a file that starts with `head`: the one that divides most rows into as many fields as the header, at
/// least two. A comma where none does.
fn sniff(head: &[u8]) -> u8 {
    let mut best = (0.0, 0, b',');
    for delimiter in [b',', b';', b'\t'] {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(head);
        let mut widths: Vec<usize> = reader.byte_records().map_while(Result::ok).map(|record| record.len()).collect();
        if head.len() >= HEAD && widths.len() > 2 {
            // The last row is most likely cut.
            widths.pop();
        }
        let Some(width) = widths.first().copied().filter(|width| *width > 1) else {
            continue;
        };
        let alike = widths.iter().filter(|found| **found == width).count() as f64 / widths.len() as f64;
        if (alike, width) > (best.0, best.1) {
            best = (alike, width, delimiter);
        }
    }
    best.2
}

/// What follows the last byte of a file: an end of line, and a row of one empty quoted cell. A cell that was never closed
/// takes it for its own text, which the CSV reader itself would not tell.
const CLOSING: &[u8] = b"\n\"\"";

/// A file handed to the CSV reader at most one line at a time, so that whenever a row is complete, the line handed out last
/// is the one in which the row ends. (The CSV reader's own count lags behind by one where lines end in CRLF.)
struct Lines {
    file: BufReader<Hashed<File>>,
    closing: &'static [u8],
    /// The number of the line handed out last, the first being 1.
    number: u64,
    /// Whether that line was handed out to its end.
    complete: bool,
}

impl Lines {
    fn new(file: File) -> Self {
        let file = BufReader::with_capacity(HEAD, Hashed::new(file));
        Self { file, closing: CLOSING, number: 0, complete: true }
    }

    /// Whether everything was handed out, the closing row included.
    fn ended(&self) -> bool {
        self.closing.is_empty()
    }
}

impl Read for Lines {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let buffered = self.file.fill_buf()?;
        let in_file = !buffered.is_empty();
        let available = if in_file { buffered } else { self.closing };
        let line = available.iter().position(|byte| *byte == b'\n').map_or(available.len(), |end| end + 1);
        let count = line.min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        if count > 0 {
            self.number += u64::from(self.complete);
            self.complete = available[count - 1] == b'\n';
        }
        if in_file {
            self.file.consume(count);
        } else {
            self.closing = &self.closing[count..];
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
