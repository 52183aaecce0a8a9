//! `shotglass compare`: two runs or more on the same rows.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use crate::session::comparison::{self, RESAMPLES, SEED, Side, Together, alpha_of_all, same_gold, text};
use crate::session::predictions::answers::read_answers;

use super::failure::Failure;
use super::progress::Bar;
use super::{Format, Global, output, report, signals};

/// Work that ends sooner shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// `shotglass compare`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Rows are matched by their number, and those that are in both are compared. Fixed are the rows that A has wrong and B
right, broken the other way round; McNemar's exact test says how likely so uneven a split is by chance. Differences are B
minus A, with 95% intervals from resampled rows. Cohen's kappa is the agreement of A and B, Krippendorff's alpha that of
the gold labels, A and B. Without gold labels agreement alone is told. Further runs are each compared with A.

Examples:
  shotglass compare sessions/zero-shot/runs/20250101-120000-1a2b sessions/few-shot/runs/20250101-121500-3c4d
  shotglass compare RUN predictions-from-elsewhere.csv --format json")]
pub(super) struct Arguments {
    /// Folder of a run, or a CSV file with columns row, gold and predicted
    a: PathBuf,
    /// The same, one or more
    #[arg(required = true, value_name = "B")]
    others: Vec<PathBuf>,
    /// Resamples that intervals are made of; 0 for none
    #[arg(long, value_name = "N", default_value_t = RESAMPLES, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    resamples: u32,
    /// Seed of the resamples
    #[arg(long, value_name = "N", default_value_t = SEED)]
    seed: u32,
}

/// Prints the comparison.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("compare", &[Format::Text, Format::Json])?;
    let a = read(&arguments.a, global)?;
    let others: Vec<Side> = arguments.others.iter().map(|path| read(path, global)).collect::<Result<_, _>>()?;
    same_gold(&a, &others).map_err(|error| Failure::Bad(error.to_string()))?;
    let together: Vec<Together<'_>> = others.iter().map(|b| meet(&a, b, global)).collect::<Result<_, _>>()?;

    let stop = signals::stop_flag();
    let (bar, begun) = (Bar::new(global.quiet), Instant::now());
    let resamples = arguments.resamples as usize;
    let mut comparisons = Vec::with_capacity(others.len());
    for (index, rows) in together.iter().enumerate() {
        let compared = rows.compare(resamples, arguments.seed, |done| {
            if begun.elapsed() > PATIENCE {
                bar.counted("resamples", index * resamples + done, others.len() * resamples);
            }
            !stop.is_cancelled()
        });
        comparisons.push(compared.ok_or(Failure::Cancelled(None))?);
    }
    bar.clear();

    let alpha_all = (others.len() > 1).then(|| alpha_of_all(&a, &others));
    match format {
        Format::Json => output::json(&comparison::json(&comparisons, alpha_all)),
        _ => output::lines(&text::of(&a, &others, &comparisons, alpha_all)),
    }
}

fn read(path: &Path, global: &Global) -> Result<Side, Failure> {
    let name = path.display().to_string();
    let manifest = report::manifest(path)?;
    let answers = read_answers(path)?;
    let side = Side { called: name.clone(), name, manifest, answers };
    if let Some(text) = side.unfinished() {
        global.warn(&text);
    }
    Ok(side)
}

/// Finds the rows of both, and says what the user should know of them.
fn meet<'a>(a: &'a Side, b: &'a Side, global: &Global) -> Result<Together<'a>, Failure> {
    let rows = Together::of(a, b).map_err(|error| Failure::Bad(error.to_string()))?;
    for remark in rows.remarks() {
        match remark.serious {
            true => global.warn(&remark.text),
            false => global.note(&remark.text),
        }
    }
    Ok(rows)
}
