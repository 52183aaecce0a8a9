//! From generated text to a label.

use serde::{Deserialize, Serialize};

/// How a label is found in a generated answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerRule {
    /// The first label, in session order, that the lower-cased answer contains (the notebook's rule).
    #[default]
    Contains,
    /// The label that the answer, leading blanks aside, begins with.
    Prefix,
    /// The label that the answer, surrounding blanks aside, equals.
    Exact,
    /// The first capture group of the session's pattern, which must be a label.
    Regex,
}

/// The `[answer]` section of a session file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerSpec {
    /// The rule.
    pub rule: AnswerRule,
    /// The regular expression, for `rule = "regex"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What an answer that matches no label counts as.
    pub unknown: String,
}

impl Default for AnswerSpec {
    fn default() -> Self {
        Self { rule: AnswerRule::Contains, pattern: None, unknown: "unknown".to_owned() }
    }
}
