//! Fine-tuning an encoder on labelled texts, with the meaning and the defaults of Hugging Face's `Trainer`.
//!
//! [`settings`] says what can be asked for, [`update`] what a training tells while it goes on, [`control`] how it is steered
//! from outside. Nothing here knows of sessions or terminals: texts and labels come in, figures and a folder of weights go out.

pub mod control;
pub mod loss;
pub mod optimizer;
pub mod settings;
pub mod update;

pub use control::Control;
pub use settings::TrainSpec;
pub use update::{Evaluation, Figures, Pace, Started, Step, Update};
