//! How a training is steered while it goes on.

use shotglass::train::Update;

use super::{request, start};

fn at_step(update: &Update, step: usize) -> bool {
    matches!(update, Update::Pace(pace) if pace.step == step && pace.evaluating.is_none())
}

#[test]
fn a_training_that_is_stopped_keeps_the_best_and_is_tested() {
    let folder = tempfile::tempdir().unwrap();
    let told = start(request(folder.path())).listen(|update, training| {
        if at_step(update, 2) {
            training.control.stop();
        }
    });
    let trained = told.end.as_ref().unwrap();
    assert!(trained.steps < 16 && trained.stopped.is_some());
    assert_eq!(told.test().logprobs.len(), 20);
    assert!(folder.path().join("best/model.safetensors").exists());
    assert!(told.changes().iter().any(|text| text.contains("stopped")));
}

#[test]
fn pause_waits_and_keeps_a_checkpoint_and_wishes_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let mut paused = false;
    let told = start(request(folder.path())).listen(|update, training| match update {
        update if at_step(update, 3) && !paused => {
            paused = true;
            training.control.pause(true);
        }
        Update::Changed { paused: true, step, .. } => {
            assert!(folder.path().join(format!("checkpoints/step-{step:08}/state.toml")).exists());
            training.control.set_learning_rate(2e-4);
            training.control.evaluate();
            training.control.pause(false);
        }
        _ => {}
    });
    told.end.as_ref().unwrap();
    let changes = told.changes();
    assert!(changes.contains(&"paused") && changes.contains(&"going on"), "{changes:?}");
    assert!(changes.iter().any(|text| text.contains("2e-4 instead of 1e-3")), "{changes:?}");
    // Two epochs, and the one wished for.
    let evaluations = told.updates.iter().filter(|update| matches!(update, Update::Evaluated(e) if !e.test)).count();
    assert_eq!(evaluations, 3);
    let last = told.updates.iter().rev().find_map(|update| match update {
        Update::Step(step) => Some(step.learning_rate),
        _ => None,
    });
    assert!(last.unwrap() < 2e-4);
}

#[test]
fn a_training_that_waits_can_be_broken_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path());
    request.control.pause(true);
    request.settings.epochs = 1;
    let told = start(request).listen(|update, training| {
        if matches!(update, Update::Changed { paused: true, .. }) {
            training.cancel.cancel();
        }
    });
    assert_eq!(told.refusal(), "cancelled");
}
