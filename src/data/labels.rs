//! The labels of a data set: their words, and which row has which.

use indexmap::IndexSet;

use super::codebook::Codes;
use super::error::{DataError, listed};
use super::table::Table;

/// The words of the labels, and the label of every row of the file.
pub(super) struct Labels {
    words: Vec<String>,
    /// For every row of the file the place of its label in `words`; nothing where the filter leaves the row out. Empty
    /// where there is no label column.
    gold: Vec<Option<u32>>,
}

impl Labels {
    /// The labels that codes list, of no rows.
    pub(super) fn listed(codes: &Codes) -> Self {
        Self { words: codes.words().map(str::to_owned).collect(), gold: Vec::new() }
    }

    /// Reads the label column of the rows in `kept`. A row whose code says nothing and has no word has no label; any other
    /// without a word is an error that names the row.
    pub(super) fn read(table: &Table, column: usize, codes: Option<&Codes>, kept: &[usize]) -> Result<Self, DataError> {
        let with_words = codes.filter(|codes| codes.codes().len() > 0);
        let mut words: IndexSet<&str> = with_words.map(|codes| codes.words().collect()).unwrap_or_default();
        let mut gold = vec![None; table.len()];
        for row in kept.iter().copied() {
            let code = table.cell(row, column);
            let word = match with_words {
                Some(codes) => codes.word(code),
                None => Some(code).filter(|code| !code.trim().is_empty()),
            };
            if let Some(word) = word {
                // More labels than 2³² would take more rows than memory holds.
                gold[row] = u32::try_from(words.insert_full(word).0).ok();
            } else if !codes.is_some_and(|codes| codes.is_missing(code)) {
                let (path, line) = (table.path().to_owned(), table.line(row));
                let column = table.columns().get(column).cloned().unwrap_or_default();
                return Err(match with_words {
                    Some(codes) => {
                        let known = listed(codes.codes());
                        DataError::Label { path, row, line, column, value: code.to_owned(), known }
                    }
                    None => DataError::NoLabel { path, row, line, column },
                });
            }
        }
        Ok(Self { words: words.into_iter().map(str::to_owned).collect(), gold })
    }

    /// The words, in session order.
    pub(super) fn words(&self) -> &[String] {
        &self.words
    }

    /// The place of a row's label among the words.
    pub(super) fn of(&self, row: usize) -> Option<usize> {
        self.gold.get(row).copied().flatten().map(|label| label as usize)
    }

    /// Keeps the labels of whose word `keep` says so; rows that had another have none.
    pub(super) fn keep(&mut self, keep: impl Fn(&str) -> bool) {
        let kept: Vec<usize> =
            self.words.iter().enumerate().filter(|(_, word)| keep(word)).map(|(place, _)| place).collect();
        self.arrange(&kept);
    }

    /// Lists the labels that `rows` have, in the order in which they first come up, and no others.
    pub(super) fn in_order_of_appearance(&mut self, rows: &[usize]) {
        let seen: IndexSet<usize> = rows.iter().filter_map(|row| self.of(*row)).collect();
        self.arrange(&seen.into_iter().collect::<Vec<_>>());
    }

    /// Lists the labels at these places, in this order, and no others.
    fn arrange(&mut self, order: &[usize]) {
        let mut places = vec![None; self.words.len()];
        for (place, label) in (0..).zip(order) {
            places[*label] = Some(place);
        }
        self.words = order.iter().map(|label| std::mem::take(&mut self.words[*label])).collect();
        for label in &mut self.gold {
            *label = label.and_then(|label| places.get(label as usize).copied().flatten());
        }
    }

    /// The class of each of `rows`, and what the classes are called, numbered as scikit-learn does: in ascending order of
    /// the words, or of the numbers where the labels are codes as pandas reads them. A row without a label is of the first.
    pub(super) fn strata(&self, as_read: bool, rows: &[usize]) -> (Vec<usize>, Vec<&str>) {
        let numbers: Option<Vec<f64>> = self.words.iter().map(|label| label.trim().parse().ok()).collect();
        let mut order: Vec<usize> = (0..self.words.len()).collect();
        match numbers.filter(|_| as_read) {
            Some(numbers) => order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b])),
            None => order.sort_by_key(|label| &self.words[*label]),
        }
        let mut rank = vec![0; self.words.len()];
        for (at, label) in order.iter().enumerate() {
            rank[*label] = at;
        }
        let class = |row: &usize| rank.get(self.of(*row).unwrap_or_default()).copied().unwrap_or_default();
        (rows.iter().map(class).collect(), order.iter().map(|label| self.words[*label].as_str()).collect())
    }
}

/// The rows whose label says something: neither their code nor another with the same word is one that does not.
pub(super) fn without_missing(
    table: &Table,
    label: Option<(usize, &Codes)>,
    mut kept: Vec<usize>,
) -> Result<Vec<usize>, DataError> {
    let Some((column, codes)) = label.filter(|(_, codes)| codes.has_missing()) else {
        return Err(DataError::NothingMissing);
    };
    kept.retain(|row| {
        let code = table.cell(*row, column);
        !codes.is_missing(code) && !codes.word(code).is_some_and(|word| codes.means_missing(word))
    });
    if kept.is_empty() { Err(DataError::AllMissing { path: table.path().to_owned() }) } else { Ok(kept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strata_are_in_scikit_learns_order() {
        let labels = |words: &[&str]| Labels {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            gold: vec![Some(0), Some(1), Some(2), Some(0)],
        };
        let three = labels(&["10", "9", "b"]);
        assert_eq!(three.strata(true, &[3, 2, 1]), (vec![0, 2, 1], vec!["10", "9", "b"]));
        let two = labels(&["10", "9"]);
        assert_eq!(two.strata(true, &[3, 1]), (vec![1, 0], vec!["9", "10"]));
        assert_eq!(two.strata(false, &[3, 1]), (vec![0, 1], vec!["10", "9"]));
    }

    #[test]
    fn labels_stand_as_they_first_come_up() {
        let mut labels = Labels {
            words: ["a", "b", "c"].map(str::to_owned).to_vec(),
            gold: vec![Some(2), Some(0), None, Some(2), Some(1)],
        };
        labels.in_order_of_appearance(&[3, 1, 2]);
        assert_eq!(labels.words(), ["c", "a"]);
        assert_eq!((0..5).map(|row| labels.of(row)).collect::<Vec<_>>(), [Some(0), Some(1), None, Some(0), None]);
    }
}
