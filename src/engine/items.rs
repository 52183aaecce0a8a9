//! From prompts and labels as text to tokens: where a prompt ends, where its labels begin, whether it fits.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::model::language::LanguageModel;
use crate::model::tokenizer::Tokenizer;

use super::event::Stats;
use super::plan::Item;
use super::worker::{EngineError, Job};

/// Prompts that one thread turns into tokens at a time.
const PART: usize = 16;
/// Prompts that show whether a tokenizer makes the same of a text in two parts.
const SAMPLE: usize = 6;

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
    let (contexts, by_line) = contexts(job, &model.tokenizer, prompts)?;
    tracing::debug!(prompts = prompts.len(), by_line, "prompts are tokens");
    let mut boundaries = Boundaries::new(&model.tokenizer, labels, by_line);
    let mut items = Vec::with_capacity(prompts.len());
    let mut too_long = Vec::new();
    for (index, (prompt, tokens)) in prompts.iter().zip(contexts).enumerate() {
        let mut item = boundaries.item(prompt, tokens)?;
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

/// Prompts in tokens, and whether the tokenizer makes the same of a text line by line. The lines that all prompts begin with
/// become tokens once: with examples in them they are most of the text, and beside a GPU it is tokens that take the time.
fn contexts(job: &Job, tokenizer: &Tokenizer, prompts: &[String]) -> Result<(Vec<Vec<u32>>, bool), EngineError> {
    let at = shared_lines(prompts);
    let (lines, _) = prompts.first().and_then(|first| first.split_at_checked(at)).unwrap_or_default();
    let beginning = encode(tokenizer, lines)?;
    let spliced = |prompt: &String| -> Result<Vec<u32>, EngineError> {
        Ok([&*beginning, &*encode_part(tokenizer, prompt.get(at..).unwrap_or_default())?].concat())
    };
    // Tokenizers split text into words before all else, and no word goes on from one line to the next. One that
    // does something else there, as a mark at the beginning of a text, does it with every prompt.
    let (mut same, mut other) = (0, 0);
    // A single prompt is not worth the question.
    let several = if prompts.len() > 1 { prompts } else { &[] };
    for prompt in several.iter().step_by(prompts.len().div_ceil(SAMPLE).max(1)) {
        let whole = encode(tokenizer, prompt)?;
        for at in [at, last_line(prompt.as_bytes())].into_iter().filter(|&at| at > 0) {
            let (before, behind) = prompt.split_at_checked(at).unwrap_or_default();
            let parts = [encode(tokenizer, before)?, encode_part(tokenizer, behind)?];
            if parts.concat() == whole { same += 1 } else { other += 1 }
        }
    }
    let by_line = same > 0 && other == 0;
    let part = |prompts: &[String]| -> Result<Vec<Vec<u32>>, EngineError> {
        job.check()?;
        let one = |prompt| if by_line && at > 0 { spliced(prompt) } else { encode(tokenizer, prompt) };
        prompts.iter().map(one).collect()
    };
    let parts: Vec<Vec<Vec<u32>>> = prompts.par_chunks(PART).map(part).collect::<Result<_, _>>()?;
    Ok((parts.into_iter().flatten().collect(), by_line))
}

/// Bytes of the lines that all prompts begin with, up to a line that begins with a letter in all of them.
fn shared_lines(prompts: &[String]) -> usize {
    let [first, others @ ..] = prompts else { return 0 };
    if others.is_empty() {
        return 0;
    }
    let common = |other: &String| first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let common = others.iter().map(common).min().unwrap_or(0);
    let shared = first.as_bytes().get(..common).unwrap_or_default();
    last_line(shared)
}

/// Where the last line begins that begins with a letter; 0 where there is none but the first.
fn last_line(text: &[u8]) -> usize {
    let begins_line = |pair: &[u8]| matches!(pair, [b'\n', letter] if letter.is_ascii_alphabetic());
    text.windows(2).rposition(begins_line).map_or(0, |newline| newline + 1)
}

fn encode(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, EngineError> {
    tokenizer.encode(text, true).map_err(|error| EngineError::Bad(error.to_string()))
}

/// Tokens of a text that others stand before.
fn encode_part(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, EngineError> {
    tokenizer.encode(text, false).map_err(|error| EngineError::Bad(error.to_string()))
}

/// Where prompts end and labels begin, in tokens.
///
/// A label is what the tokenizer makes of prompt and label written together, from the first token that differs from
/// the prompt alone. That depends only on how the prompt ends, so each ending is worked out once.
struct Boundaries<'a> {
    tokenizer: &'a Tokenizer,
    labels: &'a [String],
    /// Whether the last line tells, which many prompts have in common.
    by_line: bool,
    /// Last characters of a prompt to its boundary.
    known: HashMap<String, Boundary>,
}

/// How many of a prompt's tokens the labels take back, and the labels' tokens.
type Boundary = (usize, Arc<[Vec<u32>]>);

/// Characters of a prompt's end that decide on the boundary: more than any word that a label could join.
const ENDING: usize = 48;

impl<'a> Boundaries<'a> {
    fn new(tokenizer: &'a Tokenizer, labels: &'a [String], by_line: bool) -> Self {
        Self { tokenizer, labels, by_line, known: HashMap::new() }
    }

    /// A prompt with its labels; `context` is the prompt in tokens.
    fn item(&mut self, prompt: &str, mut context: Vec<u32>) -> Result<Item, EngineError> {
        if self.labels.is_empty() {
            return Ok(Item { context, labels: Arc::from([]) });
        }
        let line = if self.by_line { prompt.get(last_line(prompt.as_bytes())..).unwrap_or_default() } else { prompt };
        let ending: String =
            if line.len() < prompt.len() { line.to_owned() } else { prompt.chars().rev().take(ENDING).collect() };
        let (taken_back, labels) = match self.known.get(&ending) {
            Some(known) => known.clone(),
            None => {
                let known = if line.len() < prompt.len() {
                    let tokens = encode_part(self.tokenizer, line)?;
                    self.boundary(line, &tokens, &|text| encode_part(self.tokenizer, text))?
                } else {
                    self.boundary(prompt, &context, &|text| encode(self.tokenizer, text))?
                };
                self.known.insert(ending, known.clone());
                known
            }
        };
        context.truncate(context.len().saturating_sub(taken_back));
        Ok(Item { context, labels })
    }

    /// Of a text, or a prompt's last line, that is `tokens`.
    fn boundary(
        &self,
        text: &str,
        tokens: &[u32],
        encode: &dyn Fn(&str) -> Result<Vec<u32>, EngineError>,
    ) -> Result<Boundary, EngineError> {
        // A blank at the text's end becomes part of the label's first token: " support", not " " and "support".
        let blank = if text.ends_with(char::is_whitespace) { "" } else { " " };
        let join = |label: &String| encode(&format!("{text}{blank}{label}"));
        let joined: Vec<Vec<u32>> = self.labels.iter().map(join).collect::<Result<_, _>>()?;
        let common = |ids: &Vec<u32>| {
            let same = ids.iter().zip(tokens).take_while(|(a, b)| a == b).count();
            same.min(ids.len().saturating_sub(1))
        };
        let kept = joined.iter().filter(|ids| !ids.is_empty()).map(common).min().unwrap_or(0);
        let labels = joined.iter().map(|ids| ids.get(kept..).unwrap_or_default().to_vec()).collect();
        Ok((tokens.len() - kept, labels))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::Cancel;
    use crate::model::locate::ModelFiles;

    fn job() -> Job {
        Job::new(1, Cancel::default(), std::sync::mpsc::channel().0)
    }

    fn prompts() -> Vec<String> {
        let texts = ["a first text", "", "\nbegins with a line", "  blanks", "caf\u{e9} \u{1f972}", "<|im_end|> 12345"];
        let lines =
            "Sort by stance.\n\nText: <one 1234 two>\nAnswer: support\n\r\n  Text: <x>\nAnswer: oppose\nText: <";
        texts.iter().map(|text| format!("{lines}{text}>\nAnswer:")).collect()
    }

    #[test]
    fn lines_that_prompts_share_become_tokens_once_and_the_same() {
        let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures"));
        let gguf = |name: &str| ModelFiles::Gguf(fixtures.join(format!("models/tokenizer-{name}.gguf")));
        let folder = |name: &str| ModelFiles::Folder(fixtures.join(name));
        let mut all = ["gpt-2", "llama-bpe", "qwen2", "smollm"].map(gguf).to_vec();
        // These mark the beginning of a text: they are asked for whole prompts.
        all.extend(["spm", "models/tiny-bert", "smoke"].map(folder));
        let mut spliced = 0;
        for files in all {
            let tokenizer = Tokenizer::open(&files).unwrap();
            let prompts = prompts();
            let want: Vec<Vec<u32>> = prompts.iter().map(|prompt| encode(&tokenizer, prompt).unwrap()).collect();
            let (found, by_line) = contexts(&job(), &tokenizer, &prompts).unwrap();
            assert_eq!(found, want, "{files:?}");
            assert_eq!(contexts(&job(), &tokenizer, &prompts[..1]).unwrap().0, want[..1], "{files:?}");
            assert!(contexts(&job(), &tokenizer, &[]).unwrap().0.is_empty());
            // Labels begin at the same places whether the last line or the whole prompt is looked at.
            let labels = ["support", "oppose", "5"].map(str::to_owned);
            let items = |by_line: bool| -> Vec<Item> {
                let mut boundaries = Boundaries::new(&tokenizer, &labels, by_line);
                prompts.iter().zip(&want).map(|(prompt, ids)| boundaries.item(prompt, ids.clone()).unwrap()).collect()
            };
            if by_line {
                assert_eq!(items(true), items(false), "{files:?}");
            }
            spliced += usize::from(by_line);
        }
        assert!(spliced >= 4, "{spliced} of the tokenizers");
    }

    #[test]
    fn shared_lines_end_before_a_letter() {
        let lines = |texts: &[&str]| shared_lines(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(lines(&["ab\ncd 1", "ab\ncd 2"]), 3);
        assert_eq!(lines(&["ab\ncd", "ab\nxd"]), 0);
        assert_eq!(lines(&["ab\n1", "ab\n1"]), 0);
        assert_eq!(lines(&["ab\ncd"]), 0);
        assert_eq!(lines(&["a\u{e9}", "a\u{e8}"]), 0);
        assert_eq!(lines(&[]), 0);
    }

    #[test]
    fn a_cancelled_job_makes_no_tokens() {
        let cancel = Cancel::default();
        cancel.cancel();
        let job = Job::new(1, cancel, std::sync::mpsc::channel().0);
        let tokenizer =
            Tokenizer::open(&ModelFiles::Folder(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smoke").into()));
        assert!(matches!(contexts(&job, &tokenizer.unwrap(), &prompts()), Err(EngineError::Cancelled)));
    }
}
