//! Two runs beside each other in view 6: the figures of `shotglass compare`, and the rows behind them.

use std::fs;
use std::path::Path;

use shotglass::app::{Pane, View};
use shotglass::session::comparison::Outcome;

use super::kinds::unlabelled;
use super::runs::two;
use crate::harness::{Desk, LARGE, Options};

/// The older of two runs marked, the newer one under the cursor, the comparison in focus.
fn compared(name: &str) -> Desk {
    let mut desk = two(name);
    beside(&mut desk);
    desk
}

fn beside(desk: &mut Desk) {
    desk.press(&["6", "G", "<space>", "g"]);
    desk.focus(Pane::Compare);
    desk.quiet();
}

#[test]
fn the_figures_are_there_and_each_opens_its_rows() {
    let mut desk = compared("contrast");
    let contrast = desk.app().runs.contrast.contrast().unwrap().clone();
    let of = &contrast.compared;
    assert_eq!((of.rows, of.broken, of.both_wrong), (48, Some(0), Some(0)));
    assert!(of.fixed > Some(5) && of.ci95.is_some() && of.macro_f1_ci95.is_some());
    for words in ["fixed", "wrong in A, right in B", "McNemar", "B - A, 95% CI", "majority", "kappa", "alpha"] {
        desk.sees(words);
    }
    desk.sees("from A's prompt to B's");
    for outcome in Outcome::JUDGED {
        desk.press(&["<enter>"]);
        assert_eq!((desk.app().view, desk.app().rows.filter.outcome), (View::Rows, Some(*outcome)));
        assert_eq!(desk.app().rows.listed.len() as u64, of.count(*outcome), "{outcome:?}");
        desk.sees(outcome.meaning());
        desk.press(&["6", "<down>"]);
    }
    // What the other run answered stands beside the row.
    desk.press(&["g", "<enter>", "<enter>"]);
    desk.sees("A (v1) answered support");
}

#[test]
fn it_is_what_the_headless_command_prints() {
    let mut desk = compared("contrast-export");
    let [a, b] = [1, 0].map(|place| desk.app().runs.entries[place].path.clone());
    desk.press(&["y"]);
    let copied = desk.left.iter().find_map(|left| left.strip_prefix("copy ")).map(str::to_owned).unwrap();
    assert!(copied.starts_with(&format!("a  {}  (Stance of harbour posts)\n", a.display())), "{copied}");
    assert!(copied.contains("(a wrong, b right)") && copied.contains("95% CI"), "{copied}");
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    for ending in ["txt", "json"] {
        desk.press(&["e", if ending == "txt" { "text" } else { "json" }, "<enter>"]);
        let file = desk.folder.join(format!("session/compare-{}-{}.{ending}", name(&a), name(&b)));
        desk.hears("written to");
        let text = fs::read_to_string(&file).unwrap();
        match ending {
            "txt" => assert_eq!(text, copied),
            _ => assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["resamples"], 2000),
        }
        // One that is there stays as it is.
        fs::write(&file, "mine").unwrap();
        desk.press(&["e", if ending == "txt" { "text" } else { "json" }, "<enter>"]);
        desk.hears("is there already");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }
}

#[test]
fn without_gold_labels_agreement_alone_is_told() {
    let mut desk = Desk::with("contrast-unlabelled", unlabelled(LARGE));
    desk.press(&["<ctrl-r>", "1", "e", "<ctrl-end>", " please", "<esc>", "<ctrl-r>"]);
    beside(&mut desk);
    desk.sees("no row has a gold label: agreement alone is told");
    desk.sees_not("McNemar");
    let of = desk.app().runs.contrast.contrast().unwrap().compared.clone();
    for outcome in Outcome::UNJUDGED {
        desk.press(&["<enter>"]);
        assert_eq!(desk.app().rows.listed.len() as u64, of.count(*outcome), "{outcome:?}");
        desk.press(&["6", "<down>"]);
    }
    assert_eq!(of.count(Outcome::Alike) + of.count(Outcome::Differs), of.rows as u64);
}

#[test]
fn what_cannot_be_compared_says_why() {
    let mut desk = Desk::open("contrast-apart");
    desk.press(&["<ctrl-r>", "2", "S", "train", "<enter>", "<ctrl-r>"]);
    beside(&mut desk);
    desk.sees("A and B have no row in common");
    desk.sees_not("wrong in A, right in B");
}

#[test]
fn other_data_other_gold_and_other_rows_are_said() {
    let mut desk = Desk::open("contrast-data");
    desk.press(&["<ctrl-r>", "2", "L", "40", "<enter>", "<ctrl-r>"]);
    beside(&mut desk);
    desk.sees("40 rows are in both and are compared; 8 are in A alone, 0 in B alone");
    let a = desk.app().runs.marked.clone().unwrap();
    let change = |file: &str, from: &str, to: &str| {
        let path = a.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    let sha = desk.app().prepared().unwrap().data.sha256().to_owned();
    change("manifest.json", &sha, &"0".repeat(64));
    desk = desk.reopen(&Options::default());
    beside(&mut desk);
    // Two runs of one prompt: this is said too, though it is also the one in view 1.
    desk.sees("the same prompt");
    desk.sees("A and B are of different data");
    change("predictions.csv", "validation,support", "validation,oppose");
    desk = desk.reopen(&Options::default());
    beside(&mut desk);
    desk.sees("the gold label is \"oppose\" in A and \"support\" in B");
}

#[test]
fn a_classifier_has_no_prompt_to_compare() {
    let mut desk = two("contrast-alone");
    let path = desk.app().runs.entries[0].path.join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["model"]["classifier"] = true.into();
    fs::write(&path, manifest.to_string()).unwrap();
    desk = desk.reopen(&Options::default());
    beside(&mut desk);
    desk.sees("B reads the text alone: it has no prompt");
    desk.sees_not("[+ please+]");
    desk.press(&["y"]);
    assert!(desk.left.iter().any(|left| left.contains("b reads the text alone")), "{:?}", desk.left);
}
