//! `shotglass sweep`: how far the figures move between prompts that ought to mean the same.

use std::path::PathBuf;

use clap::Args;

use crate::data::Split;
use crate::session::queue::Queue;
use crate::session::sweep::Sweep;

use super::failure::Failure;
use super::run::SplitName;
use super::{Format, Global, output, queue};

/// `shotglass sweep`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Demonstrations are shown in other orders and drawn anew, the labels are listed in another order, the instruction is worded
as [sweep] lists it, and blanks, line breaks and casing are changed. Each variant is a run of its own, kept beside the
others; a sweep that was stopped goes on when it is begun again.

Examples:
  shotglass sweep sessions/few-shot.toml
  shotglass sweep few-shot --limit 50 --set sweep.draws=10
  shotglass sweep few-shot --format json")]
pub(super) struct Arguments {
    /// Session file, or the name of a bundled session
    session: String,
    /// Split to classify
    #[arg(long, value_enum, default_value = "validation")]
    split: SplitName,
    /// Only the first N rows of it [default: sweep.rows, 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// Runs all variants and prints how far they lie apart.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("sweep", &[Format::Text, Format::Json])?;
    let split = Split::from(arguments.split);
    let mut runs = PathBuf::new();
    let queued = queue::open(&arguments.session, &[split], global, &mut runs)?;
    let limit = arguments.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut sweep = Sweep::new(&queued.prepared, split, limit)?;
    sweep.notes().iter().for_each(|note| global.note(note));
    queued.answer(&mut sweep, global, &mut |_| Ok(()))?;
    match format {
        Format::Json => output::json(&sweep.spread()),
        _ => output::lines(&sweep.text()),
    }
}
