//! Chat templates of instruct models, rendered as transformers' `apply_chat_template` renders them.
//!
//! transformers compiles them with jinja2's `trim_blocks`, `lstrip_blocks` and loop controls, and adds `raise_exception`,
//! `strftime_now`, a `tojson` that escapes nothing for HTML, and the marker `{% generation %}`, which shows training where
//! the model's own words are and changes no text. Templates call Python's methods of strings and dicts. `tools` and
//! `documents` are none here. What a hostile template could do is bounded by [`super::sandbox`].
//!
//! The text that comes out holds its special tokens: it must be tokenised without adding any more. A template that calls
//! `strftime_now` gives another text every day.

use std::sync::LazyLock;

use jiff::Zoned;
use jiff::fmt::strtime;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Error, ErrorKind, UndefinedBehavior};
use regex::{Captures, Regex};

use super::error::PromptError;
use super::sandbox::Sandbox;

/// What errors call the template.
const KEY: &str = "chat template";

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who speaks: `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A system message.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: "system".to_owned(), content: content.into() }
    }

    /// A turn of the user's.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user".to_owned(), content: content.into() }
    }

    /// A turn of the model's.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: "assistant".to_owned(), content: content.into() }
    }
}

/// A model's chat template, with the special tokens that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatTemplate {
    /// The Jinja source.
    pub source: String,
    /// The text of the beginning-of-text token, if the model has one.
    pub bos_token: Option<String>,
    /// The text of the end-of-text token, if the model has one.
    pub eos_token: Option<String>,
}

impl ChatTemplate {
    /// The text of `messages`, ending where the model's answer begins if `add_generation_prompt`.
    ///
    /// # Errors
    /// A template that does not compile, does too much, or refuses the messages (many refuse a system message).
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, PromptError> {
        self.compile()?.render(messages, add_generation_prompt)
    }

    /// Compiles the template, to render more than one conversation.
    pub fn compile(&self) -> Result<Chat, PromptError> {
        let sandbox = Sandbox::compile(KEY, &without_generation_markers(&self.source), |env| {
            env.set_undefined_behavior(UndefinedBehavior::Lenient);
            if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
                env.set_syntax(syntax);
            }
            env.add_function("raise_exception", raise_exception);
            env.add_function("strftime_now", strftime_now);
        })?;
        Ok(Chat { sandbox, bos_token: self.bos_token.clone(), eos_token: self.eos_token.clone() })
    }
}

/// A compiled chat template.
#[derive(Clone, Debug)]
pub struct Chat {
    sandbox: Sandbox,
    bos_token: Option<String>,
    eos_token: Option<String>,
}

impl Chat {
    /// See [`ChatTemplate::render`].
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, PromptError> {
        let messages =
            messages.iter().map(|turn| Value::from_pairs([("role", &turn.role), ("content", &turn.content)]));
        let mut context = vec![
            ("messages", messages.collect()),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
        ];
        // A token that the model lacks is undefined, not none.
        context.extend(self.bos_token.as_ref().map(|token| ("bos_token", Value::from(token))));
        context.extend(self.eos_token.as_ref().map(|token| ("eos_token", Value::from(token))));
        self.sandbox.render(Value::from_pairs(context))
    }
}

fn raise_exception(message: &str) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, format!("the model's template refuses: {message}")))
}

fn strftime_now(format: &str) -> Result<String, Error> {
    strtime::format(format, &Zoned::now())
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {error}")))
}

/// Puts blocks that change nothing in the place of `{% generation %}`, of the same length, so that positions stay right.
fn without_generation_markers(source: &str) -> String {
    static MARKER: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(\{%[-+]?\s*)(generation|endgeneration)(\s*[-+]?%\})").ok());
    let Some(marker) = MARKER.as_ref() else { return source.to_owned() };
    let replaced = marker.replace_all(source, |found: &Captures| {
        let [_, before, name, after] = [0, 1, 2, 3].map(|group| found.get(group).map_or("", |part| part.as_str()));
        let width = name.len();
        format!("{before}{:width$}{after}", if name == "generation" { "if true" } else { "endif" })
    });
    replaced.into_owned()
}
