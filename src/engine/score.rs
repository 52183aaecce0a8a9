//! Log-probabilities of labels: every label's own tokens, exactly, for about one forward pass.
//!
//! The inner nodes of the labels' trie ride behind each prompt as a tree ([`crate::model::kv`]): the hidden state of the
//! prompt's last token gives the labels' first tokens, that of each node the tokens that continue it.

use candle_core::Result;

use crate::model::decoder::Decoder;
use crate::model::kv::{Batch, Node, Past, Row};
use crate::model::ops::Ops;

use super::plan::{Item, Plan};

/// Tokens that are computed at once where there is no batch to fill: a prefix, a long prompt.
pub const CHUNK: usize = 512;

/// The labels of one item as a tree, and where each label's tokens are read.
struct Trie {
    nodes: Vec<Node>,
    /// For each label its tokens, each with the place of the query that predicts it: 0 is the prompt's last token,
    /// `n + 1` is node `n`.
    labels: Vec<Vec<(usize, u32)>>,
}

impl Trie {
    fn new(labels: &[Vec<u32>]) -> Self {
        let mut nodes: Vec<Node> = Vec::new();
        let mut reads = Vec::with_capacity(labels.len());
        for tokens in labels {
            let mut at: Option<usize> = None;
            let mut read = Vec::with_capacity(tokens.len());
            for (depth, &token) in tokens.iter().enumerate() {
                read.push((at.map_or(0, |node| node + 1), token));
                if depth + 1 < tokens.len() {
                    let node = Node { token, parent: at };
                    at = Some(nodes.iter().position(|known| *known == node).unwrap_or_else(|| {
                        nodes.push(node);
                        nodes.len() - 1
                    }));
                }
            }
            reads.push(read);
        }
        Self { nodes, labels: reads }
    }
}

/// Computes keys and values of `tokens` behind what `shared` holds, piece by piece; `go_on` is asked before each
/// layer of each.
pub fn prefill<O: Ops>(
    decoder: &Decoder,
    ops: &O,
    shared: &[(usize, O::Cache)],
    tokens: &[u32],
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<(usize, O::Cache)>> {
    let past = go_on_with(decoder, ops, shared, Past::none(ops, 1), tokens, go_on)?;
    past.map(|past| past.share(ops)).transpose()
}

/// The same behind one row's past, which grows by `tokens`.
pub fn go_on_with<O: Ops>(
    decoder: &Decoder,
    ops: &O,
    shared: &[(usize, O::Cache)],
    mut past: Past<O::Past>,
    tokens: &[u32],
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Past<O::Past>>> {
    for piece in tokens.chunks(CHUNK) {
        let rows = [Row { tokens: piece.to_vec(), tree: Vec::new(), wanted: piece.len() }];
        let mut batch = Batch { rows: &rows, shared, past: Some(&mut past) };
        if decoder.forward_while(ops, &mut batch, go_on)?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(past))
}

/// Log-probabilities of each item's labels, in the order of `batch`; nothing once `go_on` has said no.
pub fn score_batch<O: Ops>(
    decoder: &Decoder,
    ops: &O,
    shared: &[(usize, O::Cache)],
    plan: &Plan,
    batch: &[usize],
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<Vec<f64>>>> {
    let items: Vec<&Item> = batch.iter().filter_map(|&place| plan.items.get(place)).collect();
    let tries: Vec<Trie> = items.iter().map(|item| Trie::new(&item.labels)).collect();
    let own = |item: &Item| item.context.get(plan.prefix..).unwrap_or_default().to_vec();
    // A prompt too long for one piece goes alone, its first part through a cache.
    if let ([item], [trie]) = (&*items, &*tries)
        && own(item).len() > 2 * CHUNK
    {
        let tokens = own(item);
        let (first, last) = tokens.split_at(tokens.len() - CHUNK);
        let past = go_on_with(decoder, ops, shared, Past::none(ops, 1), first, go_on)?;
        let Some(mut past) = past else { return Ok(None) };
        let rows = [Row { tokens: last.to_vec(), tree: trie.nodes.clone(), wanted: last.len() - 1 }];
        let mut batch = Batch { rows: &rows, shared, past: Some(&mut past) };
        let Some(hidden) = decoder.forward_while(ops, &mut batch, go_on)? else { return Ok(None) };
        return read_labels(decoder, ops, &hidden, &tries).map(Some);
    }
    let rows: Vec<Row> = items
        .iter()
        .zip(&tries)
        .map(|(item, trie)| Row { tree: trie.nodes.clone(), ..Row::causal(own(item)) })
        .collect();
    let mut batch = Batch { rows: &rows, shared, past: None };
    let Some(hidden) = decoder.forward_while(ops, &mut batch, go_on)? else { return Ok(None) };
    read_labels(decoder, ops, &hidden, &tries).map(Some)
}

fn read_labels<O: Ops>(decoder: &Decoder, ops: &O, hidden: &O::Mat, tries: &[Trie]) -> Result<Vec<Vec<f64>>> {
    // What is read, by query: (query, row, label, token).
    let mut reads = Vec::new();
    let mut query = 0;
    for (row, trie) in tries.iter().enumerate() {
        for (label, tokens) in trie.labels.iter().enumerate() {
            reads.extend(tokens.iter().map(|&(at, token)| (query + at, row, label, token)));
        }
        query += trie.nodes.len() + 1;
    }
    reads.sort_unstable();
    let mut out: Vec<Vec<f64>> = tries.iter().map(|trie| vec![0.0; trie.labels.len()]).collect();
    for first in (0..query).step_by(O::LOGIT_ROWS) {
        let places = first..query.min(first + O::LOGIT_ROWS);
        let here = reads.iter().filter(|read| places.contains(&read.0));
        let asked: Vec<(usize, u32)> = here.clone().map(|&(at, _, _, token)| (at - first, token)).collect();
        let logits = decoder.logits(ops, &ops.select(hidden, &places.clone().collect::<Vec<_>>())?)?;
        for (&(_, row, label, _), logprob) in here.zip(ops.logprobs(&logits, &asked)?) {
            if let Some(sum) = out.get_mut(row).and_then(|labels| labels.get_mut(label)) {
                *sum += logprob;
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_begin_alike_share_nodes() {
        let trie = Trie::new(&[vec![1, 2, 3], vec![1, 2, 4], vec![5], vec![1, 6]]);
        assert_eq!(trie.nodes, [Node { token: 1, parent: None }, Node { token: 2, parent: Some(0) }]);
        assert_eq!(trie.labels[0], [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(trie.labels[1], [(0, 1), (1, 2), (2, 4)]);
        assert_eq!(trie.labels[2], [(0, 5)]);
        assert_eq!(trie.labels[3], [(0, 1), (1, 6)]);
    }
}
