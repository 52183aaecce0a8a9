//! View 6, and how a run begins and ends.

use std::collections::HashSet;
use std::path::PathBuf;

use shotglass::app::effect::Effect;
use shotglass::app::window::{Choice, Window};
use shotglass::app::{Message, Pane, View};
use shotglass::data::Split;
use shotglass::session::folder::Status;
use shotglass::session::runs::{RunEntry, RunFacts};

use crate::alone::Alone;

/// The list of runs, none of them a training.
pub fn listed(entries: Vec<RunEntry>) -> Message {
    Message::Runs { entries, trainings: HashSet::new(), tried: None }
}

pub fn entry(name: &str, status: Status) -> RunEntry {
    let facts = RunFacts {
        status,
        live: false,
        split: Split::Validation,
        rows: 48,
        done: 48,
        limit: None,
        model: "scripted".to_owned(),
        accuracy: Some(0.75),
        macro_f1: Some(0.7),
        majority_accuracy: Some(0.6),
        template: format!("{name}: {{{{ text }}}}"),
        template_sha256: String::new(),
        text_alone: false,
        shots: 0,
        seconds: 1.0,
        error: None,
    };
    RunEntry {
        path: PathBuf::from("alone/session/runs").join(name),
        session: "session".to_owned(),
        name: name.to_owned(),
        started: "2025-01-01T12:00:00Z".parse().unwrap(),
        facts: Ok(facts),
    }
}

/// Four runs in view 6, the newest first.
fn runs() -> Alone {
    let mut alone = Alone::new();
    let broken = RunEntry { facts: Err("manifest.json: cannot be read".to_owned()), ..entry("d", Status::Failed) };
    let entries =
        vec![entry("a", Status::Finished), entry("b", Status::Finished), entry("c", Status::Cancelled), broken];
    alone.press(&["6"]).send(listed(entries));
    alone
}

#[test]
fn a_run_is_opened() {
    let mut alone = runs();
    alone.press(&["<down>", "<enter>"]);
    let Some(Effect::LoadRun { path, beside: false, .. }) =
        alone.effects.iter().find(|effect| matches!(effect, Effect::LoadRun { .. }))
    else {
        panic!("{:?}", alone.names())
    };
    assert!(path.ends_with("b"));
    alone.with_run("b");
    assert_eq!(alone.at(), (View::Evaluate, Pane::Matrix));
}

#[test]
fn one_that_cannot_be_read_says_why() {
    let mut alone = runs();
    alone.press(&["G", "<enter>"]);
    alone.hears("manifest.json: cannot be read");
    alone.press(&["c"]);
    assert!(!alone.names().contains(&"begin-run") && alone.app.view == View::Runs);
    let path = PathBuf::from("a");
    alone.send(Message::RunLoaded { path, run: Err("predictions.csv: torn".to_owned()), beside: false });
    alone.hears("predictions.csv: torn");
}

#[test]
fn two_runs_are_compared() {
    let mut alone = runs();
    // Without a mark, with the prompt that is being written.
    let Some(Effect::Compare { texts, .. }) =
        alone.effects.iter().find(|effect| matches!(effect, Effect::Compare { .. }))
    else {
        panic!("{:?}", alone.names())
    };
    assert_eq!(texts.1, "a: {{ text }}");
    alone.press(&["<space>", "<down>"]);
    assert!(alone.names().contains(&"load-run"));
    let Some(Effect::Compare { pair, texts }) =
        alone.effects.iter().rev().find(|effect| matches!(effect, Effect::Compare { .. }))
    else {
        panic!("{:?}", alone.names())
    };
    assert_eq!(texts, &("a: {{ text }}".to_owned(), "b: {{ text }}".to_owned()));
    assert!(pair.0.ends_with("a") && pair.1.ends_with("b"));
    // The marked one is read for the filter of disagreements; one that came too late is not taken.
    let run = alone.run("a", 48);
    alone.send(Message::RunLoaded { path: run.about.path.clone(), run: Ok(Box::new(run)), beside: true });
    assert!(alone.app.runs.beside.is_some() && alone.app.run.is_none());
    alone.press(&["<up>", "<space>"]);
    assert!(alone.app.runs.marked.is_none() && alone.app.runs.beside.is_none());
    let run = alone.run("a", 48);
    alone.send(Message::RunLoaded { path: run.about.path.clone(), run: Ok(Box::new(run)), beside: true });
    assert!(alone.app.runs.beside.is_none());
}

#[test]
fn a_run_is_renamed() {
    let mut alone = runs();
    alone.press(&["R"]);
    assert!(matches!(alone.app.windows.last(), Some(Window::Input(input)) if input.editor.text() == "a"));
    alone.press(&["<esc>"]);
    assert!(alone.app.windows.is_empty());
    alone.press(&["R", " polite ", "<enter>"]);
    let Some(Effect::RenameRun(path, name)) =
        alone.effects.iter().find(|effect| matches!(effect, Effect::RenameRun(..)))
    else {
        panic!("{:?}", alone.names())
    };
    assert!(path.ends_with("a") && name == "a polite");
}

#[test]
fn a_run_is_deleted_after_a_question_and_never_the_one_that_goes_on() {
    let mut alone = runs();
    // Enter means to keep it, or asks no less than a key of its own: a slip deletes nothing.
    alone.press(&["D"]);
    assert!(matches!(alone.app.windows.last(), Some(Window::Question(question)) if question.title.contains("`a`")));
    alone.press(&["<esc>", "D", "n"]);
    assert!(!alone.names().contains(&"delete-run") && alone.app.windows.is_empty());
    alone.press(&["D", "d"]);
    assert!(matches!(alone.effects.last(), Some(Effect::DeleteRun(path)) if path.ends_with("a")));

    let mut alone = runs();
    alone.begin("a").press(&["6", "D"]);
    alone.hears("stop it first");
    assert!(alone.app.windows.is_empty());
}

#[test]
fn enter_deletes_nothing() {
    let mut alone = runs();
    alone.press(&["D", "<enter>"]);
    assert!(!alone.names().contains(&"delete-run"), "Enter, which opens everything else here, deletes a run for good");
}

#[test]
fn a_run_is_exported_in_four_forms() {
    for (keys, wanted) in [("mark", "Md"), ("csv", "Csv"), ("json", "Json"), ("html", "Html")] {
        let mut alone = runs();
        alone.press(&["e"]);
        assert!(matches!(alone.app.windows.last(), Some(Window::Picker(picker)) if picker.items.len() == 4));
        alone.press(&[keys, "<enter>"]);
        let Some(Effect::ExportRun(path, format)) = alone.effects.last() else { panic!("{:?}", alone.names()) };
        assert!(path.ends_with("a"));
        assert_eq!(format!("{format:?}"), wanted);
    }
}

#[test]
fn only_what_was_stopped_is_resumed() {
    let mut alone = runs();
    alone.press(&["c"]);
    alone.hears("this run is finished");
    alone.press(&["<down>", "<down>", "c"]);
    let Some(Effect::BeginRun(begin)) = alone.effects.last() else { panic!("{:?}", alone.names()) };
    assert!(begin.resume.as_ref().unwrap().ends_with("c"));
    // Only one at a time.
    alone.press(&["<ctrl-r>"]);
    alone.hears("a run is going on");
}

#[test]
fn the_cursor_keeps_its_run_when_the_list_changes() {
    let mut alone = runs();
    alone.press(&["<down>", "<space>"]);
    let entries = vec![entry("new", Status::Finished), entry("a", Status::Finished), entry("b", Status::Finished)];
    alone.send(listed(entries));
    assert!(alone.app.run_entry().unwrap().path.ends_with("b") && alone.app.runs.marked.is_some());
    alone.send(listed(vec![entry("a", Status::Finished)]));
    assert!(alone.app.run_entry().unwrap().path.ends_with("a") && alone.app.runs.marked.is_none());
    alone.send(listed(Vec::new())).press(&["<down>", "<enter>", "D", "R", "e", "c", "y"]);
    assert!(alone.names().is_empty() && alone.app.run_entry().is_none());
}

#[test]
fn another_run_is_not_shown_in_the_place_of_the_one_that_goes_on() {
    let mut alone = Alone::new();
    alone.begin("live").press(&["6"]).send(listed(vec![entry("a", Status::Finished)]));
    alone.press(&["<enter>"]);
    alone.hears("stop it first");
    let run = alone.run("a", 48);
    alone.send(Message::RunLoaded { path: run.about.path.clone(), run: Ok(Box::new(run)), beside: false });
    assert_eq!(alone.app.run.as_ref().unwrap().about.name, "live");
}

#[test]
fn a_finished_run_says_what_came_of_it() {
    let mut alone = Alone::new();
    alone.begin("a");
    let rows = alone.app.prepared().unwrap().data.split(Split::Validation).to_vec();
    alone.recorded(&rows);
    let ticket = alone.ticket();
    alone.engine(ticket, crate::alone::finished());
    alone.send(Message::RunEnded(Ok("alone/session/runs/a".into())));
    alone.hears("48 rows are answered: accuracy 0.6");
    assert_eq!(alone.app.run.as_ref().unwrap().status, Status::Finished);
    assert!(!alone.app.recording && alone.names().contains(&"list-runs"));
}

#[test]
fn a_run_that_breaks_off_says_what_is_kept() {
    let mut alone = Alone::new();
    alone.begin("a").recorded(&[1, 3]);
    alone.send(Message::RunEnded(Err(("cancelled".to_owned(), true))));
    alone.hears("the run was stopped: 2 of 48 rows are kept");
    assert_eq!(alone.app.run.as_ref().unwrap().status, Status::Cancelled);

    let mut alone = Alone::new();
    alone.begin("a").send(Message::RunEnded(Err(("the device is gone".to_owned(), false))));
    alone.hears("the run broke off: the device is gone; nothing was answered, so nothing is kept");
    assert!(alone.app.run.is_none());
}

#[test]
fn a_disk_that_takes_no_more_ends_the_run() {
    let mut alone = Alone::new();
    alone.begin("a").send(Message::RecordFailed("no space left on device".to_owned()));
    assert_eq!(alone.names(), ["cancel", "end-run"]);
    alone.send(Message::RunEnded(Err(("no space left on device".to_owned(), true))));
    alone.hears("no space left on device");
    assert!(!alone.app.recording);
}

#[test]
fn the_test_split_is_asked_about_once() {
    let mut alone = Alone::new();
    alone.press(&["2", "S", "test", "<enter>", "<ctrl-r>"]);
    assert!(matches!(alone.app.windows.last(), Some(Window::Question(_))) && !alone.names().contains(&"begin-run"));
    alone.press(&["n"]);
    assert!(alone.app.windows.is_empty());
    alone.press(&["<ctrl-r>", "y"]);
    assert!(matches!(alone.effects.last(), Some(Effect::BeginRun(begin)) if begin.split == Split::Test));
    alone.send(Message::RunBegun(Err("no".to_owned()))).press(&["<ctrl-r>"]);
    assert!(matches!(alone.effects.last(), Some(Effect::BeginRun(_))));
}

#[test]
fn split_and_limit_are_those_of_the_next_run() {
    let mut alone = Alone::new();
    alone.press(&["2", "S"]);
    let Some(Window::Picker(picker)) = alone.app.windows.last() else { panic!() };
    assert!(picker.items.iter().any(|item| item.choice == Choice::Split(Split::Train)));
    alone.press(&["train", "<enter>", "L", "0", "<enter>"]);
    assert!(matches!(alone.app.windows.last(), Some(Window::Input(input)) if input.error.is_some()));
    alone.press(&["<alt-a>", "10", "<enter>", "<ctrl-r>"]);
    assert!(
        matches!(alone.effects.last(), Some(Effect::BeginRun(begin)) if (begin.split, begin.limit) == (Split::Train, Some(10)))
    );
    alone.send(Message::RunBegun(Err("no".to_owned())));
    alone.press(&["L", "<alt-a>", "<backspace>", "<enter>"]);
    assert_eq!(alone.app.evaluate.limit, None);
}

#[test]
fn a_run_is_begun_with_the_prompt_as_it_is_and_that_is_accepted() {
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>"]).rest();
    assert!(alone.app.prompt.probe.flips() != (0, 0));
    alone.press(&["<ctrl-r>"]);
    let Some(Effect::BeginRun(begin)) = alone.effects.last() else { panic!("{:?}", alone.names()) };
    assert!(begin.prepared.session.prompt.template.starts_with('x'));
    let run = alone.run("a", 0);
    alone.send(Message::RunBegun(Ok(Box::new(run))));
    assert_eq!(alone.app.prompt.probe.flips(), (0, 0));
}

#[test]
fn a_comparison_cannot_be_scrolled_out_of_sight() {
    let mut alone = runs();
    alone.press(&["<tab>"]);
    for _ in 0..60 {
        alone.press(&["<pagedown>"]);
    }
    assert!(alone.app.runs.scroll < 60, "one step up is {} lines away from what is shown", alone.app.runs.scroll);
}
