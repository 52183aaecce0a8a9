//! What comes from outside into the template: pastes, and texts of `$EDITOR`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::home::Home;
use super::terminal::{Setup, Terminal};

const PASTE: &str = "The first line,\nq is no key here,\nthe third.";
const UNDO: &str = "\x1f";
const REDO: &str = "\x19";

/// Waits until the whole paste stands in the template, each line on its own.
#[track_caller]
fn wait_pasted(terminal: &Terminal, first: &str) {
    terminal.wait("the paste", |screen| {
        let lines: Vec<String> = screen.rows(0, 50).collect();
        let begins = |line: &str, text: &str| line.contains(&format!("│{text}"));
        lines.windows(3).any(|lines| {
            begins(&lines[0], first) && begins(&lines[1], "q is no key here,") && begins(&lines[2], "the third.")
        })
    });
}

#[test]
fn a_paste_is_one_step_to_undo() {
    let home = Home::with_session();
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    terminal.edit("Before");
    terminal.paste(PASTE);
    wait_pasted(&terminal, "BeforeThe first line,");
    terminal.send(UNDO);
    for line in ["The first line", "q is no key", "the third"] {
        terminal.wait_gone(line);
    }
    // What was typed before is a step of its own.
    terminal.wait_for("│BeforeText: <{{ text }}>");
    terminal.send(REDO);
    wait_pasted(&terminal, "BeforeThe first line,");
    terminal.send(UNDO);
    terminal.wait_for("│BeforeText: <{{ text }}>");
    terminal.send(UNDO);
    terminal.wait_for("│Text: <{{ text }}>");
    terminal.wait_gone("Before");
    terminal.escape("typing");
    terminal.quit();
}

#[test]
fn a_paste_into_a_template_that_is_looked_at_is_meant_for_it() {
    let home = Home::with_session();
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    terminal.paste(PASTE);
    wait_pasted(&terminal, "The first line,");
    terminal.send(UNDO);
    terminal.wait_gone("The first line");
    terminal.wait_for("│Text: <{{ text }}>");
    if terminal.contents().contains("typing") {
        terminal.escape("typing");
    }
    terminal.quit();
}

#[test]
fn a_long_paste_arrives_whole() {
    let home = Home::with_session();
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    let text: String = (0..2000).map(|line| format!("line {line} of them\n")).collect();
    terminal.paste(&text);
    terminal.wait_for("│line 1999 of them");
    terminal.send(UNDO);
    terminal.wait_gone("of them");
    terminal.wait_for("│Text: <{{ text }}>");
    terminal.escape("typing");
    terminal.quit();
}

#[test]
fn the_editor_gets_the_terminal_and_gives_it_back() {
    let home = Home::with_session();
    let script = "#!/bin/sh\necho IN THE EDITOR; read line; echo \"Judge: <{{ text }}>\" > \"$1\"\n";
    let editor = home.write("editor", script);
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    let mut terminal = Setup::new(&home, &["session.toml"]).env("EDITOR", editor.to_str().unwrap()).ready();
    terminal.send("E");
    terminal.wait_for("IN THE EDITOR");
    terminal.assert_restored();
    terminal.send("go on\n");
    terminal.wait_for("│Judge: <{{ text }}>");
    terminal.assert_entered(true);
    assert!(!terminal.contents().contains("IN THE EDITOR"));
    terminal.send("u");
    terminal.wait_for("│Text: <{{ text }}>");
    terminal.quit();
}
