//! A training by keys, over the scripted engine: begun, steered, ended, seen again.

use std::fs;
use std::path::Path;

use shotglass::app::window::Window;
use shotglass::app::{App, Pane, View};
use shotglass::engine::fake::{Script, TrainScript};
use shotglass::session::folder::{Manifest, Status};

use crate::harness::{Desk, Options, script, session};

/// What the session says of training: twelve steps an epoch, a line of figures a step.
const TRAIN: &str =
    "\n[train]\nmodel = \"scripted-encoder\"\nepochs = 3\nbatch_size = 4\nlogging_steps = 1\nlearning_rate = 2e-5\n";

/// A workbench on a session that trains.
pub fn options() -> Options {
    Options { session: session("") + TRAIN, ..Options::default() }
}

/// The same with a training that is scripted otherwise.
pub fn scripted(train: TrainScript) -> Options {
    Options { script: Script { train, ..script() }, ..options() }
}

/// Steps done and kept.
fn step(app: &App) -> usize {
    app.train.shown.as_ref().map_or(0, |shown| shown.step())
}

/// Lets the training go on until so many steps are done and it stands still.
pub fn at(desk: &mut Desk, done: usize) {
    // Before it has told that it begins it stands at step 0 too.
    let begun = |app: &App| app.train.shown.as_ref().is_some_and(|shown| shown.started.is_some());
    desk.until("it stands still behind a step", |app| begun(app) && step(app) == done);
    let gate = desk.gate.clone();
    desk.until("the engine stands still", |_| gate.is_holding());
    desk.settle();
}

/// Begins a training that stands still once so many steps are done.
pub fn begin(desk: &mut Desk, done: usize) {
    desk.gate.hold_training(done);
    desk.hit(&["4", "<enter>"]);
    at(desk, done);
}

/// The steps of the events of a kind, as they are on the screen.
fn texts(desk: &Desk) -> Vec<String> {
    let shown = desk.app().train.shown.as_ref();
    shown.map(|shown| shown.lines.iter().map(|line| line.text.clone()).collect()).unwrap_or_default()
}

fn status(run: &Path) -> Status {
    Manifest::read(run).unwrap().status
}

#[test]
fn pause_go_on_another_rate_evaluate_and_stop_with_the_best() {
    let mut desk = Desk::with("train-steer", options());
    begin(&mut desk, 7);
    desk.sees("step 7/36");
    // Paused, it waits although the engine could go on.
    desk.hit(&["<space>"]);
    desk.gate.open();
    desk.until("it waits", |app| app.train.shown.as_ref().is_some_and(|shown| shown.paused));
    desk.settle();
    assert_eq!(step(desk.app()), 7);
    desk.sees("paused");
    // Other views say so too, and nothing else is begun meanwhile.
    desk.press(&["1", "e", "<ctrl-end>", " please", "<esc>"]);
    desk.sees("train");
    desk.sees("a training goes on: the probe waits");
    desk.press(&["2", "<ctrl-r>"]);
    desk.hears("a training goes on");
    assert_eq!(desk.runs().len(), 1);
    // Another learning rate, and an evaluation in the middle of an epoch.
    desk.press(&["4", "l", "5", "<enter>"]);
    desk.sees("a number between 0 and 1");
    desk.press(&["<backspace>", "1e-5", "<enter>", "e"]);
    desk.gate.hold_training(9);
    desk.hit(&["<space>"]);
    at(&mut desk, 9);
    assert!(texts(&desk).iter().any(|text| text == "learning rate 1.00e-5 instead of 2.00e-5"), "{:?}", texts(&desk));
    assert_eq!(desk.app().train.shown.as_ref().unwrap().evaluations[0].step, 8);
    // Stopped, it keeps the best and tests it.
    desk.hit(&["s"]);
    desk.gate.open();
    desk.settle();
    desk.hears("trained for 9 steps");
    let shown = desk.app().train.shown.as_ref().unwrap();
    assert!(shown.status == Status::Finished && shown.test.is_some() && !desk.app().train.live);
    let run = desk.only_run();
    assert_eq!(status(&run), Status::Finished);
    assert!(run.join("predictions.csv").is_file() && run.join("report.json").is_file());
    // What waited is done now.
    assert!(desk.app().prompt.probe.is_complete() && desk.app().prompt.probe.edit == desk.app().prompt.edit);
}

#[test]
fn a_whole_training_is_kept_and_opens_into_rows() {
    let mut desk = Desk::with("train-whole", options());
    desk.press(&["4", "<ctrl-r>"]);
    desk.hears("trained for 36 steps");
    let shown = desk.app().train.shown.clone().unwrap();
    assert_eq!((shown.evaluations.len(), shown.curve.len()), (3, 36));
    // The matrix is that of the test split now, and its cells open into rows.
    desk.press(&["M"]);
    assert_eq!((desk.app().view, desk.app().pane()), (View::Evaluate, Pane::Matrix));
    assert_eq!(desk.app().run.as_ref().map(|run| run.rows.len()), Some(24));
    desk.press(&["<enter>"]);
    assert_eq!(desk.app().view, View::Rows);
    assert!(!desk.app().rows.listed.is_empty());
    // Another program that opens it sees the same.
    let mut desk = desk.reopen(&options());
    assert!(desk.app().train.shown.is_none());
    desk.press(&["6", "<enter>"]);
    assert_eq!(desk.app().view, View::Train);
    let again = desk.app().train.shown.as_ref().unwrap();
    assert_eq!((again.status, again.step(), again.best), (Status::Finished, 36, shown.best));
    assert_eq!((&again.curve, &again.evaluations), (&shown.curve, &shown.evaluations));
    assert_eq!(again.test.map(|test| test.accuracy), shown.test.map(|test| test.accuracy));
    assert!(again.lines.len() >= shown.lines.len() - 1);
    desk.press(&["c"]);
    desk.hears("this training is finished");
    desk.press(&["<space>"]);
    desk.hears("no training goes on");
}

#[test]
fn the_last_evaluation_opens_while_it_goes_on() {
    let mut desk = Desk::with("train-matrix", options());
    begin(&mut desk, 5);
    desk.press(&["M"]);
    desk.hears("nothing is evaluated yet");
    desk.gate.hold_training(20);
    at(&mut desk, 20);
    desk.focus(Pane::Metrics);
    desk.press(&["<enter>"]);
    assert_eq!(desk.app().view, View::Evaluate);
    desk.sees("step 12");
    let shown = desk.app().train.shown.as_ref().unwrap().evaluations[0].accuracy;
    let run = desk.app().run.as_ref().unwrap();
    assert_eq!((run.rows.len(), run.report.as_ref().map(|report| report.accuracy)), (48, Some(shown)));
    desk.press(&["<enter>", "4"]);
    assert_eq!(desk.app().view, View::Train);
    desk.gate.open();
    desk.settle();
    desk.hears("trained for 36 steps");
}

#[test]
fn breaking_off_is_asked_first_and_can_go_on() {
    let mut desk = Desk::with("train-abort", options());
    begin(&mut desk, 15);
    // Esc ends nothing in passing.
    desk.press(&["<esc>", "<esc>", "<esc>"]);
    assert!(desk.app().train.live);
    desk.press(&["a"]);
    desk.sees("Break the training off?");
    desk.press(&["<enter>"]);
    assert!(desk.app().train.live && desk.app().windows.is_empty());
    desk.press(&["<ctrl-c>"]);
    desk.sees("End the training?");
    desk.press(&["a"]);
    desk.gate.open();
    desk.settle();
    desk.hears("c goes on with it");
    let run = desk.only_run();
    assert_eq!(status(&run), Status::Cancelled);
    desk.sees("broken off");
    // From the list of runs of another program it goes on from its checkpoint.
    let mut desk = desk.reopen(&options());
    desk.gate.hold_training(16);
    desk.hit(&["6", "c"]);
    at(&mut desk, 16);
    assert!(texts(&desk).iter().any(|text| text == "goes on from step 15 of 36"), "{:?}", texts(&desk));
    assert_eq!(desk.app().train.shown.as_ref().unwrap().curve.len(), 16);
    desk.gate.open();
    desk.settle();
    desk.hears("trained for 36 steps");
    assert_eq!((desk.only_run(), status(&run)), (run.clone(), Status::Finished));
}

#[test]
fn broken_off_before_anything_is_kept_it_leaves_nothing() {
    let mut desk = Desk::with("train-nothing", options());
    begin(&mut desk, 0);
    desk.hit(&["a", "a"]);
    desk.settle();
    desk.hears("nothing of it is kept");
    assert!(desk.runs().is_empty() && desk.app().train.shown.is_none());
    desk.quiet();
    desk.sees("No training yet");
}

#[test]
fn leaving_the_program_is_asked_and_keeps_a_checkpoint() {
    let mut desk = Desk::with("train-quit", options());
    begin(&mut desk, 15);
    // Leaving the view needs no question.
    desk.press(&["6", "1"]);
    assert!(desk.app().windows.is_empty() && desk.app().train.live);
    desk.press(&["q"]);
    desk.sees("Leave while a training goes on?");
    desk.press(&["<enter>"]);
    assert!(!desk.app().quitting && desk.app().train.live);
    desk.press(&["o", "train-steer/session.toml", "<enter>"]);
    desk.hears("a training goes on: stop it first");
    desk.hit(&["<ctrl-c>", "<ctrl-c>"]);
    assert!(matches!(desk.app().windows.last(), Some(Window::Question(_))));
    desk.hit(&["y"]);
    assert!(desk.app().quitting);
    let desk = desk.reopen(&options());
    let run = desk.only_run();
    assert_eq!(status(&run), Status::Cancelled);
    assert!(run.join("checkpoints/step-15").is_dir());
}

#[test]
fn a_failure_is_told_and_kept() {
    let script = TrainScript { fail_at: Some(14), ..TrainScript::default() };
    let mut desk = Desk::with("train-fails", scripted(script));
    desk.press(&["4", "<enter>"]);
    desk.hears("the training broke off: the script fails at step 14; c goes on with it");
    assert_eq!(status(&desk.only_run()), Status::Failed);
    desk.quiet();
    desk.sees("failed");
    // The engine lives on.
    desk.press(&["1", "e", "<ctrl-end>", " please", "<esc>"]);
    assert!(desk.app().prompt.probe.is_complete());
}

#[test]
fn what_cannot_be_kept_ends_the_training() {
    let mut desk = Desk::with("train-disk", options());
    begin(&mut desk, 13);
    // The last evaluation cannot be written any more.
    let run = desk.only_run();
    fs::remove_file(run.join("evaluation.csv")).unwrap();
    fs::create_dir_all(run.join("evaluation.csv/in-the-way")).unwrap();
    desk.gate.open();
    desk.settle();
    assert!(!desk.app().train.live);
    desk.hears("the training broke off");
    desk.hears("evaluation.csv");
    assert_eq!(status(&run), Status::Failed);
}

#[test]
fn a_session_without_the_section_says_how_to_add_it() {
    let mut desk = Desk::open("train-none");
    desk.press(&["4"]);
    desk.sees("This session trains nothing");
    desk.press(&["<enter>"]);
    desk.hears("[train]");
    assert!(desk.runs().is_empty() && !desk.app().train.beginning);
}

#[test]
fn a_training_of_another_process_is_followed_while_it_is_on_the_screen() {
    let mut desk = Desk::with("train-other", options());
    desk.press(&["4", "<enter>"]);
    desk.quiet();
    let run = desk.only_run();
    // As if somebody else were at it: the first half of its figures, and a manifest that says so.
    let whole = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let half: String = whole.lines().take(19).map(|line| format!("{line}\n")).collect();
    fs::write(run.join("metrics.csv"), &half).unwrap();
    let mut manifest = Manifest::read(&run).unwrap();
    manifest.set(Status::Running, None);
    manifest.write(&run).unwrap();
    let mut desk = desk.reopen(&options());
    // Without anybody at it, it was killed.
    desk.press(&["6", "<enter>"]);
    assert!(!desk.app().train.is_foreign());
    desk.sees("broken off");
    let lock = fs::File::open(run.join("predictions.csv")).unwrap();
    lock.lock().unwrap();
    desk.press(&["6"]);
    desk.hit(&["<enter>"]);
    desk.until("it is read", |app| app.train.is_foreign());
    assert!(desk.app().view == View::Train);
    let before = desk.app().train.shown.as_ref().unwrap().curve.len();
    desk.hit(&["<space>"]);
    desk.hears("another process");
    // What comes is seen a second later.
    fs::write(run.join("metrics.csv"), &whole).unwrap();
    desk.wait(std::time::Duration::from_secs(1));
    desk.until("it is read again", |app| app.train.shown.as_ref().is_some_and(|shown| shown.curve.len() > before));
    assert_eq!(desk.app().train.shown.as_ref().unwrap().curve.len(), 36);
    // In another view nothing is read.
    desk.hit(&["1"]);
    assert!(desk.app().timers.train.is_none());
    desk.hit(&["4"]);
    assert!(desk.app().timers.train.is_some());
    // Its end is seen too, and then it is left alone.
    manifest.set(Status::Finished, None);
    manifest.write(&run).unwrap();
    desk.wait(std::time::Duration::from_secs(1));
    desk.until("its end", |app| app.train.shown.as_ref().is_some_and(|shown| shown.status == Status::Finished));
    assert!(desk.app().timers.train.is_none());
}

#[test]
fn earlier_trainings_are_drawn_beside() {
    let mut desk = Desk::with("train-beside", options());
    desk.press(&["4", "b"]);
    desk.hears("no other training");
    desk.press(&["<enter>", "<ctrl-r>", "b", "<enter>"]);
    assert_eq!(desk.app().train.overlays.len(), 1);
    assert_ne!(desk.app().train.overlays[0].path, desk.app().train.shown.as_ref().unwrap().path);
    desk.press(&["b", "<enter>"]);
    assert!(desk.app().train.overlays.is_empty());
    // What is on the screen cannot be deleted while it goes on, afterwards it can.
    desk.press(&["b", "<enter>", "6", "g", "<down>", "D", "d"]);
    assert!(desk.app().train.overlays.is_empty());
    assert_eq!(desk.runs().len(), 1);
}
