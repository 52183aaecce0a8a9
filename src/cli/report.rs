//! `shotglass report`: the report of a run, or of predictions from elsewhere.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::data::source;
use crate::metrics::Report;
use crate::session::audit;
use crate::session::baselines::{self, Baselines};
use crate::session::folder::{Manifest, PREDICTIONS, Status};
use crate::session::overlay::Overlay;
use crate::session::predictions;
use crate::session::predictions::pairs::{LabelPairs, PairsError, read_pairs};
use crate::session::prepare::Prepared;
use crate::session::run::{Summary, simulation_so_far};
use crate::session::runs;
use crate::session::training::EVALUATION;

use super::failure::Failure;
use super::progress::Bar;
use super::{Format, Global, output, run, signals};

/// `shotglass report`
#[derive(Debug, Args)]
#[command(after_long_help = "\
The table is scikit-learn's classification_report(digits=3, zero_division=0).

Examples:
  shotglass report sessions/zero-shot/runs/20250101-120000-1a2b
  shotglass report predictions-from-elsewhere.csv --format json
  shotglass report RUN --without-doubtful")]
pub(super) struct Arguments {
    /// Folder of a run, or a CSV file with columns gold and predicted
    run: PathBuf,
    /// Print the report once more without the rows whose gold label was marked as wrong or doubtful
    #[arg(long)]
    without_doubtful: bool,
}

/// Prints the report.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("report", &[Format::Text, Format::Json])?;
    if arguments.without_doubtful {
        return without_doubtful(&arguments.run, format, global);
    }
    of(&arguments.run, format, global)
}

/// Prints the report with all rows, then without those whose gold label is doubted.
fn without_doubtful(path: &Path, format: Format, global: &Global) -> Result<(), Failure> {
    let (all, manifest) = summary(path, global)?;
    let Some(manifest) = manifest else {
        return Err(Failure::Bad(format!("{}: marks are known of runs alone", path.display())));
    };
    let marks = audit::overlay_of(path, &manifest);
    let overlay = Overlay::open(&marks, &manifest.data.sha256).map_err(|error| Failure::Bad(error.to_string()))?;
    let mut rows = predictions::read(&path.join(PREDICTIONS))?.rows;
    let before = rows.len();
    rows.retain(|row| !overlay.get(row.row).is_some_and(|mark| mark.doubtful));
    let left_out = before - rows.len();
    let without =
        Summary { rows: rows.len(), report: crate::session::run::report(&rows), simulation: None, ..all.clone() };
    match format {
        Format::Json => output::json(&WithoutDoubtful { all, without_doubtful: without, left_out }),
        _ => {
            run::print(&all, Some(&manifest))?;
            let what = if left_out == 1 { "row whose gold label is" } else { "rows whose gold labels are" };
            output::lines(&format!("\nwithout {left_out} {what} marked as wrong or doubtful\n\n"))?;
            run::print(&without, None)
        }
    }
}

/// The report, with what it would be without doubtful rows.
#[derive(Serialize)]
struct WithoutDoubtful {
    #[serde(flatten)]
    all: Summary,
    without_doubtful: Summary,
    left_out: usize,
}

/// Prints the report of `path`.
pub(super) fn of(path: &Path, format: Format, global: &Global) -> Result<(), Failure> {
    let (summary, manifest) = summary(path, global)?;
    match format {
        Format::Json => output::json(&summary),
        _ => {
            run::print(&summary, manifest.as_ref())?;
            let baselines = manifest.as_ref().and_then(|manifest| baselines_of(manifest, global));
            run::print_baseline(&summary, baselines.as_ref())
        }
    }
}

/// Baselines beside a run, where its data is there as it was and need not be fetched.
fn baselines_of(manifest: &Manifest, global: &Global) -> Option<Baselines> {
    if source::is_url(&manifest.session.data.path) || manifest.training.is_some() {
        return None;
    }
    let stop = signals::stop_flag();
    let prepared = Prepared::open(manifest.session.clone(), &mut |_, _| !stop.is_cancelled()).ok()?;
    if prepared.data.sha256() != manifest.data.sha256 {
        return None;
    }
    let bar = Bar::new(global.quiet);
    bar.bytes("fitting baselines", 0, None);
    baselines::of(&prepared, (manifest.split, manifest.rows), None, &|| !stop.is_cancelled()).ok()
}

/// The figures of `path`, and its manifest where it is a run's folder.
pub(super) fn summary(path: &Path, global: &Global) -> Result<(Summary, Option<Manifest>), Failure> {
    let manifest = manifest(path)?;
    let unfinished = manifest.as_ref().filter(|manifest| manifest.status != Status::Finished);
    // The data need not be there any more, so what was found at the run's end is told first of all.
    let simulation = manifest.as_ref().filter(|manifest| manifest.session.simulate.is_some()).and_then(|manifest| {
        // What cannot be read is computed anew.
        let kept = if unfinished.is_none() { runs::summary(path).ok().flatten() } else { None };
        kept.and_then(|kept| kept.simulation).or_else(|| simulation_so_far(path, manifest))
    });
    let pairs = match read_pairs(path) {
        Err(PairsError::NoGold { .. }) if simulation.is_some() => LabelPairs::default(),
        pairs => pairs?,
    };
    match pairs.unlabelled {
        0 => {}
        1 => global.warn("1 row has no gold label and is left out"),
        count => global.warn(&format!("{count} rows have no gold label and are left out")),
    }
    let respondents = simulation.as_ref().and_then(|simulation| simulation.overall.first());
    let rows = if !pairs.is_empty() { pairs.len() } else { respondents.map_or(0, |of| of.comparison.rows) };
    let summary = Summary {
        run: path.display().to_string(),
        rows,
        seconds: manifest.as_ref().map(|manifest| manifest.work().0),
        cached_rows: manifest.as_ref().and_then(|manifest| manifest.stats).map(|stats| stats.cached_rows),
        report: (!pairs.is_empty()).then(|| Report::new(pairs.confusion())),
        simulation,
    };
    if let Some(gap) = manifest.as_ref().and_then(|manifest| manifest.gap(rows + pairs.unlabelled)) {
        global.warn(&gap);
    }
    Ok((summary, manifest))
}

/// The manifest of `path` where it is a run's folder; a training that goes on has no predictions yet.
pub(super) fn manifest(path: &Path) -> Result<Option<Manifest>, Failure> {
    let manifest = if path.is_dir() { Some(Manifest::read(path)?) } else { None };
    let unfinished = manifest.as_ref().filter(|manifest| manifest.status != Status::Finished);
    if unfinished.is_some_and(|manifest| manifest.training.is_some()) {
        let evaluation = path.join(EVALUATION);
        return Err(Failure::Bad(format!(
            "{}: the training is not finished; its last evaluation is {}",
            path.display(),
            evaluation.display()
        )));
    }
    Ok(manifest)
}
