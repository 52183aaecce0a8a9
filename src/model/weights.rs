//! The weights of a model, by the names that the hub gives them.
//!
//! [`Weights`] hides whether they lie in one GGUF file or in a folder of safetensors: tensors come by name, with the shape
//! the caller expects, in the number format and on the device it wants. Files are mapped, and a tensor is read when it is
//! asked for. The configuration, the chat template and the tokenizer that come with the weights are had from here too, so
//! that a GGUF header is read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::QTensor;
use candle_core::{DType, Device, Tensor};
use serde::Serialize;

use super::config::{DecoderConfig, GenerationConfig};
use super::gguf::{Gguf, gguf_name};
use super::locate::ModelFiles;
use super::packed::Packed;
use super::safetensors::Shards;
use super::tokenizer::Tokenizer;
use super::{chat, fingerprint};
use crate::prompt::chat::ChatTemplate;

/// Why a model's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Reading was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The device asked for is not there.
    #[error("{0}")]
    Device(String),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is not a readable {form} file: {message}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should be.
        form: &'static str,
        /// What was wrong.
        message: String,
    },
    /// A value of the configuration is missing, wrong or not supported.
    #[error("{}: `{key}`: {message}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What was wrong.
        message: String,
    },
    /// The tokenizer cannot be built.
    #[error("{}: no usable tokenizer: {message}", path.display())]
    Tokenizer {
        /// The file or folder.
        path: PathBuf,
        /// What was wrong.
        message: String,
    },
    /// The model lacks a tensor.
    #[error("the model has no tensor `{name}`{}", nearest.as_ref().map(|name| format!(" (the nearest is `{name}`)")).unwrap_or_default())]
    MissingTensor {
        /// The tensor's name on the hub.
        name: String,
        /// The most similar name there is.
        nearest: Option<String>,
    },
    /// A tensor's shape is not what the configuration says.
    #[error("tensor `{name}` has the shape {found:?}; the configuration asks for {expected:?}")]
    Shape {
        /// The tensor's name on the hub.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that follows from the configuration.
        expected: Vec<usize>,
    },
    /// A tensor cannot be read.
    #[error("tensor `{name}`: {message}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What was wrong.
        message: String,
    },
}

impl LoadError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// What another crate says of a file, fit to be shown: the first line (candle adds a call stack where `RUST_BACKTRACE` is
/// set) with its control characters, which may come from the file, written out.
pub(super) fn said(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().chars().map(shown).collect()
}

fn shown(letter: char) -> String {
    if letter.is_control() { letter.escape_default().to_string() } else { letter.to_string() }
}

/// The weights of a decoder, open for reading.
#[derive(Debug)]
pub struct Weights {
    files: ModelFiles,
    config: DecoderConfig,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Gguf(Gguf),
    Safetensors(Shards),
}

/// What a model's files are, for `models show`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// `GGUF` or `safetensors`.
    pub kind: &'static str,
    /// The family, as `llama`.
    pub architecture: &'static str,
    /// Numbers in all tensors together.
    pub parameters: u64,
    /// How many tensors there are of each number format.
    pub tensor_types: BTreeMap<String, usize>,
    /// Layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// The most tokens of prompt and answer together.
    pub context: usize,
    /// Rows of the embedding matrix.
    pub vocabulary: usize,
    /// The kind of tokenizer, or why there is none.
    pub tokenizer: String,
    /// Whether a chat template is there.
    pub chat_template: bool,
    /// Bytes of all weight files.
    pub bytes: u64,
    /// What a user should know.
    pub notes: Vec<String>,
}

impl Weights {
    /// Opens a model's weights and reads its configuration.
    pub fn open(files: &ModelFiles) -> Result<Self, LoadError> {
        let (config, source) = match files {
            ModelFiles::Gguf(path) => {
                let file = Gguf::open(path)?;
                (DecoderConfig::from_gguf(&file)?, Source::Gguf(file))
            }
            ModelFiles::Folder(folder) => {
                (DecoderConfig::from_folder(folder)?, Source::Safetensors(Shards::open(folder)?))
            }
        };
        Ok(Self { files: files.clone(), config, source })
    }

    /// The decoder's sizes and constants.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// How the model's authors want it sampled; the defaults for a GGUF file, which does not say.
    pub fn generation(&self) -> Result<GenerationConfig, LoadError> {
        match &self.files {
            ModelFiles::Gguf(_) => Ok(GenerationConfig { eos: self.config.eos.clone(), ..GenerationConfig::default() }),
            ModelFiles::Folder(folder) => GenerationConfig::from_folder(folder),
        }
    }

    /// The tokenizer that comes with the weights.
    pub fn tokenizer(&self) -> Result<Tokenizer, LoadError> {
        match (&self.source, &self.files) {
            (Source::Gguf(file), _) => Tokenizer::from_gguf(file),
            (_, ModelFiles::Folder(path) | ModelFiles::Gguf(path)) => Tokenizer::from_folder(path),
        }
    }

    /// The chat template that comes with the weights, if there is one.
    pub fn chat_template(&self) -> Result<Option<ChatTemplate>, LoadError> {
        match (&self.source, &self.files) {
            (Source::Gguf(file), _) => chat::from_gguf(file),
            (_, ModelFiles::Folder(path) | ModelFiles::Gguf(path)) => chat::from_folder(path),
        }
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        match &self.source {
            Source::Gguf(file) => gguf_name(name).is_some_and(|name| file.shape(&name).is_some()),
            Source::Safetensors(shards) => shards.contains(name),
        }
    }

    /// Reads a tensor. It must have the shape given (slowest dimension first, weights of projections as
    /// `[output, input]`); quantised and half-precision numbers are widened to f32 and then given in `dtype`.
    pub fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, LoadError> {
        self.check(name, shape)?;
        let wrap = |error| LoadError::Tensor { name: name.to_owned(), message: said(&error) };
        let tensor = match &self.source {
            Source::Safetensors(shards) => shards.tensor(name)?,
            Source::Gguf(_) => match self.quantized(name)? {
                Some(tensor) => tensor.dequantize(&Device::Cpu).map_err(wrap)?,
                None => return Err(self.missing(name)),
            },
        };
        tensor.to_dtype(dtype).and_then(|tensor| tensor.to_device(device)).map_err(wrap)
    }

    /// Reads a matrix as the CPU multiplies it, its numbers as they are in the file. It must have the shape given.
    pub fn packed(&self, name: &str, shape: &[usize]) -> Result<Packed, LoadError> {
        self.check(name, shape)?;
        let wrap = |error| LoadError::Tensor { name: name.to_owned(), message: said(&error) };
        match &self.source {
            Source::Safetensors(shards) => Packed::from_tensor(&shards.tensor(name)?).map_err(wrap),
            Source::Gguf(_) => match self.quantized(name)? {
                Some(tensor) => Packed::from_quantized(&tensor).map_err(wrap),
                None => Err(self.missing(name)),
            },
        }
    }

    /// Whether a tensor is there in the shape given.
    fn check(&self, name: &str, shape: &[usize]) -> Result<(), LoadError> {
        let found = self.shape(name).ok_or_else(|| self.missing(name))?;
        if found == shape {
            return Ok(());
        }
        Err(LoadError::Shape { name: name.to_owned(), found: found.to_vec(), expected: shape.to_vec() })
    }

    /// Reads a tensor as it is quantised, with its rows in the hub's order; `None` where the weights are not in a GGUF
    /// file or the tensor is missing.
    pub fn quantized(&self, name: &str) -> Result<Option<QTensor>, LoadError> {
        let Source::Gguf(file) = &self.source else { return Ok(None) };
        let Some(in_file) = gguf_name(name).filter(|name| file.shape(name).is_some()) else { return Ok(None) };
        // llama.cpp reorders the rows of these two, for models of its architecture `llama` alone.
        let heads = if file.text("general.architecture")? != Some("llama") {
            None
        } else if in_file.contains(".attn_q.") {
            Some(self.config.heads)
        } else if in_file.contains(".attn_k.") {
            Some(self.config.kv_heads)
        } else {
            None
        };
        file.quantized(&in_file, heads).map(Some)
    }

    /// SHA-256 over the model's files, in hexadecimal; see [`fingerprint`].
    pub fn sha256(&self) -> Result<String, LoadError> {
        fingerprint::sha256(&self.files)
    }

    /// What the files are.
    pub fn describe(&self) -> Description {
        let mut tensor_types = BTreeMap::new();
        let mut parameters = 0_u64;
        let mut add = |shape: &[usize], dtype: String| {
            let elements = shape.iter().fold(1_u64, |product, dim| product.saturating_mul(*dim as u64));
            parameters = parameters.saturating_add(elements);
            *tensor_types.entry(dtype).or_insert(0) += 1;
        };
        let (kind, bytes) = match &self.source {
            Source::Gguf(file) => {
                file.tensors().for_each(|(_, shape, dtype)| add(shape, format!("{dtype:?}")));
                ("GGUF", file.bytes())
            }
            Source::Safetensors(shards) => {
                shards.tensors().for_each(|(shape, dtype)| add(shape, format!("{dtype:?}")));
                ("safetensors", shards.bytes())
            }
        };
        Description {
            kind,
            architecture: self.config.architecture.name(),
            parameters,
            tensor_types,
            layers: self.config.layers,
            hidden_size: self.config.hidden_size,
            context: self.config.context,
            vocabulary: self.config.vocab_size,
            tokenizer: match self.tokenizer() {
                Ok(tokenizer) => tokenizer.kind().to_owned(),
                Err(error) => format!("none: {error}"),
            },
            chat_template: matches!(self.chat_template(), Ok(Some(_))),
            bytes,
            notes: self.config.notes.clone(),
        }
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        match &self.source {
            Source::Gguf(file) => file.shape(&gguf_name(name)?),
            Source::Safetensors(shards) => shards.shape(name),
        }
    }

    fn missing(&self, name: &str) -> LoadError {
        let (wanted, names): (String, Vec<&str>) = match &self.source {
            Source::Gguf(file) => {
                let wanted = gguf_name(name).unwrap_or_else(|| name.to_owned());
                (wanted, file.tensors().map(|(name, ..)| name).collect())
            }
            Source::Safetensors(shards) => (name.to_owned(), shards.names().collect()),
        };
        let nearest = names
            .into_iter()
            .map(|name| (strsim::damerau_levenshtein(name, &wanted), name))
            .min()
            .filter(|(distance, _)| *distance <= 3)
            .map(|(_, name)| said(&name));
        LoadError::MissingTensor { name: wanted, nearest }
    }
}

#[cfg(test)]
mod tests;
