//! What each view knows.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::data::Split;
use crate::session::audit::Suspect;
use crate::session::baselines::Baselines;
use crate::session::ledger::Tried;
use crate::session::overlay::Mark;
use crate::session::runs::RunEntry;
use crate::session::timeline::Version;
use crate::text::diff::Line;

use super::calibrate::CalibrateState;
use super::contrast::ContrastState;
use super::demos::Demos;
use super::editor::Editor;
use super::latest::Latest;
use super::probe::Probe;
use super::run::Run;
use super::sheet::{Problem, RenderRequest, Sheet};
use super::sift::{Filter, SiftRequest};

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
    /// The edit that the session began with.
    pub since: u64,
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
#[derive(Clone)]
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
    /// Calibrations of the run on the screen.
    pub calibrate: CalibrateState,
    /// Baselines beside the run on the screen.
    pub baselines: BesideRun,
}

/// Baselines beside a run.
#[derive(Clone, Debug, Default)]
pub struct BesideRun {
    /// The run's folder.
    pub of: PathBuf,
    /// Whether they are being fitted.
    pub fitting: bool,
    /// Their figures; none where there is nothing to fit.
    pub found: Option<Arc<Baselines>>,
}

/// Of which run and revision, and the rows to review in their order.
pub type Reviewed = ((PathBuf, u64), Arc<Vec<Suspect>>);

/// View 3.
#[derive(Clone, Default)]
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
    /// Rows to review: of which run and revision, and the rows in their order.
    pub audit: Option<Reviewed>,
    /// Whether they are being looked for.
    pub auditing: bool,
    /// What was said of rows before the last verdicts, to be taken back.
    pub judged: Vec<(usize, Mark)>,
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
    /// Folders of those that are trainings.
    pub trainings: HashSet<PathBuf>,
    /// Place of the cursor.
    pub selected: usize,
    /// The first one on the screen.
    pub offset: usize,
    /// The run that the cursor goes to once it is listed.
    pub sought: Option<PathBuf>,
    /// The run that others are compared with.
    pub marked: Option<PathBuf>,
    /// The run to compare with, once it is read.
    pub beside: Option<Arc<Run>>,
    /// The difference of the prompts of two runs; without a marked run, of the prompt that is being written.
    pub compared: Option<((PathBuf, PathBuf), Vec<Line>)>,
    /// The runs and prompts that were asked about last.
    pub compared_texts: Option<((PathBuf, PathBuf), (String, String))>,
    /// The comparison with the marked run.
    pub contrast: ContrastState,
    /// The first line of it on the screen.
    pub scroll: usize,
    /// Whether they are being looked for.
    pub loading: bool,
    /// How much was tried of the session that is open.
    pub tried: Option<Tried>,
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
            since: 0,
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
            calibrate: CalibrateState::default(),
            baselines: BesideRun::default(),
        }
    }
}
