//! Models of the hub: in its cache on this machine, which other programs share, or fetched into it.
//!
//! The cache's layout is the hub clients' own (hf-hub's here): files by the hash of their content, a folder of links for
//! each commit, a text file for each branch. A model counts as cached when everything needed to run it is there. What is
//! fetched is checked against the hub's hash before it gets its name, and the branch is written last.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;
use ureq::http::HeaderMap;

use super::transfer::{Ask, Client, TransferError, pause};
use super::{CachedModel, Fetching, LocateError, Located, Locator, ModelFiles};
use crate::model::fingerprint;
use crate::model::pickle::PICKLE;
use crate::model::safetensors::{INDEX, SINGLE, shard_names};

/// The file that a model needs beside its weights and a tokenizer.
const NEEDED: &str = "config.json";
/// Tokenizers, the one that is taken first where there are several. Encoders have the others.
const TOKENIZERS: [&str; 3] = ["tokenizer.json", "spm.model", "vocab.txt"];
/// Weights, the form that is taken first where there are several.
const WEIGHTS: [&str; 3] = [INDEX, SINGLE, PICKLE];
/// Files taken where there are any.
const OPTIONAL: [&str; 3] = ["generation_config.json", "tokenizer_config.json", "chat_template.jinja"];

/// A model's name on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubId {
    /// `owner/name`.
    pub id: String,
    /// A branch, tag or commit; `main` where none is given.
    pub revision: String,
    /// One GGUF file of the repository.
    pub file: Option<String>,
}

impl HubId {
    /// Reads `owner/name[@revision][:FILE.gguf]`.
    pub fn parse(source: &str) -> Option<Self> {
        let (rest, file) = match source.split_once(':') {
            Some((rest, file)) => (rest, Some(file)),
            None => (source, None),
        };
        let (id, revision) = rest.split_once('@').unwrap_or((rest, "main"));
        let (owner, name) = id.split_once('/')?;
        let plain = |part: &str| {
            let letters = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
            !part.is_empty() && part.len() <= 100 && !part.starts_with(['.', '-']) && part.chars().all(letters)
        };
        let valid = plain(owner)
            && plain(name)
            && revision.split('/').all(plain)
            && file.is_none_or(|file| file.ends_with(".gguf") && file.split('/').all(plain));
        let found = Self { id: id.to_owned(), revision: revision.to_owned(), file: file.map(str::to_owned) };
        valid.then_some(found)
    }

    /// The part after the owner.
    fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }
}

/// What the hub says of a repository.
#[derive(Deserialize)]
struct RepoInfo {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl Locator {
    /// A model that the hub's cache has whole; no network is used.
    pub(super) fn in_hub_cache(&self, model: &HubId) -> Option<Located> {
        let repo = Cache::new(self.hub_cache.clone()).repo(repo(model));
        let branch = self.repo_folder(model).join("refs").join(&model.revision);
        // What is no branch or tag is a commit.
        let commit = std::fs::read_to_string(branch).unwrap_or_else(|_| model.revision.clone());
        let commit = Some(commit.trim()).filter(|commit| is_hexadecimal(commit))?;
        located(model, &repo.pointer_path(commit), "cache", commit)
    }

    /// Fetches a model into the hub's cache.
    pub(super) fn fetch_from_hub(&self, model: &HubId, ask: Ask) -> Result<Located, LocateError> {
        if self.offline {
            return Err(LocateError::Offline { id: model.id.clone() });
        }
        let fetch = Fetch { locator: self, model, client: Client::new(self.token.clone()) };
        let info = fetch.info(ask)?;
        if !is_hexadecimal(&info.sha) {
            return Err(fetch.strange("its commit is no hash"));
        }
        let there: BTreeSet<&str> = info.siblings.iter().map(|sibling| sibling.rfilename.as_str()).collect();
        if let Some(file) = &model.file {
            if !there.contains(file.as_str()) {
                return Err(LocateError::NoSuchFile { id: model.id.clone(), file: file.clone(), files: gguf(&there) });
            }
            fetch.file(&info.sha, file, ask)?;
        } else {
            fetch.check(&there)?;
            let first = |files: [&'static str; 3]| files.into_iter().find(|file| there.contains(file));
            let beside = [NEEDED].into_iter().chain(first(TOKENIZERS)).chain(OPTIONAL);
            for file in beside.filter(|file| there.contains(file)) {
                fetch.file(&info.sha, file, ask)?;
            }
            let weights = first(WEIGHTS).unwrap_or(SINGLE);
            if weights == INDEX {
                let index = fetch.file(&info.sha, INDEX, ask)?;
                let shards = shard_names(&index).map_err(|error| fetch.strange(&error.to_string()))?;
                for shard in &shards {
                    fetch.file(&info.sha, shard, ask)?;
                }
            } else {
                fetch.file(&info.sha, weights, ask)?;
            }
        }
        let cache = Cache::new(self.hub_cache.clone()).repo(repo(model));
        cache.create_ref(&info.sha).map_err(|source| LocateError::io(&self.hub_cache, source))?;
        let folder = cache.pointer_path(&info.sha);
        located(model, &folder, "hub", &info.sha).ok_or_else(|| fetch.strange("some of its files did not come"))
    }

    fn repo_folder(&self, model: &HubId) -> PathBuf {
        self.hub_cache.join(repo(model).folder_name())
    }

    /// The models that the hub's cache has whole.
    pub(super) fn hub_cached(&self) -> Vec<CachedModel> {
        let mut models = Vec::new();
        for repo in folders(&self.hub_cache) {
            let name = repo.file_name().and_then(|name| name.to_str());
            let Some(id) = name.and_then(|name| name.strip_prefix("models--")).map(|id| id.replacen("--", "/", 1))
            else {
                continue;
            };
            for revision in revisions(&repo.join("refs")) {
                let model = HubId { id: id.clone(), revision: revision.clone(), file: None };
                let shown = if revision == "main" { id.clone() } else { format!("{id}@{revision}") };
                if let Some(found) = self.in_hub_cache(&model) {
                    models.push(CachedModel::new(shown, &found.files, "hub cache"));
                    continue;
                }
                let Ok(commit) = std::fs::read_to_string(repo.join("refs").join(&revision)) else { continue };
                for file in super::files_ending(&repo.join("snapshots").join(commit.trim()), ".gguf") {
                    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                    let files = ModelFiles::Gguf(file);
                    models.push(CachedModel::new(format!("{shown}:{name}"), &files, "hub cache"));
                }
            }
        }
        models
    }
}

/// A file's content.
struct Content {
    /// The name that the cache gives it.
    etag: String,
    /// Bytes, where told.
    size: Option<u64>,
    /// Whether the name is its SHA-256, as that of files which the hub keeps outside of git.
    hashed: bool,
}

/// One fetch of one model.
struct Fetch<'a> {
    locator: &'a Locator,
    model: &'a HubId,
    client: Client,
}

impl Fetch<'_> {
    /// What the hub says of the repository: the commit behind the revision and the names of all files.
    fn info(&self, ask: Ask) -> Result<RepoInfo, LocateError> {
        let url = format!("{}/api/{}", self.locator.endpoint, repo(self.model).api_url());
        let text = self.client.text(&url, &self.model.id, ask).map_err(|error| self.error(error))?;
        serde_json::from_slice(&text).map_err(|error| self.strange(&error.to_string()))
    }

    /// Refuses repositories that have no model in a form that is read here, before anything large is fetched.
    fn check(&self, there: &BTreeSet<&str>) -> Result<(), LocateError> {
        let id = self.model.id.clone();
        let any = |files: [&str; 3]| files.iter().any(|file| there.contains(file));
        let file = match (any(WEIGHTS), there.contains(NEEDED), any(TOKENIZERS)) {
            (false, ..) if !gguf(there).is_empty() => return Err(LocateError::OnlyGguf { id, files: gguf(there) }),
            (_, false, _) => NEEDED,
            (_, _, false) => TOKENIZERS[0],
            (false, ..) => SINGLE,
            _ => return Ok(()),
        };
        Err(LocateError::LacksFile { id, file })
    }

    /// Fetches one file of a commit, unless the cache has it.
    fn file(&self, commit: &str, name: &str, ask: Ask) -> Result<PathBuf, LocateError> {
        let cache = Cache::new(self.locator.hub_cache.clone()).repo(repo(self.model));
        let pointer = cache.pointer_path(commit).join(name);
        if pointer.exists() {
            return Ok(pointer);
        }
        let url = format!("{}/{}/resolve/{commit}/{name}", self.locator.endpoint, self.model.id);
        let content = self.content(&url, name, ask)?;
        let blob = cache.blob_path(&content.etag);
        if !blob.exists() {
            self.blob(&url, name, &blob, &content, ask)?;
        }
        link(&blob, &pointer, name).map_err(|source| LocateError::io(&pointer, source))?;
        Ok(pointer)
    }

    /// What the hub says of a file's content.
    fn content(&self, url: &str, name: &str, ask: Ask) -> Result<Content, LocateError> {
        let mut url = url.to_owned();
        for _ in 0..5 {
            let (status, headers) = self.client.head(&url, name, ask).map_err(|error| self.error(error))?;
            let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            match (status, text("location")) {
                // Within the hub; large files lie elsewhere, and what is said of them stands in this answer.
                (300..400, Some(location)) if location.starts_with('/') && !location.starts_with("//") => {
                    url = format!("{}{location}", origin(&self.locator.endpoint));
                    continue;
                }
                (200..400, _) => {}
                _ => return Err(self.error(TransferError::Status(status, headers))),
            }
            let linked = text("x-linked-etag");
            let etag = linked.or(text("etag")).unwrap_or_default();
            let etag = etag.trim_start_matches("W/").trim_matches('"');
            if etag.is_empty() || !etag.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
                return Err(self.strange(&format!("it gives no usable hash for {name}")));
            }
            let length = if status < 300 { text("content-length") } else { None };
            let size = text("x-linked-size").or(length).and_then(|size| size.parse().ok());
            let hashed = linked.is_some() && etag.len() == 64 && is_hexadecimal(etag);
            return Ok(Content { etag: etag.to_owned(), size, hashed });
        }
        Err(self.strange("it redirects in circles"))
    }

    /// Fetches the content of a file, going on where an earlier attempt was cut.
    fn blob(&self, url: &str, name: &str, blob: &Path, content: &Content, ask: Ask) -> Result<(), LocateError> {
        let size = content.size;
        // A name of our own: what other clients leave of their downloads is theirs to go on with.
        let part = blob.with_extension("shotglass");
        let failed = |source| LocateError::io(&part, source);
        std::fs::create_dir_all(blob.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        let mut file = File::options().create(true).append(true).read(true).open(&part).map_err(failed)?;
        // Two programs that want the same file: one fetches it, the other waits.
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) => {
                    let state = Fetching::so_far(&format!("{name} (by another program)"), 0, size);
                    pause(Duration::from_millis(500), &state, ask).map_err(|error| self.error(error))?;
                }
            }
        }
        if blob.exists() {
            return Ok(());
        }
        self.client.download(url, &mut file, name, size, ask).map_err(|error| self.error(error))?;
        file.sync_data().map_err(failed)?;
        if content.hashed {
            let found = File::open(&part).and_then(fingerprint::of_reader).map_err(failed)?;
            if found != content.etag {
                std::fs::remove_file(&part).map_err(failed)?;
                let (expected, id) = (content.etag.clone(), self.model.id.clone());
                return Err(LocateError::Hash { what: format!("{name} of {id}"), found, expected });
            }
        }
        std::fs::rename(&part, blob).map_err(failed)
    }

    fn strange(&self, message: &str) -> LocateError {
        let (host, id) = (host(&self.locator.endpoint), self.model.id.clone());
        LocateError::Hub { id, host, message: message.to_owned() }
    }

    fn error(&self, error: TransferError) -> LocateError {
        let (id, host) = (self.model.id.clone(), host(&self.locator.endpoint));
        match error {
            TransferError::Cancelled => LocateError::Cancelled,
            TransferError::File(source) => LocateError::io(&self.locator.hub_cache, source),
            TransferError::Unreachable(message) => LocateError::Unreachable { host, message },
            TransferError::Broken(message) => LocateError::Hub { id, host, message },
            TransferError::Status(status, headers) => self.refused(status, &headers),
        }
    }

    /// The hub says in a header what its status means; without a token, what does not exist is "not authorised" too.
    fn refused(&self, status: u16, headers: &HeaderMap) -> LocateError {
        let (id, host) = (self.model.id.clone(), host(&self.locator.endpoint));
        let code = headers.get("x-error-code").and_then(|code| code.to_str().ok());
        match (status, code) {
            (_, Some("RevisionNotFound")) => LocateError::NoSuchRevision { id, revision: self.model.revision.clone() },
            (_, Some("RepoNotFound")) | (404, _) => LocateError::NoSuchModel { id, host },
            (401 | 403, _) if self.locator.token.is_some() => LocateError::Refused { id, host },
            (401 | 403, _) => LocateError::TokenNeeded { id, host },
            (status, _) => LocateError::Hub { id, host, message: format!("it answered with status {status}") },
        }
    }
}

fn repo(model: &HubId) -> Repo {
    Repo::with_revision(model.id.clone(), RepoType::Model, model.revision.clone())
}

/// The model in a folder of one commit, if it is whole.
fn located(model: &HubId, folder: &Path, how: &str, commit: &str) -> Option<Located> {
    let origin = match &model.file {
        Some(file) => format!("{how} {}@{commit}:{file}", model.id),
        None => format!("{how} {}@{commit}", model.id),
    };
    if let Some(file) = &model.file {
        let path = folder.join(file);
        let name = super::short_name(&path);
        return path.is_file().then_some(Located { name, origin, files: ModelFiles::Gguf(path) });
    }
    let files = ModelFiles::Folder(folder.to_owned());
    is_whole(folder).then(|| Located { name: model.name().to_owned(), origin, files })
}

/// Whether a folder has everything that is needed to run a model.
fn is_whole(folder: &Path) -> bool {
    let there = |file: &str| folder.join(file).is_file();
    super::has_weights(folder) && there(NEEDED) && TOKENIZERS.into_iter().any(there)
}

fn gguf(there: &BTreeSet<&str>) -> Vec<String> {
    there.iter().filter(|file| file.ends_with(".gguf")).map(|file| (*file).to_owned()).collect()
}

/// Puts a file of a commit in its place: a relative link to its content, so that the cache can be moved.
fn link(blob: &Path, pointer: &Path, name: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(pointer.parent().unwrap_or(Path::new(".")))?;
    #[cfg(unix)]
    {
        // snapshots/COMMIT/NAME, and one level up for each folder in the name.
        let up = "../".repeat(2 + name.matches('/').count());
        let target = Path::new(&up).join("blobs").join(blob.file_name().unwrap_or_default());
        match std::os::unix::fs::symlink(target, pointer) {
            // Another program was faster.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = name;
        std::fs::rename(blob, pointer)
    }
}

/// The folders in a folder.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// The names of all files below `refs`; those of branches may have `/` in them.
fn revisions(refs: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(refs).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.path().is_dir() {
            names.extend(revisions(&entry.path()).into_iter().map(|rest| format!("{name}/{rest}")));
        } else {
            names.push(name);
        }
    }
    names
}

fn is_hexadecimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An endpoint without its path.
fn origin(endpoint: &str) -> &str {
    let start = endpoint.find("://").map_or(0, |at| at + 3);
    let end = endpoint.get(start..).and_then(|rest| rest.find('/')).map_or(endpoint.len(), |at| start + at);
    endpoint.get(..end).unwrap_or(endpoint)
}

/// The host of an endpoint, without what a user may have put before it to log in.
fn host(endpoint: &str) -> String {
    let origin = origin(endpoint);
    let host = origin.rsplit_once("://").map_or(origin, |(_, host)| host);
    host.rsplit_once('@').map_or(host, |(_, host)| host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_hub() {
        let parse = |source: &str| HubId::parse(source).map(|found| (found.id, found.revision, found.file));
        let found = |id: &str, revision: &str, file: Option<&str>| {
            Some((id.to_owned(), revision.to_owned(), file.map(str::to_owned)))
        };
        assert_eq!(parse("Qwen/Qwen2.5-1.5B"), found("Qwen/Qwen2.5-1.5B", "main", None));
        assert_eq!(parse("a/b@refs/pr/1"), found("a/b", "refs/pr/1", None));
        assert_eq!(parse("a/b@v1:q/b.Q4_0.gguf"), found("a/b", "v1", Some("q/b.Q4_0.gguf")));
        let wrong = [
            "",
            "a",
            "a/",
            "/b",
            "a/b/c",
            "../b",
            "a/..",
            "a/b@",
            "a/b@../x",
            "a/b:x.bin",
            "a/b:../x.gguf",
            "a b/c",
            "-a/b",
            "a/b\n",
        ];
        for source in wrong {
            assert_eq!(HubId::parse(source), None, "{source}");
        }
    }

    #[test]
    fn hosts_are_shown_without_secrets() {
        assert_eq!(host("https://user:secret@hub.example:8080/mirror"), "hub.example:8080");
        assert_eq!(origin("https://hub.example/mirror"), "https://hub.example");
        assert_eq!(origin("hub.example"), "hub.example");
    }
}
