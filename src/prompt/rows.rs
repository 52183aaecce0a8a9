//! What prompts need to know of the data.

use std::borrow::Cow;

use crate::data::{Dataset, Split};

/// Labelled rows in splits; row numbers are those of the file.
pub trait Rows: Sync {
    /// How many rows the file has.
    fn count(&self) -> usize;

    /// The label words, in session order.
    fn labels(&self) -> &[String];

    /// The rows of a split, in its order.
    fn split(&self, split: Split) -> &[usize];

    /// The rows of the train split, in split order.
    fn train(&self) -> &[usize] {
        self.split(Split::Train)
    }

    /// The split that a row is in, if any.
    fn split_of(&self, row: usize) -> Option<Split>;

    /// Index into [`Self::labels`] of the row's gold label.
    fn gold(&self, row: usize) -> Option<usize>;

    /// The row's text after cleaning.
    fn text(&self, row: usize) -> Cow<'_, str>;

    /// Every column of the row with its value, codes replaced by their words, the text cleaned.
    fn record(&self, row: usize) -> Vec<(&str, Cow<'_, str>)>;
}

impl Rows for Dataset {
    fn count(&self) -> usize {
        self.len()
    }

    fn labels(&self) -> &[String] {
        self.labels()
    }

    fn split(&self, split: Split) -> &[usize] {
        self.split(split)
    }

    fn split_of(&self, row: usize) -> Option<Split> {
        self.split_of(row)
    }

    fn gold(&self, row: usize) -> Option<usize> {
        self.gold(row)
    }

    fn text(&self, row: usize) -> Cow<'_, str> {
        self.text(row)
    }

    fn record(&self, row: usize) -> Vec<(&str, Cow<'_, str>)> {
        self.record(row)
    }
}
