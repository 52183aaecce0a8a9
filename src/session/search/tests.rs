use std::path::PathBuf;

use super::*;
use crate::app::run::tests::prediction;

fn prepared(folder: &std::path::Path, prompt: &str, search: &str) -> Prepared {
    let path = folder.join("rows.csv");
    let rows: String = (0..60).map(|row| format!("text {row},{}\n", row % 2)).collect();
    std::fs::write(&path, format!("text,label\n{rows}")).unwrap();
    let text = format!(
        "version = 1\n[data]\npath = {path:?}\nlabel = \"label\"\nlabels = {{ \"0\" = \"yes\", \"1\" = \"no\" }}\n\
         splits = {{ train = 0.4, validation = 0.4, test = 0.2 }}\n[prompt]\n{prompt}\n[search]\n{search}"
    );
    Prepared::new(Session::parse("a.toml", &text, &[]).unwrap(), &mut |_, _| true).unwrap()
}

const FEW: &str = "template = \"yes or no?\\n{{ demos }}\\nText: {{ text }}\"\nshots = 1";
const SMALL: &str = "budget = 7\nchoose = 10\njudge = 6\npropose = 8";

/// Answers as many of the rows right as `right` says of the prompt.
fn answers(prepared: &Prepared, proposal: &Proposal, right: usize) -> Answered {
    let data = &prepared.data;
    let rows = data.split(proposal.split);
    let rows = rows.get(..proposal.limit.unwrap_or(rows.len()).min(rows.len())).unwrap();
    let word = |label: usize| data.labels()[label].clone();
    let answer = |(place, row): (usize, &usize)| {
        let gold = data.gold(*row).unwrap();
        prediction(*row, &word(gold), &word(if place % 10 < right { gold } else { 1 - gold }), 1.0)
    };
    Answered { run: PathBuf::from(&proposal.name), rows: rows.iter().enumerate().map(answer).collect() }
}

#[test]
fn train_proposes_validation_chooses_others_judge() {
    let folder = tempfile::tempdir().unwrap();
    let prepared = prepared(folder.path(), FEW, SMALL);
    let mut search = Search::new(&prepared, true).unwrap();
    let (mut asked, mut steps) = (Vec::new(), Vec::new());
    while let Some(proposal) = search.next() {
        let pinned = &proposal.session.prompt.pinned;
        // Demonstrations come from the train split, each once, as many of each class as there were.
        assert!(pinned.iter().all(|row| prepared.data.split_of(*row) == Some(Split::Train)));
        assert_eq!(pinned.iter().collect::<HashSet<_>>().len(), pinned.len());
        if !pinned.is_empty() {
            assert_eq!(pinned.iter().map(|row| prepared.data.gold(*row).unwrap()).sum::<usize>(), 1);
        }
        // The more rows were asked for before, the better.
        let right = if proposal.purpose == "choose" { (2 + asked.len()).min(9) } else { 5 };
        let judging = proposal.purpose == "judge" && proposal.name != "search: judge as it is";
        asked.push((proposal.purpose.clone(), proposal.split, proposal.limit));
        search.take(answers(&prepared, &proposal, if judging { 8 } else { right }));
        steps.extend(search.step());
    }
    let count = |purpose: &str| asked.iter().filter(|of| of.0 == purpose).count();
    assert_eq!((count("choose"), count("judge"), count("test")), (7, 2, 2));
    assert!(asked.iter().all(|(purpose, split, _)| match purpose.as_str() {
        "propose" => *split == Split::Train,
        "test" => *split == Split::Test,
        _ => *split == Split::Validation,
    }));
    assert!(asked.contains(&("judge".to_owned(), Split::Validation, Some(16))));
    // Each was better than the one before.
    assert_eq!(steps.len(), 6);
    assert!(steps[0].1.contains("validation rows that chose it"), "{}", steps[0].1);
    let found = search.found();
    assert_eq!((found.best, found.used.chose, found.used.judged, found.used.test), (6, 10, 6, 12));
    // Rows 10 to 15 of the split alone: five of six right before, all after.
    let judged = found.judged.unwrap();
    assert_eq!((judged.before.rows, judged.fixed, judged.broken), (6, 1, 0));
    let text = search.text();
    for told in ["10 validation rows chose, 6 others judged, 12 test rows opened", "  best", "McNemar p 1.000"] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn nothing_better_and_nothing_to_judge() {
    let folder = tempfile::tempdir().unwrap();
    let prepared = prepared(folder.path(), FEW, "budget = 3\nchoose = 24");
    let mut search = Search::new(&prepared, false).unwrap();
    let mut names = Vec::new();
    while let Some(proposal) = search.next() {
        search.take(answers(&prepared, &proposal, 5));
        assert_eq!(search.step(), None);
        names.push(proposal.name);
    }
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(search.text().contains("no prompt that was tried is better"));
    assert!(search.text().contains("test split locked"));
    assert_eq!(search.best_name(), None);
}

#[test]
fn the_most_confident_error_takes_a_demos_place() {
    let folder = tempfile::tempdir().unwrap();
    let prepared = prepared(folder.path(), FEW, SMALL);
    let mut search = Search::new(&prepared, false).unwrap();
    let shown = search.base_demos.clone();
    let train: Vec<usize> =
        prepared.data.split(Split::Train).iter().copied().filter(|row| !shown.contains(row)).take(3).collect();
    loop {
        let proposal = search.next().unwrap();
        if proposal.purpose == "choose" {
            search.take(answers(&prepared, &proposal, 5));
            continue;
        }
        let word = |row: usize| prepared.data.labels()[prepared.data.gold(row).unwrap()].clone();
        let other = |row: usize| if word(row) == "yes" { "no" } else { "yes" };
        let rows =
            train.iter().zip([0.5, 3.0, 1.0]).map(|(row, sure)| prediction(*row, &word(*row), other(*row), sure));
        search.take(Answered { run: PathBuf::from("errors"), rows: rows.collect() });
        break;
    }
    let proposal = search.next().unwrap();
    assert!(proposal.name.contains(&format!("row {} in place of demo", train[1])), "{}", proposal.name);
    assert!(proposal.session.prompt.pinned.contains(&train[1]));
    assert_eq!(proposal.session.prompt.pinned.len(), shown.len());
}

#[test]
fn sessions_that_cannot_be_are_refused() {
    let error = |search: &str| {
        let text = format!("version = 1\n[data]\npath = \"a\"\n[prompt]\ntemplate = \"x\"\n[search]\n{search}\n");
        Session::parse("a.toml", &text, &[]).unwrap_err().to_string()
    };
    assert!(error("budget = 0").contains("`search.budget` must be between 1 and 10000"));
    assert!(error("by = \"f1\"").contains("macro_f1"));
    assert!(error("budgett = 1").contains("did you mean `budget`"));
}
