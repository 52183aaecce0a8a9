//! A first hour with the workbench, on a real model: from the bundled session to a saved one of one's own.

use std::fs;

use super::home::{Home, SMOKE};
use super::terminal::{CTRL_R, CTRL_S, Setup, Terminal, WIDE, wait_until};

/// Waits until a line of the screen holds all of these.
#[track_caller]
fn wait_line(terminal: &Terminal, parts: &[&str]) {
    terminal.wait(&format!("a line with {parts:?}"), |screen| {
        screen.rows(0, WIDE.0).any(|line| parts.iter().all(|part| line.contains(part)))
    });
}

/// The numbers in the row of the confusion matrix of a gold label.
fn cells(terminal: &Terminal, gold: &str) -> Vec<usize> {
    terminal.look(|screen| {
        let lines: Vec<String> = screen.rows(80, WIDE.0 - 80).collect();
        let line = lines.iter().find(|line| line.contains(&format!("│{gold} "))).unwrap();
        line.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
    })
}

#[test]
fn from_the_bundled_session_to_ones_own() {
    let home = Home::new();
    let model = format!("model.source={SMOKE}");
    let arguments = ["zero-shot", "--set", &model];
    let mut terminal = Setup::new(&home, &arguments).open();

    // The answer to the current row, and the probe.
    wait_line(&terminal, &["Answer", "tok/s"]);
    wait_line(&terminal, &["support", "█", "."]);
    wait_line(&terminal, &["oppose", "."]);
    terminal.wait_for("✗ gold");
    wait_line(&terminal, &["accuracy", "macro-F1", "32/32"]);
    wait_line(&terminal, &["shotglass", "zero-shot", "v1"]);
    terminal.wait_for("smoke · cpu");

    // An edit, and the probe once more.
    terminal.edit("Read this. ");
    wait_line(&terminal, &["│Read this. Does the author", "││Read this. Does the author"]);
    terminal.escape("typing");
    wait_line(&terminal, &["shotglass", "zero-shot ●", "v2"]);
    wait_line(&terminal, &["accuracy", "macro-F1", "32/32"]);
    wait_line(&terminal, &["flipped", "v1…v2"]);

    // A demonstration.
    terminal.send("\t");
    terminal.wait_for("Space tick");
    terminal.send(" ");
    wait_line(&terminal, &["Demos", "picked by hand", "1 shown"]);
    terminal.wait_for("│{{ demos }}");
    wait_line(&terminal, &["shotglass", "zero-shot ●", "v3"]);
    wait_line(&terminal, &["accuracy", "macro-F1", "32/32"]);
    terminal.dismiss("the template had no {{ demos }}");

    // The whole split.
    terminal.send(CTRL_R);
    terminal.dismiss("227 rows are answered");
    wait_line(&terminal, &["validation", "227 rows", "finished", "smoke"]);
    wait_line(&terminal, &["macro avg", "227"]);
    terminal.wait_for("Confusion matrix");
    let (support, oppose) = (cells(&terminal, "support"), cells(&terminal, "oppose"));
    assert_eq!(support.iter().chain(&oppose).sum::<usize>(), 227, "{support:?} {oppose:?}\n{}", terminal.contents());

    // A cell, and a row in it.
    terminal.send("j");
    terminal.wait_for(&format!("{} rows, ", oppose[0]));
    terminal.send("\r");
    terminal.wait_for(&format!("gold oppose → predicted support · {} of 227 rows", oppose[0]));
    terminal.wait_for("gold oppose, predicted support");
    terminal.send("x");
    terminal.wait_for("kept beside the session");
    terminal.wait_for("the gold label is marked as doubtful");
    wait_line(&terminal, &["oppose", "support", "⚑"]);

    // The run is listed.
    terminal.send("6");
    terminal.dismiss("kept beside the session");
    wait_line(&terminal, &["Runs ─", "1 run "]);
    wait_line(&terminal, &["v3", "zero-shot", "validation", "227"]);

    // The session is saved beside the data of the program, with its comments, and without what the command line said.
    let unsaved = || fs::read_dir(home.path().join("state/shotglass/recovery")).into_iter().flatten().count();
    wait_until("unsaved work is kept", || unsaved() > 0);
    terminal.send(CTRL_S);
    terminal.wait_for("saved ");
    wait_line(&terminal, &["shotglass  zero-shot  "]);
    let sessions = home.path().join("data/shotglass/sessions");
    let saved = fs::read_to_string(sessions.join("zero-shot.toml")).unwrap();
    for part in
        ["\nRead this. Does the author", "\n{{ demos }}\n", "\npinned = [", "# Jinja; every column is a variable."]
    {
        assert!(saved.contains(part), "{part}: {saved}");
    }
    assert!(saved.starts_with("# Zero-shot: the instruction alone") && !saved.contains(SMOKE), "{saved}");
    terminal.quit();

    // What is beside it, and nothing else.
    let marks = fs::read_to_string(sessions.join("zero-shot/overlay.jsonl")).unwrap();
    assert_eq!(marks.matches("doubtful").count(), 1, "{marks}");
    let runs = fs::read_dir(sessions.join("zero-shot/runs")).unwrap().map(|run| run.unwrap().path());
    let runs: Vec<_> = runs.filter(|path| path.is_dir()).collect();
    assert!(runs.len() == 1 && runs[0].join("report.json").is_file(), "{runs:?}");
    assert_eq!(unsaved(), 0, "saved work is still kept as unsaved");

    // The next start goes on there.
    let mut terminal = Setup::new(&home, &arguments).open();
    wait_line(&terminal, &["shotglass  zero-shot  "]);
    wait_line(&terminal, &["accuracy", "macro-F1", "32/32"]);
    terminal.wait_for("│Read this. Does the author");
    wait_line(&terminal, &["Demos", "1 shown"]);
    assert!(!terminal.contents().contains("unsaved work"));
    terminal.send("6");
    wait_line(&terminal, &["v3", "zero-shot", "validation", "227"]);
    terminal.quit();
}
