//! What the user says of rows: doubtful gold labels, tags, notes. `overlay.jsonl` beside the session's runs, never in the
//! data.
//!
//! The file is appended to; the last line of a row holds. Each line names the data by its SHA-256, since row numbers mean
//! nothing without it: marks of other data stay in the file and are not shown.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folder;
use super::journal::{Journal, bounded};

pub use super::journal::JournalError;

/// The file's name, in the session's [`super::SessionFile::home`].
pub const OVERLAY: &str = "overlay.jsonl";

/// The longest tag, in characters.
pub const MOST_TAG: usize = 64;

/// The longest note, in characters.
pub const MOST_NOTE: usize = 4000;

/// What came of looking at a gold label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is right.
    GoldRight,
    /// It is wrong.
    GoldWrong,
    /// Nobody can tell.
    Doubtful,
    /// It was looked at, and nothing is said of it.
    Skipped,
}

impl Verdict {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::GoldRight => "gold-right",
            Self::GoldWrong => "gold-wrong",
            Self::Doubtful => "doubtful",
            Self::Skipped => "skipped",
        }
    }
}

/// What the user says of a row: what and when and why, never who.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Whether the gold label is doubted, be it thought wrong or unclear.
    #[serde(default)]
    pub doubtful: bool,
    /// What came of reviewing it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Which check brought it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// A word to find it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whatever else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Mark {
    /// The mark with a verdict on the gold label in it.
    pub fn judged(self, verdict: Verdict, why: Option<String>) -> Self {
        let doubtful = matches!(verdict, Verdict::GoldWrong | Verdict::Doubtful);
        Self { doubtful, verdict: Some(verdict), why, ..self }
    }

    /// What came of looking at the gold label, if anything: versions before verdicts wrote doubt alone.
    pub fn decided(&self) -> Option<Verdict> {
        self.verdict.or(self.doubtful.then_some(Verdict::Doubtful))
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A line of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    row: usize,
    time: String,
    data_sha256: String,
    #[serde(flatten)]
    mark: Mark,
}

/// The marks on the rows of one data file.
#[derive(Debug)]
pub struct Overlay {
    journal: Journal,
    data_sha256: String,
    marks: BTreeMap<usize, Mark>,
    /// When each was made.
    times: BTreeMap<usize, String>,
}

impl Overlay {
    /// Reads the marks of the data with this SHA-256 from a file that need not be there yet.
    pub fn open(path: &Path, data_sha256: &str) -> Result<Self, JournalError> {
        let mut journal = Journal::new(path);
        let lines = journal.read_end(usize::MAX, &|_: &Line| true)?;
        let mut overlay =
            Self { journal, data_sha256: data_sha256.to_owned(), marks: BTreeMap::new(), times: BTreeMap::new() };
        lines.into_iter().for_each(|line| overlay.take(line));
        Ok(overlay)
    }

    /// The mark of a file row.
    pub fn get(&self, row: usize) -> Option<&Mark> {
        self.marks.get(&row)
    }

    /// When a row was marked last (RFC 3339).
    pub fn time(&self, row: usize) -> Option<&str> {
        self.times.get(&row).map(String::as_str)
    }

    /// All marked rows, in file order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, &Mark)> + ExactSizeIterator {
        self.marks.iter().map(|(row, mark)| (*row, mark))
    }

    /// Lines that were torn or of another form.
    pub fn skipped(&self) -> usize {
        self.journal.skipped()
    }

    /// Marks a file row in place of what it had; an empty mark takes it away. Marks that another program has set
    /// meanwhile are read too.
    ///
    /// # Errors
    /// `TooLong` for a tag over [`MOST_TAG`] or a note over [`MOST_NOTE`] characters, and what writing brings; the mark
    /// is as it was then.
    pub fn set(&mut self, row: usize, mark: Mark) -> Result<(), JournalError> {
        let tag = mark.tag.map(|tag| tag.trim().to_owned());
        let mark = Mark {
            doubtful: mark.doubtful,
            verdict: mark.verdict,
            why: bounded(mark.why, "the reason", MOST_TAG)?,
            tag: bounded(tag, "the tag", MOST_TAG)?,
            note: bounded(mark.note, "the note", MOST_NOTE)?,
        };
        let line = Line { row, time: folder::now(), data_sha256: self.data_sha256.clone(), mark };
        let (new, line) = self.journal.append(|_: &[Line]| Ok(line))?;
        new.into_iter().chain([line]).for_each(|line| self.take(line));
        Ok(())
    }

    fn take(&mut self, line: Line) {
        if line.data_sha256 != self.data_sha256 {
            return;
        }
        if line.mark.is_empty() {
            self.marks.remove(&line.row);
            self.times.remove(&line.row);
        } else {
            self.times.insert(line.row, line.time);
            self.marks.insert(line.row, line.mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn doubtful(tag: &str) -> Mark {
        Mark { doubtful: true, tag: Some(tag.into()), ..Mark::default() }
    }

    fn rows(overlay: &Overlay) -> Vec<usize> {
        overlay.iter().map(|(row, _)| row).collect()
    }

    #[test]
    fn the_last_mark_of_a_row_holds() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("deep").join(OVERLAY);
        let mut overlay = Overlay::open(&path, "aa").unwrap();
        assert_eq!((rows(&overlay), overlay.get(3)), (vec![], None));
        overlay.set(7, doubtful(" irony ")).unwrap();
        overlay.set(3, Mark { note: Some("two\nlines \u{1b}".into()), ..Mark::default() }).unwrap();
        overlay.set(7, doubtful("spam")).unwrap();
        overlay.set(9, doubtful("x")).unwrap();
        overlay.set(9, Mark { tag: Some("  ".into()), ..Mark::default() }).unwrap();
        for overlay in [&overlay, &Overlay::open(&path, "aa").unwrap()] {
            assert_eq!((rows(overlay), overlay.get(7)), (vec![3, 7], Some(&doubtful("spam"))));
            assert_eq!(overlay.get(3).unwrap().note.as_deref(), Some("two\nlines \u{1b}"));
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 5);

        // Other data has marks of its own in the same file.
        let mut other = Overlay::open(&path, "bb").unwrap();
        assert!(rows(&other).is_empty());
        other.set(7, doubtful("other")).unwrap();
        assert_eq!(Overlay::open(&path, "aa").unwrap().get(7), Some(&doubtful("spam")));
        assert_eq!(Overlay::open(&path, "bb").unwrap().get(7), Some(&doubtful("other")));
    }

    #[test]
    fn verdicts_say_what_when_and_why() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(OVERLAY);
        // A line of an earlier version has none.
        fs::write(&path, "{\"row\":1,\"time\":\"t\",\"data_sha256\":\"aa\",\"doubtful\":true}\n").unwrap();
        let mut overlay = Overlay::open(&path, "aa").unwrap();
        assert_eq!((overlay.get(1).unwrap().verdict, overlay.time(1)), (None, Some("t")));
        assert_eq!(overlay.get(1).unwrap().decided(), Some(Verdict::Doubtful));
        for (row, verdict, doubted) in [
            (2, Verdict::GoldWrong, true),
            (3, Verdict::Doubtful, true),
            (4, Verdict::GoldRight, false),
            (5, Verdict::Skipped, false),
        ] {
            overlay.set(row, Mark::default().judged(verdict, Some("disagreement".into()))).unwrap();
            assert_eq!(overlay.get(row).unwrap().doubtful, doubted);
        }
        let again = Overlay::open(&path, "aa").unwrap();
        let mark = again.get(4).unwrap();
        assert_eq!((mark.verdict, mark.why.as_deref()), (Some(Verdict::GoldRight), Some("disagreement")));
        assert!(again.time(4).unwrap().starts_with("20"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"verdict\":\"gold-wrong\"") && !text.contains("user"));
    }

    #[test]
    fn long_texts_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let mut overlay = Overlay::open(&home.path().join(OVERLAY), "aa").unwrap();
        overlay.set(1, doubtful(&"é".repeat(64))).unwrap();
        let error = overlay.set(1, doubtful(&"é".repeat(65))).unwrap_err();
        assert_eq!(error.to_string(), "the tag is 65 characters long; 64 at most");
        let note = |length| Mark { note: Some("n".repeat(length)), ..Mark::default() };
        assert!(matches!(overlay.set(1, note(4001)), Err(JournalError::TooLong { what: "the note", .. })));
        assert_eq!(overlay.get(1), Some(&doubtful(&"é".repeat(64))));
        overlay.set(1, note(4000)).unwrap();
    }

    #[test]
    fn torn_at_every_byte() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(OVERLAY);
        let mut overlay = Overlay::open(&path, "aa").unwrap();
        overlay.set(1, doubtful("a")).unwrap();
        let first = fs::metadata(&path).unwrap().len() as usize;
        overlay.set(2, doubtful("b")).unwrap();
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let mut overlay = Overlay::open(&path, "aa").unwrap();
            let there = usize::from(end + 1 >= first) + usize::from(end + 1 >= whole.len());
            assert_eq!(overlay.iter().len(), there);
            overlay.set(3, doubtful("c")).unwrap();
            let again = Overlay::open(&path, "aa").unwrap();
            assert_eq!(again.get(3), Some(&doubtful("c")), "{end}");
            assert_eq!(again.get(1).is_some(), end >= first - 1);
        }
    }

    #[test]
    fn two_writers_see_each_other() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(OVERLAY);
        let mut one = Overlay::open(&path, "aa").unwrap();
        let mut two = Overlay::open(&path, "aa").unwrap();
        one.set(1, doubtful("a")).unwrap();
        two.set(2, doubtful("b")).unwrap();
        assert_eq!(rows(&two), [1, 2]);
        one.set(2, doubtful("c")).unwrap();
        assert_eq!((rows(&one), one.get(2)), (vec![1, 2], Some(&doubtful("c"))));
        std::thread::scope(|scope| {
            for mut overlay in [one, two] {
                scope.spawn(move || (0..200).for_each(|row| overlay.set(row, doubtful("t")).unwrap()));
            }
        });
        let overlay = Overlay::open(&path, "aa").unwrap();
        assert_eq!((overlay.iter().len(), overlay.skipped()), (200, 0));
    }
}
