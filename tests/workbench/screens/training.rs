//! View 4: before there is a training, in its middle, at its end, with a warning, without colour.

use shotglass::app::Pane;
use shotglass::engine::fake::TrainScript;

use super::{at, both};
use crate::flows::training::{at as stands_at, begin, options, scripted};
use crate::harness::{Desk, LARGE, SMALL};

#[test]
fn view_4_before_there_is_a_training() {
    let mut desk = Desk::open("screen-train-none");
    desk.press(&["4"]);
    both("train_none", &mut desk);
    let mut desk = Desk::with("screen-train-empty", options());
    desk.press(&["4"]);
    both("train_empty", &mut desk);
    begin(&mut desk, 0);
    both("train_begins", &mut desk);
}

#[test]
fn view_4_in_the_middle() {
    let mut desk = Desk::with("screen-train", options());
    begin(&mut desk, 2);
    both("train_start", &mut desk);
    desk.gate.hold_training(26);
    stands_at(&mut desk, 26);
    both("train_middle", &mut desk);
    at("train_middle", &mut desk, (200, 50));
    for pane in [Pane::Metrics, Pane::Events] {
        desk.focus(pane);
        at(&format!("train_middle_{}", format!("{pane:?}").to_lowercase()), &mut desk, SMALL);
    }
    desk.press(&["1"]);
    both("train_from_prompt", &mut desk);
    desk.press(&["4"]);
    desk.focus(Pane::Loss);
    desk.press(&["l"]);
    at("train_rate", &mut desk, SMALL);
    desk.press(&["<esc>", "a"]);
    at("train_abort", &mut desk, SMALL);
    desk.press(&["n", "q"]);
    at("train_quit", &mut desk, SMALL);
}

#[test]
fn view_4_at_its_end_and_looked_at_closely() {
    let mut desk = Desk::with("screen-train-end", options());
    desk.press(&["4", "<enter>"]);
    desk.quiet();
    both("train_end", &mut desk);
    at("train_end", &mut desk, (200, 50));
    desk.press(&["<left>", "<pageup>", "L", ">"]);
    both("train_cursor", &mut desk);
    desk.press(&["+", "+"]);
    at("train_zoomed", &mut desk, LARGE);
    desk.press(&["<esc>", "-", "-", "L", "<ctrl-r>", "b"]);
    desk.quiet();
    at("train_overlays", &mut desk, LARGE);
    desk.press(&["<enter>"]);
    at("train_beside", &mut desk, LARGE);
    desk.press(&["6"]);
    at("train_runs", &mut desk, LARGE);
}

#[test]
fn view_4_with_a_warning() {
    let script = TrainScript { warn_at: Some(20), ..TrainScript::default() };
    let mut desk = Desk::with("screen-train-warned", scripted(script));
    begin(&mut desk, 25);
    at("train_warning_told", &mut desk, LARGE);
    desk.quiet();
    both("train_warning", &mut desk);
    desk.hit(&["<space>"]);
    desk.gate.open();
    desk.until("it waits", |app| app.train.shown.as_ref().is_some_and(|shown| shown.paused));
    desk.settle();
    both("train_paused", &mut desk);
}
