//! The `[simulate]` section of a session.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// How a respondent's answer comes out of the labels' probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    /// The most likely label; of generated text, the label that is read in it.
    #[default]
    Likely,
    /// One label drawn by the probabilities, from a seed of the respondent's own.
    Sampled,
    /// All labels, each by its probability: shares are expected ones. What is predicted is the most likely label.
    Expected,
}

/// The `[simulate]` section of a session file: rows are respondents whose answers are simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimulateSpec {
    /// How answers come out of probabilities.
    pub answer: Take,
    /// Seed of sampled answers and of the bootstrap.
    pub seed: u32,
    /// Columns by whose values respondents are grouped.
    pub by: Vec<String>,
    /// Groups of fewer respondents are marked as too small to say anything.
    pub floor: usize,
    /// How many times everybody is asked again with the labels in another order.
    pub shuffles: u32,
    /// Resamples of the bootstrap; 0 leaves intervals out.
    pub resamples: usize,
    /// Respondents added to each label before the Kullback-Leibler divergence is taken.
    pub smoothing: f64,
    /// Column to the numbers where its groups begin.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub bands: IndexMap<String, Vec<f64>>,
}

impl Default for SimulateSpec {
    fn default() -> Self {
        Self {
            answer: Take::default(),
            seed: 42,
            by: Vec::new(),
            floor: 30,
            shuffles: 0,
            resamples: 2000,
            smoothing: 0.5,
            bands: IndexMap::new(),
        }
    }
}

/// The most that a session may ask for; a typing error should not take a day.
const MOST_RESAMPLES: usize = 100_000;
const MOST_SHUFFLES: u32 = 100;

impl SimulateSpec {
    /// What types cannot say: the key, and what it must be.
    pub fn check(&self) -> Result<(), (String, String)> {
        let ensure = |right: bool, key: &str, message: &str| {
            if right { Ok(()) } else { Err((key.to_owned(), message.to_owned())) }
        };
        ensure(self.resamples <= MOST_RESAMPLES, "resamples", &format!("must be {MOST_RESAMPLES} at most"))?;
        ensure(self.shuffles <= MOST_SHUFFLES, "shuffles", &format!("must be {MOST_SHUFFLES} at most"))?;
        ensure(self.smoothing >= 0.0 && self.smoothing.is_finite(), "smoothing", "must be 0 or more")?;
        let twice =
            self.by.iter().enumerate().any(|(place, column)| self.by.iter().skip(place + 1).any(|by| by == column));
        ensure(!twice, "by", "must name each column once")?;
        for (column, bounds) in &self.bands {
            let rising = bounds.is_sorted_by(|a, b| a < b) && bounds.iter().all(|bound| bound.is_finite());
            ensure(rising && !bounds.is_empty(), &format!("bands.{column}"), "must be numbers that rise")?;
        }
        Ok(())
    }
}

/// The group of a number between bounds, by its place: 0 lies below the first.
pub(super) fn band(bounds: &[f64], number: f64) -> usize {
    bounds.iter().take_while(|bound| **bound <= number).count()
}

/// What the group at a place is called.
pub(super) fn band_name(bounds: &[f64], place: usize) -> String {
    let whole = bounds.iter().all(|bound| bound.fract() == 0.0);
    match (place.checked_sub(1).and_then(|below| bounds.get(below)), bounds.get(place)) {
        (None, Some(first)) => format!("under {first}"),
        (Some(from), Some(to)) if whole && to - from > 1.0 => format!("{from} to {}", to - 1.0),
        (Some(from), Some(_)) if whole => from.to_string(),
        (Some(from), Some(to)) => format!("{from} to under {to}"),
        (Some(from), None) => format!("{from} and over"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fall_into_bands() {
        let bounds = [18.0, 30.0, 31.0];
        let names = |number: f64| band_name(&bounds, band(&bounds, number));
        assert_eq!(
            [17.9, 18.0, 29.0, 30.0, 31.0, 99.0].map(names),
            ["under 18", "18 to 29", "18 to 29", "30", "31 and over", "31 and over"]
        );
        assert_eq!(band_name(&[0.5, 1.5], 1), "0.5 to under 1.5");
    }

    #[test]
    fn what_cannot_be_is_named() {
        let check = |toml: &str| toml::from_str::<SimulateSpec>(toml).unwrap().check().map_err(|(key, _)| key);
        assert_eq!(check(""), Ok(()));
        assert_eq!(check("bands = { age = [1, 1] }"), Err("bands.age".to_owned()));
        assert_eq!(check("bands = { age = [] }"), Err("bands.age".to_owned()));
        assert_eq!(check("smoothing = -1"), Err("smoothing".to_owned()));
        assert_eq!(check("resamples = 1000000000"), Err("resamples".to_owned()));
        assert_eq!(check("shuffles = 4000"), Err("shuffles".to_owned()));
    }
}
