//! A tokenizer from a GGUF header.
//!
//! The header has vocabulary, merges and the name of the way in which texts are split before merging. The splitting itself
//! is written here, for the names that models of the supported families have, as in the `tokenizer.json` of the models
//! that they come from (which is what transformers runs; llama.cpp leaves out Qwen2's normalisation).

use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior};

use crate::model::gguf::Gguf;
use crate::model::weights::{LoadError, said};

/// Words, single digits, runs of signs, line breaks, blanks.
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
/// The same with up to three digits at once.
const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// Kinds of tokens in `tokenizer.ggml.token_type`.
mod kind {
    pub const UNKNOWN: u64 = 2;
    pub const CONTROL: u64 = 3;
    pub const USER_DEFINED: u64 = 4;
    pub const UNUSED: u64 = 5;
}

/// Ways of splitting a text before merging.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Splitting {
    /// GPT-2's pattern.
    Gpt2,
    /// Each digit by itself, then GPT-2's pattern.
    Smollm,
    Qwen2,
    Llama3,
}

impl Splitting {
    /// By the name in `tokenizer.ggml.pre`; old files have none.
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "gpt-2" | "gpt2" | "default" => Some(Self::Gpt2),
            "smollm" | "starcoder" => Some(Self::Smollm),
            "qwen2" | "deepseek-r1-qwen" => Some(Self::Qwen2),
            "llama-bpe" | "llama3" | "llama-v3" => Some(Self::Llama3),
            _ => None,
        }
    }

    fn pre_tokenizer(self) -> Result<PreTokenizerWrapper, tokenizers::Error> {
        let byte_level = |use_regex| PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, use_regex));
        let split = |pattern: &str| {
            Split::new(SplitPattern::Regex(pattern.to_owned()), SplitDelimiterBehavior::Isolated, false)
        };
        Ok(match self {
            Self::Gpt2 => byte_level(true),
            Self::Smollm => Sequence::new(vec![Digits::new(true).into(), byte_level(true)]).into(),
            Self::Qwen2 => Sequence::new(vec![split(QWEN2)?.into(), byte_level(false)]).into(),
            Self::Llama3 => Sequence::new(vec![split(LLAMA3)?.into(), byte_level(false)]).into(),
        })
    }
}

/// What [`build`] makes.
pub struct Built {
    /// The tokenizer, without a post-processor: the beginning-of-text token is the caller's to add.
    pub inner: tokenizers::Tokenizer,
    /// The kind, as `byte-level BPE (smollm)`.
    pub kind: String,
    /// How many tokens the header has.
    pub vocab_size: usize,
    /// The beginning-of-text token.
    pub bos: Option<u32>,
    /// Whether texts begin with it.
    pub add_bos: bool,
}

/// Builds the tokenizer of a GGUF file.
pub fn build(file: &Gguf) -> Result<Built, LoadError> {
    let error = |message: String| LoadError::Tokenizer { path: file.path().to_owned(), message };
    let wrap = |cause: tokenizers::Error| error(said(&cause));
    let missing = |key: &str| error(format!("the header has no `{key}`"));

    let key = "tokenizer.ggml.model";
    let model = file.text(key)?.ok_or_else(|| missing(key))?;
    if model != "gpt2" {
        let message = format!(
            "vocabularies of kind {model:?} are not supported in GGUF files (supported: \"gpt2\", which is byte-level BPE); take the safetensors form"
        );
        return Err(error(message));
    }
    let name = file.text("tokenizer.ggml.pre")?.unwrap_or("default");
    let splitting = Splitting::from_name(name).ok_or_else(|| {
        error(format!("`tokenizer.ggml.pre` is {name:?} (supported: smollm, qwen2, llama-bpe, gpt-2)"))
    })?;
    let key = "tokenizer.ggml.tokens";
    let tokens = file.texts(key)?.ok_or_else(|| missing(key))?;
    let types = file.unsigneds("tokenizer.ggml.token_type")?.unwrap_or_default();
    let typed = || tokens.iter().zip(types.iter().copied().chain(std::iter::repeat(1)));

    // Unused tokens only fill up the matrix; no text may become one.
    let vocab: Vocab = (0_u32..)
        .zip(typed())
        .filter(|(_, (_, token_type))| *token_type != kind::UNUSED)
        .map(|(id, (token, _))| ((*token).to_owned(), id))
        .collect();
    let key = "tokenizer.ggml.merges";
    let merges: Merges = file
        .texts(key)?
        .ok_or_else(|| missing(key))?
        .into_iter()
        .map(|merge| match merge.split_once(' ') {
            Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
            None => Err(error(format!("{merge:?} in `{key}` is not two parts with a blank between them"))),
        })
        .collect::<Result<_, _>>()?;
    // Llama 3's vocabulary has whole words that no merges lead to.
    let bpe = BPE::builder().vocab_and_merges(vocab, merges).ignore_merges(splitting == Splitting::Llama3);
    let mut inner = tokenizers::Tokenizer::new(bpe.build().map_err(wrap)?);
    inner.with_pre_tokenizer(Some(splitting.pre_tokenizer().map_err(wrap)?));
    inner.with_decoder(Some(ByteLevel::new(true, true, true)));
    if splitting == Splitting::Qwen2 {
        inner.with_normalizer(Some(NFC)).map_err(wrap)?;
    }
    let added = typed().filter_map(|(token, token_type)| match token_type {
        kind::UNKNOWN | kind::CONTROL => Some(AddedToken::from(*token, true).normalized(false)),
        kind::USER_DEFINED => Some(AddedToken::from(*token, false).normalized(false)),
        _ => None,
    });
    inner.add_tokens(added.collect::<Vec<_>>()).map_err(wrap)?;

    let key = "tokenizer.ggml.bos_token_id";
    let bos = file.unsigned(key)?.and_then(|id| u32::try_from(id).ok()).filter(|id| (*id as usize) < tokens.len());
    // Llama 3's files are older than the key.
    let add_bos = file.flag("tokenizer.ggml.add_bos_token")?.unwrap_or(splitting == Splitting::Llama3);
    Ok(Built { inner, kind: format!("byte-level BPE ({name})"), vocab_size: tokens.len(), bos, add_bos })
}
