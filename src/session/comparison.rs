//! Two runs or more on the same rows: which rows they have in common, what became of them, and what is told of it.
//!
//! `shotglass compare` and view 6 tell the same. [`text`] is a comparison to be read, [`json`] one for programs.

pub mod text;

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::folder::Manifest;
use super::predictions::answers::Answers;
use crate::metrics::agreement::{alpha, kappa};
use crate::metrics::compare::{Paired, mcnemar};
use crate::metrics::{Confusion, Report};

/// Resamples that intervals are made of, unless the user says otherwise.
pub const RESAMPLES: u32 = 2000;
/// The seed of the resamples, unless the user says otherwise.
pub const SEED: u32 = 42;

/// One of those that are compared.
pub struct Side {
    /// What it is: the path of the run or file.
    pub name: String,
    /// What remarks and errors call it.
    pub called: String,
    /// What was run, where it is a run.
    pub manifest: Option<Manifest>,
    /// What was answered.
    pub answers: Answers,
}

impl Side {
    /// What is to be said of a run that lacks rows.
    pub fn unfinished(&self) -> Option<String> {
        let gap = self.manifest.as_ref()?.gap(self.answers.len())?;
        Some(format!("{}: {gap}", self.called))
    }

    /// SHA-256 of its data.
    fn data(&self) -> Option<&str> {
        self.manifest.as_ref().map(|manifest| manifest.data.sha256.as_str())
    }
}

/// Why runs cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// They were asked about different rows.
    #[error("{a} and {b} have no row in common")]
    Apart {
        /// What the first is called.
        a: String,
        /// What the second is called.
        b: String,
    },
    /// They are of different data, or were at different times.
    #[error("row {row}: the gold label is {first:?} in {a} and {second:?} in {b}; they must be of the same data")]
    Gold {
        /// The row.
        row: usize,
        /// What the one is called that says the first label.
        a: String,
        /// The first label.
        first: String,
        /// What the other one is called.
        b: String,
        /// Its label.
        second: String,
    },
}

/// Something that the user should know of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Whether figures may mean something else because of it.
    pub serious: bool,
    /// What it is.
    pub text: String,
}

/// What became of a row on the way from A to B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Wrong in A, right in B.
    Fixed,
    /// Right in A, wrong in B.
    Broken,
    /// Right in both.
    BothRight,
    /// Wrong in both.
    BothWrong,
    /// Answered differently, whatever is right.
    Differs,
    /// Answered alike, whatever is right.
    Alike,
}

impl Outcome {
    /// What can become of a row with a gold label.
    pub const JUDGED: &[Self] = &[Self::Fixed, Self::Broken, Self::BothRight, Self::BothWrong];
    /// What can become of one without.
    pub const UNJUDGED: &[Self] = &[Self::Differs, Self::Alike];

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Broken => "broken",
            Self::BothRight => "both right",
            Self::BothWrong => "both wrong",
            Self::Differs => "differ",
            Self::Alike => "alike",
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Fixed => "wrong in A, right in B",
            Self::Broken => "right in A, wrong in B",
            Self::BothRight => "right in A and B",
            Self::BothWrong => "wrong in A and B",
            Self::Differs => "A and B give different answers",
            Self::Alike => "A and B give the same answer",
        }
    }

    /// Whether it is what became of a row.
    pub fn is_of(self, gold: Option<&str>, a: &str, b: &str) -> bool {
        let right = gold.map(|gold| (gold == a, gold == b));
        match self {
            Self::Fixed => right == Some((false, true)),
            Self::Broken => right == Some((true, false)),
            Self::BothRight => right == Some((true, true)),
            Self::BothWrong => right == Some((false, false)),
            Self::Differs => a != b,
            Self::Alike => a == b,
        }
    }
}

/// The rows that two sides have in common.
pub struct Together<'a> {
    sides: [&'a Side; 2],
    /// Gold label, the first's answer and the second's.
    rows: Vec<(Option<&'a str>, &'a str, &'a str)>,
}

/// What is written as JSON of two sides; what there is no gold label for, or no number, is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// What the first is.
    pub a: String,
    /// What the second is.
    pub b: String,
    /// How many rows are compared.
    pub rows: usize,
    /// Rows wrong in A and right in B.
    pub fixed: Option<u64>,
    /// Rows right in A and wrong in B.
    pub broken: Option<u64>,
    /// Rows right in both.
    pub both_right: Option<u64>,
    /// Rows wrong in both.
    pub both_wrong: Option<u64>,
    /// McNemar's exact test of rows fixed against rows broken.
    pub mcnemar_p: Option<f64>,
    /// Accuracy of B minus that of A.
    pub accuracy_difference: Option<f64>,
    /// Its interval.
    pub ci95: Option<[f64; 2]>,
    /// Macro-F1 of B minus that of A.
    pub macro_f1_difference: Option<f64>,
    /// Its interval.
    pub macro_f1_ci95: Option<[f64; 2]>,
    /// Cohen's kappa of A and B.
    pub kappa: Option<f64>,
    /// Krippendorff's alpha of the gold labels, A and B.
    pub alpha: Option<f64>,
    /// Accuracy and macro-F1 of A on the rows that are compared.
    pub a_scores: Option<Scores>,
    /// The same of B.
    pub b_scores: Option<Scores>,
    /// The same of always answering the most frequent gold label.
    pub majority: Option<Scores>,
    /// How many resamples the intervals are made of.
    pub resamples: usize,
    /// Their seed.
    pub seed: u32,
    /// Rows that both answer alike; one needs no gold label for that.
    #[serde(skip)]
    pub alike: u64,
}

impl Compared {
    /// Whether there are gold labels to judge by.
    pub fn is_judged(&self) -> bool {
        self.majority.is_some()
    }

    /// What can become of its rows.
    pub fn outcomes(&self) -> &'static [Outcome] {
        if self.is_judged() { Outcome::JUDGED } else { Outcome::UNJUDGED }
    }

    /// How many rows there are of an outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        let judged = |count: Option<u64>| count.unwrap_or_default();
        match outcome {
            Outcome::Fixed => judged(self.fixed),
            Outcome::Broken => judged(self.broken),
            Outcome::BothRight => judged(self.both_right),
            Outcome::BothWrong => judged(self.both_wrong),
            Outcome::Alike => self.alike,
            Outcome::Differs => (self.rows as u64).saturating_sub(self.alike),
        }
    }
}

/// How one side does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// The label that is always answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Share of rows answered right.
    pub accuracy: f64,
    /// Mean F1 over the labels that occur.
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
pub fn json(comparisons: &[Compared], alpha_all: Option<f64>) -> impl Serialize + '_ {
    let (first, more) = comparisons.split_first().map_or((None, [].as_slice()), |(first, more)| (Some(first), more));
    Document { first, more, alpha_all: alpha_all.map(number) }
}

impl<'a> Together<'a> {
    /// Finds them.
    ///
    /// # Errors
    /// Where there are none.
    pub fn of(a: &'a Side, b: &'a Side) -> Result<Self, ComparisonError> {
        let mut rows = Vec::new();
        for (number, in_a) in &a.answers {
            let Some(in_b) = b.answers.get(number) else { continue };
            let gold = in_a.gold.as_deref().or(in_b.gold.as_deref());
            rows.push((gold, in_a.predicted.as_str(), in_b.predicted.as_str()));
        }
        if rows.is_empty() {
            return Err(ComparisonError::Apart { a: a.called.clone(), b: b.called.clone() });
        }
        Ok(Self { sides: [a, b], rows })
    }

    /// Whether there are none; there never are.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What the user should know of them.
    pub fn remarks(&self) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let mut say = |serious, text| remarks.push(Remark { serious, text });
        let [a, b] = self.sides;
        if a.data().zip(b.data()).is_some_and(|(a, b)| a != b) {
            say(
                true,
                format!(
                    "{} and {} are of different data: rows are matched by their numbers and may not hold the same texts",
                    a.called, b.called
                ),
            );
        }
        let (in_a, in_b, common) = (a.answers.len(), b.answers.len(), self.len());
        if in_a != common || in_b != common {
            say(
                false,
                format!(
                    "{common} rows are in both and are compared; {} are in {} alone, {} in {} alone",
                    in_a - common,
                    a.called,
                    in_b - common,
                    b.called
                ),
            );
        }
        match self.without_gold() {
            0 => {}
            all if all == common => say(false, "no row has a gold label: agreement alone is told".to_owned()),
            some => say(true, format!("{some} of {common} rows have no gold label and are left out")),
        }
        remarks
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
        let [a, b] = self.sides.map(|side| side.name.clone());
        let told = self.rows.iter().filter(|(gold, ..)| gold.is_some() || !judged);
        let alike = told.clone().filter(|(_, a, b)| a == b).count() as u64;
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
            alike,
        })
    }
}

/// Makes sure that no row has two gold labels.
///
/// # Errors
/// The first that has, and where.
pub fn same_gold(a: &Side, others: &[Side]) -> Result<(), ComparisonError> {
    let mut known: HashMap<usize, (&str, &str)> = HashMap::new();
    for side in std::iter::once(a).chain(others) {
        for (number, answer) in &side.answers {
            let Some(gold) = answer.gold.as_deref() else { continue };
            let (first, name) = *known.entry(*number).or_insert((gold, &side.called));
            if first != gold {
                return Err(ComparisonError::Gold {
                    row: *number,
                    a: name.to_owned(),
                    first: first.to_owned(),
                    b: side.called.clone(),
                    second: gold.to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Alpha over the gold labels and all runs: a row that a run has not answered is a gap.
pub fn alpha_of_all(a: &Side, others: &[Side]) -> f64 {
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
