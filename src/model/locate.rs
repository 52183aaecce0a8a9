//! From a model's name to files on this machine.

use std::path::PathBuf;

/// The files of a model, all on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelFiles {
    /// One GGUF file: weights, tokenizer, chat template and configuration in one.
    Gguf(PathBuf),
    /// A folder in the hub's form: `config.json`, `*.safetensors` (sharded or not), `tokenizer.json`, …
    Folder(PathBuf),
}

/// A model found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// A short name for the status line, as `SmolLM2-135M-Instruct Q4_1`.
    pub name: String,
    /// Where it came from: `folder`, `file`, `cache`, `hub` or `pip`, with the exact id.
    pub origin: String,
    /// The files.
    pub files: ModelFiles,
}

/// Progress of a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetching {
    /// What is being fetched.
    pub what: String,
    /// Bytes so far.
    pub done: u64,
    /// Bytes in all, where known.
    pub total: Option<u64>,
}

/// Why a model could not be found.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {}

/// Finds `source`, fetching it if need be; `progress` hears of downloads and says whether to go on.
pub fn locate(_source: &str, _progress: &mut dyn FnMut(&Fetching) -> bool) -> Result<Located, LocateError> {
    unreachable!()
}
