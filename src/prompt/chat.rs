//! Chat templates of instruct models.

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
