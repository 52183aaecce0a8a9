//! The workbench without a terminal: state, styles and world, and the loop's one step. The program, its tests and its
//! pictures all drive this.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep_until;

use crate::app::message::Message;
use crate::app::toast::Tone;
use crate::app::{App, Effect};
use crate::engine::Backend;
use crate::term::{Frames, Input, Urgency};
use crate::ui;
use crate::ui::theme::Theme;

use super::world::{Incoming, Place, Screen, World};
use super::{Config, WorkbenchError};

/// Time between two looks at the memory that the program takes, while something happens.
const MEMORY: Duration = Duration::from_secs(1);
/// Messages of the world that are taken before a frame may be drawn.
const MOST_AT_ONCE: usize = 256;

/// Now, by the runtime's clock, which tests can stop.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
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

/// A workbench with what reaches it from other threads, and with the frames that are due.
pub struct Stage {
    /// State and world.
    pub bench: Bench,
    /// When to draw.
    pub frames: Frames,
    incoming: UnboundedReceiver<Incoming>,
}

impl Stage {
    /// A workbench that opens `session` and asks for its first frame.
    pub fn new(session: &str, place: Place, config: Config, backend: Box<dyn Backend>) -> Result<Self, WorkbenchError> {
        let (bench, incoming) = Bench::new(session, place, config, backend, now())?;
        let mut frames = Frames::new();
        frames.request(Urgency::Now, now());
        Ok(Self { bench, frames, incoming })
    }

    /// Waits for whatever comes first and takes it: what other threads say, a moment that the state waits for, something to
    /// be told. An input comes back, as does what belongs to the terminal; a frame that is due only ends the waiting.
    pub async fn turn(
        &mut self,
        input: impl Future<Output = Input>,
        told: impl Future<Output = Option<Message>>,
    ) -> (Option<Input>, Vec<Screen>) {
        let (due, deadline) = (self.frames.due(now()), self.bench.app.deadline());
        let mut left = Vec::new();
        tokio::select! {
            biased;
            input = input => return (Some(input), left),
            () = wake(due) => {}
            Some(first) = self.incoming.recv() => {
                let mut next = Some(first);
                for _ in 0..MOST_AT_ONCE {
                    let Some(something) = next.take() else { break };
                    if let Some(screens) = self.bench.take_incoming(something, now()) {
                        left.extend(screens);
                        self.frames.request(Urgency::Soon, now());
                    }
                    next = self.incoming.try_recv().ok();
                }
                if let Some(last) = next.and_then(|something| self.bench.take_incoming(something, now())) {
                    left.extend(last);
                }
                self.bench.remember(now());
            }
            () = wake(deadline) => {
                left.extend(self.bench.take(Message::Time, now()));
                self.frames.request(Urgency::Soon, now());
            }
            Some(told) = told => {
                left.extend(self.bench.take(told, now()));
                self.frames.request(Urgency::Now, now());
            }
        }
        (None, left)
    }
}

/// Waits for a moment; for ever where there is none.
async fn wake(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
