//! Counts of gold label by predicted label.

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

/// A confusion matrix over text labels; rows are gold, columns predicted. Serialises as `{"labels": […], "matrix": [[…]]}`.
///
/// There are two kinds. [`Confusion::new`] keeps its labels sorted by code point and learns them as they come: the union
/// of both sides in the order of scikit-learn's `unique_labels`. [`Confusion::with_labels`] starts with labels that hold
/// their place (so that a screen stands still while it fills) and puts others behind them in order of appearance.
///
/// The matrix is dense: who reads labels from elsewhere bounds how many there may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Dense", try_from = "Dense")]
pub struct Confusion {
    labels: IndexSet<String>,
    matrix: Vec<Vec<u64>>,
    fixed: bool,
}

/// An f64 holds every whole number up to here.
const MOST_ROWS: u64 = 1 << 53;

/// The form that is written to disk and read back.
#[derive(Serialize, Deserialize)]
struct Dense {
    labels: Vec<String>,
    matrix: Vec<Vec<u64>>,
}

impl From<Confusion> for Dense {
    fn from(confusion: Confusion) -> Self {
        Self { labels: confusion.labels.into_iter().collect(), matrix: confusion.matrix }
    }
}

impl TryFrom<Dense> for Confusion {
    type Error = String;

    fn try_from(dense: Dense) -> Result<Self, String> {
        let size = dense.labels.len();
        if dense.matrix.len() != size || dense.matrix.iter().any(|row| row.len() != size) {
            return Err(format!("a confusion matrix of {size} labels must have {size} rows of {size} counts"));
        }
        let total = dense.matrix.iter().flatten().try_fold(0_u64, |sum, &count| sum.checked_add(count));
        if total.is_none_or(|total| total > MOST_ROWS) {
            return Err(format!("a confusion matrix counts at most {MOST_ROWS} rows"));
        }
        let fixed = !dense.labels.is_sorted();
        let labels: IndexSet<String> = dense.labels.into_iter().collect();
        if labels.len() != size {
            return Err("a confusion matrix must name each label once".to_owned());
        }
        Ok(Self { labels, matrix: dense.matrix, fixed })
    }
}

impl Confusion {
    /// No counts, no labels; labels will be kept sorted.
    pub fn new() -> Self {
        Self::default()
    }

    /// No counts; `labels` come first and stay in this order.
    pub fn with_labels<S: Into<String>>(labels: impl IntoIterator<Item = S>) -> Self {
        let labels: IndexSet<String> = labels.into_iter().map(Into::into).collect();
        let matrix = vec![vec![0; labels.len()]; labels.len()];
        Self { labels, matrix, fixed: true }
    }

    /// The counts of `(gold, predicted)` pairs, labels sorted.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut confusion = Self::new();
        for (gold, predicted) in pairs {
            confusion.add(gold, predicted);
        }
        confusion
    }

    /// Counts one row.
    pub fn add(&mut self, gold: &str, predicted: &str) {
        self.place(gold);
        let column = self.place(predicted);
        // A new predicted label may have moved the gold one.
        let row = self.place(gold);
        if let Some(count) = self.matrix.get_mut(row).and_then(|counts| counts.get_mut(column)) {
            *count += 1;
        }
    }

    /// The index of a label, made room for if it is new.
    fn place(&mut self, label: &str) -> usize {
        if let Some(index) = self.labels.get_index_of(label) {
            return index;
        }
        let label = label.to_owned();
        let (index, _) = if self.fixed { self.labels.insert_full(label) } else { self.labels.insert_sorted(label) };
        for counts in &mut self.matrix {
            counts.insert(index, 0);
        }
        self.matrix.insert(index, vec![0; self.labels.len()]);
        index
    }

    /// The same counts with the labels sorted and those dropped that are neither gold nor predicted in any row: what
    /// scikit-learn makes of the rows. A report that is kept is made of this one.
    pub fn observed(&self) -> Self {
        let mut kept: Vec<usize> = (0..self.labels.len()).filter(|&i| self.gold(i) + self.predicted(i) > 0).collect();
        kept.sort_by_key(|&i| self.label(i));
        let matrix = kept.iter().map(|&row| kept.iter().map(|&column| self.count(row, column)).collect()).collect();
        Self { labels: kept.iter().map(|&i| self.label(i).to_owned()).collect(), matrix, fixed: false }
    }

    /// The labels, in the order of rows and columns.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }

    /// The index of a label.
    pub fn index(&self, label: &str) -> Option<usize> {
        self.labels.get_index_of(label)
    }

    /// The counts; rows are gold.
    pub fn matrix(&self) -> &[Vec<u64>] {
        &self.matrix
    }

    /// The label at an index; empty beyond the last.
    fn label(&self, index: usize) -> &str {
        self.labels.get_index(index).map_or("", String::as_str)
    }

    /// How many rows with the gold label at index `gold` were predicted as the one at `predicted`.
    pub fn count(&self, gold: usize, predicted: usize) -> u64 {
        self.matrix.get(gold).and_then(|counts| counts.get(predicted)).copied().unwrap_or(0)
    }

    /// How many rows have the gold label at `index`: its support.
    pub fn gold(&self, index: usize) -> u64 {
        self.matrix.get(index).map_or(0, |counts| counts.iter().sum())
    }

    /// How many rows were predicted as the label at `index`.
    pub fn predicted(&self, index: usize) -> u64 {
        self.matrix.iter().filter_map(|counts| counts.get(index)).sum()
    }

    /// How many rows were counted.
    pub fn total(&self) -> u64 {
        self.matrix.iter().flatten().sum()
    }

    /// How many rows were predicted right.
    pub fn correct(&self) -> u64 {
        (0..self.labels.len()).map(|i| self.count(i, i)).sum()
    }

    /// The most frequent gold label (the first of equals) and its support; `None` without rows.
    pub fn majority(&self) -> Option<(&str, u64)> {
        let largest = (0..self.labels.len()).rev().max_by_key(|&i| self.gold(i))?;
        let support = self.gold(largest);
        (support > 0).then(|| (self.label(largest), support))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_sort_by_code_point_as_they_come() {
        let mut confusion = Confusion::new();
        for (gold, predicted) in [("zebra", "Österreich"), ("Zebra", "🙂"), ("zebra", "zebra"), ("日本", "")] {
            confusion.add(gold, predicted);
        }
        assert_eq!(confusion.labels().collect::<Vec<_>>(), ["", "Zebra", "zebra", "Österreich", "日本", "🙂"]);
        let at = |gold, predicted| confusion.count(confusion.index(gold).unwrap(), confusion.index(predicted).unwrap());
        assert_eq!(at("zebra", "Österreich") + at("Zebra", "🙂") + at("zebra", "zebra") + at("日本", ""), 4);
        assert_eq!((confusion.total(), confusion.correct()), (4, 1));
        assert_eq!(confusion.majority(), Some(("zebra", 2)));
    }

    #[test]
    fn fixed_labels_hold_their_place() {
        let mut confusion = Confusion::with_labels(["support", "oppose", "unknown"]);
        confusion.add("oppose", "neither");
        confusion.add("oppose", "support");
        confusion.add("support", "support");
        assert_eq!(confusion.labels().collect::<Vec<_>>(), ["support", "oppose", "unknown", "neither"]);
        assert_eq!(confusion.matrix(), [[1, 0, 0, 0], [1, 0, 0, 1], [0; 4], [0; 4]]);
        let observed = confusion.observed();
        assert_eq!(observed.labels().collect::<Vec<_>>(), ["neither", "oppose", "support"]);
        assert_eq!(observed, Confusion::of([("oppose", "neither"), ("oppose", "support"), ("support", "support")]));
    }

    #[test]
    fn nothing_counted() {
        let confusion = Confusion::with_labels(["a"]);
        assert_eq!((confusion.majority(), confusion.total()), (None, 0));
        assert_eq!(Confusion::new().majority(), None);
        assert_eq!(confusion.observed(), Confusion::new());
        assert_eq!((confusion.gold(7), confusion.predicted(7), confusion.count(7, 0)), (0, 0, 0));
    }

    #[test]
    fn written_and_read_back() {
        let confusion = Confusion::of([("a", "b"), ("b", "b")]);
        let text = serde_json::to_string(&confusion).unwrap();
        assert_eq!(text, r#"{"labels":["a","b"],"matrix":[[0,1],[0,1]]}"#);
        assert_eq!(serde_json::from_str::<Confusion>(&text).unwrap(), confusion);
        for wrong in [
            r#"{"labels":["a"],"matrix":[[0,1],[0,1]]}"#,
            r#"{"labels":["a","b"],"matrix":[[0],[0,1]]}"#,
            r#"{"labels":["a","a"],"matrix":[[0,1],[0,1]]}"#,
            r#"{"labels":["a","b"],"matrix":[[0,1],[0,18446744073709551615]]}"#,
            r#"{"labels":["a"],"matrix":[[-1]]}"#,
        ] {
            assert!(serde_json::from_str::<Confusion>(wrong).is_err(), "{wrong}");
        }
    }
}
