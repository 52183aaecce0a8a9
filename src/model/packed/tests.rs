use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};

use super::kernel;
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

/// The products of rows of `x` with rows of `values`, each with the sum of what it is made of without signs: what errors
/// are measured by.
fn products(x: &[f32], values: &[f32], columns: usize) -> Vec<(f64, f64)> {
    let of = |x: &[f32], weights: &[f32]| {
        let terms = x.iter().zip(weights).map(|(x, weight)| f64::from(*x) * f64::from(*weight));
        terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()))
    };
    let weights = || values.chunks_exact(columns);
    x.chunks_exact(columns).flat_map(|x| weights().map(move |weights| of(x, weights))).collect()
}

/// How far a product may be off, beside the sum of its terms without signs: three times 2^-18, where both sides are split
/// into two bf16. Most are off by less than a tenth of it.
const EXACT: f64 = 1.2e-5;
/// The same where activations are rounded to 16 bits.
const ROUNDED: f64 = 2.5e-5;

#[test]
fn products_equal_the_sums_of_the_widened_numbers() {
    for (rows, columns) in [(37, 256), (64, 64), (3, 45), (400, 512), (33, 1600)] {
        for (packed, values) in all(rows, columns) {
            for count in [1, 2, 3, 4, 5, 8, 17, 48, 49, 130] {
                let x = noise(count * columns, 2);
                let want = products(&x, &values, columns);
                for (add, threads, rounded) in [(false, 1, false), (true, 1, true), (true, 2, false), (false, 3, true)]
                {
                    let near = if rounded { ROUNDED } else { EXACT };
                    let mut out = vec![1.0; count * rows];
                    packed.product(&mut out, &x, add, threads, rounded);
                    for (got, (want, size)) in out.iter().zip(&want) {
                        let want = if add { want + 1.0 } else { *want };
                        assert!(
                            (f64::from(*got) - want).abs() < near * (size + 1.0),
                            "{:?} {rows} {columns} {count} {threads}: {got} {want}",
                            packed.form()
                        );
                    }
                }
            }
        }
    }
}

/// Outputs of rows of activations by one of the ways.
fn at(level: Level, packed: &Packed, x: &[f32], way: Way, rounded: bool) -> Vec<f32> {
    let (rows, columns) = packed.shape();
    let count = x.len() / columns;
    let mut out = vec![0.0; count * rows];
    match way {
        Way::Few => {
            let mut results = vec![[0.0; LANES]; rows / LANES * count];
            let words = packed.blocks * packed.form.words();
            kernel::Few::of(level, packed.form, x, columns, rounded).times(&packed.words, words, &mut results);
            for (place, results) in results.iter().enumerate() {
                let (strip, row) = (place / count, place % count);
                out[row * rows + strip * LANES..][..LANES].copy_from_slice(results);
            }
        }
        #[cfg(target_arch = "x86_64")]
        Way::Codes => kernel::by_codes(packed.form, &packed.words, packed.blocks, x, &mut out, rows, false),
        _ => packed.by_panel(level, 0..rows / kernel::WIDTH, &mut out, x, rows, false),
    }
    out
}

/// The ways that there are on an instruction set for a form.
fn ways(level: Level, form: Form) -> Vec<Way> {
    let codes = kernel::way(level, form, 5, false) == Way::Codes;
    [Way::Few, Way::Panels].into_iter().chain(codes.then_some(Way::Codes)).collect()
}

#[test]
fn all_instruction_sets_agree() {
    let (rows, columns) = (64, 1024);
    for (packed, values) in all(rows, columns) {
        for count in [1, 3, 8, 15, 33] {
            let x = noise(count * columns, 3);
            let want = products(&x, &values, columns);
            for level in kernel::levels() {
                for way in ways(level, packed.form) {
                    for (rounded, near) in [(false, EXACT), (true, ROUNDED)] {
                        for (got, (want, size)) in at(level, &packed, &x, way, rounded).iter().zip(&want) {
                            let error = (f64::from(*got) - want).abs();
                            let of = (level, packed.form, count, way, rounded);
                            assert!(error < near * size, "{of:?}: {error} of {size}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_others_once_there_are_enough() {
    for (packed, _) in all(64, 1600) {
        let enough = packed.few_rows() + 1;
        let x = noise(3 * enough * 1600, 5);
        let of = |rows: usize| {
            let mut out = vec![0.0; rows * 64];
            packed.product(&mut out, &x[..rows * 1600], false, 1, false);
            out
        };
        let all = of(3 * enough);
        for rows in [enough, enough + 7, 2 * enough] {
            assert!(all.starts_with(&of(rows)), "{:?} {rows}", packed.form());
        }
    }
}

#[test]
fn whole_numbers_are_multiplied_to_the_last_bit() {
    let (rows, columns) = (64, 96);
    let codes = |most: u32| -> Vec<f32> {
        let code = |place: u32| ((place.wrapping_mul(2_654_435_761) >> 8) % (2 * most + 1)) as f32 - most as f32;
        (0..(rows * columns) as u32).map(code).collect()
    };
    for (dtype, most) in [(GgmlDType::Q4_0, 7), (GgmlDType::Q4_1, 7), (GgmlDType::Q8_0, 127)] {
        let mut values = codes(most);
        // The largest of each block is such that its scale is 1.
        for block in values.chunks_exact_mut(BLOCK) {
            (block[0], block[1]) = if dtype == GgmlDType::Q8_0 { (127.0, -127.0) } else { (-8.0, 7.0) };
        }
        let tensor = Tensor::from_vec(values.clone(), (rows, columns), &Device::Cpu).unwrap();
        let packed = Packed::from_quantized(&QTensor::quantize(&tensor, dtype).unwrap()).unwrap();
        for count in [1, 2, 3, 8, 11, 24] {
            let mut x: Vec<f32> = codes(3000).into_iter().cycle().take(count * columns).map(f32::round).collect();
            for block in x.chunks_exact_mut(BLOCK) {
                // As with weights: activations are rounded in steps of 1.
                block[0] = 32767.0;
            }
            let want: Vec<f32> = products(&x, &values, columns).iter().map(|(sum, _)| *sum as f32).collect();
            for level in kernel::levels() {
                assert_eq!(at(level, &packed, &x, Way::Few, true), want, "{level:?} {dtype:?} {count}");
            }
        }
    }
}

#[test]
fn numbers_that_are_none_stay_in_their_row() {
    for (packed, values) in all(64, 512) {
        for level in kernel::levels() {
            for way in ways(level, packed.form) {
                for (count, rounded) in [(2, false), (5, true), (20, false)] {
                    let mut x = noise(count * 512, 3);
                    let want = products(&x, &values, 512);
                    (x[100], x[101]) = (f32::NAN, f32::INFINITY);
                    let got = at(level, &packed, &x, way, rounded);
                    let of = (level, packed.form, way, count);
                    assert!(got[..64].iter().all(|x| x.is_nan()), "{of:?}");
                    let mut others = got.iter().zip(&want).skip(64);
                    assert!(others.all(|(got, (want, _))| (f64::from(*got) - want).abs() < 1e-3), "{of:?}");
                }
            }
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
