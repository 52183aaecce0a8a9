//! A home of its own for each test, with sessions and data to be written into it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

/// The model that everything runs on.
pub const SMOKE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smoke");

/// The binary under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_shotglass");

/// Twelve rows, two columns, two labels.
pub const ROWS: &str = "text,stance
save the ferry,1
let it sink,0
lanterns for the harbour,1
blocked roads again,0
we sang all night,1
a waste of money,0
the horn at seven,1
my shop lost a day,0
proud of this town,1
go home,0
keep the seven,1
build the quay,0
";

/// A folder with a user's home, data and sessions.
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// An empty one.
    pub fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// One with `rows.csv` and `session.toml` on it.
    pub fn with_session() -> Self {
        let home = Self::new();
        home.write("rows.csv", ROWS);
        home.write("session.toml", &session(""));
        home
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The program in this home, with no way to a network.
    pub fn process(&self) -> std::process::Command {
        let mut command = std::process::Command::new(PROGRAM);
        command.current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path());
        for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_STATE_HOME", "state"), ("XDG_CACHE_HOME", "cache")] {
            command.env(name, self.path().join(folder));
        }
        command.env("HF_HUB_OFFLINE", "1").env("HF_HOME", self.path().join("cache/huggingface"));
        command.env("HF_ENDPOINT", "http://127.0.0.1:9").env("PIP_NO_INDEX", "1");
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.process().args(arguments).output().unwrap()
    }

    /// What a command that ends well writes to stdout.
    pub fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The JSON that a command that ends well writes to stdout.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--format", "json"]].concat();
        serde_json::from_str(&self.stdout(&arguments)).unwrap()
    }

    /// The one line on stderr of a command that ends with code 2 and nothing on stdout.
    pub fn error(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {:?}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("error: "), "{arguments:?}: {stderr}");
        assert!(!stderr.trim_end().contains(|c: char| c.is_control()), "{arguments:?}: {stderr:?}");
        stderr.trim_end().to_owned()
    }

    /// Everything that lies here, but for the log, the cache, and what other programs keep in a home.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(self.path(), &mut found);
        let ours = |path: &PathBuf| {
            let name = path.strip_prefix(self.path()).unwrap().to_string_lossy().into_owned();
            !["state", "cache", "."].iter().any(|start| name.starts_with(start))
        };
        found.retain(ours);
        found.sort();
        found
    }

    /// The one run of `session.toml`.
    pub fn only_run(&self) -> PathBuf {
        let mut runs: Vec<PathBuf> =
            fs::read_dir(self.path().join("session/runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
        // What was tried is counted in a file beside them.
        runs.retain(|path| path.is_dir());
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        }
        found.push(path);
    }
}

/// A session on `rows.csv` with further lines at the end of its `[prompt]` section.
pub fn session(more: &str) -> String {
    format!(
        r#"version = 1
title = "A test"

[model]
source = "{SMOKE}"

[data]
path = "rows.csv"
label = "stance"
labels = {{ "1" = "support", "0" = "oppose" }}
splits = {{ train = 0.5, validation = 0.25, test = 0.25 }}

[prompt]
template = "Text: <{{{{ text }}}}>\nAnswer:"
{more}
"#
    )
}
