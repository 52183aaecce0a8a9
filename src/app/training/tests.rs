use std::path::PathBuf;

use super::*;
use crate::train::Step;

fn watched() -> Watched {
    let labels = vec!["yes".to_owned(), "no".to_owned()];
    Watched::new(PathBuf::from("runs/a"), "a".to_owned(), TrainSpec::default(), labels)
}

fn started(step: usize) -> Update {
    let started = Started { steps: 100, steps_per_epoch: 25, epochs: 4, step, ..Started::default() };
    Update::Started(Box::new(started))
}

fn step(step: usize) -> Update {
    Update::Step(Step { step, epoch: step as f64 / 25.0, loss: 1.0 / step as f64, ..Step::default() })
}

fn evaluated(step: usize, f1: f64, best: bool) -> Update {
    let scores = Scores { step, f1, ..Scores::default() };
    Update::Evaluated(Box::new(Evaluation { scores, best, ..Evaluation::default() }))
}

#[test]
fn what_a_training_tells_is_gathered() {
    let mut watched = watched();
    assert_eq!((watched.step(), watched.end(), watched.share()), (0, 0, None));
    watched.take(&started(0));
    assert_eq!((watched.step(), watched.end(), watched.share()), (0, 100, Some(0.0)));
    (1..=25).for_each(|at| watched.take(&step(at)));
    watched.take(&Update::Pace(Pace { step: 26, ..Pace::default() }));
    assert_eq!((watched.step(), watched.epoch()), (26, 1.04));
    watched.take(&evaluated(25, 0.8, true));
    watched.take(&evaluated(50, 0.7, false));
    assert_eq!(watched.best_scores().map(|scores| scores.f1), Some(0.8));
    // The same step evaluated again, by a training that goes on from before it.
    watched.take(&evaluated(50, 0.9, true));
    assert_eq!((watched.evaluations.len(), watched.best), (2, Some(50)));
    let scores = Scores { accuracy: 0.5, f1: 0.6, macro_f1: 0.4, ..Scores::default() };
    watched.take(&Update::Evaluated(Box::new(Evaluation { scores, test: true, ..Evaluation::default() })));
    assert_eq!(watched.test, Some(Test { accuracy: 0.5, f1: 0.6, macro_f1: 0.4 }));
    watched.take(&Update::Changed { step: 26, text: "paused".to_owned(), paused: true });
    assert!(watched.paused);
    watched.status = Status::Finished;
    assert_eq!(watched.end(), 50);
}

#[test]
fn one_that_goes_on_begins_with_what_was_logged() {
    let mut watched = watched();
    let history = vec![
        Figures::Train(Step { step: 1, loss: 0.5, ..Step::default() }),
        Figures::Eval(Scores { step: 1, ..Scores::default() }),
    ];
    let Update::Started(mut begun) = started(1) else { panic!() };
    begun.history = history;
    let update = Update::Started(begun);
    watched.take(&update);
    // Told again, nothing doubles.
    watched.take(&update);
    assert_eq!((watched.curve.len(), watched.evaluations.len(), watched.step()), (1, 1, 1));
    let line = Line::of(&update, "12:00".to_owned()).unwrap();
    assert_eq!(line.text, "goes on from step 1 of 100");
}

#[test]
fn histories_are_bounded_and_the_best_stays() {
    let mut watched = watched();
    watched.take(&evaluated(1, 0.9, true));
    (2..3000).for_each(|at| watched.take(&evaluated(at, 0.1, false)));
    assert!(watched.evaluations.len() <= MOST_EVALUATIONS);
    assert_eq!(watched.best_scores().map(|scores| scores.step), Some(1));
    let line = |step| Line { time: String::new(), step, kind: EventKind::Saved, text: String::new() };
    (0..2000).for_each(|at| watched.add(line(at)));
    assert_eq!((watched.lines.len(), watched.lines.back().map(|line| line.step)), (MOST_LINES, Some(1999)));
}

#[test]
fn the_window_follows_the_end_or_the_cursor() {
    let mut state = TrainState::default();
    assert_eq!(state.window(), (0, 1));
    let mut shown = watched();
    shown.take(&started(0));
    (1..=60).for_each(|at| shown.take(&step(at)));
    state.show(shown);
    assert_eq!(state.window(), (0, 100));
    state.zoom(true);
    assert_eq!(state.window(), (10, 60));
    // The first press puts the cursor at the last step.
    state.step_cursor(-1, 50);
    assert_eq!((state.cursor, state.window()), (Some(60), (10, 60)));
    state.step_cursor(isize::MIN, 50);
    assert_eq!((state.cursor, state.window()), (Some(0), (0, 50)));
    state.step_cursor(isize::MAX, 50);
    assert_eq!((state.cursor, state.window()), (Some(60), (10, 60)));
    (0..20).for_each(|_| state.zoom(true));
    let (from, to) = state.window();
    assert!(to - from == NARROWEST && from <= 60 && 60 <= to, "{from} {to}");
    (0..40).for_each(|_| state.zoom(false));
    assert_eq!((state.window(), state.is_zoomed()), ((0, 100), false));
    // Another training begins whole.
    state.zoom(true);
    state.show(Watched { path: PathBuf::from("runs/b"), ..watched() });
    assert_eq!((state.is_zoomed(), state.cursor), (false, None));
}

#[test]
fn smoothing_goes_from_none_to_nearly_all() {
    let mut state = TrainState::default();
    assert_eq!(state.strength(), 0.6);
    state.smooth(-9);
    assert_eq!(state.strength(), 0.0);
    state.smooth(99);
    assert_eq!(state.strength(), 0.99);
}
