//! Appending to `predictions.csv`, so that a kill at any moment loses at most the batch that was being written.
//!
//! A batch is one write of whole records to a file opened for appending. What a kill tore off is cut away when the run
//! goes on. Batches come in the order of lengths, not of rows, and after a resume in yet another one: at the end the file
//! is put in the order of the split, in one step, so that a resumed run's file equals an unbroken one's.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Columns, Prediction, PredictionsError, complete, encode, parse};
use crate::session::home::write_whole;

/// A file of predictions that is being written, and locked as long as this lives.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    columns: Columns,
    /// Bytes of whole records.
    len: u64,
}

impl Writer {
    /// Opens a file, or makes it with its header, and returns the predictions that are in it already: none for a new
    /// run. A torn last record is cut off.
    ///
    /// # Errors
    /// `Busy` if another run has it open, `Columns` if its header is not that of `columns`, `Duplicate` if a row is there
    /// twice, and what reading and writing can bring. The file is left as it was on all but a failed write.
    pub fn open(path: &Path, columns: Columns) -> Result<(Self, Vec<Prediction>), PredictionsError> {
        let failed = |source| PredictionsError::io(path, source);
        let mut file = File::options().read(true).append(true).create(true).open(path).map_err(failed)?;
        if !lock(&file) {
            return Err(PredictionsError::Busy { path: path.to_owned() });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let header = encode(&columns, true, &[])?;
        let whole = complete(&bytes);
        let rows = if header.starts_with(&bytes) {
            // Empty, or killed within the header.
            Vec::new()
        } else {
            let found = parse(path, whole)?;
            if found.columns != columns {
                let (found, expected) = (found.columns.shown(), columns.shown());
                return Err(PredictionsError::Columns { path: path.to_owned(), found, expected });
            }
            found.rows
        };
        let len = whole.len() as u64;
        if whole.len() < bytes.len() {
            file.set_len(len).map_err(failed)?;
        }
        let mut writer = Self { file, path: path.to_owned(), columns, len };
        if len == 0 {
            writer.write(&header)?;
        }
        Ok((writer, rows))
    }

    /// Appends a batch and hands it to the operating system. Rows that are there already are the caller's care.
    ///
    /// # Errors
    /// `Shape` for a prediction that does not fit the columns, `DiskFull` and `Io`; nothing of the batch is kept then.
    pub fn append(&mut self, batch: &[Prediction]) -> Result<(), PredictionsError> {
        let bytes = encode(&self.columns, false, batch)?;
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), PredictionsError> {
        if let Err(source) = self.file.write_all(bytes).and_then(|()| self.file.flush()) {
            // A later batch must not follow half a record; should this fail too, the next resume cuts it off.
            let _ = self.file.set_len(self.len);
            return Err(PredictionsError::io(&self.path, source));
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Puts these records in the place of those that are there, in one step.
    ///
    /// # Errors
    /// As writing; the file is as it was then.
    pub fn replace_all(self, rows: &[Prediction]) -> Result<(), PredictionsError> {
        let bytes = encode(&self.columns, true, rows)?;
        replace(&self.path, &self.file, &bytes).map_err(|source| PredictionsError::io(&self.path, source))
    }

    /// Puts the records in the order of `rows`, in one step, and returns them so. Rows that `rows` does not list come
    /// last, by their number.
    ///
    /// # Errors
    /// As reading and writing; the file is as it was then.
    pub fn finish(mut self, rows: &[usize]) -> Result<Vec<Prediction>, PredictionsError> {
        let failed = |source| PredictionsError::io(&self.path, source);
        let mut bytes = Vec::new();
        self.file.rewind().and_then(|()| self.file.read_to_end(&mut bytes)).map_err(failed)?;
        let mut found = parse(&self.path, complete(&bytes))?.rows;
        let places: HashMap<usize, usize> = rows.iter().enumerate().map(|(place, row)| (*row, place)).collect();
        found.sort_by_key(|prediction| (places.get(&prediction.row).copied().unwrap_or(usize::MAX), prediction.row));
        let sorted = encode(&self.columns, true, &found)?;
        if sorted != bytes {
            replace(&self.path, &self.file, &sorted).map_err(failed)?;
        }
        Ok(found)
    }
}

/// Writes a file of predictions that nobody appends to, whole, in the place of the one that is there.
pub(in crate::session) fn write(path: &Path, columns: &Columns, rows: &[Prediction]) -> Result<(), PredictionsError> {
    let bytes = encode(columns, true, rows)?;
    write_whole(path, &bytes).map_err(|source| PredictionsError::io(path, source))
}

/// Locks the file; false if another run has it. Where the file system knows no locks, two writers are the user's care.
fn lock(file: &File) -> bool {
    // Who only asks whether a run is being written holds the lock for an instant.
    const TRIES: usize = 5;
    const PAUSE: Duration = Duration::from_millis(10);
    (0..TRIES).any(|at| {
        if at > 0 {
            std::thread::sleep(PAUSE);
        }
        !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
    })
}

/// Keeps all others from writing to a file of predictions as long as what is returned lives; none where somebody writes
/// just now. A file that is not there is nobody's.
pub(in crate::session) fn hold(path: &Path) -> Option<Option<File>> {
    let Ok(file) = File::open(path) else { return Some(None) };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => None,
        _ => Some(Some(file)),
    }
}

/// Puts a file with these bytes in the place of another, whole or not at all.
fn replace(path: &Path, old: &File, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".predictions").tempfile_in(folder)?;
    file.write_all(bytes)?;
    // Temporary files are private to begin with.
    file.as_file().set_permissions(old.metadata()?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk() {
        // A device that takes nothing.
        let file = File::options().append(true).open("/dev/full").unwrap();
        let mut writer = Writer { file, path: "predictions.csv".into(), columns: Columns::default(), len: 0 };
        let prediction = Prediction {
            row: 1,
            split: crate::data::Split::Test,
            gold: None,
            predicted: "a".into(),
            answer: String::new(),
            margin: None,
            logprobs: Vec::new(),
            extra: Vec::new(),
        };
        let error = writer.append(&[prediction]).unwrap_err();
        assert!(matches!(error, PredictionsError::DiskFull { .. }), "{error}");
        assert_eq!(writer.len, 0);
    }
}
