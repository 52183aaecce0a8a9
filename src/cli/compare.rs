//! `shotglass compare`: two runs or more on the same rows.

mod figures;
mod text;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use crate::session::folder::{Manifest, Status};
use crate::session::predictions::answers::{Answers, read_answers};

use super::failure::Failure;
use super::progress::Bar;
use super::{Format, Global, output, report, signals};

use figures::{Together, alpha_of_all, same_gold};

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
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    resamples: u32,
    /// Seed of the resamples
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u32,
}

/// One of those that are compared.
struct Side {
    /// As the user named it.
    name: String,
    manifest: Option<Manifest>,
    answers: Answers,
}

/// Prints the comparison.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("compare", &[Format::Text, Format::Json])?;
    let a = read(&arguments.a, global)?;
    let others: Vec<Side> = arguments.others.iter().map(|path| read(path, global)).collect::<Result<_, _>>()?;
    same_gold(&a, &others)?;
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
        Format::Json => output::json(&figures::json(&comparisons, alpha_all)),
        _ => output::lines(&text::of(&a, &others, &comparisons, alpha_all)),
    }
}

fn read(path: &Path, global: &Global) -> Result<Side, Failure> {
    let name = path.display().to_string();
    let manifest = report::manifest(path)?;
    let answers = read_answers(path)?;
    if let Some(manifest) = manifest.as_ref().filter(|manifest| manifest.status != Status::Finished) {
        global.warn(&format!("{name}: the run is not finished: {} of {} rows", answers.len(), manifest.rows));
    }
    Ok(Side { name, manifest, answers })
}

/// Finds the rows of both, and says what the user should know of them.
fn meet<'a>(a: &'a Side, b: &'a Side, global: &Global) -> Result<Together<'a>, Failure> {
    let rows = Together::of(a, b)?;
    let hash = |side: &Side| side.manifest.as_ref().map(|manifest| manifest.data.sha256.clone());
    if hash(a).zip(hash(b)).is_some_and(|(a, b)| a != b) {
        global.warn(&format!(
            "{} and {} are of different data: rows are matched by their numbers and may not hold the same texts",
            a.name, b.name
        ));
    }
    let (in_a, in_b, common) = (a.answers.len(), b.answers.len(), rows.len());
    if in_a != common || in_b != common {
        global.note(&format!(
            "{common} rows are in both and are compared; {} are in {} alone, {} in {} alone",
            in_a - common,
            a.name,
            in_b - common,
            b.name
        ));
    }
    match rows.without_gold() {
        0 => {}
        all if all == common => global.note("no row has a gold label: agreement alone is told"),
        some => global.warn(&format!("{some} of {common} rows have no gold label and are left out")),
    }
    Ok(rows)
}
