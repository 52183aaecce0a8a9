//! What a user sees on a terminal: bars on it, no escape sequences of the data's.

use std::io::Read;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::home::{Home, PROGRAM, ROWS};

/// Everything that the program writes to a terminal.
fn on_terminal(home: &Home, arguments: &[&str]) -> String {
    let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 100, ..PtySize::default() }).unwrap();
    let mut command = CommandBuilder::new(PROGRAM);
    command.args(arguments);
    command.cwd(home.path());
    command.env_clear();
    for (name, value) in home.process().get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.env("TERM", "xterm-256color");
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().unwrap();
    let mut bytes = Vec::new();
    // The other end of a terminal that was closed is an error on Linux.
    let _ = reader.read_to_end(&mut bytes);
    assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&bytes));
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_run_has_a_bar_and_then_a_report() {
    let home = Home::with_session();
    let seen = on_terminal(&home, &["run", "session.toml", "--split", "train"]);
    for part in ["0/6 rows", " rows/s", "accuracy 0.", " left", "macro avg"] {
        assert!(seen.contains(part), "{part}: {seen:?}");
    }
    assert!(!on_terminal(&home, &["run", "session.toml", "-q"]).contains(" left"));
}

#[test]
fn a_prompt_is_shown_without_its_escape_sequences() {
    let home = Home::with_session();
    home.write("rows.csv", &ROWS.replace("the horn", "the \u{1b}[31mhorn\u{7}"));
    let seen = on_terminal(&home, &["prompt", "session.toml", "--row", "6"]);
    assert!(seen.contains("Text: <the \\u{1b}[31mhorn\\u{7} at seven>"), "{seen:?}");
    assert!(!seen.contains("\u{1b}[31m"), "{seen:?}");
    let piped = home.stdout(&["prompt", "session.toml", "--row", "6"]);
    assert_eq!(piped, "Text: <the \u{1b}[31mhorn\u{7} at seven>\nAnswer:");
}

#[test]
fn colour_is_a_matter_of_choice() {
    let home = Home::new();
    let label = |arguments: &[&str]| {
        let output = home.run(&[arguments, &["split", "none.toml"]].concat());
        String::from_utf8(output.stderr).unwrap().split(" none").next().unwrap().to_owned()
    };
    assert_eq!(label(&[]), "error:");
    assert_eq!(label(&["--color", "always"]), "\u{1b}[1;31merror:\u{1b}[0m");
    assert_eq!(label(&["--color", "never"]), "error:");
}
