//! The answers of a run or of anybody's CSV by row number, to be laid beside those of another.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::data::table::Table;

use super::PredictionsError;
use super::pairs::{MOST_LABELS, PairsError};

/// What is known of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The gold label, where there is one.
    pub gold: Option<String>,
    /// The predicted label; an empty one is a label of its own.
    pub predicted: String,
}

/// Answers by row number, in the order of the numbers.
pub type Answers = BTreeMap<usize, Answer>;

/// Reads a run folder, finished or not, or any CSV with columns `row`, `gold` (which may be empty) and `predicted`.
///
/// # Errors
/// What reading can bring; a missing column is named with the nearest there is, a row number that is none or that comes
/// twice with its line.
pub fn read_answers(path: &Path) -> Result<Answers, PairsError> {
    let mut answers = Answers::new();
    if path.is_dir() {
        for prediction in super::read(&path.join("predictions.csv"))?.rows {
            let gold = prediction.gold.filter(|gold| !gold.is_empty());
            answers.insert(prediction.row, Answer { gold, predicted: prediction.predicted });
        }
        return checked(answers, path);
    }
    let table = Table::read(path)?;
    let (row, gold, predicted) = (table.column("row")?, table.column("gold")?, table.column("predicted")?);
    let mut lines = BTreeMap::new();
    for index in 0..table.len() {
        let (cell, line) = (table.cell(index, row), table.line(index));
        let number: usize = cell.trim().parse().map_err(|_| PredictionsError::Record {
            path: path.to_owned(),
            line,
            what: format!("row {cell:?} is no number; column row must hold the numbers of the data's rows, from 0"),
        })?;
        if let Some(first) = lines.insert(number, line) {
            return Err(PredictionsError::Duplicate { path: path.to_owned(), line, row: number, first }.into());
        }
        let gold = Some(table.cell(index, gold)).filter(|gold| !gold.is_empty()).map(str::to_owned);
        answers.insert(number, Answer { gold, predicted: table.cell(index, predicted).to_owned() });
    }
    checked(answers, path)
}

fn checked(answers: Answers, path: &Path) -> Result<Answers, PairsError> {
    let labels: HashSet<&String> =
        answers.values().flat_map(|answer| answer.gold.iter().chain([&answer.predicted])).collect();
    if labels.len() > MOST_LABELS { Err(PairsError::Labels { path: path.to_owned() }) } else { Ok(answers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &str) -> Result<Answers, PairsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.csv");
        std::fs::write(&path, content).unwrap();
        read_answers(&path)
    }

    #[test]
    fn csv_from_elsewhere() {
        let answers = of("gold;row;predicted\r\na;7;b\r\n;3;\r\n").unwrap();
        let answer = |gold: Option<&str>, predicted: &str| Answer {
            gold: gold.map(str::to_owned),
            predicted: predicted.to_owned(),
        };
        assert_eq!(answers, Answers::from([(3, answer(None, "")), (7, answer(Some("a"), "b"))]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |content: &str| of(content).unwrap_err().to_string();
        assert!(message("rows,gold,predicted\n1,a,b\n").contains("did you mean \"rows\"?"));
        assert!(message("row,gold,predicted\n1,a,b\nx,a,b\n").contains("line 3: row \"x\" is no number"));
        let twice = message("row,gold,predicted\n1,a,b\n2,a,b\n1,a,b\n");
        assert!(twice.contains("line 4: row 1 is there already, in line 2"), "{twice}");
        let many: String = (0..1001).map(|n| format!("{n},a,text {n}\n")).collect();
        assert!(message(&format!("row,gold,predicted\n{many}")).contains("more than 1000 different values"));
    }
}
