//! `events.jsonl`: what happened in a training besides its figures, a line each, with times.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::session::folder::{self, FolderError};

use super::TrainingError;
use super::table::append;

/// The file's name.
pub const EVENTS: &str = "events.jsonl";

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The training began, or went on.
    Started,
    /// The best weights so far.
    Best,
    /// A checkpoint was written.
    Saved,
    /// Something is going wrong.
    Warned,
    /// A wish of the user was followed.
    Changed,
    /// It is over: finished, stopped, cancelled or failed.
    Ended,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedEvent {
    /// When (RFC 3339).
    pub time: String,
    /// Steps done.
    pub step: usize,
    /// What it is about.
    pub kind: EventKind,
    /// In words.
    pub text: String,
}

/// The file of a training that goes on.
pub(super) struct Events {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Events {
    /// Opens the file, or makes it. What a kill tore off is cut away.
    pub fn open(folder: &Path) -> Result<Self, TrainingError> {
        let path = folder.join(EVENTS);
        let failed = |error| TrainingError::write(&path, error);
        let file = File::options().append(true).create(true).open(&path).map_err(failed)?;
        let bytes = fs::read(&path).map_err(failed)?;
        let len = whole(&bytes).len() as u64;
        if len < bytes.len() as u64 {
            file.set_len(len).map_err(failed)?;
        }
        Ok(Self { file, len, path })
    }

    /// Appends an event that happened just now.
    pub fn append(&mut self, step: usize, kind: EventKind, text: &str) -> Result<(), TrainingError> {
        let event = LoggedEvent { time: folder::now(), step, kind, text: text.to_owned() };
        let line = serde_json::to_string(&event).map_err(io::Error::other);
        line.and_then(|line| append(&mut self.file, &mut self.len, format!("{line}\n").as_bytes()))
            .map_err(|error| TrainingError::write(&self.path, error))
    }
}

/// The part up to the end of the last whole line.
fn whole(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// The events in a run's folder, oldest first; none where there is no such file yet. Lines that cannot be read, as those
/// that a kill tore, are passed over.
pub(super) fn read(folder: &Path) -> Result<Vec<LoggedEvent>, FolderError> {
    let path = folder.join(EVENTS);
    match fs::read(&path) {
        Ok(bytes) => {
            let lines = whole(&bytes).split(|byte| *byte == b'\n');
            Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(FolderError::Read { path, reason: error.to_string() }),
    }
}
