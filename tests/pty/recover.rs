//! Ends that nobody asked for: the terminal is restored where the program can, and unsaved work is there at the next start.

use std::fs;

use rustix::process::Signal;

use super::home::Home;
use super::scripted::{self, Engine};
use super::terminal::{CTRL_R, Setup, Terminal, wait_until};

const EDIT: &str = "Read this. ";

/// The unsaved work that is kept, all of it. A file that is being written has another ending.
fn kept(home: &Home) -> String {
    let folder = fs::read_dir(home.path().join("state/shotglass/recovery"));
    let files = folder.into_iter().flatten().map(|file| file.unwrap().path());
    let whole = files.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    whole.map(|path| fs::read_to_string(path).unwrap_or_default()).collect()
}

fn edited(home: &Home) -> Terminal {
    let mut terminal = Setup::new(home, &["session.toml"]).ready();
    terminal.edit(EDIT);
    terminal
}

/// Starts again, takes the work up and saves it; then there is nothing to take up any more.
#[track_caller]
fn assert_offered(home: &Home) {
    let saved = || fs::read_to_string(home.path().join("session.toml")).unwrap();
    let before = saved();
    assert!(!before.contains(EDIT), "{before}");
    let mut terminal = Setup::new(home, &["session.toml"]).open();
    terminal.wait_for("Take up unsaved work?");
    assert!(!terminal.contents().contains(EDIT));
    terminal.send("y");
    terminal.wait_gone("Take up unsaved work?");
    terminal.wait_for(EDIT);
    terminal.send("q");
    terminal.wait_for("Save before leaving?");
    terminal.send("s");
    assert_eq!(terminal.code(), 0);
    terminal.assert_restored();
    assert!(saved().contains(EDIT), "{}", saved());
    assert_eq!(kept(home), "");

    let mut terminal = Setup::new(home, &["session.toml"]).ready();
    assert!(!terminal.contents().contains("unsaved work"), "{}", terminal.contents());
    terminal.quit();
}

#[test]
fn signals_to_end_restore_the_terminal_and_keep_the_work() {
    for signal in [Signal::TERM, Signal::HUP] {
        let home = Home::with_session();
        let mut terminal = edited(&home);
        // At once, before work is kept by itself.
        terminal.signal(signal);
        assert_eq!(terminal.code(), 0, "{signal:?}");
        terminal.assert_restored();
        assert_offered(&home);
    }
}

#[test]
fn a_signal_to_end_does_not_wait_for_the_engine() {
    for run in [false, true] {
        let home = Home::with_session();
        // One row takes it longer than this waits.
        let mut terminal = scripted::setup(&home, Engine::Slow).open();
        terminal.wait("a job", scripted::is_busy);
        if run {
            terminal.send(CTRL_R);
            terminal.wait_for("running");
        }
        terminal.signal(Signal::TERM);
        assert_eq!(terminal.code(), 0);
        terminal.assert_restored();
    }
}

#[test]
fn a_kill_loses_nothing() {
    let home = Home::with_session();
    let mut terminal = edited(&home);
    wait_until("unsaved work is kept", || kept(&home).contains(EDIT));
    terminal.signal(Signal::KILL);
    assert_ne!(terminal.code(), 0);
    assert_offered(&home);
}

#[test]
fn a_window_that_is_closed_ends_the_program_and_loses_nothing() {
    let home = Home::with_session();
    let mut terminal = edited(&home);
    terminal.escape("typing");
    terminal.close();
    terminal.code();
    assert_offered(&home);
}

#[test]
fn recovered_work_can_be_forgotten() {
    let home = Home::with_session();
    let mut terminal = edited(&home);
    terminal.signal(Signal::TERM);
    terminal.code();
    let mut terminal = Setup::new(&home, &["session.toml"]).open();
    terminal.wait_for("Take up unsaved work?");
    terminal.send("n");
    terminal.wait_gone("Take up unsaved work?");
    terminal.quit();
    assert_eq!(kept(&home), "");
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    let contents = terminal.contents();
    assert!(!contents.contains("unsaved work") && !contents.contains(EDIT), "{contents}");
    terminal.quit();
}

#[test]
fn work_that_was_not_taken_up_yet_survives_another_end() {
    let home = Home::with_session();
    let mut terminal = edited(&home);
    terminal.signal(Signal::TERM);
    terminal.code();
    let mut terminal = Setup::new(&home, &["session.toml"]).open();
    terminal.wait_for("Take up unsaved work?");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.code(), 0);
    terminal.assert_restored();
    assert_offered(&home);
}
