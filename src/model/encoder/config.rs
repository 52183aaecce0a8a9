//! What an encoder is made of: its sizes and constants, from `config.json` in the form of transformers 4 or 5.

use std::path::Path;

use serde_json::Value;

use crate::model::config::Json;
use crate::model::layers::Activation;
use crate::model::weights::LoadError;

/// Families of encoders. They share one forward pass and differ in names, positions and head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// BERT and what has its form: MiniLM, many sentence encoders.
    Bert,
    /// RoBERTa: positions count from behind the padding token's id, another head.
    Roberta,
    /// DistilBERT: no token types, no pooler.
    DistilBert,
    /// DeBERTa-v2 and v3: disentangled attention.
    DebertaV2,
}

impl Family {
    const ALL: [Self; 4] = [Self::Bert, Self::Roberta, Self::DistilBert, Self::DebertaV2];

    /// The name as `model_type` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Roberta => "roberta",
            Self::DistilBert => "distilbert",
            Self::DebertaV2 => "deberta-v2",
        }
    }

    /// The class of transformers that has its classification head.
    pub fn class(self) -> &'static str {
        match self {
            Self::Bert => "BertForSequenceClassification",
            Self::Roberta => "RobertaForSequenceClassification",
            Self::DistilBert => "DistilBertForSequenceClassification",
            Self::DebertaV2 => "DebertaV2ForSequenceClassification",
        }
    }

    /// The family of a `model_type`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// Disentangled attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relative {
    /// Distances up to half of this have a row each, farther ones share rows by their logarithm; 0 is a row for each.
    pub buckets: usize,
    /// The farthest distance.
    pub farthest: usize,
    /// Content to position.
    pub c2p: bool,
    /// Position to content.
    pub p2c: bool,
    /// Whether positions go through the projections of the content.
    pub share_key: bool,
    /// Whether the table of distances is normed.
    pub norm: bool,
}

impl Relative {
    /// Half the rows of the table of distances.
    pub fn span(self) -> usize {
        if self.buckets > 0 { self.buckets } else { self.farthest }
    }

    /// The row of a distance from query to key: transformers' `make_log_bucket_position`, shifted and clamped.
    pub fn row(self, distance: i64) -> u32 {
        let span = self.span() as i64;
        let bucket = if self.buckets > 0 && self.farthest > 0 {
            let middle = span / 2;
            if distance.abs() < middle {
                distance
            } else {
                // As transformers computes it, in f32.
                let far = (distance.abs() as f32 / middle as f32).ln();
                let most = ((self.farthest as i64 - 1) as f32 / middle as f32).ln();
                let beyond = (far / most * (middle - 1) as f32).ceil() as i64;
                distance.signum() * if distance.abs() <= middle { distance.abs() } else { middle + beyond }
            }
        } else {
            distance
        };
        (bucket + span).clamp(0, 2 * span - 1) as u32
    }
}

/// The sizes and constants of an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderConfig {
    /// The family.
    pub family: Family,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the embedding table, where it is another one.
    pub embedding_size: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// Layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// The most tokens of a text.
    pub context: usize,
    /// Rows of the table of absolute positions; 0 where there is none.
    pub positions: usize,
    /// The row of the first position.
    pub first_position: usize,
    /// Rows of the table of token types; 0 where there is none.
    pub token_types: usize,
    /// The constant inside norms.
    pub eps: f64,
    /// Inside the feed-forward block.
    pub activation: Activation,
    /// Inside the head.
    pub head_activation: Activation,
    /// Deviation of new weights.
    pub initializer_range: f64,
    /// Dropout of hidden states.
    pub hidden_dropout: f64,
    /// Dropout of attention's probabilities.
    pub attention_dropout: f64,
    /// Dropout before the head's inner layer, where it has one.
    pub pooler_dropout: f64,
    /// Dropout before the last layer.
    pub classifier_dropout: f64,
    /// Disentangled attention, of DeBERTa.
    pub relative: Option<Relative>,
    /// The labels in the order of the outputs, of a model with a trained head.
    pub labels: Vec<String>,
    /// Whether the file says that there is a classification head.
    pub classifier: bool,
}

fn activation(json: &Json, key: &str, default: Activation) -> Result<Activation, LoadError> {
    match json.text(key)? {
        None => Ok(default),
        Some("gelu") => Ok(Activation::Gelu),
        Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_fast") => Ok(Activation::GeluTanh),
        Some("relu") => Ok(Activation::Relu),
        Some("tanh") => Ok(Activation::Tanh),
        Some(other) => {
            Err(json.error(key, format!("{other:?} is not supported (supported: gelu, gelu_new, relu, tanh)")))
        }
    }
}

/// `id2label` in the order of its numbers; names that transformers makes up (`LABEL_0`) are kept as they are.
fn labels(json: &Json) -> Result<Vec<String>, LoadError> {
    let Some(Value::Object(map)) = json.value("id2label") else { return Ok(Vec::new()) };
    let mut labels: Vec<(usize, String)> = Vec::new();
    for (id, label) in map {
        let (Ok(id), Some(label)) = (id.parse(), label.as_str()) else {
            return Err(json.error("id2label", "it should be an object from numbers to texts"));
        };
        labels.push((id, label.to_owned()));
    }
    labels.sort();
    if labels.iter().enumerate().any(|(place, (id, _))| place != *id) {
        return Err(json.error("id2label", "its numbers should count up from 0"));
    }
    Ok(labels.into_iter().map(|(_, label)| label).collect())
}

impl EncoderConfig {
    /// Reads a `config.json`; none where it is that of another kind of model.
    pub fn from_file(path: &Path) -> Result<Option<Self>, LoadError> {
        let json = Json::read(path)?;
        let Some(family) = json.text("model_type")?.and_then(Family::from_name) else { return Ok(None) };
        let config = Self::read(&json, family)?;
        config.check(&json)?;
        Ok(Some(config))
    }

    fn read(json: &Json, family: Family) -> Result<Self, LoadError> {
        let distil = family == Family::DistilBert;
        let deberta = family == Family::DebertaV2;
        // DistilBERT has names of its own.
        let name = |usual: &'static str, own: &'static str| if distil { own } else { usual };
        let size = |key: &str| json.required(key, json.size(key)?);
        let rate = |key: &str, default: f64| Ok::<_, LoadError>(json.float(key)?.unwrap_or(default));
        let hidden_size = size(name("hidden_size", "dim"))?;
        let max_positions = size("max_position_embeddings")?;
        let padding = json.size("pad_token_id")?.unwrap_or(if family == Family::Roberta { 1 } else { 0 });
        let first_position = if family == Family::Roberta { padding + 1 } else { 0 };
        let positioned = !deberta || json.flag("position_biased_input")?.unwrap_or(true);
        let hidden_dropout = rate(name("hidden_dropout_prob", "dropout"), 0.1)?;
        let default_types = if distil || deberta { 0 } else { 2 };
        let act = activation(json, name("hidden_act", "activation"), Activation::Gelu)?;
        let relative = if deberta { Self::relative(json, max_positions)? } else { None };
        if let Some(kind) = json.text("position_embedding_type")?.filter(|kind| *kind != "absolute") {
            return Err(
                json.error("position_embedding_type", format!("{kind:?} is not supported (supported: absolute)"))
            );
        }
        if json.size("conv_kernel_size")?.unwrap_or(0) > 0 {
            let message = "a convolution beside the first layer (DeBERTa-v2-xlarge) is not supported";
            return Err(json.error("conv_kernel_size", message));
        }
        let classes = json.value("architectures").and_then(Value::as_array);
        let classifier = classes.is_some_and(|classes| {
            classes.iter().filter_map(Value::as_str).any(|class| class.ends_with("ForSequenceClassification"))
        });
        Ok(Self {
            family,
            vocab_size: size("vocab_size")?,
            hidden_size,
            embedding_size: json.size("embedding_size")?.filter(|_| deberta).unwrap_or(hidden_size),
            intermediate_size: size(name("intermediate_size", "hidden_dim"))?,
            layers: size(name("num_hidden_layers", "n_layers"))?,
            heads: size(name("num_attention_heads", "n_heads"))?,
            context: max_positions.saturating_sub(first_position),
            positions: if positioned { max_positions } else { 0 },
            first_position,
            token_types: if distil { 0 } else { json.size("type_vocab_size")?.unwrap_or(default_types) },
            eps: json.float("layer_norm_eps")?.unwrap_or(if deberta { 1e-7 } else { 1e-12 }),
            activation: act,
            head_activation: match family {
                Family::Bert | Family::Roberta => Activation::Tanh,
                Family::DistilBert => Activation::Relu,
                Family::DebertaV2 => activation(json, "pooler_hidden_act", Activation::Gelu)?,
            },
            initializer_range: json.float("initializer_range")?.unwrap_or(0.02),
            hidden_dropout,
            attention_dropout: rate(name("attention_probs_dropout_prob", "attention_dropout"), 0.1)?,
            pooler_dropout: match family {
                Family::DebertaV2 => rate("pooler_dropout", 0.0)?,
                Family::Roberta => rate("classifier_dropout", hidden_dropout)?,
                _ => 0.0,
            },
            classifier_dropout: match family {
                Family::DebertaV2 => rate("cls_dropout", hidden_dropout)?,
                Family::DistilBert => rate("seq_classif_dropout", 0.2)?,
                _ => rate("classifier_dropout", hidden_dropout)?,
            },
            relative,
            labels: labels(json)?,
            classifier,
        })
    }

    fn relative(json: &Json, max_positions: usize) -> Result<Option<Relative>, LoadError> {
        if !json.flag("relative_attention")?.unwrap_or(false) {
            return Ok(None);
        }
        let kinds: Vec<String> = match json.value("pos_att_type") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => text.split('|').map(|kind| kind.trim().to_lowercase()).collect(),
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).map(str::to_lowercase).collect(),
            Some(_) => return Err(json.error("pos_att_type", "it should be a text or a list of texts")),
        };
        let signed = json.value("max_relative_positions").and_then(Value::as_i64).unwrap_or(-1);
        let farthest = usize::try_from(signed).ok().filter(|most| *most > 0).unwrap_or(max_positions);
        let buckets = json.value("position_buckets").and_then(Value::as_i64).unwrap_or(-1);
        let norm = json.text("norm_rel_ebd")?.unwrap_or("none");
        Ok(Some(Relative {
            buckets: usize::try_from(buckets).unwrap_or(0),
            farthest,
            c2p: kinds.iter().any(|kind| kind == "c2p"),
            p2c: kinds.iter().any(|kind| kind == "p2c"),
            share_key: json.flag("share_att_key")?.unwrap_or(false),
            norm: norm.split('|').any(|kind| kind.trim() == "layer_norm"),
        }))
    }

    /// No size is zero or absurd, so that what comes later may multiply them.
    fn check(&self, json: &Json) -> Result<(), LoadError> {
        let limits = [
            ("vocab_size", self.vocab_size, 1 << 24),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("embedding_size", self.embedding_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_hidden_layers", self.layers, 1 << 10),
            ("num_attention_heads", self.heads, 1 << 10),
            ("max_position_embeddings", self.context, 1 << 20),
        ];
        for (key, value, most) in limits {
            if value == 0 || value > most {
                return Err(json.error(key, format!("{value} is not between 1 and {most}")));
            }
        }
        let small = [("type_vocab_size", self.token_types), ("id2label", self.labels.len())];
        for (key, value) in small {
            if value > 1 << 12 {
                return Err(json.error(key, format!("{value} is more than {}", 1 << 12)));
            }
        }
        if !self.hidden_size.is_multiple_of(self.heads) {
            let message = format!("{} is not a multiple of {} heads", self.hidden_size, self.heads);
            return Err(json.error("hidden_size", message));
        }
        if let Some(relative) = self.relative.filter(|relative| relative.span() > 1 << 20 || relative.span() < 2) {
            return Err(json.error("position_buckets", format!("{} is not a number of buckets", relative.span())));
        }
        let rates = [self.hidden_dropout, self.attention_dropout, self.pooler_dropout, self.classifier_dropout];
        if rates.iter().any(|rate| !(0.0..1.0).contains(rate)) {
            return Err(json.error("hidden_dropout_prob", "dropouts are at least 0 and below 1"));
        }
        if !(self.eps > 0.0 && self.eps < 1.0) {
            return Err(json.error("layer_norm_eps", format!("{} is not between 0 and 1", self.eps)));
        }
        Ok(())
    }

    /// The same with another dropout everywhere.
    pub fn with_dropout(mut self, rate: f64) -> Self {
        self.hidden_dropout = rate;
        self.attention_dropout = rate;
        self.classifier_dropout = rate;
        if self.pooler_dropout > 0.0 {
            self.pooler_dropout = rate;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relative() -> Relative {
        Relative { buckets: 256, farthest: 512, c2p: true, p2c: true, share_key: true, norm: true }
    }

    #[test]
    fn near_distances_have_rows_of_their_own_and_far_ones_share() {
        let relative = relative();
        for distance in -128..=128 {
            assert_eq!(relative.row(distance), (256 + distance) as u32);
        }
        // By transformers' make_log_bucket_position(x, 256, 512).
        for (distance, bucket) in [(129, 129), (200, 169), (300, 207), (511, 255), (-511, -255), (-300, -207)] {
            assert_eq!(relative.row(distance), (256 + bucket) as u32, "{distance}");
        }
        assert_eq!(relative.row(100_000), 511);
        assert_eq!(relative.row(-100_000), 0);
        let plain = Relative { buckets: 0, farthest: 8, ..relative };
        assert_eq!((plain.row(3), plain.row(90), plain.row(-90)), (11, 15, 0));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let read = |changes: Value| {
            let mut json = serde_json::json!({
                "model_type": "bert", "vocab_size": 10, "hidden_size": 8, "intermediate_size": 8,
                "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 16,
            });
            for (key, value) in changes.as_object().unwrap() {
                json[key] = value.clone();
            }
            std::fs::write(&path, json.to_string()).unwrap();
            EncoderConfig::from_file(&path)
        };
        let config = read(serde_json::json!({})).unwrap().unwrap();
        assert_eq!((config.hidden_dropout, config.eps, config.token_types), (0.1, 1e-12, 2));
        assert!(read(serde_json::json!({ "model_type": "llama" })).unwrap().is_none());
        for (changes, said) in [
            (serde_json::json!({ "hidden_act": "swish" }), "hidden_act"),
            (serde_json::json!({ "num_attention_heads": 3 }), "not a multiple"),
            (serde_json::json!({ "hidden_size": 1u64 << 40 }), "not between"),
            (serde_json::json!({ "id2label": { "1": "a" } }), "count up"),
            (serde_json::json!({ "position_embedding_type": "relative_key" }), "relative_key"),
            (serde_json::json!({ "model_type": "deberta-v2", "conv_kernel_size": 3 }), "convolution"),
            (serde_json::json!({ "hidden_dropout_prob": 1.5 }), "below 1"),
        ] {
            let error = read(changes).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
