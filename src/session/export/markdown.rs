//! The parts of a Markdown document that hold text from data, so that none of it is read as Markdown or HTML.

use crate::text::{printable, printable_lines};

/// Text within a line: on one line, controls shown escaped, everything that CommonMark or GitHub's dialect give a meaning
/// within a line made plain. It never opens a block, for no line of the document begins with such text.
pub(super) fn escape(text: &str) -> String {
    let text = printable(text);
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.trim().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    // Bare addresses would become links.
    out.replace("://", ":\\//").replace("www.", "www\\.").replace("WWW.", "WWW\\.")
}

/// A label in a table or a sentence, which may be empty.
pub(super) fn label(label: &str) -> String {
    if label.trim().is_empty() { "*(empty)*".to_owned() } else { escape(label) }
}

/// A block of text as it is, in a fence longer than any run of backticks in it.
pub(super) fn fence(language: &str, text: &str) -> String {
    let text = printable_lines(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{ticks}{language}\n{text}{end}{ticks}\n")
}

/// A table; the first column holds names, the others figures. Cells are escaped already.
pub(super) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut text = line(head);
    text += &rule(N);
    for row in rows {
        text += &line(row);
    }
    text
}

/// One line of a table.
pub(super) fn line(cells: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut text = "|".to_owned();
    for cell in cells {
        text.push(' ');
        text.push_str(cell.as_ref());
        text.push_str(" |");
    }
    text.push('\n');
    text
}

/// The line below a table's head: names to the left, figures to the right.
pub(super) fn rule(columns: usize) -> String {
    line(std::iter::once("---").chain(std::iter::repeat_n("---:", columns.saturating_sub(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escape("a|b *c* _d_ `e` [f](g) ~h~ $i$ #j \\k"),
            r"a\|b \*c\* \_d\_ \`e\` \[f\](g) \~h\~ \$i\$ \#j \\k"
        );
        assert_eq!(escape("<script>&amp;"), "&lt;script&gt;&amp;amp;");
        assert_eq!(escape(" two\nlines\u{1b}[0m "), r"two⏎lines\\u{1b}\[0m");
        assert_eq!(escape("https://a.b www.c.d"), r"https:\//a.b www\.c.d");
        assert_eq!(escape("Grüne, 日本"), "Grüne, 日本");
        assert_eq!(label(""), "*(empty)*");
    }

    #[test]
    fn fences_are_longer_than_what_they_hold() {
        assert_eq!(fence("jinja", "{{ text }}"), "```jinja\n{{ text }}\n```\n");
        assert_eq!(fence("", "a ``` b ````\n"), "`````\na ``` b ````\n`````\n");
        assert_eq!(fence("", "\u{1b}[2J\r\nx"), "```\n\\u{1b}[2J\r\nx\n```\n");
    }

    #[test]
    fn tables() {
        let rows = [["x".to_owned(), "1".to_owned()], ["y".to_owned(), String::new()]];
        assert_eq!(table(["", "n"], rows), "|  | n |\n| --- | ---: |\n| x | 1 |\n| y |  |\n");
    }
}
