//! What can be wrong with a prompt, a chat template or an answer rule.

use std::fmt::Write;

use crate::data::Split;

/// What can be wrong with the `[prompt]` and `[answer]` sections of a session, or with a model's chat template.
///
/// Every message is one line, names the key of the session file and the place in the template, and has no control
/// characters, whatever the template or the data say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// A template that cannot be compiled or rendered.
    #[error("{key}{place}: {message}", place = Place::of(position))]
    Template {
        /// Where the template comes from: `prompt.template`, `prompt.demo` or `chat template`.
        key: &'static str,
        /// Where in the template, if that is known.
        position: Option<Position>,
        /// What was wrong.
        message: String,
    },
    /// A template that names a variable that no row has.
    #[error("{key}, {position}: unknown variable `{name}`; {hint}")]
    UnknownVariable {
        /// Where the template comes from.
        key: &'static str,
        /// Where the variable is first used.
        position: Position,
        /// The variable.
        name: String,
        /// The nearest known variable, or all of them.
        hint: String,
    },
    /// A template without a visible character.
    #[error("{key} is empty; write the text that the model is to see, with {{{{ text }}}} where the row's text goes")]
    EmptyTemplate {
        /// Where the template comes from.
        key: &'static str,
    },
    /// Demonstrations are asked for, but the template has no place for them.
    #[error(
        "prompt.template never uses {{{{ demos }}}}, so the {count} demonstrations asked for would not be shown; \
         put {{{{ demos }}}} where they belong, or set prompt.shots = 0"
    )]
    NoPlaceForDemos {
        /// How many demonstrations there would be.
        count: usize,
    },
    /// Demonstrations are asked for, but no row has a label.
    #[error("prompt.shots = {shots} needs labelled rows; name their column in data.label, or set prompt.shots = 0")]
    NoLabels {
        /// `prompt.shots`.
        shots: usize,
    },
    /// More demonstrations of a class than the training split has.
    #[error("prompt.shots = {shots}, but the train split has only {count} rows of `{label}`; ask for {count} at most")]
    TooManyShots {
        /// `prompt.shots`.
        shots: usize,
        /// The label of the class.
        label: String,
        /// How many training rows the class has.
        count: usize,
    },
    /// `demos = "pinned"` without rows.
    #[error("prompt.demos = \"pinned\", but prompt.pinned lists no row; list file rows of the train split")]
    NothingPinned,
    /// A pinned row that may not be shown.
    #[error("prompt.pinned: row {row} {problem}; demonstrations come from the train split alone")]
    Pinned {
        /// The file row.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A row number beyond the end of the file.
    #[error("row {row} does not exist; the file has {count} rows, numbered from 0")]
    NoSuchRow {
        /// The row asked for.
        row: usize,
        /// How many rows there are.
        count: usize,
    },
    /// A row that cannot be shown as a demonstration, because it has no gold label.
    #[error("row {row} has no gold label, so it cannot be a demonstration")]
    Unlabelled {
        /// The file row.
        row: usize,
    },
    /// `chat = true` with a model that has no chat template.
    #[error(
        "prompt.chat = true, but the model has no chat template; take an instruct model (its name often ends in \
         -Instruct), or set prompt.chat = false"
    )]
    NoChatTemplate,
    /// An answer rule that cannot be used.
    #[error("{key}: {message}")]
    Answer {
        /// The key of the session file.
        key: &'static str,
        /// What was wrong.
        message: String,
    },
}

impl PromptError {
    /// An error in a template; `message` is made one printable line.
    pub(super) fn template(key: &'static str, position: Option<Position>, message: &str) -> Self {
        Self::Template { key, position, message: one_line(message) }
    }

    /// An error of a pinned row that is in the wrong split, or in none.
    pub(super) fn pinned_in(row: usize, split: Option<Split>) -> Self {
        let problem = match split {
            Some(Split::Train) => "is listed twice",
            Some(Split::Validation) => "is in the validation split",
            Some(Split::Test) => "is in the test split",
            None => "is in no split (it was filtered out or not sampled)",
        };
        Self::Pinned { row, problem: problem.to_owned() }
    }
}

/// A place in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl Position {
    /// The place of a byte offset in `source`.
    pub(super) fn at(source: &str, offset: usize) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Self { line, column }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Shows `, line 1, column 2`, or nothing where no place is known.
struct Place(Option<Position>);

impl Place {
    fn of(position: &Option<Position>) -> Self {
        Self(*position)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |position| write!(f, ", {position}"))
    }
}

/// `text` on one line, its control characters escaped, cut after 300 characters: templates and models can put anything
/// into their error messages.
pub(super) fn one_line(text: &str) -> String {
    const MAX: usize = 300;
    let mut line = String::new();
    for (index, c) in text.trim().chars().enumerate() {
        if index == MAX {
            line.push('…');
            break;
        }
        if c.is_control() {
            let _ = write!(line, "{}", c.escape_debug());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_not_bytes() {
        let source = "é\nüü{{ x }}";
        let offset = source.find('x').unwrap_or_default();
        assert_eq!(Position::at(source, offset), Position { line: 2, column: 6 });
        assert_eq!(Position::at(source, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::at("ab", 99), Position { line: 1, column: 3 });
    }

    #[test]
    fn messages_stay_on_one_printable_line() {
        let error = PromptError::template("chat template", None, "a\nb\u{1b}[31mc");
        assert_eq!(error.to_string(), "chat template: a\\nb\\u{1b}[31mc");
        let long = PromptError::template("prompt.demo", Some(Position { line: 1, column: 2 }), &"x".repeat(1000));
        assert_eq!(long.to_string().chars().count(), "prompt.demo, line 1, column 2: ".len() + 301);
    }
}
