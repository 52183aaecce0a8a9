//! Weights as PyTorch saves them: `pytorch_model.bin`, a zip of a pickle and of the numbers.
//!
//! A pickle is a program, and Python's own reader runs what it asks for. Nothing is run here: `machine` knows the few
//! instructions and names that `torch.save` writes for the weights of a model, and refuses all others. The file is mapped
//! and a tensor is read when it is asked for. candle has a reader too, which trusts sizes, panics on short arguments and
//! copies whatever the pickle mentions twice, so that a small file can fill the memory.

mod machine;

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
use zip::{CompressionMethod, ZipArchive};

use self::machine::Layout;
use super::map::map;
use super::weights::{LoadError, said};

pub use self::machine::Number;

/// The weights in one file.
pub const PICKLE: &str = "pytorch_model.bin";
/// The description of a tensor has some 150 bytes. Reading a hostile pickle takes up to a hundred times its length.
const LONGEST_PICKLE: usize = 4 << 20;

/// The weights in a PyTorch file, mapped.
pub struct PickleFile {
    map: Mmap,
    tensors: HashMap<String, Layout>,
    /// Where the numbers of each storage lie in the file.
    storages: HashMap<String, Range<usize>>,
}

impl std::fmt::Debug for PickleFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PickleFile").field("tensors", &self.tensors.len()).finish()
    }
}

impl PickleFile {
    /// Maps a file and reads which tensors it has and where.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let map = map(path).map_err(|source| LoadError::io(path, source))?;
        Self::read(map).map_err(|message| LoadError::Format { path: PathBuf::from(path), form: "PyTorch", message })
    }

    fn read(map: Mmap) -> Result<Self, String> {
        if !map.starts_with(b"PK") {
            return Err(not_a_zip(&map));
        }
        let mut storages = stored(&map)?;
        let root = |name: &str| name.strip_suffix("data.pkl").map(str::to_owned);
        // Either at the top or in the one folder that torch.save makes.
        let roots = storages.keys().filter_map(|name| root(name));
        let roots: Vec<String> =
            roots.filter(|root| root.is_empty() || root.find('/') == Some(root.len() - 1)).collect();
        let [root] = roots.as_slice() else {
            return Err(format!("there should be one data.pkl in it, not {}", roots.len()));
        };
        if let Some(order) = storages.get(&format!("{root}byteorder")).and_then(|range| map.get(range.clone()))
            && order != b"little"
        {
            return Err("its numbers are not little-endian".to_owned());
        }
        let pickle = storages.remove(&format!("{root}data.pkl")).and_then(|range| map.get(range)).unwrap_or_default();
        if pickle.len() > LONGEST_PICKLE {
            return Err(format!("its data.pkl has {} bytes, more than any model needs", pickle.len()));
        }
        let tensors = machine::run(pickle)?;
        if tensors.is_empty() {
            return Err("it is no dictionary of tensors".to_owned());
        }
        let storages: HashMap<String, Range<usize>> = storages
            .into_iter()
            .filter_map(|(name, range)| {
                Some((name.strip_prefix(root.as_str())?.strip_prefix("data/")?.to_owned(), range))
            })
            .collect();
        for (name, layout) in &tensors {
            let bytes = storages.get(layout.storage.as_ref()).map(ExactSizeIterator::len);
            let bytes =
                bytes.ok_or_else(|| format!("the numbers of {name:?} are not in it (is the file complete?)"))?;
            if layout.end().and_then(|end| end.checked_mul(layout.number.size())).is_none_or(|end| end > bytes) {
                return Err(format!("{name:?} reaches over the end of its numbers (is the file complete?)"));
            }
        }
        Ok(Self { map, tensors, storages })
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|layout| layout.shape.as_slice())
    }

    /// The names of all tensors, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Shape and number format of all tensors, in no order.
    pub fn tensors(&self) -> impl Iterator<Item = (&[usize], Number)> {
        self.tensors.values().map(|layout| (layout.shape.as_slice(), layout.number))
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// Reads a tensor into memory of the CPU, in the number format of the file.
    pub fn tensor(&self, name: &str) -> Result<Tensor, LoadError> {
        let malformed = |message: String| LoadError::Tensor { name: name.to_owned(), message };
        let layout = self.tensors.get(name).ok_or_else(|| malformed("it is not there".to_owned()))?;
        let dtype = match layout.number {
            Number::F32 => DType::F32,
            Number::F16 => DType::F16,
            Number::BF16 => DType::BF16,
            Number::F64 => DType::F64,
            other => return Err(malformed(format!("numbers of type {other:?} are not weights (f32, f16, bf16, f64)"))),
        };
        let outside = || malformed("it does not lie in the file".to_owned());
        let storage = self.storages.get(layout.storage.as_ref()).and_then(|range| self.map.get(range.clone()));
        let storage = storage.ok_or_else(outside)?;
        let tensor = if layout.is_contiguous() {
            let range = layout.bytes().ok_or_else(outside)?;
            let data = storage.get(range).ok_or_else(outside)?;
            Tensor::from_raw_buffer(data, dtype, &layout.shape, &Device::Cpu)
        } else {
            let data = gather(layout, storage).ok_or_else(outside)?;
            Tensor::from_raw_buffer(&data, dtype, &layout.shape, &Device::Cpu)
        };
        tensor.map_err(|error| malformed(said(&error)))
    }
}

/// The numbers of a transposed or cut tensor, one after the other. A tensor has no more elements than its storage (see
/// [`machine`]), so this is bounded by the file.
fn gather(layout: &Layout, storage: &[u8]) -> Option<Vec<u8>> {
    let size = layout.number.size();
    let count = layout.elements()?;
    let mut data = Vec::with_capacity(count.checked_mul(size)?);
    let mut index = vec![0_usize; layout.shape.len()];
    let mut at = layout.offset;
    for _ in 0..count {
        let start = at.checked_mul(size)?;
        data.extend_from_slice(storage.get(start..start.checked_add(size)?)?);
        // The next index, the last dimension first.
        for ((index, dim), stride) in index.iter_mut().zip(&layout.shape).zip(&layout.strides).rev() {
            *index = index.checked_add(1)?;
            at = at.checked_add(*stride)?;
            if *index < *dim {
                break;
            }
            at = at.checked_sub(index.checked_mul(*stride)?)?;
            *index = 0;
        }
    }
    Some(data)
}

/// Where the files of a zip lie that are neither compressed nor encrypted; `torch.save` writes no others, and so nothing
/// can unfold.
fn stored(map: &[u8]) -> Result<HashMap<String, Range<usize>>, String> {
    let broken = |error: zip::result::ZipError| format!("{} (is the file complete?)", said(&error));
    let mut archive = ZipArchive::new(Cursor::new(map)).map_err(broken)?;
    let mut found = HashMap::new();
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index).map_err(broken)?;
        let name = file.name().map_err(broken)?.into_owned();
        if file.compression() != CompressionMethod::Stored || file.encrypted() || file.size() != file.compressed_size()
        {
            return Err(format!("{name:?} in it is compressed or encrypted, which torch.save does not do"));
        }
        let start = file.data_start().and_then(|start| usize::try_from(start).ok());
        let end = start.and_then(|start| start.checked_add(usize::try_from(file.size()).ok()?));
        let (Some(start), Some(end)) = (start, end.filter(|end| *end <= map.len())) else {
            return Err(format!("{name:?} in it reaches over its end (is the file complete?)"));
        };
        if found.insert(name.clone(), start..end).is_some() {
            return Err(format!("{name:?} is in it twice"));
        }
    }
    Ok(found)
}

fn not_a_zip(bytes: &[u8]) -> String {
    // The pickled number that opens the form from before PyTorch 1.6.
    let legacy = bytes.starts_with(&[0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20]);
    let message = if legacy {
        "it is in the form from before PyTorch 1.6; save it again with a newer one (torch.save(torch.load(file), file)), or as safetensors"
    } else if bytes.starts_with(b"version https://git-lfs") {
        "it is a pointer of git-lfs, not the file itself; run git lfs pull"
    } else {
        "it is no zip file (is the file complete?)"
    };
    message.to_owned()
}

#[cfg(test)]
mod tests;
