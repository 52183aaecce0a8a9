//! Layers on the CPU: f32 slices, our own kernels, no padding.

mod attention;

use candle_core::{Result, bail};
use rayon::prelude::*;

use super::{Activation, AdamW, AttentionGrads, Dropout, Grad, Layers, Relative, Texts, kernel};
use crate::model::kernel::add_bias;
use crate::model::matrix::{View, matmul};

/// Elements below which a loop is not worth a second thread.
const SMALL: usize = 1 << 15;

/// Layers on the CPU with so many threads.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// Threads of one layer.
    pub threads: usize,
}

/// Values in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Mat {
    data: Vec<f32>,
    width: usize,
}

impl Mat {
    fn zeros(rows: usize, width: usize) -> Self {
        Self { data: vec![0.0; rows * width], width }
    }

    fn rows(&self) -> usize {
        self.data.len() / self.width.max(1)
    }

    fn view(&self) -> View<'_> {
        View::new(&self.data, self.rows(), self.width, self.width)
    }
}

/// What a norm keeps: the normed rows, and one over each row's deviation.
#[derive(Debug)]
pub struct Normed {
    rows: Mat,
    inverse: Vec<f32>,
}

/// AdamW's moments, empty as long as nothing was learnt.
#[derive(Debug)]
pub struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
    /// For an embedding table: which rows ever had a gradient. The moments of the others are zero, and nothing but decay
    /// happens to them.
    touched: Vec<bool>,
}

impl Cpu {
    /// Runs `f` on parts of a matrix, each with the place of its first row; on several threads where that pays.
    fn parts(self, out: &mut [f32], width: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
        let width = width.max(1);
        if self.threads < 2 || out.len() < SMALL {
            f(0, out);
        } else {
            let rows = (out.len() / width).div_ceil(self.threads).max(1);
            out.par_chunks_mut(rows * width).enumerate().for_each(|(index, out)| f(index * rows, out));
        }
    }

    /// How rows are split over threads: rows of a part.
    fn share(self, rows: usize, width: usize) -> usize {
        if self.threads < 2 || rows * width < SMALL { rows.max(1) } else { rows.div_ceil(self.threads).max(1) }
    }

    fn add_to(self, sum: &mut Option<Mat>, part: Mat) {
        match sum {
            Some(sum) => kernel::add(&mut sum.data, &part.data),
            None => *sum = Some(part),
        }
    }
}

impl Layers for Cpu {
    type Mat = Mat;
    type Normed = Normed;
    type Attended = attention::Attended;
    type Moments = Moments;

    fn mat(&self, values: Vec<f32>, width: usize) -> Result<Mat> {
        Ok(Mat { data: values, width })
    }

    fn values(&self, x: &Mat) -> Result<Vec<f32>> {
        Ok(x.data.clone())
    }

    fn sum_of_squares(&self, x: &Mat) -> Result<f64> {
        Ok(kernel::sum_of_squares(&x.data))
    }

    fn gather(&self, table: &Mat, rows: &[u32]) -> Result<Mat> {
        let width = table.width;
        let mut data = Vec::with_capacity(rows.len() * width);
        for &row in rows {
            match table.data.get(row as usize * width..(row as usize + 1) * width) {
                Some(values) => data.extend_from_slice(values),
                None => bail!("row {row} of {}", table.rows()),
            }
        }
        Ok(Mat { data, width })
    }

    fn scatter(&self, grad: &Mat, places: &[u32], rows: usize) -> Result<Mat> {
        let mut out = Mat::zeros(rows, grad.width);
        let width = grad.width.max(1);
        for (grad, &place) in grad.data.chunks_exact(width).zip(places) {
            match out.data.get_mut(place as usize * width..(place as usize + 1) * width) {
                Some(sum) => kernel::add(sum, grad),
                None => bail!("row {place} of {rows}"),
            }
        }
        Ok(out)
    }

    fn add(&self, mut a: Mat, b: &Mat) -> Result<Mat> {
        self.parts(&mut a.data, a.width, |first, a| kernel::add(a, &b.data[first * b.width..][..a.len()]));
        Ok(a)
    }

    fn linear(&self, x: &Mat, weight: &Mat, bias: Option<&Mat>) -> Result<Mat> {
        let mut out = Mat::zeros(x.rows(), weight.rows());
        matmul(&mut out.data, out.width, x.view(), weight.view().transposed(), false, self.threads);
        if let Some(bias) = bias {
            add_bias(&mut out.data, &bias.data);
        }
        Ok(out)
    }

    fn weight_grad(&self, x: &Mat, grad: &Mat, weight: &mut Option<Mat>) -> Result<()> {
        let add = weight.is_some();
        let sum = weight.get_or_insert_with(|| Mat::zeros(grad.width, x.width));
        matmul(&mut sum.data, sum.width, grad.view().transposed(), x.view(), add, self.threads);
        Ok(())
    }

    fn bias_grad(&self, grad: &Mat, bias: &mut Option<Mat>) -> Result<()> {
        let sum = bias.get_or_insert_with(|| Mat::zeros(1, grad.width));
        kernel::add_columns(&mut sum.data, &grad.data);
        Ok(())
    }

    fn linear_back(&self, sum: Option<Mat>, grad: &Mat, weight: &Mat) -> Result<Mat> {
        let add = sum.is_some();
        let mut sum = sum.unwrap_or_else(|| Mat::zeros(grad.rows(), weight.width));
        matmul(&mut sum.data, sum.width, grad.view(), weight.view(), add, self.threads);
        Ok(sum)
    }

    fn norm(
        &self,
        mut x: Mat,
        residual: Option<&Mat>,
        dropout: Dropout,
        weight: &Mat,
        bias: &Mat,
        eps: f64,
    ) -> Result<(Mat, Normed)> {
        let (rows, width) = (x.rows(), x.width);
        let mut out = Mat::zeros(rows, width);
        let mut inverse = vec![0.0; rows];
        let share = self.share(rows, width);
        let part = |index: usize, out: &mut [f32], x: &mut [f32], inverse: &mut [f32]| {
            let start = index * share * width;
            kernel::drop(x, dropout, start);
            if let Some(residual) = residual {
                kernel::add(x, &residual.data[start..][..x.len()]);
            }
            kernel::norm(out, x, inverse, &weight.data, &bias.data, eps as f32);
        };
        let chunk = (share * width).max(1);
        out.data
            .par_chunks_mut(chunk)
            .zip(x.data.par_chunks_mut(chunk))
            .zip(inverse.par_chunks_mut(share))
            .enumerate()
            .for_each(|(index, ((out, x), inverse))| part(index, out, x, inverse));
        Ok((out, Normed { rows: x, inverse }))
    }

    fn norm_back(
        &self,
        kept: &Normed,
        weight: &Mat,
        mut grad: Mat,
        weight_grad: &mut Option<Mat>,
        bias_grad: &mut Option<Mat>,
    ) -> Result<Mat> {
        let width = grad.width;
        let share = self.share(grad.rows(), width);
        let chunk = (share * width).max(1);
        let parts: Vec<(Mat, Mat)> = grad
            .data
            .par_chunks_mut(chunk)
            .zip(kept.rows.data.par_chunks(chunk))
            .zip(kept.inverse.par_chunks(share))
            .map(|((grad, normed), inverse)| {
                let (mut weights, mut biases) = (Mat::zeros(1, width), Mat::zeros(1, width));
                kernel::norm_back(grad, normed, inverse, &weight.data, &mut weights.data, &mut biases.data);
                (weights, biases)
            })
            .collect();
        // In the order of the rows, so that sums are the same each time.
        for (weights, biases) in parts {
            self.add_to(weight_grad, weights);
            self.add_to(bias_grad, biases);
        }
        Ok(grad)
    }

    fn activate(&self, activation: Activation, x: &Mat) -> Result<Mat> {
        let mut out = Mat::zeros(x.rows(), x.width);
        self.parts(&mut out.data, x.width, |first, out| {
            kernel::activate(activation, out, &x.data[first * x.width..][..out.len()]);
        });
        Ok(out)
    }

    fn activate_back(&self, activation: Activation, x: &Mat, mut grad: Mat) -> Result<Mat> {
        self.parts(&mut grad.data, x.width, |first, grad| {
            kernel::activate_back(activation, grad, &x.data[first * x.width..][..grad.len()]);
        });
        Ok(grad)
    }

    fn dropout(&self, mut x: Mat, dropout: Dropout) -> Result<Mat> {
        let width = x.width;
        self.parts(&mut x.data, width, |first, x| kernel::drop(x, dropout, first * width));
        Ok(x)
    }

    fn attend(
        &self,
        texts: &Texts,
        heads: usize,
        q: &Mat,
        k: &Mat,
        v: &Mat,
        relative: Relative<'_, Mat>,
        dropout: Dropout,
        keep: bool,
    ) -> Result<(Mat, attention::Attended)> {
        Ok(attention::forward(self.threads, texts, heads, [q, k, v], relative, dropout, keep))
    }

    fn attend_back(
        &self,
        texts: &Texts,
        heads: usize,
        q: &Mat,
        k: &Mat,
        v: &Mat,
        relative: Relative<'_, Mat>,
        dropout: Dropout,
        kept: &attention::Attended,
        grad: &Mat,
    ) -> Result<AttentionGrads<Mat>> {
        Ok(attention::backward(self.threads, texts, heads, [q, k, v], relative, dropout, kept, grad))
    }

    fn moments(&self, parameter: &Mat) -> Result<Moments> {
        // Zeroed pages are not there before they are written to: rows of a table that are never met cost no memory.
        let zeros = || vec![0.0; parameter.data.len()];
        Ok(Moments { first: zeros(), second: zeros(), touched: Vec::new() })
    }

    fn moment_values(&self, moments: &Moments) -> Result<(Vec<f32>, Vec<f32>)> {
        Ok((moments.first.clone(), moments.second.clone()))
    }

    fn moments_from(&self, parameter: &Mat, first: Vec<f32>, second: Vec<f32>) -> Result<Moments> {
        if first.len() != parameter.data.len() || second.len() != parameter.data.len() {
            bail!("moments of another size");
        }
        let width = parameter.width.max(1);
        let rows = first.chunks(width).zip(second.chunks(width));
        let touched = rows.map(|(m, v)| m.iter().chain(v).any(|x| *x != 0.0)).collect();
        Ok(Moments { first, second, touched })
    }

    fn step(&self, parameter: &mut Mat, moments: &mut Moments, grad: &Grad<Mat>, adamw: &AdamW) -> Result<()> {
        let width = parameter.width.max(1);
        match grad {
            Grad::Dense(grad) => {
                let chunk = parameter.data.len().div_ceil(self.threads.max(1)).max(SMALL);
                parameter
                    .data
                    .par_chunks_mut(chunk)
                    .zip(moments.first.par_chunks_mut(chunk))
                    .zip(moments.second.par_chunks_mut(chunk))
                    .zip(grad.data.par_chunks(chunk))
                    .for_each(|(((p, m), v), g)| kernel::adamw(p, m, v, g, adamw));
            }
            Grad::Rows(rows, grad) => {
                moments.touched.resize(parameter.rows(), false);
                let mut places = vec![usize::MAX; parameter.rows()];
                for (place, &row) in rows.iter().enumerate() {
                    if let (Some(slot), Some(touched)) =
                        (places.get_mut(row as usize), moments.touched.get_mut(row as usize))
                    {
                        (*slot, *touched) = (place, true);
                    }
                }
                let none = vec![0.0; width];
                let share = parameter.rows().div_ceil(self.threads.max(1)).max(1);
                let chunk = share * width;
                parameter
                    .data
                    .par_chunks_mut(chunk)
                    .zip(moments.first.par_chunks_mut(chunk))
                    .zip(moments.second.par_chunks_mut(chunk))
                    .zip(moments.touched.par_chunks(share).zip(places.par_chunks(share)))
                    .for_each(|(((p, m), v), (touched, places))| {
                        let rows = p.chunks_mut(width).zip(m.chunks_mut(width)).zip(v.chunks_mut(width));
                        for (((p, m), v), (touched, &place)) in rows.zip(touched.iter().zip(places)) {
                            if !touched {
                                kernel::decay(p, adamw);
                                continue;
                            }
                            let start = place.saturating_mul(width);
                            let own = grad.data.get(start..start.saturating_add(width)).unwrap_or(&none);
                            kernel::adamw(p, m, v, own, adamw);
                        }
                    });
            }
        }
        Ok(())
    }
}
