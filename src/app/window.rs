//! Windows over the view: each has the keys while it is on top.

use std::path::PathBuf;

use crate::data::Split;
use crate::engine::NextToken;
use crate::model::locate::CachedModel;
use crate::session::export::Format;
use crate::session::home::SessionEntry;

use super::action::Action;
use super::editor::Editor;
use super::sheet::Variable;

/// A window.
#[derive(Clone, Debug)]
pub enum Window {
    /// What this is, at the first start.
    Welcome,
    /// All keys.
    Help {
        /// The first line shown.
        scroll: usize,
    },
    /// A text to read.
    Text {
        /// What it is.
        title: String,
        /// The text.
        text: String,
        /// The first line shown.
        scroll: usize,
    },
    /// A list that is filtered by typing.
    Picker(Picker),
    /// A question.
    Question(Question),
    /// A line of input.
    Input(Input),
    /// The most likely next tokens.
    Next(Next),
    /// The versions of the prompt.
    Timeline {
        /// Place of the cursor, from the oldest version.
        selected: usize,
        /// The first one shown.
        offset: usize,
    },
    /// A sweep or a search.
    Queue {
        /// Place of the cursor.
        selected: usize,
        /// The first line shown.
        offset: usize,
    },
    /// The probe's rows.
    Flips {
        /// Place of the cursor.
        selected: usize,
        /// The first one shown.
        offset: usize,
    },
}

/// A list that is filtered by typing.
#[derive(Clone, Debug)]
pub struct Picker {
    /// What it is about.
    pub title: String,
    /// What is typed.
    pub input: Editor,
    /// Everything in it.
    pub items: Vec<Item>,
    /// Places of those that fit what is typed, best first, with the characters that do.
    pub hits: Vec<(usize, Vec<u32>)>,
    /// Place of the cursor in `hits`.
    pub selected: usize,
    /// The first one shown.
    pub offset: usize,
    /// Still being looked for.
    pub loading: bool,
    /// What is done with what is typed where nothing fits.
    pub free: Option<Free>,
}

/// What is done with typed text that is no item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Free {
    /// It names a model.
    Model,
    /// It names a session.
    Session,
}

/// A line of a picker.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is called, and searched by.
    pub title: String,
    /// What stands behind it.
    pub detail: String,
    /// What picking it does.
    pub choice: Choice,
}

/// What picking does.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// A command.
    Run(Action),
    /// A model by its source.
    Model(String),
    /// A session by name or path.
    Session(String),
    /// The split to run.
    Split(Split),
    /// A form of export.
    Export(PathBuf, Format),
    /// A comparison as a file: its place and its text.
    ExportComparison(PathBuf, String),
    /// An earlier training beside the one on the screen, or no longer.
    Overlay(PathBuf),
}

/// A question with a few answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is asked.
    pub title: String,
    /// What follows from it.
    pub text: String,
    /// Keys and answers; the first is what `Enter` does.
    pub answers: Vec<(char, &'static str, Answer)>,
}

/// What an answer does.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Saves, then leaves.
    SaveAndQuit,
    /// Leaves without saving.
    Quit,
    /// Saves, then opens another session.
    SaveAndOpen(String),
    /// Opens another session without saving.
    Open(String),
    /// Takes up the recovered text.
    Recover,
    /// Forgets the recovered text.
    Discard,
    /// Overwrites the file that changed on disk.
    Overwrite,
    /// Deletes a run.
    Delete(PathBuf),
    /// Opens a run.
    OpenRun(PathBuf),
    /// Puts the prompt of a run into view 1.
    TakePrompt(PathBuf),
    /// Runs the test split.
    RunTest,
    /// Ends the training and keeps the best weights.
    StopTraining,
    /// Breaks the training off.
    AbortTraining,
    /// Nothing.
    No,
}

/// A line of input.
#[derive(Clone, Debug)]
pub struct Input {
    /// What it is for.
    pub title: String,
    /// What is typed.
    pub editor: Editor,
    /// What it is for.
    pub purpose: Purpose,
    /// What is wrong with it.
    pub error: Option<String>,
    /// How it is to be written.
    pub hint: &'static str,
}

/// What a line of input is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// Words to look for in the text being typed.
    FindText,
    /// The filter of the demonstrations.
    FilterDemos,
    /// The filter of the rows.
    FilterRows,
    /// A row of the split, by its number in the file.
    GoToRow,
    /// How many rows to run.
    Limit,
    /// The tag of a row.
    Tag(usize),
    /// The note on a row.
    Note(usize),
    /// The name of a run.
    Rename(PathBuf),
    /// The name of a session.
    SaveAs,
    /// The learning rate of a training.
    LearningRate,
    /// The value of a variable of the respondent.
    Value(Variable),
}

/// The next-token window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Next {
    /// The row whose prompt it is about.
    pub row: Option<usize>,
    /// Tokens of the prompt.
    pub tokens: usize,
    /// The best tokens.
    pub next: Vec<NextToken>,
    /// Perplexity of the prompt's own tokens.
    pub perplexity: Option<f64>,
    /// What went wrong.
    pub error: Option<String>,
    /// Whether it is there.
    pub ready: bool,
}

impl Picker {
    /// A list of items.
    pub fn new(title: impl Into<String>, items: Vec<Item>) -> Self {
        let mut picker = Self {
            title: title.into(),
            input: Editor::single_line(""),
            items,
            hits: Vec::new(),
            selected: 0,
            offset: 0,
            loading: false,
            free: None,
        };
        picker.filter();
        picker
    }

    /// Finds what fits the typed text.
    pub fn filter(&mut self) {
        self.hits = super::fuzzy::rank(self.input.text(), self.items.iter().map(|item| item.title.as_str()));
        self.selected = 0;
        self.offset = 0;
    }

    /// The item under the cursor.
    pub fn current(&self) -> Option<&Item> {
        self.items.get(self.hits.get(self.selected)?.0)
    }
}

/// A line of the picker of models.
pub fn model_item(model: &CachedModel) -> Item {
    Item {
        title: model.id.clone(),
        detail: format!("{:.0} MB, {}", model.bytes as f64 / 1e6, model.origin),
        choice: Choice::Model(model.id.clone()),
    }
}

/// A line of the picker of sessions.
pub fn session_item(entry: &SessionEntry) -> Item {
    let place = if entry.bundled { "bundled" } else { "" };
    let detail = [entry.title.as_str(), place].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let name = entry.path.as_ref().map_or_else(|| entry.name.clone(), |path| path.display().to_string());
    Item { title: entry.name.clone(), detail: detail.join(" · "), choice: Choice::Session(name) }
}
