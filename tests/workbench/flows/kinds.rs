//! Other kinds of sessions: twelve classes, no gold labels, turns of a chat, generated answers, a split of nothing.

use std::fmt::Write as _;

use shotglass::app::{Pane, View};
use shotglass::engine::fake::{Rule, Script};

use crate::harness::{Desk, LARGE, Options, SMALL, rows, session};
use crate::large::LABELS;

/// 240 rows of twelve emotions, each answered by a word in it.
pub fn twelve(size: (u16, u16)) -> Options {
    let mut csv = String::from("text,label\n");
    for row in 0..240 {
        let label = LABELS[(row * 5 + row / 7) % 12];
        let shown = if row % 9 == 0 { LABELS[(row + 3) % 12] } else { label };
        let _ = writeln!(csv, "Post {row} is full of {shown},{label}");
    }
    let labels = LABELS.map(|label| format!("{label} = \"{label}\"")).join(", ");
    let session = format!(
        "version = 1\n[model]\nsource = \"scripted\"\n[data]\npath = \"rows.csv\"\nlabel = \"label\"\nlabels = {{ {labels} }}\n\
         splits = {{ train = 0.3, validation = 0.5, test = 0.2 }}\n[prompt]\ntemplate = \"Which emotion?\\n<{{{{ text }}}}>\\n\"\n"
    );
    let rules = LABELS.iter().enumerate().map(|(at, label)| Rule {
        contains: format!("of {label}>"),
        logprobs: (0..12).map(|other| if other == at { -0.25 } else { -2.0 - other as f64 / 4.0 }).collect(),
        text: format!(" {label}"),
    });
    Options {
        data: csv,
        session,
        script: Script { rules: rules.collect(), ..Script::default() },
        size,
        ..Options::default()
    }
}

/// Rows without a gold label.
pub fn unlabelled(size: (u16, u16)) -> Options {
    let data: String = rows().lines().map(|line| format!("{}\n", line.rsplit_once(',').unwrap().0)).collect();
    let session = session("").replace("label = \"stance\"\n", "").replace(
        "labels = { \"1\" = \"support\", \"0\" = \"oppose\" }\n",
        "labels = { \"support\" = \"support\", \"oppose\" = \"oppose\" }\n",
    );
    Options { data, session, size, ..Options::default() }
}

/// The same session in turns of a chat.
pub fn chat(size: (u16, u16)) -> Options {
    Options { session: session("chat = true\nsystem = \"You are a careful reader.\""), size, ..Options::default() }
}

#[test]
fn twelve_classes() {
    for (name, size) in [("twelve-small", SMALL), ("twelve-large", LARGE)] {
        let mut desk = Desk::with(name, twelve(size));
        assert!(desk.app().prompt.probe.is_complete());
        desk.focus(Pane::Answer);
        assert_eq!(desk.app().prompt.answer.logprobs.len(), 12);
        // The likeliest is among those that are shown.
        let row = desk.app().row().unwrap();
        let best = desk.app().prompt.answer.logprobs.iter().position(|logprob| *logprob == -0.25).unwrap();
        desk.sees(LABELS[best]);
        assert!(desk.app().prepared().unwrap().data.gold(row).is_some());
        desk.press(&["<ctrl-r>"]);
        desk.quiet();
        assert_eq!(desk.app().run.as_ref().unwrap().rows.len(), 120);
        // Every cell can be gone to, and its count is right.
        desk.press(&["G"]);
        assert_eq!(desk.app().evaluate.cell, (11, 11));
        let count = desk.app().run.as_ref().unwrap().confusion.count(11, 11);
        desk.sees(&format!("{count} rows"));
        assert!(desk.app().areas.cells.iter().any(|(cell, _)| *cell == (11, 11)), "the selected cell is out of sight");
        desk.press(&["g", "<enter>"]);
        assert_eq!(desk.app().view, View::Rows);
        desk.press(&["2"]);
        desk.focus(Pane::Report);
        desk.sees("weighted avg");
    }
}

#[test]
fn without_gold_labels_there_are_answers_and_no_figures() {
    for (name, size) in [("unlabelled-small", SMALL), ("unlabelled-large", LARGE)] {
        let mut desk = Desk::with(name, unlabelled(size));
        assert!(desk.app().prepared().is_some(), "{:?}", desk.told());
        desk.quiet();
        desk.focus(Pane::Probe);
        desk.sees("no labelled validation rows");
        desk.focus(Pane::Demos);
        desk.sees("no labelled training rows");
        assert!(desk.app().prompt.answer.complete && desk.app().prompt.answer.logprobs.len() == 2);
        desk.press(&["<ctrl-r>"]);
        desk.hears("48 rows are answered");
        desk.quiet();
        desk.focus(Pane::Report);
        desk.sees("no gold labels");
        desk.press(&["3"]);
        assert_eq!(desk.app().rows.listed.len(), 48);
        desk.press(&["<enter>"]);
        desk.sees("gold none, predicted");
    }
}

#[test]
fn a_chat_session_without_a_chat_template_says_what_to_do() {
    let mut desk = Desk::with("chat", chat(LARGE));
    desk.quiet();
    let problem = desk.app().prompt.problem.clone().expect("nothing is wrong");
    assert!(problem.message.contains("chat"), "{problem:?}");
    desk.focus(Pane::Template);
    desk.sees("chat");
    desk.sees("System message");
    // A run says the same instead of beginning.
    desk.press(&["<ctrl-r>"]);
    desk.hears("chat");
    assert!(desk.app().run.is_none() && desk.app().view == View::Prompt);
    // The system message is typed in like the template.
    desk.focus(Pane::System);
    desk.press(&["e", "<ctrl-end>", " Be brief."]);
    assert_eq!(desk.app().spec().unwrap().system.as_deref(), Some("You are a careful reader. Be brief."));
    desk.press(&["<esc>", "u", "<ctrl-s>"]);
    assert!(!desk.app().session.as_ref().unwrap().is_dirty());
}

#[test]
fn generated_answers_are_read_by_the_rule() {
    let text = session("").replace("# The end.", "[decode]\nmethod = \"generate\"\n# The end.");
    let mut desk = Desk::with("generated", Options { session: text, ..Options::default() });
    assert!(desk.app().prompt.probe.is_complete());
    assert!(desk.app().prompt.probe.figures().accuracy > 0.5);
    let answer = desk.app().prompt.answer.text();
    desk.focus(Pane::Answer);
    desk.sees(&format!("{} → {}", answer.trim(), answer.trim()));
    desk.press(&["<ctrl-r>", "3", "<enter>"]);
    desk.quiet();
    desk.sees("raw answer: ");
    desk.sees("read by: ");
}

#[test]
fn a_split_with_nothing_in_it_says_so() {
    let text =
        session("").replace("train = 0.4, validation = 0.4, test = 0.2", "train = 0.5, validation = 0.0, test = 0.5");
    let mut desk = Desk::with("no-validation", Options { session: text, ..Options::default() });
    assert!(desk.app().prepared().is_some(), "{:?}", desk.told());
    desk.quiet();
    desk.sees("no labelled validation rows");
    desk.press(&["<ctrl-r>"]);
    assert!(!desk.told().is_empty() && desk.app().run.is_none() && desk.app().evaluate.preparing.is_none());
    // Another split can be run, and walked through.
    desk.press(&["2", "S", "train", "<enter>", "<ctrl-r>"]);
    assert_eq!(desk.app().run.as_ref().unwrap().rows.len(), 60);
    desk.press(&["1"]);
    assert!(desk.app().row().is_some() && desk.app().prompt.answer.complete);
}

#[test]
fn a_part_of_a_split() {
    let mut desk = Desk::open("part");
    desk.press(&["2", "L", "10", "<enter>"]);
    desk.focus(Pane::Report);
    desk.sees("10 rows of the validation split");
    desk.press(&["<ctrl-r>"]);
    assert_eq!(desk.app().run.as_ref().unwrap().rows.len(), 10);
    desk.hears("10 rows are answered");
}
