//! Panics: the engine's leave the screen up and the program in use, the interface's give the terminal back.

use super::bytes::contains;
use super::home::Home;
use super::scripted::{self, Engine, PANIC, REASON};
use super::terminal::{CTRL_R, PROBED, Terminal};

/// The program goes on and can be left; of the panic itself nothing reached the terminal.
#[track_caller]
fn assert_lives(mut terminal: Terminal) {
    terminal.assert_entered(true);
    terminal.send("?");
    terminal.wait_for("Everywhere");
    terminal.escape("Everywhere");
    terminal.quit();
    let bytes = terminal.bytes();
    assert!(!contains(&bytes, b"panicked at") && !contains(&bytes, b"RUST_BACKTRACE"));
}

#[test]
fn the_engine_panics_while_it_loads() {
    let home = Home::with_session();
    let mut terminal = scripted::setup(&home, Engine::PanicsAtLoad).open();
    terminal.dismiss("the model cannot be loaded: the engine broke off: ");
    terminal.wait_for("no model");
    assert_lives(terminal);
}

#[test]
fn the_engine_panics_at_a_prompt() {
    let home = Home::with_session();
    let mut terminal = scripted::setup(&home, Engine::Panics).ready();
    terminal.edit_and_leave(PANIC);
    terminal.wait_for(&format!("the probe: the engine broke off: {REASON}"));
    terminal.assert_entered(true);

    // A run with it fails too, and says so.
    terminal.send(CTRL_R);
    terminal.dismiss(&format!("the run broke off: the engine broke off: {REASON}"));
    terminal.assert_entered(true);

    // Without it everything works again, in the same engine.
    terminal.send("1");
    terminal.wait_for("Template");
    terminal.send("u");
    terminal.wait_gone(PANIC);
    terminal.wait_for(PROBED);
    terminal.send(CTRL_R);
    terminal.dismiss("3 rows are answered");
    terminal.wait_for("finished");
    assert_lives(terminal);
}

#[test]
fn the_interface_panics() {
    let home = Home::with_session();
    let mut terminal = scripted::setup(&home, Engine::NoneAndPanics).open();
    terminal.wait_for("one good frame");
    terminal.assert_entered(true);
    terminal.send("x");
    assert_eq!(terminal.code(), 101);
    terminal.assert_restored();
    // To be read, on the screen that was there before.
    let contents = terminal.contents();
    assert!(contents.contains("panicked at") && contents.contains(REASON), "{contents}");
    assert!(!contents.contains("one good frame"), "{contents}");
}
