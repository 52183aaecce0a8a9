//! Results on stdout, safe to look at.

use std::io::{self, ErrorKind, Read, Write};

use serde::Serialize;

use crate::text;

use super::failure::Failure;

/// More than any model's context.
const MOST_TEXT: u64 = 64 << 20;

/// Writes lines of text, control characters escaped.
pub(super) fn lines(text: &str) -> Result<(), Failure> {
    raw(text::printable_lines(text).as_bytes())
}

/// Writes one JSON object, control characters escaped.
pub(super) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = text::json(value).map_err(|error| Failure::Failed(format!("the result is no JSON: {error}")))?;
    raw(format!("{text}\n").as_bytes())
}

/// Writes bytes as they are, at once.
pub(super) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| failure(&error))
}

/// A text given as an argument; `-` stands for stdin.
pub(super) fn text_argument(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut text = String::new();
    match io::stdin().take(MOST_TEXT).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::Bad(format!("stdin: {error}"))),
    }
}

/// What a failure to write to stdout means.
pub(super) fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Failed(format!("stdout: {error}")),
    }
}
