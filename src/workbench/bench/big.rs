//! Many rows and classes: what a key costs, from the state's update to the bytes of the frame, without terminal or engine.
//!
//! The data is read from a file by the data room, so that texts are cleaned and shown as always; the predictions are made
//! up. What listing costs on its own thread is not counted, what its result costs the interface is.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::layout::Size;
use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::app::keymap::Keymap;
use crate::app::message::Message;
use crate::app::run::{About, Run};
use crate::app::state::{DataState, Look};
use crate::data::Split;
use crate::engine::{Backend, EngineError, GenerateRequest, Job, ModelInfo, Outcome, ScoreRequest, Stats};
use crate::model::ModelSpec;
use crate::session::folder::Status;
use crate::session::predictions::Prediction;
use crate::term::Screen;
use crate::ui;
use crate::ui::theme::Theme;
use crate::workbench::Config;
use crate::workbench::stage::{Bench, now};
use crate::workbench::world::{Incoming, Place};

use super::{BenchError, SIZE, Spread, Watcher};

/// Rows of the run.
const ROWS: usize = 20_000;
/// Rows that come while it is looked at.
const BATCH: usize = 64;
/// Its labels.
const LABELS: [&str; 12] = [
    "economy",
    "health",
    "education",
    "environment",
    "housing",
    "transport",
    "migration",
    "security",
    "culture",
    "taxation",
    "agriculture",
    "technology",
];
const WORDS: [&str; 24] = [
    "the",
    "ferry",
    "harbour",
    "march",
    "we",
    "council",
    "promise",
    "never",
    "again",
    "tonight",
    "lanterns",
    "budget",
    "quay",
    "seven",
    "bell",
    "große",
    "Brücke",
    "naïve",
    "日本語",
    "👩‍🔬",
    "café",
    "queue",
    "https://a.example/x",
    "#savetheferry",
];
/// How long reading the file and listing may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Rows.
    pub rows: usize,
    /// Classes.
    pub classes: usize,
    /// Update and layout, for a key or for what came of it.
    pub big_update_ms: Spread,
    /// The whole frame: update, layout, drawing.
    pub big_frame_ms: Spread,
    /// What took longest.
    pub big_worst: String,
}

/// Reads the rows, then does everything that can be done to them.
pub(super) fn measure(watcher: &dyn Watcher) -> Result<Figures, BenchError> {
    watcher.tell(&format!("{ROWS} rows, {} classes", LABELS.len()));
    let folder = tempfile::Builder::new().prefix("shotglass-").tempdir();
    let folder = folder.map_err(BenchError::system("a temporary folder"))?;
    write(folder.path()).map_err(BenchError::system("the rows"))?;
    let mut table = Table::open(folder.path(), watcher)?;
    table.answer(watcher)?;
    keys(&mut table, watcher)?;
    table.figures()
}

/// Presses the keys.
fn keys(table: &mut Table, watcher: &dyn Watcher) -> Result<(), BenchError> {
    let again = |table: &mut Table, what, key, times| (0..times).try_for_each(|_| table.press(what, key, watcher));
    let (down, up) = (KeyCode::Down, KeyCode::Up);
    table.press("showing the rows", KeyCode::Char('3'), watcher)?;
    again(table, "scrolling", down, 200)?;
    again(table, "scrolling", up, 100)?;
    again(table, "paging", KeyCode::PageDown, 100)?;
    again(table, "paging", KeyCode::PageUp, 50)?;
    for _ in 0..20 {
        table.press("going to the end", KeyCode::End, watcher)?;
        table.press("going to the start", KeyCode::Home, watcher)?;
    }
    for _ in 0..3 {
        again(table, "sorting", KeyCode::Char('s'), 4)?;
        table.press("turning the order round", KeyCode::Char('S'), watcher)?;
        table.press("going to the end", KeyCode::End, watcher)?;
        again(table, "scrolling", up, 10)?;
    }
    for query in ["ferry harbour", "/fer+y.*(march|seven)/", "nothing has this", "/[a-z]+ [0-9]?/", "日本"] {
        table.press("filtering", KeyCode::Char('/'), watcher)?;
        for letter in query.chars() {
            table.press("filtering", KeyCode::Char(letter), watcher)?;
        }
        table.press("filtering", KeyCode::Enter, watcher)?;
        again(table, "scrolling", down, 10)?;
        table.press("leaving the filter", KeyCode::Esc, watcher)?;
    }
    again(table, "the ready filters", KeyCode::Char('f'), 5)?;
    for _ in 0..24 {
        table.press("showing the matrix", KeyCode::Char('2'), watcher)?;
        table.press("moving in the matrix", KeyCode::Right, watcher)?;
        table.press("moving in the matrix", down, watcher)?;
        table.press("opening a cell", KeyCode::Enter, watcher)?;
        again(table, "scrolling", down, 3)?;
    }
    table.press("leaving the filter", KeyCode::Esc, watcher)
}

/// What something cost.
struct Cost {
    what: &'static str,
    update: f64,
    frame: f64,
}

/// The workbench with its rows.
struct Table {
    bench: Bench,
    incoming: UnboundedReceiver<Incoming>,
    screen: Screen<io::Sink>,
    costs: Vec<Cost>,
}

impl Table {
    fn open(folder: &Path, watcher: &dyn Watcher) -> Result<Self, BenchError> {
        let failed = |reason: String| BenchError::System { what: "the workbench", reason };
        let session = folder.join("many.toml").display().to_string();
        let themes: Vec<Theme> = Theme::names().into_iter().filter_map(Theme::preset).collect();
        let names = themes.iter().map(|theme| theme.name.clone()).collect();
        let look = Look { ascii: false, themes: names, theme: 0 };
        let config = Config { keymap: Keymap::preset(), themes, look, notes: Vec::new() };
        let place = Place { overrides: Vec::new(), out: Some(folder.join("runs")) };
        let (bench, incoming) = Bench::new(&session, place, config, Box::new(NoEngine), now())
            .map_err(|error| failed(error.to_string()))?;
        let (width, height) = SIZE;
        let screen = Screen::new(io::sink(), Size { width, height }).map_err(BenchError::system("the screen"))?;
        let mut table = Self { bench, incoming, screen, costs: Vec::new() };
        table.bench.take(Message::Resize { width, height }, now());
        table.settle("opening", watcher)?;
        match &table.bench.app.data {
            DataState::Ready(_) => Ok(table),
            DataState::Failed(error) => Err(failed(error.clone())),
            _ => Err(BenchError::Nothing("the rows")),
        }
    }

    /// Puts a run on the screen that is answered but for its last rows, and has those come.
    fn answer(&mut self, watcher: &dyn Watcher) -> Result<(), BenchError> {
        let prepared = self.bench.app.prepared().cloned().ok_or(BenchError::Nothing("the rows"))?;
        let late = 10 * BATCH;
        let mut rows: Vec<Prediction> =
            (0..ROWS).map(|row| prediction(row, prepared.data.gold(row).unwrap_or(0))).collect();
        let last = rows.split_off(ROWS - late);
        let about = About {
            path: "runs/many".into(),
            name: "many".to_owned(),
            split: Split::Validation,
            total: ROWS,
            labels: prepared.data.labels().to_vec(),
            prepared: Some(Arc::clone(&prepared)),
            model: "none".to_owned(),
            model_sha256: String::new(),
        };
        self.bench.app.run = Some(Run::new(about, Status::Running, rows));
        // What was said of a model that is not there would lie over the rows.
        self.bench.app.toasts.clear();
        self.press("showing the rows", KeyCode::Char('3'), watcher)?;
        self.costs.clear();
        for rows in last.chunks(BATCH) {
            let tally = self.bench.app.run.as_ref().map(|run| run.tally).unwrap_or_default();
            let (rows, done) = (rows.to_vec(), tally.done + rows.len());
            let tally = crate::session::run::Tally { done, ..tally };
            self.take("answers that come", Message::Recorded { rows, tally, rate: 100.0 }, watcher)?;
        }
        if let Some(run) = &mut self.bench.app.run {
            run.status = Status::Finished;
        }
        Ok(())
    }

    fn press(&mut self, what: &'static str, key: KeyCode, watcher: &dyn Watcher) -> Result<(), BenchError> {
        self.take(what, Message::Key(KeyEvent::new(key, KeyModifiers::NONE)), watcher)
    }

    /// Takes a message, draws, and waits for what comes of it.
    fn take(&mut self, what: &'static str, message: Message, watcher: &dyn Watcher) -> Result<(), BenchError> {
        self.frame(what, |bench| {
            bench.take(message, now());
        })?;
        self.settle(what, watcher)
    }

    /// Takes what other threads say until they have nothing more to say; each is drawn.
    fn settle(&mut self, what: &'static str, watcher: &dyn Watcher) -> Result<(), BenchError> {
        let since = Instant::now();
        loop {
            watcher.check()?;
            // Asked before the queue is looked at: who is done has left his message.
            let busy = self.bench.world.is_busy();
            match self.incoming.try_recv() {
                Ok(incoming) => self.frame(what, |bench| {
                    bench.take_incoming(incoming, now());
                })?,
                Err(_) if !busy => return Ok(()),
                Err(_) if since.elapsed() > PATIENCE => {
                    return Err(BenchError::Late { what, seconds: PATIENCE.as_secs() });
                }
                Err(_) => std::thread::sleep(Duration::from_micros(200)),
            }
        }
    }

    fn frame(&mut self, what: &'static str, update: impl FnOnce(&mut Bench)) -> Result<(), BenchError> {
        let start = Instant::now();
        update(&mut self.bench);
        let updated = start.elapsed();
        let Bench { app, themes, .. } = &self.bench;
        let drawn = self.screen.draw(|frame| {
            if let Some(cursor) = ui::draw(frame.buffer_mut(), app, themes) {
                frame.set_cursor_position(cursor);
            }
        });
        drawn.map_err(BenchError::system("the screen"))?;
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        self.costs.push(Cost { what, update: millis(updated), frame: millis(start.elapsed()) });
        Ok(())
    }

    fn figures(&self) -> Result<Figures, BenchError> {
        let all = |of: fn(&Cost) -> f64| self.costs.iter().map(of).collect::<Vec<_>>();
        let worst =
            self.costs.iter().max_by(|a, b| a.frame.total_cmp(&b.frame)).ok_or(BenchError::Nothing("the rows"))?;
        Ok(Figures {
            rows: self.bench.app.run.as_ref().map_or(0, |run| run.rows.len()),
            classes: self.bench.app.labels().len(),
            big_update_ms: Spread::of(&all(|cost| cost.update), "the rows")?,
            big_frame_ms: Spread::of(&all(|cost| cost.frame), "the rows")?,
            big_worst: worst.what.to_owned(),
        })
    }
}

/// An engine that has no model: nothing here is about one.
struct NoEngine;

impl NoEngine {
    fn none<T>() -> Result<T, EngineError> {
        Err(EngineError::Bad("there is no engine".to_owned()))
    }
}

impl Backend for NoEngine {
    fn load(&mut self, _: &Job, _: &ModelSpec) -> Result<Arc<ModelInfo>, EngineError> {
        Self::none()
    }
    fn score(&mut self, _: &Job, _: &ScoreRequest) -> Result<Stats, EngineError> {
        Self::none()
    }
    fn generate(&mut self, _: &Job, _: &GenerateRequest) -> Result<Stats, EngineError> {
        Self::none()
    }
    fn next(&mut self, _: &Job, _: &str, _: usize) -> Result<Outcome, EngineError> {
        Self::none()
    }
}

/// Numbers that look drawn and are always the same.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX generator; its upper half is the better one.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    fn share(&mut self) -> f64 {
        self.below(1_000_000) as f64 / 1e6
    }
}

/// The session and its rows, texts of 3 to 45 words.
fn write(folder: &Path) -> io::Result<()> {
    let session = "version = 1\n\
        title = \"Many rows\"\n\
        [model]\nsource = \"./none\"\n\
        [data]\npath = \"many.csv\"\nlabel = \"topic\"\nclean = [\"urls\"]\n\
        [prompt]\ntemplate = \"Text: <{{ text }}>\\nTopic:\"\n";
    std::fs::write(folder.join("many.toml"), session)?;
    let mut file = io::BufWriter::new(std::fs::File::create(folder.join("many.csv"))?);
    writeln!(file, "text,topic")?;
    let mut draws = Draws(1);
    for row in 0..ROWS {
        let words: Vec<&str> =
            (0..3 + draws.below(43)).filter_map(|_| WORDS.get(draws.below(WORDS.len())).copied()).collect();
        let line_break = if row % 10 == 0 { "\n" } else { "" };
        let label = LABELS.get(row % LABELS.len()).copied().unwrap_or_default();
        writeln!(file, "\"{row}{line_break} {}\",{label}", words.join(" "))?;
    }
    file.flush()
}

/// The answer to a row: right for about two of three.
fn prediction(row: usize, gold: usize) -> Prediction {
    let mut draws = Draws(row as u64);
    draws.below(1);
    let best = if draws.below(3) > 0 { gold } else { draws.below(LABELS.len()) };
    let margin = draws.share() * 4.0;
    let label = |place: usize| LABELS.get(place).copied().unwrap_or_default().to_owned();
    let logprobs =
        (0..LABELS.len()).map(|place| Some(if place == best { -1.0 } else { -1.0 - margin - draws.share() }));
    Prediction {
        row,
        split: Split::Validation,
        gold: Some(label(gold)),
        predicted: label(best),
        answer: String::new(),
        margin: Some(margin),
        logprobs: logprobs.collect(),
        extra: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Goes on for so many questions.
    struct Until(Cell<usize>);

    impl Watcher for Until {
        fn goes_on(&self) -> bool {
            let left = self.0.get();
            self.0.set(left.saturating_sub(1));
            left > 0
        }
        fn tell(&self, _: &str) {}
    }

    #[test]
    fn all_rows_are_on_the_screen_and_every_key_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let watcher = Until(Cell::new(usize::MAX));
        let mut table = Table::open(folder.path(), &watcher).unwrap();
        table.answer(&watcher).unwrap();
        table.press("sorting", KeyCode::Char('s'), &watcher).unwrap();
        assert_eq!(table.bench.app.rows.listed.len(), ROWS);
        let figures = table.figures().unwrap();
        assert_eq!((figures.rows, figures.classes), (ROWS, LABELS.len()));
        assert!(figures.big_frame_ms.max >= figures.big_update_ms.max && figures.big_update_ms.p50 > 0.0);
    }

    #[test]
    fn it_can_be_stopped() {
        let stopped = measure(&Until(Cell::new(3)));
        assert!(matches!(stopped, Err(BenchError::Cancelled)), "{stopped:?}");
    }
}
