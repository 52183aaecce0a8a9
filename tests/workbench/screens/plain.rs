//! Without colour, and with ASCII alone: everything is still told.

use shotglass::app::Pane;
use shotglass::engine::fake::TrainScript;

use super::compare;
use crate::flows::kinds::twelve;
use crate::flows::training::{begin, scripted};
use crate::harness::{Desk, LARGE, Options, SMALL, has_color};

/// The screen with its styles at both sizes. No cell has a colour, and what is drawn is ASCII but for the user's own texts.
#[track_caller]
fn plain(name: &str, desk: &mut Desk) {
    for size in [SMALL, LARGE] {
        let cells = desk.cells(size);
        assert!(!has_color(&cells), "{name}: there is colour");
        let odd: Vec<&str> =
            cells.content.iter().map(|cell| cell.symbol()).filter(|symbol| !symbol.is_ascii()).collect();
        assert!(odd.is_empty(), "{name}: {odd:?}\n{}", desk.screen(size));
        compare(&format!("plain_{name}.{}x{}", size.0, size.1), &desk.styled(size));
    }
}

/// Texts of ASCII alone, for the sake of the check.
fn options() -> Options {
    let usual = Options::default();
    let data = usual.data.lines().map(|line| format!("{}\n", line.chars().filter(char::is_ascii).collect::<String>()));
    Options { data: data.collect(), color: false, ascii: true, ..usual }
}

#[test]
fn every_view_without_colour_and_in_ascii() {
    let mut desk = Desk::with("plain-views", options());
    desk.press(&["<ctrl-r>", "1", "e", "<ctrl-end>", " please", "<esc>"]);
    desk.focus(Pane::Demos);
    desk.press(&["+", "L"]);
    desk.quiet();
    plain("prompt", &mut desk);
    desk.focus(Pane::Answer);
    plain("answer", &mut desk);
    desk.press(&["2", "<down>"]);
    plain("evaluate", &mut desk);
    desk.press(&["<enter>", "<esc>", "x", "<down>", "#", "tag", "<enter>"]);
    desk.quiet();
    plain("rows", &mut desk);
    desk.press(&["<enter>"]);
    plain("detail", &mut desk);
    desk.press(&["<ctrl-r>", "6", "<space>", "<down>"]);
    desk.quiet();
    plain("runs", &mut desk);
}

#[test]
fn a_training_without_colour_and_in_ascii() {
    let train = TrainScript { warn_at: Some(20), ..TrainScript::default() };
    let usual = scripted(train);
    let mut desk = Desk::with("plain-train", Options { session: usual.session, script: usual.script, ..options() });
    desk.press(&["4"]);
    plain("train_empty", &mut desk);
    begin(&mut desk, 26);
    desk.quiet();
    plain("train", &mut desk);
    desk.press(&["<left>", "<left>", "L"]);
    plain("train_cursor", &mut desk);
    desk.focus(Pane::Metrics);
    plain("train_metrics", &mut desk);
}

#[test]
fn windows_without_colour_and_in_ascii() {
    let mut desk = Desk::with("plain-windows", options());
    desk.press(&["e", "<ctrl-end>", " please", "<esc>"]);
    desk.quiet();
    for (name, keys) in [
        ("help", &["?"][..]),
        ("palette", &[":", "run"]),
        ("question", &["q"]),
        ("next", &["n"]),
        ("timeline", &["v", "<down>"]),
    ] {
        desk.press(keys);
        plain(name, &mut desk);
        desk.press(&["<esc>"]);
    }
    desk.focus(Pane::Probe);
    desk.press(&["<enter>"]);
    plain("flips", &mut desk);
    desk.press(&["<esc>", "#", "99"]);
    plain("input", &mut desk);
    desk.press(&["<esc>"]);
    desk.focus(Pane::Template);
    desk.press(&["e", "{{ nope }}"]);
    plain("trouble", &mut desk);
    // A message of every kind.
    desk.press(&["<esc>", "<ctrl-r>", "T"]);
    desk.press(&["<ctrl-s>"]);
    plain("toasts", &mut desk);
}

#[test]
fn the_matrix_is_read_without_colour_and_with_twelve_classes() {
    let mut desk = Desk::with("plain-twelve", Options { color: false, ascii: true, ..twelve(LARGE) });
    desk.press(&["<ctrl-r>", "<down>", "<right>"]);
    desk.quiet();
    plain("twelve", &mut desk);
}

#[test]
fn without_colour_alone() {
    // Unicode without colour, as NO_COLOR has it.
    let mut desk = Desk::with("no-color", Options { color: false, ..Options::default() });
    desk.press(&["<ctrl-r>", "1", "e", "<ctrl-end>", " please", "<esc>"]);
    desk.quiet();
    for size in [SMALL, LARGE] {
        assert!(!has_color(&desk.cells(size)));
        compare(&format!("no_color.{}x{}", size.0, size.1), &desk.styled(size));
    }
}
