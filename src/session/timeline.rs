//! Every version of a session's prompt, with its figures on the probe rows: `versions.jsonl` beside the session's runs.
//!
//! A version is a line of its own and never changed; that it was accepted, what the probe made of it, and what its author
//! says of it may come as lines of their own later. The newest [`MOST_VERSIONS`] are read.

use std::collections::VecDeque;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folder;
use super::home::sha256;
use super::journal::{Journal, bounded};
use crate::prompt::PromptSpec;

pub use super::journal::JournalError;

/// The file's name, in the session's [`super::SessionFile::home`].
pub const VERSIONS: &str = "versions.jsonl";

/// So many versions are held; older ones stay in the file.
pub const MOST_VERSIONS: usize = 1000;

/// The longest note, in characters.
pub const MOST_NOTE: usize = 4000;

/// What a version of the prompt made of the probe rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeRecord {
    /// Rows scored.
    pub rows: usize,
    /// Of those, the ones answered right.
    pub right: usize,
    /// Their share.
    pub accuracy: f64,
    /// Mean F1 over the labels.
    pub macro_f1: f64,
    /// [`probe_sha256`] of the rows: figures of other rows are not to be compared.
    pub sha256: String,
}

/// SHA-256 over the data's own and the row numbers, in their order.
pub fn probe_sha256(data_sha256: &str, rows: &[usize]) -> String {
    let rows: Vec<String> = rows.iter().map(usize::to_string).collect();
    sha256(format!("{data_sha256}:{}", rows.join(",")).as_bytes())
}

/// One version of the prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its number, from 1.
    pub number: u64,
    /// When it was made (RFC 3339).
    pub time: String,
    /// The prompt.
    pub prompt: PromptSpec,
    /// Whether its author wants to keep it: what later versions are compared with.
    #[serde(default)]
    pub accepted: bool,
    /// What it made of the probe rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeRecord>,
    /// What its author says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What is said of a version later.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Amendment {
    amends: u64,
    time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe: Option<ProbeRecord>,
    /// An empty one takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A line of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Amendment(Amendment),
    Version(Version),
}

/// The versions of a session's prompt.
#[derive(Debug)]
pub struct Timeline {
    journal: Journal,
    versions: VecDeque<Version>,
}

impl Timeline {
    /// Reads the newest versions of a file that need not be there yet.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let mut journal = Journal::new(path);
        let lines = journal.read_end(MOST_VERSIONS, &|line| matches!(line, Line::Version(_)))?;
        let mut timeline = Self { journal, versions: VecDeque::new() };
        lines.into_iter().for_each(|line| timeline.take(line));
        Ok(timeline)
    }

    /// The versions, the oldest first.
    pub fn versions(&self) -> impl DoubleEndedIterator<Item = &Version> + ExactSizeIterator {
        self.versions.iter()
    }

    /// The version with this number.
    pub fn get(&self, number: u64) -> Option<&Version> {
        self.place(number).and_then(|place| self.versions.get(place))
    }

    /// The newest version that was accepted.
    pub fn accepted(&self) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.accepted)
    }

    /// Lines that were torn or of another form.
    pub fn skipped(&self) -> usize {
        self.journal.skipped()
    }

    /// Appends a version and answers with its number. Versions that another program has appended meanwhile come before.
    pub fn append(
        &mut self,
        prompt: PromptSpec,
        accepted: bool,
        probe: Option<ProbeRecord>,
        note: Option<String>,
    ) -> Result<u64, JournalError> {
        let note = bounded(note, "the note", MOST_NOTE)?;
        let last = self.versions.back().map_or(0, |version| version.number);
        let (new, line) = self.journal.append(|new: &[Line]| {
            let numbers = new.iter().map(|line| match line {
                Line::Version(version) => version.number,
                Line::Amendment(_) => 0,
            });
            let number = numbers.chain([last]).max().unwrap_or_default().saturating_add(1);
            Ok(Line::Version(Version { number, time: folder::now(), prompt, accepted, probe, note }))
        })?;
        new.into_iter().chain([line]).for_each(|line| self.take(line));
        Ok(self.versions.back().map_or(0, |version| version.number))
    }

    /// Says that a version is to be kept.
    pub fn accept(&mut self, number: u64) -> Result<(), JournalError> {
        self.amend(Amendment { amends: number, accepted: Some(true), ..Amendment::default() })
    }

    /// Says what a version made of the probe rows.
    pub fn set_probe(&mut self, number: u64, probe: ProbeRecord) -> Result<(), JournalError> {
        self.amend(Amendment { amends: number, probe: Some(probe), ..Amendment::default() })
    }

    /// Sets what the author says of a version; none takes it away.
    pub fn set_note(&mut self, number: u64, note: Option<String>) -> Result<(), JournalError> {
        let note = bounded(note, "the note", MOST_NOTE)?;
        self.amend(Amendment { amends: number, note: Some(note.unwrap_or_default()), ..Amendment::default() })
    }

    fn amend(&mut self, amendment: Amendment) -> Result<(), JournalError> {
        let number = amendment.amends;
        if self.get(number).is_none() {
            return Err(JournalError::NoVersion { path: self.journal.path().to_owned(), number });
        }
        let line = Line::Amendment(Amendment { time: folder::now(), ..amendment });
        let (new, line) = self.journal.append(|_: &[Line]| Ok(line))?;
        new.into_iter().chain([line]).for_each(|line| self.take(line));
        Ok(())
    }

    fn place(&self, number: u64) -> Option<usize> {
        // The last of a number, should there be two by a file system without locks.
        self.versions.iter().rposition(|version| version.number == number)
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Version(version) => {
                self.versions.push_back(version);
                if self.versions.len() > MOST_VERSIONS {
                    self.versions.pop_front();
                }
            }
            Line::Amendment(Amendment { amends, accepted, probe, note, .. }) => {
                // Of a version that is no longer held, nothing is to be known.
                let Some(version) = self.place(amends).and_then(|place| self.versions.get_mut(place)) else { return };
                version.accepted = accepted.unwrap_or(version.accepted);
                version.probe = probe.or(version.probe.take());
                if let Some(note) = note {
                    version.note = Some(note).filter(|note| !note.is_empty());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn prompt(template: &str) -> PromptSpec {
        let spec: PromptSpec = toml::from_str("template = 'a'\nsystem = \"a\\nb\"").unwrap();
        PromptSpec { template: template.to_owned(), ..spec }
    }

    fn probe(right: usize) -> ProbeRecord {
        let sha256 = probe_sha256("ab", &[1, 2, 3]);
        ProbeRecord { rows: 4, right, accuracy: right as f64 / 4.0, macro_f1: 0.1, sha256 }
    }

    fn numbers(timeline: &Timeline) -> Vec<u64> {
        timeline.versions().map(|version| version.number).collect()
    }

    #[test]
    fn versions_are_kept_with_all_that_is_said_of_them() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("deep/er").join(VERSIONS);
        let mut timeline = Timeline::open(&path).unwrap();
        assert_eq!((numbers(&timeline), timeline.accepted()), (vec![], None));
        assert_eq!(timeline.append(prompt("one"), true, Some(probe(1)), Some("first".into())).unwrap(), 1);
        assert_eq!(timeline.append(prompt("two\n\"\u{2028}"), false, None, None).unwrap(), 2);
        assert_eq!(timeline.append(prompt("three"), false, None, None).unwrap(), 3);
        timeline.set_probe(2, probe(3)).unwrap();
        timeline.accept(2).unwrap();
        timeline.set_note(1, None).unwrap();
        timeline.set_note(3, Some("third".into())).unwrap();
        let error = timeline.accept(9).unwrap_err();
        assert!(error.to_string().ends_with("versions.jsonl: there is no version 9"), "{error}");
        assert!(matches!(timeline.set_note(3, Some("x".repeat(4001))), Err(JournalError::TooLong { .. })));

        let again = Timeline::open(&path).unwrap();
        assert_eq!(again.versions, timeline.versions);
        let two = again.get(2).unwrap();
        assert_eq!((&two.prompt, two.accepted, &two.probe), (&prompt("two\n\"\u{2028}"), true, &Some(probe(3))));
        assert_eq!(again.accepted().unwrap().number, 2);
        assert_eq!((again.get(1).unwrap().note.clone(), again.get(3).unwrap().note.as_deref()), (None, Some("third")));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 7);
    }

    #[test]
    fn torn_and_foreign_lines_are_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(VERSIONS);
        let mut timeline = Timeline::open(&path).unwrap();
        timeline.append(prompt("one"), false, None, None).unwrap();
        timeline.append(prompt("two"), false, None, None).unwrap();
        let whole = fs::read(&path).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for end in first..=whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let mut timeline = Timeline::open(&path).unwrap();
            // Cut within its line break alone, the second version is whole.
            let there = if end + 1 >= whole.len() { 2 } else { 1 };
            assert_eq!((timeline.versions().len(), timeline.skipped()), (there, 0), "{end}");
            assert_eq!(timeline.append(prompt("new"), false, None, None).unwrap(), there as u64 + 1);
            let torn = usize::from(end > first && there == 1);
            assert_eq!(timeline.skipped(), torn);
            let again = Timeline::open(&path).unwrap();
            assert_eq!((again.versions, again.journal.skipped()), (timeline.versions, torn), "{end}");
        }
        fs::write(&path, [&whole, &b"{}\n\n[1]\n{\"amends\": 77, \"time\": \"\"}\n\xff\n"[..]].concat()).unwrap();
        let timeline = Timeline::open(&path).unwrap();
        assert_eq!((numbers(&timeline), timeline.skipped()), (vec![1, 2], 3));
    }

    #[test]
    fn only_the_newest_are_held() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(VERSIONS);
        let mut file = fs::File::create(&path).unwrap();
        let version = |number| Version {
            number,
            time: folder::now(),
            prompt: prompt(&"x".repeat(2000)),
            accepted: number == 5,
            probe: None,
            note: None,
        };
        for number in 1..=3000 {
            writeln!(file, "{}", serde_json::to_string(&version(number)).unwrap()).unwrap();
        }
        let mut timeline = Timeline::open(&path).unwrap();
        assert_eq!((timeline.versions().len(), timeline.versions().next().unwrap().number), (1000, 2001));
        assert_eq!((timeline.skipped(), timeline.accepted()), (0, None));
        assert_eq!(timeline.append(prompt("a"), false, None, None).unwrap(), 3001);
        assert_eq!((timeline.versions().len(), timeline.get(2001)), (1000, None));
    }

    #[test]
    fn several_writers_at_once() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(VERSIONS);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let mut timeline = Timeline::open(path).unwrap();
                    for at in 0..50 {
                        let text = format!("{writer} {at} {}", "y".repeat(5000));
                        let number = timeline.append(prompt(&text), false, None, None).unwrap();
                        timeline.accept(number).unwrap();
                        assert_eq!(timeline.get(number).unwrap().prompt.template, text);
                    }
                });
            }
        });
        let timeline = Timeline::open(&path).unwrap();
        assert_eq!((numbers(&timeline), timeline.skipped()), ((1..=200).collect(), 0));
        assert!(timeline.versions().all(|version| version.accepted));
    }

    #[test]
    fn what_cannot_be_read_or_written_is_named() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let mut timeline = Timeline::open(&home.path().join(VERSIONS)).unwrap();
        timeline.journal = Journal::new(&home.path().join("file").join(VERSIONS));
        let error = timeline.append(prompt("a"), false, None, None).unwrap_err();
        assert!(matches!(error, JournalError::Write { .. }) && error.to_string().contains("versions.jsonl"), "{error}");
        assert!(matches!(Timeline::open(home.path()), Err(JournalError::Read { .. })));
    }
}
