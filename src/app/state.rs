//! The state of the workbench, view by view.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::data::Split;
use crate::engine::ModelInfo;
use crate::prompt::PromptSpec;
use crate::session::home::SessionFile;
use crate::session::overlay::Mark;
use crate::session::prepare::Prepared;
use crate::session::runs::RunEntry;
use crate::session::spec::Session;
use crate::session::timeline::Version;

use super::area::Areas;
use super::demos::Demos;
use super::diff::Line;
use super::editor::Editor;
use super::jobs::Jobs;
use super::keymap::Keymap;
use super::latest::Latest;
use super::probe::Probe;
use super::run::Run;
use super::sheet::{Problem, RenderRequest, Sheet};
use super::sift::{Filter, SiftRequest};
use super::toast::Toasts;
use super::view::{Pane, View};
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

/// A token of a streamed answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The text that it completed.
    pub text: String,
    /// Its probability.
    pub probability: f32,
}

/// The answer to the current row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The row and the edit that it answers.
    pub of: Option<(usize, u64)>,
    /// The tokens so far.
    pub tokens: Vec<Token>,
    /// Whether the text is complete.
    pub complete: bool,
    /// Tokens a second.
    pub rate: Option<f64>,
    /// Log-probability of each label.
    pub logprobs: Vec<f64>,
    /// What went wrong.
    pub error: Option<String>,
}

impl Answer {
    /// The text so far.
    pub fn text(&self) -> String {
        self.tokens.iter().map(|token| token.text.as_str()).collect()
    }
}

/// What an answer of the engine belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The current row.
    Row,
    /// A row of the probe, by its place there.
    Probe(usize),
}

/// What is rendered: the edit, the row, and whether the model is there.
pub type Rendered = (u64, Option<usize>, bool);

/// View 1.
#[derive(Clone)]
pub struct PromptState {
    /// The template.
    pub template: Editor,
    /// The system message.
    pub system: Editor,
    /// Whether the focused one of the two is being typed in.
    pub typing: bool,
    /// The first lines of the two on the screen.
    pub scroll: [usize; 2],
    /// What was looked for last.
    pub sought: String,
    /// The demonstrations.
    pub demos: Demos,
    /// The split that the current row is in.
    pub split: Split,
    /// The current row's place in the split.
    pub at: usize,
    /// A row outside of that split that is looked at instead.
    pub visitor: Option<usize>,
    /// The first line of the row's prompt on the screen.
    pub row_scroll: usize,
    /// Whether the demonstrations in the prompt are folded.
    pub folded: bool,
    /// Whether each token's probability is shown.
    pub probabilities: bool,
    /// Counts the changes of the prompt.
    pub edit: u64,
    /// What was rendered last.
    pub sheet: Option<Arc<Sheet>>,
    /// What is wrong with the prompt as it is now.
    pub problem: Option<Problem>,
    /// Rendering.
    pub rendering: Latest<RenderRequest>,
    /// What was asked to be rendered last, and measured.
    pub asked: Option<(Rendered, Vec<usize>)>,
    /// What was rendered last.
    pub rendered: Option<Rendered>,
    /// What the answers of the engine's job belong to, in the order of its prompts.
    pub batch: Vec<Place>,
    /// The answer to the current row.
    pub answer: Answer,
    /// The probe.
    pub probe: Probe,
    /// The versions of the prompt, oldest first.
    pub versions: Vec<Version>,
    /// The version that this prompt is, where it is one.
    pub version: Option<u64>,
    /// The edit that was accepted last.
    pub accepted_edit: Option<u64>,
}

/// What the Evaluate view knows beside the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluateState {
    /// The split that `run` classifies.
    pub split: Split,
    /// Only so many rows of it.
    pub limit: Option<usize>,
    /// The selected cell: gold, predicted.
    pub cell: (usize, usize),
    /// The first line of the report on the screen.
    pub scroll: usize,
    /// Prompts written and in all, while a run is being prepared.
    pub preparing: Option<(usize, usize)>,
    /// Whether the test split may be run: it was asked once.
    pub test_allowed: bool,
    /// A run that begins once the model is there; the folder of one to go on with.
    pub waiting: Option<Option<PathBuf>>,
}

/// View 3.
#[derive(Clone)]
pub struct RowsState {
    /// What is listed.
    pub filter: Filter,
    /// Places of the rows listed.
    pub listed: Vec<u32>,
    /// Place of the cursor.
    pub selected: usize,
    /// The first one on the screen.
    pub offset: usize,
    /// What is wrong with the pattern.
    pub error: Option<String>,
    /// Listing.
    pub sifting: Latest<SiftRequest>,
    /// The revision and filter that are listed.
    pub sifted: Option<(u64, Filter)>,
    /// The row and its prompt.
    pub detail: Option<(usize, Result<String, String>)>,
    /// The row whose prompt is being rendered.
    pub asked: Option<usize>,
    /// The first line of the detail on the screen.
    pub scroll: usize,
}

/// View 6.
#[derive(Clone, Default)]
pub struct RunsState {
    /// All runs, newest first.
    pub entries: Vec<RunEntry>,
    /// Place of the cursor.
    pub selected: usize,
    /// The first one on the screen.
    pub offset: usize,
    /// The run that others are compared with.
    pub marked: Option<PathBuf>,
    /// The run to compare with, once it is read.
    pub beside: Option<Arc<Run>>,
    /// The difference of the prompts of two runs; without a marked run, of the prompt that is being written.
    pub compared: Option<((PathBuf, PathBuf), Vec<Line>)>,
    /// The prompts that were compared.
    pub compared_texts: Option<(String, String)>,
    /// The first line of it on the screen.
    pub scroll: usize,
    /// Whether they are being looked for.
    pub loading: bool,
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
    /// Whether answers of the engine belong to it.
    pub recording: bool,
    /// View 3.
    pub rows: RowsState,
    /// View 6.
    pub runs: RunsState,
    /// The user's marks on rows.
    pub marks: HashMap<usize, Mark>,
    /// Unsaved work of the last time, while it is asked about.
    pub recovered: Option<Session>,
    /// What is to be done once the session is saved.
    pub after_save: Option<super::window::Answer>,
    /// What was cut or copied last.
    pub clip: String,
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
            recording: false,
            rows: RowsState::default(),
            runs: RunsState::default(),
            marks: HashMap::new(),
            recovered: None,
            after_save: None,
            clip: String::new(),
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
        let timers = [self.timers.quiet, self.timers.recovery, self.timers.sift, self.timers.interrupt];
        timers.into_iter().flatten().chain(self.toasts.deadline()).min()
    }
}

impl Default for PromptState {
    fn default() -> Self {
        Self {
            template: Editor::new(""),
            system: Editor::new(""),
            typing: false,
            scroll: [0; 2],
            sought: String::new(),
            demos: Demos::default(),
            split: Split::Validation,
            at: 0,
            visitor: None,
            row_scroll: 0,
            folded: true,
            probabilities: false,
            edit: 0,
            sheet: None,
            problem: None,
            rendering: Latest::default(),
            asked: None,
            rendered: None,
            batch: Vec::new(),
            answer: Answer::default(),
            probe: Probe::default(),
            versions: Vec::new(),
            version: None,
            accepted_edit: None,
        }
    }
}

impl Default for EvaluateState {
    fn default() -> Self {
        Self {
            split: Split::Validation,
            limit: None,
            cell: (0, 0),
            scroll: 0,
            preparing: None,
            test_allowed: false,
            waiting: None,
        }
    }
}

impl Default for RowsState {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            listed: Vec::new(),
            selected: 0,
            offset: 0,
            error: None,
            sifting: Latest::default(),
            sifted: None,
            detail: None,
            asked: None,
            scroll: 0,
        }
    }
}
