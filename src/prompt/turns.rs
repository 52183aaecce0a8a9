//! Where the turns of a conversation stand in the text that a chat template makes of it.

use std::ops::Range;

use super::chat::{Chat, Message};
use super::error::PromptError;

/// A turn in a prompt. What lies between turns is the template's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks: `system`, `user` or `assistant`.
    pub role: String,
    /// Where what is said stands in the prompt, in bytes.
    pub range: Range<usize>,
}

/// Finds the turns of `messages` in what `chat` makes of them.
///
/// The conversation is written a second time with marks in the place of what is said. What stands between them is the
/// template's own; where that does not add up to the first text (a template that looks into what is said), there are none.
pub(super) fn locate(chat: &Chat, messages: &[Message]) -> Result<Vec<Turn>, PromptError> {
    let text = chat.render(messages, true)?;
    // Private-use characters: no model's text has them, and trimming leaves them alone.
    let mark = |place: usize| format!("\u{e000}{place}\u{e001}");
    let marked = messages
        .iter()
        .enumerate()
        .map(|(place, message)| Message { role: message.role.clone(), content: mark(place) })
        .collect::<Vec<_>>();
    let skeleton = chat.render(&marked, true)?;

    let mut turns = Vec::new();
    let (mut rest, mut at) = (skeleton.as_str(), 0);
    for (place, message) in messages.iter().enumerate() {
        let Some((before, after)) = rest.split_once(&mark(place)) else { continue };
        at += before.len();
        // Many templates trim what is said.
        let said = [message.content.as_str(), message.content.trim()];
        let Some(said) = said.into_iter().find(|said| follows(&text, at, said, after)) else { return Ok(Vec::new()) };
        turns.push(Turn { role: message.role.clone(), range: at..at + said.len() });
        at += said.len();
        rest = after;
    }
    Ok(if text.get(at..) == Some(rest) { turns } else { Vec::new() })
}

/// Whether `said` stands in `text` at `at`, with the template's next characters behind it.
fn follows(text: &str, at: usize, said: &str, after: &str) -> bool {
    let own = after.split('\u{e000}').next().unwrap_or_default();
    text.get(at..).and_then(|text| text.strip_prefix(said)).is_some_and(|text| text.starts_with(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::tests::{chat, fixture};

    fn turns(template: &str, messages: &[Message]) -> Vec<(String, String)> {
        let chat = chat(template).compile().unwrap();
        let text = chat.render(messages, true).unwrap();
        let turns = locate(&chat, messages).unwrap();
        turns.into_iter().map(|turn| (turn.role, text[turn.range].to_owned())).collect()
    }

    #[test]
    fn turns_are_found_among_the_templates_own_words() {
        let said = [
            Message::system("Be brief.\n"),
            Message::user(" user"),
            Message::assistant("a"),
            Message::user("assistant\n"),
        ];
        let found = turns(&fixture("chat/chatml.jinja"), &said);
        let told: Vec<(&str, &str)> = found.iter().map(|(role, text)| (role.as_str(), text.as_str())).collect();
        assert_eq!(told, [("system", "Be brief.\n"), ("user", " user"), ("assistant", "a"), ("user", "assistant\n")]);
        // This one trims.
        let found = turns(&fixture("chat/llama3.jinja"), &said);
        assert_eq!(
            found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
            ["Be brief.", "user", "a", "assistant"]
        );
    }

    #[test]
    fn templates_that_change_what_is_said_have_no_turns() {
        let said = [Message::user("hello")];
        assert!(turns("{{ messages[0].content | upper }}!", &said).is_empty());
        assert!(turns("{{ messages[0].content | length }}", &said).is_empty());
        assert_eq!(turns("<{{ messages[0].content }}>", &said).len(), 1);
    }
}
