//! Everything that can happen to the workbench.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use crate::engine::{Event, Work};
use crate::metrics::calibration::Quality;
use crate::model::locate::CachedModel;
use crate::prompt::PromptSpec;
use crate::session::audit::Suspect;
use crate::session::baselines::Baselines;
use crate::session::calibrate::Ask;
use crate::session::home::{SessionEntry, SessionFile};
use crate::session::ledger::Tried;
use crate::session::overlay::Mark;
use crate::session::predictions::Prediction;
use crate::session::prepare::Prepared;
use crate::session::run::Tally;
use crate::session::runs::RunEntry;
use crate::session::simulation::Simulation;
use crate::session::spec::Session;
use crate::session::timeline::Version;

use super::calibrate::{Request, Worked};
use super::contrast::Contrast;
use super::effect::Wanted;
use super::jobs::Ticket;
use super::queue::Told;
use super::run::Run;
use super::sheet::{Problem, Sheet};
use super::sift::Sifted;
use super::simulate::Asked;
use super::toast::Tone;
use super::training::{Line, Watched};

/// Something that happened.
pub enum Message {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted into the terminal.
    Paste(String),
    /// The terminal has another size.
    Resize {
        /// Columns.
        width: u16,
        /// Lines.
        height: u16,
    },
    /// A moment that was waited for has come.
    Time,
    /// The program is asked to end, at once.
    Terminate,
    /// A session file was read; its data follows.
    SessionRead(Box<SessionRead>),
    /// The data of the session is being fetched.
    Fetching {
        /// Bytes so far.
        done: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// The data of the session is there.
    Opened(Box<Opened>),
    /// The session or its data cannot be opened.
    OpenFailed(String),
    /// The current prompt was rendered.
    Rendered {
        /// The edit that it was rendered for.
        edit: u64,
        /// The row that it was rendered for.
        row: Option<usize>,
        /// What came of it.
        sheet: Result<Box<Sheet>, Problem>,
    },
    /// Rows like one were looked for.
    Similar {
        /// The row.
        row: usize,
        /// Training rows, most similar first.
        rows: Vec<usize>,
    },
    /// Training rows with some words were looked for.
    DemosFiltered(Vec<usize>),
    /// Demonstrations were drawn to stand beside the locked ones.
    Drawn(Result<Vec<usize>, String>),
    /// The engine says something of a job.
    Engine {
        /// The job.
        ticket: Ticket,
        /// What it says.
        event: Event,
    },
    /// The engine cannot take a job.
    Refused {
        /// The job.
        ticket: Ticket,
        /// Why.
        error: String,
    },
    /// A run's prompts are being written.
    Preparing {
        /// Prompts so far.
        done: usize,
        /// Prompts in all.
        total: usize,
    },
    /// A run was begun or taken up.
    RunBegun(Result<Box<Run>, String>),
    /// The work of the run, for the engine.
    RunWork(Box<Work>),
    /// Answers of the run were kept.
    Recorded {
        /// Those that were new.
        rows: Vec<Prediction>,
        /// How far it is.
        tally: Tally,
        /// Rows a second.
        rate: f64,
    },
    /// The run could not be kept: the disk is full, say.
    RecordFailed(String),
    /// The run is over; the error of one that is not finished, and whether anything of it is kept.
    RunEnded(Result<PathBuf, (String, bool)>),
    /// A training has its folder, or cannot be begun.
    TrainingBegun(Result<Box<Watched>, String>),
    /// The work of the training, for the engine.
    TrainingWork(Box<Work>),
    /// Something that happened in the training was kept.
    TrainingKept(Line),
    /// The training cannot be kept any more: the disk is full, say. Why comes with its end.
    TrainingFailed,
    /// The training is over.
    TrainingEnded {
        /// Its folder; or the error of one that is not finished, and whether anything of it is kept.
        end: Result<PathBuf, (String, bool)>,
        /// The same as a line of what happened.
        line: Line,
    },
    /// The folder of a training was read.
    TrainingRead {
        /// The folder.
        path: PathBuf,
        /// What it was read for.
        wanted: Wanted,
        /// The training.
        watched: Result<Box<Watched>, String>,
    },
    /// Rows were listed.
    Sifted {
        /// The revision of the rows.
        revision: u64,
        /// Their places.
        listed: Sifted,
    },
    /// The prompt of a run's row was rendered.
    Detail {
        /// The run's folder.
        run: PathBuf,
        /// The row.
        row: usize,
        /// Its prompt, or what is wrong.
        prompt: Result<String, String>,
    },
    /// The shares of a simulated survey were counted.
    Surveyed {
        /// Whose: the run's folder, and the revision of its rows.
        of: (PathBuf, u64),
        /// Whether it is the marked run.
        beside: bool,
        /// The figures; none where there is nothing to compare.
        figures: Option<Arc<Simulation>>,
    },
    /// The prompt of a respondent with other values was written.
    WhatIf {
        /// What it was written for.
        asked: Asked,
        /// The prompt, or what is wrong.
        prompt: Result<String, String>,
    },
    /// What is in the columns of the data.
    Described(String),
    /// A calibration was worked out, or cannot be.
    Calibrated {
        /// What was asked for.
        request: Box<Request>,
        /// What came of it.
        worked: Worked,
    },
    /// What the model has to be asked for a calibration.
    CalibrationAsked {
        /// The calibration.
        request: Box<Request>,
        /// The questions.
        ask: Result<Box<Ask>, String>,
    },
    /// How good the probabilities of some rows are.
    Judged {
        /// Of which run, and the revision of its rows.
        of: (PathBuf, u64),
        /// The figures; none where there are no log-probabilities.
        quality: Option<Arc<Quality>>,
    },
    /// Rows whose gold label deserves a second look were looked for.
    Audited {
        /// Of which run, and the revision of its rows.
        of: (PathBuf, u64),
        /// The rows, in the order in which they are to be looked at.
        found: Result<Vec<Suspect>, String>,
    },
    /// Baselines were fitted.
    Baselined {
        /// The run that they are beside.
        of: PathBuf,
        /// Their figures; none where there is nothing to fit.
        found: Option<Arc<Baselines>>,
    },
    /// The run that was to be begun is there already.
    RunThere(PathBuf),
    /// A sweep or search tells how far it is and what comes next.
    QueueTold(Result<Box<Told>, String>),
    /// The prompt that a run was made with.
    PromptTaken(Result<Box<PromptSpec>, String>),
    /// A version of the prompt has its number.
    Versioned {
        /// The edit that it is.
        edit: u64,
        /// The version.
        version: Box<Version>,
    },
    /// Runs were listed.
    Runs {
        /// All of them, newest first.
        entries: Vec<RunEntry>,
        /// Folders of those that are trainings.
        trainings: HashSet<PathBuf>,
        /// How much was tried of the session.
        tried: Option<Tried>,
    },
    /// Folders of runs were changed.
    RunsChanged,
    /// A run was deleted.
    RunDeleted(PathBuf),
    /// A run was read.
    RunLoaded {
        /// Its folder.
        path: PathBuf,
        /// The run.
        run: Result<Box<Run>, String>,
        /// Whether it is read to be compared with, not to be looked at.
        beside: bool,
    },
    /// Two prompts were compared.
    Compared {
        /// The folders of the runs.
        pair: (PathBuf, PathBuf),
        /// The difference.
        lines: Vec<crate::text::diff::Line>,
    },
    /// Two runs were compared: counts first, later with intervals.
    Contrasted {
        /// The number of the question.
        number: u64,
        /// What came of it, or why they cannot be compared.
        found: Result<Box<Contrast>, String>,
    },
    /// Resamples of a comparison are done.
    Resampled {
        /// The number of the question.
        number: u64,
        /// How many.
        done: usize,
    },
    /// Models were listed.
    Models(Result<Vec<CachedModel>, String>),
    /// Sessions were listed.
    Sessions(Vec<SessionEntry>),
    /// `$EDITOR` has ended.
    Edited(Result<Option<String>, String>),
    /// The session was saved.
    Saved(Result<Box<SessionFile>, SaveError>),
    /// Something was done that is only to be told.
    Said(Tone, String),
    /// The memory that the program takes, in bytes.
    Memory(usize),
}

/// Why a session was not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveError {
    /// The file was changed by somebody else since it was read.
    Changed(String),
    /// Anything else.
    Other(String),
}

/// A session file that was read.
pub struct SessionRead {
    /// The file.
    pub file: SessionFile,
    /// What it says, with the overrides of the command line.
    pub session: Session,
    /// Where its runs go.
    pub runs: PathBuf,
    /// Work that was not saved the last time.
    pub recovered: Option<Unsaved>,
    /// The versions of its prompt.
    pub versions: Vec<Version>,
}

/// Work that was not saved the last time.
pub struct Unsaved {
    /// The session as it was then.
    pub session: Session,
    /// When that was.
    pub time: String,
    /// Whether the file was changed since.
    pub base_changed: bool,
}

/// A session's data.
pub struct Opened {
    /// The session with its data.
    pub prepared: Arc<Prepared>,
    /// The rows of the probe with their gold labels.
    pub probe: Vec<(usize, usize)>,
    /// Marks of the user on rows.
    pub marks: HashMap<usize, Mark>,
    /// What is to be told of the data.
    pub notes: Vec<String>,
}
