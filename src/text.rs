//! Text from data, models and files made safe to show.
//!
//! Such text may hold terminal escape sequences, and controls that turn the reading direction of what follows. None of
//! them reaches a terminal: [`printable`] is for text that stays on one line, [`printable_lines`] for text with lines of
//! its own, [`json`] for JSON on stdout. [`diff`] tells two texts apart. Truncating and measuring widths is left to who draws.

pub mod diff;
pub mod terms;

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

/// The text on one line: a line break becomes `⏎`, a tab a blank, and every other control character its escape, as
/// `\u{1b}`. Borrowed where there is nothing to change.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c == '\t' || is_line_break(c) || is_control(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\t' => out.push(' '),
            c if is_line_break(c) => out.push('⏎'),
            c if is_control(c) => push_escaped(&mut out, c),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The text with its lines and tabs as they are, and every other control character as its escape, a carriage return that
/// ends no line among them. Borrowed where there is nothing to change.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    let lone = |at: usize, c: char| c == '\r' && !text[at + 1..].starts_with('\n');
    let unsafe_at = |at: usize, c: char| lone(at, c) || (!matches!(c, '\r' | '\n' | '\t') && is_control(c));
    if !text.char_indices().any(|(at, c)| unsafe_at(at, c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        if unsafe_at(at, c) { push_escaped(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Indented JSON in which every control character of a string is escaped, those too that JSON itself allows raw (DEL,
/// C1, bidirectional controls). Readers get the same values.
///
/// # Errors
/// What serde says of a value that is no JSON, as a map whose keys are not texts.
pub fn json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    // Outside strings there are no controls but line breaks, and inside them serde_json has escaped those.
    let unsafe_here = |c: char| c != '\n' && is_control(c);
    if !text.contains(unsafe_here) {
        return Ok(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // All of them lie in the basic plane: one escape each. Writing to a String cannot fail.
        let _ = if unsafe_here(c) { write!(out, "\\u{:04x}", u32::from(c)) } else { out.write_char(c) };
    }
    Ok(out)
}

/// Line and paragraph separators count: terminals and Markdown readers differ in what they make of them.
fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\u{2028}' | '\u{2029}')
}

/// C0 and C1 controls, DEL, and what overrides, embeds or isolates reading direction. Left-to-right and right-to-left
/// marks stay: they stand in honest text and turn nothing but themselves. So do the joiners that emoji are made with.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

fn push_escaped(out: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_is_borrowed() {
        for text in ["", "plain", "Grüne 日本 👩‍🔬 🏴󠁧󠁢󠁥󠁮󠁧󠁿 \u{200f}שלום"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(printable_lines(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn one_line() {
        assert_eq!(printable("a\nb\r\nc\rd\te"), "a⏎b⏎c\\u{d}d e");
        assert_eq!(printable("\u{1b}[31mred\u{7}\0\u{7f}"), "\\u{1b}[31mred\\u{7}\\u{0}\\u{7f}");
        assert_eq!(printable("\u{9b}2J \u{202e}evil\u{2066}x\u{2069}"), "\\u{9b}2J \\u{202e}evil\\u{2066}x\\u{2069}");
        assert_eq!(printable("a\u{2028}b\u{2029}"), "a⏎b⏎");
    }

    #[test]
    fn lines_stay() {
        assert!(matches!(printable_lines("a\n\tb\r\nc"), Cow::Borrowed(_)));
        assert_eq!(printable_lines("a\rb\r\n\u{1b}c\r"), "a\\u{d}b\r\n\\u{1b}c\\u{d}");
        assert_eq!(printable_lines("é\r\né\r"), "é\r\né\\u{d}");
    }

    #[test]
    fn json_hides_controls_and_keeps_values() {
        let value = serde_json::json!({
            "a\u{9b}": ["\u{1b}[2J\u{7f}\n", "\u{202e}x", "日本 \"quoted\" \\"], "n": 1.5, "none": null, "empty": {}
        });
        let text = json(&value).unwrap();
        assert!(!text.chars().any(|c| c != '\n' && is_control(c)), "{text:?}");
        assert!(text.contains("\\u009b") && text.contains("\\u202e"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert!(text.starts_with("{\n  \""), "{text}");
    }
}
