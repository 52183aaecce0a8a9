//! `shotglass calibrate`: a run's answers as they would be without the model's leaning, without running it again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indexmap::IndexMap;
use serde::Serialize;

use crate::engine::{Cancel, EngineError, Event};
use crate::metrics::calibration::{Method, Quality};
use crate::metrics::{Layout, Report, classification_report};
use crate::session::calibrate::{Ask, CalibrateError, Kept, apply, fit, quality};
use crate::session::folder::{Manifest, PREDICTIONS};
use crate::session::predictions::{self, Prediction};
use crate::session::run;
use crate::text::printable;

use super::failure::Failure;
use super::models::Models;
use super::{Format, Global, output, run as running, signals};

/// `shotglass calibrate`
#[derive(Debug, Args)]
#[command(after_long_help = "\
A model leans to some labels whatever it reads. From the log-probabilities that a run keeps, its answers are worked out
anew: less what the model says of inputs without content (contextual), less what it says on average (batch), or as labelled
train rows say (supervised). The first and the last need a few more answers of the run's model, which are asked once and
kept in calibration.json in the run's folder; the run itself is not changed.

ECE is the expected calibration error, 0 where confidence and accuracy agree; the Brier score lies between 0 and 2.

Examples:
  shotglass calibrate sessions/few-shot/runs/20250101-120000-1a2b
  shotglass calibrate RUN --method supervised
  shotglass calibrate RUN --format json")]
pub(super) struct Arguments {
    /// Folder of a run that was scored
    run: PathBuf,
    /// Only this method, with its whole report
    #[arg(long, value_name = "METHOD")]
    method: Option<Method>,
}

/// One method with its figures.
#[derive(Serialize)]
struct Calibrated {
    why: String,
    #[serde(flatten)]
    report: Option<Report>,
    quality: Option<Quality>,
}

#[derive(Serialize)]
struct Document {
    run: String,
    rows: usize,
    methods: IndexMap<&'static str, Calibrated>,
}

/// Prints what each method makes of the run.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("calibrate", &[Format::Text, Format::Json])?;
    let path = &arguments.run;
    let manifest = Manifest::read(path)?;
    let rows: Vec<Arc<Prediction>> =
        predictions::read(&path.join(PREDICTIONS))?.rows.into_iter().map(Arc::new).collect();
    if let Some(gap) = manifest.gap(rows.len()) {
        global.warn(&gap);
    }
    let methods = match arguments.method {
        Some(method) => vec![method],
        None => Method::ALL.to_vec(),
    };
    let stop = signals::stop_flag();
    let mut kept = Kept::read(path)?;
    let wanted: Vec<Method> = methods.iter().copied().filter(|method| !kept.has(*method)).collect();
    // Without log-probabilities there is no need to load a model.
    fit(Method::None, &kept, manifest.split, &rows, &manifest.labels, &mut || true)?;
    if !wanted.is_empty() {
        match ask(path, &manifest, &rows, &wanted, &stop, global) {
            Ok(all) => kept = all,
            // What needs no model is told all the same, where everything was asked for.
            Err(Failure::Bad(error)) if arguments.method.is_none() => global.warn(&error),
            Err(failure) => return Err(failure),
        }
    }
    let mut told = IndexMap::new();
    for method in methods {
        let mut go_on = || !stop.is_cancelled();
        let fitted = match fit(method, &kept, manifest.split, &rows, &manifest.labels, &mut go_on) {
            Ok(fitted) => fitted,
            Err(CalibrateError::Cancelled) => return Err(Failure::Cancelled(None)),
            Err(error) if arguments.method.is_none() => {
                global.note(&format!("{}: {error}", method.name()));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let calibrated: Vec<Arc<Prediction>> =
            apply(&fitted.calibration, &rows, &manifest.labels).into_iter().map(Arc::new).collect();
        let plain: Vec<Prediction> = calibrated.iter().map(|row| (**row).clone()).collect();
        told.insert(
            method.name(),
            Calibrated {
                why: fitted.why,
                report: run::report(&plain),
                quality: quality(&calibrated, &manifest.labels),
            },
        );
    }
    match format {
        Format::Json => output::json(&Document { run: path.display().to_string(), rows: rows.len(), methods: told }),
        _ => output::lines(&text(&told, arguments.method.is_some())),
    }
}

/// Asks the run's model what the methods need.
fn ask(
    path: &Path,
    manifest: &Manifest,
    rows: &[Arc<Prediction>],
    methods: &[Method],
    stop: &Cancel,
    global: &Global,
) -> Result<Kept, Failure> {
    let prepared = running::prepare(manifest.session.clone(), stop, global)?;
    if prepared.data.sha256() != manifest.data.sha256 {
        return Err(Failure::Bad(format!(
            "{}: {} is not the data any more that the run is of: what calibration needs cannot be asked",
            path.display(),
            manifest.data.path
        )));
    }
    let models = Models::start(global.threads().or(Some(manifest.model.threads)), stop.clone(), global)?;
    let model = models.load(&manifest.session.model)?;
    if model.sha256 != manifest.model.sha256 {
        let (was, now) = (manifest.model.name.clone(), model.name.clone());
        return Err(CalibrateError::OtherModel { was, now }.into());
    }
    let numbers: Vec<usize> = rows.iter().map(|row| row.row).collect();
    let mut kept = Kept::default();
    for method in methods {
        let ask = Ask::new(&prepared, &model, *method, &numbers, &mut || !stop.is_cancelled())?;
        let mut answers = Vec::new();
        let what = format!("prompts for {} calibration", method.name());
        models.work(ask.work(), &mut |event| {
            if let Event::Scored { answers: new, .. } = event {
                answers.extend(new);
                models.bar.counted(&what, answers.len(), ask.len());
            }
            Ok::<_, EngineError>(())
        })?;
        models.bar.clear();
        kept = ask.keep(path, &answers)?;
    }
    Ok(kept)
}

fn text(told: &IndexMap<&str, Calibrated>, whole: bool) -> String {
    /// The share of the rows that goes to people in the last lines.
    const HANDED_OVER: f64 = 0.2;
    let number = |value: Option<f64>| match value {
        Some(value) if !value.is_nan() => format!("{value:.3}"),
        _ => "-".to_owned(),
    };
    let mut text = format!("{:<10}  {:>8}  {:>8}  {:>6}  {:>6}\n", "method", "accuracy", "macro-F1", "ECE", "Brier");
    for (name, Calibrated { report, quality, .. }) in told {
        let (report, quality) = (report.as_ref(), quality.as_ref());
        text += &format!(
            "{name:<10}  {:>8}  {:>8}  {:>6}  {:>6}\n",
            number(report.map(|report| report.accuracy)),
            number(report.map(|report| report.macro_f1)),
            number(quality.map(|quality| quality.ece)),
            number(quality.map(|quality| quality.brier)),
        );
    }
    text.push('\n');
    for (name, of) in told.iter().filter(|(_, of)| !of.why.is_empty()) {
        text += &format!("{name:<10}  {}\n", printable(&of.why));
    }
    for (name, of) in told {
        let Some(kept) = of.quality.as_ref().and_then(|quality| quality.kept(1.0 - HANDED_OVER)) else { continue };
        text += &format!(
            "{name:<10}  with the {:.0}% least sure left to people, the other {} are right by {:.3}\n",
            100.0 * (1.0 - kept.coverage),
            kept.rows,
            1.0 - kept.risk
        );
    }
    if whole && let Some(report) = told.values().next().and_then(|of| of.report.as_ref()) {
        text.push('\n');
        text += &classification_report(&report.confusion, &Layout::default());
    }
    text
}
