//! Keys and values of the prefixes that the last jobs' prompts shared, found again by their tokens.
//!
//! Whoever edits a prompt asks the same rows again with a prefix that begins as the one before: up to the edit its keys and
//! values are there, and only what lies behind is computed. What is computed behind a part that was found is the same to the
//! bit as if all of it had been computed, since products do not depend on how many rows they have, but for the few
//! that are multiplied in another way ([`Decoder::few_rows`]): so many tokens at the end are always computed anew.

use crate::model::decoder::Decoder;
use crate::model::kv::Past;
use crate::model::language::LanguageModel;
use crate::model::ops::Ops;

use super::event::Stats;
use super::plan::Plan;
use super::score::go_on_with;
use super::worker::{EngineError, Job};

/// Bytes of keys and values that are kept, the last used ones.
const MOST_BYTES: usize = 256 << 20;

/// Tokens with their keys and values.
struct Prefix<C> {
    tokens: Vec<u32>,
    cache: C,
}

/// Keys and values of a prefix, with the number of its tokens, and of how many of them they were there.
pub struct Found<C> {
    /// Keys and values.
    pub cache: (usize, C),
    /// Tokens of which they were there.
    pub reused: usize,
}

/// Prefixes, the last used one last.
pub struct Prefixes<O: Ops> {
    kept: Vec<Prefix<O::Cache>>,
}

impl<O: Ops> Default for Prefixes<O> {
    fn default() -> Self {
        Self { kept: Vec::new() }
    }
}

impl<O: Ops> Prefixes<O> {
    /// Keys and values of `tokens`, each of which takes `bytes`. None once `go_on` has said no.
    pub fn of(
        &mut self,
        decoder: &Decoder,
        ops: &O,
        tokens: &[u32],
        bytes: usize,
        go_on: &mut dyn FnMut() -> bool,
    ) -> candle_core::Result<Option<Found<O::Cache>>> {
        if let Some(place) = self.kept.iter().position(|kept| kept.tokens == tokens) {
            let kept = self.kept.remove(place);
            let cache = kept.cache.clone();
            self.kept.push(kept);
            return Ok(Some(Found { cache: (tokens.len(), cache), reused: tokens.len() }));
        }
        let common = |kept: &Prefix<O::Cache>| kept.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        let best = self.kept.iter().map(|kept| (common(kept), kept)).max_by_key(|(common, _)| *common);
        let few = decoder.few_rows();
        let most = tokens.len().saturating_sub(few + 1);
        let (reused, before) = match best.map(|(common, kept)| (common.min(most), kept)) {
            Some((common, kept)) if common > few => {
                (common, Past::behind(ops, (common, ops.beginning(&kept.cache, common)?))?)
            }
            _ => (0, Past::none(ops, 1)),
        };
        let rest = tokens.get(reused..).unwrap_or_default();
        let Some(past) = go_on_with(decoder, ops, &[], before, rest, go_on)? else { return Ok(None) };
        let (len, cache) = past.share(ops)?;
        let size = |tokens: usize| tokens.saturating_mul(bytes);
        if size(tokens.len()) <= MOST_BYTES {
            self.kept.push(Prefix { tokens: tokens.to_vec(), cache: cache.clone() });
            while self.kept.iter().map(|kept| size(kept.tokens.len())).sum::<usize>() > MOST_BYTES {
                self.kept.remove(0);
            }
        }
        Ok(Some(Found { cache: (len, cache), reused }))
    }
}

/// Keys and values of the prefix that all prompts of a job share; nothing where no batch is left to be computed.
pub fn shared<O: Ops>(
    job: &Job,
    model: &LanguageModel,
    ops: &O,
    plan: &Plan,
    todo: &[Vec<usize>],
    kept: &mut Prefixes<O>,
    stats: &mut Stats,
) -> Result<Vec<(usize, O::Cache)>, EngineError> {
    let prefix = plan.items.first().and_then(|item| item.context.get(..plan.prefix)).unwrap_or_default();
    if prefix.is_empty() || todo.is_empty() {
        return Ok(Vec::new());
    }
    job.check()?;
    let bytes = model.decoder.cache_bytes_per_token(model.dtype.size_in_bytes());
    let found = kept.of(&model.decoder, ops, prefix, bytes, &mut || !job.is_cancelled())?;
    let found = found.ok_or(EngineError::Cancelled)?;
    stats.reused_tokens = found.reused;
    tracing::debug!(tokens = prefix.len(), reused = found.reused, "the shared prefix is computed");
    Ok(vec![found.cache])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{DType, Device};

    use super::*;
    use crate::engine::plan::{Budget, Item};
    use crate::engine::score::score_batch;
    use crate::model::language::load_decoder;
    use crate::model::locate::ModelFiles;
    use crate::model::ops::cpu::Cpu;
    use crate::model::weights::Weights;

    fn decoder() -> Decoder {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smoke");
        let weights = Weights::open(&ModelFiles::Folder(folder.into())).unwrap();
        load_decoder(&weights, &Device::Cpu, DType::F32, true, &mut || true).unwrap()
    }

    #[test]
    fn an_edit_computes_what_is_behind_it_and_gives_the_same_numbers() {
        let decoder = decoder();
        let vocabulary = decoder.config().vocab_size as u32;
        let tokens = |edit: u32| -> Vec<u32> {
            (0..80).map(|place| (place * 7 + if place >= 50 { edit } else { 0 }) % vocabulary).collect()
        };
        let ops = Cpu::new(1);
        let mut kept = Prefixes::<Cpu>::default();
        for (edit, reused) in [(0, 0), (1, 50), (0, 80), (2, 50), (1, 80)] {
            let found = kept.of(&decoder, &ops, &tokens(edit), 1000, &mut || true).unwrap().unwrap();
            assert_eq!((found.reused, found.cache.0), (reused, 80));
            let fresh = Prefixes::default().of(&decoder, &ops, &tokens(edit), 1000, &mut || true).unwrap().unwrap();
            // Two rows behind the prefix, scored with the one and with the other.
            let labels: Arc<[Vec<u32>]> = Arc::from([vec![1], vec![2, 3]]);
            let item = |end: u32| Item { context: [tokens(edit), vec![end, 4]].concat(), labels: Arc::clone(&labels) };
            let plan = Plan::new(vec![item(5), item(6)], true, Budget { rows: 8, tokens: 100, padded: false });
            assert_eq!(plan.prefix, 80);
            let score =
                |cache: (usize, _)| score_batch(&decoder, &ops, &[cache], &plan, &[0, 1], &mut || true).unwrap();
            assert_eq!(score(found.cache), score(fresh.cache));
        }
        assert!(kept.of(&decoder, &ops, &tokens(3), 1000, &mut || false).unwrap().is_none());
    }

    #[test]
    fn the_last_used_ones_are_kept_and_no_more_than_fits() {
        let decoder = decoder();
        let ops = Cpu::new(1);
        let mut kept = Prefixes::<Cpu>::default();
        let prefix = |first: u32| -> Vec<u32> { (first..first + 10).collect() };
        let mut reused = |first: u32, bytes: usize| {
            kept.of(&decoder, &ops, &prefix(first), bytes, &mut || true).unwrap().unwrap().reused
        };
        // Two of ten tokens fit.
        let bytes = MOST_BYTES / 25;
        assert_eq!([reused(0, bytes), reused(20, bytes), reused(0, bytes)], [0, 0, 10]);
        assert_eq!([reused(40, bytes), reused(0, bytes), reused(20, bytes)], [0, 10, 0]);
        // Too long to be kept at all.
        assert_eq!([reused(60, MOST_BYTES), reused(60, MOST_BYTES)], [0, 0]);
    }
}
