//! The GGUF form of a model: one file with weights, tokenizer, chat template and configuration.
//!
//! The header is read by candle; here are typed look-ups in its metadata, the names that the hub gives to the same
//! tensors, and the undoing of the row order in which llama.cpp keeps the query and key projections of Llama models.
//! What the values mean is the business of [`super::config`] and [`super::tokenizer`].

use std::borrow::Cow;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use memmap2::Mmap;

use super::map::map;
use super::weights::{LoadError, said};

/// What the bytes of a block of quantised weights are aligned to, at the most.
const BLOCK_ALIGNMENT: usize = 8;

/// An open GGUF file.
pub struct Gguf {
    path: PathBuf,
    map: Mmap,
    content: Content,
}

impl std::fmt::Debug for Gguf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gguf").field("path", &self.path).field("tensors", &self.content.tensor_infos.len()).finish()
    }
}

impl Gguf {
    /// Maps a file, reads its header and checks that every tensor lies in the file.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let map = map(path).map_err(|source| LoadError::io(path, source))?;
        let malformed = |message: String| LoadError::Format { path: path.to_owned(), form: "GGUF", message };
        if map.get(..4) != Some(b"GGUF") {
            return Err(malformed("it does not begin with `GGUF`".to_owned()));
        }
        // candle divides by `general.alignment` without looking at it: a file that gives 0 there makes it panic.
        let content = catch_unwind(AssertUnwindSafe(|| Content::read(&mut Cursor::new(&map[..]))))
            .map_err(|_| malformed("its header is damaged".to_owned()))?
            .map_err(|error| malformed(format!("{} (is the file complete?)", said(&error))))?;
        let file = Self { path: path.to_owned(), map, content };
        if let Some(count) = file.unsigned("split.count")?.filter(|count| *count > 1) {
            return Err(malformed(format!("it is one of {count} parts; join them with `gguf-split --merge` first")));
        }
        let mut names: Vec<&String> = file.content.tensor_infos.keys().collect();
        // In order, so that the same file gives the same message.
        names.sort_unstable();
        for name in names {
            file.raw(name).map_err(|error| malformed(error.to_string()))?;
        }
        Ok(file)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's size in bytes.
    pub fn bytes(&self) -> u64 {
        self.map.len() as u64
    }

    fn wrong_type(&self, key: &str, expected: &str) -> LoadError {
        LoadError::Config { path: self.path.clone(), key: key.to_owned(), message: format!("it should be {expected}") }
    }

    /// A text of the metadata, `None` where the key is missing.
    pub fn text(&self, key: &str) -> Result<Option<&str>, LoadError> {
        match self.content.metadata.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong_type(key, "a text")),
        }
    }

    /// A whole number of the metadata, of any integer type.
    pub fn unsigned(&self, key: &str) -> Result<Option<u64>, LoadError> {
        match self.content.metadata.get(key) {
            None => Ok(None),
            Some(value) => unsigned(value).map(Some).ok_or_else(|| self.wrong_type(key, "a whole number of 0 or more")),
        }
    }

    /// A number of the metadata.
    pub fn float(&self, key: &str) -> Result<Option<f64>, LoadError> {
        match self.content.metadata.get(key) {
            None => Ok(None),
            // The decimal number that was meant: 1e-5 is 9.99999974737875e-6 as an f32.
            Some(Value::F32(value)) => Ok(Some(value.to_string().parse().unwrap_or(f64::from(*value)))),
            Some(Value::F64(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong_type(key, "a number")),
        }
    }

    /// A yes or no of the metadata.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        match self.content.metadata.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong_type(key, "true or false")),
        }
    }

    /// A list of texts of the metadata.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&str>>, LoadError> {
        self.list(key, "a list of texts", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A list of whole numbers of the metadata.
    pub fn unsigneds(&self, key: &str) -> Result<Option<Vec<u64>>, LoadError> {
        self.list(key, "a list of whole numbers", unsigned)
    }

    fn list<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        item: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<Vec<T>>, LoadError> {
        match self.content.metadata.get(key) {
            None => Ok(None),
            Some(Value::Array(values)) => values
                .iter()
                .map(item)
                .collect::<Option<Vec<T>>>()
                .map(Some)
                .ok_or_else(|| self.wrong_type(key, expected)),
            Some(_) => Err(self.wrong_type(key, expected)),
        }
    }

    /// The tensors: name in the file, shape (slowest dimension first) and number format.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[usize], GgmlDType)> {
        self.content.tensor_infos.iter().map(|(name, info)| (name.as_str(), info.shape.dims(), info.ggml_dtype))
    }

    /// The shape of a tensor by its name in the file, slowest dimension first.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.content.tensor_infos.get(name).map(|info| info.shape.dims())
    }

    /// The bytes of a tensor, with its shape and type.
    fn raw(&self, name: &str) -> Result<(&[u8], &[usize], GgmlDType), LoadError> {
        let malformed = |message: String| LoadError::Tensor { name: name.to_owned(), message };
        let info = self.content.tensor_infos.get(name).ok_or_else(|| malformed("it is not in the file".to_owned()))?;
        let (dims, dtype) = (info.shape.dims(), info.ggml_dtype);
        let columns = dims.last().copied().unwrap_or(0);
        let elements = dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim));
        let size = elements
            .filter(|elements| *elements > 0 && columns % dtype.block_size() == 0 && elements % dtype.block_size() == 0)
            .and_then(|elements| (elements / dtype.block_size()).checked_mul(dtype.type_size()))
            .ok_or_else(|| malformed(format!("its shape {dims:?} is not possible for {dtype:?}")))?;
        let start = usize::try_from(self.content.tensor_data_offset.saturating_add(info.offset)).unwrap_or(usize::MAX);
        let raw = self.map.get(start..start.saturating_add(size)).ok_or_else(|| {
            malformed(format!("its {size} bytes at {start} do not lie in the file of {} (cut short?)", self.map.len()))
        })?;
        Ok((raw, dims, dtype))
    }

    /// Reads a tensor, as it is quantised, into memory of the CPU. Where `heads` is given the rows are those of a query
    /// or key projection of that many heads as llama.cpp orders them, and are put back into the hub's order.
    pub fn quantized(&self, name: &str, heads: Option<usize>) -> Result<QTensor, LoadError> {
        let malformed = |message: String| LoadError::Tensor { name: name.to_owned(), message };
        let (raw, dims, dtype) = self.raw(name)?;
        let raw: Cow<'_, [u8]> = match heads {
            Some(heads) => {
                // A projection's bias has one number a row.
                let rows = dims.first().copied().unwrap_or(0);
                let ordered = hub_row_order(rows, heads)
                    .filter(|_| dims.len() == 2 || dtype.block_size() == 1)
                    .ok_or_else(|| malformed(format!("its shape {dims:?} does not fit {heads} heads")))?;
                let row = raw.len() / rows.max(1);
                Cow::Owned(ordered.flat_map(|from| raw.iter().skip(from * row).take(row)).copied().collect())
            }
            // candle reads blocks in place, so they must be aligned; files from llama.cpp always are.
            None if raw.as_ptr().align_offset(BLOCK_ALIGNMENT) == 0 => Cow::Borrowed(raw),
            None => Cow::Owned(raw.to_vec()),
        };
        qtensor_from_ggml(dtype, &raw, dims.to_vec(), &Device::Cpu).map_err(|error| malformed(said(&error)))
    }
}

fn unsigned(value: &Value) -> Option<u64> {
    match value {
        Value::U8(value) => Some(u64::from(*value)),
        Value::U16(value) => Some(u64::from(*value)),
        Value::U32(value) => Some(u64::from(*value)),
        Value::U64(value) => Some(*value),
        Value::I8(value) => u64::try_from(*value).ok(),
        Value::I16(value) => u64::try_from(*value).ok(),
        Value::I32(value) => u64::try_from(*value).ok(),
        Value::I64(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}

/// For each row in the hub's order, its place in llama.cpp's order: there, the two halves of each head that rotate
/// together stand row by row beside each other. `None` where the rows do not divide into heads of even size.
fn hub_row_order(rows: usize, heads: usize) -> Option<impl Iterator<Item = usize>> {
    let half = rows.checked_div(heads)?.checked_div(2)?;
    (half > 0 && half * 2 * heads == rows).then(|| {
        (0..heads).flat_map(move |head| {
            (0..2).flat_map(move |part| (0..half).map(move |index| head * 2 * half + index * 2 + part))
        })
    })
}

/// The parts of a layer: their names on the hub and in GGUF files.
const LAYER_NAMES: [(&str, &str); 11] = [
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// The name in a GGUF file of a tensor of the Llama and Qwen family, from its name on the hub.
pub fn gguf_name(hub: &str) -> Option<String> {
    match hub {
        "model.embed_tokens.weight" => return Some("token_embd.weight".to_owned()),
        "model.norm.weight" => return Some("output_norm.weight".to_owned()),
        "lm_head.weight" => return Some("output.weight".to_owned()),
        _ => {}
    }
    let (layer, rest) = hub.strip_prefix("model.layers.")?.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    let (_, name) = LAYER_NAMES.iter().find(|(on_hub, _)| *on_hub == part)?;
    Some(format!("blk.{layer}.{name}.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_forms() {
        assert_eq!(gguf_name("model.embed_tokens.weight").unwrap(), "token_embd.weight");
        assert_eq!(gguf_name("model.layers.12.self_attn.q_proj.bias").unwrap(), "blk.12.attn_q.bias");
        assert_eq!(gguf_name("model.layers.0.post_attention_layernorm.weight").unwrap(), "blk.0.ffn_norm.weight");
        assert_eq!(gguf_name("model.layers.0.mlp.experts.weight"), None);
        assert_eq!(gguf_name("model.layers."), None);
    }

    #[test]
    fn rows_go_back_to_the_hubs_order() {
        // llama.cpp: reshape(heads, 2, half).swapaxes(1, 2); two heads of four rows.
        let hub: Vec<usize> = (0..8).collect();
        let ggml = [0, 2, 1, 3, 4, 6, 5, 7];
        let order: Vec<usize> = hub_row_order(8, 2).unwrap().collect();
        assert_eq!(order.iter().map(|from| ggml[*from]).collect::<Vec<_>>(), hub);
        assert!(hub_row_order(8, 3).is_none());
        assert!(hub_row_order(8, 0).is_none());
        assert!(hub_row_order(0, 2).is_none());
    }

    fn open(bytes: &[u8]) -> Result<Gguf, LoadError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Gguf::open(file.path())
    }

    /// A header with one key of the given type and bytes, and no tensors.
    fn header(key: &str, value_type: u32, value: &[u8]) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend((key.len() as u64).to_le_bytes());
        bytes.extend(key.as_bytes());
        bytes.extend(value_type.to_le_bytes());
        bytes.extend(value);
        bytes
    }

    #[test]
    fn typed_metadata() {
        let file = open(&header("llama.rope.freq_base", 6, &1e-5_f32.to_le_bytes())).unwrap();
        assert_eq!(file.float("llama.rope.freq_base").unwrap(), Some(1e-5));
        assert_eq!(file.float("none").unwrap(), None);
        let error = file.text("llama.rope.freq_base").unwrap_err().to_string();
        assert!(error.contains("`llama.rope.freq_base`"), "{error}");
        assert!(file.unsigned("llama.rope.freq_base").is_err());
    }

    #[test]
    fn damaged_headers_are_errors() {
        assert!(open(b"").unwrap_err().to_string().contains("empty"));
        assert!(open(b"<!DOCTYPE html>").unwrap_err().to_string().contains("does not begin with `GGUF`"));
        let whole = header("general.name", 8, &[5, 0, 0, 0, 0, 0, 0, 0, b'a', b'b', b'c', b'd', b'e']);
        assert!(open(&whole).is_ok());
        for length in 4..whole.len() {
            assert!(open(&whole[..length]).is_err(), "cut at {length}");
        }
        // A text that claims 2^60 bytes, and an alignment of 0.
        assert!(open(&header("general.name", 8, &(1_u64 << 60).to_le_bytes())).is_err());
        assert!(open(&header("general.alignment", 4, &0_u32.to_le_bytes())).is_err());
        assert!(open(&header("split.count", 2, &3_u16.to_le_bytes())).unwrap_err().to_string().contains("3 parts"));
    }
}
