//! Attention on the CPU: text by text and head by head, on several threads by texts.

use std::ops::Range;

use rayon::prelude::*;

use super::Mat;
use crate::model::kernel::{dots, scale_rows, softmax, weighted_sum};
use crate::model::layers::{AttentionGrads, Dropout, Relative, Texts, kernel};
use crate::model::matrix::{View, matmul};

/// The probabilities of all texts and heads, before dropout; empty where nothing is kept.
#[derive(Debug)]
pub struct Attended {
    probabilities: Vec<f32>,
}

/// One text: its tokens, its queries, and where its probabilities begin.
#[derive(Clone, Debug)]
struct Text {
    tokens: Range<usize>,
    queries: Range<usize>,
    start: usize,
}

/// What is the same for all texts.
#[derive(Clone, Copy)]
struct Shape<'a> {
    heads: usize,
    dim: usize,
    width: usize,
    scale: f32,
    /// The row of distance 0 in the tables of relative distances.
    center: usize,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    relative_keys: Option<&'a [f32]>,
    relative_queries: Option<&'a [f32]>,
    dropout: Dropout,
}

impl<'a> Shape<'a> {
    fn new(
        texts: &Texts,
        heads: usize,
        [q, k, v]: [&'a Mat; 3],
        relative: Relative<'a, Mat>,
        dropout: Dropout,
    ) -> Self {
        let dim = q.width / heads.max(1);
        Self {
            heads,
            dim,
            width: q.width,
            scale: 1.0 / ((dim * relative.kinds()) as f32).sqrt(),
            center: texts.longest().saturating_sub(1),
            q: &q.data,
            k: &k.data,
            v: &v.data,
            relative_keys: relative.keys.map(|keys| keys.data.as_slice()),
            relative_queries: relative.queries.map(|queries| queries.data.as_slice()),
            dropout,
        }
    }

    /// One head of some rows.
    fn head<'d>(&self, data: &'d [f32], rows: Range<usize>, head: usize) -> View<'d> {
        let start = (rows.start * self.width + head * self.dim).min(data.len());
        View::new(&data[start..], rows.len(), self.dim, self.width)
    }

    /// The rows of the tables for distances from `-(tokens − 1)` to `tokens − 1`.
    fn band(&self, tokens: usize) -> Range<usize> {
        self.center + 1 - tokens..self.center + tokens
    }
}

fn plan(texts: &Texts, heads: usize) -> (Vec<Text>, usize) {
    let mut start = 0;
    let list = texts.spans.iter().zip(texts.queries()).map(|(tokens, queries)| {
        let text = Text { tokens: tokens.clone(), queries, start };
        start += text.queries.len() * text.tokens.len() * heads;
        text
    });
    let list = list.collect();
    (list, start)
}

/// Splits a slice into the parts of the texts, each `len(text)` long.
fn split<'s>(mut data: &'s mut [f32], texts: &[Text], len: impl Fn(&Text) -> usize) -> Vec<&'s mut [f32]> {
    texts
        .iter()
        .map(|text| {
            let at = len(text).min(data.len());
            let (part, rest) = std::mem::take(&mut data).split_at_mut(at);
            data = rest;
            part
        })
        .collect()
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    band: Vec<f32>,
    grad: Vec<f32>,
    inverse: Vec<f32>,
}

fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    buffer.resize(len, 0.0);
    &mut buffer[..len]
}

/// Adds the scores of distances: `scores[i][j] += rows[i] · table[i − j]` for queries, `rows[j] · table[i − j]` for keys.
fn add_distances(shape: &Shape<'_>, text: &Text, head: usize, scores: &mut [f32], band: &mut Vec<f32>) {
    let tokens = text.tokens.len();
    let wide = 2 * tokens - 1;
    if text.queries.len() < tokens {
        // The first token alone asks: distance to token j is −j.
        if let Some(table) = shape.relative_keys {
            let query = &shape.q[text.queries.start * shape.width + head * shape.dim..][..shape.dim];
            for (j, score) in scores.iter_mut().enumerate() {
                let mut one = [0.0];
                let row = (shape.center - j) * shape.width + head * shape.dim;
                dots(&mut one, query, &table[row..][..shape.dim], shape.dim);
                *score += one[0];
            }
        }
        if let Some(table) = shape.relative_queries {
            for (j, score) in scores.iter_mut().enumerate() {
                let mut one = [0.0];
                let row = (shape.center - j) * shape.width + head * shape.dim;
                let key = &shape.k[(text.tokens.start + j) * shape.width + head * shape.dim..][..shape.dim];
                dots(&mut one, key, &table[row..][..shape.dim], shape.dim);
                *score += one[0];
            }
        }
        return;
    }
    if let Some(table) = shape.relative_keys {
        let band = sized(band, tokens * wide);
        let queries = shape.head(shape.q, text.queries.clone(), head);
        matmul(band, wide, queries, shape.head(table, shape.band(tokens), head).transposed(), false, 1);
        for (i, (scores, band)) in scores.chunks_exact_mut(tokens).zip(band.chunks_exact(wide)).enumerate() {
            // Distance i − j falls as j rises.
            for (score, &x) in scores.iter_mut().zip(band[i..i + tokens].iter().rev()) {
                *score += x;
            }
        }
    }
    if let Some(table) = shape.relative_queries {
        let band = sized(band, tokens * wide);
        let keys = shape.head(shape.k, text.tokens.clone(), head);
        matmul(band, wide, keys, shape.head(table, shape.band(tokens), head).transposed(), false, 1);
        for (i, scores) in scores.chunks_exact_mut(tokens).enumerate() {
            for (j, score) in scores.iter_mut().enumerate() {
                *score += band[j * wide + i + tokens - 1 - j];
            }
        }
    }
}

/// Attention forward.
pub fn forward(
    threads: usize,
    texts: &Texts,
    heads: usize,
    inputs: [&Mat; 3],
    relative: Relative<'_, Mat>,
    dropout: Dropout,
    keep: bool,
) -> (Mat, Attended) {
    let shape = Shape::new(texts, heads, inputs, relative, dropout);
    let (list, total) = plan(texts, heads);
    let queries = list.last().map_or(0, |text| text.queries.end);
    let mut out = Mat::zeros(queries, shape.width);
    let mut probabilities = vec![0.0; if keep { total } else { 0 }];
    let outs = split(&mut out.data, &list, |text| text.queries.len() * shape.width);
    let kept = split(&mut probabilities, &list, |text| text.queries.len() * text.tokens.len() * heads);
    let one = |scratch: &mut Scratch, ((text, out), kept): ((&Text, &mut [f32]), &mut [f32])| {
        let (rows, tokens) = (text.queries.len(), text.tokens.len());
        for head in 0..shape.heads {
            let scores = sized(&mut scratch.scores, rows * tokens);
            let q = shape.head(shape.q, text.queries.clone(), head);
            let k = shape.head(shape.k, text.tokens.clone(), head);
            matmul(scores, tokens, q, k.transposed(), false, 1);
            add_distances(&shape, text, head, scores, &mut scratch.band);
            let inverse = sized(&mut scratch.inverse, rows);
            softmax(scores, tokens, shape.scale, |_| tokens, inverse);
            scale_rows(scores, tokens, tokens, inverse);
            let place = head * rows * tokens;
            if let Some(kept) = kept.get_mut(place..place + rows * tokens) {
                kept.copy_from_slice(scores);
            }
            kernel::drop(scores, dropout, text.start + place);
            let v = shape.head(shape.v, text.tokens.clone(), head);
            let out = &mut out[head * shape.dim..];
            if rows == 1 {
                let start = text.tokens.start * shape.width + head * shape.dim;
                weighted_sum(&mut out[..shape.dim], scores, &shape.v[start..], shape.width);
            } else {
                matmul(out, shape.width, View::new(scores, rows, tokens, tokens), v, false, 1);
            }
        }
    };
    let work = list.iter().zip(outs).zip(kept);
    if threads < 2 {
        let mut scratch = Scratch::default();
        work.filter(|((text, _), _)| !text.tokens.is_empty()).for_each(|work| one(&mut scratch, work));
    } else {
        let work: Vec<_> = work.filter(|((text, _), _)| !text.tokens.is_empty()).collect();
        work.into_par_iter().for_each_init(Scratch::default, one);
    }
    (out, Attended { probabilities })
}

/// Gradients of the tables of relative distances, summed over some texts.
struct Tables {
    keys: Option<Mat>,
    queries: Option<Mat>,
}

/// Attention backward.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    threads: usize,
    texts: &Texts,
    heads: usize,
    inputs: [&Mat; 3],
    relative: Relative<'_, Mat>,
    dropout: Dropout,
    kept: &Attended,
    grad: &Mat,
) -> AttentionGrads<Mat> {
    let shape = Shape::new(texts, heads, inputs, relative, dropout);
    let (list, _) = plan(texts, heads);
    let [q, k, v] = inputs;
    let (mut dq, mut dk, mut dv) =
        (Mat::zeros(q.rows(), q.width), Mat::zeros(k.rows(), k.width), Mat::zeros(v.rows(), v.width));
    let of_queries = |text: &Text| text.queries.len() * shape.width;
    let of_tokens = |text: &Text| text.tokens.len() * shape.width;
    let parts = split(&mut dq.data, &list, of_queries)
        .into_iter()
        .zip(split(&mut dk.data, &list, of_tokens))
        .zip(split(&mut dv.data, &list, of_tokens));
    let mut work: Vec<_> = list.iter().zip(parts).map(|(text, ((dq, dk), dv))| (text, [dq, dk, dv])).collect();
    let table = |table: Option<&Mat>| table.map(|table| Mat::zeros(table.rows(), table.width));
    let share = work.len().div_ceil(threads.max(1)).max(1);
    // Each part sums into tables of its own, which are added up in the order of the texts.
    let sums: Vec<Tables> = work
        .par_chunks_mut(share)
        .map(|work| {
            let mut scratch = Scratch::default();
            let mut tables = Tables { keys: table(relative.keys), queries: table(relative.queries) };
            for (text, grads) in work {
                for head in 0..shape.heads {
                    if !text.tokens.is_empty() {
                        back_head(&shape, text, head, kept, &grad.data, grads, &mut tables, &mut scratch);
                    }
                }
            }
            tables
        })
        .collect();
    let sum = |parts: Vec<Option<Mat>>| {
        parts.into_iter().flatten().reduce(|mut sum, part| {
            kernel::add(&mut sum.data, &part.data);
            sum
        })
    };
    let (keys, queries) = sums.into_iter().map(|tables| (tables.keys, tables.queries)).unzip();
    let (relative_keys, relative_queries) = (sum(keys), sum(queries));
    AttentionGrads { q: dq, k: dk, v: dv, relative_keys, relative_queries }
}

/// The backward pass of one head of one text.
#[allow(clippy::too_many_arguments)]
fn back_head(
    shape: &Shape<'_>,
    text: &Text,
    head: usize,
    kept: &Attended,
    grad: &[f32],
    [dq, dk, dv]: &mut [&mut [f32]; 3],
    tables: &mut Tables,
    scratch: &mut Scratch,
) {
    let (rows, tokens, dim, width) = (text.queries.len(), text.tokens.len(), shape.dim, shape.width);
    let place = text.start + head * rows * tokens;
    let probabilities = &kept.probabilities[place..place + rows * tokens];
    let grad = shape.head(grad, text.queries.clone(), head);
    let (q, k) = (shape.head(shape.q, text.queries.clone(), head), shape.head(shape.k, text.tokens.clone(), head));
    let v = shape.head(shape.v, text.tokens.clone(), head);
    let column = head * dim;
    let dropped = sized(&mut scratch.scores, rows * tokens);
    dropped.copy_from_slice(probabilities);
    kernel::drop(dropped, shape.dropout, place);
    matmul(&mut dv[column..], width, View::new(dropped, rows, tokens, tokens).transposed(), grad, false, 1);
    // From here on the gradient of the scores.
    let scores = sized(&mut scratch.grad, rows * tokens);
    matmul(scores, tokens, grad, v.transposed(), false, 1);
    kernel::drop(scores, shape.dropout, place);
    kernel::softmax_back(scores, probabilities, tokens, shape.scale);
    matmul(&mut dq[column..], width, View::new(scores, rows, tokens, tokens), k, false, 1);
    matmul(&mut dk[column..], width, View::new(scores, rows, tokens, tokens).transposed(), q, false, 1);
    let wide = 2 * tokens - 1;
    let table_at = shape.band(tokens).start * width + column;
    if let (Some(table), Some(sum)) = (shape.relative_keys, &mut tables.keys) {
        // By query and distance instead of by query and key.
        let band = sized(&mut scratch.band, rows * wide);
        band.fill(0.0);
        for (i, (band, scores)) in band.chunks_exact_mut(wide).zip(scores.chunks_exact(tokens)).enumerate() {
            for (x, &score) in band[i..i + tokens].iter_mut().rev().zip(scores) {
                *x = score;
            }
        }
        let band = View::new(band, rows, wide, wide);
        matmul(&mut dq[column..], width, band, shape.head(table, shape.band(tokens), head), true, 1);
        matmul(&mut sum.data[table_at..], width, band.transposed(), q, true, 1);
    }
    if let (Some(table), Some(sum)) = (shape.relative_queries, &mut tables.queries) {
        let band = sized(&mut scratch.band, tokens * wide);
        band.fill(0.0);
        for (i, scores) in scores.chunks_exact(tokens).enumerate() {
            for (j, &score) in scores.iter().enumerate() {
                band[j * wide + i + tokens - 1 - j] = score;
            }
        }
        let band = View::new(band, tokens, wide, wide);
        matmul(&mut dk[column..], width, band, shape.head(table, shape.band(tokens), head), true, 1);
        matmul(&mut sum.data[table_at..], width, band.transposed(), k, true, 1);
    }
}
