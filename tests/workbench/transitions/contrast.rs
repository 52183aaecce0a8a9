//! View 6 with a marked run: the comparison with the one under the cursor.

use std::path::PathBuf;

use shotglass::app::contrast::Contrast;
use shotglass::app::effect::Effect;
use shotglass::app::run::Run;
use shotglass::app::window::{Choice, Window};
use shotglass::app::{Message, Pane, View};
use shotglass::session::comparison::{Outcome, Side, Together};
use shotglass::session::folder::Status;
use shotglass::session::predictions::answers::Answer;

use super::runs::{entry, listed};
use crate::alone::Alone;
use crate::harness::click;

/// Runs a, b and c, of which a is marked and b under the cursor.
fn marked() -> Alone {
    let mut alone = Alone::new();
    let runs = ["a", "b", "c"].map(|name| entry(name, Status::Finished));
    alone.press(&["6"]).send(listed(runs.to_vec())).press(&["<space>", "<down>"]);
    alone
}

/// The number of the last question that was asked.
fn number(alone: &Alone) -> u64 {
    let asked = alone.effects.iter().rev().find_map(|effect| match effect {
        Effect::Contrast { number, .. } => Some(*number),
        _ => None,
    });
    asked.unwrap_or_else(|| panic!("{:?}", alone.names()))
}

/// A comparison of four rows, one of each outcome; without gold labels, two that differ and two that do not.
fn contrast(gold: bool, resamples: usize) -> Contrast {
    let side = |called: &str, predicted: [&str; 4]| Side {
        name: format!("runs/{called}"),
        called: called.to_owned(),
        manifest: None,
        answers: predicted
            .into_iter()
            .enumerate()
            .map(|(row, label)| (row, Answer { gold: gold.then(|| "yes".to_owned()), predicted: label.to_owned() }))
            .collect(),
    };
    let (a, b) = (side("A", ["no", "yes", "yes", "no"]), side("B", ["yes", "no", "yes", "no"]));
    let rows = Together::of(&a, &b).unwrap();
    let compared = rows.compare(resamples, 42, |_| true).unwrap();
    let written = (resamples > 0).then(|| ["the text".to_owned(), "{}".to_owned()]);
    Contrast { compared, remarks: rows.remarks(), written }
}

fn found(number: u64, contrast: Contrast) -> Message {
    Message::Contrasted { number, found: Ok(Box::new(contrast)) }
}

#[test]
fn two_runs_are_compared_once_and_the_latest_wins() {
    let mut alone = marked();
    let first = number(&alone);
    let Some(Effect::Contrast { pair, .. }) =
        alone.effects.iter().find(|effect| matches!(effect, Effect::Contrast { .. }))
    else {
        panic!("{:?}", alone.names())
    };
    assert!(pair.a.ends_with("a") && pair.b.ends_with("b"));
    // Nothing is asked for twice.
    alone.press(&["<tab>", "<shift-tab>"]);
    assert!(!alone.names().contains(&"contrast"));
    alone.press(&["<down>"]);
    let second = number(&alone);
    assert!(alone.app.runs.contrast.asked.as_ref().unwrap().b.ends_with("c"));
    alone.send(found(first, contrast(true, 0)));
    assert!(alone.app.runs.contrast.found.is_none(), "what was asked before is shown as this pair's");
    alone.send(Message::Resampled { number: first, done: 700 });
    assert_eq!(alone.app.runs.contrast.done, 0);
    // Counts first, intervals when they come.
    alone.send(found(second, contrast(true, 0)));
    assert!(alone.app.runs.contrast.contrast().unwrap().compared.ci95.is_none());
    alone.send(Message::Resampled { number: second, done: 700 });
    assert_eq!(alone.app.runs.contrast.done, 700);
    alone.send(found(second, contrast(true, 50)));
    assert!(alone.app.runs.contrast.contrast().unwrap().compared.ci95.is_some());
    // Back on the marked run there is nothing to compare.
    alone.press(&["g"]);
    assert!(alone.names().contains(&"stop-contrast") && alone.app.runs.contrast.found.is_none());
    alone.send(found(second, contrast(true, 50)));
    assert!(alone.app.runs.contrast.found.is_none());
}

#[test]
fn a_run_that_went_on_is_compared_anew_and_its_figures_stay_until_then() {
    let mut alone = marked();
    let first = number(&alone);
    alone.send(found(first, contrast(true, 50)));
    let mut runs = ["a", "b", "c"].map(|name| entry(name, Status::Finished));
    runs[1].facts.as_mut().unwrap().done = 12;
    alone.send(listed(runs.to_vec()));
    assert!(number(&alone) > first && alone.app.runs.contrast.found.is_some());
}

#[test]
fn an_outcome_opens_its_rows() {
    let mut alone = marked();
    let asked = number(&alone);
    // The marked run answers every other row otherwise.
    let mut a = alone.run("a", 48);
    let rows = a.rows.iter().enumerate().map(|(place, row)| {
        let mut row = (**row).clone();
        if place % 2 == 0 {
            row.predicted = "oppose".to_owned();
        }
        row
    });
    let rows: Vec<_> = rows.collect();
    a = Run::new(a.about, Status::Finished, rows);
    alone.send(Message::RunLoaded { path: a.about.path.clone(), run: Ok(Box::new(a.clone())), beside: true });
    alone.send(found(asked, contrast(true, 50))).press(&["<tab>", "<enter>"]);
    assert!(alone.names().contains(&"load-run") && alone.app.view == View::Runs);
    alone.with_run("b");
    assert_eq!(alone.at(), (View::Rows, Pane::Rows));
    let b = alone.app.run.clone().unwrap();
    let wanted = |outcome: Outcome| {
        let fits = |row: &usize| {
            let (a, b) = (a.of(*row).unwrap(), b.of(*row).unwrap());
            outcome.is_of(b.gold.as_deref(), &a.predicted, &b.predicted)
        };
        let mut rows: Vec<usize> = b.rows.iter().map(|row| row.row).filter(fits).collect();
        rows.sort_unstable();
        rows
    };
    let shown = |alone: &Alone| -> Vec<usize> {
        alone.app.rows.listed.iter().map(|place| b.rows[*place as usize].row).collect()
    };
    assert!(!wanted(Outcome::Fixed).is_empty());
    assert_eq!(shown(&alone), wanted(Outcome::Fixed));
    // The run is there now: the next one opens at once.
    alone.press(&["6", "<down>", "<enter>"]).sifted();
    assert_eq!((alone.at(), alone.app.rows.filter.outcome), ((View::Rows, Pane::Rows), Some(Outcome::Broken)));
    assert_eq!(shown(&alone), wanted(Outcome::Broken));
    // Esc shows all rows again.
    alone.press(&["<esc>"]).sifted();
    assert_eq!(alone.app.rows.listed.len(), 48);
    // Beside another run the same outcome would be of other rows.
    alone.press(&["6", "<enter>"]).sifted();
    alone.press(&["6", "<shift-tab>", "<space>"]);
    assert_eq!(alone.app.rows.filter.outcome, None);
}

#[test]
fn a_run_that_is_opened_otherwise_lists_no_outcome() {
    let mut alone = marked();
    let asked = number(&alone);
    alone.send(found(asked, contrast(true, 50))).press(&["<tab>", "<enter>", "<shift-tab>", "<enter>"]);
    alone.with_run("b");
    assert_eq!((alone.app.view, alone.app.rows.filter.outcome), (View::Evaluate, None));
    // One that cannot be read says so, and is not waited for.
    alone.press(&["6", "<down>"]);
    let asked = number(&alone);
    alone.send(found(asked, contrast(true, 50))).press(&["<tab>", "<enter>"]);
    let path = alone.app.run_entry().unwrap().path.clone();
    alone.send(Message::RunLoaded { path, run: Err("predictions.csv: torn".to_owned()), beside: false });
    alone.hears("torn");
    assert!(alone.app.runs.contrast.wanted.is_none());
}

#[test]
fn the_arrows_walk_the_outcomes_then_the_text_below() {
    let mut alone = marked();
    let asked = number(&alone);
    alone.send(found(asked, contrast(true, 50))).press(&["<tab>"]);
    alone.app.size = (120, 14);
    alone.press(&["<down>", "<down>", "<down>"]);
    assert_eq!((alone.app.runs.contrast.outcome(), alone.app.runs.scroll), (Some(Outcome::BothWrong), 0));
    alone.press(&["g"]);
    assert_eq!(alone.app.runs.contrast.outcome(), Some(Outcome::Fixed));
    // Without gold labels there are two; the selection stays inside.
    alone.press(&["<down>", "<down>", "<down>"]);
    alone.send(found(asked, contrast(false, 50)));
    assert_eq!(alone.app.runs.contrast.outcome(), Some(Outcome::Alike));
    // Those that cannot be compared have none.
    alone.send(Message::Contrasted { number: asked, found: Err("A and B have no row in common".to_owned()) });
    alone.press(&["<enter>"]);
    alone.hears("cannot be compared");
    assert!(!alone.names().contains(&"load-run"));
}

#[test]
fn a_click_selects_an_outcome_and_a_second_one_opens_it() {
    let mut alone = marked();
    alone.send(Message::Resize { width: 120, height: 40 });
    let asked = alone.app.runs.contrast.number;
    alone.send(found(asked, contrast(true, 50)));
    let inner = alone.app.areas.inner(Pane::Compare);
    alone.send(click(inner.x + 2, inner.y + 1));
    assert_eq!((alone.at().1, alone.app.runs.contrast.outcome()), (Pane::Compare, Some(Outcome::Broken)));
    alone.send(click(inner.x + 2, inner.y + 1));
    assert_eq!(alone.names(), ["load-run"]);
}

#[test]
fn a_comparison_is_copied_and_written_out_once_it_is_whole() {
    let mut alone = marked();
    let asked = number(&alone);
    alone.press(&["<tab>", "y"]);
    alone.hears("there is no comparison yet");
    alone.send(found(asked, contrast(true, 0))).press(&["e"]);
    alone.hears("still being computed");
    assert!(alone.app.windows.is_empty());
    alone.send(found(asked, contrast(true, 50))).press(&["y"]);
    assert!(matches!(alone.effects.last(), Some(Effect::Copy(text)) if text == "the text"), "{:?}", alone.names());
    alone.press(&["e"]);
    let Some(Window::Picker(picker)) = alone.app.windows.last() else { panic!() };
    let Choice::ExportComparison(path, _) = &picker.items[0].choice else { panic!("{:?}", picker.items) };
    assert_eq!(path, &PathBuf::from("alone/session/compare-a-b.txt"));
    alone.press(&["json", "<enter>"]);
    let Some(Effect::WriteComparison(path, text)) = alone.effects.last() else { panic!("{:?}", alone.names()) };
    assert!(path.ends_with("compare-a-b.json") && text == "{}");
    // In the list the same key is about the run, and without a mark there is no comparison to write.
    let mut alone = Alone::new();
    alone.press(&["6"]).send(listed(vec![entry("a", Status::Finished)])).press(&["<tab>", "e"]);
    alone.hears("Space marks a run");
}
