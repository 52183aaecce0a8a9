use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};

use super::kernel::{self, Level};
use super::*;

fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Weights in every form, with the numbers that they stand for as candle reads them.
fn all(rows: usize, columns: usize) -> Vec<(Packed, Vec<f32>)> {
    let tensor = Tensor::from_vec(noise(rows * columns, 1), (rows, columns), &Device::Cpu).unwrap();
    let values =
        |tensor: &Tensor| tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let mut all: Vec<(Packed, Vec<f32>)> = [DType::F32, DType::BF16, DType::F16]
        .into_iter()
        .map(|dtype| {
            let tensor = tensor.to_dtype(dtype).unwrap();
            (Packed::from_tensor(&tensor).unwrap(), values(&tensor))
        })
        .collect();
    for dtype in [GgmlDType::Q4_0, GgmlDType::Q4_1, GgmlDType::Q8_0, GgmlDType::Q5_1, GgmlDType::F16, GgmlDType::Q4K] {
        if columns.is_multiple_of(dtype.block_size()) {
            let quantized = QTensor::quantize(&tensor, dtype).unwrap();
            all.push((
                Packed::from_quantized(&quantized).unwrap(),
                values(&quantized.dequantize(&Device::Cpu).unwrap()),
            ));
        }
    }
    all
}

#[test]
fn every_number_is_what_the_file_says() {
    for (rows, columns) in [(37, 256), (16, 64), (3, 45)] {
        let mut forms = Vec::new();
        for (packed, values) in all(rows, columns) {
            let mut row = vec![0.0; columns];
            for (place, want) in values.chunks_exact(columns).enumerate() {
                assert!(packed.row(place, &mut row));
                for (got, want) in row.iter().zip(want) {
                    // Scale times code plus minimum is rounded twice here and there.
                    assert!((got - want).abs() <= want.abs() * 1e-6 + 1e-7, "{:?}: {got} {want}", packed.form());
                }
            }
            assert!(!packed.row(rows, &mut row) && !packed.row(0, &mut row[1..]));
            assert_eq!(packed.shape(), (rows, columns));
            forms.push(packed.form());
        }
        assert_eq!(forms.contains(&Form::WideNibbles), columns == 256);
        assert_eq!(forms.contains(&Form::Nibbles), columns % 32 == 0);
    }
}

#[test]
fn products_equal_the_sums_of_the_widened_numbers() {
    for (rows, columns) in [(37, 256), (64, 64), (3, 45), (400, 512)] {
        for (packed, values) in all(rows, columns) {
            for count in [1, 2, 3, 4, 5, 17, 130] {
                let x = noise(count * columns, 2);
                let want: Vec<f64> = x
                    .chunks_exact(columns)
                    .flat_map(|x| {
                        values.chunks_exact(columns).map(move |weights| {
                            x.iter().zip(weights).map(|(x, weight)| f64::from(*x) * f64::from(*weight)).sum::<f64>()
                        })
                    })
                    .collect();
                for (add, threads) in [(false, 1), (true, 1), (true, 2), (false, 3)] {
                    let mut out = vec![1.0; count * rows];
                    packed.product(&mut out, &x, add, threads);
                    for (got, want) in out.iter().zip(&want) {
                        let want = if add { want + 1.0 } else { *want };
                        assert!(
                            (f64::from(*got) - want).abs() < 1e-4,
                            "{:?} {rows} {columns} {count} {threads}: {got} {want}",
                            packed.form()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn all_instruction_sets_agree() {
    let (rows, columns) = (32, 512);
    for (packed, _) in all(rows, columns) {
        let of = |level: Level| {
            let mut panel = vec![0.0; columns * kernel::WIDTH];
            for place in 0..PANEL {
                kernel::widen_at(level, packed.form(), packed.strip(place), &mut panel, place);
            }
            let (x, mut few) = (noise(3 * columns, 3), vec![[0.0; LANES]; 3]);
            let blocks: Vec<f32> = (0..columns / BLOCK)
                .flat_map(|block| {
                    (0..3).flat_map(move |row| (0..BLOCK).map(move |at| row * columns + block * BLOCK + at))
                })
                .map(|at| x[at])
                .collect();
            let sums: Vec<f32> = blocks.chunks_exact(BLOCK).map(|block| block.iter().sum()).collect();
            kernel::few_at(level, packed.form(), packed.strip(0), &blocks, &sums, &mut few);
            let (turned, mut many) = (kernel::turn_at(level, &x, columns), vec![0.0; 3 * kernel::WIDTH]);
            kernel::many(level, &panel, panel.len(), &turned, columns, &mut many, kernel::WIDTH, 0, false);
            (panel, few, many)
        };
        let (panel, few, many) = of(Level::Plain);
        for level in kernel::levels() {
            let (other_panel, other_few, other_many) = of(level);
            let close = |a: f32, b: f32| (a - b).abs() < 1e-4;
            // Codes are whole numbers and exact; with scales one rounding may be spared.
            assert!(panel.iter().zip(&other_panel).all(|(a, b)| (a - b).abs() <= a.abs() * 1e-6 + 1e-7), "{level:?}");
            assert!(few.iter().flatten().zip(other_few.iter().flatten()).all(|(a, b)| close(*a, *b)), "{level:?}");
            assert!(many.iter().zip(&other_many).all(|(a, b)| close(*a, *b)), "{level:?}");
        }
    }
}

#[test]
fn four_bits_take_less_than_a_fifth_of_single_precision() {
    let all = all(64, 512);
    let bytes =
        |form: Form| all.iter().find(|(packed, _)| packed.form() == form).map(|(packed, _)| packed.bytes()).unwrap();
    assert_eq!(bytes(Form::Single), 64 * 512 * 4);
    assert_eq!(bytes(Form::Nibbles), 64 * 512 * 5 / 8);
    assert_eq!(bytes(Form::Bytes), 64 * 512 * 9 / 8);
}
