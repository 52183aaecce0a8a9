//! The workbench without a terminal: what its state does with every message, what is on its screens, and whole flows by
//! key macros, with the scripted engine in the place of a model.
//!
//! Pictures of screens lie in `screens/snapshots`. After a change of the interface they are made anew by
//!
//!     INSTA_UPDATE=always cargo test --release --test workbench
//!
//! and then looked at, one by one, in the difference that git shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alone;
mod flows;
mod harness;
mod idle;
mod large;
mod screens;
mod transitions;
