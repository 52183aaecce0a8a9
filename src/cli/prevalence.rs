//! `shotglass prevalence`: how many rows have each label, from a model's answers and a labelled sample.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use indexmap::IndexMap;
use serde::Serialize;

use crate::metrics::prevalence::{
    Needed, Sample, Share, classical, design_based, labels_needed, naive, power, prediction_powered, undefined,
};
use crate::session::folder::Manifest;
use crate::session::predictions::answers::{Answers, read_answers};
use crate::text::printable;

use super::failure::Failure;
use super::{Format, Global, output, report};

/// Labelled rows below which intervals by the normal distribution are not to be believed.
const FEW: usize = 30;

/// `shotglass prevalence`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Counting a model's answers is biased wherever the model is. With gold labels for a random sample of the rows the count is
corrected: classical takes the labelled rows alone, PPI adds the answers to all others, PPI++ relies on them as much as the
data bear, DSL weighs errors by how likely a row was to be labelled. 95% intervals by the normal distribution; there is none
where a label is that of no labelled row, or of all. Labels needed are those for an interval of --width by the labelled rows
alone, and by PPI++ with the other rows that there are.

The labelled rows must be a random draw from the rows that are asked about, answered by the same model and prompt. A row that
is in both counts once; row numbers of CSV files are taken for those of the same data.

Examples:
  shotglass prevalence RUN-ON-ALL-TWEETS --labelled RUN-ON-THE-LABELLED
  shotglass prevalence predictions.csv --width 0.04 --format json")]
pub(super) struct Arguments {
    /// Folder of a run, or a CSV file with columns row, gold and predicted; rows with a gold label are the sample, unless
    /// --labelled names one: then gold labels here are not used
    run: PathBuf,
    /// The labelled sample, where it is another run or file
    #[arg(long, value_name = "RUN")]
    labelled: Option<PathBuf>,
    /// Width of a 95% interval that labels are counted for
    #[arg(long, value_name = "W", default_value_t = 0.05, value_parser = width, allow_hyphen_values = true)]
    width: f64,
}

fn width(text: &str) -> Result<f64, String> {
    let width: f64 = text.parse().map_err(|_| "a number between 0 and 1".to_owned())?;
    if width > 0.0 && width < 1.0 { Ok(width) } else { Err("a number between 0 and 1".to_owned()) }
}

/// One label.
#[derive(Serialize)]
struct Label {
    naive: Share,
    classical: Share,
    ppi: Share,
    ppi_plus_plus: Share,
    /// How much PPI++ relies on the answers.
    power: f64,
    dsl: Share,
    labels_needed: Needed,
    /// Why there are no intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    undefined: Option<&'static str>,
}

#[derive(Serialize)]
struct Document {
    labelled: usize,
    unlabelled: usize,
    width: f64,
    labels: IndexMap<String, Label>,
}

/// Prints the shares.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("prevalence", &[Format::Text, Format::Json])?;
    let (all, manifest) = read(&arguments.run, global)?;
    let mut labelled = Answers::new();
    let mut unlabelled = all;
    match &arguments.labelled {
        None => {
            let (with, without) = unlabelled.into_iter().partition(|(_, answer)| answer.gold.is_some());
            (labelled, unlabelled) = (with, without);
        }
        Some(path) => {
            let (sample, of_sample) = read(path, global)?;
            check(manifest.as_ref(), of_sample.as_ref(), global)?;
            let hash = |manifest: &Option<Manifest>| manifest.as_ref().map(|manifest| manifest.data.sha256.clone());
            // Row numbers of files are taken for those of the same data, as everywhere.
            let apart = hash(&manifest).zip(hash(&of_sample)).is_some_and(|(all, sample)| all != sample);
            let before = unlabelled.len();
            for (row, answer) in sample.into_iter().filter(|(_, answer)| answer.gold.is_some()) {
                if !apart {
                    unlabelled.remove(&row);
                }
                labelled.insert(row, answer);
            }
            match before - unlabelled.len() {
                0 => {}
                1 => global.note("1 row is in both and counts once, as a labelled one"),
                both => global.note(&format!("{both} rows are in both and count once, as labelled ones")),
            }
        }
    }
    if labelled.is_empty() {
        return Err(Failure::Bad("no row has a gold label: name a labelled sample with --labelled".to_owned()));
    }
    if unlabelled.is_empty() {
        return Err(Failure::Bad("all rows have a gold label: there is nothing left to estimate".to_owned()));
    }
    if labelled.len() < FEW {
        let rows = if labelled.len() == 1 { "labelled row is" } else { "labelled rows are" };
        global.warn(&format!("{} {rows} few: intervals are too narrow", labelled.len()));
    }
    let known: BTreeSet<&String> = labelled.values().filter_map(|answer| answer.gold.as_ref()).collect();
    let answers = || labelled.values().chain(unlabelled.values()).map(|answer| &answer.predicted);
    if !answers().any(|label| known.contains(label)) {
        return Err(Failure::Bad(format!(
            "no answer is one of the gold labels {}: the two must use the same words",
            quoted(known.into_iter())
        )));
    }
    let of_sample: BTreeSet<&String> = labelled.values().map(|answer| &answer.predicted).chain(known.clone()).collect();
    if !unlabelled.values().any(|answer| of_sample.contains(&answer.predicted)) {
        return Err(Failure::Bad(format!(
            "none of the rows without a gold label has an answer of the sample's, {}: the two must use the same words",
            quoted(of_sample.into_iter())
        )));
    }
    if let Some(other) = unlabelled.values().map(|answer| &answer.predicted).find(|label| !known.contains(label)) {
        global.note(&format!("`{}` is answered and is no gold label of the sample", printable(other)));
    }
    let named: BTreeSet<&String> = known.into_iter().chain(answers()).collect();
    let labels = named.into_iter().map(|label| (label.clone(), of(label, &labelled, &unlabelled, arguments.width)));
    let document = Document {
        labelled: labelled.len(),
        unlabelled: unlabelled.len(),
        width: arguments.width,
        labels: labels.collect(),
    };
    match format {
        Format::Json => output::json(&document),
        _ => output::lines(&text(&document)),
    }
}

fn quoted<'a>(labels: impl Iterator<Item = &'a String>) -> String {
    let quoted: Vec<String> = labels.map(|label| format!("`{}`", printable(label))).collect();
    quoted.join(", ")
}

fn read(path: &Path, global: &Global) -> Result<(Answers, Option<Manifest>), Failure> {
    let (answers, manifest) = (read_answers(path)?, report::manifest(path)?);
    if let Some(gap) = manifest.as_ref().and_then(|manifest| manifest.gap(answers.len())) {
        global.warn(&format!("{}: {gap}", path.display()));
    }
    Ok((answers, manifest))
}

/// A correction is that of one model with one prompt.
fn check(a: Option<&Manifest>, b: Option<&Manifest>, global: &Global) -> Result<(), Failure> {
    let (Some(a), Some(b)) = (a, b) else { return Ok(()) };
    let sorted = |manifest: &Manifest| {
        let mut labels = manifest.labels.clone();
        labels.sort();
        labels
    };
    if sorted(a) != sorted(b) {
        return Err(Failure::Bad(format!(
            "the labels are {} in one and {} in the other: they must be the same",
            a.labels.join(", "),
            b.labels.join(", ")
        )));
    }
    if a.model.sha256 != b.model.sha256 {
        global.warn("the two were answered by different models: the correction is that of another one");
    }
    if a.prompt.template_sha256 != b.prompt.template_sha256 || a.prompt.demos != b.prompt.demos {
        global.warn("the two were answered with different prompts: the correction is that of another one");
    }
    Ok(())
}

fn of(label: &str, labelled: &Answers, unlabelled: &Answers, width: f64) -> Label {
    let is = |text: &str| if text == label { 1.0 } else { 0.0 };
    let sample = Sample {
        gold: labelled.values().map(|answer| is(answer.gold.as_deref().unwrap_or_default())).collect(),
        predicted: labelled.values().map(|answer| is(&answer.predicted)).collect(),
        unlabelled: unlabelled.values().map(|answer| is(&answer.predicted)).collect(),
    };
    let power = power(&sample);
    Label {
        naive: naive(&sample),
        classical: classical(&sample),
        ppi: prediction_powered(&sample, 1.0),
        ppi_plus_plus: prediction_powered(&sample, power),
        power,
        dsl: design_based(&sample),
        labels_needed: labels_needed(&sample, width),
        undefined: undefined(&sample),
    }
}

fn text(document: &Document) -> String {
    let shown = |share: &Share| match share.ci95 {
        [low, high] if low.is_finite() && high.is_finite() => format!("{:.3} ({low:.3} to {high:.3})", share.value),
        _ => format!("{:.3}", share.value),
    };
    let called = |label: &String| match label.trim().is_empty() {
        true => "(no answer)".to_owned(),
        false => printable(label).into_owned(),
    };
    let names: Vec<String> = document.labels.keys().map(called).collect();
    let wide = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().max("label".len());
    let mut text = format!(
        "{:<wide$}  {:<22}  {:<22}  {:<22}  {:<22}  {:<22}\n",
        "label", "answers alone", "classical", "PPI", "PPI++", "DSL"
    );
    for (name, of) in names.iter().zip(document.labels.values()) {
        text += &format!(
            "{name:<wide$}  {:<22}  {:<22}  {:<22}  {:<22}  {:<22}\n",
            shown(&of.naive),
            shown(&of.classical),
            shown(&of.ppi),
            shown(&of.ppi_plus_plus),
            shown(&of.dsl)
        );
    }
    text += &format!(
        "\n{} labelled rows, {} others; 95% intervals, if the labelled rows are a random draw\n\nlabels for an interval {} wide\n",
        document.labelled, document.unlabelled, document.width
    );
    let outside = |share: &Share| share.value < 0.0 || share.value > 1.0 || share.ci95[0] < 0.0 || share.ci95[1] > 1.0;
    let all = |of: &Label| [of.naive, of.classical, of.ppi, of.ppi_plus_plus, of.dsl].iter().any(outside);
    let wild = document.labels.values().any(all);
    for (name, of) in names.iter().zip(document.labels.values()) {
        let count = |needed: Option<u64>| needed.map_or_else(|| "-".to_owned(), |count| count.to_string());
        let needed = &of.labels_needed;
        let why = of.undefined.map_or_else(String::new, |why| format!("  ({why})"));
        text += &format!(
            "{name:<wide$}  classical {}, PPI++ {}{why}\n",
            count(needed.classical),
            count(needed.prediction_powered)
        );
    }
    if wild {
        text += "\nAn estimate or an end below 0 or above 1 says that the labelled rows are too few for it, or the answers too poor.\n";
    }
    text
}
