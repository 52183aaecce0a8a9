//! The workbench without a terminal: its state, what can happen to it, and what it then wants done.
//!
//! [`App::update`] takes a [`Message`] and gives [`Effect`]s: it is pure, touches neither disk nor engine nor terminal, and
//! never waits. [`crate::ui`] draws the state, [`crate::workbench`] carries the effects out and brings their messages back.
//! Time comes from outside too: [`App::now`] is set before every message, [`App::deadline`] says when the next
//! [`Message::Time`] is wanted.

pub mod action;
pub mod area;
pub mod calibrate;
pub mod contrast;
pub mod demos;
pub mod editor;
pub mod effect;
pub mod fuzzy;
pub mod jobs;
pub mod keymap;
pub mod latest;
pub mod message;
pub mod probe;
pub mod queue;
pub mod run;
pub mod sheet;
pub mod sift;
pub mod simulate;
pub mod state;
pub mod toast;
pub mod training;
mod update;
pub mod view;
pub mod views;
pub mod window;

pub use action::{Action, Context};
pub use area::{Area, Areas};
pub use effect::Effect;
pub use message::Message;
pub use state::App;
pub use view::{Pane, View};
