//! Fine-tuning an encoder on labelled texts, with the meaning of Hugging Face's `Trainer`. Defaults are its too, but for the batch size and
//! the weight decay of the published experiment, and texts of like length in one batch.
//!
//! [`trainer`] is the loop, with [`loss`], [`optimizer`], schedule, order of rows and guards beside it; [`checkpoint`] keeps what
//! it needs to go on. [`settings`] says what can be asked for, [`update`] what a training tells while it goes on, [`control`] how it is steered
//! from outside. Nothing here knows of sessions or terminals: texts and labels come in, figures and a folder of weights go out.

pub mod checkpoint;
pub mod control;
mod evaluate;
mod guard;
pub mod loss;
pub mod optimizer;
mod order;
mod schedule;
pub mod settings;
pub mod trainer;
pub mod update;

pub use control::Control;
pub use settings::TrainSpec;
pub use update::{Evaluation, Figures, Pace, Started, Step, Update};
