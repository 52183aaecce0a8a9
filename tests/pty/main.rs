//! The workbench in a pseudo-terminal: what stands on the screen, which bytes went there, and what is left on the terminal
//! and on the disk afterwards.
//!
//! It runs on the small random model of `tests/fixtures/smoke` or on a scripted engine, without a network, in a home of
//! its own. What is waited for is a screen, never a time.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bytes;
mod edit;
mod faults;
mod flow;
// The commands' tests need more of it.
#[allow(dead_code)]
#[path = "../cli/home.rs"]
mod home;
mod hostile;
mod leave;
mod look;
mod recover;
mod scripted;
mod start;
mod suspend;
mod terminal;

/// The other end of [`scripted`]: the program with an engine of the tests' own.
#[test]
fn child() {
    scripted::play();
}
