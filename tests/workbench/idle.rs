//! At rest nothing wakes the loop: no turn is taken and no frame drawn in a minute of the runtime's own time, which stands
//! still while nothing waits for it.

use std::future::pending;
use std::time::Duration;

use shotglass::app::state::ModelState;
use shotglass::app::{App, Message};
use shotglass::engine::fake::Fake;
use shotglass::workbench::load_config;
use shotglass::workbench::stage::{Stage, now};
use shotglass::workbench::world::Place;

use crate::harness::{LARGE, Options, script, tokenizer, write};

/// Turns until nothing is to come any more, however long that takes by the clock that stands still.
async fn rest(stage: &mut Stage) {
    let begun = std::time::Instant::now();
    let is_busy =
        |app: &App| app.opening.is_some() || matches!(app.model, ModelState::Loading { .. } | ModelState::Absent);
    loop {
        let busy = is_busy(&stage.bench.app)
            || stage.bench.app.jobs.running().is_some()
            || stage.bench.app.recording
            || stage.bench.app.evaluate.preparing.is_some()
            || stage.bench.world.is_busy();
        let turned = tokio::time::timeout(Duration::from_millis(1), stage.turn(pending(), pending())).await.is_ok();
        stage.frames.take(now());
        let waits = stage.bench.app.deadline().is_some() || stage.frames.due(now()).is_some();
        if !(busy || turned || waits) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "this comes to no rest: {:?}", stage.bench.app.jobs);
        // The other threads' time is real.
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Turns and frames in a minute.
async fn minute(stage: &mut Stage) -> (usize, usize) {
    let (mut turns, mut frames) = (0, 0);
    let begun = tokio::time::Instant::now();
    let ended = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            stage.turn(pending(), pending()).await;
            turns += 1;
            frames += usize::from(stage.frames.take(now()));
        }
    });
    assert!(ended.await.is_err());
    assert_eq!(begun.elapsed(), Duration::from_secs(60));
    (turns, frames)
}

fn stage(name: &str, options: &Options) -> Stage {
    write(name, options);
    let config = load_config(None, true, false).unwrap();
    let engine = Box::new(Fake::new(options.script.clone(), tokenizer()));
    let mut stage = Stage::new(&format!("{name}/session.toml"), Place::default(), config, engine).unwrap();
    stage.bench.take(Message::Resize { width: LARGE.0, height: LARGE.1 }, now());
    stage
}

fn keys(stage: &mut Stage, keys: &[&str]) {
    for event in keys.iter().flat_map(|keys| crate::harness::events(keys)) {
        stage.bench.take(Message::Key(event), now());
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_minute_has_no_turn_and_no_frame() {
    let mut stage = stage("idle", &Options::default());
    rest(&mut stage).await;
    assert_eq!(minute(&mut stage).await, (0, 0));
    // In every view, with a window open, in the middle of typing, after a run, with a message that has gone.
    let macros: [&[&str]; 10] = [
        &["2"],
        &["3"],
        &["4"],
        &["6"],
        &["1", "?"],
        &["<esc>", ":"],
        &["<esc>", "e", "x"],
        &["<esc>", "<ctrl-r>"],
        &["T"],
        &["<ctrl-c>"],
    ];
    for macro_ in macros {
        keys(&mut stage, macro_);
        rest(&mut stage).await;
        assert_eq!(minute(&mut stage).await, (0, 0), "after {macro_:?}");
    }
    assert_eq!(stage.bench.app.run.as_ref().map(|run| run.rows.len()), Some(48));
}

#[tokio::test(start_paused = true)]
async fn nothing_wakes_where_something_is_wrong() {
    // A model that cannot be loaded, a template that cannot be rendered.
    let broken = shotglass::engine::fake::Script { load_error: Some("no such model".to_owned()), ..script() };
    let mut stage = stage("idle-broken", &Options { script: broken, ..Options::default() });
    rest(&mut stage).await;
    assert!(matches!(stage.bench.app.model, ModelState::Failed(_)));
    assert_eq!(minute(&mut stage).await, (0, 0));
    keys(&mut stage, &["e", "{{ nope }}"]);
    rest(&mut stage).await;
    assert!(stage.bench.app.prompt.problem.is_some());
    assert_eq!(minute(&mut stage).await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_waited_for_wakes_the_loop_just_then() {
    let mut stage = stage("idle-wakes", &Options::default());
    rest(&mut stage).await;
    keys(&mut stage, &["T"]);
    // The message goes after some seconds: a turn for that, another for the one frame that is due then.
    assert_eq!(minute(&mut stage).await, (2, 1));
    assert!(stage.bench.app.toasts.shown().is_empty());
}
