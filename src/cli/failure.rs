//! How a command ends when it does not end well.

use std::io::IsTerminal;
use std::process::ExitCode;

use crate::data::DataError;
use crate::engine::EngineError;
use crate::model::locate::LocateError;
use crate::model::weights::LoadError;
use crate::prompt::PromptError;
use crate::session::calibrate::CalibrateError;
use crate::session::export::ExportError;
use crate::session::folder::FolderError;
use crate::session::predictions::PredictionsError;
use crate::session::predictions::pairs::PairsError;
use crate::session::prepare::PrepareError;
use crate::session::run::RunError;
use crate::session::training::TrainingError;
use crate::session::{HomeError, SessionError};
use crate::text::printable;
use crate::workbench::{ConfigError, WorkbenchError};

use super::Color;

/// Why a command ends early; each kind has its exit code.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The user's input or surroundings: something to be put right, said in one line.
    #[error("{0}")]
    Bad(String),
    /// It should have worked.
    #[error("{0}")]
    Failed(String),
    /// The user stopped it; perhaps with a word on how to go on.
    #[error("cancelled")]
    Cancelled(Option<String>),
    /// Nobody reads stdout any more, as `| head` does when it has enough.
    #[error("stdout is closed")]
    Closed,
}

impl Failure {
    /// Says it on stderr, in one line.
    pub fn report(self, color: Color) -> ExitCode {
        let (code, text) = match self {
            Self::Bad(text) => (2, text),
            Self::Failed(text) => (1, text),
            Self::Cancelled(hint) => {
                let text = hint.map_or_else(|| "cancelled".to_owned(), |hint| format!("cancelled; {hint}"));
                eprintln!("{}", printable(&text));
                return ExitCode::from(130);
            }
            Self::Closed => return ExitCode::SUCCESS,
        };
        tracing::error!(code, "{text}");
        eprintln!("{} {}", label("error:", color), printable(&text));
        ExitCode::from(code)
    }
}

/// A word before a message, coloured where that is wanted.
pub(super) fn label(word: &str, color: Color) -> String {
    let colored = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    };
    // Bold red for errors, bold yellow for the rest: of the sixteen colours, so that the terminal's theme decides.
    let code = if word.starts_with("error") { 31 } else { 33 };
    if colored { format!("\u{1b}[1;{code}m{word}\u{1b}[0m") } else { word.to_owned() }
}

/// Errors that are always the input's.
macro_rules! bad {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Bad(error.to_string())
            }
        }
    )+};
}

bad!(SessionError, HomeError, PromptError, FolderError, ConfigError);

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Cancelled => Self::Cancelled(None),
            EngineError::Bad(text) => Self::Bad(text),
            EngineError::Failed(text) => Self::Failed(text),
        }
    }
}

impl From<WorkbenchError> for Failure {
    fn from(error: WorkbenchError) -> Self {
        match error {
            WorkbenchError::Terminal(error) => Self::Failed(error.to_string()),
            WorkbenchError::Engine(error) => error.into(),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Cancelled => Self::Cancelled(None),
            error => Self::Bad(error.to_string()),
        }
    }
}

impl From<LocateError> for Failure {
    fn from(error: LocateError) -> Self {
        match error {
            LocateError::Cancelled => Self::Cancelled(None),
            error => Self::Bad(error.to_string()),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Cancelled => Self::Cancelled(None),
            error => Self::Bad(error.to_string()),
        }
    }
}

impl From<CalibrateError> for Failure {
    fn from(error: CalibrateError) -> Self {
        match error {
            CalibrateError::Prepare(error) => error.into(),
            CalibrateError::Cancelled => Self::Cancelled(None),
            error => Self::Bad(error.to_string()),
        }
    }
}

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Data(error) => error.into(),
            error => Self::Bad(error.to_string()),
        }
    }
}

impl From<PredictionsError> for Failure {
    fn from(error: PredictionsError) -> Self {
        match error {
            error @ (PredictionsError::Io { .. } | PredictionsError::Shape { .. }) => Self::Failed(error.to_string()),
            error => Self::Bad(error.to_string()),
        }
    }
}

impl From<PairsError> for Failure {
    fn from(error: PairsError) -> Self {
        match error {
            PairsError::Data(error) => error.into(),
            error => Self::Bad(error.to_string()),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Prepare(error) => error.into(),
            RunError::Engine(error) => error.into(),
            RunError::Folder(error) => error.into(),
            RunError::Predictions(error) => error.into(),
        }
    }
}

impl From<TrainingError> for Failure {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Engine(error) => error.into(),
            TrainingError::Prepare(error) => error.into(),
            TrainingError::Data(error) => error.into(),
            TrainingError::Predictions(error) => error.into(),
            error @ TrainingError::Rows { .. } => Self::Failed(error.to_string()),
            error => Self::Bad(error.to_string()),
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Write(error) => super::output::failure(&error),
            error => Self::Bad(error.to_string()),
        }
    }
}
