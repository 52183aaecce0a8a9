//! A sweep or a search that goes on in the workbench: one run after another.

use crate::session::queue::Line;
use crate::session::timeline::Version;

use super::effect::Begin;

/// What kind of queue it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueKind {
    /// Prompts that ought to mean the same.
    Sweep,
    /// A better prompt.
    Search,
}

impl QueueKind {
    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Search => "search",
        }
    }
}

/// What is known of a queue.
#[derive(Clone, Debug)]
pub struct QueueState {
    /// What kind it is.
    pub kind: QueueKind,
    /// The table.
    pub lines: Vec<Line>,
    /// Runs done, and runs in all.
    pub progress: (usize, usize),
    /// What there is to say of it so far.
    pub text: String,
    /// Whether it goes on.
    pub live: bool,
    /// Whether one of its runs is on its way, and no other may begin.
    pub running: bool,
}

/// What a queue tells when it has taken answers.
pub struct Told {
    /// The table.
    pub lines: Vec<Line>,
    /// Runs done, and runs in all.
    pub progress: (usize, usize),
    /// What there is to say.
    pub text: String,
    /// What could not be done, told once.
    pub notes: Vec<String>,
    /// A version of the prompt that was a step forward.
    pub step: Option<Version>,
    /// The next run; none at the end.
    pub begin: Option<Box<Begin>>,
}
