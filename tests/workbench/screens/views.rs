//! The four views: before there is anything, at work, and full.

use std::time::Duration;

use shotglass::app::Pane;
use shotglass::app::state::ModelState;

use super::{at, both};
use crate::flows::kinds::{chat, twelve, unlabelled};
use crate::harness::{Desk, Gate, LARGE, Options, SMALL, write};

/// Every pane of the view in its turn: at 80 columns only one is unfolded.
fn panes(name: &str, desk: &mut Desk) {
    for pane in desk.app().panes() {
        desk.focus(pane);
        at(&format!("{name}_{}", format!("{pane:?}").to_lowercase()), desk, SMALL);
    }
}

/// A workbench with demonstrations, versions and a finished run, nothing said.
fn full(name: &str) -> Desk {
    let mut desk = Desk::open(name);
    desk.press(&["<ctrl-r>", "1", "e", "<ctrl-end>", " please", "<esc>"]);
    desk.focus(Pane::Demos);
    desk.press(&["+", "+", "L"]);
    desk.focus(Pane::Template);
    desk.press(&["]", "]", "<ctrl-s>"]);
    desk.quiet();
    desk
}

#[test]
fn view_1_before_anything_is_there() {
    let options = Options::default();
    write("screen-opening", &options);
    let mut desk = Desk::start("screen-opening", &options, Gate::default());
    // The first frame: not a single message was taken.
    for (width, height) in [SMALL, LARGE] {
        desk.resize((width, height));
        let screen = desk.screen((width, height));
        super::compare(&format!("prompt_opening.{width}x{height}"), &screen);
    }
}

#[test]
fn view_1_while_the_model_is_fetched() {
    let options = Options::default();
    write("screen-loading", &options);
    let gate = Gate::default();
    gate.hold_loading();
    let mut desk = Desk::start("screen-loading", &options, gate);
    desk.until("the session", |app| app.prompt.sheet.is_some());
    desk.until("loading", |app| matches!(&app.model, ModelState::Loading { done, .. } if *done > 0));
    desk.settle();
    both("prompt_loading", &mut desk);
}

#[test]
fn view_1_full() {
    let mut desk = full("screen-full");
    at("prompt_full", &mut desk, LARGE);
    at("prompt_full", &mut desk, (200, 50));
    at("prompt_full", &mut desk, (100, 30));
    panes("prompt_full", &mut desk);
    // Unfolded demonstrations and probabilities of tokens.
    desk.focus(Pane::Row);
    desk.press(&["f", "t"]);
    at("prompt_unfolded", &mut desk, LARGE);
}

#[test]
fn view_1_while_it_is_typed_in() {
    let mut desk = Desk::open("screen-typing");
    desk.hit(&["e", "<ctrl-end>", " pl"]);
    desk.until("the edit is rendered", |app| app.prompt.rendered.is_some_and(|(edit, ..)| edit == app.prompt.edit));
    // What was answered for the prompt before is there still, and seen to be old.
    both("prompt_typing", &mut desk);
}

#[test]
fn view_1_while_the_probe_is_at_work() {
    let mut desk = Desk::open("screen-probe");
    desk.gate.hold(10, 11);
    desk.hit(&["e", "<ctrl-end>", " please", "<esc>"]);
    desk.until("the edit is rendered", |app| app.prompt.rendered.is_some_and(|(edit, ..)| edit == app.prompt.edit));
    desk.wait(Duration::from_millis(150));
    let gate = desk.gate.clone();
    desk.until("it stands still in the middle of the probe", |app| {
        let open = gate.asked().last().map_or(0, Vec::len);
        let probe = &app.prompt.probe;
        gate.is_holding() && probe.edit == app.prompt.edit && probe.done() == probe.rows.len() - open + 11
    });
    desk.settle();
    both("prompt_busy", &mut desk);
}

#[test]
fn view_1_with_twelve_classes_no_labels_and_turns() {
    let mut desk = Desk::with("screen-twelve", twelve(LARGE));
    desk.quiet();
    at("prompt_twelve", &mut desk, LARGE);
    desk.focus(Pane::Answer);
    at("prompt_twelve", &mut desk, SMALL);
    let mut desk = Desk::with("screen-unlabelled", unlabelled(LARGE));
    desk.quiet();
    both("prompt_unlabelled", &mut desk);
    let mut desk = Desk::with("screen-chat", chat(LARGE));
    desk.quiet();
    both("prompt_chat", &mut desk);
}

#[test]
fn view_1_with_texts_that_are_hard_to_align() {
    let mut desk = Desk::open("screen-wide");
    desk.focus(Pane::Row);
    for row in [5, 13, 21, 29, 37] {
        desk.press(&["#", &row.to_string(), "<enter>"]);
        at(&format!("prompt_wide_{row}"), &mut desk, SMALL);
    }
}

#[test]
fn view_2_before_and_while_there_is_a_run() {
    let mut desk = Desk::open("screen-evaluate");
    desk.press(&["2"]);
    desk.focus(Pane::Report);
    both("evaluate_empty", &mut desk);
    desk.press(&["L", "20", "<enter>"]);
    at("evaluate_empty_limit", &mut desk, SMALL);
    desk.press(&["L", "<alt-a>", "<backspace>", "<enter>"]);
    desk.gate.hold(40, 19);
    desk.hit(&["<ctrl-r>"]);
    desk.until("19 rows of the run", |app| app.run.as_ref().is_some_and(|run| run.rows.len() == 19));
    let gate = desk.gate.clone();
    desk.until("it stands still", |_| gate.is_holding());
    desk.settle();
    both("evaluate_busy", &mut desk);
    desk.focus(Pane::Report);
    at("evaluate_busy_report", &mut desk, SMALL);
    desk.press(&["3"]);
    both("rows_busy", &mut desk);
    desk.press(&["6"]);
    both("runs_busy", &mut desk);
    desk.press(&["1"]);
    both("prompt_run_busy", &mut desk);
    desk.press(&["2", "<ctrl-c>"]);
    desk.gate.open();
    desk.quiet();
    both("evaluate_stopped", &mut desk);
}

#[test]
fn view_2_full() {
    let mut desk = full("screen-report");
    desk.press(&["2", "<down>"]);
    both("evaluate_full", &mut desk);
    at("evaluate_full", &mut desk, (200, 50));
    desk.focus(Pane::Report);
    at("evaluate_full_report", &mut desk, SMALL);
    desk.press(&["<pagedown>"]);
    at("evaluate_full_report_below", &mut desk, SMALL);
}

#[test]
fn view_2_with_twelve_classes_and_without_labels() {
    let mut desk = Desk::with("screen-twelve-run", twelve(LARGE));
    desk.press(&["<ctrl-r>", "<down>", "<right>"]);
    desk.quiet();
    both("evaluate_twelve", &mut desk);
    at("evaluate_twelve", &mut desk, (200, 50));
    desk.press(&["G"]);
    at("evaluate_twelve_last", &mut desk, SMALL);
    desk.press(&["3"]);
    at("rows_twelve", &mut desk, SMALL);
    let mut desk = Desk::with("screen-unlabelled-run", unlabelled(LARGE));
    desk.press(&["<ctrl-r>"]);
    desk.quiet();
    both("evaluate_unlabelled", &mut desk);
    desk.focus(Pane::Report);
    at("evaluate_unlabelled_report", &mut desk, SMALL);
    desk.press(&["3"]);
    both("rows_unlabelled", &mut desk);
}

#[test]
fn view_3() {
    let mut desk = Desk::open("screen-rows");
    desk.press(&["3"]);
    both("rows_empty", &mut desk);
    desk.press(&["<ctrl-r>", "<down>", "<enter>"]);
    desk.quiet();
    both("rows_cell", &mut desk);
    desk.press(&["<esc>", "s", "x", "<down>", "#", "irony", "<enter>", "N", "look again", "<enter>", "<up>"]);
    desk.quiet();
    both("rows_full", &mut desk);
    desk.press(&["<down>", "<enter>"]);
    both("rows_detail", &mut desk);
    desk.press(&["<esc>", "/", "xyzzy"]);
    both("rows_filter", &mut desk);
    desk.press(&["<enter>"]);
    both("rows_none", &mut desk);
}

#[test]
fn view_6() {
    let mut desk = Desk::open("screen-runs");
    desk.press(&["6"]);
    both("runs_empty", &mut desk);
    let mut desk = full("screen-runs-full");
    desk.press(&["<ctrl-r>", "6", "g"]);
    desk.quiet();
    both("runs_full", &mut desk);
    desk.press(&["G", "<space>", "g"]);
    both("runs_compared", &mut desk);
    at("runs_compared", &mut desk, (200, 50));
    desk.focus(Pane::Compare);
    at("runs_compared_prompts", &mut desk, SMALL);
    desk.press(&["<down>"]);
    both("runs_outcome", &mut desk);
    desk.press(&["<up>", "<enter>"]);
    both("rows_outcome", &mut desk);
    desk.press(&["<enter>"]);
    at("rows_outcome_detail", &mut desk, SMALL);
}

#[test]
fn too_small() {
    let mut desk = Desk::open("screen-small");
    for size in [(79, 24), (80, 23), (40, 10), (12, 3)] {
        at("too_small", &mut desk, size);
    }
}
