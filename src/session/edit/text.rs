//! How a value is written: strings in the style that stood there, or the one that reads best; arrays element by element.

use toml::Value;
use toml_edit::{Array, Decor, InlineTable, Value as Written};

use super::Edit;

/// The four ways to write a string in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// `"…"`
    Basic,
    /// `'…'`
    Literal,
    /// `"""…"""`
    Lines,
    /// `'''…'''`
    LiteralLines,
}

impl Edit {
    /// The value as it is to stand in the file, at `key`, where `old` stands now. None if TOML cannot say it.
    pub(super) fn value(&self, new: &Value, key: &str, old: Option<&Written>) -> Option<Written> {
        Some(match (new, old) {
            (Value::String(text), old) => self.string(text, old, true)?,
            // Whole numbers of settings that may also be words are floats to serde.
            (Value::Float(number), old) if number.fract() == 0.0 && number.abs() < 1e15 => match old {
                Some(Written::Integer(_)) => Written::from(*number as i64),
                _ if key == "batch_size" => Written::from(*number as i64),
                _ => Written::from(*number),
            },
            (Value::Array(new), Some(Written::Array(old))) if self.careful => Written::Array(self.array(new, old)?),
            (new, _) => self.inline(new)?,
        })
    }

    /// A value on one line.
    fn inline(&self, value: &Value) -> Option<Written> {
        Some(match value {
            Value::String(text) => self.string(text, None, false)?,
            Value::Array(items) => {
                Written::Array(items.iter().map(|item| self.inline(item)).collect::<Option<Array>>()?)
            }
            Value::Table(table) => {
                let mut inline = InlineTable::new();
                for (key, value) in table {
                    inline.insert(key, self.inline(value)?);
                }
                Written::InlineTable(inline)
            }
            Value::Integer(number) => Written::from(*number),
            Value::Float(number) => Written::from(*number),
            Value::Boolean(value) => Written::from(*value),
            Value::Datetime(_) => value.to_string().parse().ok()?,
        })
    }

    /// The array with the elements that changed replaced by new ones, which stand as their neighbours do.
    fn array(&self, new: &[Value], old: &Array) -> Option<Array> {
        let mut array = old.clone();
        let stands = |at: usize, new: &Value| {
            let old = old.get(at).map(|old| old.clone().decorated("", "").to_string());
            old.and_then(|old| format!("x={old}").parse::<toml::Table>().ok()).and_then(|mut old| old.remove("x"))
                == Some(new.clone())
        };
        let head = new.iter().enumerate().take_while(|(at, new)| stands(*at, new)).count();
        let most = new.len().min(old.len()).saturating_sub(head);
        let tail = (1..=most)
            .take_while(|back| new.get(new.len() - back).is_some_and(|new| stands(old.len() - back, new)))
            .count();
        let prefix = |at: usize| old.get(at).map(|value| blanks(value.decor()));
        let first = prefix(0).unwrap_or_default();
        let sibling = prefix(1).unwrap_or_else(|| if first.contains('\n') { first.clone() } else { " ".to_owned() });
        for _ in head..old.len() - tail {
            array.remove(head);
        }
        for (at, value) in new.iter().enumerate().take(new.len() - tail).skip(head) {
            array.insert_formatted(at, self.inline(value)?);
        }
        for (at, value) in array.iter_mut().enumerate() {
            let is_new = (head..new.len() - tail).contains(&at);
            let moved = (at == 0) != (tail == old.len() && at == new.len() - tail) && head == 0;
            let commented =
                value.decor().prefix().and_then(|prefix| prefix.as_str()).is_some_and(|text| text.contains('#'));
            if is_new || (moved && !commented) {
                value.decor_mut().set_prefix(if at == 0 { first.as_str() } else { &sibling });
            }
        }
        Some(array)
    }

    /// A string, in the style of `old` as far as it can be. None if it would not read back.
    fn string(&self, text: &str, old: Option<&Written>, lines: bool) -> Option<Written> {
        let (repr, value) = match old {
            Some(Written::String(old)) => (old.display_repr().into_owned(), old.value().clone()),
            _ => (String::new(), String::new()),
        };
        let style = style(text, &repr, &value, lines);
        let read_back = |style| {
            let written: Written = self.literal(text, style)?.parse().ok()?;
            (written.as_str() == Some(text)).then_some(written)
        };
        let lines = (style == Style::LiteralLines).then_some(Style::Lines);
        read_back(style).or_else(|| read_back(lines?)).or_else(|| read_back(Style::Basic))
    }

    /// The string's TOML; none where the style cannot say it.
    fn literal(&self, text: &str, style: Style) -> Option<String> {
        let line_break = if self.crlf { "\r\n" } else { "\n" };
        match style {
            Style::Basic => {
                let mut out = String::from('"');
                text.chars().for_each(|c| escape(&mut out, c));
                out.push('"');
                Some(out)
            }
            Style::Literal => {
                let fits = !text.contains('\'') && !text.chars().any(|c| c != '\t' && c.is_control());
                fits.then(|| format!("'{text}'"))
            }
            Style::LiteralLines => {
                let rest = text.replace(line_break, "");
                let fits = !text.contains("'''") && !text.ends_with('\'');
                let fits = fits && !rest.chars().any(|c| c != '\t' && c.is_control());
                fits.then(|| format!("'''{line_break}{text}'''"))
            }
            Style::Lines => {
                let mut out = format!("\"\"\"{line_break}");
                let mut rest = text;
                let mut quotes = 0;
                while let Some(c) = rest.chars().next() {
                    if let Some(behind) = rest.strip_prefix(line_break) {
                        (rest, quotes) = (behind, 0);
                        out.push_str(line_break);
                        continue;
                    }
                    rest = rest.get(c.len_utf8()..).unwrap_or_default();
                    match c {
                        // Never three in a row, and none before those that end it.
                        '"' if quotes < 2 && !rest.is_empty() => {
                            quotes += 1;
                            out.push('"');
                            continue;
                        }
                        '\t' => out.push('\t'),
                        c => escape(&mut out, c),
                    }
                    quotes = 0;
                }
                out.push_str("\"\"\"");
                Some(out)
            }
        }
    }
}

/// The style for a string where `repr`, which says `old`, stands now; nothing stands there if it is empty. `lines` allows
/// several.
fn style(text: &str, repr: &str, old: &str, lines: bool) -> Style {
    let breaks = text.contains('\n');
    let over_lines = if text.contains('\\') { Style::LiteralLines } else { Style::Lines };
    let over_lines = |text: &str| if can_be_literal(text) { over_lines } else { Style::Lines };
    if !lines {
        return Style::Basic;
    }
    if repr.starts_with("'''") && can_be_literal(text) {
        return Style::LiteralLines;
    }
    if repr.starts_with("\"\"\"") || repr.starts_with("'''") {
        return over_lines(text);
    }
    if repr.starts_with('\'') && !breaks {
        return if text.contains('\'') || text.chars().any(|c| c != '\t' && c.is_control()) {
            Style::Basic
        } else {
            Style::Literal
        };
    }
    // Who wrote line breaks as `\n` goes on so; a separator is no text of several lines.
    let one_line = (!repr.is_empty() && old.contains('\n')) || text.trim().is_empty();
    if breaks && !one_line { over_lines(text) } else { Style::Basic }
}

/// Whether a string can be written over several lines without escapes.
fn can_be_literal(text: &str) -> bool {
    let controls = text.chars().any(|c| !matches!(c, '\t' | '\n' | '\r') && c.is_control());
    let returns = text.matches('\r').count() != text.matches("\r\n").count();
    !controls && !returns && !text.contains("'''") && !text.ends_with('\'')
}

/// A character inside quotes.
fn escape(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        c => out.push(c),
    }
}

/// What stands before a value, without comments.
fn blanks(decor: &Decor) -> String {
    let prefix = decor.prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
    match prefix.rsplit_once('\n') {
        Some((_, indent)) => format!("\n{indent}"),
        None => prefix.to_owned(),
    }
}
