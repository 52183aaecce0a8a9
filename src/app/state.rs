//! The state of the workbench.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::engine::ModelInfo;
use crate::prompt::PromptSpec;
use crate::session::home::SessionFile;
use crate::session::overlay::Mark;
use crate::session::prepare::Prepared;
use crate::session::runs::RunEntry;
use crate::session::spec::Session;

use super::area::Areas;
use super::jobs::Jobs;
use super::keymap::Keymap;
use super::queue::QueueState;
use super::run::Run;
use super::simulate::SimulateState;
use super::toast::Toasts;
use super::training::TrainState;
use super::view::{Pane, View};
use super::views::{EvaluateState, PromptState, RowsState, RunsState};
use super::window::Window;

/// How things are shown, as the command line and the environment say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Letters only, no lines and blocks.
    pub ascii: bool,
    /// Names of the themes.
    pub themes: Vec<String>,
    /// The place of the one shown.
    pub theme: usize,
}

/// The model, from not being there to being loaded.
#[derive(Clone, Debug, Default)]
pub enum ModelState {
    /// Not asked for yet.
    #[default]
    Absent,
    /// Being found, fetched and read.
    Loading {
        /// What is happening.
        stage: String,
        /// Bytes so far.
        done: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// Loaded.
    Ready(Arc<ModelInfo>),
    /// It cannot be had.
    Failed(String),
}

/// The data of the session.
#[derive(Clone, Default)]
pub enum DataState {
    /// No session is open.
    #[default]
    Absent,
    /// Being fetched and read.
    Loading {
        /// Bytes fetched.
        done: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// There.
    Ready(Arc<Prepared>),
    /// It cannot be had.
    Failed(String),
}

/// The session that is open.
#[derive(Clone)]
pub struct SessionState {
    /// Its file.
    pub file: SessionFile,
    /// As it was read or saved last.
    pub saved: Session,
    /// As it is now.
    pub now: Session,
    /// As it is being written.
    pub saving: Option<Session>,
    /// Where its runs go.
    pub runs: PathBuf,
    /// Whether something changed since unsaved work was kept last.
    pub touched: bool,
}

impl SessionState {
    /// Whether there is something to save.
    pub fn is_dirty(&self) -> bool {
        self.saved != self.now
    }
}

/// Moments that are waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timers {
    /// The end of the quiet after an edit.
    pub quiet: Option<Instant>,
    /// When unsaved work is kept.
    pub recovery: Option<Instant>,
    /// When rows are listed anew while a run goes on.
    pub sift: Option<Instant>,
    /// When a training of another process is read again.
    pub train: Option<Instant>,
    /// When the shares of a run that goes on are counted anew.
    pub survey: Option<Instant>,
    /// Until when a second Ctrl-C ends the program.
    pub interrupt: Option<Instant>,
}

/// The whole state.
#[derive(Clone)]
pub struct App {
    /// The moment of the message at hand.
    pub now: Instant,
    /// Columns and lines of the terminal.
    pub size: (u16, u16),
    /// Where things are on the screen; set by the layout.
    pub areas: Areas,
    /// How things are shown.
    pub look: Look,
    /// What keys do.
    pub keymap: Arc<Keymap>,
    /// The view.
    pub view: View,
    /// The focused pane of each view.
    pub focus: HashMap<View, Pane>,
    /// Windows over the view, the topmost last.
    pub windows: Vec<Window>,
    /// Short messages.
    pub toasts: Toasts,
    /// The session.
    pub session: Option<SessionState>,
    /// The session that is to be opened, while it is being read.
    pub opening: Option<String>,
    /// Its data.
    pub data: DataState,
    /// The model.
    pub model: ModelState,
    /// What the engine does.
    pub jobs: Jobs,
    /// Tokens a second of the last job.
    pub speed: Option<f64>,
    /// Bytes of memory that the program takes.
    pub memory: Option<usize>,
    /// View 1.
    pub prompt: PromptState,
    /// View 2.
    pub evaluate: EvaluateState,
    /// The run on the screen, in views 2 and 3.
    pub run: Option<Run>,
    /// Revisions of runs that were on the screen.
    pub revisions: u64,
    /// Whether answers of the engine belong to it.
    pub recording: bool,
    /// View 3.
    pub rows: RowsState,
    /// View 4.
    pub train: TrainState,
    /// View 5.
    pub simulate: SimulateState,
    /// View 6.
    pub runs: RunsState,
    /// The sweep or search that goes on, or was the last.
    pub queue: Option<QueueState>,
    /// The user's marks on rows.
    pub marks: HashMap<usize, Mark>,
    /// Unsaved work of the last time, while it is asked about.
    pub recovered: Option<Session>,
    /// What is to be done once the session is saved.
    pub after_save: Option<super::window::Answer>,
    /// What was cut or copied last.
    pub clip: String,
    /// When and where a text was clicked last.
    pub clicked: Option<(Instant, (usize, usize))>,
    /// Moments that are waited for.
    pub timers: Timers,
    /// Whether the program is to end.
    pub quitting: bool,
}

impl App {
    /// A workbench without a session.
    pub fn new(look: Look, keymap: Keymap, now: Instant) -> Self {
        Self {
            now,
            size: (80, 24),
            areas: Areas::default(),
            look,
            keymap: Arc::new(keymap),
            view: View::Prompt,
            focus: HashMap::new(),
            windows: Vec::new(),
            toasts: Toasts::default(),
            session: None,
            opening: None,
            data: DataState::Absent,
            model: ModelState::Absent,
            jobs: Jobs::default(),
            speed: None,
            memory: None,
            prompt: PromptState::default(),
            evaluate: EvaluateState::default(),
            run: None,
            revisions: 0,
            recording: false,
            rows: RowsState::default(),
            train: TrainState::default(),
            simulate: SimulateState::default(),
            runs: RunsState::default(),
            queue: None,
            marks: HashMap::new(),
            recovered: None,
            after_save: None,
            clip: String::new(),
            clicked: None,
            timers: Timers::default(),
            quitting: false,
        }
    }

    /// The session's data, once it is there.
    pub fn prepared(&self) -> Option<&Arc<Prepared>> {
        match &self.data {
            DataState::Ready(prepared) => Some(prepared),
            _ => None,
        }
    }

    /// The model, once it is loaded.
    pub fn model(&self) -> Option<&Arc<ModelInfo>> {
        match &self.model {
            ModelState::Ready(model) => Some(model),
            _ => None,
        }
    }

    /// The prompt as it is now.
    pub fn spec(&self) -> Option<&PromptSpec> {
        self.session.as_ref().map(|session| &session.now.prompt)
    }

    /// The label words, in session order.
    pub fn labels(&self) -> &[String] {
        self.prepared().map(|prepared| prepared.data.labels()).unwrap_or_default()
    }

    /// The panes of the view, in the order of `Tab`.
    pub fn panes(&self) -> Vec<Pane> {
        match self.view {
            View::Prompt => {
                let system = self.spec().is_some_and(|prompt| prompt.chat).then_some(Pane::System);
                let rest = [Pane::Template, Pane::Demos, Pane::Row, Pane::Answer, Pane::Probe];
                system.into_iter().chain(rest).collect()
            }
            View::Evaluate => vec![Pane::Matrix, Pane::Report],
            View::Rows => vec![Pane::Rows, Pane::Detail],
            View::Train => vec![Pane::Loss, Pane::Metrics, Pane::Events],
            View::Simulate => vec![Pane::Respondent, Pane::Shares, Pane::Groups, Pane::Tally],
            View::Runs => vec![Pane::Runs, Pane::Compare],
        }
    }

    /// The focused pane.
    pub fn pane(&self) -> Pane {
        let panes = self.panes();
        let default = if self.view == View::Prompt { Pane::Template } else { Pane::Matrix };
        let focused = self.focus.get(&self.view).copied().filter(|pane| panes.contains(pane));
        focused.or_else(|| panes.contains(&default).then_some(default)).or(panes.first().copied()).unwrap_or(default)
    }

    /// The row that the prompt view shows.
    pub fn row(&self) -> Option<usize> {
        self.prompt.visitor.or_else(|| {
            let rows = self.prepared()?.data.split(self.prompt.split);
            rows.get(self.prompt.at).copied()
        })
    }

    /// The row under the cursor of the table.
    pub fn table_row(&self) -> Option<&Arc<crate::session::predictions::Prediction>> {
        let place = *self.rows.listed.get(self.rows.selected)?;
        self.run.as_ref()?.rows.get(place as usize)
    }

    /// The run under the cursor of the list.
    pub fn run_entry(&self) -> Option<&RunEntry> {
        self.runs.entries.get(self.runs.selected)
    }

    /// Whether a text in a pane is being typed.
    pub fn is_typing(&self) -> bool {
        self.windows.is_empty()
            && self.view == View::Prompt
            && self.prompt.typing
            && matches!(self.pane(), Pane::Template | Pane::System)
    }

    /// When [`super::Message::Time`] is wanted next.
    pub fn deadline(&self) -> Option<Instant> {
        let Timers { quiet, recovery, sift, train, survey, interrupt } = self.timers;
        let timers = [quiet, recovery, sift, train, survey, interrupt];
        timers.into_iter().flatten().chain(self.toasts.deadline()).min()
    }
}
