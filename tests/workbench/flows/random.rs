//! Keys in any order against the whole workbench: at rest everything must be answered, kept and shown as it is.

use std::collections::HashSet;
use std::fs;

use shotglass::app::run::Run;
use shotglass::app::window::Window;
use shotglass::session::predictions;

use super::training::options;
use crate::harness::{Desk, LARGE, Options, SMALL};

/// Macros that are pressed, without those that leave the program or the session or cancel what is at work.
const KEYS: [&str; 42] = [
    "<tab>",
    "<shift-tab>",
    "1",
    "2",
    "3",
    "4",
    "6",
    "M",
    "l",
    "<enter>",
    "<esc>",
    "<space>",
    "<down>",
    "<up>",
    "<left>",
    "<right>",
    "e",
    "a",
    "please",
    "{",
    "<backspace>",
    "<ctrl-w>",
    "u",
    "U",
    "]",
    "[",
    "<ctrl-r>",
    "<ctrl-s>",
    "d",
    "s",
    "+",
    "-",
    "L",
    "K",
    "x",
    "f",
    "v",
    "n",
    "r",
    "t",
    "<pagedown>",
    "g",
];

fn walk(name: &str, seed: u64, size: (u16, u16)) {
    let mut desk = Desk::with(name, Options { size, ..options() });
    let mut state = seed;
    let mut trail: Vec<&str> = Vec::new();
    for _ in 0..150 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let keys = KEYS[(state >> 33) as usize % KEYS.len()];
        if keys == "<esc>" && desk.app().windows.is_empty() && !desk.app().is_typing() {
            continue;
        }
        trail.push(keys);
        // Now and then the next key comes before anything has come of the last.
        desk.hit(&[keys]);
        if state >> 60 > 3 {
            desk.settle();
        }
        if matches!(desk.app().windows.last(), Some(Window::Question(_))) {
            desk.press(&["<esc>"]);
        }
        desk.wait(std::time::Duration::from_millis(state >> 52));
    }
    // One that was asked to wait goes on.
    if desk.app().train.pausing {
        desk.press(&["4", "<space>"]);
    }
    desk.settle();
    assert!(!desk.app().quitting, "{trail:?}");
    let app = desk.app();
    assert!(app.jobs.running().is_none() && !app.recording && !app.train.live, "{trail:?}");
    if app.prompt.problem.is_none() && app.model().is_some() {
        let now = (app.row().unwrap(), app.prompt.edit);
        assert!(
            app.prompt.probe.is_complete() && app.prompt.probe.edit == app.prompt.edit,
            "the probe is old: {trail:?}"
        );
        assert_eq!(
            (app.prompt.answer.of, app.prompt.answer.complete),
            (Some(now), true),
            "the answer is old: {trail:?}"
        );
        assert_eq!(app.prompt.answer.logprobs.len(), 2, "{trail:?}");
    }
    // Every run that is there can be read, and has no row twice.
    // A training that was broken off has none.
    for run in desk.runs().into_iter().filter(|run| run.join("predictions.csv").is_file()) {
        let kept = predictions::read(&run.join("predictions.csv")).unwrap();
        let rows: HashSet<usize> = kept.rows.iter().map(|row| row.row).collect();
        assert_eq!(rows.len(), kept.rows.len(), "{trail:?}");
    }
    // What is on the screen of a finished run is what is on the disk.
    let trained = |run: &&Run| run.about.path.join("metrics.csv").is_file();
    let own = app.evaluate.calibrate.shown.as_ref().map(|shown| &shown.own).or(app.run.as_ref());
    if let Some(run) = own.filter(|run| !trained(run)) {
        let report = fs::read_to_string(run.about.path.join("report.json")).ok();
        if let Some(report) = report {
            let report: serde_json::Value = serde_json::from_str(&report).unwrap();
            assert_eq!(report["accuracy"], run.report.as_ref().unwrap().accuracy, "{trail:?}");
        }
    }
    // And what is saved is what is there.
    desk.press(&["<esc>", "<esc>", "<esc>", "<ctrl-s>"]);
    let now = desk.app().session.as_ref().unwrap().now.clone();
    if desk.app().session.as_ref().unwrap().is_dirty() {
        panic!("not saved: {:?} {trail:?}", desk.told());
    }
    let desk = desk.reopen(&options());
    assert_eq!(desk.app().session.as_ref().unwrap().now.prompt, now.prompt, "{trail:?}");
}

#[test]
fn keys_in_any_order_come_to_rest_at_80_by_24() {
    for seed in 1..=4 {
        walk(&format!("random-small-{seed}"), seed, SMALL);
    }
}

#[test]
fn keys_in_any_order_come_to_rest_at_120_by_40() {
    for seed in 5..=8 {
        walk(&format!("random-large-{seed}"), seed, LARGE);
    }
}
