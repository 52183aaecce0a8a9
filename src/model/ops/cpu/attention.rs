//! Attention on the CPU: some queries at a time, so that their scores stay in a cache from one product to the next.

use std::ops::Range;

use super::super::Heads;
use crate::model::kernel;
use crate::model::kv::Row;
use crate::model::matrix::{Right, View, near_matmul};
use crate::model::scratch::Buffer;

/// Queries of one row that are computed together, at the most: keys behind the last of them are left out.
const PIECE: usize = 96;
/// Queries from which on no further row joins a group: few enough that their scores stay in a cache from one product to the
/// next.
const GROUP: usize = 96;

/// Some queries of one row, and its own keys and values.
pub(super) struct Piece<'a> {
    row: &'a Row,
    /// The queries among all.
    queries: Range<usize>,
    /// The place in the row of the first of them.
    place: usize,
    /// Tokens kept from before.
    past: usize,
    /// What the queries may see of the rows of `keys` and `values`: past and new tokens.
    tokens: Range<usize>,
    keys: &'a [f32],
    values: &'a [f32],
}

impl<'a> Piece<'a> {
    /// A row's queries in pieces. Of the row's own `past` and new tokens the first is at `first` in `keys` and `values`.
    pub(super) fn of(
        row: &'a Row,
        queries: Range<usize>,
        past: usize,
        first: usize,
        (keys, values): (&'a [f32], &'a [f32]),
    ) -> impl Iterator<Item = Self> {
        queries.clone().step_by(PIECE).map(move |start| {
            let place = row.wanted + start - queries.start;
            let queries = start..queries.end.min(start + PIECE);
            // Nothing behind the last query is seen.
            let tokens = first..first + past + place + queries.len();
            Self { row, queries, place, past, tokens, keys, values }
        })
    }

    /// How many of the row's own tokens a query may see, counted among the piece's queries: those up to itself.
    fn valid(&self, query: usize) -> usize {
        self.past + self.place + query + 1
    }

    /// Masks what tree nodes do not see of the tokens before them. `scores` begin with those of the first query's own tokens.
    fn mask(&self, scores: &mut [f32], score_row: usize) {
        let causal = self.row.tokens.len();
        for query in 0..self.queries.len() {
            let place = self.place + query;
            for other in causal..place {
                if !self.row.sees(place, other) {
                    scores[query * score_row + self.past + other] = f32::NEG_INFINITY;
                }
            }
        }
    }
}

/// Attention of all queries in one layer.
pub(super) struct Attention<'a> {
    heads: Heads,
    /// Queries, in rows of all heads.
    q: &'a [f32],
    /// What all see: tokens, and the keys, turned, and values of each head of keys.
    shared: Vec<(usize, Vec<(Right<'a>, Right<'a>)>)>,
    /// The queries by rows, in their order.
    pieces: Vec<Piece<'a>>,
}

impl<'a> Attention<'a> {
    /// Queries, in pieces, and what all see: tokens, and their keys and values in rows of all heads of keys.
    pub(super) fn new(
        heads: Heads,
        q: &'a [f32],
        shared: &[(usize, &'a [f32], &'a [f32])],
        pieces: Vec<Piece<'a>>,
    ) -> Self {
        let (dim, width) = (heads.dim, heads.kv * heads.dim);
        let queries = pieces.iter().map(|piece| piece.queries.len()).sum::<usize>().min(GROUP);
        let of_head = |len: usize, keys: &'a [f32], values: &'a [f32], head: usize| {
            let view = |data: &'a [f32]| rows_of(data, 0..len, width, head * dim, dim).1;
            (Right::new(view(keys).transposed(), queries), Right::new(view(values), queries))
        };
        let of_all = |&(len, keys, values): &(usize, &'a [f32], &'a [f32])| {
            (len, (0..heads.kv).map(|head| of_head(len, keys, values, head)).collect())
        };
        Self { heads, q, shared: shared.iter().map(of_all).collect(), pieces }
    }

    /// Scores of one head, about.
    pub(super) fn scores(&self) -> usize {
        let shared: usize = self.shared.iter().map(|(len, ..)| len).sum();
        self.pieces.iter().map(|piece| piece.queries.len() * (shared + piece.tokens.len())).sum()
    }

    /// One head of all queries: `out` begins with the head's first column and has rows of `out_row`.
    pub(super) fn head(&self, head: usize, out: &mut [f32], out_row: usize) {
        let mut rest = &*self.pieces;
        while !rest.is_empty() {
            let mut queries = 0;
            let joins = |piece: &&Piece<'_>| {
                let joins = queries < GROUP;
                queries += piece.queries.len();
                joins
            };
            let (group, behind) = rest.split_at(rest.iter().take_while(joins).count());
            self.group(head, group, out, out_row);
            rest = behind;
        }
    }

    fn group(&self, head: usize, group: &[Piece<'_>], out: &mut [f32], out_row: usize) {
        let Heads { query: query_heads, kv, dim } = self.heads;
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
        let queries = first.queries.start..last.queries.end;
        let (q_width, width) = (query_heads * dim, kv * dim);
        let kv_head = head / (query_heads / kv).max(1);
        let q = &self.q[queries.start * q_width + head * dim..];
        let out = &mut out[queries.start * out_row..];
        let keys_of = |data| move |tokens: Range<usize>| rows_of(data, tokens, width, kv_head * dim, dim);

        let shared_len: usize = self.shared.iter().map(|(len, ..)| len).sum();
        let longest = group.iter().map(|piece| piece.tokens.len()).max().unwrap_or(0);
        let score_row = shared_len + longest;
        // What a query does not see is zeroed by the softmax.
        let mut scores = Buffer::of(queries.len() * score_row);
        let mut at = 0;
        for (len, of_heads) in &self.shared {
            if let Some((keys, _)) = of_heads.get(kv_head) {
                keys.times(&mut scores[at..], score_row, View::new(q, queries.len(), dim, q_width), false);
            }
            at += len;
        }
        for piece in group {
            let own = piece.queries.start - queries.start;
            let (data, keys) = keys_of(piece.keys)(piece.tokens.clone());
            let scores = &mut scores[own * score_row + shared_len..];
            let q = &q[own * q_width..];
            if piece.queries.len() == 1 {
                kernel::dots(&mut scores[..piece.tokens.len()], &q[..dim], data, width);
            } else {
                let q = View::new(q, piece.queries.len(), dim, q_width);
                near_matmul(scores, score_row, q, keys.transposed(), false);
            }
            piece.mask(scores, score_row);
        }
        let valid: Vec<usize> = group
            .iter()
            .flat_map(|piece| (0..piece.queries.len()).map(move |query| shared_len + piece.valid(query)))
            .collect();
        let mut inverse = Buffer::of(queries.len());
        let valid = |query: usize| valid.get(query).copied().unwrap_or(0);
        kernel::softmax(&mut scores, score_row, 1.0 / (dim as f32).sqrt(), valid, &mut inverse);

        let mut at = 0;
        for (len, of_heads) in &self.shared {
            if let Some((_, values)) = of_heads.get(kv_head) {
                values.times(out, out_row, View::new(&scores[at..], queries.len(), *len, score_row), at > 0);
            }
            at += len;
        }
        for piece in group {
            let own = piece.queries.start - queries.start;
            let (data, values) = keys_of(piece.values)(piece.tokens.clone());
            let weights = &scores[own * score_row + shared_len..];
            let out = &mut out[own * out_row..];
            if piece.queries.len() == 1 {
                let out = &mut out[..dim];
                if shared_len == 0 {
                    out.fill(0.0);
                }
                kernel::weighted_sum(out, &weights[..piece.tokens.len()], data, width);
            } else {
                let weights = View::new(weights, piece.queries.len(), piece.tokens.len(), score_row);
                near_matmul(out, out_row, weights, values, shared_len > 0);
            }
        }
        kernel::scale_rows(out, out_row, dim, &inverse);
    }
}

/// Some tokens' keys or values of one head, from the first token's on; and as a matrix of `dim` columns.
fn rows_of(data: &[f32], tokens: Range<usize>, width: usize, column: usize, dim: usize) -> (&[f32], View<'_>) {
    let start = (tokens.start * width + column).min(data.len());
    let data = data.get(start..tokens.end * width).unwrap_or_default();
    (data, View::new(data, tokens.len(), dim, width))
}
