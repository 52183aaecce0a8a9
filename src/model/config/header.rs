//! The header of a GGUF file.

use candle_core::Device;

use super::{Architecture, DecoderConfig, Rope, RopeScaling, SIZES};
use crate::model::gguf::Gguf;
use crate::model::weights::{LoadError, said};

/// The keys of the sizes, in the order of [`SIZES`], without the architecture before them.
const KEYS: [&str; SIZES] = [
    "vocab_size",
    "embedding_length",
    "feed_forward_length",
    "block_count",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "context_length",
    "attention.layer_norm_rms_epsilon",
];

impl DecoderConfig {
    /// Reads the header of a GGUF file.
    pub fn from_gguf(file: &Gguf) -> Result<Self, LoadError> {
        let keys = GgufKeys::new(file)?;
        let architecture = keys.architecture;
        for key in ["expert_count", "attention.sliding_window_pattern", "attention.chunk_size"] {
            if keys.size(key)?.is_some_and(|value| value > 0) {
                return Err(keys.error(key, "layers of this kind are not supported".to_owned()));
            }
        }
        let heads = keys.required("attention.head_count")?;
        let hidden_size = keys.required("embedding_length")?;
        let head_dim = match keys.size("attention.key_length")? {
            Some(head_dim) => head_dim,
            None if heads > 0 && hidden_size % heads == 0 => hidden_size / heads,
            None => {
                return Err(keys.error("embedding_length", format!("{hidden_size} is not a multiple of {heads} heads")));
            }
        };
        for key in ["attention.value_length", "rope.dimension_count"] {
            if let Some(value) = keys.size(key)?.filter(|value| *value != head_dim) {
                return Err(keys.error(key, format!("{value} where heads are {head_dim} wide is not supported")));
            }
        }
        let embedding = file.shape("token_embd.weight").and_then(|shape| shape.first().copied());
        let mut eos = Vec::new();
        for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"] {
            if let Some(token) = keys.token(key)?.filter(|token| !eos.contains(token)) {
                eos.push(token);
            }
        }
        let mut config = Self {
            architecture,
            vocab_size: match embedding {
                Some(rows) => rows,
                None => keys.required("vocab_size")?,
            },
            hidden_size,
            intermediate_size: keys.required("feed_forward_length")?,
            layers: keys.required("block_count")?,
            heads,
            kv_heads: keys.size("attention.head_count_kv")?.unwrap_or(heads),
            head_dim,
            rms_norm_eps: keys.float("attention.layer_norm_rms_epsilon")?.unwrap_or(1e-6),
            rope: keys.rope(head_dim)?,
            tie_embeddings: file.shape("output.weight").is_none(),
            qkv_bias: file.shape("blk.0.attn_q.bias").is_some(),
            output_bias: file.shape("blk.0.attn_output.bias").is_some(),
            mlp_bias: file.shape("blk.0.ffn_up.bias").is_some(),
            qk_norm: architecture == Architecture::Qwen3,
            context: keys.required("context_length")?,
            bos: keys.token("tokenizer.ggml.bos_token_id")?,
            eos,
            notes: Vec::new(),
        };
        config.limit_to_window(keys.size("attention.sliding_window")?);
        config.check(file.path(), &keys.prefix, &KEYS)?;
        Ok(config)
    }
}

/// Look-ups of the keys that begin with the architecture's name.
struct GgufKeys<'a> {
    file: &'a Gguf,
    architecture: Architecture,
    prefix: String,
}

impl<'a> GgufKeys<'a> {
    fn new(file: &'a Gguf) -> Result<Self, LoadError> {
        let key = "general.architecture";
        let error = |message: String| LoadError::Config { path: file.path().to_owned(), key: key.to_owned(), message };
        let name = file.text(key)?.ok_or_else(|| error("it is missing".to_owned()))?;
        let architecture = Architecture::from_name(name).ok_or_else(|| error(Architecture::unsupported(name)))?;
        Ok(Self { file, architecture, prefix: format!("{name}.") })
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn error(&self, key: &str, message: String) -> LoadError {
        LoadError::Config { path: self.file.path().to_owned(), key: self.key(key), message }
    }

    fn size(&self, key: &str) -> Result<Option<usize>, LoadError> {
        let value = self.file.unsigned(&self.key(key))?;
        value.map(|value| usize::try_from(value).map_err(|error| self.error(key, error.to_string()))).transpose()
    }

    fn required(&self, key: &str) -> Result<usize, LoadError> {
        self.size(key)?.ok_or_else(|| self.error(key, "it is missing".to_owned()))
    }

    fn float(&self, key: &str) -> Result<Option<f64>, LoadError> {
        self.file.float(&self.key(key))
    }

    /// A token id, whose key does not begin with the architecture.
    fn token(&self, key: &str) -> Result<Option<u32>, LoadError> {
        let value = self.file.unsigned(key)?;
        let token = |value| {
            u32::try_from(value).map_err(|_| LoadError::Config {
                path: self.file.path().to_owned(),
                key: key.to_owned(),
                message: format!("{value} is not a token id"),
            })
        };
        value.map(token).transpose()
    }

    fn rope(&self, head_dim: usize) -> Result<Rope, LoadError> {
        let theta = self.float("rope.freq_base")?.unwrap_or(10_000.0);
        if !(theta.is_finite() && theta >= 1.0) {
            return Err(self.error("rope.freq_base", format!("{theta} is not a base of 1 or more")));
        }
        let kind = self.file.text(&self.key("rope.scaling.type"))?.unwrap_or("none");
        let scaling = match kind {
            "none" => self.factors(head_dim)?.map_or(RopeScaling::None, RopeScaling::Factors),
            "linear" => {
                let factor = self.float("rope.scaling.factor")?.filter(|factor| factor.is_finite() && *factor > 0.0);
                let missing = || self.error("rope.scaling.factor", "it should be a number above 0".to_owned());
                RopeScaling::Linear { factor: factor.ok_or_else(missing)? }
            }
            other => {
                let message = format!("RoPE of type {other:?} is not supported (supported: none, linear)");
                return Err(self.error("rope.scaling.type", message));
            }
        };
        Ok(Rope { theta, scaling })
    }

    /// The divisors of the frequencies that files of Llama 3.1 and later keep as a tensor.
    fn factors(&self, head_dim: usize) -> Result<Option<Vec<f32>>, LoadError> {
        let name = "rope_freqs.weight";
        let Some(shape) = self.file.shape(name) else { return Ok(None) };
        let malformed = |message: String| LoadError::Tensor { name: name.to_owned(), message };
        if shape != [head_dim / 2] {
            return Err(malformed(format!("its shape is {shape:?} instead of [{}]", head_dim / 2)));
        }
        let factors = self.file.quantized(name, None)?.dequantize(&Device::Cpu);
        let factors = factors.and_then(|factors| factors.to_vec1::<f32>());
        let factors = factors.map_err(|error| malformed(said(&error)))?;
        if factors.iter().any(|factor| !(factor.is_finite() && *factor > 0.0)) {
            return Err(malformed("it should hold numbers above 0".to_owned()));
        }
        Ok(Some(factors))
    }
}
