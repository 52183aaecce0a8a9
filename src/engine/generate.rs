//! Continuing prompts: a batch of rows decoded together behind their shared prefix, each with keys and values of its own.

use candle_core::Result;

use crate::model::decoder::Decoder;
use crate::model::kernel;
use crate::model::kv::{Batch, Row};
use crate::model::ops::Ops;
use crate::model::sample::{Picker, Picking};
use crate::model::tokenizer::{TextStream, Tokenizer};

use super::event::FinishReason;
use super::score::{CHUNK, prefill};

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

    /// Picks the next token by its logits and says what it completed.
    fn step(&mut self, logits: &[f32], rules: &Rules<'_>, on_token: &mut dyn FnMut(Picked<'_>)) -> Result<()> {
        let seen: Vec<u32>;
        let seen = if rules.picking.repetition_penalty.is_some() {
            seen = self.prompt.iter().chain(&self.tokens).copied().collect();
            &seen[..]
        } else {
            &[]
        };
        let id = self.picker.pick(logits, seen)?;
        let logprob = logits.get(id as usize).map_or(0.0, |&logit| f64::from(logit) - kernel::log_sum_exp(logits));
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
        Ok(())
    }
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
    let vocabulary = decoder.config().vocab_size.max(1);
    let mut drafts: Vec<Draft<'a>> =
        prompts.into_iter().map(|(index, prompt)| Draft::new(index, prompt, rules)).collect();
    let mut caches: Vec<(usize, O::Cache)> = Vec::with_capacity(drafts.len());

    // Prompts first, as many together as make a good product.
    let mut at = 0;
    while at < drafts.len() {
        let mut together = 0;
        let mut tokens = 0;
        for draft in drafts.iter().skip(at) {
            let own = draft.prompt.len().saturating_sub(prefix);
            if together > 0 && tokens + own > CHUNK {
                break;
            }
            together += 1;
            tokens += own;
        }
        let mut new_caches = vec![(0, O::Cache::default()); together];
        let mut rows = Vec::with_capacity(together);
        for draft in drafts.iter().skip(at).take(together) {
            let own = draft.prompt.get(prefix..).unwrap_or_default();
            let (first, last) =
                own.split_at(if together == 1 { own.len().saturating_sub(1) / CHUNK * CHUNK } else { 0 });
            if !first.is_empty() {
                let Some(cache) = prefill(decoder, ops, shared, first, go_on)? else { return Ok(None) };
                new_caches = vec![cache];
            }
            rows.push(Row::causal(last.to_vec()));
        }
        let mut batch = Batch { rows: &rows, shared, caches: Some(&mut new_caches) };
        let Some(hidden) = decoder.forward_while(ops, &mut batch, go_on)? else { return Ok(None) };
        let logits = decoder.logits(ops, &hidden)?;
        for (draft, logits) in drafts.iter_mut().skip(at).zip(logits.chunks_exact(vocabulary)) {
            draft.step(logits, rules, on_token)?;
        }
        caches.append(&mut new_caches);
        at += together;
    }

    let mut active: Vec<usize> = (0..drafts.len()).collect();
    loop {
        // Rows that are done leave, and their caches with them.
        let keep: Vec<bool> =
            active.iter().map(|&row| drafts.get(row).is_some_and(|draft| draft.finish.is_none())).collect();
        let mut kept = keep.iter().copied();
        caches.retain(|_| kept.next().unwrap_or(false));
        let mut kept = keep.iter().copied();
        active.retain(|_| kept.next().unwrap_or(false));
        if active.is_empty() {
            return Ok(Some(drafts));
        }
        let last = |row: &usize| drafts.get(*row).and_then(|draft| draft.tokens.last()).copied().into_iter().collect();
        let rows: Vec<Row> = active.iter().map(|row| Row::causal(last(row))).collect();
        let mut batch = Batch { rows: &rows, shared, caches: Some(&mut caches) };
        let Some(hidden) = decoder.forward_while(ops, &mut batch, go_on)? else { return Ok(None) };
        let logits = decoder.logits(ops, &hidden)?;
        for (&row, logits) in active.iter().zip(logits.chunks_exact(vocabulary)) {
            if let Some(draft) = drafts.get_mut(row) {
                draft.step(logits, rules, on_token)?;
            }
        }
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
