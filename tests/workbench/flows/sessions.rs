//! Sessions switched, saved, recovered; everything undone.

use std::fs;

use shotglass::app::{Message, Pane};

use crate::harness::{Desk, Options, root, session, write};

/// A second session beside the first one of a test, on the same rows.
fn second(name: &str) -> String {
    let text = session("").replace("the march", "the ferry");
    fs::write(root().join(name).join("second.toml"), text).unwrap();
    format!("{name}/second.toml")
}

#[test]
fn another_session_is_opened_and_unsaved_changes_asked_about() {
    let mut desk = Desk::open("switch");
    let second = second("switch");
    desk.press(&["e", "x", "<esc>", "o"]);
    desk.sees("Session");
    desk.press(&[&second, "<enter>"]);
    desk.sees("Save the session first?");
    desk.press(&["c"]);
    assert!(desk.app().prompt.template.text().starts_with('x'));
    desk.press(&["o", &second, "<enter>", "s"]);
    assert!(desk.file().contains("xDoes the author"));
    desk.sees("the ferry");
    assert_eq!(desk.app().session.as_ref().unwrap().file.stem, "second");
    assert!(!desk.app().session.as_ref().unwrap().is_dirty() && desk.app().prompt.probe.is_complete());
    // And back, discarding.
    desk.press(&["e", "y", "<esc>", "o", "switch/session.toml", "<enter>", "d"]);
    assert!(desk.app().prompt.template.text().starts_with('x'));
    assert!(!fs::read_to_string(&second).unwrap().contains("yDoes"));
    // What was discarded does not come back as something to be recovered.
    desk.press(&["o", &second, "<enter>"]);
    assert!(desk.app().windows.is_empty() && !desk.app().prompt.template.text().starts_with('y'));
}

#[test]
fn runs_marks_and_versions_belong_to_their_session() {
    let mut desk = Desk::open("belongs");
    let second = second("belongs");
    desk.press(&["<ctrl-r>", "3", "x", "1", "e", "x", "<esc>", "<ctrl-s>"]);
    let versions = desk.app().prompt.versions.len();
    assert_eq!(versions, 2);
    desk.press(&["o", &second, "<enter>"]);
    assert!(desk.app().marks.is_empty() && desk.app().run.is_none() && desk.app().prompt.versions.len() == 1);
    // The other's runs are listed too, by the name of their session.
    assert_eq!(desk.app().runs.entries.len(), 1);
    desk.press(&["6"]);
    desk.sees("session");
    desk.press(&["o", "belongs/session.toml", "<enter>"]);
    assert_eq!((desk.app().marks.len(), desk.app().prompt.versions.len()), (1, versions));
}

#[test]
fn a_name_that_is_no_session_leaves_everything_as_it_is() {
    let mut desk = Desk::open("typo");
    desk.press(&["o", "typo/nowhere.toml", "<enter>"]);
    desk.hears("no such session file");
    desk.press(&["]"]);
    assert!(desk.app().prompt.answer.complete);
    desk.quiet();
    desk.sees("Does the author support or oppose the march?");
}

#[test]
fn saved_under_another_name_it_is_another_session() {
    let mut desk = Desk::open("save-as");
    desk.press(&["e", "x", "<esc>", ":", "another name", "<enter>", "mine", "<enter>"]);
    desk.hears("saved");
    let text = fs::read_to_string("save-as/mine.toml").unwrap();
    assert!(text.contains("xDoes the author") && text.contains("# The end."));
    assert!(!desk.file().contains("xDoes"));
    assert_eq!(desk.app().session.as_ref().unwrap().file.stem, "mine");
    desk.press(&["<ctrl-r>"]);
    let runs = fs::read_dir("save-as/mine/runs").unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(runs.count(), 1);
    // A name that is taken is refused.
    desk.press(&[":", "another name", "<enter>", "session", "<enter>"]);
    assert!(desk.told().iter().any(|told| told.contains("is there already")), "{:?}", desk.told());
}

#[test]
fn a_file_that_was_changed_meanwhile_is_not_overwritten_unasked() {
    let mut desk = Desk::open("changed");
    let theirs = format!("{}# theirs\n", desk.file());
    fs::write("changed/session.toml", &theirs).unwrap();
    desk.press(&["e", "x", "<esc>", "<ctrl-s>"]);
    desk.sees("Overwrite the file?");
    desk.press(&["n"]);
    assert_eq!(desk.file(), theirs);
    assert!(desk.app().session.as_ref().unwrap().is_dirty());
    desk.press(&["<ctrl-s>", "o"]);
    assert!(desk.file().contains("xDoes the author"));
    assert!(!desk.app().session.as_ref().unwrap().is_dirty());
}

#[test]
fn what_a_kill_left_is_taken_up_or_not() {
    let options = Options::default();
    for (name, key, kept) in [("kill-yes", "y", true), ("kill-no", "n", false)] {
        let mut desk = Desk::open(name);
        desk.press(&["e", "Recovered ", "<esc>"]);
        // A kill: nobody is asked, nothing is saved. What was kept a second after the last key is all there is.
        let mut desk = desk.reopen(&options);
        desk.sees("Take up unsaved work?");
        desk.press(&[key]);
        assert_eq!(desk.app().prompt.template.text().starts_with("Recovered"), kept);
        assert_eq!(desk.app().session.as_ref().unwrap().is_dirty(), kept);
        desk.press(&["q", "s"]);
        assert_eq!(desk.file().contains("Recovered"), kept);
        let desk = desk.reopen(&options);
        assert!(desk.app().windows.is_empty(), "it is asked about a second time");
    }
}

#[test]
fn what_a_kill_left_waits_until_it_is_answered_for() {
    let options = Options::default();
    let mut desk = Desk::open("kill-later");
    desk.press(&["e", "Recovered ", "<esc>"]);
    let mut desk = desk.reopen(&options);
    desk.press(&["<esc>", "q"]);
    assert!(desk.app().quitting);
    let mut desk = desk.reopen(&options);
    desk.sees("Take up unsaved work?");
}

#[test]
fn everything_that_can_be_undone_is() {
    let mut desk = Desk::open("undone");
    let begun = desk.app().session.as_ref().unwrap().now.clone();
    desk.press(&["e", "One ", "<esc>"]);
    desk.take(Message::Paste("pasted\n".to_owned()));
    desk.press(&["<esc>", "v", "G", "<enter>"]);
    assert!(!desk.app().prompt.template.text().contains("One"));
    desk.press(&["u"]);
    desk.take(Message::Edited(Ok(Some("From the editor: {{ text }}".to_owned()))));
    desk.settle();
    desk.focus(Pane::Demos);
    desk.press(&["<space>", "<down>", "<space>", "K", "L", "d", "s", "+", "-"]);
    // Back, pane by pane.
    for _ in 0..30 {
        desk.press(&["u"]);
    }
    desk.focus(Pane::Template);
    for _ in 0..30 {
        desk.press(&["u"]);
    }
    assert_eq!(desk.app().session.as_ref().unwrap().now, begun);
    assert!(!desk.app().session.as_ref().unwrap().is_dirty());
    desk.press(&["q"]);
    assert!(desk.app().quitting);
}

#[test]
fn a_long_paste_is_one_step_and_one_probe() {
    let mut desk = Desk::open("paste");
    let jobs = desk.gate.asked().len();
    let text = "Line by line.\r\n".repeat(300);
    desk.take(Message::Paste(text));
    desk.settle();
    assert_eq!(desk.app().prompt.template.text().lines().count(), 303);
    assert!(desk.app().prompt.probe.is_complete() && desk.app().prompt.versions.len() == 2);
    // Head, answer, rest.
    assert_eq!(desk.gate.asked().len() - jobs, 3);
    desk.press(&["<alt-z>"]);
    assert_eq!(desk.app().prompt.template.text().lines().count(), 3);
}

#[test]
fn a_saved_session_opens_as_it_was_left() {
    let mut desk = Desk::open("as-left");
    desk.press(&["e", "“Zitat” {# note #}\\ \"quoted\" ", "<esc>"]);
    desk.focus(Pane::Demos);
    desk.press(&["+", "d", "<ctrl-s>"]);
    let (now, shown) = (desk.app().session.as_ref().unwrap().now.prompt.clone(), desk.app().prompt.demos.shown.clone());
    assert_eq!(shown.len(), 2);
    let desk = desk.reopen(&Options::default());
    assert_eq!(desk.app().session.as_ref().unwrap().now.prompt, now);
    assert_eq!(desk.app().prompt.demos.shown, shown);
}

#[test]
fn a_bundled_session_opens_by_its_name() {
    let mut desk = Desk::open("bundled");
    desk.press(&["o"]);
    desk.sees("zero-shot");
    desk.press(&["few-shot", "<enter>"]);
    assert!(desk.app().prepared().is_some(), "{:?}", desk.told());
    desk.sees("few-shot");
    assert!(desk.app().prompt.demos.shown.len() == 6);
    write("bundled-2", &Options::default());
}
