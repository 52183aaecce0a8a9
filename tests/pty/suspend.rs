//! Back to the shell for a while.

use rustix::process::Signal;

use super::bytes::contains;
use super::home::Home;
use super::terminal::{CTRL_Z, Setup};

#[test]
fn ctrl_z_gives_the_shell_the_terminal_and_fg_takes_it_back() {
    let home = Home::with_session();
    let script = "set -m; \"$@\"; echo STOPPED; read answer; fg; echo LEFT $?";
    let mut terminal = Setup::shell(&home, script, &["session.toml"]).ready();
    terminal.edit("Before. ");
    terminal.send(CTRL_Z);
    terminal.wait_for("STOPPED");
    terminal.assert_restored();
    assert!(!terminal.contents().contains("Template"));
    // What is typed now is the shell's.
    terminal.send("q\n");
    terminal.wait_for("Template");
    terminal.assert_entered(true);
    // It goes on where it was, with a whole screen and with keys.
    terminal.wait_for("│Before. Text: <{{ text }}>");
    assert!(!terminal.contents().contains("STOPPED"));
    terminal.send("After. ");
    terminal.wait_for("│Before. After. Text: <{{ text }}>");
    terminal.escape("typing");
    terminal.send("q");
    terminal.wait_for("Save before leaving?");
    terminal.send("d");
    assert_eq!(terminal.code(), 0);
    terminal.assert_restored();
    terminal.wait_for("LEFT 0");
}

#[test]
fn without_a_shell_it_stays() {
    let home = Home::with_session();
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    terminal.send(CTRL_Z);
    terminal.wait_for("there is no shell to go back to");
    terminal.assert_entered(true);
    terminal.quit();
}

#[test]
fn after_a_stop_from_outside_everything_is_drawn_anew() {
    let home = Home::with_session();
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    let from = terminal.written();
    terminal.signal(Signal::STOP);
    terminal.signal(Signal::CONT);
    terminal.wait_bytes("modes and a frame", from, |bytes| {
        contains(bytes, b"\x1b[?1049h") && contains(bytes, b"\x1b[?2026l")
    });
    terminal.wait_for("│Text: <{{ text }}>");
    terminal.assert_entered(true);
    terminal.send("q");
    assert_eq!(terminal.code(), 0);
}
