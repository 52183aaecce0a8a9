//! How other threads reach the loop: messages of work behind the interface, and events of the engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;

use tokio::sync::mpsc::UnboundedSender;

use crate::app::message::Message;
use crate::app::toast::Tone;
use crate::engine::Event;
use crate::engine::worker::panic_text;

/// What reaches the loop from other threads.
pub enum Incoming {
    /// A message.
    Message(Message),
    /// What comes of opening a session; of one that nobody waits for any more it is dropped.
    Opening(u64, Message),
    /// The engine says something; which job it is about is known on the loop's own thread.
    Event(Event),
}

/// Where other threads put what they have to say.
#[derive(Clone)]
pub struct Mailbox {
    sender: UnboundedSender<Incoming>,
    /// The number of the opening that it is about.
    opening: Option<u64>,
    /// Threads that will still say something.
    pending: Arc<AtomicUsize>,
}

impl Mailbox {
    /// One whose messages come out of the other end of `sender`.
    pub fn new(sender: UnboundedSender<Incoming>) -> Self {
        Self { sender, opening: None, pending: Arc::default() }
    }

    /// The same for what is about the opening with this number.
    pub fn of_opening(&self, number: u64) -> Self {
        Self { opening: Some(number), ..self.clone() }
    }

    /// Whether something will still be said.
    pub fn is_awaited(&self) -> bool {
        self.pending.load(Ordering::SeqCst) > 0
    }

    /// Something will still be said.
    pub fn begin(&self) {
        self.pending.fetch_add(1, Ordering::SeqCst);
    }

    /// It was said.
    pub fn done(&self) {
        self.pending.fetch_sub(1, Ordering::SeqCst);
    }

    /// Leaves a message. When the program ends nobody reads it any more, and nobody needs to.
    pub fn send(&self, message: Message) {
        let _ = self.sender.send(match self.opening {
            Some(number) => Incoming::Opening(number, message),
            None => Incoming::Message(message),
        });
    }
}

/// Does work on a thread of its own; should it panic, `fallback` says what comes of it instead.
pub fn behind(
    mailbox: Mailbox,
    fallback: impl FnOnce(String) -> Message + Send + 'static,
    work: impl FnOnce(&Mailbox) -> Message + Send + 'static,
) {
    mailbox.begin();
    let failed = mailbox.clone();
    let spawned = std::thread::Builder::new().name("behind".to_owned()).spawn(move || {
        let done = catch_unwind(AssertUnwindSafe(|| work(&mailbox)));
        mailbox.send(done.unwrap_or_else(|panic| fallback(format!("a fault in the program: {}", panic_text(&*panic)))));
        mailbox.done();
    });
    if let Err(error) = spawned {
        failed.done();
        failed.send(Message::Said(Tone::Bad, format!("a thread could not be started: {error}")));
    }
}

/// Hands the engine's events on, until either end is gone.
pub fn forward(events: &Receiver<Event>, sender: &UnboundedSender<Incoming>) {
    while let Ok(event) = events.recv() {
        if sender.send(Incoming::Event(event)).is_err() {
            return;
        }
    }
}
