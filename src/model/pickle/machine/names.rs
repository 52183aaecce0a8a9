//! Names in pickles: the few that weights need, and those of instructions that are refused.

use super::Number;

/// What a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Global {
    /// A dictionary.
    OrderedDict,
    /// Makes a tensor of numbers, shape and strides.
    Tensor,
    /// Makes a parameter of a tensor.
    Parameter,
    /// The kind of numbers.
    Storage(Number),
}

impl Global {
    /// Looks a name up; the error says that it is refused.
    pub fn find(module: &str, name: &str) -> Result<Self, String> {
        let number = match (module, name) {
            ("collections", "OrderedDict") => return Ok(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => return Ok(Self::Tensor),
            ("torch._utils", "_rebuild_parameter") => return Ok(Self::Parameter),
            ("torch", "DoubleStorage") => Number::F64,
            ("torch", "FloatStorage") => Number::F32,
            ("torch", "HalfStorage") => Number::F16,
            ("torch", "BFloat16Storage") => Number::BF16,
            ("torch", "LongStorage") => Number::I64,
            ("torch", "IntStorage") => Number::I32,
            ("torch", "ShortStorage") => Number::I16,
            ("torch", "CharStorage") => Number::I8,
            ("torch", "ByteStorage") => Number::U8,
            ("torch", "BoolStorage") => Number::Bool,
            _ => {
                let safe = |text: &str| text.escape_default().to_string();
                return Err(format!(
                    "it wants to run {}.{}: refused; weights need no code, so take the model from somewhere else or as safetensors",
                    safe(module),
                    safe(name)
                ));
            }
        };
        Ok(Self::Storage(number))
    }

    /// Its name in Python.
    pub fn name(self) -> &'static str {
        match self {
            Self::OrderedDict => "collections.OrderedDict",
            Self::Tensor => "torch._utils._rebuild_tensor_v2",
            Self::Parameter => "torch._utils._rebuild_parameter",
            Self::Storage(_) => "a class of storages",
        }
    }
}

/// Instructions that other pickles have, for messages.
pub const OPCODES: [(u8, &str); 37] = [
    (b'0', "POP"),
    (b'1', "POP_MARK"),
    (b'2', "DUP"),
    (b'F', "FLOAT"),
    (b'I', "INT"),
    (b'L', "LONG"),
    (b'P', "PERSID"),
    (b'S', "STRING"),
    (b'T', "BINSTRING"),
    (b'U', "SHORT_BINSTRING"),
    (b'V', "UNICODE"),
    (b'd', "DICT"),
    (b'g', "GET"),
    (b'i', "INST"),
    (b'l', "LIST"),
    (b'o', "OBJ"),
    (b'p', "PUT"),
    (b'B', "BINBYTES"),
    (b'C', "SHORT_BINBYTES"),
    (0x81, "NEWOBJ"),
    (0x82, "EXT1"),
    (0x83, "EXT2"),
    (0x84, "EXT4"),
    (0x8b, "LONG4"),
    (0x8c, "SHORT_BINUNICODE"),
    (0x8d, "BINUNICODE8"),
    (0x8e, "BINBYTES8"),
    (0x8f, "EMPTY_SET"),
    (0x90, "ADDITEMS"),
    (0x91, "FROZENSET"),
    (0x92, "NEWOBJ_EX"),
    (0x93, "STACK_GLOBAL"),
    (0x94, "MEMOIZE"),
    (0x95, "FRAME"),
    (0x96, "BYTEARRAY8"),
    (0x97, "NEXT_BUFFER"),
    (0x98, "READONLY_BUFFER"),
];
