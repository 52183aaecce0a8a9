//! What a session's data hold: which columns there are, what the session uses them for, codes, counts, missing.

use std::fmt::Write as _;

use serde::Serialize;

use crate::data::describe::{Column, Kind, describe};
use crate::data::{Dataset, Split};
use crate::text::printable;

use super::prepare::named_columns;
use super::spec::Session;

/// A session's data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// The file.
    pub path: String,
    /// Rows of the file.
    pub file_rows: usize,
    /// Rows that pass the filter and are in a split: what is told of columns is told of them.
    pub rows: usize,
    /// Rows of each split: train, validation, test.
    pub splits: [usize; 3],
    /// The columns, in file order.
    pub columns: Vec<Described>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Described {
    /// What the session uses it for; nothing where it uses it for nothing.
    pub used: Vec<&'static str>,
    /// What is in it.
    #[serde(flatten)]
    pub column: Column,
}

impl Description {
    /// Describes the data of a session.
    pub fn of(session: &Session, data: &Dataset) -> Self {
        let named = named_columns(data, &[&session.prompt.template, &session.prompt.demo]);
        let spec = &session.data;
        let used = |name: &str| {
            let is = |other: &Option<String>| other.as_deref() == Some(name);
            let by = session.simulate.as_ref().is_some_and(|simulate| simulate.by.iter().any(|by| by == name));
            let text = is(&spec.text) || (spec.text.is_none() && data.has_text() && name == "text");
            [
                (text, "text"),
                (is(&spec.label), "label"),
                (is(&spec.weight), "weight"),
                (spec.filter.contains_key(name), "filter"),
                (named.iter().any(|named| named == name), "prompt"),
                (by, "groups"),
            ]
            .into_iter()
            .filter_map(|(used, what)| used.then_some(what))
            .collect()
        };
        let columns = describe(data).into_iter().map(|column| Described { used: used(&column.name), column });
        let splits = Split::ALL.map(|split| data.split(split).len());
        Self {
            path: data.path().display().to_string(),
            file_rows: data.len(),
            rows: splits.iter().sum(),
            splits,
            columns: columns.collect(),
        }
    }

    /// For reading: the columns that the session uses with all their codes, the others a line each.
    pub fn text(&self) -> String {
        let file = std::path::Path::new(&self.path).file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let mut text = format!(
            "{}: {} rows, {} columns; {} rows in the splits: {} train, {} validation, {} test\n",
            printable(&file),
            self.file_rows,
            self.columns.len(),
            self.rows,
            self.splits[0],
            self.splits[1],
            self.splits[2],
        );
        for Described { used, column } in self.columns.iter().filter(|described| !described.used.is_empty()) {
            let _ = writeln!(text, "\n{}  ({})  {}", printable(&column.name), used.join(", "), summary(column));
            let code = |value: &crate::data::describe::Value| printable(&value.code).into_owned();
            let word = |value: &crate::data::describe::Value| {
                value.word.as_deref().map(printable).unwrap_or_default().into_owned()
            };
            let longest = |texts: &mut dyn Iterator<Item = String>| texts.map(|text| text.chars().count()).max();
            let codes = longest(&mut column.values.iter().map(code)).unwrap_or_default().min(40);
            let words = longest(&mut column.values.iter().map(word)).unwrap_or_default();
            for value in &column.values {
                let missing = if value.missing { "  says nothing" } else { "" };
                let _ =
                    writeln!(text, "  {:>codes$}  {:<words$}  {:>7}{missing}", code(value), word(value), value.rows);
            }
        }
        let others: Vec<&Column> = self
            .columns
            .iter()
            .filter(|described| described.used.is_empty())
            .map(|described| &described.column)
            .collect();
        if !others.is_empty() {
            let _ = writeln!(text, "\nnot used by the session:");
        }
        let width = others.iter().map(|column| printable(&column.name).chars().count()).max().unwrap_or_default();
        for column in others {
            let _ = writeln!(text, "  {:<width$}  {}", printable(&column.name), summary(column));
        }
        text
    }
}

/// A column in one line.
fn summary(column: &Column) -> String {
    let kind = match (column.kind, column.range) {
        (Kind::Empty, _) => "nothing".to_owned(),
        (Kind::Text, _) | (_, None) => "texts".to_owned(),
        (Kind::Integer, Some([least, most])) => format!("whole numbers {least} to {most}"),
        (Kind::Number, Some([least, most])) => format!("numbers {least} to {most}"),
    };
    let mut parts = vec![kind, format!("{} different", column.distinct)];
    if column.missing > 0 {
        parts.push(format!("{} say nothing", column.missing));
    }
    if column.empty > 0 {
        parts.push(format!("{} empty", column.empty));
    }
    parts.join(", ")
}
