//! A tokenizer from a SentencePiece model (`spm.model`), in the form that DeBERTa-v2 and DeBERTa-v3 have on the hub.
//!
//! [`Spm::encode`] gives the ids of sentencepiece itself between `[CLS]` and `[SEP]`, by a normaliser and a search of its own:
//! the `tokenizers` crate has both too, but its normaliser takes the shortest match where sentencepiece takes the longest,
//! drops what follows it in the same grapheme and panics on a broken map, and its search settles ties otherwise.

mod lattice;
mod normalizer;
mod proto;

use std::collections::HashSet;

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence;
use tokenizers::models::unigram::Unigram;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, DecoderWrapper};

use lattice::Lattice;
pub use normalizer::Normalizer;
use proto::{Kind, Model, Piece};

/// The sign that stands for a blank in pieces.
const BLANK: char = '▁';
/// sentencepiece's own pieces have 16 characters at most, and the trie that holds them is as deep as the longest.
const LONGEST_PIECE: usize = 1024;
/// The pieces that DeBERTa-v2's form needs.
const CLS: &str = "[CLS]";
const SEP: &str = "[SEP]";
/// Appended after the last piece where it is not one of them.
const MASK: &str = "[MASK]";

/// What [`build`] makes.
pub struct Spm {
    /// The vocabulary and the way back to text. It encodes texts that have been through the normaliser, but for ties as
    /// [`Spm::encode`] does.
    pub inner: tokenizers::Tokenizer,
    /// What texts go through first.
    pub normalizer: Normalizer,
    lattice: Lattice,
    /// Tokens that are one token where they are written out in a text, as transformers has it.
    special: Vec<(String, u32)>,
    cls: u32,
    sep: u32,
}

impl Spm {
    /// The tokens of a text, with `[CLS]` and `[SEP]` around them where `add_special` is set.
    pub fn encode(&self, text: &str, add_special: bool) -> Vec<u32> {
        let mut ids = Vec::new();
        ids.extend(add_special.then_some(self.cls));
        let mut rest = text;
        while let Some((before, id, after)) = self.first_special(rest) {
            self.lattice.encode(&self.normalizer.normalize(before), &mut ids);
            ids.push(id);
            rest = after;
        }
        self.lattice.encode(&self.normalizer.normalize(rest), &mut ids);
        ids.extend(add_special.then_some(self.sep));
        ids
    }

    /// The text before the first special token, the token, and the text after it.
    fn first_special<'a>(&self, text: &'a str) -> Option<(&'a str, u32, &'a str)> {
        let places = self.special.iter().filter_map(|(token, id)| Some((text.find(token.as_str())?, token, *id)));
        // Of two in the same place the longer one.
        let (at, token, id) = places.min_by_key(|(at, token, _)| (*at, std::cmp::Reverse(token.len())))?;
        let (before, from) = text.split_at_checked(at)?;
        Some((before, id, from.strip_prefix(token.as_str())?))
    }
}

/// Builds the tokenizer from the bytes of a `spm.model`. `lowercase` is `do_lower_case` of `tokenizer_config.json`. The
/// error says what is wrong with the file.
pub fn build(bytes: &[u8], lowercase: bool) -> Result<Spm, String> {
    let model = Model::read(bytes)?;
    if model.model_type != proto::UNIGRAM {
        let name = match model.model_type {
            2 => "BPE".to_owned(),
            3 => "word".to_owned(),
            4 => "char".to_owned(),
            other => format!("number {other}"),
        };
        return Err(format!("its model type is {name} (supported: unigram)"));
    }
    let unknown = check(&model.pieces)?;
    let find = |wanted: &str| {
        let id = model.pieces.iter().position(|piece| piece.text == wanted);
        let id = id.ok_or_else(|| format!("it has no piece {wanted} (is it a model in DeBERTa-v2's form?)"))?;
        u32::try_from(id).map_err(|_| "it has too many pieces".to_owned())
    };
    let (cls, sep) = (find(CLS)?, find(SEP)?);
    let id = u32::try_from(unknown).map_err(|_| "it has too many pieces".to_owned())?;
    let lattice = Lattice::new(&model, id)?;

    let user_defined = model.pieces.iter().filter(|piece| piece.kind == Kind::UserDefined);
    let user_defined: Vec<String> = user_defined.map(|piece| piece.text.clone()).collect();
    let spec = &model.normalizer;
    let normalizer = Normalizer::new(spec, model.whitespace_as_suffix, lowercase, user_defined)?;

    let wrap = |error: tokenizers::Error| error.to_string();
    let vocab = (0_usize..).zip(&model.pieces).map(|(id, piece)| (name(id, piece), f64::from(piece.score))).collect();
    let unigram = Unigram::from(vocab, Some(unknown), model.byte_fallback).map_err(wrap)?;
    let mut inner = tokenizers::Tokenizer::new(unigram);
    if splits_at_blanks(&model) {
        inner.with_pre_tokenizer(Some(Metaspace::new(BLANK, PrependScheme::Never, true)));
    }
    let scheme = if spec.add_dummy_prefix { PrependScheme::Always } else { PrependScheme::Never };
    let metaspace = DecoderWrapper::Metaspace(Metaspace::new(BLANK, scheme, false));
    if model.byte_fallback {
        let bytes = DecoderWrapper::ByteFallback(ByteFallback::new());
        inner.with_decoder(Some(Sequence::new(vec![bytes, metaspace, DecoderWrapper::Fuse(Fuse::new())])));
    } else {
        inner.with_decoder(Some(metaspace));
    }
    let post = TemplateProcessing::builder()
        .try_single(format!("{CLS} $A {SEP}"))
        .and_then(|builder| builder.try_pair(format!("{CLS} $A {SEP} $B:1 {SEP}:1")))
        .map(|builder| builder.special_tokens(vec![(CLS, cls), (SEP, sep)]).build());
    inner.with_post_processor(Some(post?.map_err(|error| error.to_string())?));

    let mut added = Vec::new();
    for piece in &model.pieces {
        match piece.kind {
            Kind::Control | Kind::Unknown => added.push(AddedToken::from(piece.text.as_str(), true).normalized(false)),
            // A part of the text, so it stays when special tokens are left out of it.
            Kind::UserDefined => added.push(AddedToken::from(piece.text.as_str(), false).normalized(false)),
            Kind::Normal | Kind::Unused | Kind::Byte => {}
        }
    }
    added.push(AddedToken::from(MASK, true).normalized(false));
    inner.add_tokens(added).map_err(wrap)?;
    let special = inner.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special);
    let special = special.map(|(id, token)| (token.content, id)).collect();
    Ok(Spm { inner, normalizer, lattice, special, cls, sep })
}

/// The number of the piece for what is unknown, if the pieces are as sentencepiece wants them.
fn check(pieces: &[Piece]) -> Result<usize, String> {
    let (mut seen, mut unknown) = (HashSet::new(), None);
    for (id, piece) in pieces.iter().enumerate() {
        let wrong = |what: &str| Err(format!("piece {id} {what}"));
        if piece.text.is_empty() {
            return wrong("is empty");
        }
        if piece.text.len() > LONGEST_PIECE {
            return wrong("is longer than any piece can be");
        }
        if !piece.score.is_finite() {
            return wrong("has a score that is no number");
        }
        if !seen.insert(piece.text.as_str()) {
            return wrong(&format!("{:?} is there twice", piece.text));
        }
        if piece.kind == Kind::Unknown && unknown.replace(id).is_some() {
            return wrong("is a second one for what is unknown");
        }
    }
    unknown.ok_or_else(|| "it has no piece for what is unknown".to_owned())
}

/// The text under which the tokenizer knows a piece.
fn name(id: usize, piece: &Piece) -> String {
    match piece.kind {
        // Never matched by sentencepiece: a name that no text has.
        Kind::Unused => format!("\0unused {id}\0"),
        _ => piece.text.clone(),
    }
}

/// Whether a text can be cut before each blank, so that each word is looked up by itself (and found again): no piece
/// reaches over a blank, and a blank is never a part of what is unknown.
fn splits_at_blanks(model: &Model) -> bool {
    let alone = |piece: &Piece| piece.kind == Kind::Normal && piece.text.chars().eq([BLANK]);
    let over = |piece: &Piece| piece.text.chars().skip(1).any(|letter| letter == BLANK);
    model.normalizer.escape_whitespaces && model.pieces.iter().any(alone) && !model.pieces.iter().any(over)
}

#[cfg(test)]
mod tests;
