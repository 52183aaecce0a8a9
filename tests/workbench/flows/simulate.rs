//! A simulated survey by keys, over the scripted engine: asked, looked at, asked again with other values.

use std::fmt::Write as _;

use shotglass::app::window::Window;
use shotglass::app::{App, Pane, View};
use shotglass::engine::fake::{Rule, Script};

use crate::harness::{Desk, Options};

/// 40 invented respondents in three regions; every tenth did not answer, two are of another country.
fn rows() -> String {
    let mut csv = String::from("id,country,age,sex,region,vote,weight\n");
    for row in 0..42 {
        let country = if row % 20 == 19 { "XX" } else { "HB" };
        let vote = match row % 10 {
            0 | 3 | 7 => 1,
            1 | 4 => 2,
            2 | 5 | 8 => 3,
            6 => 77,
            _ => 1,
        };
        let age = 18 + (row * 7) % 60;
        let weight = 0.5 + f64::from(row % 4) * 0.5;
        let _ = writeln!(csv, "{row},{country},{age},{},R{},{vote}.0,{weight}", row % 2 + 1, row % 3);
    }
    csv
}

/// The session on them, with lines of one's own behind `[decode]`.
fn session(decode: &str) -> String {
    format!(
        r#"version = 1
title = "Harbour vote"
[model]
source = "scripted"
[data]
path = "rows.csv"
filter = {{ country = "HB" }}
label = "vote"
label_order = "appearance"
weight = "weight"
labels = {{ "1" = "Quay", "2" = "Pier", "3" = "Lantern", "4" = "Nobody", "77" = "Refusal" }}
missing = {{ vote = ["77"] }}
splits = {{ train = 0.0, validation = 1.0, test = 0.0 }}
codebook = {{ sex = {{ "1" = "man", "2" = "woman" }}, region = {{ R0 = "North", R1 = "South", R2 = "Isle" }} }}
[prompt]
template = "A {{{{ age }}}} years old {{{{ sex }}}} in {{{{ region }}}}. Of {{{{ options }}}} they chose"
options = "shuffled"
[decode]
{decode}
[simulate]
by = ["sex", "age", "region"]
floor = 8
resamples = 100
bands = {{ age = [30, 50] }}
"#
    )
}

/// A workbench on the survey. Women choose the Pier, the Isle the Lantern, all others the Quay.
pub fn options(decode: &str) -> Options {
    // In the order in which the labels come up: Quay, Pier, Lantern, Refusal.
    let rule = |contains: &str, logprobs: [f64; 4], text: &str| Rule {
        contains: contains.to_owned(),
        logprobs: logprobs.to_vec(),
        text: text.to_owned(),
    };
    let rules = vec![
        rule("in Isle", [-2.0, -2.5, -0.4, -4.0], " the Lantern, as one does on the Isle"),
        rule(" woman ", [-1.5, -0.5, -2.0, -4.0], " the Pier."),
        rule(" man ", [-0.3, -2.0, -2.5, -4.0], " another party: Quay"),
    ];
    Options {
        data: rows(),
        session: session(decode),
        script: Script { rules, ..Script::default() },
        ..Options::default()
    }
}

/// Asks everybody, and waits until the shares are counted.
pub fn ask(desk: &mut Desk) {
    desk.press(&["5", "<ctrl-r>"]);
    desk.quiet();
    desk.until("the shares are counted", |app| app.simulate.simulation().is_some() && !app.simulate.counting);
}

fn probability(app: &App, label: usize) -> f64 {
    app.simulate.what_if.logprobs[label].exp()
}

#[test]
fn everybody_is_asked_and_the_shares_are_told() {
    let mut desk = Desk::with("simulate-run", options(""));
    ask(&mut desk);
    assert_eq!(desk.app().view, View::Simulate);
    desk.sees("weighted");
    desk.sees("without missing");
    let simulation = desk.app().simulate.simulation().unwrap();
    assert_eq!((simulation.overall.len(), simulation.by.len()), (4, 3));
    assert_eq!(simulation.overall[0].labels, ["Quay", "Pier", "Lantern", "Refusal"]);
    // With those that say nothing, and each respondent once.
    desk.focus(Pane::Shares);
    desk.press(&["x", "w"]);
    desk.sees("unweighted");
    desk.sees("Refusal");
    // The rows behind a share.
    desk.press(&["<down>", "<enter>"]);
    assert_eq!(desk.app().view, View::Rows);
    desk.sees("really or predicted Pier");
    assert!(desk.app().rows.listed.len() < 40);
    desk.press(&["<esc>"]);
    desk.settle();
    assert_eq!(desk.app().rows.listed.len(), 40);
    // A run that is read again tells the same.
    desk.press(&["6", "<enter>"]);
    desk.quiet();
    assert_eq!(desk.app().view, View::Simulate);
    desk.sees("unweighted");
}

#[test]
fn groups_are_chosen_and_opened() {
    let mut desk = Desk::with("simulate-groups", options(""));
    ask(&mut desk);
    desk.focus(Pane::Groups);
    desk.sees("woman");
    desk.press(&["b", "<enter>"]);
    desk.sees("age under 30");
    assert_eq!(desk.app().simulate.group.as_deref(), Some("under 30"));
    let of_group = desk.app().simulate.distance(desk.app().simulate.simulation().unwrap()).unwrap().comparison.rows;
    desk.focus(Pane::Shares);
    desk.press(&["<enter>"]);
    desk.settle();
    desk.sees("age: under 30");
    desk.sees("really or predicted Quay, without missing");
    assert!((1..of_group).contains(&desk.app().rows.listed.len()));
    // The group itself: its figures are of these rows.
    desk.press(&["5"]);
    desk.focus(Pane::Groups);
    desk.press(&["<enter>"]);
    desk.settle();
    desk.sees("age: under 30, without missing");
    assert_eq!(desk.app().rows.listed.len(), of_group);
    desk.press(&["5", "<esc>"]);
    assert_eq!(desk.app().simulate.group, None);
}

#[test]
fn a_variable_is_changed_and_the_answer_moves() {
    let mut desk = Desk::with("simulate-what-if", options(""));
    desk.press(&["5"]);
    desk.quiet();
    let told = desk.app().prompt.answer.logprobs.clone();
    assert_eq!(told, [-0.3, -2.0, -2.5, -4.0]);
    // The second variable is the sex.
    desk.press(&["<down>", "<right>"]);
    desk.quiet();
    desk.sees("told man");
    assert!((probability(desk.app(), 1) - (-0.5_f64).exp()).abs() < 1e-9);
    assert!(desk.app().simulate.what_if.prompt.as_ref().unwrap().contains(" woman in North"));
    // The region by its name, the age by its number.
    desk.press(&["<down>", "<enter>", "<ctrl-u>", "Isle", "<enter>"]);
    desk.quiet();
    assert!((probability(desk.app(), 2) - (-0.4_f64).exp()).abs() < 1e-9);
    desk.press(&["u"]);
    desk.quiet();
    assert!((probability(desk.app(), 1) - (-0.5_f64).exp()).abs() < 1e-9);
    desk.press(&["U"]);
    assert_eq!(desk.app().simulate.changed.len(), 2);
    desk.press(&["x"]);
    assert!(desk.app().simulate.changed.is_empty());
    // Another respondent begins as told.
    desk.press(&["<right>", "]"]);
    desk.quiet();
    assert!(desk.app().simulate.changed.is_empty() && desk.app().prompt.at == 1);
    // The prompt in view 1 was never changed.
    assert!(!desk.app().session.as_ref().unwrap().is_dirty());
}

#[test]
fn generated_answers_are_counted_as_they_are() {
    let mut desk = Desk::with("simulate-generate", options("method = \"generate\""));
    ask(&mut desk);
    desk.sees("Answers as generated");
    desk.sees("the Lantern, as one does on the Isle");
    // In whole words, so another party is no other.
    let run = desk.app().run.as_ref().unwrap();
    assert!(run.rows.iter().all(|row| row.predicted != "unknown"));
    desk.focus(Pane::Tally);
    desk.press(&["<enter>"]);
    desk.settle();
    assert!(desk.app().rows.listed.iter().all(|place| {
        let rows = &desk.app().run.as_ref().unwrap().rows;
        rows[*place as usize].answer == rows[desk.app().rows.listed[0] as usize].answer
    }));
    desk.press(&["5"]);
    desk.focus(Pane::Respondent);
    desk.press(&["<down>", "<right>"]);
    desk.quiet();
    assert_eq!(desk.app().simulate.what_if.text.as_deref(), Some(" the Pier."));
}

#[test]
fn two_runs_stand_side_by_side() {
    let mut desk = Desk::with("simulate-beside", options(""));
    ask(&mut desk);
    desk.press(&["6", "<space>", "5", "<ctrl-r>"]);
    desk.quiet();
    desk.until("both are counted", |app| app.simulate.beside.is_some() && app.simulate.figures.is_some());
    desk.settle();
    desk.sees("(marked");
}

#[test]
fn columns_are_told() {
    let mut desk = Desk::with("simulate-columns", options(""));
    desk.press(&["5", "C"]);
    desk.until("they are told", |app| matches!(app.windows.last(), Some(Window::Text { .. })));
    desk.sees("vote  (label)");
    desk.sees("says nothing");
    desk.press(&["<pagedown>", "C"]);
    assert!(desk.app().windows.is_empty());
}

#[test]
fn a_session_that_simulates_nothing_says_so() {
    let mut desk = Desk::open("simulate-not");
    desk.press(&["5"]);
    desk.sees("This session simulates no survey");
    for pane in [Pane::Shares, Pane::Groups, Pane::Tally] {
        desk.focus(pane);
        desk.press(&["<down>", "<enter>", "w", "x", "b"]);
    }
    assert_eq!(desk.app().view, View::Simulate);
}
