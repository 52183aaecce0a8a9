//! From a CSV file to labelled rows in splits.
//!
//! [`source`] fetches a file that is named by its URL, [`table`] reads it, [`codebook`] turns codes into words, [`clean`]
//! applies the named cleaning rules, [`numpy`] and [`python`] repeat the random numbers of those two bit for bit and
//! [`split`] builds pandas' and scikit-learn's sampling on them. [`describe`] tells what is in the columns. [`Dataset`] is what the rest of the program sees, and
//! [`DataError`] what can be wrong with any of it. Nothing here knows of prompts, models or terminals.

pub mod clean;
pub mod codebook;
pub mod dataset;
pub mod describe;
pub mod error;
mod hashed;
mod labels;
pub mod numpy;
pub mod probe;
pub mod python;
pub mod source;
pub mod split;
pub mod table;

pub use dataset::{DataSpec, Dataset, LabelOrder, Split, SplitSizes};
pub use error::DataError;
