//! Every window, and the short messages.

use std::time::Duration;

use shotglass::app::toast::Tone;
use shotglass::app::window::Window;
use shotglass::app::{Message, Pane};
use shotglass::model::locate::CachedModel;

use super::{at, both};
use crate::harness::{Desk, LARGE, SMALL};

#[test]
fn the_welcome() {
    let mut desk = Desk::open("window-welcome");
    desk.bench.app.windows.push(Window::Welcome);
    both("welcome", &mut desk);
}

#[test]
fn help() {
    let mut desk = Desk::open("window-help");
    desk.press(&["?"]);
    both("help", &mut desk);
    desk.press(&["<pagedown>", "<pagedown>"]);
    both("help_below", &mut desk);
    desk.press(&["<esc>", "2", "?"]);
    at("help_of_the_matrix", &mut desk, SMALL);
}

#[test]
fn the_palette() {
    let mut desk = Desk::open("window-palette");
    desk.press(&[":"]);
    both("palette", &mut desk);
    desk.press(&["run"]);
    both("palette_filtered", &mut desk);
    desk.press(&["xyzzy"]);
    at("palette_nothing", &mut desk, SMALL);
}

#[test]
fn pickers() {
    let mut desk = Desk::open("window-pickers");
    desk.press(&["o"]);
    both("sessions", &mut desk);
    desk.press(&["some/where.toml"]);
    at("sessions_typed", &mut desk, SMALL);
    desk.press(&["<esc>"]);
    desk.resize(LARGE);
    desk.hit(&["m"]);
    at("models_looking", &mut desk, LARGE);
    // What is on this machine is another matter.
    desk.settle();
    let model = |id: &str, bytes: u64, origin: &str| CachedModel {
        id: id.to_owned(),
        path: id.into(),
        bytes,
        origin: origin.to_owned(),
    };
    let models = vec![
        model("HuggingFaceTB/SmolLM2-135M-Instruct", 97_800_000, "hub cache"),
        model("Qwen/Qwen2.5-1.5B", 3_087_000_000, "hub cache"),
        model("an-organisation-of-a-long-name/a-model-of-an-even-longer-name-that-does-not-fit-7B-Instruct", 1, "pip"),
    ];
    desk.take(Message::Models(Ok(models)));
    both("models", &mut desk);
}

#[test]
fn questions() {
    let mut desk = Desk::open("window-questions");
    desk.press(&["e", "x", "<esc>", "q"]);
    both("question_leave", &mut desk);
    desk.press(&["c", "o", "nowhere.toml", "<enter>"]);
    at("question_session", &mut desk, SMALL);
    desk.press(&["c", "2", "s", "test", "<enter>", "<ctrl-r>"]);
    at("question_test", &mut desk, SMALL);
    desk.press(&["n", "s", "validation", "<enter>", "<ctrl-r>", "6", "D"]);
    desk.quiet();
    both("question_delete", &mut desk);
}

#[test]
fn lines_of_input() {
    let mut desk = Desk::open("window-input");
    desk.focus(Pane::Row);
    desk.press(&["#", "5000"]);
    both("input", &mut desk);
    desk.press(&["<enter>"]);
    at("input_wrong", &mut desk, SMALL);
    desk.press(&["<alt-a>", &"a long line of input that is scrolled ".repeat(3)]);
    at("input_long", &mut desk, SMALL);
}

#[test]
fn the_next_token() {
    let mut desk = Desk::open("window-next");
    desk.hit(&["n"]);
    // Nothing was taken yet of what the engine says.
    at("next_computing", &mut desk, LARGE);
    desk.settle();
    both("next", &mut desk);
}

#[test]
fn versions_of_the_prompt() {
    let mut desk = Desk::open("window-timeline");
    for word in [" please", "!", " Now."] {
        desk.press(&["e", "<ctrl-end>", word, "<esc>"]);
    }
    desk.press(&["a"]);
    desk.quiet();
    desk.press(&["v", "<down>", "<down>"]);
    both("timeline", &mut desk);
}

#[test]
fn flips() {
    let mut desk = Desk::open("window-flips");
    desk.press(&["e", "<ctrl-end>", " please", "<esc>"]);
    desk.focus(Pane::Probe);
    desk.press(&["<enter>"]);
    both("flips", &mut desk);
}

#[test]
fn short_messages() {
    let mut desk = Desk::open("window-toasts");
    for (tone, text) in [
        (Tone::Info, "theme: dark"),
        (
            Tone::Good,
            "48 rows are answered: accuracy 0.750, macro-F1 0.734. Kept in sessions/few-shot/runs/20250101-120000-0000",
        ),
        (
            Tone::Bad,
            "sessions/few-shot/runs: cannot be written: Permission denied (os error 13); say where runs go with --out DIR",
        ),
        (Tone::Bad, &"a very long story of what went wrong ".repeat(12)),
    ] {
        desk.take(Message::Said(tone, text.to_owned()));
    }
    both("toasts", &mut desk);
    desk.wait(Duration::from_secs(6));
    at("toasts_later", &mut desk, SMALL);
}
