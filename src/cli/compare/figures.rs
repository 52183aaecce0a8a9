//! The rows of two sides laid together, and what is told of them.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use crate::metrics::agreement::{alpha, kappa};
use crate::metrics::compare::{Paired, mcnemar};
use crate::metrics::{Confusion, Report};

use super::super::failure::Failure;
use super::Side;

/// The rows that two sides have in common.
pub(super) struct Together<'a> {
    names: [&'a str; 2],
    /// Gold label, the first's answer and the second's.
    rows: Vec<(Option<&'a str>, &'a str, &'a str)>,
}

/// What is written as JSON of two sides; what there is no gold label for, or no number, is null.
#[derive(Serialize)]
pub(super) struct Compared {
    pub a: String,
    pub b: String,
    pub rows: usize,
    pub fixed: Option<u64>,
    pub broken: Option<u64>,
    pub both_right: Option<u64>,
    pub both_wrong: Option<u64>,
    pub mcnemar_p: Option<f64>,
    pub accuracy_difference: Option<f64>,
    pub ci95: Option<[f64; 2]>,
    pub macro_f1_difference: Option<f64>,
    pub macro_f1_ci95: Option<[f64; 2]>,
    pub kappa: Option<f64>,
    pub alpha: Option<f64>,
    /// Accuracy and macro-F1 on the rows that are compared.
    pub a_scores: Option<Scores>,
    pub b_scores: Option<Scores>,
    /// The same of always answering the most frequent gold label.
    pub majority: Option<Scores>,
    pub resamples: usize,
    pub seed: u32,
}

/// How one side does.
#[derive(Clone, Serialize)]
pub(super) struct Scores {
    /// The label that is always answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub accuracy: f64,
    pub macro_f1: f64,
}

/// The first comparison, and the others below it.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    first: Option<&'a Compared>,
    /// Further runs, each against the first.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    more: &'a [Compared],
    /// Alpha over the gold labels and all runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    alpha_all: Option<Option<f64>>,
}

/// What `--format json` prints.
pub(super) fn json(comparisons: &[Compared], alpha_all: Option<f64>) -> impl Serialize + '_ {
    let (first, more) = comparisons.split_first().map_or((None, [].as_slice()), |(first, more)| (Some(first), more));
    Document { first, more, alpha_all: alpha_all.map(number) }
}

impl<'a> Together<'a> {
    /// Finds them.
    ///
    /// # Errors
    /// Where there are none.
    pub fn of(a: &'a Side, b: &'a Side) -> Result<Self, Failure> {
        let mut rows = Vec::new();
        for (number, in_a) in &a.answers {
            let Some(in_b) = b.answers.get(number) else { continue };
            let gold = in_a.gold.as_deref().or(in_b.gold.as_deref());
            rows.push((gold, in_a.predicted.as_str(), in_b.predicted.as_str()));
        }
        if rows.is_empty() {
            return Err(Failure::Bad(format!("{} and {} have no row in common", a.name, b.name)));
        }
        Ok(Self { names: [&a.name, &b.name], rows })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many of them have no gold label.
    pub fn without_gold(&self) -> usize {
        self.rows.iter().filter(|(gold, ..)| gold.is_none()).count()
    }

    /// What there is to tell, of the rows with a gold label where there are such; `None` where `go_on` says no.
    pub fn compare(&self, resamples: usize, seed: u32, go_on: impl FnMut(usize) -> bool) -> Option<Compared> {
        let labelled: Vec<[&str; 3]> = self.rows.iter().filter_map(|(gold, a, b)| Some([(*gold)?, a, b])).collect();
        let mut paired = Paired::default();
        for [gold, a, b] in &labelled {
            paired.push(gold, a, b);
        }
        let differences = paired.differences(resamples, seed, go_on)?;
        let judged = !paired.is_empty();
        let outcomes = Some(paired.outcomes()).filter(|_| judged);
        let [a, b] = self.names.map(str::to_owned);
        let told = self.rows.iter().filter(|(gold, ..)| gold.is_some() || !judged);
        let most = Confusion::of(labelled.iter().map(|[gold, ..]| (*gold, *gold)));
        let most = most.majority().map(|(label, _)| label.to_owned());
        let scores =
            |answer: fn(&[&'a str; 3]) -> (&'a str, &'a str)| judged.then(|| scores(labelled.iter().map(answer)));
        Some(Compared {
            a,
            b,
            rows: if judged { paired.len() } else { self.len() },
            fixed: outcomes.map(|outcomes| outcomes.fixed),
            broken: outcomes.map(|outcomes| outcomes.broken),
            both_right: outcomes.map(|outcomes| outcomes.both_right),
            both_wrong: outcomes.map(|outcomes| outcomes.both_wrong),
            mcnemar_p: outcomes.map(|outcomes| mcnemar(outcomes.fixed, outcomes.broken)),
            accuracy_difference: number(differences.accuracy.value),
            ci95: ends(differences.accuracy.ci95),
            macro_f1_difference: number(differences.macro_f1.value),
            macro_f1_ci95: ends(differences.macro_f1.ci95),
            kappa: number(kappa(told.clone().map(|(_, a, b)| (*a, *b)))),
            alpha: number(alpha(told.map(|(gold, a, b)| [*gold, Some(*a), Some(*b)]))),
            a_scores: scores(|[gold, a, _]| (gold, a)),
            b_scores: scores(|[gold, _, b]| (gold, b)),
            majority: most.map(|label| Scores {
                label: Some(label.clone()),
                ..self::scores(labelled.iter().map(|[gold, ..]| (*gold, label.as_str())))
            }),
            resamples,
            seed,
        })
    }
}

/// Makes sure that no row has two gold labels.
///
/// # Errors
/// The first that has, and where.
pub(super) fn same_gold(a: &Side, others: &[Side]) -> Result<(), Failure> {
    let mut known: HashMap<usize, (&str, &str)> = HashMap::new();
    for side in std::iter::once(a).chain(others) {
        for (number, answer) in &side.answers {
            let Some(gold) = answer.gold.as_deref() else { continue };
            let (first, name) = *known.entry(*number).or_insert((gold, &side.name));
            if first != gold {
                return Err(Failure::Bad(format!(
                    "row {number}: the gold label is {first:?} in {name} and {gold:?} in {}; they must be of the same data",
                    side.name
                )));
            }
        }
    }
    Ok(())
}

/// Alpha over the gold labels and all runs: a row that a run has not answered is a gap.
pub(super) fn alpha_of_all(a: &Side, others: &[Side]) -> f64 {
    let sides = || std::iter::once(a).chain(others);
    let numbers: BTreeSet<usize> = sides().flat_map(|side| side.answers.keys().copied()).collect();
    alpha(numbers.iter().map(|number| {
        let gold = sides().find_map(|side| side.answers.get(number)?.gold.as_deref());
        let given = sides().map(|side| side.answers.get(number).map(|answer| answer.predicted.as_str()));
        std::iter::once(gold).chain(given).collect::<Vec<_>>()
    }))
}

fn scores<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>) -> Scores {
    let report = Report::new(Confusion::of(rows));
    Scores { label: None, accuracy: report.accuracy, macro_f1: report.macro_f1 }
}

/// NaN is no number of JSON.
fn number(value: f64) -> Option<f64> {
    // Nor is -0, to a reader.
    value.is_finite().then_some(value + 0.0)
}

fn ends(ends: [f64; 2]) -> Option<[f64; 2]> {
    ends.iter().all(|end| end.is_finite()).then_some(ends)
}
