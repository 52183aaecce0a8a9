//! Why a command ends early: one line for the user, and an exit code.

use std::process::ExitCode;

use crate::data::DataError;
use crate::engine::EngineError;
use crate::session::prepare::PrepareError;
use crate::session::run::RunError;
use crate::text::printable;

/// A message and an exit code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// Wrong usage, or a bad session, data or model: exit code 2.
    pub fn usage(message: impl ToString) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    /// It could be asked, but did not work out: exit code 1.
    pub fn failed(message: impl ToString) -> Self {
        Self { code: 1, message: message.to_string() }
    }

    /// The user interrupted: exit code 130.
    pub fn cancelled(message: impl ToString) -> Self {
        Self { code: 130, message: message.to_string() }
    }

    /// Whoever reads stdout has seen enough: no message, exit code 0.
    pub fn closed() -> Self {
        Self { code: 0, message: String::new() }
    }

    /// The same, as what the engine would have said of it.
    pub fn as_engine_error(&self) -> EngineError {
        match self.code {
            130 => EngineError::Cancelled,
            2 => EngineError::Bad(self.message.clone()),
            _ => EngineError::Failed(self.message.clone()),
        }
    }

    /// The same with something added to its message.
    pub fn and(mut self, more: &str) -> Self {
        self.message = format!("{}; {more}", self.message);
        self
    }

    /// Tells the user.
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            tracing::error!("{}", self.message);
            eprintln!("shotglass: {}", printable(&self.message));
        }
        ExitCode::from(self.code)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Cancelled => Self::cancelled("cancelled"),
            EngineError::Bad(message) => Self::usage(message),
            EngineError::Failed(message) => Self::failed(message),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Cancelled { .. } => Self::cancelled("cancelled"),
            error => Self::usage(error),
        }
    }
}

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Data(error) => error.into(),
            error => Self::usage(error),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Prepare(error) => error.into(),
            RunError::Engine(error) => error.into(),
            error => Self::usage(error),
        }
    }
}

/// Errors that what the user brought is to blame for, a full disk and an unwritable folder included.
macro_rules! usage {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::usage(error)
            }
        })*
    };
}

usage!(
    crate::session::HomeError,
    crate::session::SessionError,
    crate::session::export::ExportError,
    crate::session::folder::FolderError,
    crate::session::predictions::PairsError,
    crate::prompt::PromptError,
    crate::model::weights::LoadError,
    crate::model::locate::LocateError,
    crate::model::tokenizer::TokenizerError,
);
