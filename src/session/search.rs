//! A search for a better prompt: other wordings, formats and demonstrations, within a budget.
//!
//! Train rows propose (demonstrations, and the errors that the next ones come from), the first rows of the validation split
//! choose, and the rows behind them, which chose nothing, judge the best against the prompt as it was. The test split stays
//! locked unless it is asked for. So no prompt is judged on rows that it was chosen by.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::data::numpy::RandomState;
use crate::metrics::compare::{Paired, mcnemar};
use crate::prompt::{DemoStrategy, PromptError, PromptSpec};

use super::predictions::{Prediction, probabilities};
use super::prepare::Prepared;
use super::queue::{Answered, Leveled, Line, Proposal, Queue, Scores};
use super::spec::Session;
use super::vary::{self, Format, Variation};

mod outcome;

pub use outcome::{Found, Judged, Used};

/// What a better prompt is better by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Mean F1 over the labels.
    #[default]
    MacroF1,
    /// Share answered right.
    Accuracy,
}

impl By {
    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::MacroF1 => "macro-F1",
            Self::Accuracy => "accuracy",
        }
    }

    fn of(self, scores: &Scores) -> f64 {
        match self {
            Self::MacroF1 => scores.macro_f1,
            Self::Accuracy => scores.accuracy,
        }
    }
}

/// The `[search]` section of a session: how a better prompt is looked for. Wordings come from `[sweep]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchSpec {
    /// Prompts that are tried, the one there is among them.
    pub budget: usize,
    /// Rows of the validation split that choose, its first.
    pub choose: usize,
    /// Rows behind them that judge; at most so many.
    pub judge: usize,
    /// Rows of the train split whose errors propose demonstrations, its first.
    pub propose: usize,
    /// What is to grow.
    pub by: By,
    /// How answers are calibrated before they are judged.
    pub calibration: Leveled,
    /// Seed of the demonstrations that are drawn.
    pub seed: u32,
}

impl Default for SearchSpec {
    fn default() -> Self {
        Self {
            budget: 20,
            choose: 100,
            judge: 200,
            propose: 60,
            by: By::default(),
            calibration: Leveled::default(),
            seed: 42,
        }
    }
}

impl SearchSpec {
    /// What types cannot say: the key, and what it must be.
    pub fn check(&self) -> Result<(), (String, String)> {
        const MOST: usize = 10_000;
        for (key, count) in [("budget", self.budget), ("choose", self.choose), ("propose", self.propose)] {
            if count == 0 || count > MOST {
                return Err((key.to_owned(), format!("must be between 1 and {MOST}")));
            }
        }
        Ok(())
    }
}

/// One prompt that was tried.
#[derive(Clone, Debug)]
struct Candidate {
    /// What was done to which other.
    name: String,
    prompt: PromptSpec,
    chosen_by: Option<Answered>,
    /// Whether it was the best when it was tried.
    accepted: bool,
}

/// What the run that came last is for.
#[derive(Clone, Debug, PartialEq)]
enum Awaited {
    /// A candidate on the rows that choose.
    Choice,
    /// The best so far on train rows, for its errors.
    Errors,
    /// The base, then the best, on the rows that judge.
    Judgement(usize),
    /// The same on the test split.
    Test(usize),
}

/// The queue of a search.
pub struct Search {
    session: Session,
    spec: SearchSpec,
    /// Labelled train rows by label.
    classes: Vec<Vec<usize>>,
    labels: Vec<String>,
    base_demos: Vec<usize>,
    /// Wordings and formats that are still to be tried.
    waiting: Vec<Change>,
    candidates: Vec<Candidate>,
    best: usize,
    /// Train rows that the best gets wrong, the most confident last; none where that is not known.
    errors: Option<Vec<(usize, usize)>>,
    /// Whose errors were asked for.
    errors_of: Option<usize>,
    tried: HashSet<String>,
    random: RandomState,
    /// Demonstrations that were swapped, to take another place each time.
    swaps: usize,
    awaited: Option<Awaited>,
    judged: Vec<Answered>,
    tested: Vec<Answered>,
    validation: usize,
    open_test: bool,
}

impl Search {
    /// Works out where to begin. `open_test` lets the base and the best be judged on the test split at the end.
    pub fn new(prepared: &Prepared, open_test: bool) -> Result<Self, PromptError> {
        let session = prepared.session.clone();
        let spec = session.search.clone().unwrap_or_default();
        let sweep = session.sweep.clone().unwrap_or_default();
        let base = &session.prompt;
        let fixed = base.demos != DemoStrategy::Similar && (base.shots > 0 || !base.pinned.is_empty());
        let base_demos = if fixed { vary::demos_of(prepared, base)?.unwrap_or_default() } else { Vec::new() };
        // Wordings come first: an instruction in another format would not be found any more.
        let words = vary::paraphrases(base, &sweep).into_iter().map(Change::Words);
        let mut waiting: Vec<Change> = words.chain(Format::ALL.map(Change::Format)).collect();
        waiting.reverse();
        let labels = prepared.data.labels().to_vec();
        let mut classes = vec![Vec::new(); labels.len()];
        for row in prepared.data.split(Split::Train) {
            if let Some(class) = prepared.data.gold(*row).and_then(|label| classes.get_mut(label)) {
                class.push(*row);
            }
        }
        Ok(Self {
            random: RandomState::new(spec.seed),
            validation: prepared.data.split(Split::Validation).len(),
            session,
            spec,
            classes,
            labels,
            base_demos,
            waiting,
            candidates: Vec::new(),
            best: 0,
            errors: None,
            errors_of: None,
            tried: HashSet::new(),
            swaps: 0,
            awaited: None,
            judged: Vec::new(),
            tested: Vec::new(),
            open_test,
        })
    }

    /// The prompt of the best so far.
    pub fn best(&self) -> Option<&PromptSpec> {
        self.candidates.get(self.best).map(|candidate| &candidate.prompt)
    }

    /// What the best is called, where it is not the prompt as it was.
    pub fn best_name(&self) -> Option<&str> {
        self.candidates.get(self.best).filter(|_| self.best > 0).map(|candidate| candidate.name.as_str())
    }

    /// The step that was taken last, if the run that came last was one: its prompt, and what to write beside it.
    pub fn step(&self) -> Option<(PromptSpec, String)> {
        let last = self.candidates.last().filter(|last| self.awaited == Some(Awaited::Choice) && last.accepted)?;
        let place = self.candidates.len().checked_sub(1).filter(|place| *place > 0)?;
        let scores = self.scores(place)?;
        let by = self.spec.by;
        let note = format!(
            "search: {}, {} {:.3} on {} validation rows that chose it",
            last.name,
            by.title(),
            by.of(&scores),
            scores.rows
        );
        Some((last.prompt.clone(), note))
    }

    fn scores(&self, candidate: usize) -> Option<Scores> {
        Scores::of(&self.candidates.get(candidate)?.chosen_by.as_ref()?.rows)
    }

    fn score(&self, candidate: usize) -> f64 {
        self.scores(candidate).map_or(f64::NEG_INFINITY, |scores| self.spec.by.of(&scores))
    }

    /// The next prompt to try, none where there is nothing more.
    fn candidate(&mut self) -> Option<Step> {
        if self.candidates.is_empty() {
            return Some(Step::Try("as it is".to_owned(), self.session.prompt.clone()));
        }
        // Words and formats first, for they are few; but not all of a budget.
        if self.candidates.len() <= self.spec.budget / 2 || self.base_demos.is_empty() {
            while let Some(change) = self.waiting.pop() {
                let best = self.best()?.clone();
                let Variation { kind, name, prompt } = match change {
                    Change::Words(Variation { kind, name, prompt }) => {
                        let PromptSpec { template, system, .. } = prompt;
                        Variation { kind, name, prompt: PromptSpec { template, system, ..best } }
                    }
                    Change::Format(format) => format.variation(&best),
                };
                if self.is_new(&prompt) {
                    return Some(Step::Try(format!("{} {name}", kind.title()), prompt));
                }
            }
        }
        if self.base_demos.is_empty() {
            return None;
        }
        // Then demonstrations: a draw, and a swap for one that the best gets wrong, in turn.
        let drawn = self.candidates.len().is_multiple_of(2);
        for attempt in 0..50 {
            let step = if drawn || attempt >= 25 { self.draw() } else { self.swap() };
            match step {
                Some(Step::Try(name, prompt)) if self.is_new(&prompt) => return Some(Step::Try(name, prompt)),
                Some(Step::Errors) => return Some(Step::Errors),
                _ => {}
            }
        }
        None
    }

    fn is_new(&mut self, prompt: &PromptSpec) -> bool {
        self.tried.insert(serde_json::to_string(prompt).unwrap_or_default())
    }

    /// New demonstrations, as many of each class as there are.
    fn draw(&mut self) -> Option<Step> {
        let best = self.best()?.clone();
        let mut rows = Vec::new();
        for class in 0..self.classes.len() {
            let count = self.base_demos.iter().filter(|row| self.class_of(**row) == Some(class)).count();
            let members = self.classes.get(class)?;
            let places = self.random.choice(members.len(), count.min(members.len()));
            rows.extend(places.into_iter().filter_map(|place| members.get(place)).copied());
        }
        self.random.shuffle(&mut rows);
        Some(Step::Try(format!("demos {}", numbers(&rows)), vary::pin(&best, rows)))
    }

    /// One demonstration less, and in its place a train row of its class that the best gets wrong.
    fn swap(&mut self) -> Option<Step> {
        let best = self.best()?.clone();
        if self.errors_of != Some(self.best) {
            return Some(Step::Errors);
        }
        let (row, label) = self.errors.as_mut()?.pop()?;
        let mut rows = if best.demos == DemoStrategy::Pinned { best.pinned.clone() } else { self.base_demos.clone() };
        let of_class: Vec<usize> = (0..rows.len())
            .filter(|place| rows.get(*place).is_some_and(|row| self.class_of(*row) == Some(label)))
            .collect();
        let place = *of_class.get(self.swaps % of_class.len().max(1))?;
        self.swaps += 1;
        let gone = std::mem::replace(rows.get_mut(place)?, row);
        Some(Step::Try(format!("row {row} in place of demo {gone}"), vary::pin(&best, rows)))
    }

    fn class_of(&self, row: usize) -> Option<usize> {
        self.classes.iter().position(|class| class.contains(&row))
    }

    /// Keeps the train rows that were answered wrong, the most confident last; those that are shown are left out.
    fn take_errors(&mut self, answered: &Answered) {
        let shown: Vec<usize> = match self.best() {
            Some(best) if best.demos == DemoStrategy::Pinned => best.pinned.clone(),
            _ => self.base_demos.clone(),
        };
        let confidence = |row: &Prediction| {
            let likely = probabilities(&row.logprobs).into_iter().flatten().fold(0.0, f64::max);
            if likely > 0.0 { likely } else { row.margin.unwrap_or_default() }
        };
        let mut errors: Vec<(f64, usize, usize)> = answered
            .rows
            .iter()
            .filter(|row| row.gold.as_ref().is_some_and(|gold| *gold != row.predicted) && !shown.contains(&row.row))
            .filter_map(|row| {
                let label = self.labels.iter().position(|label| Some(label) == row.gold.as_ref())?;
                Some((confidence(row), row.row, label))
            })
            .collect();
        errors.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        self.errors = Some(errors.into_iter().map(|(_, row, label)| (row, label)).collect());
    }

    fn proposal(&self, name: String, purpose: &str, prompt: &PromptSpec, split: Split, limit: usize) -> Proposal {
        Proposal {
            name,
            purpose: purpose.to_owned(),
            session: Session { prompt: prompt.clone(), ..self.session.clone() },
            split,
            limit: Some(limit),
        }
    }

    /// The base and the best on rows that chose neither; the base alone says nothing.
    fn judgement(&self, place: usize) -> Option<&Candidate> {
        let of = if place == 0 { 0 } else { self.best };
        self.candidates.get(of).filter(|_| self.best > 0 && place < 2)
    }

    /// What was found.
    pub fn found(&self) -> Found {
        let rows_behind =
            |rows: &[Prediction]| rows.get(self.spec.choose..).map(<[Prediction]>::to_vec).unwrap_or_default();
        let judged: Vec<Vec<Prediction>> = self.judged.iter().map(|of| rows_behind(&of.rows)).collect();
        let tested: Vec<Vec<Prediction>> = self.tested.iter().map(|of| of.rows.clone()).collect();
        outcome::found(self, &judged, &tested)
    }
}

/// A change that is still to be tried, on the best that there is by then.
enum Change {
    Words(Variation),
    Format(Format),
}

/// What is to be done next.
enum Step {
    Try(String, PromptSpec),
    Errors,
}

fn numbers(rows: &[usize]) -> String {
    rows.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether the second is better than the first on the same rows, with McNemar's exact test.
fn judged(base: &[Prediction], best: &[Prediction]) -> Option<Judged> {
    let mut paired = Paired::default();
    for (before, after) in base.iter().zip(best).filter(|(before, after)| before.row == after.row) {
        let Some(gold) = &before.gold else { continue };
        paired.push(gold, &before.predicted, &after.predicted);
    }
    let outcomes = paired.outcomes();
    Some(Judged {
        before: Scores::of(base)?,
        after: Scores::of(best)?,
        fixed: outcomes.fixed,
        broken: outcomes.broken,
        mcnemar_p: mcnemar(outcomes.fixed, outcomes.broken),
    })
}

impl Queue for Search {
    fn next(&mut self) -> Option<Proposal> {
        if self.candidates.len() < self.spec.budget {
            match self.candidate() {
                Some(Step::Try(name, prompt)) => {
                    let number = self.candidates.len();
                    let proposal = self.proposal(
                        format!("search {number}: {name}"),
                        "choose",
                        &prompt,
                        Split::Validation,
                        self.spec.choose,
                    );
                    if self.candidates.is_empty() {
                        self.is_new(&prompt);
                    }
                    self.candidates.push(Candidate { name, prompt, chosen_by: None, accepted: false });
                    self.awaited = Some(Awaited::Choice);
                    return Some(proposal);
                }
                Some(Step::Errors) => {
                    self.awaited = Some(Awaited::Errors);
                    let prompt = self.best()?.clone();
                    let name = format!("search: errors of {}", self.best);
                    return Some(self.proposal(name, "propose", &prompt, Split::Train, self.spec.propose));
                }
                None => {}
            }
        }
        // A judgement needs rows behind those that chose.
        let judge = self.spec.choose.saturating_add(self.spec.judge).min(self.validation);
        if judge > self.spec.choose
            && let Some(candidate) = self.judgement(self.judged.len())
        {
            let name = format!("search: judge {}", candidate.name);
            let proposal = self.proposal(name, "judge", &candidate.prompt, Split::Validation, judge);
            self.awaited = Some(Awaited::Judgement(self.judged.len()));
            return Some(proposal);
        }
        let candidate = self.judgement(self.tested.len()).filter(|_| self.open_test)?;
        let name = format!("search: test {}", candidate.name);
        let proposal = self.proposal(name, "test", &candidate.prompt, Split::Test, usize::MAX);
        self.awaited = Some(Awaited::Test(self.tested.len()));
        Some(Proposal { limit: None, ..proposal })
    }

    fn take(&mut self, answered: Answered) {
        let answered = self.spec.calibration.of(answered, &self.labels);
        match self.awaited {
            Some(Awaited::Choice) => {
                let last = self.candidates.len().saturating_sub(1);
                if let Some(candidate) = self.candidates.get_mut(last) {
                    candidate.chosen_by = Some(answered);
                }
                let better = last == 0 || self.score(last) > self.score(self.best);
                if let Some(candidate) = self.candidates.get_mut(last).filter(|_| better) {
                    candidate.accepted = true;
                    self.best = last;
                }
            }
            Some(Awaited::Errors) => {
                self.errors_of = Some(self.best);
                self.take_errors(&answered);
            }
            Some(Awaited::Judgement(_)) => self.judged.push(answered),
            Some(Awaited::Test(_)) => self.tested.push(answered),
            None => {}
        }
    }

    fn lines(&self) -> Vec<Line> {
        let line = |(place, candidate): (usize, &Candidate)| Line {
            kind: place.to_string(),
            name: candidate.name.clone(),
            scores: self.scores(place),
            note: match candidate.accepted {
                _ if place == self.best && self.scores(place).is_some() => "best so far".to_owned(),
                true => "was best".to_owned(),
                false => String::new(),
            },
            prompt: candidate.prompt.clone(),
            run: candidate.chosen_by.as_ref().map(|answered| answered.run.clone()),
        };
        self.candidates.iter().enumerate().map(line).collect()
    }

    fn progress(&self) -> (usize, usize) {
        let done = self.candidates.iter().filter(|candidate| candidate.chosen_by.is_some()).count();
        (done + self.judged.len() + self.tested.len(), self.spec.budget + 2 + if self.open_test { 2 } else { 0 })
    }

    fn text(&self) -> String {
        self.found().text()
    }
}

#[cfg(test)]
mod tests;
