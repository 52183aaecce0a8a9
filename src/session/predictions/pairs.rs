//! Gold and predicted labels, of a run or of anybody's CSV: people have predictions from elsewhere too.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::data::DataError;
use crate::data::table::Table;
use crate::metrics::Confusion;

use super::PredictionsError;

/// More labels than this are no labels: the column holds texts or numbers, and their confusion matrix would fill the
/// memory.
pub(super) const MOST_LABELS: usize = 1000;

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum PairsError {
    /// The CSV cannot be read, or has no column `gold` or `predicted`.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The run's predictions cannot be read.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
    /// Not one row can be judged.
    #[error("{path}: no row has a gold label")]
    NoGold {
        /// The file.
        path: PathBuf,
    },
    /// The columns do not hold labels.
    #[error("{path}: columns gold and predicted have more than {MOST_LABELS} different values; they must hold labels")]
    Labels {
        /// The file.
        path: PathBuf,
    },
}

/// One entry a row in each list. Rows without a gold label cannot be judged: they are left out and counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelPairs {
    /// Gold labels.
    pub gold: Vec<String>,
    /// Predicted labels; an empty one is a label of its own, and wrong.
    pub predicted: Vec<String>,
    /// How many rows have no gold label.
    pub unlabelled: usize,
}

impl LabelPairs {
    /// The counts, over the labels that occur, sorted.
    pub fn confusion(&self) -> Confusion {
        Confusion::of(self.gold.iter().map(String::as_str).zip(self.predicted.iter().map(String::as_str)))
    }

    /// How many rows can be judged.
    pub fn len(&self) -> usize {
        self.gold.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.gold.is_empty()
    }

    fn add(&mut self, gold: &str, predicted: &str) {
        if gold.is_empty() {
            self.unlabelled += 1;
            return;
        }
        self.gold.push(gold.to_owned());
        self.predicted.push(predicted.to_owned());
    }

    fn checked(self, path: &Path) -> Result<Self, PairsError> {
        let path = || path.to_owned();
        if self.is_empty() {
            return Err(PairsError::NoGold { path: path() });
        }
        let labels: HashSet<&String> = self.gold.iter().chain(&self.predicted).collect();
        if labels.len() > MOST_LABELS { Err(PairsError::Labels { path: path() }) } else { Ok(self) }
    }
}

/// Reads a run folder, finished or not, or any CSV with columns `gold` and `predicted`, as spreadsheets write them.
///
/// # Errors
/// What reading can bring; a missing column is named with the nearest there is.
pub fn read_pairs(path: &Path) -> Result<LabelPairs, PairsError> {
    if path.is_dir() {
        return read_run(&path.join("predictions.csv"));
    }
    let table = Table::read(path)?;
    let (gold, predicted) = (table.column("gold")?, table.column("predicted")?);
    let mut pairs = LabelPairs::default();
    for index in 0..table.len() {
        pairs.add(table.cell(index, gold), table.cell(index, predicted));
    }
    pairs.checked(path)
}

fn read_run(path: &Path) -> Result<LabelPairs, PairsError> {
    let mut pairs = LabelPairs::default();
    for prediction in super::read(path)?.rows {
        pairs.add(prediction.gold.as_deref().unwrap_or_default(), &prediction.predicted);
    }
    pairs.checked(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &str) -> Result<LabelPairs, PairsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.csv");
        std::fs::write(&path, content).unwrap();
        read_pairs(&path)
    }

    #[test]
    fn csv_from_elsewhere() {
        let pairs = of("\u{feff}id;predicted;gold\r\n1;\"a\r\nb\";a\r\n2;;a\r\n3;a;\r\n").unwrap();
        let expected = LabelPairs {
            gold: vec!["a".into(), "a".into()],
            predicted: vec!["a\r\nb".into(), String::new()],
            unlabelled: 1,
        };
        assert_eq!(pairs, expected);
        assert_eq!((pairs.len(), pairs.confusion().correct()), (2, 0));
        let named = of("row\tgold\tpredicted\n7\ta\ta\nx\t\tb\n9\tb\ta\n").unwrap();
        assert_eq!((named.len(), named.unlabelled), (2, 1));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = of("Gold,prediction\na,b\n").unwrap_err().to_string();
        assert!(message.contains("\"gold\"") && message.contains("did you mean \"Gold\"?"), "{message}");
        let message = of("gold,prediction\na,b\n").unwrap_err().to_string();
        assert!(message.contains("did you mean \"prediction\"?"), "{message}");
        assert!(of("gold,predicted\n,b\n").unwrap_err().to_string().ends_with("mine.csv: no row has a gold label"));
        let many: String = (0..1001).map(|n| format!("a,text {n}\n")).collect();
        let message = of(&format!("gold,predicted\n{many}")).unwrap_err().to_string();
        assert!(message.contains("more than 1000 different values"), "{message}");
        assert!(read_pairs(Path::new("no/such.csv")).is_err());
    }

    #[test]
    fn a_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        // The last record is torn.
        let text = "row,split,gold,predicted,answer,margin\n4,test,a,b,,\n7,test,,b,,\n9,test,a,a,,\n11,te";
        std::fs::write(path, text).unwrap();
        let pairs = read_pairs(folder.path()).unwrap();
        assert_eq!((pairs.predicted.as_slice(), pairs.unlabelled), (["b".to_owned(), "a".to_owned()].as_slice(), 1));
    }
}
