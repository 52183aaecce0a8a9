//! From a CSV file to labelled rows in splits.
//!
//! [`table`] reads the file, [`codebook`] turns codes into words, [`clean`] applies the named cleaning rules, [`numpy`]
//! repeats numpy's legacy random numbers bit for bit and [`split`] builds pandas' and scikit-learn's sampling on them.
//! [`Dataset`] is what the rest of the program sees. Nothing here knows of prompts, models or terminals.

pub mod clean;
pub mod codebook;
pub mod dataset;
pub mod numpy;
pub mod source;
pub mod split;
pub mod table;

pub use dataset::{DataError, DataSpec, Dataset, Split, SplitSizes};
