//! `config.json`, in the form of transformers 5 and in the older one.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Architecture, DecoderConfig, Rope, RopeScaling, SIZES};
use crate::model::weights::{LoadError, said};

/// The keys of the sizes, in the order of [`SIZES`].
const KEYS: [&str; SIZES] = [
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
    "rms_norm_eps",
];

impl DecoderConfig {
    /// Reads a `config.json`.
    pub fn from_file(path: &Path) -> Result<Self, LoadError> {
        let json = Json::read(path)?;
        let model_type = json.required("model_type", json.text("model_type")?)?;
        let architecture = Architecture::from_name(model_type)
            .ok_or_else(|| json.error("model_type", Architecture::unsupported(model_type)))?;
        json.refuse_what_is_not_supported()?;
        let heads = json.required("num_attention_heads", json.size("num_attention_heads")?)?;
        let hidden_size = json.required("hidden_size", json.size("hidden_size")?)?;
        let kv_heads = match (json.size("num_key_value_heads")?, architecture) {
            (Some(kv_heads), _) => kv_heads,
            (None, Architecture::Llama) => heads,
            (None, _) => return Err(json.error("num_key_value_heads", "it is missing")),
        };
        let head_dim = match (json.size("head_dim")?, architecture) {
            (Some(head_dim), _) => head_dim,
            (None, Architecture::Qwen3) => 128,
            (None, _) if heads > 0 && hidden_size % heads == 0 => hidden_size / heads,
            (None, _) => {
                return Err(json.error("hidden_size", format!("{hidden_size} is not a multiple of {heads} heads")));
            }
        };
        let attention_bias = json.flag("attention_bias")?.unwrap_or(false);
        let mut config = Self {
            architecture,
            vocab_size: json.required("vocab_size", json.size("vocab_size")?)?,
            hidden_size,
            intermediate_size: json.required("intermediate_size", json.size("intermediate_size")?)?,
            layers: json.required("num_hidden_layers", json.size("num_hidden_layers")?)?,
            heads,
            kv_heads,
            head_dim,
            rms_norm_eps: json.float("rms_norm_eps")?.unwrap_or(1e-6),
            rope: json.rope()?,
            tie_embeddings: json.flag("tie_word_embeddings")?.unwrap_or(false),
            qkv_bias: attention_bias || architecture == Architecture::Qwen2,
            output_bias: attention_bias && architecture != Architecture::Qwen2,
            mlp_bias: json.flag("mlp_bias")?.unwrap_or(false),
            qk_norm: architecture == Architecture::Qwen3,
            context: json.required("max_position_embeddings", json.size("max_position_embeddings")?)?,
            bos: json.tokens("bos_token_id")?.first().copied(),
            eos: json.tokens("eos_token_id")?,
            notes: Vec::new(),
        };
        let sliding = json.flag("use_sliding_window")?.unwrap_or(true);
        config.limit_to_window(json.size("sliding_window")?.filter(|_| sliding));
        config.check(path, "", &KEYS)?;
        Ok(config)
    }
}

/// A JSON object with typed look-ups; a key that is missing or null gives `None`, one of the wrong type an error.
pub struct Json {
    path: PathBuf,
    object: Map<String, Value>,
}

impl Json {
    /// Reads a file that holds one object.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let text = std::fs::read(path).map_err(|source| LoadError::io(path, source))?;
        let malformed = |message: String| LoadError::Format { path: path.to_owned(), form: "JSON", message };
        match serde_json::from_slice(&text).map_err(|error| malformed(said(&error)))? {
            Value::Object(object) => Ok(Self { path: path.to_owned(), object }),
            _ => Err(malformed("it should hold an object".to_owned())),
        }
    }

    /// An error about one key.
    pub fn error(&self, key: &str, message: impl Into<String>) -> LoadError {
        LoadError::Config { path: self.path.clone(), key: key.to_owned(), message: message.into() }
    }

    /// A value of any type.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.object.get(key)
    }

    /// The value of a key that must be there.
    pub fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, LoadError> {
        value.ok_or_else(|| self.error(key, "it is missing"))
    }

    fn get<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, LoadError> {
        match self.object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.error(key, format!("it should be {expected}"))),
        }
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<&str>, LoadError> {
        self.get(key, "a text", Value::as_str)
    }

    /// A whole number.
    pub fn size(&self, key: &str) -> Result<Option<usize>, LoadError> {
        self.get(key, "a whole number of 0 or more", |value| value.as_u64().and_then(|value| value.try_into().ok()))
    }

    /// A number.
    pub fn float(&self, key: &str) -> Result<Option<f64>, LoadError> {
        self.get(key, "a number", Value::as_f64)
    }

    /// A yes or no.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        self.get(key, "true or false", Value::as_bool)
    }

    /// One token id or a list of them; none where the key is missing.
    pub fn tokens(&self, key: &str) -> Result<Vec<u32>, LoadError> {
        let token = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let tokens = self.get(key, "a token id or a list of them", |value| match value {
            Value::Array(values) => values.iter().map(token).collect(),
            value => token(value).map(|id| vec![id]),
        })?;
        Ok(tokens.unwrap_or_default())
    }

    /// An object.
    fn object(&self, key: &str) -> Result<Option<Self>, LoadError> {
        let object = self.get(key, "an object", Value::as_object)?;
        Ok(object.map(|object| Self { path: self.path.clone(), object: object.clone() }))
    }

    fn refuse_what_is_not_supported(&self) -> Result<(), LoadError> {
        if let Some(activation) = self.text("hidden_act")?.filter(|name| !["silu", "swish"].contains(name)) {
            return Err(self.error("hidden_act", format!("{activation:?} is not supported (supported: silu)")));
        }
        if let Some(quantisation) = self.object("quantization_config")? {
            let method = quantisation.text("quant_method")?.unwrap_or("unknown");
            let message = format!("quantised weights of kind {method:?} are not supported; take the GGUF form");
            return Err(self.error("quantization_config", message));
        }
        let kinds = self.get("layer_types", "a list of texts", |value| {
            value.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<&str>>>()
        })?;
        let known = ["full_attention", "sliding_attention"];
        if let Some(kind) = kinds.unwrap_or_default().into_iter().find(|kind| !known.contains(kind)) {
            return Err(self.error("layer_types", format!("{kind:?} is not supported (supported: full_attention)")));
        }
        Ok(())
    }

    fn rope(&self) -> Result<Rope, LoadError> {
        let (key, scaling) = match self.object("rope_parameters")? {
            Some(parameters) => ("rope_parameters", Some(parameters)),
            None => ("rope_scaling", self.object("rope_scaling")?),
        };
        let theta = match scaling.as_ref().map(|scaling| scaling.float("rope_theta")).transpose()?.flatten() {
            Some(theta) => theta,
            None => self.float("rope_theta")?.unwrap_or(10_000.0),
        };
        if !(theta.is_finite() && theta >= 1.0) {
            return Err(self.error("rope_theta", format!("{theta} is not a base of 1 or more")));
        }
        let partial = match &scaling {
            Some(scaling) if scaling.object.contains_key("partial_rotary_factor") => {
                scaling.float("partial_rotary_factor")?
            }
            _ => self.float("partial_rotary_factor")?,
        };
        if let Some(partial) = partial.filter(|partial| *partial != 1.0) {
            return Err(self.error("partial_rotary_factor", format!("{partial} is not supported (supported: 1)")));
        }
        let Some(scaling) = scaling else { return Ok(Rope { theta, scaling: RopeScaling::None }) };
        // The older form says `type` where the newer one says `rope_type`.
        let kind = match scaling.text("rope_type")? {
            Some(kind) => kind,
            None => scaling.text("type")?.unwrap_or("default"),
        };
        let factor = |name: &str| -> Result<f64, LoadError> {
            let value = scaling.required(name, scaling.float(name)?)?;
            let usable = value.is_finite() && value > 0.0;
            if usable { Ok(value) } else { Err(scaling.error(name, format!("{value} is not a number above 0"))) }
        };
        let scaling = match kind {
            "default" => RopeScaling::None,
            "linear" => RopeScaling::Linear { factor: factor("factor")? },
            "llama3" => RopeScaling::Llama3 {
                factor: factor("factor")?,
                low_freq_factor: factor("low_freq_factor")?,
                high_freq_factor: factor("high_freq_factor")?,
                original_context: factor("original_max_position_embeddings")? as usize,
            },
            other => {
                let message = format!("RoPE of type {other:?} is not supported (supported: default, linear, llama3)");
                return Err(self.error(key, message));
            }
        };
        Ok(Rope { theta, scaling })
    }
}
