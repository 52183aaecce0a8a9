//! Respondents grouped by the values of a column.

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Split};
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

/// The values that rows of the splits have in a column, those that say nothing left out: in the order of the codebook, of
/// numbers, or of the alphabet.
pub fn values(data: &Dataset, column: usize) -> Vec<&str> {
    let rows = Split::ALL.into_iter().flat_map(|split| data.split(split));
    let mut words: Vec<&str> = rows.map(|row| data.value(*row, column)).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words.dedup();
    let place = |word: &str| data.codes(column).and_then(|codes| codes.words().position(|known| known == word));
    let number = |word: &str| word.trim().parse().unwrap_or(f64::INFINITY);
    let mut keyed: Vec<(usize, f64, &str)> =
        words.into_iter().map(|word| (place(word).unwrap_or(usize::MAX), number(word), word)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    keyed.into_iter().map(|(.., word)| word).collect()
}

impl<'p> Groups<'p> {
    fn of(data: &'p Dataset, spec: &'p SimulateSpec, name: &str, column: usize) -> Self {
        if let Some(bounds) = spec.bands.get(name) {
            return Self::Bands(bounds);
        }
        Self::Words(values(data, column))
    }

    /// The place of a respondent's group; none of who said nothing.
    fn place(&self, data: &Dataset, row: usize, column: usize) -> Option<usize> {
        let value = data.value(row, column);
        match self {
            Self::Bands(_) if value.is_empty() => None,
            Self::Bands(bounds) => {
                // Bands are of the codes, whatever words stand for them. "nan" and "inf" are numbers to Rust.
                let number =
                    data.table().cell(row, column).trim().parse().ok().filter(|number: &f64| number.is_finite());
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

/// Tells which group of a column a row is in.
pub struct Member<'p> {
    data: &'p Dataset,
    column: usize,
    groups: Groups<'p>,
    names: Vec<String>,
}

impl<'p> Member<'p> {
    /// The groups of a column; none where the session simulates no survey or has no such column.
    pub fn of(prepared: &'p Prepared, name: &str) -> Option<Self> {
        let spec = prepared.session.simulate.as_ref()?;
        let column = prepared.data.table().column(name).ok()?;
        let groups = Groups::of(&prepared.data, spec, name, column);
        let names = groups.names();
        Some(Self { data: &prepared.data, column, groups, names })
    }

    /// The name of a row's group.
    pub fn group(&self, row: usize) -> &str {
        let place = self.groups.place(self.data, row, self.column);
        place.and_then(|place| self.names.get(place)).map_or(NOTHING_SAID, String::as_str)
    }
}

/// The groups of a column, each with its respondents.
type Members<'r> = Vec<(String, Vec<&'r Respondent<'r>>)>;

/// The groups of every column that the session names, those that nobody is in left out.
pub(super) fn by_columns<'r>(survey: &Survey<'_>, respondents: &'r [Respondent<'r>]) -> Vec<(String, Members<'r>)> {
    let mut columns = Vec::new();
    for name in &survey.spec.by {
        let data = &survey.prepared.data;
        // That the column is there was checked when the data was read.
        let Ok(column) = data.table().column(name) else { continue };
        let groups = Groups::of(data, survey.spec, name, column);
        let mut members: Members<'r> = groups.names().into_iter().map(|value| (value, Vec::new())).collect();
        let mut silent = Vec::new();
        for respondent in respondents {
            let place = groups.place(data, respondent.row, column);
            let group = place.and_then(|place| members.get_mut(place)).map(|(_, members)| members);
            group.unwrap_or(&mut silent).push(respondent);
        }
        members.push((NOTHING_SAID.to_owned(), silent));
        members.retain(|(_, members)| !members.is_empty());
        columns.push((name.clone(), members));
    }
    columns
}

impl Group {
    /// A group of so many respondents.
    pub(super) fn new(value: &str, rows: usize, distances: Vec<Distance>, floor: usize) -> Self {
        let counted = distances.last().map_or(0, |distance| distance.comparison.rows);
        Self { value: value.to_owned(), rows, small: counted < floor, distances }
    }
}

impl Grouping {
    /// The groups of a column.
    pub(super) fn new(column: &str, groups: Vec<Group>) -> Self {
        // Without the labels that say nothing, where there are any: those are no opinion that could be flattened.
        let large = groups.iter().filter(|group| !group.small).filter_map(|group| group.distances.last());
        let weighed: Vec<(f64, f64, f64)> = large
            .map(|distance| &distance.comparison)
            .filter(|comparison| {
                comparison.entropy_real.value.is_finite() && comparison.entropy_simulated.value.is_finite()
            })
            .map(|comparison| {
                (comparison.rows as f64, comparison.entropy_real.value, comparison.entropy_simulated.value)
            })
            .collect();
        let rows: f64 = weighed.iter().map(|(rows, ..)| rows).sum();
        let mean = |pick: fn(&(f64, f64, f64)) -> f64| {
            (rows > 0.0).then(|| weighed.iter().map(|group| group.0 * pick(group)).sum::<f64>() / rows)
        };
        let (real, simulated) = (mean(|group| group.1), mean(|group| group.2));
        let ratio = real.zip(simulated).filter(|(real, _)| *real > 0.0).map(|(real, simulated)| simulated / real);
        Self {
            column: column.to_owned(),
            within_entropy_real: real,
            within_entropy_simulated: simulated,
            within_entropy_ratio: ratio,
            groups,
        }
    }
}
