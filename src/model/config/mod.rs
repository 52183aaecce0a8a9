//! What a decoder is made of: its sizes and constants, from `config.json` or a GGUF header.
//!
//! Both forms of `config.json` are read, that of transformers 5 (`rope_parameters`) and the older one that most models on
//! the hub have (`rope_theta`, `rope_scaling`). Everything that the decoder cannot do (an unknown architecture,
//! activation or kind of RoPE, quantised safetensors) is refused here, by the name of its key, before any weights are
//! read. Sizes are checked, so that what comes later may multiply them.

mod header;
mod json;

use std::path::Path;

pub use json::Json;

use super::weights::LoadError;

/// Families of decoders. They share one forward pass and differ in the flags of [`DecoderConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Llama 1 to 3 and what has their form: SmolLM, SmolLM2, TinyLlama, …
    Llama,
    /// Mistral: Llama's form, with a sliding window in its early versions.
    Mistral,
    /// Qwen2 and Qwen2.5: biases at the query, key and value projections.
    Qwen2,
    /// Qwen3: norms over each head's queries and keys.
    Qwen3,
}

impl Architecture {
    const ALL: [Self; 4] = [Self::Llama, Self::Mistral, Self::Qwen2, Self::Qwen3];

    /// The name as `model_type` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.name() == name)
    }

    fn unsupported(name: &str) -> String {
        let known = Self::ALL.map(Self::name).join(", ");
        format!("the architecture {name:?} is not supported (supported: {known})")
    }
}

/// How the frequencies of the rotary position embedding are stretched for contexts longer than the trained one.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Llama 3.1's: low frequencies divided, high ones kept, those between blended.
    Llama3 {
        /// The factor for the low frequencies.
        factor: f64,
        /// Wavelengths longer than the original context over this are low frequencies.
        low_freq_factor: f64,
        /// Wavelengths shorter than the original context over this are high frequencies.
        high_freq_factor: f64,
        /// The context that the model was first trained with, in tokens.
        original_context: usize,
    },
    /// One divisor for each frequency, as GGUF files of Llama 3.1 and later have them.
    Factors(Vec<f32>),
}

/// The rotary position embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// The base of the frequencies.
    pub theta: f64,
    /// How they are stretched.
    pub scaling: RopeScaling,
}

impl Rope {
    /// The `head_dim / 2` frequencies, in radians a position, computed in f32 as transformers does.
    pub fn inverse_frequencies(&self, head_dim: usize) -> Vec<f32> {
        let plain = (0..head_dim / 2).map(|pair| 1.0 / (self.theta as f32).powf((2 * pair) as f32 / head_dim as f32));
        match &self.scaling {
            RopeScaling::None => plain.collect(),
            RopeScaling::Linear { factor } => plain.map(|frequency| frequency / *factor as f32).collect(),
            RopeScaling::Factors(factors) => plain.zip(factors).map(|(frequency, factor)| frequency / factor).collect(),
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                let (factor, original) = (*factor as f32, *original_context as f32);
                let (low, high) = (*low_freq_factor as f32, *high_freq_factor as f32);
                plain
                    .map(|frequency| {
                        let wavelength = 2.0 * std::f32::consts::PI / frequency;
                        if wavelength > original / low {
                            frequency / factor
                        } else if wavelength < original / high {
                            frequency
                        } else {
                            let smooth = (original / wavelength - low) / (high - low);
                            (1.0 - smooth) * frequency / factor + smooth * frequency
                        }
                    })
                    .collect()
            }
        }
    }
}

/// What [`DecoderConfig::check`] looks at, in this order: vocabulary, hidden size, intermediate size, layers, heads, key
/// heads, head width, context, the constant of the norms.
const SIZES: usize = 9;

/// The sizes and constants of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// The family.
    pub architecture: Architecture,
    /// Rows of the embedding matrix; the tokenizer may know fewer tokens.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// Layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// The constant inside RMSNorm.
    pub rms_norm_eps: f64,
    /// Position embedding.
    pub rope: Rope,
    /// Whether the output matrix is the embedding matrix (there is no `lm_head.weight` then).
    pub tie_embeddings: bool,
    /// Whether the query, key and value projections have biases.
    pub qkv_bias: bool,
    /// Whether the attention's output projection has a bias.
    pub output_bias: bool,
    /// Whether the feed-forward projections have biases.
    pub mlp_bias: bool,
    /// Whether each head's queries and keys are normed before RoPE.
    pub qk_norm: bool,
    /// The most tokens of prompt and answer together.
    pub context: usize,
    /// The beginning-of-text token.
    pub bos: Option<u32>,
    /// All tokens that end a text, of `config.json` and `generation_config.json` or of the GGUF header.
    pub eos: Vec<u32>,
    /// What a user should know, as that the context was cut to the sliding window.
    pub notes: Vec<String>,
}

/// How the model's authors want it sampled: `generation_config.json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerationConfig {
    /// Whether to sample at all; greedy otherwise.
    pub do_sample: bool,
    /// Divides the logits.
    pub temperature: Option<f64>,
    /// Keep the smallest set of tokens whose probabilities add up to this.
    pub top_p: Option<f64>,
    /// Keep this many of the best tokens.
    pub top_k: Option<usize>,
    /// Divides the logits of tokens seen already (multiplies the negative ones).
    pub repetition_penalty: Option<f64>,
    /// Tokens that end a text.
    pub eos: Vec<u32>,
}

impl GenerationConfig {
    /// Reads `generation_config.json` of a folder; a folder without one gives the defaults (greedy).
    pub fn from_folder(folder: &Path) -> Result<Self, LoadError> {
        let path = folder.join("generation_config.json");
        if !path.exists() {
            return Ok(Self::default());
        }
        let json = Json::read(&path)?;
        Ok(Self {
            do_sample: json.flag("do_sample")?.unwrap_or(false),
            temperature: json.float("temperature")?,
            top_p: json.float("top_p")?,
            top_k: json.size("top_k")?,
            repetition_penalty: json.float("repetition_penalty")?,
            eos: json.tokens("eos_token_id")?,
        })
    }
}

impl DecoderConfig {
    /// Reads a folder's `config.json`, and the end tokens of its `generation_config.json`.
    pub fn from_folder(folder: &Path) -> Result<Self, LoadError> {
        let mut config = Self::from_file(&folder.join("config.json"))?;
        for token in GenerationConfig::from_folder(folder)?.eos {
            if !config.eos.contains(&token) {
                config.eos.push(token);
            }
        }
        Ok(config)
    }

    /// Inside a sliding window attention is the same as without one, so the context is cut to it.
    fn limit_to_window(&mut self, window: Option<usize>) {
        if let Some(window) = window.filter(|window| *window > 0 && *window < self.context) {
            self.notes.push(format!(
                "the context is {window} tokens instead of {}: attention beyond the sliding window is not supported",
                self.context
            ));
            self.context = window;
        }
    }

    /// No size is zero or absurd, heads divide, and the products of sizes stay far from overflowing.
    /// Keys are those of [`SIZES`] in the file's own words, after `prefix`.
    fn check(&self, path: &Path, prefix: &str, keys: &[&str; SIZES]) -> Result<(), LoadError> {
        let error = |key: &str, message: String| LoadError::Config {
            path: path.to_owned(),
            key: format!("{prefix}{key}"),
            message,
        };
        let limits = [
            (self.vocab_size, 1 << 24),
            (self.hidden_size, 1 << 18),
            (self.intermediate_size, 1 << 20),
            (self.layers, 1 << 12),
            (self.heads, 1 << 12),
            (self.kv_heads, 1 << 12),
            (self.head_dim, 1 << 12),
            (self.context, 1 << 28),
        ];
        for ((value, most), key) in limits.into_iter().zip(keys) {
            if value == 0 || value > most {
                return Err(error(key, format!("{value} is not between 1 and {most}")));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let message = format!("{} query heads do not share {} key heads evenly", self.heads, self.kv_heads);
            return Err(error(keys[5], message));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(error(keys[6], format!("{} is odd, which RoPE cannot rotate", self.head_dim)));
        }
        if !(self.rms_norm_eps >= 0.0 && self.rms_norm_eps < 1.0) {
            return Err(error(keys[8], format!("{} is not between 0 and 1", self.rms_norm_eps)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
