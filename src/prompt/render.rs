//! A session's prompt section made ready to render rows.

use crate::data::Dataset;

use super::PromptSpec;
use super::chat::ChatTemplate;

/// The prompt of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The exact text the model sees.
    pub text: String,
    /// The labels in the order shown by `{{ options }}`, where the template uses it.
    pub options: Option<Vec<String>>,
    /// File row numbers of the demonstrations, in order.
    pub demos: Vec<usize>,
}

/// What can be wrong with a prompt section.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {}

/// Renders rows of a data set through a session's prompt section.
pub struct Renderer<'d> {
    data: &'d Dataset,
}

impl<'d> Renderer<'d> {
    /// Compiles the templates and chooses the demonstrations. `chat` is the model's chat template, needed for
    /// `chat = true` alone.
    pub fn new(_spec: &PromptSpec, _data: &'d Dataset, _chat: Option<ChatTemplate>) -> Result<Self, PromptError> {
        unreachable!()
    }

    /// The prompt of a file row.
    pub fn prompt(&self, _row: usize) -> Result<Prompt, PromptError> {
        let _ = self.data;
        unreachable!()
    }
}
