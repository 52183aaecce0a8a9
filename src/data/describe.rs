//! What is in the columns of a data set: values, how often, and which of them say nothing.

use std::collections::HashMap;

use serde::Serialize;

use super::dataset::{Dataset, Split};

/// How many values of a column without codes are told.
const VALUES: usize = 25;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nothing at all.
    Empty,
    /// Whole numbers, also as pandas writes them where some are missing (`66.0`).
    Integer,
    /// Numbers.
    Number,
    /// Anything else.
    Text,
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Value {
    /// As it is in the file; of a code, as the session lists it.
    pub code: String,
    /// What it means, where the session says so.
    pub word: Option<String>,
    /// Rows with it.
    pub rows: usize,
    /// Whether it says nothing.
    pub missing: bool,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are, those that say nothing aside.
    pub kind: Kind,
    /// Rows with an empty cell.
    pub empty: usize,
    /// Rows with a code that says nothing.
    pub missing: usize,
    /// How many different values there are, the empty one aside.
    pub distinct: usize,
    /// The least and the greatest number, those that say nothing aside.
    pub range: Option<[f64; 2]>,
    /// Every code that the session lists, and the other values: numbers in their order where they are not many, texts by how
    /// often they come, from twice on where no codes are listed.
    pub values: Vec<Value>,
}

/// Describes all columns over the rows of the splits, in file order.
pub fn describe(data: &Dataset) -> Vec<Column> {
    let table = data.table();
    let mut counts: Vec<HashMap<&str, usize>> = vec![HashMap::new(); table.columns().len()];
    for row in Split::ALL.into_iter().flat_map(|split| data.split(split)) {
        for (counts, cell) in counts.iter_mut().zip(table.cells(*row)) {
            *counts.entry(cell).or_default() += 1;
        }
    }
    let columns = table.columns().iter().zip(counts).enumerate();
    columns.map(|(place, (name, counts))| column(data, place, name, counts)).collect()
}

fn column(data: &Dataset, place: usize, name: &str, mut counts: HashMap<&str, usize>) -> Column {
    let codes = data.codes(place);
    let is_missing = |cell: &str| codes.is_some_and(|codes| codes.is_missing(cell));
    let empty = counts.remove("").unwrap_or_default();
    let missing = counts.iter().filter(|(cell, _)| is_missing(cell)).map(|(_, rows)| rows).sum();
    let said = || counts.keys().filter(|cell| !is_missing(cell));
    let numbers: Option<Vec<f64>> =
        said().map(|cell| cell.trim().parse().ok().filter(|n: &f64| n.is_finite())).collect();
    let (kind, range) = match numbers {
        Some(numbers) if numbers.is_empty() => (Kind::Empty, None),
        Some(numbers) => {
            let kind = if numbers.iter().all(|number| number.fract() == 0.0) { Kind::Integer } else { Kind::Number };
            let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            (kind, Some([least, numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)]))
        }
        None => (Kind::Text, None),
    };
    let distinct = counts.len();

    let mut values: Vec<Value> = Vec::new();
    if let Some(codes) = codes {
        for code in codes.codes() {
            // A number counts for its code however it is spelt.
            let word = codes.word(code);
            let spelt: Vec<&str> = counts.keys().copied().filter(|cell| codes.code_of(cell) == Some(code)).collect();
            let rows = spelt.iter().filter_map(|cell| counts.remove(cell)).sum();
            values.push(Value {
                code: code.to_owned(),
                word: word.map(str::to_owned),
                rows,
                missing: codes.is_missing(code),
            });
        }
    }
    let with_words = !values.is_empty();
    // Of many different numbers their range tells more.
    let many = range.is_some() && distinct > VALUES;
    let mut rest: Vec<(&str, usize)> = counts.into_iter().collect();
    // Numbers stand in their order, texts by how often they come.
    let number = |cell: &str| cell.trim().parse::<f64>().ok().filter(|_| range.is_some());
    rest.sort_by(|a, b| match (number(a.0), number(b.0)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)),
    });
    // Beside codes that have words, one without is what is looked for.
    let told =
        |(cell, rows): &(&str, usize)| is_missing(cell) || (!many && (with_words || range.is_some() || *rows > 1));
    let value =
        |(cell, rows): (&str, usize)| Value { code: cell.to_owned(), word: None, rows, missing: is_missing(cell) };
    values.extend(rest.into_iter().filter(told).take(VALUES).map(value));
    Column { name: name.to_owned(), kind, empty, missing, distinct, range, values }
}
