//! Why a model could not be found, each in one line.

use std::path::{Path, PathBuf};

use crate::model::DEFAULT_MODEL;

/// Why a model could not be found.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// Whoever waited said so.
    #[error("cancelled")]
    Cancelled,
    /// The source is an endpoint.
    #[error("an endpoint has no files here: give a folder, a .gguf file, a hub id or pip:PACKAGE==VERSION")]
    Endpoint,
    /// The source is nothing that is known.
    #[error(
        "{source_text:?} is no model: neither a folder or .gguf file here, nor a hub id (owner/name[@revision]), nor pip:PACKAGE==VERSION"
    )]
    Source {
        /// The source.
        source_text: String,
    },
    /// The source is a path, but nothing is there.
    #[error("no such file or folder: {}", path.display())]
    NoSuchPath {
        /// The path.
        path: PathBuf,
    },
    /// A file or folder is no model.
    #[error("{} is no model: {message}", path.display())]
    NotAModel {
        /// The path.
        path: PathBuf,
        /// What is missing.
        message: String,
    },
    /// The hub has no such model, or does not show it.
    #[error("no such model on the hub: {id} (asked {host}; a private one needs HF_TOKEN)")]
    NoSuchModel {
        /// The model.
        id: String,
        /// The hub's host.
        host: String,
    },
    /// The model has no such revision.
    #[error("{id} has no revision {revision:?} on the hub")]
    NoSuchRevision {
        /// The model.
        id: String,
        /// The revision.
        revision: String,
    },
    /// The repository has no such file.
    #[error("{id} has no file {file:?}; its GGUF files are: {}", list(files))]
    NoSuchFile {
        /// The model.
        id: String,
        /// The file.
        file: String,
        /// The GGUF files that are there.
        files: Vec<String>,
    },
    /// The repository has GGUF files alone and none was named.
    #[error("{id} has only GGUF files; name one, as {id}:{} (there are: {})", files.first().map_or("", String::as_str), list(files))]
    OnlyGguf {
        /// The model.
        id: String,
        /// The files.
        files: Vec<String>,
    },
    /// The repository lacks a file.
    #[error("{id} cannot be used: it has no {file}")]
    LacksFile {
        /// The model.
        id: String,
        /// The file.
        file: &'static str,
    },
    /// The model is gated or private, and there is no token.
    #[error("{id} needs permission: ask for it on its page at {host}, then set HF_TOKEN to a token of yours")]
    TokenNeeded {
        /// The model.
        id: String,
        /// The hub's host.
        host: String,
    },
    /// The token does not open the model.
    #[error(
        "{id} needs permission that the token in use does not have: ask for it on its page at {host}, or set another HF_TOKEN"
    )]
    Refused {
        /// The model.
        id: String,
        /// The hub's host.
        host: String,
    },
    /// The hub cannot be reached.
    #[error("cannot reach the hub at {host}: {message}")]
    Unreachable {
        /// The hub's host.
        host: String,
        /// What was wrong.
        message: String,
    },
    /// The hub must not be asked.
    #[error("{id} is not in the cache, and HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids to fetch it")]
    Offline {
        /// The model.
        id: String,
    },
    /// The hub's answer cannot be used.
    #[error("the hub at {host} did not give {id}: {message}")]
    Hub {
        /// The model.
        id: String,
        /// The hub's host.
        host: String,
        /// What was wrong.
        message: String,
    },
    /// What was fetched is not what it should be.
    #[error("{what} is damaged or not the right one: its SHA-256 is {found} instead of {expected}")]
    Hash {
        /// What was fetched.
        what: String,
        /// Its hash.
        found: String,
        /// The hash it should have.
        expected: String,
    },
    /// The package cannot be had.
    #[error("cannot get {package} with pip: {message}")]
    Pip {
        /// The package.
        package: String,
        /// What was wrong.
        message: String,
    },
    /// The disk is full.
    #[error("no space left on the disk for {}", path.display())]
    DiskFull {
        /// Where there is none.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// None of the ways to the default model works.
    #[error("{DEFAULT_MODEL} is nowhere to be had: it is not in {}; {hub}; {pip}", cache.display())]
    Default {
        /// The hub's cache.
        cache: PathBuf,
        /// Why the hub does not give it.
        hub: Box<LocateError>,
        /// Why pip does not give it.
        pip: Box<LocateError>,
    },
}

impl LocateError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_owned() }
            }
            _ => Self::Io { path: path.to_owned(), source },
        }
    }
}

fn list(files: &[String]) -> String {
    if files.is_empty() { "none".to_owned() } else { files.join(", ") }
}
