//! `shotglass audit`: gold labels that deserve a second look, and what was said of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::session::audit::{self, Audit, Reason, Suspect};
use crate::session::folder::{Manifest, PREDICTIONS};
use crate::session::overlay::{Mark, OVERLAY, Overlay};
use crate::session::predictions::{self, Prediction};
use crate::session::prepare::Prepared;
use crate::text::printable;

use super::failure::Failure;
use super::progress::Bar;
use super::{Format, Global, output, run, signals};

/// Characters of a text in a table.
const TEXT: usize = 60;

/// `shotglass audit`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Rows come up once each, by the first of these that fits: the model confidently gives another label than the gold one
(disagreement; needs a run), nearly the same text has another label (near-duplicate), nearly the same text is in another split
(two-splits), the text is nothing but addresses (url-only). In the workbench view 3 goes through them: a, then r gold right, w
gold wrong, x doubtful, Space skips. What is said is kept beside the session, with when and why and never who.

Examples:
  shotglass audit sessions/few-shot.toml
  shotglass audit few-shot sessions/few-shot/runs/20250101-120000-1a2b --limit 50
  shotglass audit few-shot RUN --next 20
  shotglass audit few-shot --export marks.csv
  shotglass report RUN --without-doubtful")]
pub(super) struct Arguments {
    /// Session file, or the name of a bundled session
    session: String,
    /// Folder of a run on the session's data, for what the model disagrees with
    run: Option<PathBuf>,
    /// Print the first N
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Instead, print the N rows without a gold label that are worth labelling first
    #[arg(long, value_name = "N", requires = "run")]
    next: Option<usize>,
    /// Instead, write what was said of rows as CSV to a file that is not there yet; - is stdout
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "next"])]
    export: Option<PathBuf>,
}

/// A row with its text.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    suspect: &'a Suspect,
    split: &'static str,
    gold: Option<&'a str>,
    /// What the run says, where one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted: Option<&'a str>,
    /// The probability of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    verdict: Option<&'static str>,
    text: String,
}

#[derive(Serialize)]
struct Document<'a> {
    rows: usize,
    counts: indexmap::IndexMap<&'static str, usize>,
    decided: usize,
    suspects: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Next {
    row: usize,
    entropy: f64,
    text: String,
}

/// Looks through the rows and prints what it finds.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("audit", &[Format::Text, Format::Json])?;
    let (file, session) = global.session(&arguments.session)?;
    let stop = signals::stop_flag();
    let prepared = run::read(session, &stop, global)?;
    let path = file.home().join(OVERLAY);
    let overlay = Overlay::open(&path, prepared.data.sha256()).map_err(|error| Failure::Bad(error.to_string()))?;
    if let Some(target) = &arguments.export {
        return export(&prepared, &overlay, target, global);
    }
    let rows = arguments.run.as_deref().map(|run| answers(run, &prepared)).transpose()?.unwrap_or_default();
    let rows: Vec<&Prediction> = rows.iter().collect();
    let bar = Bar::new(global.quiet);
    bar.bytes("looking through the rows", 0, None);
    let found = audit::audit(&prepared, &rows, &|| !stop.is_cancelled()).ok_or(Failure::Cancelled(None))?;
    bar.clear();
    if let Some(count) = arguments.next {
        return next(&prepared, &rows, &found, count, format);
    }
    let decided = |suspect: &&Suspect| overlay.get(suspect.row).and_then(Mark::decided);
    let sure: HashMap<usize, (&str, Option<f64>)> = rows.iter().map(|row| (row.row, told_by(row))).collect();
    let suspects = found.suspects.iter().take(arguments.limit).map(|suspect| Told {
        suspect,
        split: prepared.data.split_of(suspect.row).map_or("", |split| split.name()),
        gold: prepared.data.gold(suspect.row).and_then(|gold| prepared.data.labels().get(gold)).map(String::as_str),
        predicted: sure.get(&suspect.row).map(|(label, _)| *label),
        probability: sure.get(&suspect.row).and_then(|(_, probability)| *probability),
        verdict: decided(&suspect).map(|verdict| verdict.name()),
        text: prepared.data.text(suspect.row).into_owned(),
    });
    let of = |reason: Reason| found.suspects.iter().filter(|suspect| suspect.reason == reason).count();
    let document = Document {
        rows: found.rows,
        counts: Reason::ALL.iter().map(|reason| (reason.name(), of(*reason))).collect(),
        decided: found.suspects.iter().filter(|suspect| decided(suspect).is_some()).count(),
        suspects: suspects.collect(),
    };
    match format {
        Format::Json => output::json(&document),
        _ => output::lines(&text(&document, found.suspects.len(), &sure)),
    }
}

/// A row's predicted label, with its probability if the labels were scored.
fn told_by(row: &Prediction) -> (&str, Option<f64>) {
    let shares = predictions::probabilities(&row.logprobs);
    (&row.predicted, shares.and_then(|shares| shares.into_iter().max_by(f64::total_cmp)))
}

fn answers(run: &Path, prepared: &Prepared) -> Result<Vec<Prediction>, Failure> {
    let manifest = Manifest::read(run)?;
    if manifest.data.sha256 != prepared.data.sha256() {
        return Err(Failure::Bad(format!("{}: is of other data than the session", run.display())));
    }
    Ok(predictions::read(&run.join(PREDICTIONS))?.rows)
}

fn export(prepared: &Prepared, overlay: &Overlay, target: &Path, global: &Global) -> Result<(), Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::Failed(format!("{}: cannot be written: {error}", target.display()));
    let bytes = audit::overlay_csv(prepared, overlay).map_err(|error| failed(&error))?;
    if target == Path::new("-") {
        return output::lines(&String::from_utf8_lossy(&bytes));
    }
    let mut file = std::fs::File::create_new(target).map_err(|error| failed(&error))?;
    std::io::Write::write_all(&mut file, &bytes).map_err(|error| failed(&error))?;
    let count = overlay.iter().len();
    global.note(&format!("{count} mark{} written to {}", if count == 1 { "" } else { "s" }, target.display()));
    Ok(())
}

fn next(prepared: &Prepared, rows: &[&Prediction], found: &Audit, count: usize, format: Format) -> Result<(), Failure> {
    let order = audit::next_to_label(prepared, rows, &found.groups);
    if order.is_empty() {
        return Err(Failure::Bad(
            "no row of the run is without a gold label and has log-probabilities: there is nothing to label (rows \
             whose label is listed in data.missing count as unlabelled)"
                .to_owned(),
        ));
    }
    let told = order.into_iter().take(count);
    let told: Vec<Next> =
        told.map(|(row, entropy)| Next { row, entropy, text: prepared.data.text(row).into_owned() }).collect();
    match format {
        Format::Json => output::json(&told),
        _ => output::lines(&told.iter().fold(format!("{:>7}  {:>7}  text\n", "row", "entropy"), |text, of| {
            text + &format!("{:>7}  {:>7.3}  {}\n", of.row, of.entropy, short(&of.text))
        })),
    }
}

/// The beginning of a text, on one line.
fn short(text: &str) -> String {
    let text = printable(text);
    let start: String = text.chars().take(TEXT).collect();
    if start.len() < text.len() { format!("{start}…") } else { start }
}

fn text(document: &Document<'_>, all: usize, sure: &HashMap<usize, (&str, Option<f64>)>) -> String {
    let with_run = !sure.is_empty();
    let mut text = format!("{} rows\n", document.rows);
    for (name, count) in &document.counts {
        let note = match *name == "disagreement" {
            true if !with_run => "  (name a run to see these)",
            true if sure.values().all(|(_, probability)| probability.is_none()) => {
                "  (this run scored no labels: how sure the model is, is not known)"
            }
            _ => "",
        };
        text += &format!("{count:>7}  {name}{note}\n");
    }
    text += &format!("{:>7}  of these are decided\n", document.decided);
    if document.suspects.is_empty() {
        return text;
    }
    let answer = |predicted: &str, probability: &str| match with_run {
        true => format!("{predicted:<12}  {probability:>5}  "),
        false => String::new(),
    };
    text += &format!("\n{:>7}  {:<10}  {:<12}  ", "row", "split", "gold");
    text += &format!("{}{:<14}  {:>5}  text\n", answer("predicted", "prob."), "reason", "score");
    for told in &document.suspects {
        let cut = |label: Option<&str>| -> String { printable(label.unwrap_or("-")).chars().take(12).collect() };
        let probability = told.probability.map_or_else(|| "-".to_owned(), |share| format!("{share:.2}"));
        let verdict = told.verdict.map_or_else(String::new, |verdict| format!("  [{verdict}]"));
        text += &format!(
            "{:>7}  {:<10}  {:<12}  {}{:<14}  {:>5.2}  {}{verdict}\n",
            told.suspect.row,
            told.split,
            cut(told.gold),
            answer(&cut(told.predicted), &probability),
            told.suspect.reason.name(),
            told.suspect.score,
            short(&told.text)
        );
    }
    if all > document.suspects.len() {
        text += &format!("{} more: --limit N\n", all - document.suspects.len());
    }
    text
}
