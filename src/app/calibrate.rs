//! What view 2 knows of calibrations of the run on the screen.

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::{Answer, ModelInfo};
use crate::metrics::calibration::{Method, Quality};
use crate::session::calibrate::{Ask, CalibrateError, Kept, apply, fit, quality};
use crate::session::predictions::Prediction;
use crate::session::prepare::Prepared;

use super::run::Run;

/// Calibrations of the run on the screen.
#[derive(Clone, Default)]
pub struct CalibrateState {
    /// The one that is shown, with the run as it is.
    pub shown: Option<Shown>,
    /// The one that is being worked out.
    pub wanted: Option<Method>,
    /// What the model is being asked for it.
    pub asking: Option<Asking>,
    /// How good the probabilities on the screen are: of which rows, and the figures once they are there.
    pub quality: Option<Judged>,
}

/// Of which rows (the run's folder and their revision), and the figures once they are there.
pub type Judged = ((PathBuf, u64), Option<Arc<Quality>>);

impl CalibrateState {
    /// The method that is shown.
    pub fn method(&self) -> Method {
        self.shown.as_ref().map_or(Method::None, |shown| shown.method)
    }
}

/// A calibration that is shown.
#[derive(Clone)]
pub struct Shown {
    /// The method.
    pub method: Method,
    /// Why labels are moved as they are.
    pub why: String,
    /// The run without it.
    pub own: Run,
}

/// What the model is being asked.
#[derive(Clone)]
pub struct Asking {
    /// What the answers are for.
    pub request: Request,
    /// The questions.
    pub ask: Arc<Ask>,
    /// Answers so far.
    pub answers: Vec<Answer>,
}

/// A calibration to be worked out.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The run as it is.
    pub own: Run,
}

/// What came of it.
pub enum Worked {
    /// The run as it would be, and why.
    Done(Box<Run>, String),
    /// The model has to be asked first.
    Missing,
    /// It cannot be.
    Failed(String),
}

/// Works a calibration out from what is kept beside the run; 20,000 rows take some milliseconds.
pub fn work_out(request: &Request) -> Worked {
    let Request { method, own } = request;
    let kept = match Kept::read(&own.about.path) {
        Ok(kept) => kept,
        Err(error) => return Worked::Failed(error.to_string()),
    };
    if !kept.has(*method) {
        return Worked::Missing;
    }
    let about = &own.about;
    let fitted = match fit(*method, &kept, about.split, &own.rows, &about.labels, &mut || true) {
        Ok(fitted) => fitted,
        Err(error) => return Worked::Failed(error.to_string()),
    };
    let rows = apply(&fitted.calibration, &own.rows, &about.labels);
    let mut about = about.clone();
    about.name = format!("{}, {}", about.name, method.name());
    let mut run = Run::new(about, own.status, rows);
    run.tally.total = own.tally.total;
    Worked::Done(Box::new(run), fitted.why)
}

/// Keeps what the model was asked, then works the calibration out.
pub fn keep(request: &Request, ask: &Ask, answers: &[Answer]) -> Worked {
    match ask.keep(&request.own.about.path, answers) {
        Ok(_) => work_out(request),
        Err(error) => Worked::Failed(error.to_string()),
    }
}

/// Writes what the model has to be asked.
pub fn ask(request: &Request, prepared: &Prepared, model: &ModelInfo) -> Result<Ask, String> {
    let rows: Vec<usize> = request.own.rows.iter().map(|row| row.row).collect();
    Ask::new(prepared, model, request.method, &rows, &mut || true).map_err(|error: CalibrateError| error.to_string())
}

/// How good the probabilities of some rows are.
pub fn judge(rows: &[Arc<Prediction>], labels: &[String]) -> Option<Arc<Quality>> {
    quality(rows, labels).map(Arc::new)
}
