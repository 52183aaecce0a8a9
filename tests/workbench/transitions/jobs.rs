//! What the engine is given to do: the urgent first, runs that give way, answers that come too late.

use shotglass::app::effect::Effect;
use shotglass::app::jobs::Purpose;
use shotglass::app::views::Place;
use shotglass::app::{Message, Pane, View};
use shotglass::engine::{Event, Work};

use crate::alone::{Alone, JOB, answer, failed, finished};

/// Presses a key in the template and waits for the quiet after it.
fn edit(alone: &mut Alone) {
    while alone.app.pane() != Pane::Template {
        alone.press(&["<tab>"]);
    }
    alone.press(&["e", "x", "<esc>"]);
    alone.rendered().wait(150);
}

#[test]
fn an_edit_asks_for_the_probes_head_then_the_answer_then_the_rest() {
    let mut alone = Alone::new();
    edit(&mut alone);
    assert_eq!(alone.names(), ["score"]);
    let head = alone.app.prompt.batch.clone();
    // The current row rides along.
    assert_eq!((head.first(), head.last()), (Some(&Place::Probe(0)), Some(&Place::Row)));
    assert!(head.len() < 12, "the first figures come from a few rows: {}", head.len());
    alone.finish();
    assert_eq!(alone.names(), ["generate"]);
    let ticket = alone.ticket();
    alone.engine(ticket, finished());
    assert_eq!(alone.names(), ["score"]);
    assert_eq!(head.len() - 1 + alone.app.prompt.batch.len(), alone.app.prompt.probe.rows.len());
    alone.finish();
    assert!(alone.app.jobs.is_idle() && alone.app.prompt.probe.is_complete());
    assert!(alone.names().contains(&"version"), "{:?}", alone.names());
}

#[test]
fn answers_of_an_older_prompt_are_dropped() {
    let mut alone = Alone::new();
    edit(&mut alone);
    let stale = alone.ticket();
    // Another key: the job is asked to stop, and what it still says is of no interest.
    alone.press(&["e", "y"]);
    assert_eq!(alone.names()[..1], ["cancel"], "{:?}", alone.names());
    let answers = (0..alone.app.prompt.batch.len()).map(|index| answer(index, [-9.0, -0.1])).collect();
    let (before, answered) = (alone.app.prompt.probe.now.clone(), alone.app.prompt.answer.clone());
    alone.engine(stale, Event::Scored { job: JOB, answers });
    assert_eq!((&alone.app.prompt.probe.now, &alone.app.prompt.answer), (&before, &answered));
    // Until it has stopped, nothing else is given to the engine.
    alone.rendered().wait(150);
    assert!(alone.names().iter().all(|name| *name != "score"), "{:?}", alone.names());
    alone.engine(stale, Event::Cancelled { job: JOB });
    assert_eq!(alone.names(), ["score"]);
    assert_ne!(alone.ticket(), stale);
    // And an event of it that comes after all finds nobody.
    alone.engine(stale, finished());
    assert!(alone.app.jobs.running().is_some() && alone.names().is_empty());
}

#[test]
fn a_job_that_finishes_although_it_was_asked_to_stop_counts_for_nothing() {
    let mut alone = Alone::new();
    edit(&mut alone);
    let stale = alone.ticket();
    alone.press(&["e", "y", "<esc>"]);
    alone.rendered().wait(150);
    alone.engine(stale, finished());
    // The probe of the newer prompt follows.
    assert_eq!(alone.names(), ["score"]);
    assert_eq!(alone.app.prompt.probe.done(), 0);
    alone.rest();
    assert!(alone.app.prompt.probe.is_complete() && alone.app.prompt.probe.edit == alone.app.prompt.edit);
}

#[test]
fn a_run_gives_way_to_the_probe_and_goes_on() {
    let mut alone = Alone::new();
    alone.begin("a");
    assert_eq!(alone.names(), ["score"]);
    let run = alone.ticket();
    alone.press(&["1"]);
    edit(&mut alone);
    assert!(alone.names().contains(&"cancel"), "{:?}", alone.names());
    assert!(alone.app.jobs.wants(Purpose::Run) && alone.app.recording);
    // What it has answered by then is kept.
    alone.engine(run, Event::Scored { job: JOB, answers: vec![answer(0, [-1.0, -2.0])] });
    assert_eq!(alone.names(), ["record"]);
    alone.engine(run, Event::Cancelled { job: JOB });
    assert_eq!(alone.names(), ["score"]);
    assert!(alone.app.jobs.is_running(Purpose::ProbeHead) && alone.app.recording);
    // Probe, answer, probe, and then the run again: what is left of it is asked of where it is kept.
    alone.finish();
    let stream = alone.ticket();
    alone.engine(stream, finished());
    alone.finish();
    assert!(alone.names().contains(&"run-work"), "{:?}", alone.names());
    alone.work();
    assert_eq!(alone.names(), ["score"]);
    let again = alone.ticket();
    assert!(again != run && alone.app.jobs.is_running(Purpose::Run));
    alone.engine(again, finished());
    assert_eq!(alone.names(), ["end-run"]);
}

#[test]
fn a_run_that_gives_way_before_its_work_is_there_goes_on_too() {
    let mut alone = Alone::new();
    alone.press(&["<ctrl-r>"]);
    let run = alone.run("a", 0);
    alone.send(Message::RunBegun(Ok(Box::new(run))));
    assert_eq!(alone.names().iter().filter(|name| **name == "run-work").count(), 1);
    // The work is still being written when the row is asked to be answered again.
    alone.press(&["1", "<tab>", "<tab>", "<enter>"]);
    alone.work();
    assert_eq!(alone.names(), ["score"]);
    assert!(alone.app.jobs.is_running(Purpose::Row) && alone.app.jobs.wants(Purpose::Run));
    for _ in 0..2 {
        let ticket = alone.ticket();
        alone.engine(ticket, finished());
    }
    assert_eq!(alone.names(), ["run-work"]);
    alone.work();
    assert!(alone.app.jobs.is_running(Purpose::Run));
}

#[test]
fn a_run_that_finishes_while_it_is_asked_to_give_way_is_finished() {
    let mut alone = Alone::new();
    alone.begin("a").press(&["1", "<tab>", "<tab>", "<enter>"]);
    let run = alone.app.jobs.running().unwrap().ticket;
    alone.engine(run, finished());
    assert_eq!(alone.names(), ["end-run", "score"]);
    assert!(!alone.app.jobs.wants(Purpose::Run));
}

#[test]
fn a_run_is_stopped_wherever_it_is() {
    // In the engine.
    let mut alone = Alone::new();
    alone.begin("a").press(&["<ctrl-c>"]);
    let run = alone.ticket();
    assert_eq!(alone.names(), ["cancel"]);
    alone.engine(run, Event::Cancelled { job: JOB });
    assert_eq!(alone.names(), ["end-run"]);

    // Waiting for the answer of a row.
    let mut alone = Alone::new();
    alone.begin("a").press(&["1", "<tab>", "<tab>", "<enter>"]);
    let run = alone.ticket();
    alone.engine(run, Event::Cancelled { job: JOB });
    alone.press(&["<ctrl-c>"]);
    assert_eq!(alone.names(), ["cancel", "end-run"]);
    assert!(!alone.app.jobs.wants(Purpose::Run));

    // Before its prompts are written.
    let mut alone = Alone::new();
    alone.press(&["<ctrl-r>", "<ctrl-c>"]);
    assert_eq!(alone.names(), ["begin-run", "stop-beginning"]);
    alone.send(Message::RunBegun(Err("cancelled".to_owned())));
    alone.hears("the run was not begun");
    assert!(!alone.app.recording && alone.app.evaluate.preparing.is_none());

    // While its work is being written out.
    let mut alone = Alone::new();
    alone.press(&["<ctrl-r>"]);
    let run = alone.run("a", 0);
    alone.send(Message::RunBegun(Ok(Box::new(run)))).press(&["<ctrl-c>"]).work();
    assert_eq!(alone.names(), ["end-run"]);
    assert!(alone.app.jobs.is_idle());
}

#[test]
fn what_gives_way_to_the_next_token_window_is_done_afterwards() {
    // The answer that was streaming.
    let mut alone = Alone::new();
    edit(&mut alone);
    alone.finish();
    assert!(alone.app.jobs.is_running(Purpose::Stream));
    let stream = alone.ticket();
    alone.press(&["n"]);
    assert_eq!(alone.names(), ["cancel"]);
    alone.engine(stream, Event::Cancelled { job: JOB });
    assert_eq!(alone.names(), ["next"]);
    let next = alone.ticket();
    alone.engine(next, finished());
    assert!(alone.app.jobs.is_running(Purpose::Stream), "the answer was broken off for good: {:?}", alone.app.jobs);

    // The probabilities of the row's labels.
    let mut alone = Alone::new();
    alone.press(&["<tab>", "<tab>", "<enter>"]);
    assert!(alone.app.jobs.is_running(Purpose::Row));
    let row = alone.ticket();
    alone.press(&["n"]).engine(row, Event::Cancelled { job: JOB });
    let next = alone.ticket();
    alone.engine(next, finished());
    assert!(alone.app.jobs.is_running(Purpose::Row), "the row is not answered any more: {:?}", alone.app.jobs);
}

#[test]
fn a_window_that_is_closed_wants_no_next_token_any_more() {
    let mut alone = Alone::new();
    alone.press(&["n"]);
    assert_eq!(alone.names(), ["next"]);
    alone.press(&["<esc>"]);
    assert_eq!(alone.names(), ["cancel"]);
    let next = alone.ticket();
    alone.engine(next, Event::Cancelled { job: JOB });
    assert!(alone.app.jobs.is_idle());
}

#[test]
fn failures_are_told_where_they_belong() {
    let mut alone = Alone::new();
    alone.press(&["<tab>", "<tab>", "<enter>"]);
    let row = alone.ticket();
    alone.engine(row, failed("out of memory"));
    assert_eq!(alone.app.prompt.answer.error.as_deref(), Some("out of memory"));
    // Its failure ended the row, not the program: the next edit is answered.
    edit(&mut alone);
    alone.rest();
    assert_eq!(alone.app.prompt.answer.error, None);

    edit(&mut alone);
    let probe = alone.ticket();
    alone.engine(probe, failed("out of memory"));
    alone.hears("the probe: out of memory");

    let mut alone = Alone::new();
    alone.press(&["n"]);
    let next = alone.ticket();
    alone.engine(next, failed("too long"));
    assert!(
        matches!(alone.app.windows.last(), Some(shotglass::app::window::Window::Next(next)) if next.error.as_deref() == Some("too long"))
    );

    let mut alone = Alone::new();
    alone.begin("a");
    let run = alone.ticket();
    alone.engine(run, failed("the device is gone"));
    assert_eq!(alone.names(), ["end-run"]);
}

#[test]
fn a_job_that_the_engine_refuses_is_no_job() {
    let mut alone = Alone::new();
    alone.press(&["<tab>", "<tab>", "<enter>"]);
    let ticket = alone.ticket();
    alone.send(Message::Refused { ticket, error: "too much to do".to_owned() });
    assert_eq!(alone.app.prompt.answer.error.as_deref(), Some("too much to do"));
    assert!(!alone.app.jobs.is_running(Purpose::Row));
}

#[test]
fn work_waits_for_the_model() {
    let mut alone = Alone::new();
    alone.press(&["m"]).send(Message::Models(Ok(Vec::new())));
    alone.press(&["another/model", "<enter>"]);
    let names = alone.names();
    assert!(names.contains(&"load"), "{names:?}");
    let load = alone.ticket();
    alone.rendered().wait(150);
    assert!(alone.names().iter().all(|name| !["score", "generate"].contains(name)), "{:?}", alone.names());
    let model = Alone::new().app.model().unwrap().clone();
    alone.engine(load, Event::Ready { job: JOB, model });
    alone.engine(load, finished());
    assert_eq!(alone.names(), ["score"]);
    // What was begun then is not begun again a moment later.
    alone.wait(0);
    assert_eq!(alone.names(), [""; 0]);
}

#[test]
fn a_run_asked_for_without_a_model_waits_for_it_and_is_forgotten_when_it_cannot_be_had() {
    let mut alone = Alone::new();
    alone.press(&["m"]).send(Message::Models(Ok(Vec::new())));
    alone.press(&["slow/model", "<enter>", "<ctrl-r>"]);
    alone.hears("as soon as the model is there");
    let load = alone.ticket();
    alone.engine(load, failed("no such model"));
    alone.hears("no such model");
    // Another one, much later: nobody thinks of that run any more.
    alone.wait(60_000).press(&["m"]).send(Message::Models(Ok(Vec::new())));
    alone.press(&["good/model", "<enter>"]);
    let load = alone.ticket();
    let model = Alone::new().app.model().unwrap().clone();
    alone.engine(load, Event::Ready { job: JOB, model });
    assert!(!alone.names().contains(&"begin-run"), "a run begins that nobody asked for now");
    assert_eq!(alone.app.view, View::Prompt);
}

#[test]
fn a_run_asked_for_without_any_model_says_so() {
    let mut alone = Alone::new();
    alone.press(&["m"]).send(Message::Models(Ok(Vec::new())));
    alone.press(&["bad/model", "<enter>"]);
    let load = alone.ticket();
    alone.engine(load, failed("no such model"));
    alone.wait(60_000).press(&["<ctrl-r>"]);
    assert!(!alone.names().contains(&"begin-run"));
    // It will not come by itself: a model must be picked.
    assert!(alone.told().iter().any(|told| told.contains("pick") || told.contains("m ")), "{:?}", alone.told());
}

#[test]
fn the_engine_gets_the_prompts_that_were_rendered() {
    let mut alone = Alone::new();
    edit(&mut alone);
    let effects = std::mem::take(&mut alone.effects);
    let Some(Effect::Submit { work, .. }) = effects.into_iter().next() else { panic!("nothing is submitted") };
    let Work::Score(request) = *work else { panic!("{work:?}") };
    assert_eq!(request.labels, ["support", "oppose"]);
    assert_eq!(request.prompts.len(), request.rows.len());
    let expected: Vec<String> = request.rows.iter().map(|row| format!("prompt {row}")).collect();
    let (row, head) = request.prompts.split_last().unwrap();
    assert_eq!((head, row.as_str()), (&expected[..head.len()], "the prompt"));
}
