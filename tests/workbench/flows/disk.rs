//! Disks that take nothing, files that are not there, and what is kept beside a session.

use std::fs;
use std::path::Path;

use shotglass::app::state::DataState;
use shotglass::app::{Pane, View};

use crate::harness::{Desk, Gate, Options, root, rows, session, write};

#[test]
fn where_no_run_can_be_kept_that_is_said_and_nothing_is_lost() {
    let options = Options::default();
    write("no-runs", &options);
    // The folder of the runs is a file.
    fs::create_dir_all(root().join("no-runs/session")).unwrap();
    fs::write(root().join("no-runs/session/runs"), "mine").unwrap();
    let mut desk = Desk::start("no-runs", &options, Gate::default());
    desk.settle();
    desk.press(&["<ctrl-r>"]);
    assert!(desk.told().iter().any(|told| told.contains("runs: cannot be written")), "{:?}", desk.told());
    assert!(!desk.app().recording && desk.app().evaluate.preparing.is_none() && desk.app().run.is_none());
    assert_eq!(fs::read_to_string(root().join("no-runs/session/runs")).unwrap(), "mine");
    // The hint is one for here: there is no command line to say --out on.
    assert!(desk.app().jobs.is_idle());
}

#[test]
fn a_run_whose_folder_vanishes_ends_with_an_error() {
    let mut desk = Desk::open("vanishes");
    desk.gate.hold(40, 8);
    desk.hit(&["<ctrl-r>"]);
    desk.until("8 rows of the run", |app| app.run.as_ref().is_some_and(|run| run.rows.len() == 8));
    fs::remove_dir_all(desk.only_run()).unwrap();
    desk.gate.open();
    desk.settle();
    assert!(!desk.app().recording, "the run never ends");
    assert!(desk.told().iter().any(|told| told.contains("broke off") || told.contains("cannot")), "{:?}", desk.told());
}

#[test]
fn versions_and_marks_that_cannot_be_kept_are_told_and_the_session_is_open() {
    let options = Options::default();
    write("no-home", &options);
    // What is kept beside the session cannot be: there is a file of that name.
    fs::write(root().join("no-home/session"), "mine").unwrap();
    let mut desk = Desk::start("no-home", &options, Gate::default());
    desk.settle();
    assert!(desk.app().prepared().is_some() && desk.app().prompt.probe.is_complete());
    assert!(!desk.told().is_empty(), "nothing says that no version is kept");
}

#[test]
fn data_that_is_not_there_is_named_and_another_session_opens() {
    let missing = session("").replace("rows.csv", "/nowhere/rows.csv");
    let mut desk = Desk::with("no-data", Options { session: missing, ..Options::default() });
    let DataState::Failed(error) = &desk.app().data else { panic!("the data is there") };
    assert!(error.contains("/nowhere/rows.csv"), "{error}");
    desk.focus(Pane::Row);
    desk.quiet();
    desk.sees("/nowhere/rows.csv");
    desk.sees("o opens another session");
    write("no-data-other", &Options::default());
    desk.press(&["o", "no-data-other/session.toml", "<enter>"]);
    assert!(desk.app().prepared().is_some() && desk.app().prompt.probe.is_complete());
}

#[test]
fn a_session_that_cannot_be_read_says_its_line() {
    let wrong = session("shotss = 3");
    let mut desk = Desk::with("bad-session", Options { session: wrong, ..Options::default() });
    desk.hears("bad-session/session.toml:");
    desk.hears("shots");
    desk.quiet();
    desk.sees("o opens another session");
}

#[test]
fn a_column_that_is_not_there_is_named() {
    let mut desk =
        Desk::with("no-column", Options { data: rows().replace("stance\n", "label\n"), ..Options::default() });
    desk.hears("stance");
    assert!(matches!(desk.app().data, DataState::Failed(_)));
    desk.quiet();
    desk.sees("o opens another session");
}

#[test]
fn marks_survive_and_stay_out_of_the_data() {
    let mut desk = Desk::open("marks");
    let data = fs::read_to_string(Path::new("marks/rows.csv")).unwrap();
    desk.press(&["<ctrl-r>", "3", "x", "<down>", "#", "sarcasm", "<enter>", "<down>", "N", "look again", "<enter>"]);
    let marked: Vec<usize> = {
        let mut rows: Vec<usize> = desk.app().marks.keys().copied().collect();
        rows.sort_unstable();
        rows
    };
    assert_eq!(marked.len(), 3);
    let mut desk = desk.reopen(&Options::default());
    let mut again: Vec<usize> = desk.app().marks.keys().copied().collect();
    again.sort_unstable();
    assert_eq!(again, marked);
    assert_eq!(fs::read_to_string(Path::new("marks/rows.csv")).unwrap(), data);
    // In an earlier run they are seen and filtered by.
    desk.press(&["6", "<enter>", "3", "f", "f", "f", "f"]);
    assert_eq!(desk.app().rows.listed.len(), 3);
    desk.focus(Pane::Detail);
    desk.sees("the gold label is marked as doubtful");
    desk.press(&["<esc>", "<down>", "<enter>"]);
    desk.sees("# sarcasm");
    desk.press(&["<esc>", "<down>", "<enter>"]);
    desk.sees("note: look again");
    assert_eq!(desk.app().view, View::Rows);
}

#[test]
fn versions_survive() {
    let mut desk = Desk::open("versions");
    desk.press(&["e", "<ctrl-end>", " please", "<esc>"]);
    desk.press(&["a"]);
    desk.hears("v2 is accepted");
    desk.press(&["u", "q", "d"]);
    let mut desk = desk.reopen(&Options::default());
    assert_eq!(desk.app().prompt.versions.iter().map(|version| version.number).collect::<Vec<_>>(), [1, 2]);
    // The prompt of the file is the first one, and is known as such.
    assert_eq!(desk.app().prompt.version, Some(1));
    desk.press(&["v", "g", "<enter>"]);
    assert!(desk.app().prompt.template.text().ends_with("please") && desk.app().prompt.version == Some(2));
}
