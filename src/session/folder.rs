//! The folder of one run: what was run, what came of it, and whether it may go on.
//!
//! `manifest.json` says everything that is needed to repeat the run, `predictions.csv` is [`super::predictions`]' file,
//! `report.json` holds the figures once the run is finished. A folder appears under its name with its manifest inside or
//! not at all, and each JSON file is replaced whole, so that a kill at any moment leaves a folder that can be read.

mod differs;

use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use jiff::{Timestamp, Unit, Zoned};
use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::engine::Stats;
use crate::train::Started;

use super::home::write_whole;
use super::ledger::Tried;
use super::spec::Session;

/// The file that says what was run.
pub const MANIFEST: &str = "manifest.json";
/// The file with one record a row.
pub const PREDICTIONS: &str = "predictions.csv";
/// The file with the figures.
pub const REPORT: &str = "report.json";

/// What can go wrong with a run's folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It, or a file of it, cannot be written.
    #[error("{}: cannot be written: {error}; say where runs go with --out DIR", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// There is no such folder, or it is not one of a run.
    #[error("{}: no run is there: a run's folder holds {MANIFEST}", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// Its manifest cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It is a run of something else than what is to go on.
    #[error("{}: cannot go on: {what} was {was} and is {now}", path.display())]
    Differs {
        /// The folder.
        path: PathBuf,
        /// What differs.
        what: String,
        /// What it was then.
        was: String,
        /// What it is now.
        now: String,
    },
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being worked on, or killed.
    Running,
    /// All rows are answered.
    Finished,
    /// Stopped by the user; can be resumed.
    Cancelled,
    /// Stopped by an error; can be resumed.
    Failed,
}

/// What `manifest.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The program's version.
    pub version: String,
    /// Operating system and processor.
    pub platform: String,
    /// What the user calls the run, where that is not the name of its folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the run stands.
    pub status: Status,
    /// What was wrong, of a run that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was started first (RFC 3339).
    pub started: String,
    /// When its status was last set.
    pub changed: String,
    /// The session file, as it was named.
    pub file: String,
    /// The session, with overrides, its paths absolute.
    pub session: Session,
    /// The split that is classified.
    pub split: Split,
    /// Only so many rows of it.
    pub limit: Option<usize>,
    /// How many rows that makes.
    pub rows: usize,
    /// The labels, in the order of the columns of `predictions.csv`.
    pub labels: Vec<String>,
    /// All seeds.
    pub seeds: Seeds,
    /// The data file.
    pub data: DataRecord,
    /// The prompts.
    pub prompt: PromptRecord,
    /// The model.
    pub model: ModelRecord,
    /// What was done when: one entry each time the run was taken up, but for times that ended in a kill.
    pub legs: Vec<Leg>,
    /// What the engine counted the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
    /// What else there is to say of a training; how it is trained stands in the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingRecord>,
    /// How much was tried of the session by the time it began, itself included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Tried>,
}

impl Manifest {
    /// What is to be said of a run of which only so many rows are there.
    pub fn gap(&self, answered: usize) -> Option<String> {
        let rows = self.rows;
        match self.status {
            Status::Finished if answered >= rows => None,
            Status::Finished => Some(format!(
                "rows of the finished run are gone: {answered} of {rows} are there; `shotglass run --resume` asks for the others"
            )),
            _ => Some(format!("the run is not finished: {answered} of {rows} rows")),
        }
    }
}

/// What is said of a training: rows, how it began, and what came of it so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// The encoder that it begins from, as the session names it.
    pub encoder: String,
    /// Rows with a gold label in the train split.
    pub train_rows: usize,
    /// The same of the validation split.
    pub validation_rows: usize,
    /// The same of the test split.
    pub test_rows: usize,
    /// Rows of the three without one, which are left out.
    pub unlabelled: usize,
    /// How it began the last time, but for what was logged before, which is in `metrics.csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Started>,
    /// Steps done, in all legs; of one that goes on or was killed, those up to its best evaluation or last checkpoint.
    pub steps: usize,
    /// Seconds of a step in the last leg, evaluations and checkpoints not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_seconds: Option<f64>,
    /// The best evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<BestRecord>,
    /// Why it ended before its last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// The best evaluation of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestRecord {
    /// Steps done.
    pub step: usize,
    /// The metric by which it was told, where there is a validation split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// The seeds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// Of sample and splits.
    pub data: u32,
    /// Of demonstrations and the order of options.
    pub prompt: u32,
    /// Of generation.
    pub decode: u64,
}

/// A data file, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRecord {
    /// The file that was read.
    pub path: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Rows in it.
    pub rows: usize,
}

/// The prompts of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptRecord {
    /// SHA-256 over the prompt's template, the demonstrations' template and the model's chat template where it is used; of
    /// a classifier, which reads texts alone, over the names of its cleaning rules; nothing of a training.
    pub template_sha256: String,
    /// Rows shown as demonstrations, where they are the same for every prompt.
    pub demos: Vec<usize>,
    /// Rows whose prompt shows a demonstration with their very text.
    pub duplicates: usize,
}

/// A model, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Its short name.
    pub name: String,
    /// Where it came from.
    pub origin: String,
    /// SHA-256 over its files; of an endpoint, whose files are not seen, `endpoint:` and one over its address and name.
    pub sha256: String,
    /// What it ran on.
    pub device: String,
    /// What it computed in.
    pub dtype: String,
    /// Threads on the CPU.
    pub threads: usize,
    /// Whether it is a fine-tuned classifier, which read each row's text alone; not said of a training, which tells by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub classifier: bool,
    /// How an endpoint told the labels' log-probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring: Option<String>,
}

/// One stretch of work on a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    /// When it began.
    pub started: String,
    /// How long it computed.
    pub seconds: f64,
    /// Rows it answered.
    pub rows: usize,
}

impl Manifest {
    /// Whether what was run reads the rows' texts with no prompt around them: a classifier, or one that is trained.
    pub fn reads_text_alone(&self) -> bool {
        self.training.is_some() || self.model.classifier
    }

    /// Reads the manifest of a run's folder.
    pub fn read(folder: &Path) -> Result<Self, FolderError> {
        let path = folder.join(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(FolderError::NoRun { path: folder.to_owned() });
            }
            Err(error) => return Err(FolderError::Read { path, reason: error.to_string() }),
        };
        serde_json::from_slice(&bytes).map_err(|error| FolderError::Read { path, reason: error.to_string() })
    }

    /// Writes it in the place of the one that is there.
    pub fn write(&self, folder: &Path) -> Result<(), FolderError> {
        write_json(&folder.join(MANIFEST), self)
    }

    /// Takes over the name that the manifest in `folder` has: the run may have been renamed while it was being written.
    pub(super) fn keep_name(&mut self, folder: &Path) {
        if let Ok(kept) = Self::read(folder) {
            self.name = kept.name;
        }
    }

    /// Sets the status, and when.
    pub fn set(&mut self, status: Status, error: Option<String>) {
        (self.status, self.error, self.changed) = (status, error, now());
    }

    /// Seconds of computing in all legs, and the rows answered in them.
    pub fn work(&self) -> (f64, usize) {
        self.legs.iter().fold((0.0, 0), |(seconds, rows), leg| (seconds + leg.seconds, rows + leg.rows))
    }
}

/// A new run's folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Folders made for it, the innermost first.
    made: Vec<PathBuf>,
}

impl RunFolder {
    /// Makes the folder of a new run inside `runs`: `<time>-<short id>`, with its manifest.
    pub fn create(runs: &Path, manifest: &Manifest) -> Result<Self, FolderError> {
        let mut made = Vec::new();
        for folder in runs.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
            made.push(folder.to_owned());
        }
        let created = Self { path: PathBuf::new(), made };
        let path = created.fill(runs, manifest).inspect_err(|_| created.remove_parents())?;
        Ok(Self { path, ..created })
    }

    fn fill(&self, runs: &Path, manifest: &Manifest) -> Result<PathBuf, FolderError> {
        let unwritable = |error| FolderError::Write { path: runs.to_owned(), error };
        fs::create_dir_all(runs).map_err(unwritable)?;
        let folder = tempfile::Builder::new().prefix(".new-").tempdir_in(runs).map_err(unwritable)?;
        open_to_readers(folder.path()).map_err(unwritable)?;
        manifest.write(folder.path())?;
        // Renaming fails where a folder of that name holds a run already.
        let path = runs.join(format!("{}-{}", Zoned::now().strftime("%Y%m%d-%H%M%S"), short_id()));
        fs::rename(folder.path(), &path).map_err(unwritable)?;
        let _ = folder.keep();
        Ok(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the folder away again, and the folders made for it as far as they are empty: what was asked turned out to be
    /// impossible before a single row was answered.
    pub fn discard(self) {
        // What cannot be removed stays; there is an error to tell already.
        let _ = fs::remove_dir_all(&self.path);
        self.remove_parents();
    }

    fn remove_parents(&self) {
        for folder in &self.made {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Temporary folders are private by default; a run's folder is not, as far as the umask of its parent's maker allows.
fn open_to_readers(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let parent =
            folder.parent().map_or(Ok(0o755), |parent| fs::metadata(parent).map(|meta| meta.permissions().mode()))?;
        fs::set_permissions(folder, fs::Permissions::from_mode((parent & 0o755) | 0o700))?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Removes half-written files that a kill left in a run's folder. Only for who holds the run's lock.
pub fn sweep(folder: &Path) {
    // What cannot be removed does no harm.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if [".new-", ".predictions"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes a file of the folder, in the place of the one that is there.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), FolderError> {
    let unwritable = |error| FolderError::Write { path: path.to_owned(), error };
    let text = crate::text::json(value).map_err(|error| unwritable(error.into()))?;
    write_whole(path, format!("{text}\n").as_bytes()).map_err(unwritable)
}

/// Now, in UTC, to the millisecond.
pub fn now() -> String {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now).to_string()
}

/// Operating system and processor.
pub fn platform() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// Four hexadecimal digits that two runs of one second hardly share.
fn short_id() -> String {
    // The standard library's hash keys are its one source of randomness.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{:04x}", random & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_written_files_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".new-a1b2", ".predictionsXY", MANIFEST, PREDICTIONS, ".mine"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        sweep(folder.path());
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".mine", MANIFEST, PREDICTIONS]);
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        let now = now();
        assert!(now.ends_with('Z') && now.len() <= "2025-01-01T12:00:00.000Z".len(), "{now}");
        assert!(now.parse::<Timestamp>().is_ok());
    }
}
