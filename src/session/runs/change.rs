//! What the user does to runs that are there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{MOST_NAME, is_run, read_json};
use crate::session::export::{self, ExportError, Format};
use crate::session::folder::{self, FolderError, MANIFEST, PREDICTIONS};
use crate::session::predictions::writer::hold;
use crate::text::printable;

/// How the name of a folder begins that is being removed.
const DELETED: &str = ".deleted-";

/// Why a run cannot be renamed, deleted or exported.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Its folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Somebody is writing to it.
    #[error("{}: the run is still being written; stop it first", path.display())]
    Busy {
        /// The run's folder.
        path: PathBuf,
    },
    /// No name for a run.
    #[error("`{name}` cannot be the name of a run: {reason}")]
    Name {
        /// As it was typed.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The folder cannot be removed.
    #[error("{}: cannot be deleted: {error}", path.display())]
    Delete {
        /// The folder.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file to export to is there already.
    #[error("{}: is there already; choose another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file to export to cannot be written.
    #[error("{}: cannot be written: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The run cannot be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Calls a run `name`; an empty name takes its own away, so that it is called as its folder.
///
/// # Errors
/// `Name` for more than [`MOST_NAME`] characters and for control characters, `Folder` where no run is.
pub fn rename(run: &Path, name: &str) -> Result<(), ChangeError> {
    let name = name.trim();
    let invalid = |reason: String| ChangeError::Name { name: printable(name).into_owned(), reason };
    let length = name.chars().count();
    if length > MOST_NAME {
        return Err(invalid(format!("it is {length} characters long; {MOST_NAME} at most")));
    }
    if *printable(name) != *name {
        return Err(invalid("it has control characters".to_owned()));
    }
    let path = run.join(MANIFEST);
    let unreadable = |reason| FolderError::Read { path: path.clone(), reason };
    // As plain JSON: whatever else it says, as one of another version may, stays.
    let manifest: Option<Value> = read_json(&path).map_err(unreadable)?;
    let mut manifest = manifest.ok_or_else(|| FolderError::NoRun { path: run.to_owned() })?;
    let fields = manifest.as_object_mut().ok_or_else(|| unreadable("it is no JSON object".to_owned()))?;
    if name.is_empty() {
        fields.shift_remove("name");
    } else {
        fields.insert("name".to_owned(), name.into());
    }
    Ok(folder::write_json(&path, &manifest)?)
}

/// Deletes a run with all it holds. A kill meanwhile leaves either the run or nothing that is listed.
///
/// # Errors
/// `Folder` where no run is, `Busy` while one is writing to it, `Delete` if it cannot be moved out of the way; what then
/// cannot be removed is no error, and is tried again with the next run that is deleted beside it.
pub fn delete(run: &Path) -> Result<(), ChangeError> {
    let failed = |error| ChangeError::Delete { path: run.to_owned(), error };
    let path = std::path::absolute(run).map_err(failed)?;
    let (Some(runs), Some(name), true) = (path.parent(), path.file_name(), is_run(&path)) else {
        return Err(FolderError::NoRun { path: run.to_owned() }.into());
    };
    let Some(_held) = hold(&path.join(PREDICTIONS)) else { return Err(ChangeError::Busy { path: run.to_owned() }) };
    sweep(runs);
    let gone = runs.join(format!("{DELETED}{}", name.to_string_lossy()));
    fs::rename(&path, &gone).map_err(failed)?;
    if let Err(error) = fs::remove_dir_all(&gone) {
        tracing::warn!(%error, path = %gone.display(), "a deleted run was not removed whole");
    }
    Ok(())
}

/// Removes what a kill left of runs that were deleted.
fn sweep(runs: &Path) {
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && entry.file_name().to_string_lossy().starts_with(DELETED) {
            // What cannot be removed is not listed either.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Writes an export of a run to a new file, whole or not at all.
///
/// # Errors
/// `Exists` if there is a file of that name, and whatever reading the run and writing the file bring.
pub fn export_to(run: &Path, format: Format, target: &Path) -> Result<(), ChangeError> {
    let unwritable = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => ChangeError::Exists { path: target.to_owned() },
        _ => ChangeError::Write { path: target.to_owned(), error },
    };
    if target.symlink_metadata().is_ok() {
        return Err(ChangeError::Exists { path: target.to_owned() });
    }
    let absolute = std::path::absolute(target).map_err(unwritable)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(absolute.parent().unwrap_or(Path::new("."))).map_err(unwritable)?;
    export::export(run, format, &mut io::BufWriter::new(&mut file))?;
    file.as_file().sync_all().map_err(unwritable)?;
    file.persist_noclobber(&absolute).map_err(|error| unwritable(error.error))?;
    Ok(())
}
