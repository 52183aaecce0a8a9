//! The chat template that comes with a model, as text. Rendering it is the business of [`crate::prompt::chat`].

use std::path::Path;

use serde_json::Value;

use super::config::Json;
use super::gguf::Gguf;
use super::weights::LoadError;
use crate::prompt::chat::ChatTemplate;

/// The name of the template to take where a model has several.
const DEFAULT: &str = "default";

/// The template of a folder: `chat_template.jinja`, else the one in `tokenizer_config.json`.
pub fn from_folder(folder: &Path) -> Result<Option<ChatTemplate>, LoadError> {
    let config = folder.join("tokenizer_config.json");
    let config = if config.exists() { Some(Json::read(&config)?) } else { None };
    let own_file = folder.join("chat_template.jinja");
    let source = match &config {
        _ if own_file.exists() => {
            Some(std::fs::read_to_string(&own_file).map_err(|source| LoadError::io(&own_file, source))?)
        }
        Some(config) => template(config)?,
        None => None,
    };
    let token = |key: &str| config.as_ref().and_then(|config| token_text(config.value(key)?));
    let (bos_token, eos_token) = (token("bos_token"), token("eos_token"));
    Ok(source.map(|source| ChatTemplate { source, bos_token, eos_token }))
}

/// The template in `tokenizer_config.json`: a text, or a list of named ones.
fn template(config: &Json) -> Result<Option<String>, LoadError> {
    let key = "chat_template";
    let wrong = || config.error(key, "it should be a text or a list of objects with `name` and `template`");
    let templates = match config.value(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(source)) => return Ok(Some(source.clone())),
        Some(Value::Array(templates)) => templates,
        Some(_) => return Err(wrong()),
    };
    for template in templates {
        if template.get("name").and_then(Value::as_str).ok_or_else(wrong)? == DEFAULT {
            let source = template.get("template").and_then(Value::as_str).ok_or_else(wrong)?;
            return Ok(Some(source.to_owned()));
        }
    }
    Ok(None)
}

/// A special token's text, which may stand in an object with its flags.
pub(super) fn token_text(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
}

/// The template in a GGUF header.
pub fn from_gguf(file: &Gguf) -> Result<Option<ChatTemplate>, LoadError> {
    let Some(source) = file.text("tokenizer.chat_template")? else { return Ok(None) };
    let tokens = file.texts("tokenizer.ggml.tokens")?.unwrap_or_default();
    let token = |key: &str| -> Result<Option<String>, LoadError> {
        let id = file.unsigned(key)?.and_then(|id| usize::try_from(id).ok());
        Ok(id.and_then(|id| tokens.get(id)).map(|text| (*text).to_owned()))
    };
    Ok(Some(ChatTemplate {
        source: source.to_owned(),
        bos_token: token("tokenizer.ggml.bos_token_id")?,
        eos_token: token("tokenizer.ggml.eos_token_id")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn in_all_places_of_a_folder() {
        assert_eq!(from_folder(folder(&[]).path()).unwrap(), None);
        assert_eq!(from_folder(folder(&[("tokenizer_config.json", "{}")]).path()).unwrap(), None);
        let config = r#"{"chat_template": "A", "bos_token": {"content": "<s>"}, "eos_token": "</s>"}"#;
        let found = from_folder(folder(&[("tokenizer_config.json", config)]).path()).unwrap().unwrap();
        let expected = ChatTemplate {
            source: "A".to_owned(),
            bos_token: Some("<s>".to_owned()),
            eos_token: Some("</s>".to_owned()),
        };
        assert_eq!(found, expected);
        let both = folder(&[("tokenizer_config.json", config), ("chat_template.jinja", "B")]);
        assert_eq!(from_folder(both.path()).unwrap().unwrap(), ChatTemplate { source: "B".to_owned(), ..expected });
        let list =
            r#"{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}"#;
        let found = from_folder(folder(&[("tokenizer_config.json", list)]).path()).unwrap().unwrap();
        assert_eq!((found.source.as_str(), found.bos_token), ("D", None));
    }

    #[test]
    fn a_wrong_one_names_its_key() {
        for wrong in [r#"{"chat_template": 3}"#, r#"{"chat_template": [{"template": "T"}]}"#] {
            let error = from_folder(folder(&[("tokenizer_config.json", wrong)]).path()).unwrap_err().to_string();
            assert!(error.contains("`chat_template`"), "{error}");
        }
    }
}
