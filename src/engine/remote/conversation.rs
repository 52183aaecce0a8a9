//! Conversations for a server that applies the model's chat template itself.
//!
//! A prompt is a text everywhere in the program, so that it can be shown, hashed and kept; here a conversation is its
//! messages as JSON. A prompt that is such a list is sent as a conversation, any other as a text to be continued.

use serde_json::Value;

use crate::prompt::ChatTemplate;

/// The template of all endpoints: the messages as they are.
pub fn conversation() -> ChatTemplate {
    ChatTemplate { source: "{{ messages | tojson }}".to_owned(), bos_token: None, eos_token: None }
}

/// The messages of a prompt that is a conversation.
pub(super) fn messages(prompt: &str) -> Option<Value> {
    if !prompt.starts_with('[') {
        return None;
    }
    let value: Value = serde_json::from_str(prompt).ok()?;
    let is_message = |turn: &Value| {
        let fields = turn.as_object().filter(|fields| fields.len() == 2);
        fields
            .is_some_and(|fields| ["role", "content"].iter().all(|key| fields.get(*key).is_some_and(Value::is_string)))
    };
    let turns = value.as_array()?;
    (!turns.is_empty() && turns.iter().all(is_message)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::Message;

    #[test]
    fn what_the_template_writes_is_read_as_a_conversation() {
        let said = [Message::system("Be brief."), Message::user("<&\"'\n{{ x }} é>"), Message::assistant("no")];
        let prompt = conversation().render(&said, true).unwrap();
        let read = messages(&prompt).unwrap();
        assert_eq!(read[1]["content"], "<&\"'\n{{ x }} é>");
        assert_eq!((read.as_array().unwrap().len(), &read[0]["role"]), (3, &Value::from("system")));
        for text in ["", "[]", "[1]", "[{\"role\": \"user\"}]", "Text: [{\"role\": \"user\", \"content\": \"\"}]"] {
            assert!(messages(text).is_none(), "{text}");
        }
    }
}
