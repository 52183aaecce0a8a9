//! What the engine is busy with while the user goes on: superseded probes, runs that give way, models that do not load.

use std::fs;
use std::time::Duration;

use shotglass::app::jobs::Purpose;
use shotglass::app::state::ModelState;
use shotglass::app::{Message, Pane, View};
use shotglass::engine::fake::Script;
use shotglass::session::folder::{Manifest, Status};

use crate::harness::{Desk, Gate, Options, script, write};

/// The records of a run's predictions, but for nothing.
fn predictions(desk: &Desk) -> String {
    fs::read_to_string(desk.only_run().join("predictions.csv")).unwrap()
}

/// The same rows, run in one go.
fn unbroken(name: &str) -> String {
    let mut desk = Desk::open(name);
    desk.press(&["<ctrl-r>"]);
    predictions(&desk)
}

#[test]
fn an_edit_supersedes_the_probe_of_the_one_before() {
    let mut desk = Desk::open("superseded");
    // The probe of the first edit stands still in the middle.
    desk.gate.hold(3, 2);
    desk.hit(&["e", "x"]);
    desk.until("the probe's first rows", |app| app.prompt.rendered.is_some_and(|(edit, ..)| edit == app.prompt.edit));
    desk.wait(Duration::from_millis(150));
    desk.until("the probe has begun", |app| app.prompt.probe.edit == app.prompt.edit && app.prompt.probe.done() == 2);
    desk.hit(&["y"]);
    desk.gate.open();
    desk.settle();
    let app = desk.app();
    assert!(app.prompt.probe.is_complete() && app.prompt.probe.edit == app.prompt.edit && app.jobs.is_idle());
    assert_eq!(app.prompt.answer.of, Some((app.row().unwrap(), app.prompt.edit)));
    // Only what was really asked about is kept as a version.
    assert_eq!(app.prompt.versions.len(), 2);
    assert!(app.prompt.versions[1].prompt.template.starts_with("xy"));
}

#[test]
fn a_run_gives_way_to_the_probe_and_loses_and_doubles_no_row() {
    let expected = unbroken("gives-way-unbroken");
    let mut desk = Desk::open("gives-way");
    // The run stands still after 11 rows: in the middle of a batch.
    desk.gate.hold(40, 11);
    desk.hit(&["<ctrl-r>"]);
    desk.until("11 rows of the run", |app| app.run.as_ref().is_some_and(|run| run.rows.len() == 11));
    assert_eq!(desk.app().view, View::Evaluate);
    desk.hit(&["1", "e", "z"]);
    desk.until("the edit is rendered", |app| app.prompt.rendered.is_some_and(|(edit, ..)| edit == app.prompt.edit));
    desk.wait(Duration::from_millis(150));
    // The probe comes first although the run is not through.
    desk.until("the probe is through", |app| {
        app.prompt.probe.is_complete() && app.prompt.probe.edit == app.prompt.edit
    });
    assert!(desk.app().recording && desk.app().run.as_ref().unwrap().rows.len() < 48);
    desk.gate.open();
    desk.settle();
    let run = desk.app().run.as_ref().unwrap();
    assert_eq!((run.status, run.rows.len(), run.tally.done), (Status::Finished, 48, 48));
    assert_eq!(predictions(&desk), expected);
    // No row was asked for twice, and none of those that were answered before.
    let mut asked: Vec<usize> = desk.gate.asked().into_iter().filter(|rows| rows.len() > 32).flatten().collect();
    let (first, again) = (48, asked.len() - 48);
    assert_eq!((first, again), (48, 48 - 11));
    asked.drain(..48);
    let answered: Vec<usize> = run.rows.iter().take(11).map(|row| row.row).collect();
    assert!(asked.iter().all(|row| !answered.contains(row)));
}

#[test]
fn a_run_gives_way_again_and_again() {
    let expected = unbroken("again-unbroken");
    let mut desk = Desk::with("again", Options { script: Script { batch: 2, ..script() }, ..Options::default() });
    desk.gate.hold(40, 3);
    desk.hit(&["<ctrl-r>"]);
    let mut done = 0;
    for _ in 0..6 {
        done += 3;
        desk.until("three rows more", |app| app.run.as_ref().is_some_and(|run| run.rows.len() >= done));
        // The row is asked for again: that comes before the run.
        desk.hit(&["1"]);
        while desk.app().pane() != Pane::Row {
            desk.hit(&["<tab>"]);
        }
        desk.hit(&["r"]);
        desk.until("the row's answer", |app| app.prompt.answer.complete && !app.prompt.answer.logprobs.is_empty());
    }
    desk.gate.open();
    desk.settle();
    assert_eq!(desk.app().run.as_ref().unwrap().rows.len(), 48);
    assert_eq!(predictions(&desk), expected);
}

#[test]
fn ctrl_c_keeps_the_rows_and_the_run_goes_on_to_the_same_end() {
    let expected = unbroken("stopped-unbroken");
    let options = Options::default();
    let mut desk = Desk::open("stopped");
    desk.gate.hold(40, 19);
    desk.hit(&["<ctrl-r>"]);
    desk.until("19 rows of the run", |app| app.run.as_ref().is_some_and(|run| run.rows.len() == 19));
    desk.press(&["<ctrl-c>"]);
    desk.hears("the run was stopped: 19 of 48 rows are kept");
    assert!(!desk.app().quitting && desk.app().run.as_ref().unwrap().status == Status::Cancelled);
    assert_eq!(Manifest::read(&desk.only_run()).unwrap().status, Status::Cancelled);
    // On another day, from view 6.
    let mut desk = desk.reopen(&options);
    desk.press(&["6"]);
    desk.sees("unfin");
    desk.press(&["c"]);
    desk.hears("48 rows are answered");
    assert_eq!(predictions(&desk), expected);
    let manifest = Manifest::read(&desk.only_run()).unwrap();
    assert_eq!(manifest.legs.iter().map(|leg| leg.rows).collect::<Vec<_>>(), [19, 29]);
}

#[test]
fn a_run_that_is_stopped_is_taken_up_at_once() {
    let expected = unbroken("at-once-unbroken");
    let mut desk = Desk::open("at-once");
    desk.gate.hold(40, 8);
    desk.hit(&["<ctrl-r>"]);
    desk.until("8 rows of the run", |app| app.run.as_ref().is_some_and(|run| run.rows.len() == 8));
    desk.press(&["<esc>"]);
    desk.hears("the run was stopped");
    desk.gate.open();
    desk.quiet();
    desk.press(&["6", "c"]);
    let run = desk.app().run.as_ref().unwrap();
    assert_eq!((run.rows.len(), run.tally.done, run.status), (48, 48, Status::Finished));
    assert_eq!(run.confusion.total(), 48);
    desk.press(&["3"]);
    assert_eq!(desk.app().rows.listed.len(), 48);
    assert_eq!(predictions(&desk), expected);
}

#[test]
fn leaving_in_the_middle_of_a_run_keeps_it() {
    let expected = unbroken("left-unbroken");
    let mut desk = Desk::open("left");
    desk.gate.hold(40, 24);
    desk.hit(&["<ctrl-r>"]);
    desk.until("24 rows of the run", |app| app.run.as_ref().is_some_and(|run| run.rows.len() == 24));
    desk.hit(&["q", "y"]);
    assert!(desk.app().quitting);
    let mut desk = desk.reopen(&Options::default());
    assert_eq!(Manifest::read(&desk.only_run()).unwrap().status, Status::Cancelled);
    desk.press(&["6", "c"]);
    assert_eq!(predictions(&desk), expected);
}

#[test]
fn a_failure_in_the_middle_keeps_what_was_answered() {
    for (name, broken, told) in [
        ("fails", Script { fail_at: Some(40), ..script() }, "the script fails at prompt 40"),
        ("panics", Script { panic_at: Some(40), ..script() }, "the script panics at prompt 40"),
    ] {
        let mut desk = Desk::with(name, Options { script: broken, ..Options::default() });
        desk.press(&["<ctrl-r>"]);
        desk.hears("the run broke off");
        desk.hears(told);
        let run = desk.app().run.as_ref().unwrap();
        assert_eq!((run.status, run.rows.len()), (Status::Failed, 40));
        desk.quiet();
        desk.sees("broke off");
        // The program goes on: the next row is answered, and the run with a better engine too.
        desk.press(&["1"]);
        desk.focus(Pane::Row);
        desk.press(&["]"]);
        assert!(desk.app().prompt.answer.complete && desk.app().prompt.answer.error.is_none());
        let mut desk = desk.reopen(&Options::default());
        desk.press(&["6"]);
        desk.sees("unfin");
        desk.sees(told);
        desk.press(&["c"]);
        desk.hears("48 rows are answered");
    }
}

#[test]
fn a_model_that_fails_to_load_says_so_and_another_one_is_picked() {
    let options = Options {
        session: crate::harness::session("").replace("\"scripted\"", "\"broken/model\""),
        ..Options::default()
    };
    let mut desk = Desk::with("broken-model", options);
    desk.hears("the model cannot be loaded: broken/model: no such folder, file or model on the hub");
    assert!(matches!(desk.app().model, ModelState::Failed(_)));
    desk.quiet();
    desk.sees("no model: r tries again, m picks another");
    // The prompt can be written all the same.
    desk.sees("Does the author support or oppose the march?");
    desk.press(&["m", "scripted", "<enter>"]);
    assert!(matches!(desk.app().model, ModelState::Ready(_)));
    assert!(desk.app().prompt.probe.is_complete() && desk.app().prompt.answer.complete);
    // It is the session's model now, and that can be saved.
    desk.press(&["<ctrl-s>"]);
    assert!(desk.file().contains("source = \"scripted\" # no such folder: a name"), "{}", desk.file());
}

#[test]
fn keys_work_while_the_model_loads() {
    let options = Options::default();
    write("loading", &options);
    let gate = Gate::default();
    gate.hold_loading();
    let mut desk = Desk::start("loading", &options, gate.clone());
    desk.until("the session and its data", |app| app.prepared().is_some() && app.prompt.sheet.is_some());
    desk.until("loading", |app| matches!(&app.model, ModelState::Loading { done, .. } if *done > 0));
    desk.hit(&["e", "Politely: ", "<esc>", "]", "2", "1"]);
    desk.until("the prompt", |app| app.prompt.sheet.as_ref().is_some_and(|sheet| sheet.text.starts_with("Politely")));
    desk.sees("Politely");
    desk.hit(&["<ctrl-r>"]);
    desk.hears("the run begins as soon as the model is there");
    gate.open();
    desk.settle();
    assert_eq!(desk.app().run.as_ref().unwrap().rows.len(), 48);
}

#[test]
fn loading_can_be_given_up() {
    let options = Options::default();
    write("given-up", &options);
    let gate = Gate::default();
    gate.hold_loading();
    let mut desk = Desk::start("given-up", &options, gate);
    desk.until("loading", |app| app.prepared().is_some() && app.jobs.is_running(Purpose::Load));
    desk.press(&["<ctrl-c>"]);
    assert!(matches!(desk.app().model, ModelState::Failed(_)));
    desk.quiet();
    desk.sees("no model: r tries again, m picks another");
}

#[test]
fn a_failing_probe_is_told_and_the_next_edit_probed() {
    let mut desk =
        Desk::with("probe-fails", Options { script: Script { fail_at: Some(20), ..script() }, ..Options::default() });
    desk.hears("the probe: the script fails at prompt 20");
    let edit = desk.app().prompt.edit;
    desk.quiet();
    // It does not try for ever.
    assert!(desk.app().jobs.running().is_none() && desk.app().deadline().is_none());
    desk.press(&["e", "x"]);
    assert!(desk.app().prompt.edit > edit);
    desk.hears("the probe: the script fails at prompt 20");
}

#[test]
fn the_terminal_going_away_ends_everything_in_order() {
    let mut desk = Desk::open("gone");
    desk.gate.hold(40, 16);
    desk.hit(&["e", "x", "<ctrl-r>"]);
    desk.until("16 rows of the run", |app| app.run.as_ref().is_some_and(|run| run.rows.len() == 16));
    desk.take(Message::Terminate);
    assert!(desk.app().quitting);
    let mut desk = desk.reopen(&Options::default());
    assert_eq!(Manifest::read(&desk.only_run()).unwrap().status, Status::Cancelled);
    desk.sees("Take up unsaved work?");
    desk.press(&["y"]);
    assert!(desk.app().prompt.template.text().starts_with('x'));
}

#[test]
fn a_model_that_could_not_be_loaded_is_tried_again() {
    let broken = Script { load_error: Some("no network".to_owned()), ..script() };
    let mut desk = Desk::with("tried-again", Options { script: broken, ..Options::default() });
    desk.quiet();
    desk.sees("r tries again");
    desk.focus(Pane::Row);
    desk.gate.hold_loading();
    desk.hit(&["r"]);
    desk.until("loading", |app| app.jobs.is_running(Purpose::Load));
    desk.gate.open();
    desk.settle();
    desk.hears("no network");
    // And a run says what there is to do instead of waiting for ever.
    desk.press(&["<ctrl-r>"]);
    desk.hears("there is no model to run");
    assert!(desk.app().view == View::Prompt && desk.app().evaluate.waiting.is_none());
}
