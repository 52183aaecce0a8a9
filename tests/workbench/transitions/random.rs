//! Anything in any order: keys, clicks, sizes, and messages that come late. Nothing may panic, and what is shown must hang
//! together after each of them.

use crossterm::event::{KeyEvent, MouseButton, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use shotglass::app::effect::Effect;
use shotglass::app::keymap::Chord;
use shotglass::app::sift::sift;
use shotglass::app::training::Line;
use shotglass::app::{App, Context, Message, Pane};
use shotglass::engine::{Event, Work};
use shotglass::session::training::EventKind;
use shotglass::train::update::{Evaluation, Scores};
use shotglass::train::{Pace, Started, Step, Update};
use shotglass::ui;
use shotglass::ui::theme::Theme;

use crate::alone::{Alone, JOB, answer, failed, finished};
use crate::harness::mouse;
use crate::transitions::training::{self, watched};

/// xorshift: the same steps each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len())]
    }
}

/// Everything that is bound somewhere, and some of what is typed.
fn chords(app: &App) -> Vec<Chord> {
    let bound = Context::ALL.into_iter().flat_map(|context| app.keymap.bindings(context).collect::<Vec<_>>());
    let typed = ["a", "{", "}", "é", "港", "/", "7", "x"].map(|key| key.parse().unwrap());
    bound.map(|(chord, _)| chord).chain(typed).collect()
}

/// What must be so after every message.
fn check(app: &App, step: &str) {
    let inside = |place: usize, len: usize, what: &str| assert!(place < len.max(1), "{step}: {what} {place} of {len}");
    inside(app.rows.selected, app.rows.listed.len(), "row");
    inside(app.runs.selected, app.runs.entries.len(), "run");
    let (from, to) = app.train.window();
    assert!(
        from <= to && app.train.cursor.is_none_or(|cursor| from <= cursor && cursor <= to),
        "{step}: {from} to {to}"
    );
    inside(app.prompt.demos.selected, app.prompt.demos.list.len(), "demonstration");
    let (width, height) = app.size;
    let areas =
        app.areas.panes.iter().flat_map(|at| [at.outer, at.inner]).chain(app.areas.window).chain(app.areas.list);
    for area in areas.chain(app.areas.cells.iter().map(|(_, area)| *area)) {
        assert!(area.x + area.width <= width && area.y + area.height <= height, "{step}: {area:?} of {width}x{height}");
    }
    if let Some(run) = &app.run {
        inside(app.evaluate.cell.0, run.matrix_labels().len(), "cell");
        inside(app.evaluate.cell.1, run.matrix_labels().len(), "cell");
        assert!(app.rows.listed.iter().all(|place| (*place as usize) < run.rows.len()), "{step}: rows of another run");
    }
    assert!(app.panes().contains(&app.pane()), "{step}: {:?} has the focus", app.pane());
    assert!(!app.is_typing() || matches!(app.pane(), Pane::Template | Pane::System), "{step}");
    // What is written is what the session says.
    if let Some(session) = &app.session {
        assert_eq!(app.prompt.template.text(), session.now.prompt.template, "{step}");
    }
}

/// Takes one step; what it was comes back.
fn step(alone: &mut Alone, dice: &mut Dice, chords: &[Chord], pending: &mut Vec<Message>) -> String {
    let job = alone.app.jobs.running().copied();
    match dice.roll(20) {
        0..=9 => {
            let chord = *dice.of(chords);
            alone.send(Message::Key(KeyEvent::new(chord.code, chord.modifiers)));
            format!("key {chord}")
        }
        10..=12 => {
            let (x, y) = (dice.roll(125) as u16, dice.roll(42) as u16);
            let kinds = [
                MouseEventKind::Down(MouseButton::Left),
                MouseEventKind::Drag(MouseButton::Left),
                MouseEventKind::ScrollUp,
                MouseEventKind::ScrollDown,
            ];
            let kind = *dice.of(&kinds);
            alone.send(mouse(kind, x, y));
            format!("{kind:?} {x},{y}")
        }
        13 => {
            let size = *dice.of(&[(80, 24), (120, 40), (200, 50), (100, 30), (79, 24), (3, 3)]);
            alone.send(Message::Resize { width: size.0, height: size.1 });
            format!("{size:?}")
        }
        14 => {
            alone.wait(dice.roll(3000) as u64);
            "time".to_owned()
        }
        15 => {
            alone.send(Message::Paste("pasted {{ text }}\r\n".to_owned()));
            "paste".to_owned()
        }
        // What was asked for comes, in any order.
        16 | 17 if !pending.is_empty() => {
            let message = pending.swap_remove(dice.roll(pending.len()));
            alone.send(message);
            "an answer".to_owned()
        }
        _ => {
            let Some(job) = job else { return "nothing".to_owned() };
            let events = [
                Event::Scored { job: JOB, answers: vec![answer(0, [-0.5, -1.0])] },
                finished(),
                failed("broken"),
                told(dice),
                told(dice),
                Event::Cancelled { job: JOB },
            ];
            let event = dice.of(&events).clone();
            alone.engine(job.ticket, event);
            "an event".to_owned()
        }
    }
}

/// Something that a training may tell.
fn told(dice: &mut Dice) -> Event {
    let step = dice.roll(40);
    let loss = [0.5, 0.1, f64::NAN, 1e9, 0.0][dice.roll(5)];
    let update = match dice.roll(6) {
        0 => Update::Started(Box::new(Started { steps: 40, steps_per_epoch: 10, epochs: 4, ..Started::default() })),
        1 | 2 => Update::Step(Step { step, loss, grad_norm: loss, ..Step::default() }),
        3 => Update::Pace(Pace { step, loss, seconds_left: loss, ..Pace::default() }),
        4 => Update::Changed { step, text: "changed".to_owned(), paused: dice.roll(2) == 0 },
        _ => Update::Evaluated(Box::new(Evaluation {
            scores: Scores { step, loss, class_f1: vec![loss, 0.5], ..Scores::default() },
            best: dice.roll(2) == 0,
            test: dice.roll(4) == 0,
            ..Evaluation::default()
        })),
    };
    Event::Training { job: JOB, update }
}

/// What the world would answer to the effects of the last message.
fn answers(alone: &Alone) -> Vec<Message> {
    let mut messages = Vec::new();
    for effect in &alone.effects {
        messages.extend(match effect {
            Effect::Render(request) => {
                let sheet = shotglass::app::sheet::Sheet {
                    edit: request.edit,
                    row: request.row,
                    text: request.prompt.template.clone(),
                    demos: alone.app.prompt.demos.shown.clone(),
                    probe: vec![String::new(); request.probe.len()],
                    ..Default::default()
                };
                Some(Message::Rendered { edit: request.edit, row: request.row, sheet: Ok(Box::new(sheet)) })
            }
            Effect::Sift(request) => Some(Message::Sifted { revision: request.revision, listed: sift(request) }),
            Effect::FilterDemos { prepared, query } => {
                Some(Message::DemosFiltered(shotglass::app::sift::training_rows(prepared, query)))
            }
            Effect::Similar { row, .. } => Some(Message::Similar { row: *row, rows: vec![1, 2, 6] }),
            Effect::Draw { locked, .. } => Some(Message::Drawn(Ok(locked.clone()))),
            Effect::Detail { run, row, .. } => {
                Some(Message::Detail { run: run.clone(), row: *row, prompt: Ok("a prompt".to_owned()) })
            }
            Effect::RunWork => Some(Message::RunWork(Box::new(Work::Score(Default::default())))),
            Effect::BeginRun(_) => Some(Message::RunBegun(Ok(Box::new(alone.run("random", 3))))),
            Effect::EndRun(_) => Some(Message::RunEnded(Err(("cancelled".to_owned(), true)))),
            Effect::BeginTraining(_) => Some(Message::TrainingBegun(Ok(Box::new(watched("random"))))),
            Effect::TrainingWork => Some(Message::TrainingWork(Box::new(Work::Train(Default::default())))),
            Effect::RecordTraining(update) => Line::of(update, "12:00".to_owned()).map(Message::TrainingKept),
            Effect::EndTraining(end) => {
                let line = Line { time: String::new(), step: 0, kind: EventKind::Ended, text: String::new() };
                let end = end.clone().map(|_| "random".into()).map_err(|error| (error.to_string(), true));
                Some(Message::TrainingEnded { end, line })
            }
            Effect::ReadTraining { path, wanted } => Some(Message::TrainingRead {
                path: path.clone(),
                wanted: *wanted,
                watched: Ok(Box::new(watched("other"))),
            }),
            Effect::LoadEvaluation { path, .. } => {
                let run = Ok(Box::new(alone.run("random", 4)));
                Some(Message::RunLoaded { path: path.clone(), run, beside: false })
            }
            Effect::Compare { pair, texts } => {
                let lines = shotglass::text::diff::words(&texts.0, &texts.1);
                Some(Message::Compared { pair: pair.clone(), lines })
            }
            Effect::ListModels => Some(Message::Models(Ok(Vec::new()))),
            Effect::ListSessions(_) => Some(Message::Sessions(Vec::new())),
            Effect::Open(_) => Some(Message::OpenFailed("there is no such session".to_owned())),
            Effect::Save(saving) => Some(Message::Saved(Ok(Box::new(saving.file.clone())))),
            Effect::EditExternally(text) => Some(Message::Edited(Ok(Some(format!("{text}!"))))),
            _ => None,
        });
    }
    messages
}

#[test]
fn anything_in_any_order_breaks_nothing() {
    let themes: Vec<Theme> = Theme::names().into_iter().filter_map(Theme::preset).collect();
    for seed in 1..=40 {
        let mut dice = Dice(seed * 0x9e37_79b9_7f4a_7c15);
        let mut alone = training::alone();
        if seed % 2 == 0 {
            alone.with_run("a");
        }
        let chords = chords(&alone.app);
        let (mut pending, mut steps) = (Vec::new(), Vec::new());
        for at in 0..400 {
            steps.push(step(&mut alone, &mut dice, &chords, &mut pending));
            let trail = || format!("seed {seed}, step {at}: {}", steps[steps.len().saturating_sub(6)..].join(", "));
            check(&alone.app, &trail());
            pending.extend(answers(&alone));
            alone.app.quitting = false;
            let (width, height) = alone.app.size;
            ui::draw(&mut Buffer::empty(Rect::new(0, 0, width, height)), &alone.app, &themes);
        }
    }
}
