//! Checkpoints: everything that a training needs to go on as if it had never stopped, in a folder that is there whole or not
//! at all; and the folder of the best weights, in the form of the hub.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use candle_core::DType;
use safetensors::tensor::{Dtype, View};
use serde::{Deserialize, Serialize};

use crate::model::encoder::{Encoder, Parameter};
use crate::model::layers::Layers;
use crate::model::safetensors::{SINGLE, Shards};

use super::optimizer::Optimizer;
use super::settings::TrainSpec;
use super::trainer::TrainError;
use super::update::Figures;

/// The folder of checkpoints in a run's folder.
pub const CHECKPOINTS: &str = "checkpoints";
/// The folder of the best weights in a run's folder.
pub const BEST: &str = "best";
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.toml";
/// What a folder is called while it is written.
const NEW: &str = ".new-";
/// What the best weights are called while better ones take their place.
const OLD: &str = ".old-best";

/// Where a training stands. TOML keeps every number to the last bit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// SHA-256 of the encoder it began from.
    pub model_sha256: String,
    /// A hash over the tokens and labels that are trained on.
    pub rows: String,
    /// The labels.
    pub labels: Vec<String>,
    /// Steps done.
    pub step: usize,
    /// The highest learning rate, which the user may have changed.
    pub learning_rate: f64,
    /// Losses since the last figures.
    pub losses: f64,
    /// How many they are.
    pub counted: usize,
    /// The best value of the metric so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<f64>,
    /// The step at which it was reached.
    pub best_step: usize,
    /// Evaluations since.
    pub stale: usize,
    /// Whether an evaluation was due that did not come to its end.
    pub due: bool,
    /// Warnings told already.
    pub warned: Vec<String>,
    /// The settings.
    pub settings: TrainSpec,
    /// What was logged.
    #[serde(default)]
    pub history: Vec<Figures>,
}

fn write_error(path: &Path, error: &io::Error) -> TrainError {
    TrainError::Failed(format!(
        "{}: cannot be written: {error}; what was kept before is still there, make room and go on with --resume",
        path.display()
    ))
}

fn read_error(path: &Path, error: impl std::fmt::Display) -> TrainError {
    TrainError::Bad(format!("{}: cannot be read: {error}", path.display()))
}

/// A weight whose numbers are fetched when they are written, so that they are not all there twice.
struct Weight<'a, L: Layers> {
    encoder: &'a Encoder<L>,
    place: usize,
    parameter: &'a Parameter,
}

impl<L: Layers> View for Weight<'_, L> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.parameter.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        // A device that cannot be read any more gives too few bytes, which the writer refuses.
        let values = self.encoder.value(self.place).unwrap_or_default();
        Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn data_len(&self) -> usize {
        self.parameter.len() * size_of::<f32>()
    }
}

/// One of a parameter's moments, in the same way.
struct Moment<'a, L: Layers> {
    weight: Weight<'a, L>,
    optimizer: &'a Optimizer<L>,
    second: bool,
}

impl<L: Layers> View for Moment<'_, L> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.weight.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let (first, second) = self.optimizer.values(self.weight.encoder, self.weight.place).unwrap_or_default();
        let values = if self.second { second } else { first };
        Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn data_len(&self) -> usize {
        self.weight.data_len()
    }
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes the weights as transformers does.
fn write_weights<L: Layers>(encoder: &Encoder<L>, path: &Path) -> Result<(), TrainError> {
    let parameters = encoder.parameters().iter().enumerate();
    let tensors = parameters.map(|(place, parameter)| (parameter.name.clone(), Weight { encoder, place, parameter }));
    // Without it transformers does not read the file.
    let metadata = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
    write_tensors(tensors, Some(metadata), path)
}

fn write_tensors<V: View>(
    tensors: impl IntoIterator<Item = (String, V)>,
    metadata: Option<std::collections::HashMap<String, String>>,
    path: &Path,
) -> Result<(), TrainError> {
    safetensors::serialize_to_file(tensors, metadata, path).map_err(|error| match error {
        safetensors::SafeTensorError::IoError(error) => write_error(path, &error),
        other => write_error(path, &io::Error::other(other.to_string())),
    })?;
    sync(path).map_err(|error| write_error(path, &error))
}

/// Fills a new folder and then gives it its name; what was written of it is removed if that fails.
fn whole(parent: &Path, name: &str, fill: impl FnOnce(&Path) -> Result<(), TrainError>) -> Result<PathBuf, TrainError> {
    let new = parent.join(format!("{NEW}{name}"));
    let path = parent.join(name);
    let failed = |error: io::Error| write_error(&path, &error);
    fs::create_dir_all(parent).map_err(failed)?;
    // A killed program may have left one.
    let _ = fs::remove_dir_all(&new);
    fs::create_dir(&new).map_err(failed)?;
    let filled = fill(&new).and_then(|()| {
        sync(&new).map_err(failed)?;
        let old = parent.join(OLD);
        let replaced = path.exists();
        if replaced {
            let _ = fs::remove_dir_all(&old);
            fs::rename(&path, &old).map_err(failed)?;
        }
        fs::rename(&new, &path).map_err(failed)?;
        sync(parent).map_err(failed)?;
        if replaced {
            // Left behind it is only in the way.
            let _ = fs::remove_dir_all(&old);
        }
        Ok(())
    });
    if filled.is_err() {
        let _ = fs::remove_dir_all(&new);
    }
    filled.map(|()| path)
}

/// Keeps a checkpoint, and of the older ones as many as the settings say.
pub fn save<L: Layers>(
    folder: &Path,
    encoder: &Encoder<L>,
    optimizer: &Optimizer<L>,
    state: &State,
) -> Result<PathBuf, TrainError> {
    let parent = folder.join(CHECKPOINTS);
    let path = whole(&parent, &format!("step-{:08}", state.step), |new| {
        write_weights(encoder, &new.join(SINGLE))?;
        let moments = optimizer.places().filter_map(|place| Some((place, encoder.parameters().get(place)?)));
        let moments = moments.flat_map(|(place, parameter)| {
            [("first", false), ("second", true)].map(|(name, second)| {
                let weight = Weight { encoder, place, parameter };
                (format!("{name}.{}", parameter.name), Moment { weight, optimizer, second })
            })
        });
        write_tensors(moments, None, &new.join(OPTIMIZER))?;
        let path = new.join(STATE);
        let text = toml::to_string(state).map_err(|error| write_error(&path, &io::Error::other(error)))?;
        fs::write(&path, text).and_then(|()| sync(&path)).map_err(|error| write_error(&path, &error))
    })?;
    let kept = checkpoints(folder);
    for old in kept.iter().rev().skip(state.settings.keep) {
        // One too many does no harm.
        let _ = fs::remove_dir_all(old);
    }
    Ok(path)
}

/// The checkpoints of a run, the oldest first.
pub fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(CHECKPOINTS)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("step-"))
        .map(|entry| entry.path())
        .filter(|path| path.join(STATE).exists())
        .collect();
    paths.sort();
    paths
}

/// Where the newest checkpoint of a run stands, and its folder.
pub fn newest(folder: &Path) -> Result<Option<(PathBuf, State)>, TrainError> {
    let Some(path) = checkpoints(folder).pop() else { return Ok(None) };
    let file = path.join(STATE);
    let text = fs::read_to_string(&file).map_err(|error| read_error(&file, error))?;
    let state = toml::from_str(&text).map_err(|error| read_error(&file, error.message()))?;
    Ok(Some((path, state)))
}

/// The values of a tensor, which must be there in this shape.
fn values(shards: &Shards, name: &str, shape: &[usize], path: &Path) -> Result<Option<Vec<f32>>, TrainError> {
    match shards.shape(name) {
        None => return Ok(None),
        Some(found) if found != shape => {
            return Err(read_error(path, format!("`{name}` has the shape {found:?}, not {shape:?}")));
        }
        Some(_) => {}
    }
    let tensor = shards.tensor(name).map_err(|error| read_error(path, error))?;
    Ok(Some(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?))
}

/// Takes the weights of a folder over.
pub fn load_weights<L: Layers>(folder: &Path, encoder: &mut Encoder<L>) -> Result<(), TrainError> {
    let shards = Shards::open(folder).map_err(|error| read_error(folder, error))?;
    for place in 0..encoder.parameters().len() {
        let Some(parameter) = encoder.parameters().get(place).cloned() else { continue };
        let values = values(&shards, &parameter.name, &parameter.shape, folder)?;
        let values = values.ok_or_else(|| read_error(folder, format!("it has no `{}`", parameter.name)))?;
        let mat = encoder.layers().mat(values, parameter.width())?;
        if let Some(slot) = encoder.value_mut(place) {
            *slot = mat;
        }
    }
    Ok(())
}

/// The optimizer of a checkpoint.
pub fn load_optimizer<L: Layers>(
    folder: &Path,
    encoder: &Encoder<L>,
    steps: usize,
) -> Result<Optimizer<L>, TrainError> {
    let file = folder.join(OPTIMIZER);
    let shards = Shards::of_file(&file).map_err(|error| read_error(&file, error))?;
    let mut moments = Vec::new();
    for (place, parameter) in encoder.parameters().iter().enumerate() {
        let moment = |kind: &str| values(&shards, &format!("{kind}.{}", parameter.name), &parameter.shape, &file);
        if let Some((first, second)) = moment("first")?.zip(moment("second")?) {
            moments.push((place, first, second));
        }
    }
    Ok(Optimizer::from_values(encoder, moments, steps)?)
}

/// Files of a tokenizer that go with the weights.
const TOKENIZER: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "merges.txt",
    "spm.model",
];

/// Keeps the best weights as a folder in the form of the hub: `config` is what its `config.json` says, the tokenizer's files
/// come from the folder of the encoder that the training began from.
pub fn save_best<L: Layers>(
    folder: &Path,
    encoder: &Encoder<L>,
    config: &serde_json::Value,
    tokenizer: &Path,
) -> Result<PathBuf, TrainError> {
    whole(folder, BEST, |new| {
        write_weights(encoder, &new.join(SINGLE))?;
        let path = new.join("config.json");
        let text = serde_json::to_string_pretty(config).unwrap_or_default();
        fs::write(&path, text).and_then(|()| sync(&path)).map_err(|error| write_error(&path, &error))?;
        for name in TOKENIZER {
            let (from, to) = (tokenizer.join(name), new.join(name));
            if from.exists() {
                fs::copy(&from, &to).map_err(|error| write_error(&to, &error))?;
            }
        }
        Ok(())
    })
}

/// The folder of the best weights, put back where a kill came between two renames.
pub fn best(folder: &Path) -> Option<PathBuf> {
    let (path, old) = (folder.join(BEST), folder.join(OLD));
    if !path.exists() && old.exists() {
        let _ = fs::rename(&old, &path);
    }
    path.join(SINGLE).exists().then_some(path)
}
