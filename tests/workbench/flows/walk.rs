//! The walk of a new user, who reads nothing but the screen.

use std::fs;

use shotglass::app::window::Window;
use shotglass::app::{Pane, View};
use shotglass::data::Split;

use crate::harness::{Desk, Gate, LARGE, Options, SMALL, write};

/// From the first look to the saved session, at one size. Every key that is pressed stands on the screen at that moment.
fn walk(name: &str, size: (u16, u16)) {
    let options = Options { size, ..Options::default() };
    write(name, &options);
    let mut desk = Desk::start(name, &options, Gate::default());
    desk.bench.app.windows.push(Window::Welcome);
    desk.resize(size);
    // Open, read what to do.
    desk.sees("Shotglass classifies text");
    desk.settle();
    desk.press(&["<enter>"]);
    desk.sees_not("Shotglass classifies text");
    for word in ["session", "1 Prompt", "2 Evaluate", "3 Rows", "5 Simulate", "6 Runs", "scripted", "keys", "commands"]
    {
        desk.sees(word);
    }
    desk.sees("Does the author support or oppose the march?");
    desk.sees("accuracy");

    // Run a row.
    desk.focus(Pane::Row);
    desk.sees("answer");
    desk.press(&["<enter>"]);
    assert!(desk.app().prompt.answer.complete && desk.app().prompt.answer.logprobs.len() == 2);
    desk.focus(Pane::Answer);
    let row = desk.app().row().unwrap();
    let gold = desk.app().prepared().unwrap().data.gold(row).unwrap();
    desk.sees("support");
    desk.sees(if gold == 0 { "support" } else { "oppose" });
    desk.sees("gold");

    // Edit the prompt and see the probe move.
    let before = desk.app().prompt.probe.figures();
    desk.focus(Pane::Template);
    desk.sees("⏎ edit");
    desk.press(&["<enter>", "<ctrl-end>", " please"]);
    desk.sees("done");
    desk.press(&["<esc>"]);
    let after = desk.app().prompt.probe.figures();
    assert!(after.accuracy > before.accuracy, "{before:?} {after:?}");
    assert_eq!(after.accuracy, 1.0);
    desk.sees("accuracy 1.00 ▲+");
    let (fixed, broken) = desk.app().prompt.probe.flips();
    assert!(fixed > 0 && broken == 0);
    desk.sees(&format!("✓{fixed} ✗0"));
    assert_eq!(desk.app().prompt.version, Some(2));

    // Tick a demonstration.
    desk.focus(Pane::Demos);
    desk.sees("tick");
    desk.press(&["<space>"]);
    desk.hears("{{ demos }}");
    desk.quiet();
    desk.sees("1 shown");
    let demo = desk.app().prompt.demos.shown[0];
    assert!(desk.app().prompt.sheet.as_ref().unwrap().text.contains(" => "));

    // Run the split.
    desk.press(&["<ctrl-r>"]);
    assert_eq!((desk.app().view, desk.app().pane()), (View::Evaluate, Pane::Matrix));
    let first = desk.only_run();
    desk.hears("48 rows are answered: accuracy 1.000");
    desk.quiet();

    // That is too good to find anything: without the word at the end again, and another run.
    desk.press(&["1"]);
    desk.focus(Pane::Template);
    desk.press(&["e", "<ctrl-end>", "<ctrl-w>", "<esc>", "<ctrl-r>"]);
    desk.quiet();

    // Open the cell "oppose predicted support".
    let cell = desk.app().run.as_ref().unwrap().confusion.count(1, 0);
    assert!(cell >= 3, "{cell}");
    desk.press(&["<down>"]);
    desk.sees(&format!("{cell} rows, ⏎ opens them"));
    desk.press(&["<enter>"]);
    desk.sees(&format!("gold oppose → predicted support · {cell} of 48 rows"));

    // Read three of them.
    for _ in 0..3 {
        let row = desk.app().table_row().unwrap().row;
        desk.press(&["<enter>"]);
        let text = desk.app().prepared().unwrap().data.text(row).into_owned();
        desk.sees(&text.split_whitespace().take(4).collect::<Vec<_>>().join(" "));
        desk.sees("gold oppose, predicted support");
        desk.press(&["<esc>", "<down>"]);
    }

    // Mark one.
    let marked = desk.app().table_row().unwrap().row;
    desk.press(&["x"]);
    desk.hears(&format!("the gold label of row {marked} is doubtful"));
    desk.quiet();
    desk.sees("⚑");

    // Make one a demonstration: it cannot be, and what can is listed.
    desk.press(&["d"]);
    desk.hears("would give the answer away");
    assert_eq!((desk.app().view, desk.app().pane()), (View::Prompt, Pane::Demos));
    desk.quiet();
    desk.sees(&format!("rows like {marked}"));
    let like = desk.app().prompt.demos.current().unwrap();
    assert_eq!(desk.app().prepared().unwrap().data.split_of(like), Some(Split::Train));
    desk.press(&["<space>"]);
    assert_eq!(desk.app().prompt.demos.shown, [demo, like]);

    // Rerun, compare.
    desk.press(&["<ctrl-r>"]);
    desk.quiet();
    assert_eq!(desk.runs().len(), 3);
    desk.press(&["6"]);
    desk.sees("3 runs");
    desk.press(&["G", "<space>", "g"]);
    desk.focus(Pane::Compare);
    desk.sees("accuracy 1.000");
    desk.sees("from A's prompt to B's");
    desk.press(&["<pagedown>"]);
    desk.sees("please-]");

    // Save, quit.
    desk.press(&["<ctrl-s>"]);
    desk.hears("saved");
    let file = desk.file();
    for kept in
        ["# The session of the tests: this comment stays.", "# no such folder: a name", "# of 120", "# The end."]
    {
        assert!(file.contains(kept), "{kept} is lost:\n{file}");
    }
    assert!(file.contains("{{ demos }}") && file.contains(&format!("pinned = [{demo}, {like}]")), "{file}");
    desk.press(&["q"]);
    assert!(desk.app().quitting && desk.left.contains(&"quit".to_owned()), "{:?}", desk.left);
    drop(desk);

    // All of it is there the next time.
    let report = fs::read_to_string(first.join("report.json")).unwrap();
    assert!(report.contains("\"accuracy\": 1.0"), "{report}");
    let mut desk = Desk::start(name, &options, Gate::default());
    desk.settle();
    assert!(desk.app().marks[&marked].doubtful);
    assert_eq!((desk.app().prompt.demos.shown.clone(), desk.app().runs.entries.len()), (vec![demo, like], 3));
    assert!(desk.app().prompt.versions.len() >= 3 && desk.app().windows.is_empty());
}

#[test]
fn a_new_user_finds_the_way_at_80_by_24() {
    walk("walk-small", SMALL);
}

#[test]
fn a_new_user_finds_the_way_at_120_by_40() {
    walk("walk-large", LARGE);
}

#[test]
fn the_welcome_says_how_to_go_on() {
    for (name, size) in [("welcome-small", SMALL), ("welcome-large", LARGE)] {
        let mut desk = Desk::with(name, Options { size, ..Options::default() });
        desk.bench.app.windows.push(Window::Welcome);
        desk.resize(size);
        desk.sees("Nothing that you do here changes the data.");
        desk.sees("Any key begins.");
    }
}

#[test]
fn the_next_step_is_always_in_the_footer() {
    for (name, size) in [("footer-small", SMALL), ("footer-large", LARGE)] {
        let mut desk = Desk::with(name, Options { size, ..Options::default() });
        for pane in desk.app().panes() {
            desk.focus(pane);
            for key in ["^R run", "Tab next pane", "? keys", ": commands"] {
                desk.sees(key);
            }
        }
    }
}
