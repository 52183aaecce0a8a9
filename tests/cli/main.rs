//! The program as a user runs it: arguments, stdout, stderr, exit codes, and what lies on the disk afterwards.
//!
//! All of it runs on the small random model of `tests/fixtures/smoke`, without a network, in a home of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod bench;
mod commands;
mod compare;
mod describe;
mod endpoint;
mod frames;
mod home;
mod numbers;
mod queue;
mod resume;
mod scores;
mod sessions;
mod simulate;
mod terminal;
mod train;
mod trainings;
