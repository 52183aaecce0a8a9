//! The difference of two prompts, word by word.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// Texts longer than this are compared line by line.
const MOST_WORDS: usize = 40_000;
/// Time that a comparison may take; what is left then is shown as one change.
const PATIENCE: Duration = Duration::from_millis(500);

/// What became of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// In both.
    Same,
    /// In the first only.
    Gone,
    /// In the second only.
    New,
}

/// A line of the difference: pieces with what became of them.
pub type Line = Vec<(Tag, String)>;

/// What became of each word on the way from `old` to `new`, in lines.
pub fn words(old: &str, new: &str) -> Vec<Line> {
    words_within(old, new, PATIENCE)
}

/// The same in a limited time: what is not compared by then is one change.
pub fn words_within(old: &str, new: &str, patience: Duration) -> Vec<Line> {
    let mut config = TextDiff::configure();
    config.timeout(patience);
    let diff = if old.len() + new.len() > MOST_WORDS {
        config.diff_lines(old, new)
    } else {
        config.diff_unicode_words(old, new)
    };
    let mut lines: Vec<Line> = vec![Vec::new()];
    for change in diff.iter_all_changes() {
        let tag = match change.tag() {
            ChangeTag::Equal => Tag::Same,
            ChangeTag::Delete => Tag::Gone,
            ChangeTag::Insert => Tag::New,
        };
        for (index, piece) in change.value().split('\n').enumerate() {
            if index > 0 {
                lines.push(Vec::new());
            }
            let Some(line) = lines.last_mut() else { continue };
            match line.last_mut() {
                Some((last, text)) if *last == tag => text.push_str(piece),
                _ if piece.is_empty() => {}
                _ => line.push((tag, piece.to_owned())),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_changed_are_told() {
        let lines = words("support or oppose?\nText", "support, or oppose?\nText:");
        let shown = |line: &Line| -> String {
            let mark = |(tag, text): &(Tag, String)| match tag {
                Tag::Same => text.clone(),
                Tag::Gone => format!("[-{text}]"),
                Tag::New => format!("[+{text}]"),
            };
            line.iter().map(mark).collect()
        };
        assert_eq!(lines.iter().map(shown).collect::<Vec<_>>(), ["support[+,] or oppose?", "Text[+:]"]);
        assert_eq!(words("", ""), [Vec::new()]);
    }
}
