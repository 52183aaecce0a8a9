//! Calibration by a key, and sweeps and searches from run to run.

use std::fs;

use shotglass::app::Pane;
use shotglass::app::window::Window;
use shotglass::metrics::calibration::Method;
use shotglass::session::calibrate::CALIBRATION;

use crate::harness::{Desk, Options};

/// A finished run in view 2.
pub fn run(name: &str) -> Desk {
    let mut desk = Desk::open(name);
    desk.press(&["<ctrl-r>"]);
    desk.quiet();
    desk
}

fn accuracy(desk: &Desk) -> f64 {
    desk.app().run.as_ref().unwrap().report.as_ref().unwrap().accuracy
}

#[test]
fn report_matrix_and_rows_change_at_once_and_back() {
    let mut desk = run("calibrated");
    let own = accuracy(&desk);
    let before = fs::read(desk.only_run().join("predictions.csv")).unwrap();
    desk.press(&["b"]);
    assert_eq!(desk.app().evaluate.calibrate.method(), Method::Batch);
    // The scripted answers lean to support: without that, other rows are right.
    assert_ne!(accuracy(&desk), own);
    desk.focus(Pane::Report);
    desk.sees("calibration: batch");
    desk.sees("over all rows the model says support");
    desk.press(&["3"]);
    desk.settle();
    let run = desk.app().run.as_ref().unwrap();
    assert_eq!(desk.app().rows.listed.len(), run.rows.len());
    desk.press(&["2", "b"]);
    assert_eq!((desk.app().evaluate.calibrate.method(), accuracy(&desk)), (Method::None, own));
    desk.press(&["b", "x"]);
    assert_eq!(accuracy(&desk), own);
    // The run on the disk is as it was, and so is another one that is looked at now.
    assert_eq!(fs::read(desk.only_run().join("predictions.csv")).unwrap(), before);
    desk.press(&["b", "6", "<enter>"]);
    desk.settle();
    assert_eq!(desk.app().evaluate.calibrate.method(), Method::None);
}

#[test]
fn the_model_is_asked_once_for_what_is_missing() {
    let mut desk = run("calibration-asked");
    let asked = desk.gate.asked().len();
    desk.press(&["c"]);
    desk.quiet();
    assert_eq!(desk.app().evaluate.calibrate.method(), Method::Contextual);
    assert_eq!(desk.gate.asked().len(), asked + 1);
    let kept = desk.only_run().join(CALIBRATION);
    assert!(fs::read_to_string(&kept).unwrap().contains("[MASK]"));
    desk.press(&["s"]);
    desk.quiet();
    assert_eq!(desk.app().evaluate.calibrate.method(), Method::Supervised);
    desk.sees("supervised");
    // Both are known now.
    desk.press(&["c", "s", "c"]);
    desk.quiet();
    assert_eq!(desk.gate.asked().len(), asked + 2);
    // A file that is broken is said, and the run stays as it is on the screen.
    desk.press(&["x"]);
    fs::write(&kept, "{").unwrap();
    desk.press(&["s"]);
    desk.hears("calibration.json");
    assert_eq!(desk.app().evaluate.calibrate.method(), Method::None);
}

#[test]
fn asking_is_stopped_and_leaves_all_as_it_was() {
    let mut desk = run("calibration-stopped");
    desk.gate.hold(40, 4);
    desk.hit(&["s"]);
    let gate = desk.gate.clone();
    desk.until("the engine stands still", |_| gate.is_holding());
    desk.hit(&["<ctrl-c>"]);
    desk.until("it is over", |app| app.evaluate.calibrate.wanted.is_none());
    desk.hears("calibration was stopped");
    desk.gate.open();
    desk.quiet();
    assert_eq!(desk.app().evaluate.calibrate.method(), Method::None);
    assert!(!desk.only_run().join(CALIBRATION).exists());
}

#[test]
fn generated_answers_cannot_be_calibrated() {
    let mut desk = Desk::with(
        "calibration-generated",
        Options { session: crate::harness::session("[decode]\nmethod = \"generate\""), ..Options::default() },
    );
    desk.press(&["<ctrl-r>"]);
    desk.quiet();
    desk.press(&["b"]);
    desk.hears("keeps no log-probabilities");
}

pub fn swept(name: &str) -> Desk {
    let prompt = "shots = 1\n[sweep]\nrows = 8\norders = 1\ndraws = 1\nparaphrases = [\"For or against?\"]\n[search]\nbudget = 4\nchoose = 8\njudge = 8\npropose = 8";
    let session = crate::harness::session(prompt).replace("Text: <", "{{ demos }}\nText: <");
    let mut desk = Desk::with(name, Options { session, ..Options::default() });
    desk.quiet();
    desk
}

#[test]
fn a_sweep_goes_from_run_to_run() {
    let mut desk = swept("swept");
    desk.press(&["6", "w"]);
    desk.until("the sweep is through", |app| app.queue.as_ref().is_some_and(|queue| !queue.live));
    desk.quiet();
    let queue = desk.app().queue.clone().unwrap();
    assert_eq!(queue.progress.0, queue.progress.1);
    assert_eq!(queue.progress.1, desk.runs().len());
    assert!(queue.lines.iter().all(|line| line.scores.is_some() && line.run.is_some()));
    assert!(matches!(desk.app().windows.last(), Some(Window::Queue { .. })));
    desk.sees("prompt stability");
    // A second one finds them all.
    desk.press(&["<esc>", "w"]);
    desk.until("it is through again", |app| app.queue.as_ref().is_some_and(|queue| !queue.live));
    assert_eq!(queue.progress.1, desk.runs().len());
    // A variant opens, and its prompt can be taken over and undone.
    let before = desk.app().spec().unwrap().clone();
    desk.press(&["<end>", "<enter>", "p"]);
    desk.quiet();
    let taken = desk.app().spec().unwrap().clone();
    assert_ne!(taken, before);
    desk.press(&["W", "<home>", "<enter>", "o"]);
    desk.quiet();
    assert_eq!(desk.app().run.as_ref().unwrap().about.name, "sweep: as it is");
}

#[test]
fn a_search_writes_its_steps_into_the_timeline_and_can_be_stopped() {
    let mut desk = swept("searched");
    desk.press(&["6", "f"]);
    desk.until("the search is through", |app| app.queue.as_ref().is_some_and(|queue| !queue.live));
    desk.quiet();
    let queue = desk.app().queue.clone().unwrap();
    assert_eq!(queue.lines.len(), 4);
    let better = queue.lines.iter().filter(|line| line.note.ends_with("best") || line.note == "best so far").count();
    let steps = desk.app().prompt.versions.iter().filter(|version| version.note.is_some()).count();
    assert_eq!(steps, better - 1);
    desk.sees("test split locked");

    // Another one is stopped in the middle of a run, and what was answered is there the next time.
    let mut desk = swept("search-stopped");
    desk.gate.hold(8, 3);
    desk.hit(&["6", "f"]);
    let gate = desk.gate.clone();
    desk.until("the engine stands still", |_| gate.is_holding());
    desk.hit(&["<ctrl-c>"]);
    desk.until("it is stopped", |app| app.queue.as_ref().is_some_and(|queue| !queue.live));
    desk.hears("was stopped after 0 of");
    desk.gate.open();
    desk.quiet();
    // No other run begins by itself, and the program can be used.
    desk.press(&["<esc>", "<ctrl-r>"]);
    desk.quiet();
    assert!(desk.app().run.as_ref().unwrap().report.is_some());
}

#[test]
fn a_run_cannot_begin_in_the_middle_of_a_queue() {
    let mut desk = swept("queue-busy");
    desk.gate.hold(8, 3);
    desk.hit(&["6", "w"]);
    let gate = desk.gate.clone();
    desk.until("the engine stands still", |_| gate.is_holding());
    desk.hit(&["<esc>", "<ctrl-r>"]);
    desk.hears("a run is going on");
    desk.hit(&["f"]);
    desk.settle();
    assert!(matches!(desk.app().windows.last(), Some(Window::Queue { .. })));
    desk.sees("Sweep");
    desk.gate.open();
    desk.until("it is through", |app| app.queue.as_ref().is_some_and(|queue| !queue.live));
}
