//! `shotglass export`: a run as one file for others.

use std::path::PathBuf;

use clap::Args;

use crate::session::export::{self, Format as Form};
use crate::session::folder::{Manifest, PREDICTIONS};
use crate::session::predictions;

use super::failure::Failure;
use super::{Format, Global, output};

/// `shotglass export`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Writes CSV (the predictions), JSON (manifest, report and predictions), Markdown (a report to read) or HTML (the same as one
page with drawings, for an appendix) to stdout. The page fetches nothing and runs no script. It shows the rows that were
answered wrongly with their texts, where the data is still what it was: mind whom you give it to. Control characters in texts
are shown escaped; the run's own predictions.csv has them as they are.

Examples:
  shotglass export RUN > predictions.csv
  shotglass export RUN --format md > report.md
  shotglass export RUN --format html > report.html")]
pub(super) struct Arguments {
    /// Folder of a run
    run: PathBuf,
}

/// Writes the export to stdout.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let form = match global.format("export", &[Format::Csv, Format::Json, Format::Md, Format::Html])? {
        Format::Json => Form::Json,
        Format::Md => Form::Md,
        Format::Html => Form::Html,
        _ => Form::Csv,
    };
    let manifest = Manifest::read(&arguments.run)?;
    let answered = predictions::read(&arguments.run.join(PREDICTIONS))?.rows.len();
    if let Some(gap) = manifest.gap(answered) {
        global.warn(&gap);
    }
    // A run is held in memory anyway while it is exported.
    let mut bytes = Vec::new();
    export::export(&arguments.run, form, &mut bytes)?;
    output::lines(&String::from_utf8_lossy(&bytes))
}
