//! Saving changes into a session's TOML without touching what did not change: comments, order of keys, layout and the
//! way strings are written all stay.
//!
//! [`updated`] compares two sessions leaf by leaf and sets or removes exactly the keys that differ. Whatever it makes is
//! read back and compared before it is given away, so that a file can never come to say something else than what is on
//! the screen. How a string is written is `text`'s work; where files are and how they are written [`super::home`]'s.

mod text;

use toml::{Table, Value};
use toml_edit::{DocumentMut, Item, TableLike};

use super::spec::{Session, SessionError};

/// What messages call the text.
const NAME: &str = "session file";

/// The mark at the start of a file that some editors write.
const BOM: char = '\u{feff}';

/// Why changes cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The text to change is no session by itself.
    #[error("the session file cannot be changed as it is: {0}; put that right in the file first")]
    Before(SessionError),
    /// What came of it is no session.
    #[error("this cannot be saved: {0}")]
    After(SessionError),
    /// A value that TOML cannot hold.
    #[error("this cannot be saved: {0}")]
    Value(String),
    /// A place of the file that cannot be changed without harm.
    #[error("`{key}` cannot be changed where it stands in the session file; change it there by hand")]
    Key {
        /// The dotted key.
        key: String,
    },
}

/// The TOML `text` of a session with what differs between `was` and `now` written into it. The two come of one load, so
/// that what loading makes of a session (absolute paths, values laid over it on the command line) is in both and stays
/// out of the file.
///
/// # Errors
/// If the text is no session, or would be none afterwards, with its place; if it would not read back as `now`.
pub fn updated(text: &str, was: &Session, now: &Session) -> Result<String, EditError> {
    let (was, now) = (table(was)?, table(now)?);
    let base = Session::parse(NAME, text, &[]).map_err(EditError::Before)?;
    let expected = merged(&table(&base)?, &was, &now, &mut Vec::new());
    let read_back = |text: &str| {
        let session = Session::parse(NAME, text, &[]).map_err(EditError::After)?;
        match difference(&expected, &table(&session)?) {
            Some(key) => Err(EditError::Key { key }),
            None => Ok(()),
        }
    };
    if read_back(text).is_ok() {
        return Ok(text.to_owned());
    }
    let mut found = Ok(());
    // First with as little as possible; then, should a layout be beyond that, whole arrays and tables anew.
    for careful in [true, false] {
        let written = written(text, &was, &now, careful)?;
        found = read_back(&written);
        if found.is_ok() {
            return Ok(written);
        }
    }
    found.map(|()| text.to_owned())
}

/// The text with the value of one key set, the others as they are. What comes of it is not checked.
pub(super) fn with_text(text: &str, section: &str, key: &str, value: &str) -> Result<String, EditError> {
    let one = |value: &str| {
        let mut inner = Table::new();
        inner.insert(key.to_owned(), Value::String(value.to_owned()));
        let mut outer = Table::new();
        outer.insert(section.to_owned(), Value::Table(inner));
        outer
    };
    written(text, &one(""), &one(value), true)
}

fn table(session: &Session) -> Result<Table, EditError> {
    // By way of text: serialised into values, a date becomes a table of one.
    let text = toml::to_string(session).map_err(|error| EditError::Value(error.to_string()))?;
    text.parse().map_err(|error: toml::de::Error| EditError::Value(error.message().to_owned()))
}

/// The text with the changes laid into it.
fn written(text: &str, was: &Table, now: &Table, careful: bool) -> Result<String, EditError> {
    let plain = text.strip_prefix(BOM).unwrap_or(text);
    // toml_edit writes line feeds alone.
    let crlf = plain.contains("\r\n") && plain.matches('\n').count() == plain.matches("\r\n").count();
    let mut document: DocumentMut = plain.parse().map_err(|error: toml_edit::TomlError| {
        EditError::Before(SessionError::new(NAME, error.message().lines().next().unwrap_or_default()))
    })?;
    let edit = Edit { crlf, careful };
    edit.lay(document.as_item_mut(), was, now, &mut Vec::new())?;
    let mut written = document.to_string();
    if crlf {
        written = written.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    if text.starts_with(BOM) {
        written.insert(0, BOM);
    }
    Ok(written)
}

/// How changes are made.
struct Edit {
    /// Whether lines of the file end in CR LF.
    crlf: bool,
    /// Whether tables and arrays are changed element by element.
    careful: bool,
}

impl Edit {
    /// Lays the differences of two tables into `item`, the table at `path` in the document.
    fn lay(&self, item: &mut Item, was: &Table, now: &Table, path: &mut Vec<String>) -> Result<(), EditError> {
        let dotted =
            |path: &[String], key: &str| path.iter().map(String::as_str).chain([key]).collect::<Vec<_>>().join(".");
        let unlike = EditError::Key { key: path.join(".") };
        let reordered = ordered(path) && is_reordered(was, now);
        let before = item.as_table_like().map(|table| table.len());
        let Some(table) = item.as_table_like_mut() else { return Err(unlike) };
        for key in was.keys().filter(|key| !now.contains_key(key.as_str())) {
            remove(table, key);
        }
        for (key, new) in now {
            let old = was.get(key);
            if old.is_some_and(|old| same(old, new, &ordered_at(path, key))) {
                continue;
            }
            let section = path.is_empty();
            if let Value::Table(new) = new
                && (section || self.careful)
            {
                if section && table.get(key).is_none_or(Item::is_none) {
                    table.insert(key, Item::Table(toml_edit::Table::new()));
                }
                if let Some(inner) = table.get_mut(key).filter(|inner| inner.is_table_like()) {
                    let empty = Table::new();
                    let old = old.and_then(Value::as_table).unwrap_or(&empty);
                    path.push(key.clone());
                    self.lay(inner, old, new, path)?;
                    path.pop();
                    continue;
                }
            }
            let place = table.get_mut(key).and_then(Item::as_value_mut);
            let value = self.value(new, key, place.as_deref());
            let value = value.ok_or_else(|| EditError::Key { key: dotted(path, key) })?;
            match place {
                Some(place) => {
                    let decor = place.decor().clone();
                    *place = value;
                    *place.decor_mut() = decor;
                }
                None => {
                    // A table with a header of its own goes with it.
                    table.remove(key);
                    table.insert(key, Item::Value(value));
                }
            }
        }
        tidy(item, now, reordered, before);
        Ok(())
    }
}

/// Whether the order of a table's keys means something, as that of labels does.
fn ordered(path: &[String]) -> bool {
    match path {
        [data, labels] => data == "data" && labels == "labels",
        [data, codebook, _] => data == "data" && codebook == "codebook",
        _ => false,
    }
}

fn ordered_at(path: &[String], key: &str) -> Vec<String> {
    path.iter().cloned().chain([key.to_owned()]).collect()
}

/// Whether the keys stand in another order than those that stay followed by those that are new.
fn is_reordered(was: &Table, now: &Table) -> bool {
    let kept = was.keys().filter(|key| now.contains_key(key.as_str()));
    let new = now.keys().filter(|key| !was.contains_key(key.as_str()));
    !kept.chain(new).eq(now.keys())
}

/// Puts a table's keys in order where that is asked for, and the blanks of an inline table where keys came or went.
fn tidy(item: &mut Item, now: &Table, reordered: bool, before: Option<usize>) {
    let place = |key: &toml_edit::Key| now.keys().position(|known| known == key.get()).unwrap_or(usize::MAX);
    match item {
        Item::Table(table) if reordered => table.sort_values_by(|a, _, b, _| place(a).cmp(&place(b))),
        Item::Value(toml_edit::Value::InlineTable(table)) => {
            let changed = reordered || before != Some(table.len());
            if reordered {
                table.sort_values_by(|a, _, b, _| place(a).cmp(&place(b)));
            }
            let shown = table.to_string();
            if changed && !shown.contains(['#', '\n']) {
                table.fmt();
            }
        }
        _ => {}
    }
}

/// Removes a key. Comments on lines above it stay: they may be about more than this key.
fn remove(table: &mut dyn TableLike, key: &str) {
    let above = table.key(key).and_then(|key| key.leaf_decor().prefix()?.as_str().map(str::to_owned));
    let above = above.filter(|above| above.contains('#'));
    let keys: Vec<String> = table.iter().filter(|(_, item)| item.is_value()).map(|(key, _)| key.to_owned()).collect();
    let at = keys.iter().position(|known| known == key);
    table.remove(key);
    let (Some(above), Some(at)) = (above, at) else { return };
    let neighbour = |at: Option<usize>| at.and_then(|at| keys.get(at)).cloned();
    if let Some(next) = neighbour(at.checked_add(1))
        && let Some(mut next) = table.key_mut(&next)
    {
        let own = next.leaf_decor().prefix().and_then(|own| own.as_str()).unwrap_or_default().to_owned();
        next.leaf_decor_mut().set_prefix(above + &own);
    } else if let Some(previous) = neighbour(at.checked_sub(1))
        && let Some(value) = table.get_mut(&previous).and_then(Item::as_value_mut)
    {
        let own = value.decor().suffix().and_then(|own| own.as_str()).unwrap_or_default().to_owned();
        value.decor_mut().set_suffix(format!("{own}\n{}", above.trim_end()));
    }
}

/// `base` with what differs between `was` and `now` laid over it: what the text must come to say.
fn merged(base: &Table, was: &Table, now: &Table, path: &mut Vec<String>) -> Table {
    let mut merged = base.clone();
    merged.retain(|key, _| now.contains_key(key) || !was.contains_key(key));
    for (key, new) in now {
        let old = was.get(key);
        path.push(key.clone());
        if !old.is_some_and(|old| same(old, new, path)) {
            let value = match (merged.get(key), old, new) {
                (Some(Value::Table(base)), Some(Value::Table(old)), Value::Table(new)) => {
                    Value::Table(self::merged(base, old, new, path))
                }
                _ => new.clone(),
            };
            merged.insert(key.clone(), value);
        }
        path.pop();
    }
    if ordered(path) && is_reordered(was, now) {
        let place = |key: &str| now.keys().position(|known| known == key).unwrap_or(usize::MAX);
        let mut pairs: Vec<(String, Value)> = merged.into_iter().collect();
        pairs.sort_by_key(|(key, _)| place(key));
        merged = pairs.into_iter().collect();
    }
    merged
}

/// Whether two values at `path` are the same, their order included where it means something.
fn same(a: &Value, b: &Value, path: &[String]) -> bool {
    match (a, b) {
        (Value::Table(a), Value::Table(b)) => {
            (!ordered(path) || a.keys().eq(b.keys()))
                && a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b, &ordered_at(path, key))))
        }
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b).is_eq(),
        _ => a == b,
    }
}

/// The first key at which two tables differ, dotted.
fn difference(a: &Table, b: &Table) -> Option<String> {
    fn find(a: &Table, b: &Table, path: &mut Vec<String>) -> bool {
        for key in a.keys().chain(b.keys()) {
            path.push(key.clone());
            let found = match (a.get(key), b.get(key)) {
                (Some(a), Some(b)) if same(a, b, path) => false,
                (Some(Value::Table(a)), Some(Value::Table(b))) => {
                    find(a, b, path) || !same(&Value::Table(a.clone()), &Value::Table(b.clone()), path)
                }
                _ => true,
            };
            if found {
                return true;
            }
            path.pop();
        }
        false
    }
    let mut path = Vec::new();
    find(a, b, &mut path).then(|| path.join("."))
}

#[cfg(test)]
mod tests;
