//! The workbench at work: the loop that ties state, screen and world together.
//!
//! The loop waits for whatever comes first: a key, a message of the world, a moment that the state waits for, a frame that
//! is due. It takes all that is there, then draws once. While nothing happens it sleeps. [`world`] carries effects out,
//! [`recorder`] keeps runs and trainings, [`watch`] reads trainings, [`scribe`] renders prompts, [`open`] reads and writes sessions; [`bench`] measures frames.

pub mod bench;
mod config;
mod contrast;
mod mailbox;
mod open;
pub mod picture;
mod queue;
mod recorder;
mod scribe;

pub mod stage;
mod watch;
mod welcome;
pub mod world;

use std::io;
use std::time::Duration;

use crate::app::message::Message;
use crate::app::toast::Tone;
use crate::app::window::Window;
use crate::engine::Backend;
use crate::term::{self, Clipboard, Guard, Input, Inputs, Urgency};
use crate::ui;

pub use config::{Config, ConfigError, load as load_config};
use stage::{Bench, Stage, now};
use world::{Place, Screen};

/// How long the end of the program waits for the engine to notice.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why the workbench cannot be opened, or ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    /// The terminal.
    #[error("{0}")]
    Terminal(#[from] io::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] crate::engine::EngineError),
}

/// What the command line asks for.
pub struct Options {
    /// The session to open.
    pub session: String,
    /// Overrides, and where runs go.
    pub place: Place,
    /// Keymap, themes and how things are shown.
    pub config: Config,
    /// Whether the mouse is asked for.
    pub mouse: bool,
}

/// Opens the workbench and stays until it is left.
pub fn run(options: Options, backend: Box<dyn Backend>) -> Result<(), WorkbenchError> {
    term::install_panic_hook();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = {
        let guard = Guard::enter(term::Options { mouse: options.mouse, ..term::Options::default() })?;
        runtime.block_on(main_loop(options, backend, guard))
    };
    runtime.shutdown_timeout(PATIENCE);
    ended
}

async fn main_loop(options: Options, backend: Box<dyn Backend>, mut guard: Guard) -> Result<(), WorkbenchError> {
    // Listening for changes of the size comes before looking at it.
    let mut inputs = Inputs::new()?;
    let mut screen = term::Screen::stdout()?;
    let mut stage = Stage::new(&options.session, options.place, options.config, backend)?;
    if welcome::is_due() {
        stage.bench.app.windows.push(Window::Welcome);
    }
    let size = screen.size();
    stage.bench.take(Message::Resize { width: size.width, height: size.height }, now());
    let mut hands = Hands { clipboard: Clipboard::new(), copied: None };
    let mut log = bench::FrameLog::from_env();
    while !stage.bench.app.quitting {
        let (input, mut left) = stage.turn(inputs.next(), hands.told()).await;
        let mut next = input;
        while let Some(input) = next.take() {
            log.input();
            left.extend(hands.input(input, &mut stage, &mut guard, &mut screen)?);
            next = inputs.ready();
        }
        for effect in left {
            hands.carry(effect, &mut stage, &mut guard, &mut screen, &mut inputs)?;
        }
        if stage.frames.take(now()) {
            match draw(&stage.bench, &mut screen) {
                Ok(()) => log.frame(&stage.bench.app, screen.bytes().last),
                Err(error) => {
                    // The terminal is gone: unsaved work is kept, as at a signal to end.
                    tracing::error!(%error, "the terminal takes no more");
                    stage.bench.take(Message::Terminate, now());
                }
            }
        }
    }
    // The terminal is given back before the world ends: that can wait for a batch of the engine.
    drop(screen);
    Ok(guard.restore()?)
}

fn draw<W: io::Write>(bench: &Bench, screen: &mut term::Screen<W>) -> io::Result<()> {
    screen.draw(|frame| {
        let cursor = ui::draw(frame.buffer_mut(), &bench.app, &bench.themes);
        if let Some(cursor) = cursor {
            frame.set_cursor_position(cursor);
        }
    })
}

/// What the loop holds beside state and terminal.
struct Hands {
    clipboard: Clipboard,
    copied: Option<tokio::sync::oneshot::Receiver<String>>,
}

impl Hands {
    /// What became of a copy, once that is known.
    async fn told(&mut self) -> Option<Message> {
        let Some(copied) = &mut self.copied else { return std::future::pending().await };
        let told = copied.await;
        self.copied = None;
        told.ok().map(|text| Message::Said(Tone::Info, text))
    }

    fn input(
        &mut self,
        input: Input,
        stage: &mut Stage,
        guard: &mut Guard,
        screen: &mut term::Screen,
    ) -> io::Result<Vec<Screen>> {
        stage.frames.request(Urgency::Now, now());
        let message = match input {
            Input::Key(key) => Message::Key(key),
            Input::Mouse(mouse) => Message::Mouse(mouse),
            Input::Paste(text) => Message::Paste(text),
            Input::Resize(size) => {
                screen.resize(size);
                Message::Resize { width: size.width, height: size.height }
            }
            Input::FocusGained | Input::FocusLost => return Ok(Vec::new()),
            Input::Interrupt | Input::Terminate => Message::Terminate,
            Input::SuspendRequested => return Ok(vec![Screen::Suspend]),
            Input::Continued => {
                guard.refresh()?;
                let size = screen.reset()?;
                Message::Resize { width: size.width, height: size.height }
            }
        };
        Ok(stage.bench.take(message, now()))
    }

    /// Does what belongs to the terminal.
    fn carry(
        &mut self,
        effect: Screen,
        stage: &mut Stage,
        guard: &mut Guard,
        screen: &mut term::Screen,
        inputs: &mut Inputs,
    ) -> io::Result<()> {
        let again = |stage: &mut Stage, screen: &mut term::Screen| {
            let size = screen.reset()?;
            stage.bench.take(Message::Resize { width: size.width, height: size.height }, now());
            Ok::<_, io::Error>(())
        };
        match effect {
            Screen::Copy(text) => {
                let (sender, receiver) = tokio::sync::oneshot::channel();
                self.copied = Some(receiver);
                self.clipboard.copy(&text, screen.output(), move |copied| {
                    // The loop may have ended meanwhile.
                    let _ = sender.send(copied.to_string());
                });
            }
            Screen::Edit(text) => {
                inputs.pause();
                let edited = term::edit_externally(guard, &text, ".jinja").map_err(|error| error.to_string());
                inputs.resume()?;
                again(stage, screen)?;
                stage.bench.take(Message::Edited(edited), now());
            }
            Screen::Suspend => {
                inputs.pause();
                let suspended = term::suspend(guard);
                inputs.resume()?;
                if let Err(error) = suspended {
                    stage.bench.take(Message::Said(Tone::Bad, error.to_string()), now());
                }
                again(stage, screen)?;
            }
            Screen::Redraw => again(stage, screen)?,
            Screen::Quit => {}
        }
        stage.frames.request(Urgency::Now, now());
        Ok(())
    }
}
