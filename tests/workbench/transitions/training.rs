//! A training, message by message: what the engine is given, what is kept, what waits meanwhile.

use std::path::PathBuf;

use shotglass::app::effect::{Effect, Steer, Wanted};
use shotglass::app::jobs::Purpose;
use shotglass::app::training::{Line, Watched};
use shotglass::app::{Message, Pane, View};
use shotglass::engine::{Event, Outcome, TrainRequest, Trained, Work};
use shotglass::session::folder::Status;
use shotglass::session::training::EventKind;
use shotglass::train::{Pace, Started, Step, TrainSpec, Update};

use crate::alone::{Alone, JOB, failed};

/// An opened session that trains.
pub fn alone() -> Alone {
    let mut alone = Alone::new();
    let session = alone.app.session.as_mut().unwrap();
    session.now.train = toml::from_str("model = \"scripted-encoder\"").ok();
    session.saved.train.clone_from(&session.now.train);
    alone
}

/// A training of which nothing was told yet.
pub fn watched(name: &str) -> Watched {
    let path = PathBuf::from("alone/session/runs").join(name);
    Watched::new(path, name.to_owned(), TrainSpec::default(), vec!["support".to_owned(), "oppose".to_owned()])
}

fn line() -> Line {
    Line { time: "12:00".to_owned(), step: 0, kind: EventKind::Ended, text: "finished".to_owned() }
}

fn work() -> Message {
    Message::TrainingWork(Box::new(Work::Train(Box::<TrainRequest>::default())))
}

/// A training in the engine.
fn begun() -> Alone {
    let mut alone = alone();
    alone.press(&["4", "<ctrl-r>"]);
    alone.send(Message::TrainingBegun(Ok(Box::new(watched("a")))));
    alone.send(work());
    alone
}

fn tells(alone: &mut Alone, update: Update) {
    let ticket = alone.ticket();
    alone.engine(ticket, Event::Training { job: JOB, update });
}

fn wishes(alone: &Alone) -> Vec<Steer> {
    let wish = |effect: &Effect| if let Effect::Steer(wish) = effect { Some(*wish) } else { None };
    alone.effects.iter().filter_map(wish).collect()
}

#[test]
fn it_begins_tells_and_ends() {
    let mut alone = alone();
    alone.press(&["4", "<ctrl-r>"]);
    assert_eq!(alone.names(), ["begin-training"]);
    alone.press(&["<ctrl-r>", "2", "<ctrl-r>"]);
    assert!(alone.names().is_empty(), "{:?}", alone.names());
    alone.hears("a training goes on");
    alone.send(Message::TrainingBegun(Ok(Box::new(watched("a")))));
    assert!(alone.names().contains(&"training-work"));
    alone.send(work());
    assert_eq!(alone.names(), ["train"]);
    // All but the pace is kept.
    tells(
        &mut alone,
        Update::Started(Box::new(Started { steps: 9, epochs: 3, steps_per_epoch: 3, ..Started::default() })),
    );
    assert_eq!(alone.names(), ["record-training"]);
    tells(&mut alone, Update::Step(Step { step: 1, loss: 0.5, ..Step::default() }));
    assert_eq!(alone.names(), ["record-training"]);
    tells(&mut alone, Update::Pace(Pace { step: 2, ..Pace::default() }));
    assert!(alone.names().is_empty());
    assert_eq!(alone.app.train.shown.as_ref().unwrap().share(), Some(2.0 / 9.0));
    let ticket = alone.ticket();
    alone.engine(ticket, Event::Finished { job: JOB, outcome: Outcome::Trained(Trained::default()) });
    assert_eq!(alone.names(), ["end-training"]);
    alone.send(Message::TrainingEnded { end: Ok(PathBuf::from("a")), line: line() });
    alone.hears("trained for 2 steps");
    assert!(!alone.app.train.live && alone.names().contains(&"list-runs"));
    assert_eq!(alone.app.train.shown.as_ref().unwrap().status, Status::Finished);
}

#[test]
fn loading_the_encoder_leaves_the_model_alone() {
    let mut alone = begun();
    let ticket = alone.ticket();
    let loading = Event::Loading { job: JOB, stage: "fetching".to_owned(), done: 1, total: Some(2) };
    alone.engine(ticket, loading);
    assert!(alone.app.model().is_some());
    assert_eq!(alone.app.train.shown.as_ref().unwrap().stage, Some(("fetching".to_owned(), 1, Some(2))));
}

#[test]
fn everything_else_waits_and_nothing_cancels_it() {
    let mut alone = begun();
    // An edit, an answer, another model, the next-token window, going back.
    alone.press(&["1"]);
    while alone.app.pane() != Pane::Template {
        alone.press(&["<tab>"]);
    }
    alone.press(&["e", "x", "<esc>", "n", "<esc>", "<esc>", "<esc>"]);
    alone.rendered().wait(200);
    alone.press(&["<tab>", "<tab>", "<enter>", "m", "another/model", "<enter>"]);
    assert!(alone.app.jobs.is_running(Purpose::Train), "{:?}", alone.app.jobs);
    assert!(!alone.names().contains(&"cancel") && !alone.names().contains(&"score"), "{:?}", alone.names());
    assert!(alone.app.jobs.wants(Purpose::Load) && alone.app.train.live);
    // A probe that is under way gives way and comes back, though.
    let ticket = alone.ticket();
    alone.engine(ticket, Event::Finished { job: JOB, outcome: Outcome::Trained(Trained::default()) });
    assert!(alone.names().contains(&"load"), "{:?}", alone.names());
}

#[test]
fn wishes_reach_the_training() {
    let mut alone = begun();
    alone.press(&["<space>", "<space>", "e", "l", "2e-5", "<enter>"]);
    let wished = [Steer::Pause(true), Steer::Pause(false), Steer::Evaluate, Steer::LearningRate(2e-5)];
    assert_eq!(wishes(&alone), wished);
    for wrong in ["0", "1", "-1e-5", "nan", "fast"] {
        alone.press(&["l", wrong, "<enter>"]);
        assert_eq!((wishes(&alone).len(), alone.app.windows.len()), (0, 1), "{wrong}");
        alone.press(&["<esc>"]);
    }
    alone.press(&["s"]);
    assert_eq!(wishes(&alone), [Steer::Stop]);
    // Asked for before the engine has it, they follow its work.
    let mut alone = self::alone();
    alone.press(&["4", "<ctrl-r>"]).send(Message::TrainingBegun(Ok(Box::new(watched("a")))));
    alone.press(&["<space>"]).send(work());
    assert_eq!(alone.names(), ["train", "steer"]);
}

#[test]
fn it_is_broken_off_wherever_it_is() {
    // In the engine.
    let mut alone = begun();
    alone.press(&["a", "a"]);
    assert_eq!(alone.names(), ["cancel"]);
    // What it still says of its checkpoint is kept.
    tells(&mut alone, Update::Saved { step: 1, path: PathBuf::new() });
    assert_eq!(alone.names(), ["record-training"]);
    let ticket = alone.ticket();
    alone.engine(ticket, Event::Cancelled { job: JOB });
    assert_eq!(alone.names(), ["end-training"]);
    alone.send(Message::TrainingEnded { end: Err(("cancelled".to_owned(), true)), line: line() });
    assert_eq!(alone.app.train.shown.as_ref().unwrap().status, Status::Cancelled);
    alone.press(&["c"]);
    assert_eq!(alone.names(), ["begin-training"]);

    // Before its work is there.
    let mut alone = self::alone();
    alone.press(&["4", "<ctrl-r>"]).send(Message::TrainingBegun(Ok(Box::new(watched("a")))));
    alone.press(&["<ctrl-c>", "a"]).send(work());
    assert_eq!(alone.names(), ["end-training"]);
    alone.send(Message::TrainingEnded { end: Err(("cancelled".to_owned(), false)), line: line() });
    assert!(alone.app.train.shown.is_none() && alone.app.jobs.is_idle());

    // When it cannot be kept any more.
    let mut alone = begun();
    alone.send(Message::TrainingFailed).send(Message::TrainingFailed);
    assert!(alone.app.jobs.running().unwrap().cancelled);
    // When it fails.
    let mut alone = begun();
    let ticket = alone.ticket();
    alone.engine(ticket, failed("out of memory"));
    assert_eq!(alone.names(), ["end-training"]);
    alone.send(Message::TrainingEnded { end: Err(("out of memory".to_owned(), true)), line: line() });
    alone.hears("out of memory");
}

#[test]
fn leaving_lets_the_engine_write_its_checkpoint() {
    let mut alone = begun();
    alone.press(&["q", "y"]);
    assert!(alone.app.quitting);
    // The recorder ends it once the engine has.
    assert!(alone.names().contains(&"cancel") && !alone.names().contains(&"end-training"), "{:?}", alone.names());
}

#[test]
fn trainings_of_others_are_read_again_while_they_are_seen() {
    let mut alone = alone();
    let path = watched("b").path;
    let read = |wanted| Message::TrainingRead { path: path.clone(), wanted, watched: Ok(Box::new(watched("b"))) };
    alone.send(read(Wanted::Shown));
    assert_eq!((alone.app.view, alone.app.timers.train.is_some()), (View::Train, true));
    alone.wait(1000);
    assert_eq!(alone.names(), ["read-training"]);
    // The next look comes a second behind the answer.
    assert!(alone.app.timers.train.is_none());
    alone.send(read(Wanted::Again));
    assert!(alone.app.timers.train.is_some());
    alone.press(&["1"]).wait(5000);
    assert!(alone.names().iter().all(|name| *name != "read-training"), "{:?}", alone.names());
    alone.press(&["4"]).wait(1000);
    let gone = Err("there is nothing".to_owned());
    alone.send(Message::TrainingRead { path: path.clone(), wanted: Wanted::Again, watched: gone });
    alone.hears("there is nothing");
    assert!(alone.app.timers.train.is_none());
    // One of our own takes its place, and is not replaced.
    alone.press(&["<ctrl-r>"]).send(Message::TrainingBegun(Ok(Box::new(watched("a")))));
    alone.send(read(Wanted::Shown));
    assert_eq!(alone.app.train.shown.as_ref().unwrap().name, "a");
    alone.send(read(Wanted::Beside)).send(read(Wanted::Beside));
    assert_eq!(alone.app.train.overlays.len(), 1);
}

#[test]
fn the_mouse_reads_and_zooms() {
    let mut alone = begun();
    tells(&mut alone, Update::Started(Box::new(Started { steps: 100, ..Started::default() })));
    for step in 1..=80 {
        tells(&mut alone, Update::Step(Step { step, loss: 1.0 / step as f64, ..Step::default() }));
    }
    let chart = alone.app.areas.chart.unwrap();
    alone.send(crate::harness::click(chart.x + chart.width / 2, chart.y + 2));
    let cursor = alone.app.train.cursor.unwrap();
    assert!((45..=55).contains(&cursor), "{cursor}");
    alone.send(crate::harness::click(chart.x + chart.width - 1, chart.y));
    assert_eq!(alone.app.train.cursor, Some(80));
    let kind = crossterm::event::MouseEventKind::ScrollUp;
    alone.send(crate::harness::mouse(kind, chart.x + 3, chart.y + 3));
    assert!(alone.app.train.is_zoomed());
    alone.press(&["<esc>"]);
    assert_eq!(alone.app.train.cursor, None);
}
