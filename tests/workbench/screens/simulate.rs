//! View 5: before everybody is asked, in the middle, at the end, with a value changed by hand, two runs, without colour.

use shotglass::app::Pane;

use super::{at, both};
use crate::flows::simulate::{ask, options};
use crate::harness::{Desk, LARGE, Options, SMALL};

#[test]
fn view_5_without_a_survey_and_before_it_is_asked() {
    let mut desk = Desk::open("screen-simulate-none");
    desk.press(&["5"]);
    both("simulate_none", &mut desk);
    let mut desk = Desk::with("screen-simulate-empty", options(""));
    desk.press(&["5"]);
    desk.quiet();
    both("simulate_empty", &mut desk);
}

#[test]
fn view_5_in_the_middle() {
    let mut desk = Desk::with("screen-simulate-middle", options(""));
    desk.press(&["5"]);
    desk.quiet();
    desk.gate.hold(40, 24);
    desk.hit(&["<ctrl-r>"]);
    let gate = desk.gate.clone();
    desk.until("the engine stands still", |_| gate.is_holding());
    desk.until("some are counted", |app| app.simulate.simulation().is_some());
    desk.settle();
    both("simulate_middle", &mut desk);
    desk.gate.open();
}

#[test]
fn view_5_at_its_end() {
    let mut desk = Desk::with("screen-simulate", options(""));
    ask(&mut desk);
    both("simulate_end", &mut desk);
    at("simulate_end", &mut desk, (200, 50));
    for pane in [Pane::Shares, Pane::Groups, Pane::Tally] {
        desk.focus(pane);
        at(&format!("simulate_end_{}", format!("{pane:?}").to_lowercase()), &mut desk, SMALL);
    }
    desk.focus(Pane::Groups);
    desk.press(&["b", "<down>", "<enter>", "x"]);
    at("simulate_group", &mut desk, LARGE);
    desk.press(&["<esc>"]);
    desk.focus(Pane::Respondent);
    desk.press(&["<down>", "<right>"]);
    desk.quiet();
    both("simulate_changed", &mut desk);
    desk.press(&["6", "<space>", "5", "<ctrl-r>"]);
    desk.quiet();
    desk.until("both are counted", |app| app.simulate.beside.is_some() && app.simulate.figures.is_some());
    desk.settle();
    at("simulate_beside", &mut desk, LARGE);
    desk.press(&["C"]);
    desk.settle();
    both("simulate_columns", &mut desk);
}

#[test]
fn view_5_of_generated_answers_in_letters_alone() {
    let mut desk =
        Desk::with("screen-simulate-ascii", Options { ascii: true, color: false, ..options("method = \"generate\"") });
    ask(&mut desk);
    both("simulate_ascii", &mut desk);
}
