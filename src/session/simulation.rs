//! A simulated survey: what respondents are simulated to answer, held against what they really answered.
//!
//! [`SimulateSpec`] is the session's `[simulate]` section, [`compare`] makes a [`Simulation`] of a run's predictions: shares
//! with and without the labels that say nothing, weighted and not, each respondent's own answer, groups of respondents, and
//! how much the order of the labels moves. [`text`] prints it.

mod groups;
mod settings;
pub mod text;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::metrics::distribution::{Bootstrap, Comparison, Sample};
use crate::metrics::{Confusion, Report};

use super::predictions::{Prediction, probabilities, read_options};
use super::prepare::Prepared;

pub use groups::{Group, Grouping, Member, check_columns, values};
pub use settings::{SimulateSpec, Take};

/// How many different answers a simulation tells.
const ANSWERS: usize = 50;

/// What came of a simulated survey, as `report.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// How answers came out of probabilities.
    pub answer: Take,
    /// Labels that stand for codes that say nothing.
    pub missing: Vec<String>,
    /// Resamples of the bootstrap.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u32,
    /// Respondents added to each label before the Kullback-Leibler divergence is taken.
    pub smoothing: f64,
    /// Groups of fewer respondents are too small.
    pub floor: usize,
    /// All respondents: with the labels that say nothing and, where there are any, without; where there are weights, with
    /// weights and without.
    pub overall: Vec<Distance>,
    /// The same by the values of columns, with weights where there are any.
    pub by: Vec<Grouping>,
    /// How much the order of the labels moves, where everybody was asked in several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<Orders>,
    /// The part of the answers that stand first, second and so on in the order that a respondent was shown; empty where no
    /// order was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub positions: Vec<f64>,
    /// The generated answers, most frequent first; the 50 most frequent alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<AnswerCount>,
    /// How many different ones there are.
    pub distinct_answers: usize,
}

/// Real and simulated shares of some respondents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// Whether labels that say nothing are left out, and the respondents who really gave one.
    pub without_missing: bool,
    /// Whether respondents count by their weights.
    pub weighted: bool,
    /// The labels that shares are told of, in session order.
    pub labels: Vec<String>,
    /// Shares and distances.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Each respondent's own answer.
    pub individual: Individual,
}

/// How often the simulated answer is the respondent's own; respondents count once each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Individual {
    /// Share of respondents.
    pub accuracy: Option<f64>,
    /// Mean F1 over the labels that are real or simulated.
    pub macro_f1: Option<f64>,
    /// Cohen's kappa.
    pub kappa: Option<f64>,
    /// Accuracy of always giving the most frequent real answer.
    pub majority_accuracy: Option<f64>,
}

/// What happens when everybody is asked again with the labels in another order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Orders {
    /// How many times.
    pub shuffles: u32,
    /// Respondents who were asked in every order.
    pub rows: usize,
    /// The part of them whose answer changes at least once.
    pub changed: f64,
    /// The part whose answer changes from one order to the next, on average over the orders.
    pub changed_by_one: f64,
}

/// An answer and how many gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerCount {
    /// The text, blanks around it left out.
    pub answer: String,
    /// How many.
    pub rows: usize,
}

/// A respondent as the figures need it.
struct Respondent<'p> {
    row: usize,
    /// The label that was predicted, or the session's word for none.
    predicted: &'p str,
    /// None where nobody's real answer is known.
    real: Option<usize>,
    /// By label; nothing but zeros where the answer is none.
    simulated: Vec<f64>,
    weight: f64,
}

/// Holds a run's answers against the real ones; nothing where the session simulates no survey or no row is answered. Where no
/// row has a real answer, simulated shares stand alone.
///
/// `orders` are the answers to the same rows with the labels in further orders. `go_on` is asked now and then, and ends the
/// work, for which the answer is none too.
pub fn compare<'p>(
    prepared: &Prepared,
    rows: impl IntoIterator<Item = &'p Prediction> + Clone,
    orders: &[Vec<Prediction>],
    go_on: &(dyn Fn() -> bool + Sync),
) -> Option<Simulation> {
    let spec = prepared.session.simulate.as_ref()?;
    let mut respondents: Vec<Respondent<'_>> =
        rows.clone().into_iter().map(|row| respondent(prepared, spec.answer, row)).collect();
    // Who gave no real answer cannot be compared; where nobody did, the simulated shares are told alone.
    if respondents.iter().any(|respondent| respondent.real.is_some()) {
        respondents.retain(|respondent| respondent.real.is_some());
    }
    if respondents.is_empty() {
        return None;
    }
    let survey = Survey { prepared, spec };
    let all: Vec<&Respondent<'_>> = respondents.iter().collect();
    let has_weights = prepared.session.data.weight.is_some();
    let columns = groups::by_columns(&survey, &respondents);
    let (missing, weights) = (survey.variants(), if has_weights { vec![false, true] } else { vec![false] });
    let of_all =
        missing.iter().flat_map(|without| weights.iter().map(|weighted| (all.as_slice(), *without, *weighted)));
    let members = columns.iter().flat_map(|(_, groups)| groups).map(|(_, members)| members.as_slice());
    let of_groups = members.flat_map(|members| missing.iter().map(move |without| (members, *without, has_weights)));
    let jobs: Vec<(&[&Respondent<'_>], bool, bool)> = of_all.chain(of_groups).collect();
    let distance = |(members, without, weighted): &(&[&Respondent<'_>], bool, bool)| {
        go_on().then(|| survey.distance(members, *without, *weighted))
    };
    let mut distances = on_all_cores(&jobs, &distance).into_iter().collect::<Option<Vec<Distance>>>()?.into_iter();
    let overall: Vec<Distance> = distances.by_ref().take(missing.len() * weights.len()).collect();
    let by = columns.iter().map(|(name, groups)| {
        let groups = groups.iter().map(|(value, members)| {
            let distances = distances.by_ref().take(missing.len()).collect();
            Group::new(value, members.len(), distances, spec.floor)
        });
        Grouping::new(name, groups.collect())
    });
    let by = by.collect();
    let (answers, distinct_answers) = count_answers(rows.clone());
    Some(Simulation {
        answer: spec.answer,
        missing: survey.missing().map(str::to_owned).collect(),
        resamples: spec.resamples,
        seed: spec.seed,
        smoothing: spec.smoothing,
        floor: spec.floor,
        overall,
        by,
        orders: order_sensitivity(rows.clone(), orders),
        positions: positions(rows, prepared.data.labels().len()),
        answers,
        distinct_answers,
    })
}

/// Does pieces of work on all cores; the results stand in the order of the pieces.
fn on_all_cores<J: Sync, T: Send>(jobs: &[J], work: &(dyn Fn(&J) -> T + Sync)) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(jobs.len());
    let take = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(place) else { return done };
            done.push((place, work(job)));
        }
    };
    let mut done: Vec<(usize, T)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// What is known of the survey as a whole.
struct Survey<'p> {
    prepared: &'p Prepared,
    spec: &'p SimulateSpec,
}

impl Survey<'_> {
    /// With the labels that say nothing and, where there are any, without.
    fn variants(&self) -> Vec<bool> {
        if self.missing().next().is_some() { vec![false, true] } else { vec![false] }
    }

    fn missing(&self) -> impl Iterator<Item = &str> {
        let data = &self.prepared.data;
        data.labels().iter().enumerate().filter(|(label, _)| data.is_missing(*label)).map(|(_, word)| word.as_str())
    }

    /// Compares the answers of some respondents.
    fn distance(&self, respondents: &[&Respondent<'_>], without_missing: bool, weighted: bool) -> Distance {
        let data = &self.prepared.data;
        let kept: Vec<usize> =
            (0..data.labels().len()).filter(|label| !(without_missing && data.is_missing(*label))).collect();
        let mut sample = Sample::new(kept.len(), self.spec.answer == Take::Expected);
        let mut pairs = Vec::new();
        for respondent in respondents {
            let real = kept.iter().position(|label| Some(*label) == respondent.real);
            if respondent.real.is_some() && real.is_none() {
                continue;
            }
            let shares: Vec<f64> =
                kept.iter().map(|label| respondent.simulated.get(*label).copied().unwrap_or_default()).collect();
            sample.push(real, &shares, if weighted { respondent.weight } else { 1.0 });
            if let Some(word) = respondent.real.and_then(|real| data.labels().get(real)) {
                pairs.push((word.as_str(), respondent.predicted));
            }
        }
        let SimulateSpec { resamples, seed, smoothing, .. } = *self.spec;
        Distance {
            without_missing,
            weighted,
            labels: kept.iter().filter_map(|label| data.labels().get(*label)).cloned().collect(),
            comparison: sample.compare(&Bootstrap { resamples, seed, smoothing }),
            individual: Individual::of(pairs),
        }
    }
}

impl Individual {
    fn of<'l>(pairs: Vec<(&'l str, &'l str)>) -> Self {
        let report = Report::new(Confusion::of(pairs));
        let known = |figure: f64| figure.is_finite().then_some(figure);
        Self {
            accuracy: known(report.accuracy),
            macro_f1: known(report.macro_f1),
            kappa: known(report.kappa),
            majority_accuracy: known(report.majority_accuracy),
        }
    }
}

/// A prediction as the figures need it.
fn respondent<'p>(prepared: &Prepared, take: Take, prediction: &'p Prediction) -> Respondent<'p> {
    let data = &prepared.data;
    let labels = data.labels();
    let place = |word: &str| labels.iter().position(|label| label == word);
    let real = prediction.gold.as_deref().and_then(place);
    let simulated = match take {
        Take::Expected => probabilities(&prediction.logprobs).unwrap_or_default(),
        Take::Likely | Take::Sampled => Vec::new(),
    };
    let simulated = if simulated.len() == labels.len() {
        simulated
    } else {
        let mut one = vec![0.0; labels.len()];
        if let Some(label) = place(&prediction.predicted) {
            one[label] = 1.0;
        }
        one
    };
    let weight = data.weight(prediction.row).unwrap_or(1.0);
    Respondent { row: prediction.row, predicted: &prediction.predicted, real, simulated, weight }
}

/// The label that is drawn for a row by the labels' log-probabilities: that in whose part of the line from 0 to 1 the first
/// number of numpy's `RandomState(s)` falls, `s` being made of `"{seed}:{row}"` as the order of its options is.
pub fn draw(seed: u32, row: usize, logprobs: &[f64]) -> Option<usize> {
    let known = |logprob: &f64| Some(if logprob.is_nan() { f64::NEG_INFINITY } else { *logprob });
    let parts = probabilities(&logprobs.iter().map(known).collect::<Vec<_>>())?;
    let seed = crate::prompt::options::seed_of(&format!("{seed}:{row}"));
    let number = crate::data::numpy::RandomState::new(seed).random_sample();
    let mut upper = 0.0;
    let drawn = parts.iter().position(|part| {
        upper += part;
        number < upper
    });
    // Rounding may leave the end of the line a little below 1.
    drawn.or_else(|| parts.iter().rposition(|part| *part > 0.0))
}

/// How many answers change with the order of the labels.
fn order_sensitivity<'p>(rows: impl IntoIterator<Item = &'p Prediction>, orders: &[Vec<Prediction>]) -> Option<Orders> {
    let others: Vec<HashMap<usize, &str>> =
        orders.iter().map(|order| order.iter().map(|row| (row.row, row.predicted.as_str())).collect()).collect();
    let (mut asked, mut changed, mut changes) = (0, 0, 0);
    for row in rows {
        let answers: Option<Vec<&str>> = others.iter().map(|order| order.get(&row.row).copied()).collect();
        let Some(answers) = answers else { continue };
        let different = answers.iter().filter(|answer| **answer != row.predicted).count();
        asked += 1;
        changed += usize::from(different > 0);
        changes += different;
    }
    (asked > 0 && !orders.is_empty()).then(|| Orders {
        shuffles: u32::try_from(orders.len()).unwrap_or(u32::MAX),
        rows: asked,
        changed: changed as f64 / asked as f64,
        changed_by_one: changes as f64 / (asked * orders.len()) as f64,
    })
}

/// The part of the answers at each place of the order that was shown.
fn positions<'p>(rows: impl IntoIterator<Item = &'p Prediction>, labels: usize) -> Vec<f64> {
    let mut counts = vec![0_usize; labels];
    for row in rows {
        // The order is the first of what a run keeps beside its columns.
        let order = row.extra.first().and_then(|cell| read_options(cell, labels)).unwrap_or_default();
        let place = order.iter().position(|label| *label == row.predicted);
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    }
    let sum: usize = counts.iter().sum();
    if sum == 0 { Vec::new() } else { counts.into_iter().map(|count| count as f64 / sum as f64).collect() }
}

/// Generated answers by how many gave them, and how many different ones there are.
fn count_answers<'p>(rows: impl IntoIterator<Item = &'p Prediction>) -> (Vec<AnswerCount>, usize) {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for row in rows {
        let answer = row.answer.trim();
        if !answer.is_empty() {
            *counts.entry(answer).or_default() += 1;
        }
    }
    let distinct = counts.len();
    let mut counts: Vec<AnswerCount> =
        counts.into_iter().map(|(answer, rows)| AnswerCount { answer: answer.to_owned(), rows }).collect();
    counts.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.answer.cmp(&b.answer)));
    counts.truncate(ANSWERS);
    (counts, distinct)
}

#[cfg(test)]
mod tests;
