//! What the prompt view shows of the current row, as it comes from rendering: plain data, made off the interface thread.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::ModelInfo;
use crate::prompt::{PromptSpec, Turn};
use crate::session::prepare::Prepared;

/// What is to be rendered.
#[derive(Clone)]
pub struct RenderRequest {
    /// The edit that it is rendered for.
    pub edit: u64,
    /// The session's data.
    pub prepared: Arc<Prepared>,
    /// The prompt as it is being written.
    pub prompt: PromptSpec,
    /// The current row.
    pub row: Option<usize>,
    /// The rows of the probe.
    pub probe: Vec<usize>,
    /// Rows whose demonstration is to be measured in tokens, beside those that are shown.
    pub measure: Vec<usize>,
    /// The model, once it is there: its tokenizer counts, its chat template wraps.
    pub model: Option<Arc<ModelInfo>>,
}

/// A prompt that cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong and what would be right.
    pub message: String,
    /// Line and column in the template, from 1, where that is known.
    pub place: Option<(usize, usize)>,
}

/// A variable of a respondent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// The column.
    pub name: String,
    /// What the respondent told.
    pub value: String,
    /// The values that there are, in the order of the codebook, of numbers or of the alphabet.
    pub values: Arc<Vec<String>>,
}

/// What came of rendering.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// The edit that it was rendered for.
    pub edit: u64,
    /// The row.
    pub row: Option<usize>,
    /// Its prompt, exactly as the model sees it.
    pub text: String,
    /// Where the demonstrations stand in it, in bytes.
    pub demos_at: Option<Range<usize>>,
    /// The demonstrations in it, by row.
    pub demos: Vec<usize>,
    /// The order of the labels in it, where it lists them.
    pub options: Option<Vec<String>>,
    /// Its tokens, once there is a tokenizer.
    pub tokens: Option<usize>,
    /// Tokens and bytes at its start that all rows of the probe share with it.
    pub shared: Option<(usize, usize)>,
    /// Rows and what they take as a demonstration, in tokens.
    pub measured: Vec<(usize, usize)>,
    /// The prompts of the probe's rows, in their order.
    pub probe: Vec<String>,
    /// Where the turns of the conversation stand in it.
    pub turns: Vec<Turn>,
    /// The variables of a respondent that the prompt names; none where rows have a text.
    pub variables: Vec<Variable>,
    /// Whether the chat template is missing because no model is loaded yet.
    pub without_chat: bool,
    /// Probe rows whose very text is shown as a demonstration.
    pub duplicates: usize,
}
