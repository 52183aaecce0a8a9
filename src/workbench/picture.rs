//! Pictures of the workbench: keys in, an SVG of the screen out, with the real engine and without a terminal.
//!
//! It works on a copy of the session. Times and speeds on the screen are those of this machine; everything else is the
//! same every time. Messages that come and go are left out, as is the welcome of the first start.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::app::effect::Wanted;
use crate::app::keymap::{Chord, ChordError, Keymap};
use crate::app::message::Message;
use crate::app::state::{DataState, Look, ModelState};
use crate::engine::Backend;
use crate::session::{SessionFile, runs};
use crate::ui;
use crate::ui::picture::{PictureColors, svg};
use crate::ui::theme::Theme;

use super::bench::log::State;
use super::bench::{BenchError, Scratch};
use super::stage::{Bench, now};
use super::world::{Incoming, Place};
use super::{Config, WorkbenchError, watch};

/// How long a wait may take: a model may have to be fetched.
const PATIENCE: Duration = Duration::from_secs(1800);
/// Time between two looks at what other threads say.
const LOOK: Duration = Duration::from_millis(2);
/// Nothing to do for so long is the end of it.
const CALM: Duration = Duration::from_millis(100);

/// What names the session's newest training.
pub const NEWEST: &str = "newest";

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It was stopped.
    #[error("cancelled")]
    Cancelled,
    /// The session, or its copy.
    #[error(transparent)]
    Session(#[from] BenchError),
    /// The workbench does not start.
    #[error(transparent)]
    Workbench(#[from] WorkbenchError),
    /// A key that is not known.
    #[error("--keys: {0}")]
    Chord(#[from] ChordError),
    /// Keys that cannot be read.
    #[error("--keys: {0}")]
    Keys(String),
    /// The session cannot be opened.
    #[error("{0}")]
    Open(String),
    /// A theme that is not bundled.
    #[error("--theme {name}: pictures are taken in a bundled theme: {}", Theme::names().join(", "))]
    Theme {
        /// As it was typed.
        name: String,
    },
    /// A training that cannot be shown.
    #[error("--training {name}: {reason}")]
    Training {
        /// As it was typed.
        name: String,
        /// Why not.
        reason: String,
    },
    /// There is no model.
    #[error("the model cannot be loaded: {0}")]
    Model(String),
    /// It takes too long.
    #[error("more than {} s for `{step}`", PATIENCE.as_secs())]
    Late {
        /// What was waited for.
        step: String,
    },
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key.
    Key(Chord),
    /// Characters that are typed.
    Text(String),
    /// Until nothing is at work any more.
    Wait,
    /// Until so many rows of the run are answered.
    Rows(usize),
    /// Until a training has done so many steps.
    Steps(usize),
}

/// What is on the picture.
pub struct Options {
    /// The session.
    pub session: String,
    /// Its keys that are overridden, as on the command line.
    pub overrides: Vec<String>,
    /// What is done before the picture is taken.
    pub keys: Vec<Step>,
    /// Columns and lines.
    pub size: (u16, u16),
    /// A bundled theme.
    pub theme: String,
    /// Letters only?
    pub ascii: bool,
    /// A training to show in view 4 before any key: its folder, or [`NEWEST`].
    pub training: Option<String>,
}

/// Reads keys as `tab ctrl-r "typed text" wait wait:100 step:20`.
///
/// # Errors
/// The first that is not known, or text without its closing quote.
pub fn parse(text: &str) -> Result<Vec<Step>, PictureError> {
    let mut steps = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let unclosed = || PictureError::Keys(format!("the text in {rest} has no closing quote"));
            let (typed, after) = quoted.split_once('"').ok_or_else(unclosed)?;
            steps.push(Step::Text(typed.to_owned()));
            rest = after.trim_start();
            continue;
        }
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        steps.push(match word.strip_prefix("wait") {
            Some("") => Step::Wait,
            Some(rows) if rows.starts_with(':') => {
                let number = rows.strip_prefix(':').and_then(|rows| rows.parse().ok());
                Step::Rows(number.ok_or_else(|| PictureError::Keys(format!("{word}: expected as in wait:100")))?)
            }
            None if word.starts_with("step:") => {
                let number = word.strip_prefix("step:").and_then(|steps| steps.parse().ok());
                Step::Steps(number.ok_or_else(|| PictureError::Keys(format!("{word}: expected as in step:20")))?)
            }
            _ => Step::Key(word.parse::<Chord>()?),
        });
        rest = after.trim_start();
    }
    Ok(steps)
}

/// Opens the session, does what is to be done, and draws. `goes_on` is asked all the time.
///
/// # Errors
/// The first thing that stands in the way.
pub fn take(options: &Options, backend: Box<dyn Backend>, goes_on: &dyn Fn() -> bool) -> Result<String, PictureError> {
    let themes: Vec<Theme> = Theme::names().into_iter().filter_map(Theme::preset).collect();
    let names: Vec<String> = themes.iter().map(|theme| theme.name.clone()).collect();
    let theme = names.iter().position(|name| *name == options.theme);
    let theme = theme.ok_or_else(|| PictureError::Theme { name: options.theme.clone() })?;
    let look = Look { ascii: options.ascii, themes: names, theme };
    let config = Config { keymap: Keymap::preset(), themes, look, notes: Vec::new() };
    let scratch = Scratch::new(&options.session, &options.overrides)?;
    let place = Place { overrides: scratch.parsed()?, out: None };
    let (bench, incoming) = Bench::new(&scratch.session(), place, config, backend, now())?;
    let mut sitter = Sitter { bench, incoming, goes_on };
    let (width, height) = options.size;
    sitter.take(Message::Resize { width, height });
    if let Some(name) = &options.training {
        sitter.show(&options.session, name)?;
    }
    for step in &options.keys {
        sitter.step(step)?;
    }
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let Bench { app, themes, .. } = &mut sitter.bench;
    app.toasts.clear();
    ui::layout::arrange(app);
    let cursor = ui::draw(&mut buffer, app, themes);
    // A terminal would show its cursor here.
    if let Some(cell) = cursor.and_then(|cursor| buffer.cell_mut(cursor)) {
        cell.modifier.toggle(Modifier::REVERSED);
    }
    let picture = svg(&buffer, &PictureColors::default());
    sitter.take(Message::Terminate);
    // What still writes to the copy ends first.
    drop(sitter);
    drop(scratch);
    Ok(picture)
}

fn typed(c: char) -> Chord {
    Chord { code: KeyCode::Char(c), modifiers: KeyModifiers::NONE }
}

/// Who sits for the picture.
struct Sitter<'g> {
    bench: Bench,
    incoming: UnboundedReceiver<Incoming>,
    goes_on: &'g dyn Fn() -> bool,
}

impl Sitter<'_> {
    fn take(&mut self, message: Message) {
        // What belongs to a terminal has none here.
        let _ = self.bench.take(message, now());
        // This is a copy: nothing of it is to be recovered.
        self.bench.app.timers.recovery = None;
        if let Some(session) = &mut self.bench.app.session {
            session.touched = false;
        }
    }

    /// Shows a training in view 4. The copy of the session has no runs: they are the session's own, and are only read.
    fn show(&mut self, session: &str, name: &str) -> Result<(), PictureError> {
        let wrong = |reason: String| PictureError::Training { name: name.to_owned(), reason };
        let folder = if name == NEWEST {
            let file = SessionFile::find(session).map_err(BenchError::from)?;
            let all = runs::list(&[file.runs().to_owned()]).into_iter().map(|entry| entry.path);
            all.into_iter().find(|path| watch::is_training(path)).ok_or_else(|| wrong("there is none".to_owned()))?
        } else {
            PathBuf::from(name)
        };
        let watched = watch::read(&folder).map(Box::new).map_err(wrong)?;
        // What is opened anew shows nothing of before.
        self.wait("the session", |bench| bench.app.prepared().is_some())?;
        self.take(Message::TrainingRead { path: folder, wanted: Wanted::Shown, watched: Ok(watched) });
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), PictureError> {
        match step {
            Step::Key(chord) => self.press(*chord),
            Step::Text(text) => text.chars().try_for_each(|c| self.press(typed(c))),
            Step::Wait => self.wait("wait", |bench| State::of(&bench.app) == State::Idle && !bench.world.is_busy()),
            Step::Rows(rows) => self.wait(&format!("wait:{rows}"), |bench| {
                bench.app.run.as_ref().is_some_and(|run| run.rows.len() >= *rows || !run.is_live())
            }),
            // One that ended before is as good as there.
            Step::Steps(steps) => self.wait(&format!("step:{steps}"), |bench| {
                let train = &bench.app.train;
                !train.beginning && train.shown.as_ref().is_none_or(|shown| shown.step() >= *steps || !train.live)
            }),
        }
    }

    fn press(&mut self, chord: Chord) -> Result<(), PictureError> {
        self.listen()?;
        self.take(Message::Key(KeyEvent::new(chord.code, chord.modifiers)));
        Ok(())
    }

    /// Takes what other threads have said and the moments that have come; whether there was anything.
    fn listen(&mut self) -> Result<bool, PictureError> {
        if !(self.goes_on)() {
            return Err(PictureError::Cancelled);
        }
        let mut any = false;
        while let Ok(incoming) = self.incoming.try_recv() {
            any = true;
            let message = self.bench.world.message(incoming);
            message.into_iter().for_each(|message| self.take(message));
        }
        if self.bench.app.deadline().is_some_and(|deadline| deadline <= now()) {
            any = true;
            self.take(Message::Time);
        }
        Ok(any)
    }

    /// Waits until what is wanted is so, and for a wait for nothing stays so.
    fn wait(&mut self, what: &str, wanted: impl Fn(&Bench) -> bool) -> Result<(), PictureError> {
        let start = Instant::now();
        let mut since: Option<Instant> = None;
        loop {
            let news = self.listen()?;
            if let ModelState::Failed(error) = &self.bench.app.model {
                return Err(PictureError::Model(error.clone()));
            }
            if let DataState::Failed(error) = &self.bench.app.data {
                return Err(PictureError::Open(error.clone()));
            }
            let so = wanted(&self.bench);
            since = if so && !news { since.or(Some(Instant::now())) } else { None };
            if so && (what != "wait" || since.is_some_and(|since| since.elapsed() >= CALM)) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(PictureError::Late { step: what.to_owned() });
            }
            thread::sleep(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        let key = |name: &str| Step::Key(name.parse().unwrap());
        let text = |text: &str| Step::Text(text.to_owned());
        let steps = parse(r#" tab ctrl-r "a b \"  wait wait:20 step:7 ? "#).unwrap();
        assert_eq!(
            steps,
            [key("tab"), key("ctrl-r"), text("a b \\"), Step::Wait, Step::Rows(20), Step::Steps(7), key("?")]
        );
        assert_eq!(parse("").unwrap(), []);
        for (keys, error) in
            [("tba", "unknown key `tba`"), ("\"a", "no closing quote"), ("wait:x", "wait:100"), ("step:", "step:20")]
        {
            let told = parse(keys).unwrap_err().to_string();
            assert!(told.starts_with("--keys: ") && told.contains(error), "{told}");
        }
    }
}
