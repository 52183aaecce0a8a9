//! Whole flows by key macros: disk, threads and engine are real but for the model.

mod audit;
pub mod calibrate;
mod contrast;
mod disk;
mod engine;
pub mod kinds;
mod random;
mod runs;
mod sessions;
pub mod simulate;
pub mod training;
mod walk;
