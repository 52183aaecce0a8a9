//! Everything that the workbench does to the world. Effects are plain data; who carries them out answers in messages.

use std::path::PathBuf;
use std::sync::Arc;

use crate::data::Split;
use crate::engine::{Answer, EngineError, ModelInfo, Stats, Trained, Work};
use crate::session::calibrate::Ask;
use crate::session::export::Format;
use crate::session::home::SessionFile;
use crate::session::overlay::Mark;
use crate::session::predictions::Prediction;
use crate::session::prepare::Prepared;
use crate::session::spec::Session;
use crate::session::timeline::Version;
use crate::train::Update;

use super::calibrate::Request;
use super::contrast::Pair;
use super::jobs::Ticket;
use super::queue::QueueKind;
use super::sheet::RenderRequest;
use super::sift::SiftRequest;
use super::simulate::{SurveyRequest, WhatIfRequest};

/// Something to do.
pub enum Effect {
    /// Open a session by name or path.
    Open(String),
    /// Stop opening it.
    StopOpening,
    /// Render the current prompt.
    Render(Box<RenderRequest>),
    /// Look for training rows like one.
    Similar {
        /// The data.
        prepared: Arc<Prepared>,
        /// The row.
        row: usize,
    },
    /// Look for training rows with some words.
    FilterDemos {
        /// The data.
        prepared: Arc<Prepared>,
        /// The words.
        query: String,
    },
    /// Draw demonstrations beside the locked ones.
    Draw {
        /// The data.
        prepared: Arc<Prepared>,
        /// How, how many, and with what seed.
        prompt: Box<crate::prompt::PromptSpec>,
        /// Those that stay, in order.
        locked: Vec<usize>,
        /// The current row, for `similar`.
        row: Option<usize>,
    },
    /// Give work to the engine.
    Submit {
        /// The job.
        ticket: Ticket,
        /// The work.
        work: Box<Work>,
    },
    /// Ask a job to stop.
    Cancel(Ticket),
    /// Begin a run.
    BeginRun(Box<Begin>),
    /// Stop preparing a run.
    StopBeginning,
    /// Write out the work that is left of the run.
    RunWork,
    /// Keep answers of the run.
    Record(Vec<Answer>),
    /// End the run.
    EndRun(Result<Stats, EngineError>),
    /// Begin a training, or go on with one.
    BeginTraining(Box<BeginTraining>),
    /// Write out the work of the training.
    TrainingWork,
    /// Keep what the training tells.
    RecordTraining(Box<Update>),
    /// End the training.
    EndTraining(Result<Trained, EngineError>),
    /// Steer the training.
    Steer(Steer),
    /// Read what the folder of a training says.
    ReadTraining {
        /// The folder.
        path: PathBuf,
        /// What it is read for.
        wanted: Wanted,
    },
    /// Read the last evaluation of a training as a run.
    LoadEvaluation {
        /// The training's folder.
        path: PathBuf,
        /// The session that is open: its data need not be read again.
        near: Option<Arc<Prepared>>,
    },
    /// List rows.
    Sift(Box<SiftRequest>),
    /// Render the prompt of a run's row.
    Detail {
        /// The run's folder.
        run: PathBuf,
        /// The run's session and data.
        prepared: Arc<Prepared>,
        /// The row.
        row: usize,
        /// The model, for its chat template.
        model: Option<Arc<ModelInfo>>,
    },
    /// Work out a calibration of a run.
    Calibrate(Box<Request>),
    /// Write what the model has to be asked for it.
    AskCalibration {
        /// The calibration.
        request: Box<Request>,
        /// The run's session and data.
        prepared: Arc<Prepared>,
        /// The run's model.
        model: Arc<ModelInfo>,
    },
    /// Keep what the model answered, then work it out.
    KeepCalibration {
        /// The calibration.
        request: Box<Request>,
        /// What was asked.
        ask: Arc<Ask>,
        /// The answers.
        answers: Vec<Answer>,
    },
    /// Tell how good the probabilities of some rows are.
    Judge {
        /// Of which run, and the revision of its rows.
        of: (PathBuf, u64),
        /// The rows.
        rows: Vec<Arc<Prediction>>,
        /// The labels, in the order of the log-probabilities.
        labels: Vec<String>,
    },
    /// Look for rows whose gold label deserves a second look.
    Audit {
        /// Of which run, and the revision of its rows.
        of: (PathBuf, u64),
        /// The run's session and data.
        prepared: Arc<Prepared>,
        /// Its answers.
        rows: Vec<Arc<Prediction>>,
    },
    /// Stop looking, and fitting baselines.
    StopAside,
    /// Fit baselines on the train split, for the rows of a run.
    Baselines {
        /// The run.
        of: PathBuf,
        /// Its session and data.
        prepared: Arc<Prepared>,
        /// The split.
        split: Split,
        /// How many of its rows.
        rows: usize,
    },
    /// Begin a sweep or a search.
    BeginQueue(Box<BeginQueue>),
    /// A run of it is over: its answers are taken, and the next run is told.
    QueueTake(PathBuf),
    /// Read the prompt that a run was made with.
    TakePrompt(PathBuf),
    /// Count the shares of a simulated survey.
    Survey(Box<SurveyRequest>),
    /// Write the prompt of a respondent with other values in some variables.
    WhatIf(Box<WhatIfRequest>),
    /// Tell what is in the columns of the data.
    Describe(Arc<Prepared>),
    /// List all runs.
    ListRuns(Box<SessionFile>),
    /// Read a run.
    LoadRun {
        /// Its folder.
        path: PathBuf,
        /// The session that is open: its data need not be read again.
        near: Option<Arc<Prepared>>,
        /// Whether it is only to be compared with.
        beside: bool,
    },
    /// Compare two prompts.
    Compare {
        /// The folders of the runs.
        pair: (PathBuf, PathBuf),
        /// Their prompts.
        texts: (String, String),
    },
    /// Compare two runs, in the place of two that are being compared.
    Contrast {
        /// The number of the question.
        number: u64,
        /// The two.
        pair: Pair,
    },
    /// Compare no runs any more.
    StopContrast,
    /// Write a comparison into a file that is not there yet.
    WriteComparison(PathBuf, String),
    /// Name a run.
    RenameRun(PathBuf, String),
    /// Delete a run.
    DeleteRun(PathBuf),
    /// Write a run as one file.
    ExportRun(PathBuf, Format),
    /// List the models that are here.
    ListModels,
    /// List all sessions.
    ListSessions(Option<Box<SessionFile>>),
    /// Save the session.
    Save(Box<Saving>),
    /// Keep unsaved work.
    Recovery {
        /// The session's file.
        file: Box<SessionFile>,
        /// As it was read, and as it is now; nothing where there is nothing to keep any more.
        sessions: Option<Box<(Session, Session)>>,
    },
    /// Keep a version of the prompt; its number and time come back.
    Version {
        /// The edit that it is.
        edit: u64,
        /// The version.
        version: Box<Version>,
    },
    /// Keep that a version was accepted.
    AcceptVersion(u64),
    /// Keep a mark on a row.
    Mark(usize, Mark),
    /// Copy a text to the clipboard.
    Copy(String),
    /// Edit a text in `$EDITOR`.
    EditExternally(String),
    /// Go back to the shell for a while.
    Suspend,
    /// Draw the whole screen again.
    Redraw,
    /// Remember that the welcome was seen.
    Welcomed,
    /// Leave.
    Quit,
}

/// A run to be begun.
pub struct Begin {
    /// The session with its data.
    pub prepared: Arc<Prepared>,
    /// What the session file is called.
    pub file: String,
    /// Where runs go.
    pub runs: PathBuf,
    /// The split.
    pub split: Split,
    /// Only so many rows of it.
    pub limit: Option<usize>,
    /// The model.
    pub model: Arc<ModelInfo>,
    /// What the run is called.
    pub name: Option<String>,
    /// The run to go on with, instead of a new one.
    pub resume: Option<PathBuf>,
    /// Whether the same run will do, if there is one: finished as it is, else to go on with.
    pub reuse: bool,
}

/// A sweep or search to be begun.
pub struct BeginQueue {
    /// Which of the two.
    pub kind: QueueKind,
    /// The session with its data.
    pub prepared: Arc<Prepared>,
    /// What the session file is called.
    pub file: String,
    /// Where runs go.
    pub runs: PathBuf,
    /// The split, of a sweep.
    pub split: Split,
    /// Only so many rows of it.
    pub limit: Option<usize>,
    /// The model.
    pub model: Arc<ModelInfo>,
}

/// A training to be begun.
pub struct BeginTraining {
    /// The session with its data.
    pub prepared: Arc<Prepared>,
    /// What the session file is called.
    pub file: String,
    /// Where runs go.
    pub runs: PathBuf,
    /// The training to go on with, instead of a new one.
    pub resume: Option<PathBuf>,
}

/// A wish of who watches a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Steer {
    /// Wait before the next step, or go on.
    Pause(bool),
    /// End after this step and keep the best weights.
    Stop,
    /// Evaluate after this step.
    Evaluate,
    /// Another highest learning rate.
    LearningRate(f64),
}

/// What a training is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// To be shown in view 4.
    Shown,
    /// The one on the screen, to see what is new.
    Again,
    /// To be drawn beside the one on the screen.
    Beside,
}

/// A session to be saved.
pub struct Saving {
    /// Its file.
    pub file: SessionFile,
    /// As it was read.
    pub was: Session,
    /// As it is now.
    pub now: Session,
    /// Under another name.
    pub name: Option<String>,
    /// Even if the file changed since.
    pub force: bool,
}
