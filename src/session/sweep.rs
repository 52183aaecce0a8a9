//! A robustness sweep: the same rows asked by prompts that ought to mean the same.
//!
//! A figure that moves much between them says more of the wording than of the model. [`SweepSpec`] is the `[sweep]` section,
//! [`Sweep`] the queue of runs, [`Spread`] what is told of them.

use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::metrics::agreement::alpha;
use crate::prompt::{PromptError, PromptSpec};

use super::predictions::Prediction;
use super::prepare::Prepared;
use super::queue::{Answered, Leveled, Line, Proposal, Queue, Scores};
use super::spec::Session;
use super::vary::{self, Format, Kind, Variation};

/// The `[sweep]` section of a session: what a robustness sweep varies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SweepSpec {
    /// Other orders of the demonstrations.
    pub orders: usize,
    /// Other draws of the demonstrations.
    pub draws: usize,
    /// Other orders of the labels.
    pub labels: usize,
    /// The instruction, as it stands in `prompt.template` or `prompt.system`; without it the template's first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// Other wordings of the instruction.
    pub paraphrases: Vec<String>,
    /// Changes of formatting.
    pub formats: Vec<Format>,
    /// The first so many rows of the split.
    pub rows: usize,
    /// How answers are calibrated before they are judged.
    pub calibration: Leveled,
    /// Seed of the orders.
    pub seed: u32,
}

impl Default for SweepSpec {
    fn default() -> Self {
        Self {
            orders: 3,
            draws: 3,
            labels: 1,
            instruction: None,
            paraphrases: Vec::new(),
            formats: Format::ALL.to_vec(),
            rows: 100,
            calibration: Leveled::default(),
            seed: 42,
        }
    }
}

/// The most of one kind; a typing error should not take a day.
const MOST: usize = 1000;

impl SweepSpec {
    /// What types cannot say: the key, and what it must be.
    pub fn check(&self, prompt: &PromptSpec) -> Result<(), (String, String)> {
        for (key, count) in [("orders", self.orders), ("draws", self.draws), ("labels", self.labels)] {
            if count > MOST {
                return Err((key.to_owned(), format!("must be {MOST} at most")));
            }
        }
        if self.rows == 0 {
            return Err(("rows".to_owned(), "must be at least 1".to_owned()));
        }
        let named = self.instruction.is_some() || !self.paraphrases.is_empty();
        match self.instruction_in(prompt) {
            None if named => Err((
                if self.instruction.is_some() { "instruction" } else { "paraphrases" }.to_owned(),
                "must stand in place of an instruction: neither prompt.template nor prompt.system holds sweep.instruction, to \
                 the letter"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// The text that paraphrases stand in place of.
    pub(super) fn instruction_in<'s>(&'s self, prompt: &'s PromptSpec) -> Option<&'s str> {
        match &self.instruction {
            Some(text) => {
                let there = |of: &str| !text.is_empty() && of.contains(text.as_str());
                (there(&prompt.template) || prompt.system.as_deref().is_some_and(there)).then_some(text)
            }
            None => {
                let first = prompt.template.lines().map(str::trim).find(|line| !line.is_empty())?;
                (!first.contains('{')).then_some(first)
            }
        }
    }
}

/// The queue of a sweep.
pub struct Sweep {
    session: Session,
    split: Split,
    rows: Option<usize>,
    variations: Vec<Variation>,
    notes: Vec<String>,
    answered: Vec<Answered>,
    calibration: Leveled,
    labels: Vec<String>,
}

impl Sweep {
    /// Works out the variations. `rows` stands in place of `sweep.rows`; choosing demonstrations can take a second.
    pub fn new(prepared: &Prepared, split: Split, rows: Option<usize>) -> Result<Self, PromptError> {
        let spec = prepared.session.sweep.clone().unwrap_or_default();
        let (variations, notes) = vary::variations(prepared, &spec)?;
        let session = prepared.session.clone();
        let rows = Some(rows.unwrap_or(spec.rows));
        let labels = prepared.data.labels().to_vec();
        let calibration = spec.calibration;
        Ok(Self { session, split, rows, variations, notes, answered: Vec::new(), calibration, labels })
    }

    /// What could not be varied.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What is told of the variants that are answered.
    pub fn spread(&self) -> Spread {
        let variants: Vec<Variant> = self
            .variations
            .iter()
            .zip(&self.answered)
            .map(|(variation, answered)| Variant {
                kind: variation.kind,
                name: variation.name.clone(),
                run: answered.run.display().to_string(),
                scores: Scores::of(&answered.rows),
            })
            .collect();
        let kinds = Kind::ALL.into_iter().skip(1).filter_map(|kind| {
            // The base is one of every kind.
            let of = |variant: &&Variant| variant.kind == kind || variant.kind == Kind::Base;
            let among: Vec<&Variant> = variants.iter().filter(of).collect();
            (among.len() > 1).then(|| OfKind {
                kind,
                accuracy: Range::of(&among, |s| s.accuracy),
                macro_f1: Range::of(&among, |s| s.macro_f1),
            })
        });
        let kinds: Vec<OfKind> = kinds.collect();
        let all: Vec<&Variant> = variants.iter().collect();
        let (accuracy, macro_f1) = (Range::of(&all, |s| s.accuracy), Range::of(&all, |s| s.macro_f1));
        let stability = Some(self.stability()).filter(|alpha| alpha.is_finite() && self.answered.len() > 1);
        // Of equals the earliest, which the base is.
        let score = |variant: &Variant| variant.scores.map_or(f64::NAN, |scores| scores.macro_f1);
        let scored: Vec<&Variant> = variants.iter().filter(|variant| !score(variant).is_nan()).collect();
        let best = scored.iter().rev().max_by(|a, b| score(a).total_cmp(&score(b))).map(|of| of.run.clone());
        let worst = scored.iter().min_by(|a, b| score(a).total_cmp(&score(b))).map(|of| of.run.clone());
        Spread { split: self.split, variants, kinds, accuracy, macro_f1, stability, best, worst }
    }

    /// Krippendorff's alpha of the variants, as if each were a rater.
    fn stability(&self) -> f64 {
        let longest = self.answered.iter().map(|answered| answered.rows.len()).max().unwrap_or_default();
        let of = |place: usize, answered: &'_ Answered| {
            answered.rows.get(place).map(|row: &Prediction| row.predicted.clone())
        };
        let rows: Vec<Vec<Option<String>>> =
            (0..longest).map(|place| self.answered.iter().map(|answered| of(place, answered)).collect()).collect();
        alpha(rows.iter().map(|row| row.iter().map(Option::as_deref).collect::<Vec<_>>()))
    }
}

impl Queue for Sweep {
    fn next(&mut self) -> Option<Proposal> {
        let variation = self.variations.get(self.answered.len())?;
        let title = title(variation.kind, &variation.name);
        Some(Proposal {
            name: format!("sweep: {title}"),
            purpose: title,
            session: Session { prompt: variation.prompt.clone(), ..self.session.clone() },
            split: self.split,
            limit: self.rows,
        })
    }

    fn take(&mut self, answered: Answered) {
        self.answered.push(self.calibration.of(answered, &self.labels));
    }

    fn lines(&self) -> Vec<Line> {
        let spread = self.spread();
        let line = |(place, variation): (usize, &Variation)| {
            let run = self.answered.get(place).map(|answered| answered.run.clone());
            let is = |of: &Option<String>| run.is_some() && *of == run.as_ref().map(|run| run.display().to_string());
            let note = match (is(&spread.best), is(&spread.worst)) {
                (true, false) => "best",
                (false, true) => "worst",
                _ => "",
            };
            Line {
                kind: variation.kind.title().to_owned(),
                name: variation.name.clone(),
                scores: spread.variants.get(place).and_then(|variant| variant.scores),
                note: note.to_owned(),
                prompt: variation.prompt.clone(),
                run,
            }
        };
        self.variations.iter().enumerate().map(line).collect()
    }

    fn progress(&self) -> (usize, usize) {
        (self.answered.len(), self.variations.len())
    }

    fn text(&self) -> String {
        self.spread().text()
    }
}

fn title(kind: Kind, name: &str) -> String {
    if name.is_empty() { kind.title().to_owned() } else { format!("{} {name}", kind.title()) }
}

/// One variant with its figures.
#[derive(Clone, Debug, Serialize)]
pub struct Variant {
    /// What is varied.
    pub kind: Kind,
    /// What it is called.
    pub name: String,
    /// The run's folder.
    pub run: String,
    /// Its figures, where rows have gold labels.
    pub scores: Option<Scores>,
}

/// Where a figure lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the variants, by n - 1.
    pub sd: Option<f64>,
}

impl Range {
    fn of(variants: &[&Variant], figure: fn(&Scores) -> f64) -> Option<Self> {
        let values: Vec<f64> = variants.iter().filter_map(|variant| variant.scores.as_ref().map(figure)).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let min = values.iter().copied().reduce(f64::min)?;
        let max = values.iter().copied().reduce(f64::max)?;
        Some(Self { min, max, mean, sd: (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt()) })
    }
}

/// The spread of one kind of variation, the base among them.
#[derive(Clone, Debug, Serialize)]
pub struct OfKind {
    /// What is varied.
    pub kind: Kind,
    /// Accuracy.
    pub accuracy: Option<Range>,
    /// Macro-F1.
    pub macro_f1: Option<Range>,
}

/// How far the figures of a sweep lie apart.
#[derive(Clone, Debug, Serialize)]
pub struct Spread {
    /// The split.
    pub split: Split,
    /// The variants, the base first.
    pub variants: Vec<Variant>,
    /// By what is varied.
    pub kinds: Vec<OfKind>,
    /// Accuracy, of all.
    pub accuracy: Option<Range>,
    /// Macro-F1, of all.
    pub macro_f1: Option<Range>,
    /// Prompt stability: Krippendorff's alpha over the variants' answers.
    pub stability: Option<f64>,
    /// The run with the highest macro-F1.
    pub best: Option<String>,
    /// The run with the lowest.
    pub worst: Option<String>,
}

impl Spread {
    /// As a table to read.
    pub fn text(&self) -> String {
        let base = self.variants.first().and_then(|variant| variant.scores);
        let number = |value: Option<f64>| value.map_or_else(|| "    -".to_owned(), |value| format!("{value:.3}"));
        let titles: Vec<String> =
            self.variants.iter().map(|of| crate::text::printable(&title(of.kind, &of.name)).into_owned()).collect();
        let width =
            titles.iter().map(|title| title.chars().count()).chain(["macro-F1".len() + 12]).max().unwrap_or_default();
        let mut text = format!("{:<width$}  {:>8}  {:>8}  {:>8}\n", "variant", "accuracy", "macro-F1", "change");
        for (variant, title) in self.variants.iter().zip(&titles) {
            let scores = variant.scores;
            let change = scores.zip(base).map(|(scores, base)| scores.macro_f1 - base.macro_f1);
            let change =
                change.filter(|_| variant.kind != Kind::Base).map(|change| format!("{change:+.3}")).unwrap_or_default();
            let run = Some(&variant.run);
            let note = match (self.best.as_ref() == run, self.worst.as_ref() == run) {
                (true, false) => "  best",
                (false, true) => "  worst",
                _ => "",
            };
            let (accuracy, macro_f1) = (number(scores.map(|s| s.accuracy)), number(scores.map(|s| s.macro_f1)));
            let line = format!("{title:<width$}  {accuracy:>8}  {macro_f1:>8}  {change:>8}{note}");
            text += line.trim_end();
            text.push('\n');
        }
        text.push('\n');
        let range = |range: &Option<Range>| {
            range.map_or_else(
                || "undefined".to_owned(),
                |of| {
                    let sd = of.sd.map(|sd| format!(", sd {sd:.3}")).unwrap_or_default();
                    format!("{:.3} to {:.3}, mean {:.3}{sd}", of.min, of.max, of.mean)
                },
            )
        };
        let mut lines =
            vec![("accuracy".to_owned(), range(&self.accuracy)), ("macro-F1".to_owned(), range(&self.macro_f1))];
        lines.extend(self.kinds.iter().map(|of| (format!("{}: macro-F1", of.kind.title()), range(&of.macro_f1))));
        let alpha = self.stability.map_or_else(
            || "undefined".to_owned(),
            |alpha| format!("{alpha:.3} (Krippendorff's alpha over the variants)"),
        );
        lines.push(("prompt stability".to_owned(), alpha));
        lines.extend(self.best.iter().map(|run| ("best".to_owned(), crate::text::printable(run).into_owned())));
        lines.extend(self.worst.iter().map(|run| ("worst".to_owned(), crate::text::printable(run).into_owned())));
        text + &lines.iter().map(|(name, value)| format!("{name:>24}  {value}\n")).collect::<String>()
    }
}

#[cfg(test)]
mod tests;
