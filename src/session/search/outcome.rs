//! What a search found, and which rows it used for what.

use serde::Serialize;

use crate::text::printable;

use super::{Scores, Search, judged};
use crate::session::predictions::Prediction;

/// One prompt that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// What was changed.
    pub name: String,
    /// Figures on the rows that choose.
    pub scores: Option<Scores>,
    /// Whether it was the best when it was tried.
    pub accepted: bool,
    /// The run's folder.
    pub run: Option<String>,
}

/// The base against the best on rows that chose neither.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Figures of the prompt as it was.
    pub before: Scores,
    /// Figures of the best.
    pub after: Scores,
    /// Rows that the best gets right and the base did not.
    pub fixed: u64,
    /// Rows the other way round.
    pub broken: u64,
    /// McNemar's exact test.
    pub mcnemar_p: f64,
}

/// Which rows were used for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Used {
    /// Train rows whose errors proposed demonstrations.
    pub proposed: usize,
    /// Validation rows that chose.
    pub chose: usize,
    /// Validation rows behind them that judged.
    pub judged: usize,
    /// Validation rows that there are to judge.
    pub left: usize,
    /// Test rows that were opened.
    pub test: usize,
}

/// What a search found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// What was to grow.
    pub by: super::By,
    /// The prompts, in the order in which they were tried.
    pub tried: Vec<Tried>,
    /// The best of them.
    pub best: usize,
    /// On validation rows that chose nothing.
    pub judged: Option<Judged>,
    /// On the test split.
    pub test: Option<Judged>,
    /// Which rows were used for what.
    pub used: Used,
}

pub(super) fn found(search: &Search, on_validation: &[Vec<Prediction>], on_test: &[Vec<Prediction>]) -> Found {
    let both = |of: &[Vec<Prediction>]| match of {
        [base, best] => judged(base, best),
        _ => None,
    };
    let tried = search.candidates.iter().enumerate().map(|(place, candidate)| Tried {
        name: candidate.name.clone(),
        scores: search.scores(place),
        accepted: candidate.accepted,
        run: candidate.chosen_by.as_ref().map(|answered| answered.run.display().to_string()),
    });
    let chose = search.candidates.first().and_then(|first| first.chosen_by.as_ref()).map_or(0, |of| of.rows.len());
    Found {
        by: search.spec.by,
        tried: tried.collect(),
        best: search.best,
        judged: both(on_validation),
        test: both(on_test),
        used: Used {
            proposed: if search.errors_of.is_some() { search.spec.propose } else { 0 },
            chose,
            judged: on_validation.first().map_or(0, Vec::len),
            left: search.validation.saturating_sub(search.spec.choose).min(search.spec.judge),
            test: on_test.first().map_or(0, Vec::len),
        },
    }
}

impl Found {
    /// As a table to read.
    pub fn text(&self) -> String {
        let names: Vec<String> = self.tried.iter().map(|of| printable(&of.name).into_owned()).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().clamp(10, 60);
        let mut text = format!("{:>3}  {:<width$}  {:>8}  {:>8}\n", "", "prompt", "accuracy", "macro-F1");
        for (place, (tried, name)) in self.tried.iter().zip(&names).enumerate() {
            let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
            let (accuracy, macro_f1) =
                (number(tried.scores.map(|s| s.accuracy)), number(tried.scores.map(|s| s.macro_f1)));
            let note = match tried.accepted {
                _ if place == self.best => "  best",
                true if place > 0 => "  was best",
                _ => "",
            };
            text += &format!("{place:>3}  {name:<width$}  {accuracy:>8}  {macro_f1:>8}{note}\n");
        }
        text.push('\n');
        let Used { proposed, chose, judged, left, test } = self.used;
        let locked = if test == 0 { "test split locked".to_owned() } else { format!("{test} test rows opened") };
        let proposed =
            if proposed == 0 { String::new() } else { format!("errors on {proposed} train rows proposed, ") };
        text += &format!("{proposed}{chose} validation rows chose, {judged} others judged, {locked}\n");
        if self.best == 0 {
            return text + "no prompt that was tried is better than the one there is\n";
        }
        for (what, of) in [("validation rows that chose nothing", &self.judged), ("rows of the test split", &self.test)]
        {
            let Some(of) = of else { continue };
            let p = if of.mcnemar_p < 0.001 { "< 0.001".to_owned() } else { format!("{:.3}", of.mcnemar_p) };
            text += &format!(
                "on {} {what}: accuracy {:.3} to {:.3}, macro-F1 {:.3} to {:.3}; {} fixed, {} broken, McNemar p {p}\n",
                of.after.rows,
                of.before.accuracy,
                of.after.accuracy,
                of.before.macro_f1,
                of.after.macro_f1,
                of.fixed,
                of.broken,
            );
        }
        if left == 0 {
            text += "its figures are of the rows that chose it, and so too good: no other validation rows are left to judge it\n";
        }
        text
    }
}
