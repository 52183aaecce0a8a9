//! How a job's prompts are laid out: what they share, which are the same, and which are computed together.
//!
//! The layout depends on the prompts, the labels and the budget alone, not on which prompts are answered already: a
//! resumed run repeats the batches of an unbroken one and so computes the same numbers.

use std::collections::HashMap;
use std::sync::Arc;

use super::event::Answer;

/// One distinct prompt, as token ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    /// Tokens of the prompt, up to where the labels begin.
    pub context: Vec<u32>,
    /// Tokens of each label behind it, shared by all prompts that end alike; empty where text is generated.
    pub labels: Arc<[Vec<u32>]>,
}

impl Item {
    /// Tokens of prompt and longest label together.
    pub fn len(&self) -> usize {
        self.context.len() + self.labels.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Whether there is no token at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a batch may hold; one prompt at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The most prompts.
    pub rows: usize,
    /// About the most tokens behind the shared prefix.
    pub tokens: usize,
    /// Whether rows are padded to the longest, and padding counts.
    pub padded: bool,
}

/// The layout of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The distinct prompts.
    pub items: Vec<Item>,
    /// For each distinct prompt the indices of the prompts it answers.
    pub answers: Vec<Vec<usize>>,
    /// How many tokens at the start all prompts share. Each prompt has at least one token behind them.
    pub prefix: usize,
    /// Places in `items` that are computed together.
    pub batches: Vec<Vec<usize>>,
}

impl Plan {
    /// Lays out `items`, in the caller's order, in batches that obey `budget`, shortest first.
    pub fn new(items: Vec<Item>, merge_equal: bool, budget: Budget) -> Self {
        let mut plan = Self::default();
        let mut seen: HashMap<&Item, usize> = HashMap::new();
        let mut distinct = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let known = if merge_equal { seen.get(item).copied() } else { None };
            match known.and_then(|place| plan.answers.get_mut(place)) {
                Some(answers) => answers.push(index),
                None => {
                    seen.insert(item, plan.answers.len());
                    plan.answers.push(vec![index]);
                }
            }
            distinct.push(known.is_none());
        }
        plan.items = items.into_iter().zip(distinct).filter(|(_, distinct)| *distinct).map(|(item, _)| item).collect();
        plan.prefix = shared_prefix(&plan.items);
        let own = |place: usize| plan.items.get(place).map_or(0, |item| item.context.len() - plan.prefix);
        let mut order: Vec<usize> = (0..plan.items.len()).collect();
        order.sort_by_key(|&place| (own(place), place));
        let mut batch = Vec::new();
        let mut filled = 0;
        for place in order {
            // The newest is the longest: all others are padded to it, where rows are padded.
            let with_it =
                if budget.padded { (batch.len() + 1).saturating_mul(own(place)) } else { filled + own(place) };
            if !batch.is_empty() && (batch.len() >= budget.rows.max(1) || with_it > budget.tokens) {
                plan.batches.push(std::mem::take(&mut batch));
                filled = 0;
            }
            filled += own(place);
            batch.push(place);
        }
        if !batch.is_empty() {
            plan.batches.push(batch);
        }
        plan
    }

    /// The answers that a distinct prompt gives: `make` is told each prompt's index and the tokens of its text.
    pub fn answer(&self, place: usize, make: impl Fn(usize, usize) -> Answer) -> Vec<Answer> {
        let prompt_tokens = self.items.get(place).map_or(0, |item| item.context.len());
        self.answers.get(place).into_iter().flatten().map(|&index| make(index, prompt_tokens)).collect()
    }

    /// Whether all prompts that a batch answers are done.
    pub fn is_done(&self, batch: &[usize], done: &[bool]) -> bool {
        let is_done = |index: &usize| done.get(*index).copied().unwrap_or(false);
        batch.iter().filter_map(|&place| self.answers.get(place)).flatten().all(is_done)
    }
}

/// Tokens that all contexts begin with, leaving each at least one of its own; none for a single prompt.
pub fn shared_prefix(items: &[Item]) -> usize {
    let [first, others @ ..] = items else { return 0 };
    if others.is_empty() {
        return 0;
    }
    let mut shared = first.context.len().saturating_sub(1);
    for other in others {
        let common = first.context.iter().zip(&other.context).take_while(|(a, b)| a == b).count();
        shared = shared.min(common).min(other.context.len().saturating_sub(1));
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(context: &[u32]) -> Item {
        Item { context: context.to_vec(), labels: Arc::from([vec![90], vec![91, 92]]) }
    }

    fn budget(rows: usize, tokens: usize) -> Budget {
        Budget { rows, tokens, padded: false }
    }

    #[test]
    fn padding_counts_where_rows_are_padded() {
        let lengths = [2u32, 2, 2, 30];
        let items = || lengths.iter().enumerate().map(|(i, len)| item(&vec![i as u32; *len as usize])).collect();
        assert_eq!(Plan::new(items(), true, budget(8, 40)).batches.len(), 1);
        let padded = Budget { padded: true, ..budget(8, 40) };
        assert_eq!(Plan::new(items(), true, padded).batches, [vec![0, 1, 2], vec![3]]);
    }

    #[test]
    fn equal_prompts_are_computed_once_and_the_prefix_leaves_a_token() {
        let plan = Plan::new(vec![item(&[1, 2, 3]), item(&[1, 2, 3, 4]), item(&[1, 2, 3])], true, budget(10, 100));
        assert_eq!(plan.items.len(), 2);
        assert_eq!(plan.answers, [vec![0, 2], vec![1]]);
        assert_eq!(plan.prefix, 2);
        assert_eq!(plan.batches, [vec![0, 1]]);
    }

    #[test]
    fn batches_obey_rows_and_tokens_and_hold_everything_once() {
        let items: Vec<Item> =
            (0..50u32).map(|i| item(&(0..=(i * 7) % 23).map(|t| t + i * 100).collect::<Vec<_>>())).collect();
        let plan = Plan::new(items, true, budget(4, 40));
        let mut places: Vec<usize> = plan.batches.iter().flatten().copied().collect();
        for batch in &plan.batches {
            let tokens: usize = batch.iter().map(|&place| plan.items[place].context.len()).sum();
            assert!(batch.len() <= 4 && (tokens <= 40 || batch.len() == 1));
        }
        places.sort_unstable();
        assert_eq!(places, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_batch_is_done_when_all_its_prompts_are() {
        let plan = Plan::new(vec![item(&[1]), item(&[2]), item(&[1])], true, budget(1, 100));
        assert!(plan.is_done(&[0], &[true, false, true]));
        assert!(!plan.is_done(&[0], &[true, true, false]));
        assert!(!plan.is_done(&[1], &[]));
    }

    #[test]
    fn a_single_prompt_shares_nothing() {
        assert_eq!(Plan::new(vec![item(&[1, 2, 3])], true, budget(8, 8)).prefix, 0);
        assert!(Plan::new(Vec::new(), true, budget(8, 8)).batches.is_empty());
    }
}
