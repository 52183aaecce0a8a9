//! View 1: typing, the quiet after it, other rows, pasting, the external editor, versions.

use std::time::Duration;

use crossterm::event::KeyEvent;
use shotglass::app::effect::Effect;
use shotglass::app::keymap::Chord;
use shotglass::app::sheet::Problem;
use shotglass::app::window::Window;
use shotglass::app::{Context, Message, Pane, View};
use shotglass::data::Split;

use crate::alone::Alone;

#[test]
fn the_probe_waits_for_150_ms_of_quiet_and_no_longer() {
    let mut alone = Alone::new();
    alone.press(&["e", "a"]).rendered();
    let quiet = |alone: &Alone| alone.app.timers.quiet.map(|at| at - alone.app.now);
    assert_eq!(quiet(&alone), Some(Duration::from_millis(150)));
    alone.wait(100).press(&["b"]).rendered();
    // Every key begins it anew.
    assert_eq!(quiet(&alone), Some(Duration::from_millis(150)));
    alone.wait(149);
    assert_eq!((alone.names(), alone.clock()), (vec![], 249));
    alone.wait(1);
    assert_eq!((alone.names(), alone.clock()), (vec!["score"], 250));
}

#[test]
fn keys_that_change_nothing_set_nothing_off() {
    let mut alone = Alone::new();
    let edit = alone.app.prompt.edit;
    alone.press(&["e", "<left>", "<up>", "<ctrl-home>", "<backspace>", "<shift-right>", "<esc>", "<down>"]);
    assert_eq!((alone.app.prompt.edit, alone.app.deadline()), (edit, None));
    assert!(!alone.app.session.as_ref().unwrap().is_dirty());
}

#[test]
fn every_edit_is_rendered_but_one_at_a_time() {
    let mut alone = Alone::new();
    alone.press(&["e", "abc"]);
    assert_eq!(alone.names(), ["render"]);
    alone.rendered();
    // The last of them; those between are of no interest any more.
    let Some(Effect::Render(request)) = alone.effects.first() else { panic!("{:?}", alone.names()) };
    assert!(request.prompt.template.starts_with("abc") && request.edit == alone.app.prompt.edit);
}

#[test]
fn a_template_that_cannot_be_rendered_says_where_and_is_not_probed() {
    let mut alone = Alone::new();
    alone.press(&["e", "{{ nope }}"]);
    let (edit, row) = (alone.app.prompt.edit, alone.app.row());
    let problem = Problem { message: "prompt.template:1:4: no column `nope`".to_owned(), place: Some((1, 4)) };
    // The rendering of the first key, then that of the last.
    alone.send(Message::Rendered { edit: edit - 9, row, sheet: Err(problem.clone()) });
    assert_eq!(alone.app.prompt.problem, None);
    alone.send(Message::Rendered { edit, row, sheet: Err(problem.clone()) });
    assert_eq!(alone.app.prompt.problem, Some(problem));
    alone.wait(150);
    assert!(alone.names().is_empty());
    alone.press(&["<ctrl-r>"]);
    alone.hears("no column `nope`");
    assert_eq!((alone.app.view, alone.names().contains(&"begin-run")), (View::Prompt, false));
    // Taken back, it is as it was.
    alone.press(&["<alt-z>"]).rendered();
    assert_eq!(alone.app.prompt.problem, None);
    alone.wait(150);
    assert_eq!(alone.names(), ["score"]);
}

#[test]
fn ctrl_c_has_nothing_to_cancel_while_the_template_cannot_be_rendered() {
    let mut alone = Alone::new();
    alone.press(&["e", "{{"]);
    for _ in 0..2 {
        let (edit, row) = (alone.app.prompt.edit, alone.app.row());
        alone.send(Message::Rendered { edit, row, sheet: Err(Problem { message: "no".to_owned(), place: None }) });
    }
    alone.wait(150).press(&["<ctrl-c>"]);
    alone.hears("nothing is running");
}

#[test]
fn undo_and_redo_in_the_text() {
    let mut alone = Alone::new();
    let before = alone.app.prompt.template.text().to_owned();
    // Word by word.
    alone.press(&["e", "one two", "<esc>", "u"]);
    assert_eq!(alone.app.prompt.template.text(), format!("one{before}"));
    alone.press(&["u"]);
    assert_eq!(alone.app.prompt.template.text(), before);
    assert!(!alone.app.session.as_ref().unwrap().is_dirty());
    alone.press(&["U", "U"]);
    assert_eq!(alone.app.prompt.template.text(), format!("one two{before}"));
    alone.press(&["e", "<ctrl-_>", "<ctrl-y>", "<alt-z>", "<alt-z>"]);
    assert_eq!(alone.app.prompt.template.text(), before);
}

#[test]
fn a_paste_is_one_step() {
    let mut alone = Alone::new();
    let before = alone.app.prompt.template.text().to_owned();
    let pasted = "Read carefully.\r\nq ? : \u{1b}[31m\n";
    let edit = alone.app.prompt.edit;
    alone.send(Message::Paste(pasted.to_owned()));
    assert_eq!(alone.app.prompt.edit, edit + 1);
    assert_eq!(alone.app.prompt.template.text(), format!("Read carefully.\nq ? : \u{1b}[31m\n{before}"));
    assert!(alone.app.is_typing() && alone.app.windows.is_empty());
    alone.press(&["<alt-z>"]);
    assert_eq!(alone.app.prompt.template.text(), before);
    // Elsewhere a paste is nothing, and no keys.
    alone.press(&["<esc>", "<tab>"]).send(Message::Paste("q".to_owned()));
    assert_eq!((alone.app.prompt.template.text(), alone.app.quitting), (before.as_str(), false));
    // In a window it goes to what is typed there, on one line.
    alone.press(&[":"]).send(Message::Paste("two\nlines".to_owned()));
    assert!(matches!(alone.app.windows.last(), Some(Window::Picker(picker)) if picker.input.text() == "two lines"));
}

#[test]
fn cut_copy_and_paste_within() {
    let mut alone = Alone::new();
    let before = alone.app.prompt.template.text().to_owned();
    alone.press(&["e", "<alt-a>", "<ctrl-x>"]);
    assert!(alone.names().contains(&"copy") && alone.app.prompt.template.text().is_empty());
    alone.press(&["<ctrl-v>"]);
    assert_eq!(alone.app.prompt.template.text(), before);
    alone.press(&["<ctrl-home>", "<shift-ctrl-right>", "<alt-c>"]);
    assert_eq!(alone.names(), ["copy"]);
    assert!(before.starts_with(&alone.app.clip) && !alone.app.clip.is_empty());
}

#[test]
fn find_goes_round() {
    let mut alone = Alone::new();
    alone.press(&["e", "<ctrl-f>", "the", "<enter>"]);
    let first = alone.app.prompt.template.selection().unwrap();
    alone.press(&["<alt-n>"]);
    let second = alone.app.prompt.template.selection().unwrap();
    assert_ne!(first, second);
    while alone.app.prompt.template.selection().unwrap() != first {
        alone.press(&["<alt-n>"]);
    }
    assert!(alone.app.is_typing());
    alone.press(&["<ctrl-f>", "<alt-a>", "xyzzy", "<enter>"]);
    alone.hears("`xyzzy` is not in the text");
}

#[test]
fn what_the_external_editor_brings_is_one_step() {
    let mut alone = Alone::new();
    let before = alone.app.prompt.template.text().to_owned();
    assert_eq!(alone.press(&["E"]).names(), ["edit"]);
    // Editors end a file with a line break; that alone is no change.
    let edit = alone.app.prompt.edit;
    alone.send(Message::Edited(Ok(Some(format!("{before}\n")))));
    assert_eq!((alone.app.prompt.edit, alone.app.prompt.template.text()), (edit, before.as_str()));
    alone.send(Message::Edited(Ok(Some("Something else: {{ text }}\n".to_owned()))));
    assert_eq!(alone.app.prompt.template.text(), "Something else: {{ text }}");
    alone.press(&["u"]);
    assert_eq!(alone.app.prompt.template.text(), before);
    alone.send(Message::Edited(Ok(None)));
    alone.hears("nothing was changed");
    alone.send(Message::Edited(Err("vi: not found".to_owned())));
    alone.hears("vi: not found");
}

#[test]
fn other_rows_are_rendered_and_answered() {
    let mut alone = Alone::new();
    let rows = alone.app.prepared().unwrap().data.split(Split::Validation).to_vec();
    assert_eq!(alone.app.row(), Some(rows[0]));
    alone.press(&["]"]);
    assert_eq!((alone.app.row(), alone.names()), (Some(rows[1]), vec!["render"]));
    // Holding the key answers only where it stops.
    alone.rendered().wait(20).press(&["]"]).rendered().wait(20).press(&["]"]).rendered();
    assert_eq!(alone.app.row(), Some(rows[3]));
    alone.wait(150);
    assert_eq!(alone.names(), ["score"]);
    let Some(Effect::Submit { work, .. }) = alone.effects.first() else { panic!() };
    assert!(matches!(&**work, shotglass::engine::Work::Score(request) if request.rows == [rows[3]]));
    alone.press(&["["]);
    assert_eq!(alone.app.row(), Some(rows[2]));
    // The ends hold.
    alone.press(&["<tab>", "<tab>", "G"]);
    assert_eq!(alone.app.row(), rows.last().copied());
    alone.press(&["]"]);
    assert_eq!(alone.app.row(), rows.last().copied());
    alone.press(&["g", "["]);
    assert_eq!(alone.app.row(), Some(rows[0]));
}

#[test]
fn a_row_by_its_number() {
    let mut alone = Alone::new();
    alone.press(&["<tab>", "<tab>", "#", "120", "<enter>"]);
    let Some(Window::Input(input)) = alone.app.windows.last() else { panic!() };
    assert_eq!(input.error.as_deref(), Some("a number from 0 to 119"));
    alone.press(&["<backspace>"]);
    assert!(matches!(alone.app.windows.last(), Some(Window::Input(input)) if input.error.is_none()));
    let train = alone.app.prepared().unwrap().data.split(Split::Train)[3];
    alone.press(&["<alt-a>", &train.to_string(), "<enter>"]);
    assert_eq!((alone.app.row(), alone.app.prompt.visitor), (Some(train), Some(train)));
    let own = alone.app.prepared().unwrap().data.split(Split::Validation)[7];
    alone.press(&["#", &own.to_string(), "<enter>"]);
    assert_eq!((alone.app.row(), alone.app.prompt.visitor, alone.app.prompt.at), (Some(own), None, 7));
}

#[test]
fn the_row_cannot_be_scrolled_out_of_sight() {
    let mut alone = Alone::new();
    alone.rest().press(&["<tab>", "<tab>"]);
    for _ in 0..40 {
        alone.press(&["<pagedown>"]);
    }
    // One page up must bring something back.
    assert!(alone.app.prompt.row_scroll < 40, "scrolled to line {}", alone.app.prompt.row_scroll);
}

#[test]
fn a_version_is_kept_walked_and_restored() {
    let mut alone = Alone::new();
    let first = alone.app.prompt.versions.last().unwrap().clone();
    assert_eq!(alone.app.prompt.version, Some(first.number));
    alone.press(&["e", "Politely: ", "<esc>"]).rest();
    let second = match alone.effects.iter().find(|effect| matches!(effect, Effect::Version { .. })) {
        Some(Effect::Version { version, .. }) => (**version).clone(),
        _ => panic!("no version is kept: {:?}", alone.names()),
    };
    assert!(second.prompt.template.starts_with("Politely") && second.probe.as_ref().unwrap().rows == 32);
    let edit = alone.app.prompt.edit;
    let version = shotglass::session::timeline::Version { number: first.number + 1, ..second };
    alone.send(Message::Versioned { edit, version: Box::new(version) });
    assert_eq!(alone.app.prompt.version, Some(first.number + 1));

    // The timeline stands on it; below it is the one before.
    alone.press(&["v", "<down>", "<enter>"]);
    assert_eq!(alone.app.prompt.template.text(), first.prompt.template);
    assert_eq!(alone.app.prompt.version, Some(first.number));
    alone.hears("v1 is back");
    // One step of undo, and no version twice.
    alone.press(&["u"]);
    assert!(alone.app.prompt.template.text().starts_with("Politely"));
    alone.rest();
    assert!(!alone.names().contains(&"version") && alone.app.prompt.version == Some(first.number + 1));

    // Walked with the arrows in the probe.
    alone.press(&["<shift-tab>", "<left>"]);
    assert_eq!((alone.app.pane(), alone.app.prompt.version), (Pane::Probe, Some(first.number)));
    alone.press(&["<left>", "<right>"]);
    assert_eq!(alone.app.prompt.version, Some(first.number + 1));
}

#[test]
fn figures_are_compared_with_what_was_accepted() {
    let mut alone = Alone::new();
    let accepted = alone.app.prompt.probe.accepted.clone().unwrap();
    alone.press(&["e", "x", "<esc>"]).rest();
    assert_eq!(alone.app.prompt.probe.accepted.as_ref(), Some(&accepted));
    assert!(alone.app.prompt.probe.flips() != (0, 0));
    let edit = alone.app.prompt.edit;
    let mut version = alone.app.prompt.versions[0].clone();
    (version.number, version.accepted) = (2, false);
    version.prompt = alone.app.spec().unwrap().clone();
    alone.send(Message::Versioned { edit, version: Box::new(version) }).press(&["a"]);
    alone.hears("v2 is accepted");
    assert_eq!(alone.names(), ["accept-version"]);
    assert_eq!(alone.app.prompt.probe.flips(), (0, 0));
    alone.press(&["e", "y", "<esc>", "a"]);
    alone.hears("the probe is not through with this prompt yet");
}

#[test]
fn no_key_breaks_a_session_that_is_not_opened_yet() {
    let keymap = Alone::unopened().app.keymap.clone();
    let chords: Vec<Chord> = Context::ALL
        .into_iter()
        .flat_map(|context| keymap.bindings(context).collect::<Vec<_>>())
        .map(|(chord, _)| chord)
        .collect();
    assert!(chords.len() > 100);
    for view in ["1", "2", "3", "6"] {
        let mut alone = Alone::unopened();
        for chord in &chords {
            alone.press(&[view]).send(Message::Key(KeyEvent::new(chord.code, chord.modifiers)));
            alone.press(&["<esc>", "<esc>"]).wait(3_000);
            alone.app.quitting = false;
        }
    }
}

#[test]
fn no_key_breaks_a_session_at_rest() {
    let keymap = Alone::new().app.keymap.clone();
    for context in Context::ALL {
        for (chord, _) in keymap.bindings(context) {
            for view in ["1", "2", "3", "6"] {
                let mut alone = Alone::new();
                alone.with_run("a").press(&[view]);
                for _ in 0..alone.app.panes().len() {
                    alone.send(Message::Key(KeyEvent::new(chord.code, chord.modifiers)));
                    alone.press(&["<down>", "<enter>", "<esc>", "<esc>", "<tab>"]);
                    alone.app.quitting = false;
                }
            }
        }
    }
}
