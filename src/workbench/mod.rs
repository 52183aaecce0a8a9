//! The workbench at work: the loop that ties state, screen and world together.
//!
//! The loop waits for whatever comes first: a key, a message of the world, a moment that the state waits for, a frame that
//! is due. It takes all that is there, then draws once. While nothing happens it sleeps. [`world`] carries effects out,
//! [`recorder`] keeps runs, [`scribe`] renders prompts, [`open`] reads and writes sessions; [`bench`] measures frames.

pub mod bench;
mod config;
mod open;
pub mod picture;
mod recorder;
mod scribe;


mod welcome;
pub mod world;

use std::io;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep_until;

use crate::app::message::Message;
use crate::app::toast::Tone;
use crate::app::window::Window;
use crate::app::{App, Effect};
use crate::engine::Backend;
use crate::term::{self, Clipboard, Frames, Guard, Input, Inputs, Urgency};
use crate::ui;
use crate::ui::theme::Theme;

pub use config::{Config, ConfigError, load as load_config};
use world::{Incoming, Place, Screen, World};

/// How long the end of the program waits for the engine to notice.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time between two looks at the memory that the program takes, while something happens.
const MEMORY: Duration = Duration::from_secs(1);
/// Messages of the world that are taken before a frame may be drawn.
const MOST_AT_ONCE: usize = 256;

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

/// State, styles and world, without a terminal: what the loop and the tests drive alike.
pub struct Bench {
    /// The state.
    pub app: App,
    /// The styles.
    pub themes: Vec<Theme>,
    /// The world.
    pub world: World,
    remembered: Option<Instant>,
}

impl Bench {
    /// A workbench that opens `session`.
    pub fn new(
        session: &str,
        place: Place,
        config: Config,
        backend: Box<dyn Backend>,
        now: Instant,
    ) -> Result<(Self, UnboundedReceiver<Incoming>), WorkbenchError> {
        let (world, incoming) = World::start(backend, place)?;
        let Config { keymap, themes, look, notes } = config;
        let mut app = App::new(look, keymap, now);
        let mut effects = Vec::new();
        app.open(session.to_owned(), &mut effects);
        for note in notes {
            app.toasts.say(Tone::Bad, note, now);
        }
        let mut bench = Self { app, themes, world, remembered: None };
        bench.carry(effects);
        Ok((bench, incoming))
    }

    /// Takes a message; what belongs to the terminal comes back.
    pub fn take(&mut self, message: Message, now: Instant) -> Vec<Screen> {
        self.app.now = now;
        let effects = self.app.update(message);
        let left = self.carry(effects);
        // What can be hit and what is in sight follows from the state.
        ui::layout::arrange(&mut self.app);
        left
    }

    /// Takes something from another thread; false if nobody waits for it.
    pub fn take_incoming(&mut self, incoming: Incoming, now: Instant) -> Option<Vec<Screen>> {
        let message = self.world.message(incoming)?;
        Some(self.take(message, now))
    }

    fn carry(&mut self, effects: Vec<Effect>) -> Vec<Screen> {
        effects.into_iter().filter_map(|effect| self.world.carry(effect)).collect()
    }

    /// Looks at the memory that the program takes, now and then.
    fn remember(&mut self, now: Instant) {
        if self.remembered.is_some_and(|last| now < last + MEMORY) {
            return;
        }
        self.remembered = Some(now);
        if let Some(stats) = memory_stats::memory_stats() {
            self.take(Message::Memory(stats.physical_mem), now);
        }
    }
}

async fn main_loop(options: Options, backend: Box<dyn Backend>, mut guard: Guard) -> Result<(), WorkbenchError> {
    let now = Instant::now();
    let mut screen = term::Screen::stdout()?;
    let mut inputs = Inputs::new()?;
    let (mut bench, mut incoming) = Bench::new(&options.session, options.place, options.config, backend, now)?;
    if welcome::is_due() {
        bench.app.windows.push(Window::Welcome);
    }
    let size = screen.size();
    bench.take(Message::Resize { width: size.width, height: size.height }, now);
    let mut hands = Hands { clipboard: Clipboard::new(), frames: Frames::new(), copied: None };
    hands.frames.request(Urgency::Now, now);
    while !bench.app.quitting {
        let now = Instant::now();
        let due = hands.frames.due(now);
        let deadline = bench.app.deadline();
        let wake = |at: Option<Instant>| async move {
            match at {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let mut left = Vec::new();
        tokio::select! {
            biased;
            input = inputs.next() => left.extend(hands.input(input, &mut bench, &mut guard, &mut screen)?),
            () = wake(due) => {}
            Some(first) = incoming.recv() => {
                let mut next = Some(first);
                let mut taken = 0;
                while let Some(something) = next.take() {
                    if let Some(screens) = bench.take_incoming(something, Instant::now()) {
                        left.extend(screens);
                        hands.frames.request(Urgency::Soon, now);
                    }
                    taken += 1;
                    if taken < MOST_AT_ONCE {
                        next = incoming.try_recv().ok();
                    }
                }
                bench.remember(now);
            }
            () = wake(deadline) => {
                left.extend(bench.take(Message::Time, Instant::now()));
                hands.frames.request(Urgency::Soon, now);
            }
            Some(told) = hands.told() => {
                left.extend(bench.take(told, Instant::now()));
                hands.frames.request(Urgency::Now, now);
            }
        }
        while let Some(input) = inputs.ready() {
            left.extend(hands.input(input, &mut bench, &mut guard, &mut screen)?);
        }
        for effect in left {
            hands.carry(effect, &mut bench, &mut guard, &mut screen, &mut inputs)?;
        }
        if hands.frames.take(Instant::now())
            && let Err(error) = draw(&bench, &mut screen)
        {
            // The terminal is gone: unsaved work is kept, as at a signal to end.
            tracing::error!(%error, "the terminal takes no more");
            bench.take(Message::Terminate, Instant::now());
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
    frames: Frames,
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
        bench: &mut Bench,
        guard: &mut Guard,
        screen: &mut term::Screen,
    ) -> io::Result<Vec<Screen>> {
        let now = Instant::now();
        self.frames.request(Urgency::Now, now);
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
        Ok(bench.take(message, now))
    }

    /// Does what belongs to the terminal.
    fn carry(
        &mut self,
        effect: Screen,
        bench: &mut Bench,
        guard: &mut Guard,
        screen: &mut term::Screen,
        inputs: &mut Inputs,
    ) -> io::Result<()> {
        let again = |bench: &mut Bench, screen: &mut term::Screen| {
            let size = screen.reset()?;
            bench.take(Message::Resize { width: size.width, height: size.height }, Instant::now());
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
                again(bench, screen)?;
                bench.take(Message::Edited(edited), Instant::now());
            }
            Screen::Suspend => {
                inputs.pause();
                let suspended = term::suspend(guard);
                inputs.resume()?;
                if let Err(error) = suspended {
                    bench.take(Message::Said(Tone::Bad, error.to_string()), Instant::now());
                }
                again(bench, screen)?;
            }
            Screen::Redraw => again(bench, screen)?,
            Screen::Quit => {}
        }
        self.frames.request(Urgency::Now, Instant::now());
        Ok(())
    }
}
