//! Focus, views, the order in which Esc leaves things, Ctrl-C, and what a key means while a text is typed.

use std::time::Duration;

use shotglass::app::window::Window;
use shotglass::app::{Message, Pane, View};

use crate::alone::Alone;

#[test]
fn tab_goes_round_the_panes_and_shift_tab_back() {
    let mut alone = Alone::new();
    let panes = alone.app.panes();
    assert_eq!(panes, [Pane::Template, Pane::Demos, Pane::Row, Pane::Answer, Pane::Probe]);
    for pane in panes.iter().skip(1).chain([&panes[0]]) {
        alone.press(&["<tab>"]);
        assert_eq!(alone.app.pane(), *pane);
    }
    for pane in panes.iter().rev() {
        alone.press(&["<shift-tab>"]);
        assert_eq!(alone.app.pane(), *pane);
    }
}

#[test]
fn each_view_keeps_its_focus() {
    let mut alone = Alone::new();
    alone.press(&["<tab>", "<tab>", "2"]);
    assert_eq!(alone.at(), (View::Evaluate, Pane::Matrix));
    alone.press(&["<tab>"]);
    assert_eq!(alone.at(), (View::Evaluate, Pane::Report));
    alone.press(&["3"]);
    assert_eq!(alone.at(), (View::Rows, Pane::Rows));
    alone.press(&["6"]);
    assert_eq!((alone.at(), alone.names()), ((View::Runs, Pane::Runs), vec!["list-runs"]));
    alone.press(&["1"]);
    assert_eq!(alone.at(), (View::Prompt, Pane::Row));
    alone.press(&["2"]);
    assert_eq!(alone.at(), (View::Evaluate, Pane::Report));
}

#[test]
fn a_key_is_typed_only_while_a_text_is_typed_in() {
    let mut alone = Alone::new();
    let before = alone.app.prompt.template.text().to_owned();
    alone.press(&["e", "2q:?"]);
    assert_eq!(alone.app.prompt.template.text(), format!("2q:?{before}"));
    assert!(alone.app.is_typing() && alone.app.windows.is_empty() && alone.app.view == View::Prompt);
    // What works in the middle of typing too.
    alone.press(&["<alt-2>"]);
    assert_eq!((alone.app.view, alone.app.prompt.typing), (View::Evaluate, false));
    alone.press(&["1", "2"]);
    assert_eq!(alone.app.view, View::Evaluate);
    // Tab leaves the text.
    alone.press(&["1", "e", "<tab>"]);
    assert_eq!((alone.app.pane(), alone.app.is_typing()), (Pane::Demos, false));
}

#[test]
fn keys_of_the_pane_come_before_those_of_everywhere() {
    let mut alone = Alone::new();
    // `s` chooses the split in view 2 and the order in view 3, `e` types in view 1 and exports in view 6.
    alone.press(&["2", "S"]);
    assert!(matches!(alone.app.windows.last(), Some(Window::Picker(picker)) if picker.title.contains("Split")));
    alone.press(&["<esc>"]);
    alone.with_run("a").press(&["3", "s"]);
    assert_eq!(alone.app.rows.filter.sort.title(), "margin");
}

#[test]
fn esc_leaves_the_innermost_first() {
    let mut alone = Alone::new();
    // A job, a message, a visitor, a filter, typing, a window: all at once.
    alone.with_run("a").press(&["1"]);
    alone.press(&["<tab>", "<tab>", "<enter>"]);
    assert!(alone.app.jobs.running().is_some());
    alone.send(Message::Said(shotglass::app::toast::Tone::Info, "a message".to_owned()));
    let train = alone.app.prepared().unwrap().data.split(shotglass::data::Split::Train)[0];
    alone.press(&["#", &train.to_string(), "<enter>"]);
    assert_eq!(alone.app.prompt.visitor, Some(train));
    alone.press(&["<shift-tab>", "/", "joy", "<enter>"]);
    assert_eq!(alone.app.prompt.demos.filter.text(), "joy");
    alone.press(&["?"]);

    alone.press(&["<esc>"]);
    assert!(alone.app.windows.is_empty() && alone.app.prompt.demos.filter.text() == "joy");
    alone.press(&["<esc>"]);
    assert!(alone.app.prompt.demos.filter.text().is_empty() && alone.app.prompt.visitor.is_some());
    // Typing is further in than the visitor.
    alone.press(&["<shift-tab>", "e", "<esc>"]);
    assert!(!alone.app.prompt.typing && alone.app.prompt.visitor.is_some());
    alone.press(&["<esc>"]);
    assert!(alone.app.prompt.visitor.is_none() && !alone.told().is_empty());
    alone.press(&["<esc>"]);
    assert!(alone.told().is_empty() && alone.app.jobs.running().is_some_and(|job| !job.cancelled));
    alone.press(&["<esc>"]);
    assert_eq!(alone.names(), ["cancel"]);
    assert!(alone.app.jobs.running().is_some_and(|job| job.cancelled));
    // There is nothing more to leave, and Esc never ends the program.
    alone.press(&["<esc>", "<esc>"]);
    assert!(!alone.app.quitting);
}

#[test]
fn esc_in_view_3_leaves_the_row_then_the_filter() {
    let mut alone = Alone::new();
    alone.with_run("a").press(&["3", "/", "joy", "<enter>", "s", "<enter>"]);
    assert_eq!(alone.at(), (View::Rows, Pane::Detail));
    alone.press(&["<esc>"]);
    assert_eq!((alone.at(), alone.app.rows.filter.query.as_str()), ((View::Rows, Pane::Rows), "joy"));
    alone.press(&["<esc>"]);
    // The order stays: it is no filter.
    assert_eq!((alone.app.rows.filter.query.as_str(), alone.app.rows.filter.sort.title()), ("", "margin"));
}

#[test]
fn ctrl_c_cancels_and_twice_leaves() {
    let mut alone = Alone::new();
    alone.press(&["<ctrl-c>"]);
    alone.hears("nothing is running; Ctrl-C again leaves the program");
    assert!(!alone.app.quitting);
    // Too late is not twice.
    alone.wait(2_001).press(&["<ctrl-c>"]);
    assert!(!alone.app.quitting);
    alone.wait(1_900).press(&["<ctrl-c>"]);
    assert!(alone.app.quitting && alone.names().contains(&"quit"), "{:?}", alone.names());
}

#[test]
fn ctrl_c_cancels_the_job_first() {
    let mut alone = Alone::new();
    alone.press(&["<tab>", "<tab>", "<enter>"]);
    let ticket = alone.ticket();
    alone.press(&["<ctrl-c>"]);
    assert_eq!(alone.names(), ["cancel"]);
    alone.hears("Ctrl-C again leaves the program");
    assert!(alone.told().iter().all(|told| !told.contains("nothing is running")));
    alone.engine(ticket, shotglass::engine::Event::Cancelled { job: 1 });
    // What waited is forgotten too.
    assert!(alone.app.jobs.is_idle());
}

#[test]
fn ctrl_c_works_in_windows_and_while_typing() {
    for keys in [&["?"][..], &[":"], &["e"], &["/"], &["v"], &["n"]] {
        let mut alone = Alone::new();
        alone.press(keys).press(&["<ctrl-c>", "<ctrl-c>"]);
        assert!(alone.app.quitting, "{keys:?}");
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_program_and_keeps_unsaved_work() {
    let mut alone = Alone::new();
    alone.press(&["e", "x"]).send(Message::Terminate);
    assert!(alone.app.quitting);
    assert_eq!(alone.names(), ["keep-recovery", "quit"]);
}

#[test]
fn too_small_a_terminal_loses_nothing() {
    let mut alone = Alone::new();
    alone.press(&["e", "x"]);
    let before = alone.app.prompt.template.text().to_owned();
    alone.send(Message::Resize { width: 40, height: 10 }).press(&["y"]);
    alone.send(Message::Resize { width: 80, height: 24 });
    assert_eq!(alone.app.prompt.template.text(), before.replacen('x', "xy", 1));
    alone.send(Message::Resize { width: 0, height: 0 }).press(&["<esc>", "?", "<pagedown>"]);
    alone.send(Message::Resize { width: 200, height: 60 });
    assert_eq!(alone.app.windows.len(), 1);
}

#[test]
fn suspend_redraw_and_theme() {
    let mut alone = Alone::new();
    assert_eq!(alone.press(&["<ctrl-z>"]).names(), ["suspend"]);
    assert_eq!(alone.press(&["<ctrl-l>"]).names(), ["redraw"]);
    assert_eq!(alone.press(&["e", "<ctrl-z>"]).names(), ["suspend"]);
    alone.press(&["<esc>"]);
    let themes = alone.app.look.themes.len();
    assert!(themes >= 3);
    for place in (1..themes).chain([0]) {
        alone.press(&["T"]);
        assert_eq!(alone.app.look.theme, place);
    }
}

#[test]
fn nothing_is_waited_for_at_rest() {
    let mut alone = Alone::new();
    assert_eq!(alone.app.deadline(), None);
    // A message is waited for to go, and then nothing is.
    alone.press(&["T"]);
    let gone = alone.app.deadline().unwrap();
    assert!(gone - alone.app.now >= Duration::from_secs(3));
    alone.wait(60_000);
    assert_eq!((alone.app.deadline(), alone.told().len()), (None, 0));
}
