//! Short messages of what was done or went wrong. They go by themselves; those of errors stay longer.

use std::time::{Duration, Instant};

/// How many are shown at once.
const MOST: usize = 4;

/// What a toast is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something to know.
    Info,
    /// Something to look at.
    Warn,
    /// Something worked.
    Good,
    /// Something did not.
    Bad,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// What it is about.
    pub tone: Tone,
    /// The message.
    pub text: String,
    until: Instant,
}

/// The messages on the screen, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Toasts {
    shown: Vec<Toast>,
}

impl Toasts {
    /// Shows a message. One that is there already stays in its place, for as long again.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>, now: Instant) {
        let text = text.into();
        let time = match tone {
            Tone::Info | Tone::Good => Duration::from_secs(5),
            Tone::Bad | Tone::Warn => Duration::from_secs(12),
        };
        let toast = Toast { tone, text, until: now + time };
        match self.shown.iter_mut().find(|shown| shown.text == toast.text) {
            Some(shown) => *shown = toast,
            None => self.shown.push(toast),
        }
        if self.shown.len() > MOST {
            self.shown.remove(0);
        }
    }

    /// Those on the screen.
    pub fn shown(&self) -> &[Toast] {
        &self.shown
    }

    /// Takes away what has been there long enough; whether anything went.
    pub fn expire(&mut self, now: Instant) -> bool {
        let before = self.shown.len();
        self.shown.retain(|toast| toast.until > now);
        self.shown.len() < before
    }

    /// Takes all of them away; whether there were any.
    pub fn clear(&mut self) -> bool {
        let any = !self.shown.is_empty();
        self.shown.clear();
        any
    }

    /// When the next one goes.
    pub fn deadline(&self) -> Option<Instant> {
        self.shown.iter().map(|toast| toast.until).min()
    }
}
