//! What was tried: every prompt and training that was run, and every time the test split was opened, counted in
//! `.tried.jsonl` beside the runs. Deleting a run does not make it untried.
//!
//! A figure means less the more prompts it was chosen from, and a test split that is looked at again and again is a
//! validation split. So both are counted, and a run's manifest says how many there were when it began.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folder::{self, Manifest};
use super::home::sha256;
use super::journal::{Journal, JournalError};
use super::timeline::{Timeline, VERSIONS};

/// The file's name, in the folder that holds the runs.
pub const TRIED: &str = ".tried.jsonl";

/// How much was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Different prompts that were run or scored on the probe rows.
    pub prompts: usize,
    /// Different trainings.
    #[serde(default, skip_serializing_if = "is_none")]
    pub trainings: usize,
    /// Times the test split was opened.
    pub test_opened: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Tried {
    /// What there is to say, as "37 prompts tried, test opened once".
    pub fn text(&self) -> String {
        let counted = |count: usize, one: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {one}s"),
        };
        let trainings = match self.trainings {
            0 => String::new(),
            count => format!(" and {}", counted(count, "training")),
        };
        let test = match self.test_opened {
            0 => "never opened".to_owned(),
            1 => "opened once".to_owned(),
            2 => "opened twice".to_owned(),
            count => format!("opened {count} times"),
        };
        format!("{}{trainings} tried, test {test}", counted(self.prompts, "prompt"))
    }
}

/// A line of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    time: String,
    /// The session's file, without its folder.
    session: String,
    /// SHA-256 of the prompt, or of how it was trained.
    sha256: String,
    #[serde(default)]
    training: bool,
    /// Whether the test split was answered.
    #[serde(default)]
    test: bool,
}

/// Counts what is tried of a session in a folder of runs. Prompts that were tried on probe rows are known where the folder
/// is the session's own, not one that `--out` names.
pub fn tried(runs: &Path, session: &str) -> Result<Tried, JournalError> {
    let mut journal = Journal::new(&runs.join(TRIED));
    let lines = journal.read_end(usize::MAX, &|_: &Line| true)?;
    let session = name_of(session);
    let lines: Vec<Line> = lines.into_iter().filter(|line| line.session == session).collect();
    let distinct = |training: bool| {
        let of = lines.iter().filter(move |line| line.training == training);
        of.map(|line| line.sha256.clone()).collect::<HashSet<String>>()
    };
    let mut prompts = distinct(false);
    // A timeline that cannot be read is told of where it is shown.
    if let Some(timeline) = runs.parent().and_then(|home| Timeline::open(&home.join(VERSIONS)).ok()) {
        let probed = timeline.versions().filter(|version| version.probe.is_some());
        prompts.extend(probed.map(|version| hash(&version.prompt)));
    }
    let test_opened = lines.iter().filter(|line| line.test).count();
    Ok(Tried { prompts: prompts.len(), trainings: distinct(true).len(), test_opened })
}

/// Writes down what is tried, and whether the test split is answered by it, and counts.
fn note(runs: &Path, manifest: &Manifest, test: bool) -> Result<Tried, JournalError> {
    let training = manifest.training.as_ref();
    let line = Line {
        time: folder::now(),
        session: name_of(&manifest.file),
        sha256: match training {
            Some(_) => hash(&manifest.session.train),
            None => hash(&manifest.session.prompt),
        },
        training: training.is_some(),
        test,
    };
    Journal::new(&runs.join(TRIED)).append(|_: &[Line]| Ok(line))?;
    tried(runs, &manifest.file)
}

/// The same for the run in `folder`; nothing else is lost by a file that cannot be written.
pub(super) fn counted(folder: &Path, manifest: &Manifest, test: bool) -> Option<Tried> {
    note(folder.parent()?, manifest, test).map_err(|error| tracing::warn!(%error, "what is tried was not counted")).ok()
}

/// What a session's file is called, wherever it lies.
fn name_of(file: &str) -> String {
    let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| file.to_owned())
}

fn hash<T: Serialize>(value: &T) -> String {
    sha256(serde_json::to_string(value).unwrap_or_default().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::timeline::ProbeRecord;

    fn line(session: &str, sha256: &str, training: bool, test: bool) -> Line {
        Line { time: folder::now(), session: session.into(), sha256: sha256.into(), training, test }
    }

    #[test]
    fn prompts_count_once_and_the_test_split_every_time() {
        let place = tempfile::tempdir().unwrap();
        let runs = place.path().join("runs");
        assert_eq!(tried(&runs, "a.toml").unwrap(), Tried::default());
        let mut journal = Journal::new(&runs.join(TRIED));
        for line in [
            line("a", "x", false, false),
            line("a", "x", false, true),
            line("a", "y", false, true),
            line("a", "z", true, true),
            line("b", "q", false, true),
        ] {
            journal.append(|_: &[Line]| Ok(line)).unwrap();
        }
        let counted = tried(&runs, "sessions/a.toml").unwrap();
        assert_eq!(counted, Tried { prompts: 2, trainings: 1, test_opened: 3 });
        assert_eq!(counted.text(), "2 prompts and 1 training tried, test opened 3 times");
        assert_eq!(tried(&runs, "b").unwrap().text(), "1 prompt tried, test opened once");

        // Prompts that the probe has scored count too, and those that were only written do not.
        let mut timeline = Timeline::open(&place.path().join(VERSIONS)).unwrap();
        let spec = |template: &str| -> crate::prompt::PromptSpec {
            serde_json::from_value(serde_json::json!({ "template": template })).unwrap()
        };
        let probe = ProbeRecord { rows: 2, right: 1, accuracy: 0.5, macro_f1: 0.5, sha256: String::new() };
        timeline.append(spec("one"), false, Some(probe), None).unwrap();
        timeline.append(spec("two"), false, None, None).unwrap();
        assert_eq!(tried(&runs, "b").unwrap().prompts, 2);
    }
}
