//! The best way to cut a text into pieces, as sentencepiece finds it.
//!
//! The `tokenizers` crate has the same algorithm in f64 and word by word. Where two ways are equally good, as `oo` and `o` in
//! either order, the rounding of f32 over the whole text decides, so it is done here as in
//! <https://github.com/google/sentencepiece/blob/master/src/unigram_model.cc>.

use std::collections::HashMap;

use super::proto::{Kind, Model};

/// How much worse than the worst piece a character is that has none.
const UNKNOWN_PENALTY: f32 = 10.0;

/// The pieces of a model, to be looked for in texts.
#[derive(Clone, Debug)]
pub struct Lattice {
    /// From a node and a byte to the next node; 0 is the root.
    children: HashMap<(u32, u8), u32>,
    /// The piece that ends at a node: id and score.
    ends: Vec<Option<(u32, f32)>>,
    unknown: u32,
    unknown_score: f32,
    /// The pieces of single bytes, where what has no piece becomes bytes.
    bytes: Option<Vec<u32>>,
}

/// The best way to a place in a text.
#[derive(Clone, Copy)]
struct Best {
    id: u32,
    score: f32,
    start: usize,
}

impl Lattice {
    /// Takes the pieces of a model; `unknown` is the id for what has none.
    pub fn new(model: &Model, unknown: u32) -> Result<Self, String> {
        let normal = model.pieces.iter().filter(|piece| piece.kind == Kind::Normal).map(|piece| piece.score);
        let (worst, best) = normal.fold((f32::MAX, f32::MIN), |(min, max), score| (min.min(score), max.max(score)));
        let (mut children, mut ends) = (HashMap::new(), vec![None]);
        let mut bytes = HashMap::new();
        for (id, piece) in (0_u32..).zip(&model.pieces) {
            let score = match piece.kind {
                Kind::Normal => piece.score,
                // So good that it is always taken.
                Kind::UserDefined => piece.text.len() as f32 * best - 0.1,
                Kind::Byte => {
                    bytes.insert(piece.text.as_str(), id);
                    continue;
                }
                Kind::Unknown | Kind::Control | Kind::Unused => continue,
            };
            let mut node = 0;
            for byte in piece.text.bytes() {
                let next = u32::try_from(ends.len()).map_err(|_| "it has too many pieces".to_owned())?;
                node = *children.entry((node, byte)).or_insert(next);
                if node == next {
                    ends.push(None);
                }
            }
            if let Some(end) = usize::try_from(node).ok().and_then(|node| ends.get_mut(node)) {
                *end = Some((id, score));
            }
        }
        let bytes = model.byte_fallback.then(|| {
            let find = |byte| bytes.get(format!("<0x{byte:02X}>").as_str()).copied();
            (0..=u8::MAX).map(find).collect::<Option<Vec<u32>>>()
        });
        let bytes = bytes.map(|found| found.ok_or("it falls back to bytes and lacks pieces for some")).transpose()?;
        Ok(Self { children, ends, unknown, unknown_score: worst - UNKNOWN_PENALTY, bytes })
    }

    /// Appends the ids of the pieces of a text that is normalised.
    pub fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let mut best: Vec<Option<Best>> = vec![None; text.len().saturating_add(1)];
        for (start, letter) in text.char_indices() {
            let before = best.get(start).copied().flatten().map_or(0.0, |best| best.score);
            let mut reach = |end: usize, id: u32, score: f32| {
                let score = score + before;
                if let Some(place) = best.get_mut(end)
                    && place.is_none_or(|there| score > there.score)
                {
                    *place = Some(Best { id, score, start });
                }
            };
            let single = start.saturating_add(letter.len_utf8());
            let (mut node, mut has_single) = (0, false);
            for (at, byte) in text.bytes().enumerate().skip(start) {
                let Some(next) = self.children.get(&(node, byte)) else { break };
                node = *next;
                let end = at.saturating_add(1);
                if let Some((id, score)) = usize::try_from(node).ok().and_then(|node| *self.ends.get(node)?) {
                    reach(end, id, score);
                    has_single |= end == single;
                }
            }
            if !has_single {
                reach(single, self.unknown, self.unknown_score);
            }
        }
        let mut path = Vec::new();
        let mut end = text.len();
        while let Some(step) = best.get(end).copied().flatten() {
            path.push((step.id, step.start..end));
            end = step.start;
        }
        let mut after_unknown = false;
        for (id, range) in path.into_iter().rev() {
            let is_unknown = id == self.unknown;
            match &self.bytes {
                Some(pieces) if is_unknown => {
                    let bytes = text.get(range).unwrap_or_default().bytes();
                    ids.extend(bytes.filter_map(|byte| pieces.get(usize::from(byte))));
                }
                // What is unknown is one piece, however long.
                _ if is_unknown && after_unknown => {}
                _ => ids.push(id),
            }
            after_unknown = is_unknown;
        }
    }
}
