//! What rows of a batch attend to: the prefix they share, their own past, and their new tokens.
//!
//! The new tokens of all rows lie packed one after another, without padding. A row is a run of causal tokens, perhaps
//! followed by the inner nodes of a tree: branches that all continue the causal run and do not see each other (the tokens
//! of labels that are scored together).

use std::ops::Range;

/// The new tokens of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Tokens that each see all before them.
    pub tokens: Vec<u32>,
    /// Nodes of the tree behind them, parents before children.
    pub tree: Vec<Node>,
    /// The first token, counted from the row's own start, whose output is wanted; all from there on are.
    pub wanted: usize,
}

/// A node of the tree behind a row's causal tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The token.
    pub token: u32,
    /// The parent's place in the tree; none for a child of the row's last causal token.
    pub parent: Option<usize>,
}

impl Row {
    /// A causal row of which the last token's output is wanted.
    pub fn causal(tokens: Vec<u32>) -> Self {
        let wanted = tokens.len().saturating_sub(1);
        Self { tokens, tree: Vec::new(), wanted }
    }

    /// Tokens in all.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.tree.len()
    }

    /// Whether the row has no token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tokens lie between the row's start and the token at `place`, in its own branch.
    pub fn depth(&self, place: usize) -> usize {
        let causal = self.tokens.len();
        if place < causal {
            return place;
        }
        let mut depth = causal;
        let mut node = self.tree.get(place - causal);
        while let Some(parent) = node.and_then(|node| node.parent) {
            depth += 1;
            node = self.tree.get(parent);
        }
        depth
    }

    /// Whether the tree node at `place` sees the token at `other` (both counted from the row's start).
    pub fn sees(&self, place: usize, other: usize) -> bool {
        let causal = self.tokens.len();
        if place < causal || other < causal {
            return other <= place;
        }
        let mut at = place - causal;
        loop {
            if at == other - causal {
                return true;
            }
            match self.tree.get(at).and_then(|node| node.parent) {
                Some(parent) => at = parent,
                None => return false,
            }
        }
    }
}

/// What the rows of a batch have behind them, each for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past<P> {
    /// Tokens of each row's past.
    pub lens: Vec<usize>,
    /// Their keys and values.
    pub kept: P,
}

/// Rows that are computed together.
#[derive(Debug)]
pub struct Batch<'a, C, P> {
    /// The rows.
    pub rows: &'a [Row],
    /// Keys and values that every row sees, in order, with the number of their tokens.
    pub shared: &'a [(usize, C)],
    /// The rows' own past, to which their new tokens are added; or nothing, where rows have none and keep none.
    pub past: Option<&'a mut Past<P>>,
}

impl<C, P> Batch<'_, C, P> {
    /// Tokens shared by all rows.
    pub fn shared_len(&self) -> usize {
        self.shared.iter().map(|(len, _)| len).sum()
    }

    /// Tokens of a row's own past.
    pub fn past_len(&self, row: usize) -> usize {
        self.past.as_ref().and_then(|past| past.lens.get(row)).copied().unwrap_or(0)
    }

    /// The packed tokens.
    pub fn ids(&self) -> Vec<u32> {
        self.rows
            .iter()
            .flat_map(|row| row.tokens.iter().copied().chain(row.tree.iter().map(|node| node.token)))
            .collect()
    }

    /// The position of each packed token in its own text.
    pub fn positions(&self) -> Vec<usize> {
        let shared = self.shared_len();
        let of_row = |(index, row): (usize, &Row)| {
            let start = shared + self.past_len(index);
            (0..row.len()).map(|place| start + row.depth(place)).collect::<Vec<_>>()
        };
        self.rows.iter().enumerate().flat_map(of_row).collect()
    }

    /// Where each row's tokens lie among the packed ones.
    pub fn spans(&self) -> Vec<Range<usize>> {
        spans(self.rows.iter().map(Row::len))
    }

    /// The packed tokens whose outputs are wanted.
    pub fn queries(&self) -> Vec<usize> {
        self.spans()
            .into_iter()
            .zip(self.rows)
            .flat_map(|(span, row)| (span.start + row.wanted).min(span.end)..span.end)
            .collect()
    }
}

/// Ranges of the given lengths, one after another.
pub fn spans(lengths: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut start = 0;
    lengths
        .map(|len| {
            let span = start..start + len;
            start = span.end;
            span
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        // 7 8 9, then a with children b and c, and d beside a
        let node = |token, parent| Node { token, parent };
        Row {
            tokens: vec![7, 8, 9],
            tree: vec![node(1, None), node(2, Some(0)), node(3, Some(0)), node(4, None)],
            wanted: 2,
        }
    }

    #[test]
    fn tree_nodes_see_their_ancestors_alone() {
        let row = row();
        assert!((0..3).all(|other| row.sees(5, other)));
        assert!(row.sees(5, 3) && row.sees(5, 5));
        assert!(!row.sees(5, 4) && !row.sees(6, 3) && !row.sees(4, 6));
        assert!(!row.sees(0, 1));
    }

    #[test]
    fn positions_follow_branches_and_the_past() {
        let rows = [row(), Row::causal(vec![5, 6])];
        let mut past = Past { lens: vec![0, 4], kept: () };
        let batch = Batch { rows: &rows, shared: &[(10, ())], past: Some(&mut past) };
        assert_eq!(batch.ids(), [7, 8, 9, 1, 2, 3, 4, 5, 6]);
        assert_eq!(batch.positions(), [10, 11, 12, 13, 14, 14, 13, 14, 15]);
        assert_eq!(batch.queries(), [2, 3, 4, 5, 6, 8]);
    }
}
