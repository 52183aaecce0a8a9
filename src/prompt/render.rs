//! A session's prompt section made ready to render rows.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::chat::{Chat, ChatTemplate, Message};
use super::demos::Demos;
use super::error::PromptError;
use super::options::Orders;
use super::rows::Rows;
use super::template::Template;
use super::turns::{self, Turn};
use super::{DemosAs, PromptSpec};

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

/// What is asked otherwise than the row and the session say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// Which order of the labels: 0 is the session's own; each further one shuffles them anew.
    pub shuffle: u32,
    /// Columns with another value than the row's.
    pub values: Vec<(String, String)>,
}

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
    orders: Orders,
    /// Python's draws for each row, made when the first is asked for.
    drawn: OnceLock<HashMap<usize, Vec<usize>>>,
    chat: Option<Conversation>,
}

/// Names of variables with their values; of two with the same name the later one is seen.
type Variables<'v> = Vec<(&'v str, Cow<'v, str>)>;

/// What is around a row's own turn.
struct Conversation {
    chat: Chat,
    system: Option<Message>,
    /// Whether demonstrations are turns.
    turns: bool,
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
        let turns = spec.demos_as == DemosAs::Turns;
        if demos.count() > 0 && !turns && !template.uses("demos") {
            return Err(PromptError::NoPlaceForDemos { count: demos.count() });
        }
        let chat = match (spec.chat, chat) {
            (true, Some(chat)) => {
                Some(Conversation { chat: chat.compile()?, system: spec.system.clone().map(Message::system), turns })
            }
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
            orders: Orders { order: spec.options, seed: spec.seed },
            drawn: OnceLock::new(),
            chat,
        };
        if let Some(demos) = renderer.demos.fixed().filter(|_| !turns) {
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
        self.variant(row, &Variant::default())
    }

    /// The prompt of a file row with something in it that is otherwise.
    pub fn variant(&self, row: usize, variant: &Variant) -> Result<Prompt, PromptError> {
        let Asked { text, options, demos } = self.asked(row, variant)?;
        let text = match &self.chat {
            None => text,
            Some(conversation) => conversation.chat.render(&self.messages(conversation, &demos, text)?, true)?,
        };
        Ok(Prompt { text, options, demos })
    }

    /// Where the turns of the conversation stand in the prompt of a file row; none where there is no conversation, or where
    /// the model's template changes what is said in it.
    pub fn turns(&self, row: usize) -> Result<Vec<Turn>, PromptError> {
        let Some(conversation) = &self.chat else { return Ok(Vec::new()) };
        let Asked { text, demos, .. } = self.asked(row, &Variant::default())?;
        turns::locate(&conversation.chat, &self.messages(conversation, &demos, text)?)
    }

    /// What is asked of a row, without the conversation around it.
    fn asked(&self, row: usize, variant: &Variant) -> Result<Asked, PromptError> {
        self.check(row)?;
        let (demos, block) = match &*self.demos {
            Demos::Fixed(demos) => (demos.clone(), Cow::Borrowed(self.block.as_str())),
            Demos::Similar(similar) => {
                let demos = similar.of(row, self.rows);
                let block = if self.has_turns() { String::new() } else { self.block_of(&demos)? };
                (demos, Cow::Owned(block))
            }
        };
        let (variables, options) = self.variables(row, block, variant);
        Ok(Asked { text: self.template.render(variables)?, options, demos })
    }

    /// The variables of a row's prompt, and the order of the labels in it.
    fn variables<'v>(
        &'v self,
        row: usize,
        block: Cow<'v, str>,
        variant: &'v Variant,
    ) -> (Variables<'v>, Option<Vec<String>>) {
        let options = self.uses_options().then(|| self.options_of(row, variant.shuffle));
        let mut variables = self.rows.record(row);
        variables.push(("text", self.rows.text(row)));
        variables.extend(variant.values.iter().map(|(name, value)| (name.as_str(), Cow::Borrowed(value.as_str()))));
        variables.push(("demos", block));
        if let Some(options) = &options {
            variables.push(("options", Cow::Owned(options.join(", "))));
        }
        (variables, options)
    }

    /// The conversation that ends with `text`.
    fn messages(
        &self,
        conversation: &Conversation,
        demos: &[usize],
        text: String,
    ) -> Result<Vec<Message>, PromptError> {
        let mut messages: Vec<Message> = conversation.system.iter().cloned().collect();
        if conversation.turns {
            let plain = Variant::default();
            let lists = demos.iter().map(|row| self.variables(*row, Cow::Borrowed(""), &plain).0).collect();
            for (row, shown) in demos.iter().zip(self.template.render_all(lists)?) {
                messages.push(Message::user(shown));
                messages.push(Message::assistant(self.label_of(*row)?));
            }
        }
        messages.push(Message::user(text));
        Ok(messages)
    }

    fn has_turns(&self) -> bool {
        self.chat.as_ref().is_some_and(|conversation| conversation.turns)
    }

    /// File row numbers of the demonstrations, where they are the same for every row (all but `demos = "similar"`).
    pub fn demos(&self) -> Option<&[usize]> {
        self.demos.fixed()
    }

    /// The demonstrations as they were chosen, for another renderer.
    pub fn chosen(&self) -> ChosenDemos {
        ChosenDemos(Arc::clone(&self.demos))
    }

    /// The text that stands for `{{ demos }}` in a row's prompt; empty where demonstrations are turns.
    pub fn demos_text(&self, prompt: &Prompt) -> Result<Cow<'_, str>, PromptError> {
        match &*self.demos {
            _ if self.has_turns() => Ok(Cow::Borrowed("")),
            Demos::Fixed(_) => Ok(Cow::Borrowed(&self.block)),
            Demos::Similar(_) => self.block_of(&prompt.demos).map(Cow::Owned),
        }
    }

    /// The text of one demonstration, what the model's template puts around turns left out.
    pub fn demo_text(&self, row: usize) -> Result<String, PromptError> {
        self.check(row)?;
        if self.has_turns() {
            let plain = Variant::default();
            let shown = self.template.render(self.variables(row, Cow::Borrowed(""), &plain).0)?;
            return Ok(format!("{shown}\n{}", self.label_of(row)?));
        }
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
        let mut variables = self.rows.record(row);
        variables.push(("text", self.rows.text(row)));
        variables.push(("label", Cow::Borrowed(self.label_of(row)?)));
        Ok(variables)
    }

    fn label_of(&self, row: usize) -> Result<&str, PromptError> {
        let label = self.rows.gold(row).and_then(|label| self.rows.labels().get(label));
        label.map(String::as_str).ok_or(PromptError::Unlabelled { row })
    }

    /// The labels in the order shown to a row.
    fn options_of(&self, row: usize, shuffle: u32) -> Vec<String> {
        let labels = self.rows.labels();
        let drawn = self.orders.draws_in_turn(shuffle).then(|| self.drawn.get_or_init(|| self.orders.drawn(self.rows)));
        let order = match drawn.and_then(|drawn| drawn.get(&row)) {
            Some(order) => order.clone(),
            None => self.orders.of(row, shuffle, labels.len()),
        };
        order.into_iter().filter_map(|label| labels.get(label)).cloned().collect()
    }
}

/// What is asked of a row.
struct Asked {
    text: String,
    options: Option<Vec<String>>,
    demos: Vec<usize>,
}
