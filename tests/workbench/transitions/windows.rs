//! Windows: they have the keys while they are on top, and give them back.

use shotglass::app::message::Message;
use shotglass::app::window::Window;
use shotglass::app::{Pane, View};
use shotglass::session::home::SessionEntry;

use crate::alone::Alone;

#[test]
fn the_palette_finds_and_does() {
    let mut alone = Alone::new();
    alone.press(&["<ctrl-p>", "rows of the run"]);
    let Some(Window::Picker(picker)) = alone.app.windows.last() else { panic!() };
    assert_eq!(picker.current().unwrap().title, "Show the rows of the run");
    alone.press(&["<enter>"]);
    assert_eq!((alone.app.windows.len(), alone.app.view), (0, View::Rows));
    // Nothing that fits, nothing that is done.
    alone.press(&[":", "xyzzyxyzzy", "<enter>"]);
    assert_eq!(alone.app.windows.len(), 1);
    alone.press(&["<esc>"]);
    assert!(alone.app.windows.is_empty());
}

#[test]
fn the_palette_works_from_the_middle_of_typing() {
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<ctrl-p>", "undo", "<enter>"]);
    assert!(!alone.app.prompt.template.text().starts_with('x'));
    assert!(alone.app.is_typing(), "typing goes on where it was");
}

#[test]
fn lists_are_walked_and_what_is_typed_edited() {
    let mut alone = Alone::new();
    alone.press(&[":", "<down>", "<down>", "<up>"]);
    let selected = |alone: &Alone| match alone.app.windows.last() {
        Some(Window::Picker(picker)) => (picker.selected, picker.input.text().to_owned()),
        _ => panic!(),
    };
    assert_eq!(selected(&alone), (1, String::new()));
    alone.press(&["<ctrl-n>", "<ctrl-p>", "<ctrl-p>", "<ctrl-p>"]);
    assert_eq!(selected(&alone), (0, String::new()));
    // Letters go to what is typed, also those that are keys elsewhere.
    alone.press(&["jk q?", "<left>", "<backspace>", "<home>", "z"]);
    assert_eq!(selected(&alone), (0, "zjk ?".to_owned()));
    alone.press(&["<alt-a>", "<backspace>", "<ctrl-end>"]);
    let Some(Window::Picker(picker)) = alone.app.windows.last() else { panic!() };
    assert!(picker.hits.len() > 20);
}

#[test]
fn sessions_and_models_are_picked_or_typed() {
    let mut alone = Alone::new();
    assert_eq!(alone.press(&["o"]).names(), ["list-sessions"]);
    assert!(matches!(alone.app.windows.last(), Some(Window::Picker(picker)) if picker.loading));
    let entry = |name: &str| SessionEntry {
        name: name.to_owned(),
        title: "A title".to_owned(),
        path: None,
        bundled: true,
        error: None,
    };
    alone.send(Message::Sessions(vec![entry("zero-shot"), entry("few-shot"), entry("zero-shot")]));
    let Some(Window::Picker(picker)) = alone.app.windows.last() else { panic!() };
    assert_eq!((picker.items.len(), picker.loading), (2, false));
    alone.press(&["few", "<enter>"]);
    assert_eq!((alone.app.opening.as_deref(), alone.names()), (Some("few-shot"), vec!["open"]));

    // What was typed while the list was being made still filters it.
    let mut alone = Alone::new();
    alone.press(&["o", "zero"]).send(Message::Sessions(vec![entry("zero-shot"), entry("few-shot")]));
    let Some(Window::Picker(picker)) = alone.app.windows.last() else { panic!() };
    assert_eq!((picker.hits.len(), picker.current().unwrap().title.as_str()), (1, "zero-shot"));

    // A list that comes when its window is closed opens nothing.
    let mut alone = Alone::new();
    alone.press(&["o", "<esc>"]).send(Message::Sessions(vec![entry("a")]));
    alone.press(&["m"]).send(Message::Sessions(vec![entry("a")]));
    assert!(
        matches!(alone.app.windows.last(), Some(Window::Picker(picker)) if picker.items.is_empty() && picker.loading)
    );
}

#[test]
fn a_typed_path_is_taken_though_some_item_looks_like_it() {
    let mut alone = Alone::new();
    let entry = |name: &str| SessionEntry {
        name: name.to_owned(),
        title: String::new(),
        path: None,
        bundled: true,
        error: None,
    };
    alone.press(&["o"]).send(Message::Sessions(vec![entry("womens-march-zero-shot")]));
    // The letters of `march` stand in the item, but a path that ends in .toml does not mean it.
    alone.press(&["march.toml", "<enter>"]);
    assert_eq!(alone.app.opening.as_deref(), Some("march.toml"));
}

#[test]
fn help_is_scrolled_between_its_ends_and_closed_by_what_opened_it() {
    let mut alone = Alone::new();
    alone.press(&["?"]);
    let scroll = |alone: &Alone| match alone.app.windows.last() {
        Some(Window::Help { scroll }) => Some(*scroll),
        _ => None,
    };
    for _ in 0..60 {
        alone.press(&["<pagedown>"]);
    }
    let end = scroll(&alone).unwrap();
    assert!(end < 400, "one step up is {end} lines away");
    alone.press(&["g"]);
    assert_eq!(scroll(&alone), Some(0));
    alone.press(&["G"]);
    assert!(scroll(&alone).unwrap() > 20, "End goes to the last key");
    alone.press(&["?"]);
    assert!(alone.app.windows.is_empty());
    alone.press(&["?", "2"]);
    assert_eq!((alone.app.windows.len(), alone.app.view), (0, View::Evaluate));
}

#[test]
fn windows_stand_on_one_another() {
    let mut alone = Alone::new();
    alone.press(&["<tab>", "<tab>", "#", "<f1>"]);
    assert!(matches!(alone.app.windows[..], [Window::Input(_), Window::Help { .. }]));
    alone.press(&["<esc>", "3", "<esc>"]);
    assert!(alone.app.windows.is_empty());
    assert_eq!(alone.at(), (View::Prompt, Pane::Row));
}

#[test]
fn the_welcome_goes_with_any_key_that_then_does_its_work() {
    let mut alone = Alone::new();
    alone.app.windows.push(Window::Welcome);
    alone.press(&["2"]);
    assert_eq!((alone.app.windows.len(), alone.app.view), (0, View::Evaluate));
    assert!(alone.names().contains(&"welcomed"));
    for key in ["<enter>", "<esc>", "<space>"] {
        let mut alone = Alone::new();
        alone.app.windows.push(Window::Welcome);
        alone.press(&[key]);
        assert!(alone.app.windows.is_empty() && !alone.app.is_typing(), "{key}");
    }
}

#[test]
fn what_comes_while_the_welcome_is_up_waits_below_it() {
    // A question of unsaved work that comes while the welcome is read is not answered by the key that closes the welcome.
    let mut alone = Alone::new();
    let session = alone.app.session.as_ref().unwrap();
    let read = shotglass::app::message::SessionRead {
        file: session.file.clone(),
        session: session.saved.clone(),
        runs: session.runs.clone(),
        recovered: Some(shotglass::app::message::Unsaved {
            session: session.saved.clone(),
            time: "01 Jan 12:00".to_owned(),
            base_changed: true,
        }),
        versions: Vec::new(),
    };
    alone.app.windows.push(Window::Welcome);
    alone.send(Message::SessionRead(Box::new(read)));
    assert_eq!(alone.app.windows.len(), 2);
}

#[test]
fn the_probes_rows_are_listed_and_one_is_looked_at() {
    let mut alone = Alone::new();
    alone.press(&["<shift-tab>", "<enter>"]);
    assert!(matches!(alone.app.windows.last(), Some(Window::Flips { .. })));
    let order = alone.app.prompt.probe.order();
    alone.press(&["<down>", "<down>", "<enter>"]);
    assert_eq!(alone.app.row(), Some(alone.app.prompt.probe.rows[order[2]]));
    assert!(alone.app.windows.is_empty());
}

#[test]
fn the_timeline_is_walked_from_the_newest() {
    let mut alone = Alone::new();
    let mut version = alone.app.prompt.versions[0].clone();
    for number in 2..=40 {
        version.number = number;
        alone.app.prompt.versions.push(version.clone());
    }
    alone.app.prompt.version = Some(40);
    alone.press(&["v"]);
    let selected = |alone: &Alone| match alone.app.windows.last() {
        Some(Window::Timeline { selected, .. }) => *selected,
        _ => panic!(),
    };
    assert_eq!(selected(&alone), 39);
    alone.press(&["<up>", "<down>", "<down>"]);
    assert_eq!(selected(&alone), 37);
    alone.press(&["G"]);
    assert_eq!(selected(&alone), 0, "the last line is the oldest version");
    alone.press(&["g"]);
    assert_eq!(selected(&alone), 39, "the first line is the newest version");
    alone.press(&["v"]);
    assert!(alone.app.windows.is_empty());
    // Without a version there is nothing to walk.
    alone.app.prompt.versions.clear();
    alone.press(&["v"]);
    alone.hears("no version yet");
}
