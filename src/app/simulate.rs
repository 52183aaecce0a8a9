//! What view 5 knows: the figures of a simulated survey, and a respondent to ask again with other values.

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::ModelInfo;
use crate::prompt::PromptSpec;
use crate::session::predictions::Prediction;
use crate::session::prepare::Prepared;
use crate::session::simulation::{Distance, Grouping, Simulation};

use super::sheet::Variable;

/// Resamples while a run goes on, whose figures are counted several times a second.
const LIVE_RESAMPLES: usize = 200;

/// What a respondent is asked: the edit of the prompt, the row, and the values that are not as told.
pub type Asked = (u64, usize, Vec<(String, String)>);

/// Shares to be counted.
#[derive(Clone)]
pub struct SurveyRequest {
    /// Whose: the run's folder, and the revision of its rows.
    pub of: (PathBuf, u64),
    /// Whether it is the marked run.
    pub beside: bool,
    /// The rows.
    pub rows: Vec<Arc<Prediction>>,
    /// The run's session and data.
    pub prepared: Arc<Prepared>,
    /// Whether more rows will come.
    pub live: bool,
}

impl SurveyRequest {
    /// Resamples of the bootstrap: fewer while the figures still move.
    pub fn resamples(&self) -> usize {
        let wanted = self.prepared.session.simulate.as_ref().map_or(0, |simulate| simulate.resamples);
        if self.live { wanted.min(LIVE_RESAMPLES) } else { wanted }
    }
}

/// A prompt to be written.
#[derive(Clone)]
pub struct WhatIfRequest {
    /// What is asked.
    pub asked: Asked,
    /// The session's data.
    pub prepared: Arc<Prepared>,
    /// The prompt as it is being written.
    pub prompt: PromptSpec,
    /// The model, for its chat template.
    pub model: Arc<ModelInfo>,
}

/// What a respondent would answer with other values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WhatIf {
    /// What was asked.
    pub asked: Option<Asked>,
    /// The prompt, once it is written.
    pub prompt: Option<String>,
    /// Log-probability of each label; of what was asked before while this is not known yet.
    pub logprobs: Vec<f64>,
    /// Whether they are of this.
    pub scored: bool,
    /// The generated answer, where the session generates.
    pub text: Option<String>,
    /// What is wrong.
    pub error: Option<String>,
}

/// View 5.
#[derive(Clone, Default)]
pub struct SimulateState {
    /// The variable at the cursor, by its place among those that the prompt names.
    pub variable: usize,
    /// Variables that are not as told, by hand.
    pub changed: Vec<(String, String)>,
    /// Changes before those, the last one last.
    pub undo: Vec<Vec<(String, String)>>,
    /// Changes that were undone, the last one last.
    pub redo: Vec<Vec<(String, String)>>,
    /// The row that they are of.
    pub changed_row: Option<usize>,
    /// What comes of them.
    pub what_if: WhatIf,
    /// The first line of the card on the screen.
    pub scroll: usize,
    /// The figures of the run on the screen, and whose they are.
    pub figures: Option<((PathBuf, u64), Arc<Simulation>)>,
    /// The same of the marked run.
    pub beside: Option<((PathBuf, u64), Arc<Simulation>)>,
    /// Whether something is being counted.
    pub counting: bool,
    /// What was asked to be counted last: of the run, and of the marked one.
    pub counted: [Option<(PathBuf, u64)>; 2],
    /// Whether answers that say nothing are counted too.
    pub with_missing: bool,
    /// Whether respondents count once each.
    pub unweighted: bool,
    /// Which column groups respondents.
    pub by: usize,
    /// The group that shares are told of, by its name.
    pub group: Option<String>,
    /// The line at the cursor in the shares, in the groups and in the answers.
    pub selected: [usize; 3],
    /// The first line on the screen of each.
    pub offset: [usize; 3],
}

impl SimulateState {
    /// The figures of the run on the screen.
    pub fn simulation(&self) -> Option<&Simulation> {
        self.figures.as_ref().map(|(_, figures)| &**figures)
    }

    /// The column that groups respondents, with its groups.
    pub fn grouping(&self) -> Option<&Grouping> {
        self.simulation().and_then(|simulation| simulation.by.get(self.by))
    }

    /// The comparison that is told: of everybody, or of the group that is chosen.
    pub fn distance<'s>(&self, simulation: &'s Simulation) -> Option<&'s Distance> {
        let group = self.group.as_ref().and_then(|name| {
            let grouping = simulation.by.get(self.by)?;
            grouping.groups.iter().find(|group| group.value == *name)
        });
        let distances = group.map_or(&simulation.overall, |group| &group.distances);
        // Groups are told with weights alone, where there are any; and without missing labels, where there are any.
        let by_missing = |distance: &&Distance| distance.without_missing != self.with_missing;
        let fitting = || distances.iter().filter(by_missing);
        fitting()
            .find(|distance| distance.weighted != self.unweighted)
            .or_else(|| fitting().next())
            .or(distances.last())
    }

    /// The value of a variable: by hand, or as told.
    pub fn value<'s>(&'s self, variable: &'s Variable) -> &'s str {
        let changed = self.changed.iter().find(|(name, _)| *name == variable.name);
        changed.map_or(variable.value.as_str(), |(_, value)| value.as_str())
    }

    /// Gives a variable a value.
    pub fn set(&mut self, variable: &Variable, value: String) {
        let before = self.changed.clone();
        self.changed.retain(|(name, _)| *name != variable.name);
        if value != variable.value {
            self.changed.push((variable.name.clone(), value));
        }
        if self.changed != before {
            self.undo.push(before);
            self.redo.clear();
        }
    }

    /// Takes the last change back.
    pub fn undo(&mut self) {
        if let Some(before) = self.undo.pop() {
            self.redo.push(std::mem::replace(&mut self.changed, before));
        }
    }

    /// Does again what was undone last.
    pub fn redo(&mut self) {
        if let Some(after) = self.redo.pop() {
            self.undo.push(std::mem::replace(&mut self.changed, after));
        }
    }

    /// Forgets all changes of a respondent.
    pub fn forget(&mut self) {
        self.changed.clear();
        self.undo.clear();
        self.redo.clear();
        self.what_if = WhatIf::default();
    }
}

/// The value that comes `by` places behind the one that a variable has: of numbers the next number, of others the next
/// value that there is.
pub fn stepped(variable: &Variable, now: &str, by: i64) -> Option<String> {
    let numbers: Option<Vec<i64>> = variable.values.iter().map(|value| value.trim().parse().ok()).collect();
    if let (Some(numbers), Ok(number)) = (numbers, now.trim().parse::<i64>()) {
        let (least, most) = (numbers.iter().min()?, numbers.iter().max()?);
        return Some(number.saturating_add(by).clamp(*least, *most).to_string());
    }
    let len = i64::try_from(variable.values.len()).ok()?;
    let place = match variable.values.iter().position(|value| value == now) {
        Some(place) => (i64::try_from(place).ok()? + by).clamp(0, len - 1),
        None => 0,
    };
    variable.values.get(usize::try_from(place).ok()?).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(value: &str, values: &[&str]) -> Variable {
        let values = Arc::new(values.iter().map(|value| (*value).to_owned()).collect());
        Variable { name: "x".to_owned(), value: value.to_owned(), values }
    }

    #[test]
    fn values_are_stepped_through() {
        let words = variable("b", &["a", "b", "c"]);
        for (now, by, next) in [("b", 1, "c"), ("c", 1, "c"), ("b", -5, "a"), ("gone", 1, "a")] {
            assert_eq!(stepped(&words, now, by).as_deref(), Some(next), "{now} {by}");
        }
        let numbers = variable("35", &["18", "35", "70"]);
        for (now, by, next) in [("35", 1, "36"), ("35", -10, "25"), ("70", 10, "70"), ("18", -1, "18")] {
            assert_eq!(stepped(&numbers, now, by).as_deref(), Some(next), "{now} {by}");
        }
        assert_eq!(stepped(&variable("x", &[]), "x", 1), None);
    }

    #[test]
    fn a_value_as_told_is_no_change() {
        let told = variable("b", &["a", "b"]);
        let mut state = SimulateState::default();
        state.set(&told, "a".to_owned());
        assert_eq!((state.value(&told), state.undo.len()), ("a", 1));
        state.set(&told, "a".to_owned());
        assert_eq!(state.undo.len(), 1);
        state.set(&told, "b".to_owned());
        assert_eq!((state.value(&told), state.changed.len(), state.undo.len()), ("b", 0, 2));
        state.undo();
        assert_eq!((state.value(&told), state.redo.len()), ("a", 1));
        state.redo();
        assert_eq!((state.value(&told), state.redo.len()), ("b", 0));
        state.forget();
        assert!(state.undo.is_empty());
    }
}
