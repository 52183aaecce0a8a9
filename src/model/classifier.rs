//! A fine-tuned encoder, loaded: what it reads texts with, and what it tells apart.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device as Candle};
use serde_json::{Map, Value, json};

use super::encoder::{Batch, Encoder, EncoderConfig, EncoderFiles, Layout};
use super::fingerprint;
use super::layers::{Layers, cpu::Cpu, device::Device};
use super::locate::{Located, ModelFiles};
use super::tokenizer::{Tokenizer, TokenizerError};
use super::weights::LoadError;

/// The key of `config.json` under which we keep how texts went in.
const OURS: &str = "shotglass";

/// An encoder on the device that it was loaded to.
pub enum AnyEncoder {
    /// On the CPU.
    Cpu(Encoder<Cpu>),
    /// On a GPU.
    Device(Encoder<Device>),
}

/// A classifier ready to run.
pub struct Classifier {
    /// The weights.
    pub encoder: AnyEncoder,
    /// The tokenizer.
    pub tokenizer: Arc<Tokenizer>,
    /// The labels, in the order of its outputs.
    pub labels: Vec<String>,
    /// The cleaning rules that its texts went through when it was trained.
    pub clean: Vec<String>,
    /// Texts are cut to so many tokens.
    pub max_length: usize,
    /// The most tokens that it can read.
    pub context: usize,
    /// SHA-256 over its files, in hexadecimal.
    pub sha256: String,
}

impl Classifier {
    /// Reads a classifier that was found; none where the files are those of another kind of model.
    pub fn load(
        located: &Located,
        device: &Candle,
        products: DType,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Self>, LoadError> {
        let ModelFiles::Folder(folder) = &located.files else { return Ok(None) };
        let Some(files) = EncoderFiles::open(folder)? else { return Ok(None) };
        let labels = files.config.labels.clone();
        let (_, parameters) = Layout::new(&files.config, labels.len().max(1));
        if labels.len() < 2 || !files.has_head(&parameters) {
            return Err(LoadError::Config {
                path: folder.join("config.json"),
                key: "architectures".to_owned(),
                message: format!(
                    "{} is an encoder without a trained classification head: fine-tune it first, with its name as \
                     train.model and `shotglass train SESSION`",
                    located.name
                ),
            });
        }
        let tokenizer = Arc::new(Tokenizer::from_folder(folder)?);
        let config = files.config.clone();
        let encoder = read(config, &files, labels.len(), device, products, 1, 0, &mut Vec::new(), go_on)?;
        let (clean, max_length) = kept(folder, files.config.context)?;
        let context = files.config.context;
        let sha256 = fingerprint::sha256(&located.files)?;
        Ok(Some(Self { encoder, tokenizer, labels, clean, max_length, context, sha256 }))
    }

    /// Logits of some texts, a row for each; none if it is not to go on.
    pub fn logits(&self, texts: &[&[u32]], go_on: &dyn Fn() -> bool) -> candle_core::Result<Option<Vec<f32>>> {
        let batch = Batch::new(texts.iter().copied(), 0);
        match &self.encoder {
            AnyEncoder::Cpu(encoder) => {
                encoder.logits(&batch, go_on)?.map(|logits| encoder.layers().values(&logits)).transpose()
            }
            AnyEncoder::Device(encoder) => {
                encoder.logits(&batch, go_on)?.map(|logits| encoder.layers().values(&logits)).transpose()
            }
        }
    }

    /// Whether it runs on the CPU.
    pub fn on_cpu(&self) -> bool {
        matches!(self.encoder, AnyEncoder::Cpu(_))
    }
}

/// Reads an encoder's weights onto a device; `config` is that of its files, or one with other dropouts. A head that is not
/// there is drawn by `seed`, and `drawn` gets its names.
#[allow(clippy::too_many_arguments)]
pub fn read(
    config: EncoderConfig,
    files: &EncoderFiles,
    outputs: usize,
    device: &Candle,
    products: DType,
    threads: usize,
    seed: u64,
    drawn: &mut Vec<String>,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<AnyEncoder, LoadError> {
    let mut one = |parameter: &super::encoder::Parameter| {
        if go_on() { files.read(parameter, seed, drawn) } else { Err(LoadError::Cancelled) }
    };
    if device.is_cpu() {
        return Encoder::new(config, outputs, Cpu { threads }, &mut one).map(AnyEncoder::Cpu);
    }
    let layers = Device { device: device.clone(), products };
    Encoder::new(config, outputs, layers, &mut one).map(AnyEncoder::Device)
}

/// The tokens of a text with the special ones around it, cut to `most` as transformers does: from the right, before the
/// special tokens are put around it. Says too whether something was cut.
pub fn tokens(tokenizer: &Tokenizer, text: &str, most: usize) -> Result<(Vec<u32>, bool), TokenizerError> {
    let mut ids = tokenizer.encode(text, true)?;
    if ids.len() <= most {
        return Ok((ids, false));
    }
    let last = ids.last().copied();
    ids.truncate(most.saturating_sub(1));
    ids.extend(last);
    Ok((ids, true))
}

/// The cleaning rules of a classifier in a folder, without loading it; none where another kind of model lies there.
pub fn rules(folder: &Path) -> Result<Option<Vec<String>>, LoadError> {
    let path = folder.join("config.json");
    let config = if path.is_file() { EncoderConfig::from_file(&path)? } else { None };
    match config.filter(|config| config.classifier) {
        Some(config) => kept(folder, config.context).map(|(clean, _)| Some(clean)),
        None => Ok(None),
    }
}

/// What `config.json` says of texts: cleaning rules and length.
fn kept(folder: &Path, context: usize) -> Result<(Vec<String>, usize), LoadError> {
    let json = super::config::Json::read(&folder.join("config.json"))?;
    let Some(Value::Object(ours)) = json.value(OURS) else { return Ok((Vec::new(), context)) };
    let rules = ours.get("clean").and_then(Value::as_array);
    let clean = rules.into_iter().flatten().filter_map(|rule| rule.as_str().map(str::to_owned)).collect();
    let most = ours.get("max_length").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
    Ok((clean, most.unwrap_or(context).clamp(2, context)))
}

/// The `config.json` of a fine-tuned encoder: that of the one it began from, with class, labels and how texts went in.
pub fn config(
    files: &EncoderFiles,
    labels: &[String],
    clean: &[String],
    max_length: usize,
) -> Result<Value, LoadError> {
    let path = files.folder.join("config.json");
    let bytes = std::fs::read(&path).map_err(|source| LoadError::io(&path, source))?;
    let mut object: Map<String, Value> = serde_json::from_slice(&bytes).unwrap_or_default();
    for key in ["_name_or_path", "dtype", "num_labels"] {
        object.remove(key);
    }
    let ids = |(id, label): (usize, &String)| (id.to_string(), json!(label));
    let numbers = |(id, label): (usize, &String)| (label.clone(), json!(id));
    let changes = [
        ("architectures", json!([files.config.family.class()])),
        ("torch_dtype", json!("float32")),
        ("problem_type", json!("single_label_classification")),
        ("id2label", Value::Object(labels.iter().enumerate().map(ids).collect())),
        ("label2id", Value::Object(labels.iter().enumerate().map(numbers).collect())),
        (OURS, json!({ "clean": clean, "max_length": max_length })),
    ];
    object.extend(changes.map(|(key, value)| (key.to_owned(), value)));
    Ok(Value::Object(object))
}
