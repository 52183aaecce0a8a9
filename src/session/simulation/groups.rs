//! Respondents grouped by the values of a column.

use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::session::prepare::{PrepareError, Prepared};

use super::settings::{SimulateSpec, band, band_name};
use super::{Distance, Respondent, Survey};

/// What a group of those who said nothing is called.
const NOTHING_SAID: &str = "(missing)";
/// How many groups a column may make.
const MOST_GROUPS: usize = 60;

/// The groups of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grouping {
    /// The column.
    pub column: String,
    /// Mean entropy of the real answers within groups that are large enough, in bits, each counting by its
    /// respondents.
    pub within_entropy_real: Option<f64>,
    /// The same of the simulated answers.
    pub within_entropy_simulated: Option<f64>,
    /// The second over the first: how much of the variety among people of one group the simulation keeps.
    pub within_entropy_ratio: Option<f64>,
    /// The groups, in the order of the codebook or of their values.
    pub groups: Vec<Group>,
}

/// A group of respondents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The value that they have in common.
    pub value: String,
    /// How many there are.
    pub rows: usize,
    /// Whether those that the last of `distances` is about are too few to say anything.
    pub small: bool,
    /// With the labels that say nothing and, where there are any, without.
    pub distances: Vec<Distance>,
}

/// How a column makes groups.
enum Groups<'p> {
    Bands(&'p [f64]),
    Words(Vec<&'p str>),
}

/// Whether the columns of `[simulate]` can make groups.
pub fn check_columns(prepared: &Prepared, spec: &SimulateSpec) -> Result<(), PrepareError> {
    let data = &prepared.data;
    for (name, key) in spec.by.iter().map(|name| (name, "by")).chain(spec.bands.keys().map(|name| (name, "bands"))) {
        let column = data.table().column(name).map_err(|error| error.at(format!("simulate.{key}")))?;
        if let Groups::Words(words) = Groups::of(data, spec, name, column)
            && words.len() > MOST_GROUPS
        {
            return Err(PrepareError::Groups { column: name.clone(), count: words.len(), most: MOST_GROUPS });
        }
    }
    Ok(())
}

impl<'p> Groups<'p> {
    fn of(data: &'p Dataset, spec: &'p SimulateSpec, name: &str, column: usize) -> Self {
        if let Some(bounds) = spec.bands.get(name) {
            return Self::Bands(bounds);
        }
        let rows = crate::data::Split::ALL.into_iter().flat_map(|split| data.split(split));
        let mut words: Vec<&str> = rows.map(|row| data.value(*row, column)).filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        words.dedup();
        let place = |word: &str| data.codes(column).and_then(|codes| codes.words().position(|known| known == word));
        let number = |word: &str| word.trim().parse().unwrap_or(f64::INFINITY);
        words.sort_by(|a, b| {
            let places = [place(a), place(b)].map(|place| place.unwrap_or(usize::MAX));
            places[0].cmp(&places[1]).then(number(a).total_cmp(&number(b)))
        });
        Self::Words(words)
    }

    /// The place of a respondent's group; none of who said nothing.
    fn place(&self, value: &str) -> Option<usize> {
        match self {
            Self::Bands(bounds) => {
                // "nan" and "inf" are numbers to Rust.
                let number = value.trim().parse().ok().filter(|number: &f64| number.is_finite());
                number.map(|number| band(bounds, number))
            }
            Self::Words(words) => words.iter().position(|word| *word == value),
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Bands(bounds) => (0..=bounds.len()).map(|place| band_name(bounds, place)).collect(),
            Self::Words(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        }
    }
}

/// The groups of every column that the session names; none once `go_on` says no.
pub(super) fn by_columns(
    survey: &Survey<'_>,
    respondents: &[Respondent],
    weighted: bool,
    go_on: &dyn Fn() -> bool,
) -> Option<Vec<Grouping>> {
    let mut groupings = Vec::new();
    for name in &survey.spec.by {
        let data = &survey.prepared.data;
        // That the column is there was checked when the data was read.
        let Ok(column) = data.table().column(name) else { continue };
        let groups = Groups::of(data, survey.spec, name, column);
        let mut names = groups.names();
        names.push(NOTHING_SAID.to_owned());
        let mut members: Vec<Vec<&Respondent>> = vec![Vec::new(); names.len()];
        for respondent in respondents {
            let place = groups.place(data.value(respondent.row, column)).unwrap_or(names.len() - 1);
            if let Some(members) = members.get_mut(place) {
                members.push(respondent);
            }
        }
        let mut told = Vec::new();
        for (value, members) in names.into_iter().zip(members).filter(|(_, members)| !members.is_empty()) {
            if !go_on() {
                return None;
            }
            let variants = survey.variants().into_iter();
            let distances: Vec<Distance> =
                variants.map(|without| survey.distance(&members, without, weighted)).collect();
            let counted = distances.last().map_or(0, |distance| distance.comparison.rows);
            told.push(Group { value, rows: members.len(), small: counted < survey.spec.floor, distances });
        }
        groupings.push(grouping(name, told));
    }
    Some(groupings)
}

fn grouping(column: &str, groups: Vec<Group>) -> Grouping {
    // Without the labels that say nothing, where there are any: those are no opinion that could be flattened.
    let large = groups.iter().filter(|group| !group.small).filter_map(|group| group.distances.last());
    let weighed: Vec<(f64, f64, f64)> = large
        .map(|distance| &distance.comparison)
        .filter(|comparison| {
            comparison.entropy_real.value.is_finite() && comparison.entropy_simulated.value.is_finite()
        })
        .map(|comparison| (comparison.rows as f64, comparison.entropy_real.value, comparison.entropy_simulated.value))
        .collect();
    let rows: f64 = weighed.iter().map(|(rows, ..)| rows).sum();
    let mean = |pick: fn(&(f64, f64, f64)) -> f64| {
        (rows > 0.0).then(|| weighed.iter().map(|group| group.0 * pick(group)).sum::<f64>() / rows)
    };
    let (real, simulated) = (mean(|group| group.1), mean(|group| group.2));
    let ratio = real.zip(simulated).filter(|(real, _)| *real > 0.0).map(|(real, simulated)| simulated / real);
    Grouping {
        column: column.to_owned(),
        within_entropy_real: real,
        within_entropy_simulated: simulated,
        within_entropy_ratio: ratio,
        groups,
    }
}
