//! A session's prompt section made ready to render rows.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::data::numpy::RandomState;

use super::chat::{Chat, ChatTemplate, Message};
use super::demos::Demos;
use super::error::PromptError;
use super::rows::Rows;
use super::template::Template;
use super::{OptionOrder, PromptSpec};

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

/// Demonstrations that were chosen, to be used again.
#[derive(Clone)]
pub struct ChosenDemos(Arc<Demos>);

/// Renders rows of a data set through a session's prompt section.
///
/// The variables of `prompt.template` are the row's columns, `text` (the cleaned text, whatever its column is called),
/// `demos` (all demonstrations, joined by `prompt.separator`; empty if there are none) and `options` (the labels, joined
/// by a comma and a blank). Those of `prompt.demo` are the columns of the demonstration's row, its `text`, and `label`, the
/// word of its gold label. Where a column has one of these names, the column is the one that cannot be seen.
pub struct Renderer<'d> {
    rows: &'d dyn Rows,
    template: Template,
    demo: Template,
    separator: String,
    demos: Arc<Demos>,
    /// The text of the demonstrations that are the same for every row.
    block: String,
    options: OptionOrder,
    seed: u32,
    chat: Option<(Chat, Option<Message>)>,
}

impl<'d> Renderer<'d> {
    /// Compiles the templates and chooses the demonstrations. `chat` is the model's chat template, needed for
    /// `chat = true` alone.
    ///
    /// The first training row is rendered too, so that what only rendering finds (an unknown filter, a chat template that
    /// refuses a system message) is known before a run.
    pub fn new(spec: &PromptSpec, rows: &'d dyn Rows, chat: Option<ChatTemplate>) -> Result<Self, PromptError> {
        Self::with_demos(spec, rows, chat, None)
    }

    /// The same with demonstrations that were chosen before, by [`Self::chosen`], from the same rows and by a section that
    /// chooses them alike: choosing similar ones among thousands of rows takes longer than rendering a prompt.
    pub fn with_demos(
        spec: &PromptSpec,
        rows: &'d dyn Rows,
        chat: Option<ChatTemplate>,
        chosen: Option<ChosenDemos>,
    ) -> Result<Self, PromptError> {
        let columns: Vec<&str> = match rows.train().first().copied().or((rows.count() > 0).then_some(0)) {
            Some(row) => rows.record(row).into_iter().map(|(name, _)| name).collect(),
            None => Vec::new(),
        };
        let known = |names: &[&'static str]| [names, &columns].concat();
        let template = Template::compile("prompt.template", &spec.template, &known(&["text", "demos", "options"]))?;
        let demo = Template::compile("prompt.demo", &spec.demo, &known(&["text", "label"]))?;
        let demos = match chosen {
            Some(ChosenDemos(demos)) => demos,
            None => Arc::new(Demos::choose(spec, rows)?),
        };
        if demos.count() > 0 && !template.uses("demos") {
            return Err(PromptError::NoPlaceForDemos { count: demos.count() });
        }
        let chat = match (spec.chat, chat) {
            (true, Some(chat)) => Some((chat.compile()?, spec.system.clone().map(Message::system))),
            (true, None) => return Err(PromptError::NoChatTemplate),
            (false, _) => None,
        };
        let mut renderer = Self {
            rows,
            template,
            demo,
            separator: spec.separator.clone(),
            demos,
            block: String::new(),
            options: spec.options,
            seed: spec.seed,
            chat,
        };
        if let Some(demos) = renderer.demos.fixed() {
            let block = renderer.block_of(demos)?;
            renderer.block = block;
        }
        if let Some(row) = rows.train().first() {
            renderer.prompt(*row)?;
        }
        Ok(renderer)
    }

    /// The prompt of a file row.
    pub fn prompt(&self, row: usize) -> Result<Prompt, PromptError> {
        self.check(row)?;
        let (demos, block) = match &*self.demos {
            Demos::Fixed(demos) => (demos.clone(), Cow::Borrowed(self.block.as_str())),
            Demos::Similar(similar) => {
                let demos = similar.of(row, self.rows);
                let block = self.block_of(&demos)?;
                (demos, Cow::Owned(block))
            }
        };
        let options = self.uses_options().then(|| self.options_of(row));
        let mut variables = self.rows.record(row);
        variables.push(("text", self.rows.text(row)));
        variables.push(("demos", block));
        if let Some(options) = &options {
            variables.push(("options", Cow::Owned(options.join(", "))));
        }
        let text = self.template.render(variables)?;
        let text = match &self.chat {
            None => text,
            Some((chat, system)) => {
                let messages: Vec<Message> = system.iter().cloned().chain([Message::user(text)]).collect();
                chat.render(&messages, true)?
            }
        };
        Ok(Prompt { text, options, demos })
    }

    /// File row numbers of the demonstrations, where they are the same for every row (all but `demos = "similar"`).
    pub fn demos(&self) -> Option<&[usize]> {
        self.demos.fixed()
    }

    /// The demonstrations as they were chosen, for another renderer.
    pub fn chosen(&self) -> ChosenDemos {
        ChosenDemos(Arc::clone(&self.demos))
    }

    /// The text that stands for `{{ demos }}` in a row's prompt.
    pub fn demos_text(&self, prompt: &Prompt) -> Result<Cow<'_, str>, PromptError> {
        match &*self.demos {
            Demos::Fixed(_) => Ok(Cow::Borrowed(&self.block)),
            Demos::Similar(_) => self.block_of(&prompt.demos).map(Cow::Owned),
        }
    }

    /// The text of one demonstration.
    pub fn demo_text(&self, row: usize) -> Result<String, PromptError> {
        self.check(row)?;
        self.demo.render(self.demo_variables(row)?)
    }

    /// Whether prompts list the labels by `{{ options }}`.
    pub fn uses_options(&self) -> bool {
        self.template.uses("options")
    }

    /// Those of `rows` whose prompt shows a demonstration with the very same text, as retweets have: the model is shown
    /// their answer. `similar` demonstrations are never of this kind.
    pub fn duplicates(&self, rows: &[usize]) -> Vec<usize> {
        let shown: HashSet<_> = self.demos().unwrap_or_default().iter().map(|row| self.rows.text(*row)).collect();
        rows.iter().copied().filter(|row| *row < self.rows.count() && shown.contains(&self.rows.text(*row))).collect()
    }

    fn check(&self, row: usize) -> Result<(), PromptError> {
        let count = self.rows.count();
        if row < count { Ok(()) } else { Err(PromptError::NoSuchRow { row, count }) }
    }

    fn block_of(&self, demos: &[usize]) -> Result<String, PromptError> {
        let variables = demos.iter().map(|row| self.demo_variables(*row)).collect::<Result<_, _>>()?;
        Ok(self.demo.render_all(variables)?.join(&self.separator))
    }

    fn demo_variables(&self, row: usize) -> Result<Vec<(&str, Cow<'_, str>)>, PromptError> {
        let label = self.rows.gold(row).and_then(|label| self.rows.labels().get(label));
        let label = label.ok_or(PromptError::Unlabelled { row })?;
        let mut variables = self.rows.record(row);
        variables.push(("text", self.rows.text(row)));
        variables.push(("label", Cow::Borrowed(label)));
        Ok(variables)
    }

    /// The labels in the order shown to a row. A shuffled order is that of numpy's
    /// `RandomState(s).permutation(number of labels)`, where `s` is the first four bytes, little-endian, of the SHA-256
    /// of `"{prompt.seed}:{row}"`: each row has its own, the same in every run, whatever rows are run beside it.
    fn options_of(&self, row: usize) -> Vec<String> {
        let labels = self.rows.labels();
        match self.options {
            OptionOrder::Fixed => labels.to_vec(),
            OptionOrder::Shuffled => {
                let hash = Sha256::digest(format!("{}:{row}", self.seed));
                let seed = hash.iter().take(4).rev().fold(0_u32, |seed, byte| seed << 8 | u32::from(*byte));
                let order = RandomState::new(seed).permutation(labels.len());
                order.into_iter().filter_map(|index| labels.get(index)).cloned().collect()
            }
        }
    }
}
