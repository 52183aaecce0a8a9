//! A document as Markdown. Text from the data is escaped, so that none of it is read as Markdown or HTML.

use crate::text::{printable, printable_lines};

use super::document::{Document, Figure, Results, Simulated};

/// The document, written out.
pub(super) fn write(document: &Document) -> String {
    let mut text = format!("# {}\n\n{}\n\n", label(&document.title), escape(&document.about));
    if let Some(notice) = document.notice {
        text += &format!("**{notice}**\n\n");
    }
    if !document.facts.is_empty() {
        text += "## Set-up\n\n";
        for fact in &document.facts {
            text += &format!("- {}: {}\n", fact.name, escape(&fact.value));
        }
        text.push('\n');
    }
    if let Some(reading) = document.reading {
        text += &format!("{reading}\n\n");
    }
    if let Some(prompt) = &document.prompt {
        text += "## Prompt\n\n";
        if let Some(system) = &prompt.system {
            text += &format!("System message:\n\n{}\n", fence("", system));
        }
        text += &fence("jinja", &prompt.template);
        if let Some(demo) = &prompt.demo {
            text += &format!("\nEach demonstration:\n\n{}", fence("jinja", demo));
        }
        text.push('\n');
    }
    text += "## Results\n\n";
    if let Some(labelled) = &document.labelled {
        text += &format!("{labelled}\n\n");
    }
    text += &document.results.as_ref().map_or_else(|| "No row has a gold label.\n\n".to_owned(), results);
    text += &document.simulation.as_ref().map_or_else(String::new, simulated);
    if !document.calibration.is_empty() {
        text += "## Calibration\n\n";
        let rows = document.calibration.iter().map(|row| {
            let figures = [&row.accuracy, &row.macro_f1, &row.ece, &row.brier].map(String::clone);
            let [accuracy, macro_f1, ece, brier] = figures;
            [row.method.to_owned(), accuracy, macro_f1, ece, brier, escape(&row.why)]
        });
        text += &table(["method", "accuracy", "macro-F1", "ECE", "Brier score", "by"], rows);
        text.push('\n');
    }
    text += &format!("## Methods\n\n{}\n", escape(&document.methods));
    if let Some(manifest) = &document.manifest {
        text += &format!("\n\n## Manifest\n\n{}", fence("json", manifest));
    }
    text
}

fn results(results: &Results) -> String {
    let with = |figure: &Figure| match &figure.interval {
        Some(interval) => format!("{} ({interval})", figure.value),
        None => figure.value.clone(),
    };
    let classes = results.classes.iter().map(|class| {
        let (precision, recall) = (with(&class.precision), with(&class.recall));
        [label(&class.label), precision, recall, class.f1.clone(), class.support.to_string()]
    });
    let averages = results
        .averages
        .iter()
        .map(|of| [of.name.to_owned(), of.precision.clone(), of.recall.clone(), of.f1.clone(), of.support.to_string()]);
    let head = ["label", "precision (95% interval)", "recall (95% interval)", "F1", "support"];
    let mut text = table(head, classes.chain(averages));
    text.push('\n');
    let figures = results
        .figures
        .iter()
        .map(|figure| [escape(&figure.name), figure.value.clone(), figure.interval.clone().unwrap_or_default()]);
    text += &table(["figure", "value", "95% interval"], figures);

    text += "\n## Confusion matrix\n\nRows are gold labels, columns predicted ones.\n\n";
    let labels: Vec<String> = results.matrix.iter().map(|row| label(&row.label)).collect();
    text += &line(std::iter::once("gold \\ predicted").chain(labels.iter().map(String::as_str)));
    text += &rule(labels.len() + 1);
    for (name, row) in labels.iter().zip(&results.matrix) {
        text += &line(std::iter::once(name.clone()).chain(row.cells.iter().map(|cell| cell.count.to_string())));
    }
    text.push('\n');
    text
}

/// The tables of a simulated survey.
fn simulated(simulated: &Simulated) -> String {
    let mut text = format!("## Simulated and real answers\n\n{}\n\n", escape(&simulated.method));
    for shown in &simulated.tables {
        text += &format!("### {}\n\n", escape(&shown.heading));
        text += &line(shown.columns.iter().map(|name| escape(name)));
        text += &rule(shown.columns.len());
        for cells in &shown.rows {
            text += &line(cells.iter().map(|cell| escape(cell)));
        }
        text.push('\n');
        for note in &shown.notes {
            text += &format!("{}.\n\n", escape(note));
        }
    }
    text
}

/// Text within a line: on one line, controls shown escaped, everything that CommonMark or GitHub's dialect give a meaning
/// within a line made plain. It never opens a block, for no line of the document begins with such text.
fn escape(text: &str) -> String {
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
fn label(label: &str) -> String {
    if label.trim().is_empty() { "*(empty)*".to_owned() } else { escape(label) }
}

/// A block of text as it is, in a fence longer than any run of backticks in it.
fn fence(language: &str, text: &str) -> String {
    let text = printable_lines(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{ticks}{language}\n{text}{end}{ticks}\n")
}

/// A table; the first column holds names, the others figures. Cells are escaped already.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut text = line(head);
    text += &rule(N);
    for row in rows {
        text += &line(row);
    }
    text
}

/// One line of a table.
fn line(cells: impl IntoIterator<Item = impl AsRef<str>>) -> String {
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
fn rule(columns: usize) -> String {
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
