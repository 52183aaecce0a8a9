//! From a row to the prompt the model sees, and from the model's answer to a label.
//!
//! [`template`] renders Jinja templates, `demos` picks the demonstrations, [`chat`] wraps turns as a model's own chat
//! template does, [`render`] puts the three together, [`Turn`] says where turns stand in it, [`answer`] reads a label out of generated text. Nothing here knows
//! of models, engines or terminals: a chat template arrives as text, the data as [`Rows`].

pub mod answer;
pub mod chat;
mod demos;
pub mod error;
mod json;
pub(crate) mod options;
pub mod render;
mod rows;
mod sandbox;
pub mod template;
#[cfg(test)]
mod tests;
mod tfidf;
mod turns;

use serde::{Deserialize, Serialize};

pub use answer::{AnswerRule, AnswerSpec, Answers, Reading};
pub use chat::{ChatTemplate, Message};
pub use demos::most_similar;
pub use error::PromptError;
pub use render::{ChosenDemos, Prompt, Renderer, Variant};
pub use rows::Rows;
pub use turns::Turn;

/// How demonstrations are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DemoStrategy {
    /// Drawn at random for each class and shuffled, as pandas' `sample` does; the same for every row.
    #[default]
    Random,
    /// Those of each class nearest to the row by TF-IDF, the nearest last.
    Similar,
    /// Spread over the training rows: within each class, each one far from those already chosen. The same for every row.
    Diverse,
    /// The rows that the session lists.
    Pinned,
}

/// The order of the labels in `{{ options }}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionOrder {
    /// The session's order in every row.
    #[default]
    Fixed,
    /// Drawn anew for each row from the session's seed, and kept with the prediction.
    Shuffled,
    /// As Python's `random.seed(seed)` and one `random.sample(labels, len(labels))` for each row of a split, in the split's
    /// order, draw them; kept with the prediction too.
    #[serde(rename = "random.sample")]
    Python,
}

/// How demonstrations stand in a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DemosAs {
    /// As text, in the place of `{{ demos }}`.
    #[default]
    Text,
    /// As turns of the conversation before the row's: the user's is `prompt.template` with the demonstration's row in it, the
    /// model's is its label.
    Turns,
}

impl DemosAs {
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

/// The `[prompt]` section of a session file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptSpec {
    /// Jinja template of the prompt; every column is a variable, `{{ demos }}` and `{{ options }}` too (see [`Renderer`]).
    pub template: String,
    /// Jinja template of one demonstration; every column is a variable, `{{ label }}` too.
    #[serde(default = "default_demo")]
    pub demo: String,
    /// What stands between two demonstrations.
    #[serde(default = "default_separator")]
    pub separator: String,
    /// Demonstrations for each class; 0 is zero-shot. Pinned ones are shown as they are listed, whatever this is.
    #[serde(default)]
    pub shots: usize,
    /// How demonstrations are chosen.
    #[serde(default)]
    pub demos: DemoStrategy,
    /// File row numbers, for `demos = "pinned"`.
    #[serde(default)]
    pub pinned: Vec<usize>,
    /// How demonstrations stand in the prompt.
    #[serde(default, skip_serializing_if = "DemosAs::is_text")]
    pub demos_as: DemosAs,
    /// Seed of the random choices.
    #[serde(default = "default_seed")]
    pub seed: u32,
    /// Send the prompt as a user turn through the model's chat template.
    #[serde(default)]
    pub chat: bool,
    /// The system message, for `chat = true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The order of the labels in `{{ options }}`.
    #[serde(default)]
    pub options: OptionOrder,
}

fn default_demo() -> String {
    "Text: <{{ text }}>\nAnswer: {{ label }}".to_owned()
}

fn default_separator() -> String {
    "\n".to_owned()
}

fn default_seed() -> u32 {
    42
}
