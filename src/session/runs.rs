//! All runs of a session and of its neighbours: found, listed with their figures, read, renamed, deleted, exported.
//!
//! A list is made of manifests and reports alone, so that hundreds of runs are there at once; predictions are read of one
//! run at a time. What a folder holds is [`super::folder`]'s and [`super::predictions`]' work.

mod change;

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::SessionFile;
use super::folder::{FolderError, MANIFEST, Manifest, PREDICTIONS, REPORT, Status};
use super::home::data_folder;
use super::predictions::writer::hold;
use super::predictions::{self, Columns, Predictions, PredictionsError};
use super::run::Summary;
use crate::data::Split;

pub use change::{ChangeError, delete, export_to, rename};

/// So many runs are listed, the newest.
pub const MOST_RUNS: usize = 2000;

/// The longest name of a run, in characters.
pub const MOST_NAME: usize = 80;

/// No report or manifest is larger.
const MOST_BYTES: u64 = 32 << 20;

/// Why a run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its folder or manifest.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its predictions.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
}

/// A run in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEntry {
    /// Its folder.
    pub path: PathBuf,
    /// The session it is of: the name of its file; of a folder that cannot be read, that of the folder that holds its `runs`.
    pub session: String,
    /// What it is called: its own name, or that of its folder.
    pub name: String,
    /// When it was started; of a folder that cannot be read, when that was last changed.
    pub started: Timestamp,
    /// What is known of it, or what is wrong with its folder.
    pub facts: Result<RunFacts, String>,
}

/// What is known of a run without reading its predictions.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFacts {
    /// Where it stands.
    pub status: Status,
    /// Whether somebody is writing to it just now. One that is `Running` and not live was killed and can be resumed.
    pub live: bool,
    /// The split that is classified.
    pub split: Split,
    /// How many rows it is to answer.
    pub rows: usize,
    /// How many of them it has answered in legs that ended; a leg that was killed is not counted.
    pub done: usize,
    /// Only so many rows of the split.
    pub limit: Option<usize>,
    /// The model's short name.
    pub model: String,
    /// Share answered right, once it is finished and where the rows have gold labels.
    pub accuracy: Option<f64>,
    /// Mean F1 over the labels.
    pub macro_f1: Option<f64>,
    /// Accuracy of always saying the most frequent label.
    pub majority_accuracy: Option<f64>,
    /// The prompt's template.
    pub template: String,
    /// SHA-256 of its templates.
    pub template_sha256: String,
    /// Whether a classifier read the texts alone, so that the template was not used.
    pub text_alone: bool,
    /// Demonstrations of each class.
    pub shots: usize,
    /// Seconds it computed.
    pub seconds: f64,
    /// What was wrong, of a run that failed.
    pub error: Option<String>,
}

/// A run with its predictions.
#[derive(Debug)]
pub struct LoadedRun {
    /// Its folder.
    pub path: PathBuf,
    /// What was run.
    pub manifest: Manifest,
    /// What was answered; nothing of a run that was killed before its first answer.
    pub predictions: Predictions,
    /// The figures, of a run that is finished.
    pub summary: Option<Summary>,
}

/// The folders that hold runs: that of a session, those of the sessions beside it, and those in the user's data folder.
pub fn folders(file: &SessionFile) -> Vec<PathBuf> {
    let beside = file.home().parent().map(Path::to_owned);
    let data = data_folder().ok().map(|data| data.join("sessions"));
    let mut folders = vec![file.runs().to_owned()];
    for sessions in [beside, data].into_iter().flatten() {
        let sessions = if sessions == Path::new("") { PathBuf::from(".") } else { sessions };
        let entries = fs::read_dir(sessions).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> =
            entries.map(|entry| entry.path().join("runs")).filter(|runs| runs.is_dir()).collect();
        found.sort();
        folders.extend(found);
    }
    let mut seen = HashSet::new();
    folders.retain(|folder| seen.insert(fs::canonicalize(folder).unwrap_or_else(|_| folder.clone())));
    folders
}

/// The runs in some folders, the newest first, at most [`MOST_RUNS`]. A folder that cannot be read as a run's is among
/// them, with what is wrong.
pub fn list(folders: &[PathBuf]) -> Vec<RunEntry> {
    let mut found = Vec::new();
    for folder in folders {
        let session = folder.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // What begins with a dot is being made or taken away.
            if !name.starts_with('.') && entry.path().is_dir() {
                found.push((time_of(&entry, &name), entry.path(), name, session.clone().unwrap_or_default()));
            }
        }
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| b.1.cmp(&a.1)));
    found.truncate(MOST_RUNS);
    let entries = found.into_iter().map(|(time, path, name, session)| entry(path, name, session, time));
    let mut entries: Vec<RunEntry> = entries.collect();
    entries.sort_by(|a, b| b.started.cmp(&a.started).then_with(|| b.path.cmp(&a.path)));
    entries
}

/// Reads a run whole, finished or not.
pub fn load(path: &Path) -> Result<LoadedRun, LoadError> {
    let manifest = Manifest::read(path)?;
    let predictions = match predictions::read(&path.join(PREDICTIONS)) {
        Ok(predictions) => predictions,
        Err(PredictionsError::Empty { .. }) => none_yet(&manifest),
        Err(PredictionsError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => none_yet(&manifest),
        Err(error) => return Err(error.into()),
    };
    let summary = summary(path)?;
    Ok(LoadedRun { path: path.to_owned(), manifest, predictions, summary })
}

/// The figures of a run; none where it is not finished.
pub fn summary(path: &Path) -> Result<Option<Summary>, FolderError> {
    let report = path.join(REPORT);
    read_json(&report).map_err(|reason| FolderError::Read { path: report, reason })
}

fn none_yet(manifest: &Manifest) -> Predictions {
    Predictions { columns: Columns { labels: manifest.labels.clone(), extra: Vec::new() }, rows: Vec::new() }
}

/// A JSON file; none where it is not there.
fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, String> {
    let mut bytes = Vec::new();
    match fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => serde_json::from_slice(&bytes).map(Some).map_err(|error| error.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// When a run was started, as far as its folder's name tells; else when that was last changed.
fn time_of(entry: &fs::DirEntry, name: &str) -> Timestamp {
    let named = name.get(..15).and_then(|time| DateTime::strptime("%Y%m%d-%H%M%S", time).ok());
    let named = named.and_then(|time| time.to_zoned(TimeZone::system()).ok()).map(|time| time.timestamp());
    let changed = || entry.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    named.or_else(|| Timestamp::try_from(changed()).ok()).unwrap_or_default()
}

fn entry(path: PathBuf, folder: String, session: String, time: Timestamp) -> RunEntry {
    /// Of the report, what a list shows.
    #[derive(Default, Deserialize)]
    struct Figures {
        accuracy: Option<f64>,
        macro_f1: Option<f64>,
        majority_accuracy: Option<f64>,
    }
    let manifest = match Manifest::read(&path) {
        Ok(manifest) => manifest,
        Err(error) => return RunEntry { path, session, name: folder, started: time, facts: Err(error.to_string()) },
    };
    // Where runs go is the user's to say (`--out`): the folder need not bear the session's name.
    let stem = Path::new(&manifest.file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let session = stem.filter(|stem| !stem.is_empty()).unwrap_or(session);
    // Without its figures a run is still one that can be opened.
    let Figures { accuracy, macro_f1, majority_accuracy } = match manifest.status {
        Status::Finished => read_json(&path.join(REPORT)).ok().flatten().unwrap_or_default(),
        _ => Figures::default(),
    };
    let (seconds, done) = manifest.work();
    let live = manifest.status == Status::Running && hold(&path.join(PREDICTIONS)).is_none();
    let started = manifest.started.parse().unwrap_or(time);
    let text_alone = manifest.reads_text_alone();
    let name = manifest.name.unwrap_or(folder);
    let facts = RunFacts {
        status: manifest.status,
        live,
        split: manifest.split,
        rows: manifest.rows,
        done,
        limit: manifest.limit,
        model: manifest.model.name,
        accuracy,
        macro_f1,
        majority_accuracy,
        text_alone,
        shots: manifest.session.prompt.shots,
        template: manifest.session.prompt.template,
        template_sha256: manifest.prompt.template_sha256,
        seconds,
        error: manifest.error,
    };
    RunEntry { path, session, name, started, facts: Ok(facts) }
}

/// Whether a folder is one of a run: a folder itself, no link to one, with a manifest inside.
fn is_run(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) && path.join(MANIFEST).is_file()
}

#[cfg(test)]
mod tests;
