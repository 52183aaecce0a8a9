//! JSON as Python's `json.dumps` writes it, for the `tojson` of chat templates.

use std::io;

use minijinja::Value;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The keyword arguments of `json.dumps` that chat templates use.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonStyle {
    /// Escape all but ASCII.
    pub ensure_ascii: bool,
    /// One item a line, indented by this many blanks a level.
    pub indent: Option<usize>,
    /// Between items, and between key and value.
    pub separators: Option<(String, String)>,
    /// Keys in order of their code points.
    pub sort_keys: bool,
}

/// The JSON of `value`; an error when it is longer than `limit` bytes.
pub(super) fn to_json(value: &Value, style: &JsonStyle, limit: usize) -> Result<String, serde_json::Error> {
    let json = dump(value, style, limit)?;
    if !style.sort_keys {
        return Ok(json);
    }
    let mut value: serde_json::Value = serde_json::from_str(&json)?;
    value.sort_all_objects();
    dump(&value, style, limit)
}

fn dump(value: &impl Serialize, style: &JsonStyle, limit: usize) -> Result<String, serde_json::Error> {
    let mut out = LimitedBytes { bytes: Vec::new(), limit };
    value.serialize(&mut Serializer::with_formatter(&mut out, PythonFormatter::new(style)))?;
    String::from_utf8(out.bytes).map_err(serde::ser::Error::custom)
}

struct LimitedBytes {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for LimitedBytes {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + part.len() > self.limit {
            return Err(io::Error::other(format!("more than {} bytes of JSON", self.limit)));
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct PythonFormatter {
    ensure_ascii: bool,
    indent: Option<usize>,
    item_separator: String,
    key_separator: String,
    level: usize,
    is_empty: bool,
}

impl PythonFormatter {
    fn new(style: &JsonStyle) -> Self {
        let item_separator = if style.indent.is_some() { "," } else { ", " };
        let (item_separator, key_separator) =
            style.separators.clone().unwrap_or_else(|| (item_separator.to_owned(), ": ".to_owned()));
        Self {
            ensure_ascii: style.ensure_ascii,
            indent: style.indent,
            item_separator,
            key_separator,
            level: 0,
            is_empty: true,
        }
    }

    fn begin<W: ?Sized + io::Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level += 1;
        self.is_empty = true;
        out.write_all(bracket)
    }

    fn end<W: ?Sized + io::Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level = self.level.saturating_sub(1);
        if !self.is_empty {
            self.new_line(out)?;
        }
        self.is_empty = false;
        out.write_all(bracket)
    }

    fn item<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(self.item_separator.as_bytes())?;
        }
        self.new_line(out)
    }

    fn new_line<W: ?Sized + io::Write>(&self, out: &mut W) -> io::Result<()> {
        let Some(indent) = self.indent else { return Ok(()) };
        out.write_all(b"\n")?;
        (0..self.level).try_for_each(|_| write!(out, "{:indent$}", ""))
    }
}

impl Formatter for PythonFormatter {
    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, _out: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(self.key_separator.as_bytes())
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _out: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        if !self.ensure_ascii {
            return out.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            if c.is_ascii() {
                write!(out, "{c}")?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}
