//! Append-only files of JSON lines that several programs may write at once and a kill may tear.
//!
//! A line is one write to a file opened for appending, made under the file's lock: whoever appends has read all that
//! others appended before. What a kill tore off stays as a line that nobody can read; the next one starts afresh behind
//! it. What lines say is left to [`super::timeline`] and [`super::overlay`].

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// No more of a file than this is read, from its end.
const MOST_BYTES: u64 = 64 << 20;

/// What can go wrong with such a file.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It cannot be written.
    #[error("{}: cannot be written: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A text longer than it may be.
    #[error("{what} is {found} characters long; {most} at most")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// How long it is.
        found: usize,
        /// How long it may be.
        most: usize,
    },
    /// There is no such version.
    #[error("{}: there is no version {number}", path.display())]
    NoVersion {
        /// The file.
        path: PathBuf,
        /// The number asked for.
        number: u64,
    },
}

/// Such a file, and how far it is read.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Bytes up to the end of the last whole line that was read.
    read_to: u64,
    /// Lines that could not be read.
    skipped: usize,
}

impl Journal {
    /// A file that need not be there yet, none of it read.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read_to: 0, skipped: 0 }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lines that were of another form or torn.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Reads the end of the file: as many bytes as hold `wanted` lines, by `counts`, if there are so many.
    pub fn read_end<T: DeserializeOwned>(
        &mut self,
        wanted: usize,
        counts: &dyn Fn(&T) -> bool,
    ) -> Result<Vec<T>, JournalError> {
        let failed = |error| JournalError::Read { path: self.path.clone(), error };
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (self.read_to, self.skipped) = (0, 0);
                return Ok(Vec::new());
            }
            Err(error) => return Err(failed(error)),
        };
        let length = file.metadata().map_err(failed)?.len();
        let mut span = 1 << 20;
        loop {
            let start = length.saturating_sub(span);
            let mut bytes = read_from(&mut file, start, length - start).map_err(failed)?;
            let mut begin = start;
            if start > 0 {
                // The first line is cut; were it whole, it would be one line fewer.
                let cut = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
                bytes.drain(..cut);
                begin += cut as u64;
            }
            let Lines { items, skipped, end, .. } = parse(&bytes);
            if start == 0 || span >= MOST_BYTES || items.iter().filter(|item| counts(item)).count() >= wanted {
                (self.read_to, self.skipped) = (begin + end as u64, skipped);
                return Ok(items);
            }
            span *= 4;
        }
    }

    /// Reads what others appended, then appends the line that `line` makes of it, all under the file's lock. Answers
    /// with what was read and the line.
    pub fn append<T: DeserializeOwned, L: Serialize>(
        &mut self,
        line: impl FnOnce(&[T]) -> Result<L, JournalError>,
    ) -> Result<(Vec<T>, L), JournalError> {
        let path = self.path.clone();
        let failed = |error| JournalError::Write { path: path.clone(), error };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = File::options().read(true).append(true).create(true).open(&path).map_err(failed)?;
        lock(&file);
        let length = file.metadata().map_err(failed)?.len();
        // A file that became shorter is another one.
        let start = if self.read_to > length { 0 } else { self.read_to };
        let start = start.max(length.saturating_sub(MOST_BYTES));
        let bytes = read_from(&mut file, start, length - start).map_err(failed)?;
        let Lines { items: new, skipped, torn, .. } = parse::<T>(&bytes);
        let last = read_from(&mut file, length.saturating_sub(1), 1).map_err(failed)?;
        let afresh = if matches!(last.as_slice(), [] | [b'\n']) { "" } else { "\n" };
        let line = line(&new)?;
        let text = serde_json::to_string(&line).map_err(|error| failed(error.into()))?;
        let text = format!("{afresh}{text}\n");
        file.write_all(text.as_bytes()).map_err(failed)?;
        self.read_to = length + text.len() as u64;
        self.skipped += skipped + usize::from(torn);
        Ok((new, line))
    }
}

/// Waits for the file's lock. Where the file system knows no locks, or a stopped program never lets go of one, each line
/// is still one write.
fn lock(file: &File) {
    const PAUSE: Duration = Duration::from_millis(2);
    const TRIES: usize = 1000;
    for _ in 0..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            _ => return,
        }
    }
}

fn read_from(file: &mut File, start: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What some bytes of the file say.
struct Lines<T> {
    items: Vec<T>,
    /// Lines that cannot be read.
    skipped: usize,
    /// Where the last line that is whole ends.
    end: usize,
    /// Whether half a line is behind it.
    torn: bool,
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Lines<T> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (whole, rest) = bytes.split_at_checked(end).unwrap_or_default();
    let mut lines = Lines { items: Vec::new(), skipped: 0, end, torn: false };
    for line in whole.split(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(item) => lines.items.push(item),
            Err(_) => lines.skipped += 1,
        }
    }
    // No part of an object is one: what lacks its line break alone is whole.
    match serde_json::from_slice(rest) {
        Ok(item) => {
            lines.items.push(item);
            lines.end = bytes.len();
        }
        Err(_) => lines.torn = !rest.is_empty(),
    }
    lines
}

/// A text of at most `most` characters; nothing for one without any but blanks.
pub(super) fn bounded(text: Option<String>, what: &'static str, most: usize) -> Result<Option<String>, JournalError> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let found = text.chars().count();
    if found > most { Err(JournalError::TooLong { what, found, most }) } else { Ok(Some(text)) }
}
