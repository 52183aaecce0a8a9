//! From prompts and labels as text to tokens: where a prompt ends, where its labels begin, whether it fits.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::language::LanguageModel;
use crate::model::tokenizer::Tokenizer;

use super::event::Stats;
use super::plan::Item;
use super::worker::{EngineError, Job};

/// Tokens of every prompt and its labels; prompts that are too long are cut or refused. `rows` is what prompts are called
/// in messages; without it there is one prompt, which needs no name.
pub fn items(
    job: &Job,
    model: &LanguageModel,
    prompts: &[String],
    labels: &[String],
    rows: &[usize],
    truncate: bool,
    stats: &mut Stats,
) -> Result<Vec<Item>, EngineError> {
    let context = model.decoder.config().context;
    let mut boundaries = Boundaries::new(&model.tokenizer, labels);
    let mut items = Vec::with_capacity(prompts.len());
    let mut too_long = Vec::new();
    for (index, prompt) in prompts.iter().enumerate() {
        if index % 64 == 0 {
            job.check()?;
        }
        let mut item = boundaries.item(prompt)?;
        if item.context.is_empty() {
            return Err(EngineError::Bad(match rows.get(index) {
                Some(row) => format!("the prompt of row {row} is empty"),
                None => "the text is empty".to_owned(),
            }));
        }
        let room = item.labels.iter().map(Vec::len).max().unwrap_or(0).max(1);
        if item.context.len() + room > context {
            if truncate && room < context {
                item.context.drain(..item.context.len() + room - context);
                stats.truncated += 1;
            } else {
                too_long.push((index, item.context.len()));
            }
        }
        stats.prompt_tokens += item.context.len();
        items.push(item);
    }
    match too_long.first() {
        Some(&(_, tokens)) if rows.is_empty() => {
            Err(EngineError::Bad(format!("the text has {tokens} tokens, more than the model's context of {context}")))
        }
        Some(&(first, tokens)) => {
            let name = |index: usize| rows.get(index).copied().unwrap_or(index);
            let mut names: Vec<String> = too_long.iter().take(10).map(|(index, _)| name(*index).to_string()).collect();
            if too_long.len() > names.len() {
                names.push(format!("and {} more", too_long.len() - names.len()));
            }
            Err(EngineError::Bad(format!(
                "{} of {} prompts are longer than the model's context of {context} tokens (row {} has {tokens}): rows {}; \
                 shorten the prompt or set decode.truncate = \"left\"",
                too_long.len(),
                prompts.len(),
                name(first),
                names.join(", ")
            )))
        }
        None => Ok(items),
    }
}

/// Where prompts end and labels begin, in tokens.
///
/// A label is what the tokenizer makes of prompt and label written together, from the first token that differs from
/// the prompt alone. That depends only on how the prompt ends, so each ending is worked out once.
struct Boundaries<'a> {
    tokenizer: &'a Tokenizer,
    labels: &'a [String],
    /// Last characters of a prompt to its boundary.
    known: HashMap<String, Boundary>,
}

/// How many of a prompt's tokens the labels take back, and the labels' tokens.
type Boundary = (usize, Arc<[Vec<u32>]>);

/// Characters of a prompt's end that decide on the boundary: more than any word that a label could join.
const ENDING: usize = 48;

impl<'a> Boundaries<'a> {
    fn new(tokenizer: &'a Tokenizer, labels: &'a [String]) -> Self {
        Self { tokenizer, labels, known: HashMap::new() }
    }

    fn item(&mut self, prompt: &str) -> Result<Item, EngineError> {
        let encode =
            |text: &str| self.tokenizer.encode(text, true).map_err(|error| EngineError::Bad(error.to_string()));
        let mut context = encode(prompt)?;
        if self.labels.is_empty() {
            return Ok(Item { context, labels: Arc::from([]) });
        }
        let ending: String = prompt.chars().rev().take(ENDING).collect();
        let (taken_back, labels) = match self.known.get(&ending) {
            Some(known) => known.clone(),
            None => {
                // A blank at the prompt's end becomes part of the label's first token: " support", not " " and "support".
                let blank = if prompt.ends_with(char::is_whitespace) { "" } else { " " };
                let join = |label: &String| encode(&format!("{prompt}{blank}{label}"));
                let joined: Vec<Vec<u32>> = self.labels.iter().map(join).collect::<Result<_, _>>()?;
                let common = |ids: &Vec<u32>| {
                    let same = ids.iter().zip(&context).take_while(|(a, b)| a == b).count();
                    same.min(ids.len().saturating_sub(1))
                };
                let kept = joined.iter().filter(|ids| !ids.is_empty()).map(common).min().unwrap_or(0);
                let labels = joined.iter().map(|ids| ids.get(kept..).unwrap_or_default().to_vec()).collect();
                let known = (context.len() - kept, labels);
                self.known.insert(ending, known.clone());
                known
            }
        };
        context.truncate(context.len().saturating_sub(taken_back));
        Ok(Item { context, labels })
    }
}
