//! Ways to leave, and what is asked before.

use std::fs;

use super::home::{Home, session};
use super::scripted::{self, Engine};
use super::terminal::{CTRL_C, CTRL_R, Setup};

const COMMENT: &str = "# Two shots were no better.";

fn home() -> Home {
    let home = Home::with_session();
    home.write("session.toml", &session(COMMENT));
    home
}

fn file(home: &Home) -> String {
    fs::read_to_string(home.path().join("session.toml")).unwrap()
}

#[test]
fn unsaved_work_is_asked_about() {
    let home = home();
    let before = file(&home);
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    terminal.edit_and_leave("Read this. ");
    terminal.send("q");
    terminal.wait_for("Save before leaving?");
    terminal.assert_entered(true);
    terminal.send("c");
    terminal.wait_gone("Save before leaving?");
    terminal.wait_for("Read this. ");
    terminal.send("q");
    terminal.wait_for("Save before leaving?");
    terminal.send("d");
    assert_eq!(terminal.code(), 0);
    terminal.assert_restored();
    assert_eq!(file(&home), before);

    // What was given up is not offered again.
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    let contents = terminal.contents();
    assert!(!contents.contains("unsaved work") && !contents.contains("Read this. "), "{contents}");
    terminal.edit_and_leave("Read that. ");
    terminal.send("q");
    terminal.wait_for("Save before leaving?");
    terminal.send("s");
    assert_eq!(terminal.code(), 0);
    terminal.assert_restored();
    let after = file(&home);
    assert!(after.contains("Read that. ") && after.contains(COMMENT), "{after}");
}

#[test]
fn a_session_that_cannot_be_saved_keeps_the_program_there() {
    let home = home();
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    terminal.edit_and_leave("Read this. ");
    // Somebody else was faster.
    home.write("session.toml", &session("# Theirs."));
    terminal.send("q");
    terminal.wait_for("Save before leaving?");
    terminal.send("s");
    terminal.wait_for("Overwrite the file?");
    terminal.send("n");
    terminal.wait_gone("Overwrite the file?");
    terminal.wait_for("Read this. ");
    assert!(file(&home).contains("# Theirs."));
    terminal.send("q");
    terminal.wait_for("Save before leaving?");
    terminal.send("d");
    assert_eq!(terminal.code(), 0);
    terminal.assert_restored();
}

#[test]
fn ctrl_c_stops_the_job_and_twice_the_program() {
    let home = Home::with_session();
    let mut terminal = scripted::setup(&home, Engine::Slow).open();
    terminal.wait("a job", scripted::is_busy);
    terminal.send(CTRL_C);
    terminal.wait_for("Ctrl-C again leaves");
    terminal.wait("no job", |screen| !scripted::is_busy(screen));
    terminal.assert_entered(true);
    // It is still there for other keys.
    terminal.send("2");
    terminal.wait_for("No run yet");
    // The two come within two seconds of each other, whatever time the first took to be seen.
    terminal.send(CTRL_C);
    terminal.send(CTRL_C);
    assert_eq!(terminal.code(), 0);
    terminal.assert_restored();
}

#[test]
fn ctrl_c_twice_asks_about_unsaved_work() {
    let home = home();
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    terminal.edit("Read this. ");
    terminal.send(CTRL_C);
    terminal.send(CTRL_C);
    terminal.wait_for("Save before leaving?");
    terminal.send("s");
    assert_eq!(terminal.code(), 0);
    terminal.assert_restored();
    assert!(file(&home).contains("Read this. "));
}

#[test]
fn leaving_during_a_run_keeps_it_for_later() {
    let home = Home::with_session();
    let mut terminal = scripted::setup(&home, Engine::Slow).open();
    terminal.wait("a job", scripted::is_busy);
    terminal.send(CTRL_R);
    terminal.wait_for("running");
    terminal.send("q");
    terminal.wait_for("Leave while a run is going on?");
    terminal.send("c");
    terminal.wait_gone("Leave while a run is going on?");
    terminal.send("q");
    terminal.wait_for("Leave while a run is going on?");
    terminal.send("y");
    assert_eq!(terminal.code(), 0);
    terminal.assert_restored();
}
