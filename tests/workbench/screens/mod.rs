//! Pictures of every view and window, at the sizes that they must be at home in.
//!
//! `INSTA_UPDATE=always cargo test --release --test workbench` makes them anew.

mod numbers;
mod plain;
mod simulate;
mod training;
mod troubles;
mod views;
mod windows;

use crate::harness::{Desk, LARGE, SMALL};

/// The screen at one size, compared with the picture of that name.
#[track_caller]
pub fn at(name: &str, desk: &mut Desk, size: (u16, u16)) {
    let screen = desk.screen(size);
    compare(&format!("{name}.{}x{}", size.0, size.1), &screen);
}

/// The screen at both usual sizes.
#[track_caller]
pub fn both(name: &str, desk: &mut Desk) {
    at(name, desk, SMALL);
    at(name, desk, LARGE);
}

/// A text compared with the picture of that name.
#[track_caller]
pub fn compare(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
