//! Making packed weights from numbers as files hold them, and reading single ones back.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use half::{bf16, f16};
use rayon::prelude::*;

use super::{BLOCK, Form, LANES, Packed, byte};

/// Bytes of a block of 32 in a GGUF file, and of its head: the scale, and the minimum where there is one.
const Q4_0: (usize, usize) = (18, 2);
const Q4_1: (usize, usize) = (20, 4);
const Q8_0: (usize, usize) = (34, 2);
/// Bytes of a block of 256 numbers in eight groups of 32.
const Q4_K: usize = 144;

impl Packed {
    /// The numbers of a tensor `[rows, columns]` as they are: f32, bf16 or f16.
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let (rows, columns) = tensor.dims2()?;
        let flat = tensor.to_device(&Device::Cpu)?.flatten_all()?;
        Ok(match tensor.dtype() {
            DType::BF16 => {
                let values = flat.to_vec1::<bf16>()?;
                Self::halves(Form::Brain, rows, columns, |place| values.get(place).map_or(0, |value| value.to_bits()))
            }
            DType::F16 => {
                let values = flat.to_vec1::<f16>()?;
                Self::halves(Form::Half, rows, columns, |place| values.get(place).map_or(0, |value| value.to_bits()))
            }
            _ => {
                let values = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
                Self::filled(Form::Single, rows, columns, |words, row, column| {
                    let strip = words.chunks_exact_mut(LANES);
                    for (place, lanes) in strip.take(columns - column).enumerate() {
                        lanes[row % LANES] =
                            values.get(row * columns + column + place).map_or(0, |value| value.to_bits());
                    }
                })
            }
        })
    }

    /// The numbers of a quantised tensor in a form that keeps each of them as it is; of other forms the f32 that they
    /// stand for.
    pub fn from_quantized(tensor: &QTensor) -> Result<Self> {
        let (rows, columns) = tensor.shape().dims2()?;
        if columns % BLOCK != 0 {
            return Self::from_tensor(&tensor.dequantize(&Device::Cpu)?);
        }
        let bytes = tensor.data()?;
        let blocks = columns / BLOCK;
        // A block of 32 numbers, as it lies in the file.
        let at = |(size, _): (usize, usize), row: usize, column: usize| {
            let start = (row * blocks + column / BLOCK) * size;
            bytes.get(start..start + size).unwrap_or_default()
        };
        Ok(match tensor.dtype() {
            GgmlDType::Q4_0 => Self::filled(Form::Nibbles, rows, columns, |words, row, column| {
                let (head, codes) = at(Q4_0, row, column).split_at(Q4_0.1);
                let scale = float16(head, 0);
                set_nibbles(words, row % LANES, |place| nibble(codes, place));
                set_heads(words, row % LANES, scale, f16::from_f32(-8.0 * scale.to_f32()));
            }),
            GgmlDType::Q4_1 => Self::filled(Form::Nibbles, rows, columns, |words, row, column| {
                let (head, codes) = at(Q4_1, row, column).split_at(Q4_1.1);
                set_nibbles(words, row % LANES, |place| nibble(codes, place));
                set_heads(words, row % LANES, float16(head, 0), float16(head, 2));
            }),
            GgmlDType::Q8_0 => Self::filled(Form::Bytes, rows, columns, |words, row, column| {
                let (head, codes) = at(Q8_0, row, column).split_at(Q8_0.1);
                for (place, code) in codes.iter().enumerate() {
                    let (word, shift) = byte(place);
                    words[word * LANES + row % LANES] |= u32::from(*code) << shift;
                }
                words[BLOCK * LANES / 4 + row % LANES] = float16(head, 0).to_f32().to_bits();
            }),
            GgmlDType::Q4K if columns % 256 == 0 => {
                Self::filled(Form::WideNibbles, rows, columns, |words, row, column| {
                    let start = (row * columns + column) / 256 * Q4_K;
                    let block = bytes.get(start..start + Q4_K).unwrap_or_default();
                    let group = column % 256 / BLOCK;
                    let (head, rest) = block.split_at(4);
                    let (packed, codes) = rest.split_at(12);
                    let (scale, minimum) = six_bits(packed, group);
                    // Two groups share 32 bytes: the low halves are those of the first.
                    let codes = &codes[group / 2 * BLOCK..][..BLOCK];
                    set_nibbles(words, row % LANES, |place| codes[place] >> (group % 2 * 4) & 15);
                    let first = BLOCK * LANES / 8;
                    let scale = float16(head, 0).to_f32() * f32::from(scale);
                    let minimum = float16(head, 2).to_f32() * f32::from(minimum);
                    words[first + row % LANES] = scale.to_bits();
                    words[first + LANES + row % LANES] = (-minimum).to_bits();
                })
            }
            GgmlDType::F16 => Self::from_tensor(&tensor.dequantize(&Device::Cpu)?.to_dtype(DType::F16)?)?,
            GgmlDType::BF16 => Self::from_tensor(&tensor.dequantize(&Device::Cpu)?.to_dtype(DType::BF16)?)?,
            _ => Self::from_tensor(&tensor.dequantize(&Device::Cpu)?)?,
        })
    }

    fn halves(form: Form, rows: usize, columns: usize, bits: impl Fn(usize) -> u16 + Sync) -> Self {
        Self::filled(form, rows, columns, |words, row, column| {
            let lane = row % LANES;
            for (place, lanes) in words.chunks_exact_mut(LANES / 2).take(columns - column).enumerate() {
                lanes[lane / 2] |= u32::from(bits(row * columns + column + place)) << (lane % 2 * 16);
            }
        })
    }

    /// Weights of which `fill` writes the words of one row in one block: it is told the block's words, row and first column.
    fn filled(form: Form, rows: usize, columns: usize, fill: impl Fn(&mut [u32], usize, usize) + Sync) -> Self {
        let blocks = columns.div_ceil(BLOCK);
        let strips = rows.div_ceil(LANES);
        let mut words = vec![0; strips * blocks * form.words()];
        words.par_chunks_exact_mut((blocks * form.words()).max(1)).enumerate().for_each(|(strip, words)| {
            for (block, words) in words.chunks_exact_mut(form.words()).enumerate() {
                for row in (strip * LANES..rows).take(LANES) {
                    fill(words, row, block * BLOCK);
                }
            }
        });
        Self { form, rows, columns, blocks, words }
    }
}

/// The code at a place of a block whose low halves are its first 16 numbers.
fn nibble(codes: &[u8], place: usize) -> u8 {
    let byte = codes.get(place % 16).copied().unwrap_or_default();
    if place < 16 { byte & 15 } else { byte >> 4 }
}

/// Scale and minimum of a group, six bits each, out of the twelve bytes in which Q4_K keeps those of eight groups.
fn six_bits(packed: &[u8], group: usize) -> (u8, u8) {
    let byte = |place: usize| packed.get(place).copied().unwrap_or_default();
    if group < 4 {
        (byte(group) & 63, byte(group + 4) & 63)
    } else {
        let (scale, minimum) = (byte(group - 4) >> 6, byte(group) >> 6);
        (byte(group + 4) & 15 | scale << 4, byte(group + 4) >> 4 | minimum << 4)
    }
}

fn float16(bytes: &[u8], at: usize) -> f16 {
    let byte = |place: usize| bytes.get(place).copied().unwrap_or_default();
    f16::from_le_bytes([byte(at), byte(at + 1)])
}

/// Codes of one row: word `v`, lane `row` holds those at `8 v` to `8 v + 7`, the first in the lowest bits.
fn set_nibbles(words: &mut [u32], lane: usize, code: impl Fn(usize) -> u8) {
    for place in 0..BLOCK {
        words[place / 8 * LANES + lane] |= u32::from(code(place)) << (place % 8 * 4);
    }
}

fn set_heads(words: &mut [u32], lane: usize, scale: f16, minimum: f16) {
    let first = BLOCK * LANES / 8;
    let shift = lane % 2 * 16;
    words[first + lane / 2] |= u32::from(scale.to_bits()) << shift;
    words[first + LANES / 2 + lane / 2] |= u32::from(minimum.to_bits()) << shift;
}

/// The number of one row (its lane) at a place of a block.
pub(super) fn value(form: Form, block: &[u32], lane: usize, place: usize) -> f32 {
    let word = |at: usize| block.get(at).copied().unwrap_or_default();
    let half = |at: usize, lane: usize| (word(at + lane / 2) >> (lane % 2 * 16)) as u16;
    let code = || (word(place / 8 * LANES + lane) >> (place % 8 * 4) & 15) as f32;
    let heads = BLOCK * LANES / 8;
    match form {
        Form::Single => f32::from_bits(word(place * LANES + lane)),
        Form::Brain => bf16::from_bits(half(place * LANES / 2, lane)).to_f32(),
        Form::Half => f16::from_bits(half(place * LANES / 2, lane)).to_f32(),
        Form::Nibbles => {
            let scale = f16::from_bits(half(heads, lane)).to_f32();
            code() * scale + f16::from_bits(half(heads + LANES / 2, lane)).to_f32()
        }
        Form::WideNibbles => code() * f32::from_bits(word(heads + lane)) + f32::from_bits(word(heads + LANES + lane)),
        Form::Bytes => {
            let (at, shift) = byte(place);
            f32::from((word(at * LANES + lane) >> shift) as i8) * f32::from_bits(word(BLOCK * LANES / 4 + lane))
        }
    }
}
