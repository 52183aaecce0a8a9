//! The review of gold labels, and the baseline beside a report.

use std::fs;

use shotglass::app::Pane;
use shotglass::app::sift::Show;
use shotglass::session::overlay::Verdict;

use super::calibrate::run;
use crate::harness::{Desk, Options, rows};

#[test]
fn rows_come_up_and_what_is_said_is_kept() {
    // Thirty texts come once more with the other label.
    let rows = rows();
    let again: String = rows
        .lines()
        .skip(40)
        .take(30)
        .map(|line| {
            let (text, label) = line.rsplit_once(',').unwrap();
            format!("{text}!,{}\n", if label == "1" { 0 } else { 1 })
        })
        .collect();
    let mut desk = Desk::with("reviewed", Options { data: rows + &again, ..Options::default() });
    desk.press(&["<ctrl-r>"]);
    desk.quiet();
    desk.press(&["3", "a"]);
    desk.until("the rows are looked through", |app| app.rows.audit.is_some());
    desk.settle();
    assert_eq!(desk.app().rows.filter.show, Show::Suspects);
    let all = desk.app().rows.listed.len();
    assert!(all > 3, "{all}");
    desk.sees("to review");
    desk.sees("nearly this text");
    let row = |desk: &Desk| desk.app().table_row().unwrap().row;
    let (mut rows, verdicts) =
        (Vec::new(), [("w", Verdict::GoldWrong), ("r", Verdict::GoldRight), ("x", Verdict::Doubtful)]);
    for (key, verdict) in verdicts {
        rows.push(row(&desk));
        desk.press(&[key]);
        desk.settle();
        let mark = desk.app().marks[rows.last().unwrap()].clone();
        assert_eq!((mark.verdict, mark.doubtful), (Some(verdict), verdict != Verdict::GoldRight));
    }
    // Each was another row, and the queue is shorter by them.
    rows.push(row(&desk));
    rows.sort_unstable();
    rows.dedup();
    assert_eq!((rows.len(), desk.app().rows.listed.len()), (4, all - 3));
    desk.press(&["<space>", "u", "u"]);
    desk.settle();
    assert_eq!(desk.app().rows.listed.len(), all - 2);
    let kept = fs::read_to_string("reviewed/session/overlay.jsonl").unwrap();
    assert!(kept.contains("\"verdict\":\"gold-wrong\"") && kept.contains("\"why\":\""), "{kept}");
    // Without the review the same keys say what they say, one row at a time.
    desk.press(&["<esc>"]);
    desk.settle();
    assert_eq!(desk.app().rows.filter.show, Show::All);
    desk.press(&["r"]);
    desk.hears("gold-right");
}

#[test]
fn a_run_that_loses_to_logistic_regression_is_seen_to_lose() {
    let mut desk = run("beside-baseline");
    desk.until("baselines are there", |app| app.evaluate.baselines.found.is_some());
    let app = desk.app();
    assert_eq!(app.evaluate.baselines.of, app.run.as_ref().unwrap().about.path);
    desk.focus(Pane::Report);
    desk.sees("TF-IDF + ");
    desk.sees("macro-F1");
}
