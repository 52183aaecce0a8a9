//! `shotglass export`: a run as one file for others.

use std::path::PathBuf;

use clap::Args;

use crate::session::export::{self, Format as Form};
use crate::session::folder::Manifest;

use super::failure::Failure;
use super::{Format, Global, output};

/// `shotglass export`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Writes CSV (the predictions), JSON (manifest, report and predictions) or Markdown (a report to read) to stdout. Control
characters in texts are shown escaped; the run's own predictions.csv has them as they are.

Examples:
  shotglass export RUN > predictions.csv
  shotglass export RUN --format md > report.md")]
pub(super) struct Arguments {
    /// Folder of a run
    run: PathBuf,
}

/// Writes the export to stdout.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let form = match global.format("export", &[Format::Csv, Format::Json, Format::Md])? {
        Format::Json => Form::Json,
        Format::Md => Form::Md,
        _ => Form::Csv,
    };
    Manifest::read(&arguments.run)?;
    // A run is held in memory anyway while it is exported.
    let mut bytes = Vec::new();
    export::export(&arguments.run, form, &mut bytes)?;
    output::lines(&String::from_utf8_lossy(&bytes))
}
