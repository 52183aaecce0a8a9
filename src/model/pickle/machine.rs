//! The instructions of a pickle that `torch.save` writes for a dictionary of tensors, and nothing else.
//!
//! Values lie in one list and refer to each other by number, so that a value mentioned often is there once and nothing is
//! walked or dropped recursively. Each instruction makes one value at most: memory is bounded by the length of the pickle.

mod names;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use self::names::{Global, OPCODES};

/// A number format of PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Number {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Number {
    /// Bytes of one.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

/// Where the numbers of a tensor lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The storage's key, which is the name of its file.
    pub storage: Arc<str>,
    pub number: Number,
    /// The first element, counted in elements.
    pub offset: usize,
    pub shape: Vec<usize>,
    /// Elements from one index to the next, for each dimension.
    pub strides: Vec<usize>,
}

impl Layout {
    /// How many elements there are.
    pub fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim))
    }

    /// One after the last element, counted in elements of the storage.
    pub fn end(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(self.offset);
        }
        let dims = self.shape.iter().zip(&self.strides);
        let last =
            |at: usize, (dim, stride): (&usize, &usize)| at.checked_add(dim.checked_sub(1)?.checked_mul(*stride)?);
        dims.into_iter().try_fold(self.offset, last)?.checked_add(1)
    }

    /// Whether the elements lie one after the other.
    pub fn is_contiguous(&self) -> bool {
        let mut wanted = 1_usize;
        self.shape.contains(&0)
            || self.shape.iter().zip(&self.strides).rev().all(|(dim, stride)| {
                let fits = *dim == 1 || *stride == wanted;
                wanted = wanted.saturating_mul(*dim);
                fits
            })
    }

    /// The bytes in the storage of a tensor that is contiguous.
    pub fn bytes(&self) -> Option<Range<usize>> {
        let start = self.offset.checked_mul(self.number.size())?;
        Some(start..start.checked_add(self.elements()?.checked_mul(self.number.size())?)?)
    }
}

/// The number of a value.
type Id = usize;

#[derive(Clone, Debug)]
enum Value {
    Mark,
    /// Something that no tensor is made of.
    Other,
    Int(i64),
    Text(Arc<str>),
    Global(Global),
    Tuple(Vec<Id>),
    List,
    Dict(Vec<(Id, Id)>),
    Storage {
        key: Arc<str>,
        number: Number,
        elements: usize,
    },
    Tensor(Box<Layout>),
}

/// Values that never change, and so are there once.
const CONSTANTS: [Value; 4] = [Value::Mark, Value::Other, Value::Tuple(Vec::new()), Value::List];
const MARK: Id = 0;
const OTHER: Id = 1;
const EMPTY_TUPLE: Id = 2;
/// What lists hold goes into no tensor.
const LIST: Id = 3;

/// Names of tensors are shorter.
const LONGEST_TEXT: usize = 4096;
const DIMENSIONS: usize = 8;

/// Runs a pickle and gives the tensors of the dictionary that it makes.
pub fn run(pickle: &[u8]) -> Result<HashMap<String, Layout>, String> {
    let mut machine = Machine { rest: pickle, values: CONSTANTS.to_vec(), stack: Vec::new(), memo: HashMap::new() };
    while machine.step()? {}
    let result = machine.pop()?;
    let Some(Value::Dict(items)) = machine.values.get(result) else {
        return Err("it is no dictionary of tensors".to_owned());
    };
    let named = |(key, value): &(Id, Id)| match (machine.values.get(*key)?, machine.values.get(*value)?) {
        (Value::Text(name), Value::Tensor(layout)) => Some((name.to_string(), layout.as_ref().clone())),
        _ => None,
    };
    Ok(items.iter().filter_map(named).collect())
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value>,
    stack: Vec<Id>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Takes one instruction; false after the last.
    fn step(&mut self) -> Result<bool, String> {
        let [opcode] = self.array()?;
        match opcode {
            b'.' => return Ok(false),
            0x80 => {
                let [version] = self.array()?;
                if !(2..=3).contains(&version) {
                    return Err(format!("its pickle has protocol {version} (supported: 2, which torch.save writes)"));
                }
            }
            b'(' => self.stack.push(MARK),
            b'N' | 0x88 | 0x89 => self.stack.push(OTHER),
            b'G' => {
                self.array::<8>()?;
                self.stack.push(OTHER);
            }
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(number.into()));
            }
            b'K' => {
                let [number] = self.array()?;
                self.push(Value::Int(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(number.into()));
            }
            0x8a => self.long()?,
            b'X' => {
                let length = u32::from_le_bytes(self.array()?);
                let text = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
                if text.len() > LONGEST_TEXT {
                    return Err(format!("a text in its pickle has {} bytes, more than any name", text.len()));
                }
                let text = str::from_utf8(text).map_err(|_| "a text in its pickle is no UTF-8".to_owned())?;
                self.push(Value::Text(text.into()));
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(Global::find(module, name)?));
            }
            b')' => self.stack.push(EMPTY_TUPLE),
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let at = self.stack.len().checked_sub(count).ok_or_else(short)?;
                let items = self.stack.split_off(at);
                self.push(Value::Tuple(items));
            }
            b't' => {
                let items = self.since_mark()?;
                self.push(Value::Tuple(items));
            }
            b']' => self.stack.push(LIST),
            b'a' => {
                self.pop()?;
                self.list()?;
            }
            b'e' => {
                self.since_mark()?;
                self.list()?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.dict()?.push((key, value));
            }
            b'u' => {
                let items = self.since_mark()?;
                let (pairs, odd) = items.as_chunks::<2>();
                if !odd.is_empty() {
                    return Err("a dictionary in its pickle has a key without a value".to_owned());
                }
                self.dict()?.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            b'b' => {
                // The state of a dictionary is the versions of the layers, which no weight depends on.
                self.pop()?;
                self.dict()?;
            }
            b'q' => {
                let [slot] = self.array()?;
                self.remember(slot.into())?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.remember(slot)?;
            }
            b'h' => {
                let [slot] = self.array()?;
                self.recall(slot.into())?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.recall(slot)?;
            }
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            other => {
                let name = OPCODES.iter().find(|(code, _)| *code == other).map_or("unknown", |(_, name)| name);
                return Err(format!(
                    "its pickle has the instruction {name} ({other:#04x}), which weights need not: refused"
                ));
            }
        }
        Ok(true)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let cut = || "its pickle ends too early (is the file complete?)".to_owned();
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| short())
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let length = self.rest.iter().take(LONGEST_TEXT).position(|byte| *byte == b'\n');
        let line = self.take(length.ok_or_else(|| "a name in its pickle does not end".to_owned())?)?;
        self.take(1)?;
        str::from_utf8(line).map_err(|_| "a name in its pickle is no UTF-8".to_owned())
    }

    fn long(&mut self) -> Result<(), String> {
        let [length] = self.array()?;
        let bytes = self.take(length.into())?;
        let mut number = [if bytes.last().is_some_and(|byte| *byte >= 0x80) { 0xff } else { 0 }; 8];
        let Some(low) = number.get_mut(..bytes.len()) else {
            return Err("a number in its pickle has more than 64 bits".to_owned());
        };
        low.copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(number)));
        Ok(())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id, String> {
        self.stack.pop().ok_or_else(short)
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let at = self.stack.iter().rposition(|id| *id == MARK).ok_or_else(short)?;
        let items = self.stack.split_off(at.saturating_add(1));
        self.stack.pop();
        Ok(items)
    }

    fn dict(&mut self) -> Result<&mut Vec<(Id, Id)>, String> {
        match self.stack.last().and_then(|id| self.values.get_mut(*id)) {
            Some(Value::Dict(items)) => Ok(items),
            _ => Err("its pickle changes something that is no dictionary: refused".to_owned()),
        }
    }

    fn list(&self) -> Result<(), String> {
        match self.stack.last().and_then(|id| self.values.get(*id)) {
            Some(Value::List) => Ok(()),
            _ => Err("its pickle appends to something that is no list: refused".to_owned()),
        }
    }

    fn remember(&mut self, slot: u32) -> Result<(), String> {
        let id = *self.stack.last().ok_or_else(short)?;
        self.memo.insert(slot, id);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), String> {
        let id = self.memo.get(&slot).ok_or_else(|| format!("its pickle has nothing in slot {slot}"))?;
        self.stack.push(*id);
        Ok(())
    }

    fn items(&self, id: Id) -> Option<&[Id]> {
        if let Value::Tuple(items) = self.values.get(id)? { Some(items) } else { None }
    }

    fn unsigned(&self, id: Id) -> Option<usize> {
        if let Value::Int(number) = self.values.get(id)? { usize::try_from(*number).ok() } else { None }
    }

    fn unsigneds(&self, id: Id) -> Option<Vec<usize>> {
        self.items(id).filter(|items| items.len() <= DIMENSIONS)?.iter().map(|id| self.unsigned(*id)).collect()
    }

    /// `('storage', torch.FloatStorage, key, device, elements)`, a name for numbers outside of the pickle.
    fn storage(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let storage = match self.items(id) {
            Some([kind, class, key, _, elements]) => {
                let value = |id: &Id| self.values.get(*id);
                match (value(kind), value(class), value(key), self.unsigned(*elements)) {
                    (
                        Some(Value::Text(kind)),
                        Some(Value::Global(Global::Storage(number))),
                        Some(Value::Text(key)),
                        Some(elements),
                    ) if kind.as_ref() == "storage" => {
                        Some(Value::Storage { key: key.clone(), number: *number, elements })
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        self.push(storage.ok_or_else(|| "its pickle names numbers in an unknown way".to_owned())?);
        Ok(())
    }

    /// Calls a function: one of the three that weights need.
    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Some(Value::Global(function)) = self.values.get(function) else {
            return Err("its pickle calls something that is no function: refused".to_owned());
        };
        let arguments = self.items(arguments);
        match (*function, arguments) {
            (Global::OrderedDict, Some([])) => self.push(Value::Dict(Vec::new())),
            (Global::Parameter, Some([tensor, ..])) if matches!(self.values.get(*tensor), Some(Value::Tensor(_))) => {
                let tensor = *tensor;
                self.stack.push(tensor);
            }
            (Global::Tensor, Some([storage, offset, shape, strides, ..])) => {
                let tensor = self.rebuild(*storage, *offset, *shape, *strides)?;
                self.push(Value::Tensor(Box::new(tensor)));
            }
            (function, _) => {
                return Err(format!("its pickle calls {} with other arguments than torch.save", function.name()));
            }
        }
        Ok(())
    }

    fn rebuild(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<Layout, String> {
        let wrong = |what: &str| format!("a tensor in its pickle {what}");
        let Some(Value::Storage { key, number, elements }) = self.values.get(storage) else {
            return Err(wrong("has no numbers"));
        };
        let sizes = (self.unsigned(offset), self.unsigneds(shape), self.unsigneds(strides));
        let (Some(offset), Some(shape), Some(strides)) = sizes else {
            return Err(wrong("has a shape that is none"));
        };
        if shape.len() != strides.len() {
            return Err(wrong("has a shape that is none"));
        }
        let layout = Layout { storage: key.clone(), number: *number, offset, shape, strides };
        if layout.end().is_none_or(|end| end > *elements) {
            return Err(wrong("reaches over the end of its numbers"));
        }
        // An expanded tensor; a few bytes could stand for any number of elements.
        if layout.elements().is_none_or(|count| count > *elements) {
            return Err(wrong("has more elements than numbers"));
        }
        Ok(layout)
    }
}

fn short() -> String {
    "its pickle takes more than it made".to_owned()
}
