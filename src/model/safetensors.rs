//! Weights in the hub's form: `model.safetensors`, or several files listed in `model.safetensors.index.json`.

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use ::safetensors::SafeTensors;
use ::safetensors::tensor::{Dtype, TensorInfo};
use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
use serde_json::Value;

use super::config::Json;
use super::map::map;
use super::pickle::PICKLE;
use super::weights::{LoadError, said};

/// The weights in one file.
pub const SINGLE: &str = "model.safetensors";
/// The list of the files that the weights are spread over.
pub const INDEX: &str = "model.safetensors.index.json";

/// The weights of a folder, mapped.
pub struct Shards {
    shards: Vec<Shard>,
    /// Which shard holds a tensor.
    place: HashMap<String, usize>,
}

struct Shard {
    map: Mmap,
    /// Where the numbers begin, after the header.
    start: usize,
    infos: HashMap<String, TensorInfo>,
}

impl std::fmt::Debug for Shards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shards").field("files", &self.shards.len()).field("tensors", &self.place.len()).finish()
    }
}

impl Shards {
    /// Maps the weight files of a folder and checks their headers.
    pub fn open(folder: &Path) -> Result<Self, LoadError> {
        let (mut shards, mut place) = (Vec::new(), HashMap::new());
        for path in weight_files(folder)? {
            if path.ends_with(PICKLE) {
                let message =
                    "encoders alone are read from it; take a form of the model with safetensors or GGUF files";
                return Err(LoadError::Format { path, form: "safetensors", message: message.to_owned() });
            }
            let shard = Shard::open(&path)?;
            place.extend(shard.infos.keys().map(|name| (name.clone(), shards.len())));
            shards.push(shard);
        }
        Ok(Self { shards, place })
    }

    /// The same of one file.
    pub fn of_file(path: &Path) -> Result<Self, LoadError> {
        let shard = Shard::open(path)?;
        let place = shard.infos.keys().map(|name| (name.clone(), 0)).collect();
        Ok(Self { shards: vec![shard], place })
    }

    fn find(&self, name: &str) -> Option<(&Shard, &TensorInfo)> {
        let shard = self.shards.get(*self.place.get(name)?)?;
        Some((shard, shard.infos.get(name)?))
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.place.contains_key(name)
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.find(name).map(|(_, info)| info.shape.as_slice())
    }

    /// The names of all tensors, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.place.keys().map(String::as_str)
    }

    /// Shape and number format of all tensors, in no order.
    pub fn tensors(&self) -> impl Iterator<Item = (&[usize], Dtype)> {
        self.shards.iter().flat_map(|shard| shard.infos.values()).map(|info| (info.shape.as_slice(), info.dtype))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.shards.iter().map(|shard| shard.map.len() as u64).sum()
    }

    /// Reads a tensor into memory of the CPU, in the number format of the file.
    pub fn tensor(&self, name: &str) -> Result<Tensor, LoadError> {
        let malformed = |message: String| LoadError::Tensor { name: name.to_owned(), message };
        let (shard, info) = self.find(name).ok_or_else(|| malformed("it is not there".to_owned()))?;
        let dtype = match info.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::F64 => DType::F64,
            other => return Err(malformed(format!("numbers of type {other:?} are not weights (f32, f16, bf16, f64)"))),
        };
        let (from, to) = info.data_offsets;
        let data = shard.map.get(shard.start.saturating_add(from)..shard.start.saturating_add(to));
        let data = data.ok_or_else(|| malformed("it does not lie in the file".to_owned()))?;
        Tensor::from_raw_buffer(data, dtype, &info.shape, &Device::Cpu).map_err(|error| malformed(said(&error)))
    }
}

impl Shard {
    fn open(path: &Path) -> Result<Self, LoadError> {
        let map = map(path).map_err(|source| LoadError::io(path, source))?;
        let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|error| LoadError::Format {
            path: path.to_owned(),
            form: "safetensors",
            message: format!("{} (is the file complete?)", said(&error)),
        })?;
        let infos = metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        // The header's length stands before it in eight bytes.
        Ok(Self { start: header.saturating_add(size_of::<u64>()), map, infos })
    }
}

/// The weight files of a folder (PyTorch's where there is no other form), in the order of their names; those that an index lists must lie in the folder.
pub fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let index = folder.join(INDEX);
    if !index.exists() {
        let single = folder.join(SINGLE);
        let pickle = folder.join(PICKLE);
        return Ok(vec![if !single.exists() && pickle.exists() { pickle } else { single }]);
    }
    Ok(shard_names(&index)?.into_iter().map(|name| folder.join(name)).collect())
}

/// The files named in a `model.safetensors.index.json`, each a plain path below the index's folder.
pub fn shard_names(index: &Path) -> Result<BTreeSet<String>, LoadError> {
    let error = |message: String| LoadError::Config { path: index.to_owned(), key: "weight_map".to_owned(), message };
    let json = Json::read(index)?;
    let Some(Value::Object(weights)) = json.value("weight_map") else {
        return Err(error("it should be an object from tensors to files".to_owned()));
    };
    let mut names = BTreeSet::new();
    for file in weights.values() {
        let name = file.as_str().ok_or_else(|| error("it should be an object from tensors to files".to_owned()))?;
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || name.is_empty() || name.contains('\\') {
            return Err(error(format!("{name:?} does not lie in the model's folder")));
        }
        names.insert(name.to_owned());
    }
    if names.is_empty() { Err(error("it names no file".to_owned())) } else { Ok(names) }
}
