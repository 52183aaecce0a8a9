//! Which labelled rows are shown in a prompt, and in what order.
//!
//! Demonstrations come from the train split alone. `random`, `diverse` and `pinned` ones are the same for every row and
//! chosen once; `similar` ones are chosen for each row.

use std::collections::{HashMap, HashSet};

use crate::data::Split;
use crate::data::numpy::RandomState;

use super::error::PromptError;
use super::rows::Rows;
use super::tfidf::TfIdf;
use super::{DemoStrategy, PromptSpec};

/// The demonstrations of a session.
#[derive(Debug)]
pub(super) enum Demos {
    /// The same for every row.
    Fixed(Vec<usize>),
    /// Those most like the row.
    Similar(Similar),
}

impl Demos {
    /// Chooses as `spec` says. With `shots = 0` there are none, except `pinned` ones: they are shown as they are listed,
    /// whatever `shots` is.
    pub(super) fn choose(spec: &PromptSpec, rows: &dyn Rows) -> Result<Self, PromptError> {
        if spec.demos == DemoStrategy::Pinned {
            return pinned(spec, rows).map(Self::Fixed);
        }
        if spec.shots == 0 {
            return Ok(Self::Fixed(Vec::new()));
        }
        let classes = classes(spec.shots, rows)?;
        let positions = match spec.demos {
            DemoStrategy::Similar => return Ok(Self::Similar(Similar::new(spec.shots, classes, rows))),
            DemoStrategy::Diverse => diverse(spec, &classes, &TfIdf::fit(&texts(rows)), rows),
            DemoStrategy::Random | DemoStrategy::Pinned => random(spec, &classes),
        };
        Ok(Self::Fixed(positions.into_iter().filter_map(|position| rows.train().get(position)).copied().collect()))
    }

    /// The demonstrations, where they are the same for every row.
    pub(super) fn fixed(&self) -> Option<&[usize]> {
        match self {
            Self::Fixed(demos) => Some(demos),
            Self::Similar(_) => None,
        }
    }

    /// How many there are in a prompt.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Fixed(demos) => demos.len(),
            Self::Similar(similar) => similar.shots * similar.classes.len(),
        }
    }
}

/// Positions in the train split of the rows of each class, in session order of the labels; every class has `shots` rows.
fn classes(shots: usize, rows: &dyn Rows) -> Result<Vec<Vec<usize>>, PromptError> {
    if rows.labels().is_empty() {
        return Err(PromptError::NoLabels { shots });
    }
    let mut classes = vec![Vec::new(); rows.labels().len()];
    for (position, row) in rows.train().iter().enumerate() {
        if let Some(class) = rows.gold(*row).and_then(|label| classes.get_mut(label)) {
            class.push(position);
        }
    }
    match rows.labels().iter().zip(&classes).find(|(_, class)| class.len() < shots) {
        Some((label, class)) => Err(PromptError::TooManyShots { shots, label: label.clone(), count: class.len() }),
        None => Ok(classes),
    }
}

/// The cleaned texts of the train split, in order.
fn texts(rows: &dyn Rows) -> Vec<String> {
    rows.train().iter().map(|row| rows.text(*row).into_owned()).collect()
}

/// pandas: for each class `sample(n=shots, random_state=seed)`, then all of them `sample(frac=1, random_state=seed)`.
fn random(spec: &PromptSpec, classes: &[Vec<usize>]) -> Vec<usize> {
    let drawn: Vec<usize> = classes.iter().flat_map(|class| sample(class, spec.shots, spec.seed)).collect();
    sample(&drawn, drawn.len(), spec.seed)
}

/// pandas' `sample(n=count, random_state=seed)`, which is numpy's `choice` without replacement.
fn sample(items: &[usize], count: usize, seed: u32) -> Vec<usize> {
    let drawn = RandomState::new(seed).choice(items.len(), count);
    drawn.into_iter().filter_map(|index| items.get(index)).copied().collect()
}

/// Greedy farthest-point choice: each class starts from the row that `random` would draw first and goes on with the row
/// whose most similar chosen one is least similar (the earliest of equals). All are then shuffled as `random` ones are.
fn diverse(spec: &PromptSpec, classes: &[Vec<usize>], index: &TfIdf, rows: &dyn Rows) -> Vec<usize> {
    let similarities = |position: usize| {
        let text = rows.train().get(position).map(|row| rows.text(*row)).unwrap_or_default();
        index.similarities(&text)
    };
    let mut chosen = Vec::new();
    for class in classes {
        let mut left = class.clone();
        let mut closest = vec![0.0_f64; rows.train().len()];
        let mut next = sample(class, 1, spec.seed).first().copied();
        for _ in 0..spec.shots {
            let Some(position) = next else { break };
            chosen.push(position);
            left.retain(|other| *other != position);
            for (closest, similarity) in closest.iter_mut().zip(similarities(position)) {
                *closest = closest.max(similarity);
            }
            let distance = |position: &usize| closest.get(*position).copied().unwrap_or(f64::INFINITY);
            next = left.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).copied();
        }
    }
    sample(&chosen, chosen.len(), spec.seed)
}

/// The listed rows, in order, if all of them may be shown.
fn pinned(spec: &PromptSpec, rows: &dyn Rows) -> Result<Vec<usize>, PromptError> {
    if spec.pinned.is_empty() && spec.shots > 0 {
        return Err(PromptError::NothingPinned);
    }
    let mut seen = HashSet::new();
    for row in spec.pinned.iter().copied() {
        if row >= rows.count() {
            return Err(PromptError::NoSuchRow { row, count: rows.count() });
        }
        match rows.split_of(row) {
            Some(Split::Train) if seen.insert(row) => {}
            split => return Err(PromptError::pinned_in(row, split)),
        }
        if rows.gold(row).is_none() {
            return Err(PromptError::Unlabelled { row });
        }
    }
    Ok(spec.pinned.clone())
}

/// The `most` labelled training rows most like `row` by TF-IDF, the most similar first, neither itself nor its very text
/// among them.
pub fn most_similar(rows: &dyn Rows, row: usize, most: usize) -> Vec<usize> {
    let text = rows.text(row);
    let similarities = TfIdf::fit(&texts(rows)).similarities(&text);
    let mut ranked: Vec<(f64, usize)> = similarities.into_iter().zip(rows.train().iter().copied()).collect();
    ranked.retain(|(_, other)| *other != row && rows.gold(*other).is_some() && rows.text(*other) != text);
    // The sort is stable: of equals the earliest comes first.
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().take(most).map(|(_, other)| other).collect()
}

/// Finds the training rows of each class that are most like a row.
#[derive(Debug)]
pub(super) struct Similar {
    shots: usize,
    classes: Vec<Vec<usize>>,
    index: TfIdf,
    /// A number for each distinct text of the train split.
    numbers: HashMap<String, usize>,
    /// The number of each training row's text.
    number_of: Vec<usize>,
}

impl Similar {
    fn new(shots: usize, classes: Vec<Vec<usize>>, rows: &dyn Rows) -> Self {
        let texts = texts(rows);
        let index = TfIdf::fit(&texts);
        let mut numbers = HashMap::new();
        let number_of = texts
            .into_iter()
            .map(|text| {
                let next = numbers.len();
                *numbers.entry(text).or_insert(next)
            })
            .collect();
        Self { shots, classes, index, numbers, number_of }
    }

    /// The `shots` rows of each class most like `row`, the most similar last (of equals, the earliest in the split is
    /// taken for the more similar one). Neither `row` itself nor one with an equal text is among them, and no text is
    /// there twice; where that leaves less than `shots` rows of a class, there are less.
    pub(super) fn of(&self, row: usize, rows: &dyn Rows) -> Vec<usize> {
        let text = rows.text(row);
        let own = self.numbers.get(text.as_ref()).copied();
        let similarities = self.index.similarities(&text);
        let similarity = |position: &usize| similarities.get(*position).copied().unwrap_or_default();
        let nearest_first = |a: &usize, b: &usize| similarity(b).total_cmp(&similarity(a)).then(a.cmp(b));

        let mut chosen = Vec::new();
        for class in &self.classes {
            let mut candidates = class.clone();
            candidates.sort_unstable_by(nearest_first);
            let mut shown: HashSet<Option<&usize>> = HashSet::from([own.as_ref()]);
            let distinct = candidates.into_iter().filter(|position| shown.insert(self.number_of.get(*position)));
            chosen.extend(distinct.take(self.shots));
        }
        chosen.sort_unstable_by(nearest_first);
        chosen.into_iter().rev().filter_map(|position| rows.train().get(position)).copied().collect()
    }
}
