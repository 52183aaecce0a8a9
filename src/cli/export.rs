//! `shotglass export`: a run as one file for others.

use std::path::PathBuf;

use clap::Args;

use crate::session::export::{Format as Form, export};
use crate::text::printable_lines;

use super::failure::Failure;
use super::{Context, Format, output};

#[derive(Args)]
pub struct Arguments {
    /// A run folder
    run: PathBuf,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let form = match context.options.format {
        Some(Format::Json) => Form::Json,
        Some(Format::Csv) => Form::Csv,
        None | Some(Format::Md) => Form::Md,
        Some(Format::Text) => return Err(Failure::usage("--format is csv, json or md for export")),
    };
    let mut page = Vec::new();
    export(&arguments.run, form, &mut page)?;
    if output::is_terminal() {
        // What the data holds must not move the cursor; a file or pipe gets it as it is.
        return output::write(printable_lines(&String::from_utf8_lossy(&page)).as_bytes());
    }
    output::write(&page)
}
