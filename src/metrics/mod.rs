//! From gold labels and predicted labels to figures.
//!
//! [`confusion`] counts, [`report`] computes what scikit-learn computes of those counts and a few figures more, [`text`]
//! prints them, [`calibration`] moves the probabilities of labels, [`distribution`] compares the shares of answers, [`compare`] tells two classifications of the same rows
//! apart [`agreement`] says how far raters agree, and [`prevalence`] how many rows have a label. Labels are texts and nothing else; what a label means, where rows
//! came from and how long they took is left to others. Nothing here knows of engines, sessions or terminals.

pub mod agreement;
pub mod calibration;
pub mod compare;
pub mod confusion;
pub mod distribution;
#[cfg(test)]
mod fixtures;
pub mod prevalence;
pub mod report;
pub mod text;

pub use confusion::Confusion;
pub use report::{Averages, ClassScores, Report, Scores, wilson};
pub use text::{Figures, Layout, classification_report, summary};

/// The sum of `values` in the order in which numpy's `sum` adds them, so that means agree with scikit-learn's in the
/// last bit and tie the same way when they are rounded for printing.
fn numpy_sum(values: &[f64]) -> f64 {
    const BLOCK: usize = 128;
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % 8);
        return numpy_sum(left) + numpy_sum(right);
    }
    let mut eights = values.chunks_exact(8);
    let mut lanes = [0.0; 8];
    for eight in eights.by_ref() {
        for (lane, value) in lanes.iter_mut().zip(eight) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let lanes = ((a + b) + (c + d)) + ((e + f) + (g + h));
    eights.remainder().iter().fold(lanes, |sum, value| sum + value)
}
