//! Trainings on the disk: begun, kept and ended for the recorder, read for view 4.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Zoned;

use crate::app::effect::BeginTraining;
use crate::app::message::Message;
use crate::app::run::Run;
use crate::app::training::{Line, Test, Watched, settings};
use crate::data::Split;
use crate::engine::{EngineError, Trained};
use crate::session::folder::{Manifest, PREDICTIONS, REPORT, Status};
use crate::session::predictions;
use crate::session::prepare::Prepared;
use crate::session::run::Summary;
use crate::session::training::{self, EventKind, Plan, Training};
use crate::train::{Figures, Update};

use super::recorder::{about, prepared_for};

/// The file that only trainings have.
const METRICS: &str = "metrics.csv";
/// The predictions of the last validation evaluation.
const EVALUATION: &str = "evaluation.csv";

/// Whether a run's folder is one of a training.
pub fn is_training(folder: &Path) -> bool {
    folder.join(METRICS).is_file()
}

fn said(error: &dyn std::fmt::Display) -> String {
    error.to_string()
}

/// Hour and minute, in the zone of the machine.
fn time() -> String {
    Zoned::now().strftime("%H:%M").to_string()
}

fn name(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Begins a training, or takes up the one that is to go on.
pub fn begin(begin: BeginTraining) -> Result<(Training, Watched), String> {
    let BeginTraining { prepared, file, runs, resume } = begin;
    let Some(folder) = resume else {
        let plan = Plan::new(&prepared, &file).map_err(|error| said(&error))?;
        let training = Training::create(plan, &runs).map_err(|error| said(&error))?;
        let settings = settings(&prepared.session).unwrap_or_default();
        let labels = prepared.data.labels().to_vec();
        let folder = training.folder().to_owned();
        let watched = Watched::new(folder.clone(), name(&folder), settings, labels);
        return Ok((training, watched));
    };
    let kept = Manifest::read(&folder).map_err(|error| said(&error))?;
    let prepared = prepared_for(&kept, Some(&prepared)).map_err(|error| said(&error))?;
    let plan = Plan::new(&prepared, &kept.file).map_err(|error| said(&error))?;
    let training = Training::resume(plan, &folder).map_err(|error| said(&error))?;
    let mut watched = read(&folder)?;
    watched.status = Status::Running;
    Ok((training, watched))
}

/// Keeps what a training tells; what there is to tell of it comes back.
pub fn record(training: &mut Training, update: &Update) -> Result<Option<Line>, EngineError> {
    training.record(update).map_err(|error| EngineError::Failed(error.to_string()))?;
    Ok(Line::of(update, time()))
}

/// Ends a training.
pub fn end(training: Training, end: Result<Trained, EngineError>) -> Message {
    let folder = training.folder().to_owned();
    let (end, text) = match end {
        Ok(trained) => {
            let text = trained.stopped.clone().unwrap_or_else(|| "finished".to_owned());
            let best = trained.best.as_ref().map(|(metric, value)| format!("; best {metric} {value:.3}"));
            let text = format!("{text}{}", best.unwrap_or_default());
            match training.finish(trained) {
                Ok(_) => (Ok(folder), text),
                Err(error) => (Err((error.to_string(), folder.exists())), error.to_string()),
            }
        }
        Err(error) => {
            let kept = training.stop(&error);
            let text = if error == EngineError::Cancelled { "broken off".to_owned() } else { error.to_string() };
            (Err((error.to_string(), kept.is_some())), text)
        }
    };
    // The step is known to who watches.
    Message::TrainingEnded { end, line: Line { time: time(), step: 0, kind: EventKind::Ended, text } }
}

/// Reads what the folder of a training says.
pub fn read(folder: &Path) -> Result<Watched, String> {
    let history = training::read(folder).map_err(|error| said(&error))?;
    let report = fs::read(folder.join(REPORT)).ok();
    let summary = report.and_then(|bytes| serde_json::from_slice::<Summary>(&bytes).ok());
    let test = summary.and_then(|summary| summary.report).map(|report| Test {
        accuracy: report.accuracy,
        f1: report.weighted.f1,
        macro_f1: report.macro_f1,
    });
    let name = history.manifest.name.clone().unwrap_or_else(|| name(folder));
    Ok(Watched::of_history(folder.to_owned(), name, &history, test))
}

/// The last evaluation of a training as a run: of the test split once it is finished, of the validation split before.
pub fn evaluation(folder: &Path, near: Option<&Arc<Prepared>>) -> Result<Run, String> {
    let manifest = Manifest::read(folder).map_err(|error| said(&error))?;
    let finished = manifest.status == Status::Finished;
    let path = folder.join(if finished { PREDICTIONS } else { EVALUATION });
    let predictions = predictions::read(&path).map_err(|error| said(&error))?;
    let prepared = prepared_for(&manifest, near).ok();
    let prepared = prepared.filter(|prepared| prepared.data.sha256() == manifest.data.sha256);
    let mut about = about(folder, &manifest, prepared);
    about.total = predictions.rows.len();
    if !finished {
        about.split = Split::Validation;
        let history = training::read(folder).map_err(|error| said(&error))?;
        let step = history.figures.iter().rev().find_map(|figures| match figures {
            Figures::Eval(scores) => Some(scores.step),
            Figures::Train(_) => None,
        });
        about.name = format!("{}, step {}", about.name, step.unwrap_or_default());
    }
    Ok(Run::new(about, Status::Finished, predictions.rows))
}
