//! Continuing prompts: a batch of rows decoded together behind their shared prefix, each with keys and values of its own.

use candle_core::Result;
use rayon::prelude::*;

use crate::model::decoder::Decoder;
use crate::model::kv::{Batch, Past, Row};
use crate::model::ops::Ops;
use crate::model::sample::{Picker, Picking};
use crate::model::tokenizer::{TextStream, Tokenizer};

use super::event::FinishReason;
use super::score::{CHUNK, go_on_with};

/// Draws that are worth waking other threads for: each sorts a vocabulary.
const MANY_DRAWS: usize = 8;

/// What holds for every row of a job.
pub struct Rules<'a> {
    /// The model's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// Tokens that end a text.
    pub end: &'a [u32],
    /// How tokens are picked.
    pub picking: Picking,
    /// Seed of the draws.
    pub seed: u64,
    /// The most tokens to generate.
    pub max_new_tokens: usize,
    /// The most tokens of prompt and text together.
    pub context: usize,
    /// Texts that end a text, and are not part of it.
    pub stop: &'a [String],
}

/// A text being generated.
pub struct Draft<'a> {
    /// Index of the prompt; names the stream of draws.
    pub index: usize,
    /// Tokens of the whole prompt.
    prompt: Vec<u32>,
    /// Tokens generated, the end token included.
    pub tokens: Vec<u32>,
    /// The text so far.
    pub text: String,
    /// Set when the text is complete.
    pub finish: Option<FinishReason>,
    /// Bytes of the text that were told.
    told: usize,
    stream: TextStream<'a>,
    picker: Picker,
}

/// One token as it was picked.
pub struct Picked<'t> {
    /// Index of the prompt.
    pub index: usize,
    /// Token id.
    pub id: u32,
    /// The text that it completed.
    pub text: &'t str,
    /// Natural log of its probability.
    pub logprob: f32,
}

impl<'a> Draft<'a> {
    fn new(index: usize, prompt: Vec<u32>, rules: &Rules<'a>) -> Self {
        let picker = Picker::new(&rules.picking, rules.seed, index as u64);
        let stream = rules.tokenizer.stream();
        Self { index, prompt, tokens: Vec::new(), text: String::new(), finish: None, told: 0, stream, picker }
    }

    /// Picks the next token by its logits.
    fn pick(&mut self, logits: &[f32], rules: &Rules<'_>) -> Result<u32> {
        let seen: Vec<u32>;
        let seen = if rules.picking.repetition_penalty.is_some() {
            seen = self.prompt.iter().chain(&self.tokens).copied().collect();
            &seen[..]
        } else {
            &[]
        };
        self.picker.pick(logits, seen)
    }

    /// Takes the next token and says what it completed.
    fn take(&mut self, id: u32, logprob: f64, rules: &Rules<'_>, on_token: &mut dyn FnMut(Picked<'_>)) {
        self.tokens.push(id);
        if rules.end.contains(&id) {
            self.finish = Some(FinishReason::Stop);
        } else {
            self.text.push_str(&self.stream.push(id));
            if self.tokens.len() >= rules.max_new_tokens || self.prompt.len() + self.tokens.len() >= rules.context {
                self.finish = Some(FinishReason::Length);
            }
        }
        if self.finish.is_some() {
            self.text.push_str(&self.stream.clone().finish());
        }
        if let Some(at) =
            rules.stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| self.text.find(stop.as_str())).min()
        {
            self.text.truncate(at);
            self.finish = Some(FinishReason::Stop);
        }
        // What may turn out to begin a stop text is held back.
        let held = if self.finish.is_some() { 0 } else { held_back(&self.text, rules.stop) };
        let end = self.text.len() - held;
        let text = self.text.get(self.told..end).unwrap_or_default();
        on_token(Picked { index: self.index, id, text, logprob: logprob as f32 });
        self.told = self.told.max(end);
    }
}

/// Picks the next token of each draft by the hidden state of its last one: `[drafts, hidden size]`.
fn step<O: Ops>(
    decoder: &Decoder,
    ops: &O,
    hidden: &O::Mat,
    mut drafts: Vec<&mut Draft<'_>>,
    rules: &Rules<'_>,
    on_token: &mut dyn FnMut(Picked<'_>),
) -> Result<()> {
    for (part, drafts) in drafts.chunks_mut(O::LOGIT_ROWS).enumerate() {
        let first = part * O::LOGIT_ROWS;
        let rows: Vec<usize> = (first..first + drafts.len()).collect();
        let logits = decoder.logits(ops, &ops.select(hidden, &rows)?)?;
        let picked: Vec<(u32, f64)> = if rules.picking.is_plain() {
            // On a GPU the logits stay there.
            ops.best(&logits)?
        } else {
            let values = ops.values(&logits)?;
            let vocabulary = decoder.config().vocab_size.max(1);
            let pick = |(logits, draft): (&[f32], &mut &mut Draft<'_>)| draft.pick(logits, rules);
            let ids: Vec<u32> = if drafts.len() < MANY_DRAWS {
                values.chunks_exact(vocabulary).zip(drafts.iter_mut()).map(pick).collect::<Result<_>>()?
            } else {
                values.par_chunks_exact(vocabulary).zip(drafts.par_iter_mut()).map(pick).collect::<Result<_>>()?
            };
            let asked: Vec<(usize, u32)> = ids.iter().copied().enumerate().collect();
            ids.iter().copied().zip(ops.logprobs(&logits, &asked)?).collect()
        };
        for (draft, (id, logprob)) in drafts.iter_mut().zip(picked) {
            draft.take(id, logprob, rules, on_token);
        }
    }
    Ok(())
}

/// Bytes at the end of a text that a stop text may begin with.
fn held_back(text: &str, stop: &[String]) -> usize {
    let begins = |stop: &String| stop.char_indices().map(|(at, _)| at).rev().find(|&at| text.ends_with(&stop[..at]));
    stop.iter().filter_map(begins).max().unwrap_or(0)
}

/// Continues the prompts `(index, tokens)`, which all begin with the tokens that `shared` holds. `go_on` is asked at every
/// layer of every step; nothing comes back once it has said no.
pub fn generate_batch<'a, O: Ops>(
    decoder: &Decoder,
    ops: &O,
    shared: &[(usize, O::Cache)],
    prompts: Vec<(usize, Vec<u32>)>,
    rules: &Rules<'a>,
    go_on: &mut dyn FnMut() -> bool,
    on_token: &mut dyn FnMut(Picked<'_>),
) -> Result<Option<Vec<Draft<'a>>>> {
    let prefix: usize = shared.iter().map(|(len, _)| len).sum();
    let mut drafts: Vec<Draft<'a>> =
        prompts.into_iter().map(|(index, prompt)| Draft::new(index, prompt, rules)).collect();
    let mut past = Past::none(ops, 0);

    // Prompts first, as many together as make a good product.
    let mut at = 0;
    while at < drafts.len() {
        let mut together = 0;
        let mut tokens = 0;
        for draft in drafts.iter().skip(at) {
            let own = draft.prompt.len().saturating_sub(prefix);
            if together > 0 && tokens + own > O::TOGETHER {
                break;
            }
            together += 1;
            tokens += own;
        }
        let mut new = Past::none(ops, together);
        let mut rows = Vec::with_capacity(together);
        for draft in drafts.iter().skip(at).take(together) {
            let own = draft.prompt.get(prefix..).unwrap_or_default();
            let (first, last) =
                own.split_at(if together == 1 { own.len().saturating_sub(1) / CHUNK * CHUNK } else { 0 });
            if !first.is_empty() {
                let Some(begun) = go_on_with(decoder, ops, shared, new, first, go_on)? else { return Ok(None) };
                new = begun;
            }
            rows.push(Row::causal(last.to_vec()));
        }
        let mut batch = Batch { rows: &rows, shared, past: Some(&mut new) };
        let Some(hidden) = decoder.forward_while(ops, &mut batch, go_on)? else { return Ok(None) };
        step(decoder, ops, &hidden, drafts.iter_mut().skip(at).take(together).collect(), rules, on_token)?;
        past = past.join(ops, new)?;
        at += together;
    }

    let mut active: Vec<usize> = (0..drafts.len()).collect();
    loop {
        // Rows that are done leave, and their past with them.
        let keep: Vec<bool> =
            active.iter().map(|&row| drafts.get(row).is_some_and(|draft| draft.finish.is_none())).collect();
        if keep.contains(&false) {
            past = past.retain(ops, &keep)?;
        }
        let mut kept = keep.iter().copied();
        active.retain(|_| kept.next().unwrap_or(false));
        if active.is_empty() {
            return Ok(Some(drafts));
        }
        let last = |row: &usize| drafts.get(*row).and_then(|draft| draft.tokens.last()).copied().into_iter().collect();
        let rows: Vec<Row> = active.iter().map(|row| Row::causal(last(row))).collect();
        let mut batch = Batch { rows: &rows, shared, past: Some(&mut past) };
        let Some(hidden) = decoder.forward_while(ops, &mut batch, go_on)? else { return Ok(None) };
        let going = drafts.iter_mut().filter(|draft| draft.finish.is_none()).collect();
        step(decoder, ops, &hidden, going, rules, on_token)?;
    }
}

#[cfg(test)]
mod tests {
    use super::held_back;

    #[test]
    fn the_beginning_of_a_stop_text_is_held_back() {
        let stop = ["5, 6".to_owned(), "é!".to_owned()];
        assert_eq!(held_back("4, 5,", &stop), 2);
        assert_eq!(held_back("4, 5", &stop), 1);
        assert_eq!(held_back("4, 7", &stop), 0);
        assert_eq!(held_back("caf\u{e9}", &stop), 2);
        assert_eq!(held_back("4", &[]), 0);
    }
}
