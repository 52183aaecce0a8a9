//! From text to tokens and back.
//!
//! A tokenizer is built from `tokenizer.json`, a GGUF header (`header`), a SentencePiece model ([`spm`]) or a WordPiece
//! vocabulary ([`wordpiece`]) and behaves as transformers does with the
//! same files: the same ids, and the same text back as `decode(…, clean_up_tokenization_spaces=False)`. The algorithms are
//! those of the `tokenizers` crate.

mod header;
pub mod spm;
mod stream;
pub mod wordpiece;

use std::collections::HashSet;
use std::path::Path;

use tokenizers::PreTokenizerWrapper;
use tokenizers::models::ModelWrapper;

use super::chat::token_text;
use super::config::Json;
use super::gguf::Gguf;
use super::locate::ModelFiles;
use super::weights::{LoadError, said};
pub use stream::TextStream;

/// Why a text cannot be turned into tokens.
#[derive(Debug, thiserror::Error)]
#[error("the tokenizer cannot read this text: {0}")]
pub struct TokenizerError(String);

/// A model's tokenizer.
pub struct Tokenizer {
    inner: Inner,
    kind: String,
    vocab_size: usize,
    special: HashSet<u32>,
    /// The beginning-of-text token.
    bos: Option<u32>,
    /// What to do about it where the model's files say so outside of the tokenizer's own post-processor.
    add_bos: Option<bool>,
    /// A token that stands for the text before the one that is looked at, in [`Tokenizer::token_text`].
    anchor: Option<u32>,
}

/// What turns texts into tokens.
enum Inner {
    /// The `tokenizers` crate by itself.
    Plain(Box<tokenizers::Tokenizer>),
    /// The same behind sentencepiece's normaliser.
    Spm(Box<spm::Spm>),
}

impl std::ops::Deref for Inner {
    type Target = tokenizers::Tokenizer;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Plain(inner) => inner,
            Self::Spm(spm) => &spm.inner,
        }
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("kind", &self.kind).field("vocab_size", &self.vocab_size).finish()
    }
}

impl Tokenizer {
    /// The tokenizer of a model's files. With [`super::weights::Weights::tokenizer`] a GGUF header is not read again.
    pub fn open(files: &ModelFiles) -> Result<Self, LoadError> {
        match files {
            ModelFiles::Gguf(path) => Self::from_gguf(&Gguf::open(path)?),
            ModelFiles::Folder(folder) => Self::from_folder(folder),
        }
    }

    /// The tokenizer of a folder: `tokenizer.json`, and what `tokenizer_config.json` says of the beginning of texts; where
    /// there is none, `spm.model` or `vocab.txt`.
    pub fn from_folder(folder: &Path) -> Result<Self, LoadError> {
        let path = folder.join("tokenizer.json");
        if !path.exists()
            && let Some(tokenizer) = Self::from_vocabulary(folder)?
        {
            return Ok(tokenizer);
        }
        let error = |message: String| LoadError::Tokenizer { path: path.clone(), message };
        let bytes = std::fs::read(&path).map_err(|source| LoadError::io(&path, source))?;
        let mut inner = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|cause| error(said(&cause)))?;
        // Stored with some models; transformers cuts and pads only when asked to.
        inner.with_truncation(None).map_err(|cause| error(said(&cause)))?;
        inner.with_padding(None);
        let config = folder.join("tokenizer_config.json");
        let (mut bos, mut add_bos) = (None, None);
        if config.exists() {
            let config = Json::read(&config)?;
            bos = config.value("bos_token").and_then(token_text).and_then(|text| inner.token_to_id(&text));
            // Llama's tokenizers rebuild their post-processor from this key; the others leave it as it is.
            let class = config.text("tokenizer_class")?.unwrap_or_default();
            add_bos = config.flag("add_bos_token")?.filter(|_| class.starts_with("Llama"));
        }
        let kind = match inner.get_model() {
            ModelWrapper::BPE(_) if has_byte_level(inner.get_pre_tokenizer()) => "byte-level BPE",
            ModelWrapper::BPE(_) => "BPE",
            ModelWrapper::WordPiece(_) => "WordPiece",
            ModelWrapper::WordLevel(_) => "word-level",
            ModelWrapper::Unigram(_) => "Unigram",
        };
        let vocab_size = inner.get_vocab_size(true);
        Ok(Self::new(inner, kind.to_owned(), vocab_size, bos, add_bos))
    }

    /// The tokenizer of a folder without `tokenizer.json`; none where there is no vocabulary either.
    fn from_vocabulary(folder: &Path) -> Result<Option<Self>, LoadError> {
        let config = folder.join("tokenizer_config.json");
        let config = config.exists().then(|| Json::read(&config)).transpose()?;
        let flag = |key: &str| config.as_ref().map_or(Ok(None), |config| config.flag(key));
        let read = |path: &Path| std::fs::read(path).map_err(|source| LoadError::io(path, source));
        let (model, vocabulary) = (folder.join("spm.model"), folder.join("vocab.txt"));
        let (path, kind, inner) = if model.exists() {
            let built = spm::build(&read(&model)?, flag("do_lower_case")?.unwrap_or(false));
            (model, "Unigram (sentencepiece)", built.map(|spm| Inner::Spm(Box::new(spm))))
        } else if vocabulary.exists() {
            let (lowercase, chinese) = (flag("do_lower_case")?, flag("tokenize_chinese_chars")?);
            let accents = flag("strip_accents")?;
            let built =
                wordpiece::build(&read(&vocabulary)?, lowercase.unwrap_or(true), accents, chinese.unwrap_or(true));
            (vocabulary, "WordPiece", built.map(|inner| Inner::Plain(Box::new(inner))))
        } else {
            return Ok(None);
        };
        let inner = inner.map_err(|message| LoadError::Tokenizer { path, message })?;
        let vocab_size = inner.get_vocab_size(true);
        Ok(Some(Self::of(inner, kind.to_owned(), vocab_size, None, None)))
    }

    /// The tokenizer in a GGUF header.
    pub fn from_gguf(file: &Gguf) -> Result<Self, LoadError> {
        let header::Built { inner, kind, vocab_size, bos, add_bos } = header::build(file)?;
        Ok(Self::new(inner, kind, vocab_size, bos, Some(add_bos)))
    }

    fn new(
        inner: tokenizers::Tokenizer,
        kind: String,
        vocab_size: usize,
        bos: Option<u32>,
        add_bos: Option<bool>,
    ) -> Self {
        Self::of(Inner::Plain(Box::new(inner)), kind, vocab_size, bos, add_bos)
    }

    fn of(inner: Inner, kind: String, vocab_size: usize, bos: Option<u32>, add_bos: Option<bool>) -> Self {
        let added = inner.get_added_tokens_decoder();
        let special = added.iter().filter(|(_, token)| token.special).map(|(id, _)| *id).collect();
        let anchor = inner.encode_fast("a", false).ok().and_then(|encoding| encoding.get_ids().last().copied());
        Self { inner, kind, vocab_size, special, bos, add_bos, anchor }
    }

    /// The kind of tokenizer, as `byte-level BPE (smollm)`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// How many tokens it knows, special ones included.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The tokens of a text. `add_special` puts the beginning-of-text token (and whatever else the model's files ask for)
    /// around it, as transformers' `tokenizer(text)` does, but no second one where the text begins with it already.
    /// Special tokens written out in the text are one token each.
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>, TokenizerError> {
        if let Inner::Spm(spm) = &self.inner {
            return Ok(spm.encode(text, add_special));
        }
        let by_post_processor = add_special && self.add_bos.is_none();
        let encoding = self.inner.encode_fast(text, by_post_processor);
        let mut ids = encoding.map_err(|error| TokenizerError(said(&error)))?.get_ids().to_vec();
        let Some(bos) = self.bos.filter(|_| add_special) else { return Ok(ids) };
        if self.add_bos == Some(true) && ids.first() != Some(&bos) {
            ids.insert(0, bos);
        } else if by_post_processor && ids.starts_with(&[bos, bos]) {
            ids.remove(0);
        }
        Ok(ids)
    }

    /// The text of tokens; bytes that are no UTF-8 become U+FFFD, ids that no token has are left out.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        // Decoding fails on nothing that token ids can do: only regular expressions in a decoder can.
        self.inner.decode(ids, skip_special).unwrap_or_default()
    }

    /// The text of one token as it stands in the middle of a text, with its leading blank.
    pub fn token_text(&self, id: u32) -> String {
        let Some(anchor) = self.anchor else { return self.decode(&[id], false) };
        let both = self.decode(&[anchor, id], false);
        match both.strip_prefix(&self.decode(&[anchor], false)) {
            Some(text) => text.to_owned(),
            None => self.decode(&[id], false),
        }
    }

    /// Whether a token is a special one, which is no part of the text.
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    /// The id of a token, by its text in the vocabulary.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The beginning-of-text token.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// Turns tokens into text one by one; special tokens are skipped.
    pub fn stream(&self) -> TextStream<'_> {
        TextStream::new(self)
    }
}

fn has_byte_level(pre_tokenizer: Option<&PreTokenizerWrapper>) -> bool {
    match pre_tokenizer {
        Some(PreTokenizerWrapper::ByteLevel(_)) => true,
        Some(PreTokenizerWrapper::Sequence(sequence)) => {
            sequence.as_ref().iter().any(|part| has_byte_level(Some(part)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
