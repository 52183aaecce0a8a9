//! An encoder's files: its configuration, and its weights by the names of transformers.

use std::path::{Path, PathBuf};

use candle_core::DType;

use super::config::EncoderConfig;
use super::layout::{Init, Parameter, Place, prefix};
use crate::model::layers::seed;
use crate::model::pickle::{PICKLE, PickleFile};
use crate::model::safetensors::{INDEX, SINGLE, Shards};
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::{Description, LoadError, said};

/// The weights of a folder.
enum Tensors {
    Safetensors(Shards),
    Pickle(PickleFile),
}

impl Tensors {
    fn open(folder: &Path) -> Result<Self, LoadError> {
        if folder.join(SINGLE).exists() || folder.join(INDEX).exists() || !folder.join(PICKLE).exists() {
            return Shards::open(folder).map(Self::Safetensors);
        }
        PickleFile::open(&folder.join(PICKLE)).map(Self::Pickle)
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        match self {
            Self::Safetensors(shards) => shards.shape(name),
            Self::Pickle(file) => file.shape(name),
        }
    }

    fn values(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        let tensor = match self {
            Self::Safetensors(shards) => shards.tensor(name)?,
            Self::Pickle(file) => file.tensor(name)?,
        };
        let flat = tensor.to_dtype(DType::F32).and_then(|tensor| tensor.flatten_all()?.to_vec1());
        flat.map_err(|error| LoadError::Tensor { name: name.to_owned(), message: said(&error) })
    }
}

/// An encoder's folder, opened.
pub struct EncoderFiles {
    /// The folder.
    pub folder: PathBuf,
    /// Its configuration.
    pub config: EncoderConfig,
    tensors: Tensors,
    /// Whether names begin with the family's prefix, as in models with a head.
    prefixed: bool,
}

impl EncoderFiles {
    /// Opens a folder; none where it holds another kind of model.
    pub fn open(folder: &Path) -> Result<Option<Self>, LoadError> {
        let Some(config) = EncoderConfig::from_file(&folder.join("config.json"))? else { return Ok(None) };
        let tensors = Tensors::open(folder)?;
        let words = format!("{}embeddings.word_embeddings.weight", prefix(config.family));
        let prefixed = tensors.shape(&words).is_some();
        Ok(Some(Self { folder: folder.to_owned(), config, tensors, prefixed }))
    }

    /// What the files are.
    pub fn describe(&self) -> Result<Description, LoadError> {
        let (kind, bytes, tensors) = match &self.tensors {
            Tensors::Safetensors(shards) => {
                let tensors: Vec<_> = shards.tensors().map(|(shape, dtype)| (shape, format!("{dtype:?}"))).collect();
                ("safetensors", shards.bytes(), tensors)
            }
            Tensors::Pickle(file) => {
                let tensors: Vec<_> = file.tensors().map(|(shape, number)| (shape, format!("{number:?}"))).collect();
                ("PyTorch", file.bytes(), tensors)
            }
        };
        let mut tensor_types = std::collections::BTreeMap::new();
        let mut parameters = 0_u64;
        for (shape, dtype) in tensors {
            let elements = shape.iter().fold(1_u64, |product, dim| product.saturating_mul(*dim as u64));
            parameters = parameters.saturating_add(elements);
            *tensor_types.entry(dtype).or_insert(0) += 1;
        }
        let (_, list) = super::Layout::new(&self.config, self.config.labels.len().max(1));
        let note = if self.config.labels.len() > 1 && self.has_head(&list) {
            format!("tells apart {}", self.config.labels.join(", "))
        } else {
            "an encoder without a trained head: `shotglass train` fine-tunes it, as train.model".to_owned()
        };
        Ok(Description {
            kind,
            architecture: self.config.family.name(),
            parameters,
            tensor_types,
            layers: self.config.layers,
            hidden_size: self.config.hidden_size,
            context: self.config.context,
            vocabulary: self.config.vocab_size,
            tokenizer: match Tokenizer::from_folder(&self.folder) {
                Ok(tokenizer) => tokenizer.kind().to_owned(),
                Err(error) => format!("none: {error}"),
            },
            chat_template: false,
            bytes,
            notes: vec![note],
        })
    }

    /// Whether there is a trained classification head with so many outputs.
    pub fn has_head(&self, parameters: &[Parameter]) -> bool {
        self.config.classifier
            && parameters
                .iter()
                .filter(|parameter| parameter.place == Place::Head)
                .all(|parameter| self.find(parameter).is_some_and(|(_, shape)| shape == parameter.shape))
    }

    /// The name and shape under which the file has a parameter.
    fn find(&self, parameter: &Parameter) -> Option<(String, &[usize])> {
        let own = prefix(self.config.family);
        let name = match parameter.name.strip_prefix(own) {
            Some(name) if !self.prefixed => name.to_owned(),
            _ => parameter.name.clone(),
        };
        // The oldest files name the parts of norms so.
        let old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        [name, old].into_iter().find_map(|name| self.tensors.shape(&name).map(|shape| (name, shape)))
    }

    /// Reads a parameter. One of the head that is not there, or has another shape, is drawn by `seed`; `drawn` gets its name.
    pub fn read(&self, parameter: &Parameter, seed: u64, drawn: &mut Vec<String>) -> Result<Vec<f32>, LoadError> {
        let found = self.find(parameter).map(|(name, shape)| (name, shape.to_vec()));
        match found {
            Some((name, shape)) if shape == parameter.shape => self.tensors.values(&name),
            _ if parameter.place == Place::Head => {
                drawn.push(parameter.name.clone());
                Ok(self.draw(parameter, seed))
            }
            Some((name, found)) => Err(LoadError::Shape { name, found, expected: parameter.shape.clone() }),
            None => Err(LoadError::MissingTensor { name: parameter.name.clone(), nearest: None }),
        }
    }

    /// A parameter before anything was learnt, by our own generator: one stream for each name.
    fn draw(&self, parameter: &Parameter, seed: u64) -> Vec<f32> {
        match parameter.init {
            Init::Zero => vec![0.0; parameter.len()],
            Init::One => vec![1.0; parameter.len()],
            Init::Normal => {
                let name = parameter.name.bytes().fold(seed, |hash, byte| seed::derive(hash, u64::from(byte)));
                let uniform = |index: u64| (seed::derive(name, index) >> 11) as f64 / (1u64 << 53) as f64;
                let normal = |index: usize| {
                    let index = 2 * index as u64;
                    // Box and Muller's transform.
                    let radius = (-2.0 * (1.0 - uniform(index)).ln()).sqrt();
                    radius * (2.0 * std::f64::consts::PI * uniform(index + 1)).cos()
                };
                (0..parameter.len()).map(|index| (normal(index) * self.config.initializer_range) as f32).collect()
            }
        }
    }
}
