//! `shotglass report`: the figures of a run, or of predictions from elsewhere.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::metrics::report::Report;
use crate::metrics::text::{Figures, Layout, classification_report, summary};
use crate::session::predictions::read_pairs;

use super::failure::Failure;
use super::{Context, output};

#[derive(Args)]
pub struct Arguments {
    /// A run folder, or a CSV with the columns gold and predicted
    run: PathBuf,
}

/// What `report --format json` prints.
#[derive(Serialize)]
struct Printed {
    run: String,
    rows: u64,
    seconds: Option<f64>,
    #[serde(flatten)]
    report: Report,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let json = context.json()?;
    let pairs = read_pairs(&arguments.run)?;
    if pairs.is_empty() {
        return Err(Failure::usage(format!("{}: no row with a gold label", arguments.run.display())));
    }
    if pairs.unlabelled > 0 {
        output::note(context, &format!("{} rows without a gold label are left out", pairs.unlabelled));
    }
    let report = Report::new(pairs.confusion());
    if json {
        let (run, rows, seconds) = (arguments.run.display().to_string(), report.rows(), seconds(&arguments.run));
        return output::json(&Printed { run, rows, seconds, report });
    }
    let table = classification_report(&report.confusion, &Layout::default());
    output::write(format!("{table}\n{}", summary(&report, &Figures::default())).as_bytes())
}

/// Seconds of computing, as a finished run noted them.
fn seconds(run: &Path) -> Option<f64> {
    let text = std::fs::read(run.join("report.json")).ok()?;
    serde_json::from_slice::<serde_json::Value>(&text).ok()?.get("seconds")?.as_f64()
}
