//! Screens on which something is wrong.

use std::fs;

use shotglass::app::Pane;
use shotglass::engine::fake::Script;

use super::{at, both};
use crate::harness::{Desk, LARGE, Options, SMALL, rows, script, session, write};

#[test]
fn a_template_that_cannot_be_rendered() {
    let mut desk = Desk::open("trouble-template");
    desk.press(&["e", "<ctrl-end>", "\n{{ texd }} and on"]);
    both("trouble_variable", &mut desk);
    desk.press(&["<alt-a>", "{% if text %}open"]);
    both("trouble_syntax", &mut desk);
    desk.focus(Pane::Row);
    at("trouble_syntax_row", &mut desk, SMALL);
    // A long line, so that what is wrong lies in the middle of it.
    desk.focus(Pane::Template);
    let long = format!("{} {{{{ text | nope }}}} {}", "word ".repeat(60), "more ".repeat(60));
    desk.press(&["e", "<alt-a>", &long]);
    both("trouble_filter", &mut desk);
}

#[test]
fn a_model_that_cannot_be_loaded() {
    let text = session("").replace("\"scripted\"", "\"broken/model\"");
    let mut desk = Desk::with("trouble-model", Options { session: text, ..Options::default() });
    both("trouble_model_told", &mut desk);
    desk.quiet();
    both("trouble_model", &mut desk);
    desk.focus(Pane::Answer);
    at("trouble_model_answer", &mut desk, SMALL);
    desk.press(&["2"]);
    at("trouble_model_evaluate", &mut desk, SMALL);
}

#[test]
fn data_that_is_not_there() {
    let text = session("").replace("rows.csv", "/nowhere/rows.csv");
    let mut desk = Desk::with("trouble-data", Options { session: text, ..Options::default() });
    desk.quiet();
    both("trouble_data", &mut desk);
    desk.focus(Pane::Row);
    at("trouble_data_row", &mut desk, SMALL);
    desk.press(&["2"]);
    both("trouble_data_evaluate", &mut desk);
}

#[test]
fn a_session_that_cannot_be_read() {
    let mut desk = Desk::with("trouble-session", Options { session: session("shotss = 3"), ..Options::default() });
    both("trouble_session_told", &mut desk);
    desk.quiet();
    both("trouble_session", &mut desk);
}

#[test]
fn an_engine_that_fails() {
    let broken = Script { fail_at: Some(0), ..script() };
    let mut desk = Desk::with("trouble-engine", Options { script: broken, ..Options::default() });
    desk.quiet();
    both("trouble_engine", &mut desk);
    desk.focus(Pane::Answer);
    at("trouble_engine_answer", &mut desk, SMALL);
    let broken = Script { fail_at: Some(40), ..script() };
    let mut desk = Desk::with("trouble-run", Options { script: broken, ..Options::default() });
    desk.press(&["<ctrl-r>"]);
    both("trouble_run_told", &mut desk);
    desk.quiet();
    both("trouble_run", &mut desk);
    desk.press(&["6"]);
    both("trouble_runs", &mut desk);
}

#[test]
fn a_pattern_that_is_none() {
    let mut desk = Desk::open("trouble-pattern");
    desk.press(&["<ctrl-r>", "3", "/", "/(joy/"]);
    desk.quiet();
    both("trouble_pattern", &mut desk);
}

#[test]
fn a_run_that_cannot_be_read_and_one_whose_data_has_gone() {
    let options = Options::default();
    let mut desk = Desk::open("trouble-gone");
    desk.press(&["<ctrl-r>"]);
    fs::write("trouble-gone/rows.csv", rows().lines().take(60).map(|line| format!("{line}\n")).collect::<String>())
        .unwrap();
    let mut desk = desk.reopen(&options);
    desk.press(&["6", "<enter>", "3", "<enter>"]);
    desk.quiet();
    both("trouble_gone", &mut desk);
    fs::write(desk.only_run().join("manifest.json"), "{").unwrap();
    desk.press(&["6", "r"]);
    both("trouble_broken", &mut desk);
}

#[test]
fn long_names() {
    // A session of a long name and title, labels that are long: nothing may run over anything else.
    let name = "trouble-with-a-name-that-is-far-too-long-for-any-first-line-of-a-terminal-of-80-columns";
    let text = session("")
        .replace("support\"", "wholeheartedly in support of it\"")
        .replace("oppose\"", "strictly and for ever opposed to it\"");
    let options = Options { session: text, ..Options::default() };
    write(name, &options);
    fs::rename(format!("{name}/session.toml"), format!("{name}/{name}.toml")).unwrap();
    fs::write(format!("{name}/session.toml"), session("")).unwrap();
    let mut desk = Desk::start(name, &options, crate::harness::Gate::default());
    desk.settle();
    desk.press(&["o", &format!("{name}/{name}.toml"), "<enter>"]);
    desk.quiet();
    both("long_prompt", &mut desk);
    desk.resize(LARGE);
    desk.press(&["<ctrl-r>"]);
    desk.quiet();
    both("long_evaluate", &mut desk);
    desk.press(&["3"]);
    both("long_rows", &mut desk);
    desk.press(&["6"]);
    both("long_runs", &mut desk);
}
