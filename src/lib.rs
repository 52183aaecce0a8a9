//! Shotglass: a terminal workbench for classifying text with language models.
//!
//! The rooms, and what each may know:
//!
//! * [`data`], [`prompt`] and [`metrics`] know nothing of engines or terminals;
//! * [`model`] and [`train`] know nothing of sessions or terminals;
//! * [`engine`] owns the models on a thread of its own and answers in events;
//! * [`baseline`] has classifiers that cost next to nothing, [`audit`] finds gold labels that deserve a second look; both
//!   know texts and labels alone;
//! * [`session`] ties them together: the TOML file, the run folder, the run itself;
//! * [`app`] is the workbench's state and how it changes, [`ui`] draws it, [`term`] owns the terminal, and [`workbench`] is
//!   the loop that ties them to engine and disk;
//! * [`cli`] is the headless face of all that;
//! * [`text`] makes what came from outside safe to show, and knows nobody.

pub mod app;
pub mod audit;
pub mod baseline;
pub mod cli;
pub mod data;
pub mod engine;
pub mod metrics;
pub mod model;
pub mod prompt;
pub mod session;
pub mod term;
pub mod text;
pub mod train;
pub mod ui;
pub mod workbench;
