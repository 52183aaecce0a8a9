//! Shotglass: a terminal workbench for classifying text with language models.
//!
//! The rooms, and what each may know:
//!
//! * [`data`], [`prompt`] and [`metrics`] know nothing of engines or terminals;
//! * [`model`] knows nothing of sessions or terminals;
//! * [`engine`] owns the models on a thread of its own and answers in events;
//! * [`session`] ties them together: the TOML file, the run folder, the run itself;
//! * [`cli`] is the headless face of all that;
//! * [`text`] makes what came from outside safe to show, and knows nobody.

pub mod cli;
pub mod data;
pub mod engine;
pub mod metrics;
pub mod model;
pub mod prompt;
pub mod session;
pub mod text;
