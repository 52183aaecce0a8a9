//! Runs that are there: compared, exported, renamed, deleted.

use std::fs;
use std::path::Path;

use shotglass::app::{Pane, View};
use shotglass::session::folder::Manifest;

use crate::harness::{Desk, Options};

/// Two finished runs of different prompts, in view 6.
pub fn two(name: &str) -> Desk {
    let mut desk = Desk::open(name);
    desk.press(&["<ctrl-r>", "1", "e", "<ctrl-end>", " please", "<esc>", "<ctrl-s>", "<ctrl-r>", "6"]);
    desk.quiet();
    assert_eq!(desk.app().runs.entries.len(), 2);
    desk.press(&["g"]);
    desk
}

#[test]
fn the_newest_is_first_and_figures_are_there() {
    let mut desk = two("listed");
    let figures: Vec<Option<f64>> =
        desk.app().runs.entries.iter().map(|entry| entry.facts.as_ref().unwrap().accuracy).collect();
    assert_eq!(figures[0], Some(1.0));
    assert!(figures[1] < Some(0.9));
    desk.sees("2 runs");
    desk.sees("1.00");
    // Named by the version of their prompt.
    desk.sees("v1");
    desk.sees("v2");
}

#[test]
fn the_cursor_stands_on_the_run_that_was_made_last() {
    let mut desk = Desk::open("made-last");
    for _ in 0..2 {
        desk.press(&["<ctrl-r>"]);
        desk.press(&["6"]);
        let shown = desk.app().run.as_ref().unwrap().about.path.clone();
        assert_eq!(desk.app().run_entry().unwrap().path, shown, "`e`, `R` and `D` would be about an older run");
    }
}

#[test]
fn a_run_is_exported_where_it_was_started() {
    let mut desk = two("exported");
    let name = desk.app().run_entry().unwrap().path.file_name().unwrap().to_string_lossy().into_owned();
    for (keys, ending, content) in [
        ("mark", "md", "accuracy"),
        ("html", "html", "</html>"),
        ("csv", "csv", "row,split,gold"),
        ("json", "json", "\"manifest\""),
    ] {
        desk.press(&["e", keys, "<enter>"]);
        desk.hears(&format!("{name}.{ending}"));
        let text = fs::read_to_string(Path::new(&format!("{name}.{ending}"))).unwrap();
        assert!(text.contains(content), "{ending}: {}", text.chars().take(600).collect::<String>());
    }
    // A file that is there is not overwritten.
    desk.press(&["e", "csv", "<enter>"]);
    desk.hears("is there already");
}

#[test]
fn a_run_is_renamed_and_named_so_everywhere() {
    let mut desk = two("renamed");
    desk.press(&["R", "<alt-a>", "polite", "<enter>"]);
    desk.hears("the run is renamed");
    assert_eq!(desk.app().run_entry().unwrap().name, "polite");
    let path = desk.app().run_entry().unwrap().path.clone();
    assert_eq!(Manifest::read(&path).unwrap().name.as_deref(), Some("polite"));
    // It is the one in views 2 and 3: they call it so too.
    desk.press(&["2"]);
    desk.focus(Pane::Report);
    desk.quiet();
    desk.sees("polite");
    // Without a name it is called as its folder.
    desk.press(&["6", "R", "<alt-a>", "<backspace>", "<enter>"]);
    assert_eq!(desk.app().run_entry().unwrap().name, path.file_name().unwrap().to_string_lossy());
    desk.press(&["R", "<alt-a>", &"x".repeat(81), "<enter>"]);
    assert!(desk.told().iter().any(|told| told.contains("80 at most")), "{:?}", desk.told());
}

#[test]
fn a_run_is_deleted_with_its_folder() {
    let mut desk = two("deleted");
    let path = desk.app().run_entry().unwrap().path.clone();
    desk.press(&["D"]);
    desk.sees("Delete the run");
    desk.press(&["n"]);
    assert!(path.exists());
    desk.press(&["D", "d"]);
    desk.hears("the run is deleted");
    assert!(!path.exists());
    assert_eq!(desk.app().runs.entries.len(), 1);
    let left = fs::read_dir("deleted/session/runs").unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(left.count(), 1, "something of it is left behind");
}

#[test]
fn a_deleted_run_is_not_shown_any_more() {
    let mut desk = two("deleted-shown");
    assert_eq!(desk.app().run.as_ref().unwrap().about.path, desk.app().run_entry().unwrap().path);
    desk.press(&["D", "d", "2"]);
    assert!(desk.app().run.is_none(), "views 2 and 3 show a run that is not there any more");
}

#[test]
fn an_earlier_run_is_opened_with_its_rows() {
    let mut desk = two("earlier");
    desk.press(&["G", "<enter>"]);
    assert_eq!((desk.app().view, desk.app().pane()), (View::Evaluate, Pane::Matrix));
    let run = desk.app().run.as_ref().unwrap();
    assert_eq!((run.rows.len(), run.report.as_ref().unwrap().accuracy < 0.9), (48, true));
    desk.press(&["<down>", "<enter>", "<enter>"]);
    desk.sees("exact prompt");
    // The prompt is that of the run, not the one that is being written.
    desk.sees("Answer:");
    desk.sees_not("Answer: please");
}

#[test]
fn disagreements_with_the_marked_run_are_listed() {
    let mut desk = two("disagree");
    desk.press(&["G", "<space>", "g", "<enter>", "3", "f", "f", "f", "f", "f"]);
    desk.sees("disagreement");
    let wrong = desk
        .app()
        .runs
        .beside
        .as_ref()
        .unwrap()
        .rows
        .iter()
        .filter(|row| row.gold.as_ref() != Some(&row.predicted))
        .count();
    // The second run is right everywhere: it disagrees just where the first one is wrong.
    assert_eq!(desk.app().rows.listed.len(), wrong);
    assert!(wrong > 5);
}

#[test]
fn a_run_whose_data_has_gone_still_has_its_figures() {
    let mut desk = two("data-gone");
    fs::write("data-gone/rows.csv", "text,stance\nother,1\nmore,0\nyet more,1\nand more,0\nstill,1\n").unwrap();
    desk = desk.reopen(&Options::default());
    desk.press(&["6", "<enter>"]);
    let run = desk.app().run.as_ref().unwrap_or_else(|| panic!("{:?}", desk.told()));
    assert_eq!((run.rows.len(), run.about.prepared.is_some()), (48, false));
    desk.press(&["3", "<enter>"]);
    desk.sees("the data of this run cannot be read any more");
    // Its row numbers are those of other data.
    desk.press(&["x"]);
    assert!(desk.app().marks.is_empty(), "a row of other data was marked: {:?}", desk.told());
}

#[test]
fn a_folder_that_is_no_good_run_is_listed_as_broken() {
    let mut desk = two("broken-run");
    let runs = desk.runs();
    fs::write(runs[0].join("manifest.json"), "{").unwrap();
    desk.press(&["r"]);
    desk.press(&["G"]);
    desk.focus(Pane::Compare);
    desk.sees("EOF while parsing an object");
}

#[test]
fn the_report_is_that_of_the_headless_command() {
    let mut desk = Desk::open("report");
    desk.press(&["<ctrl-r>"]);
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(desk.only_run().join("report.json")).unwrap()).unwrap();
    let shown = desk.app().run.as_ref().unwrap().report.clone().unwrap();
    assert_eq!(report["accuracy"], shown.accuracy);
    assert_eq!(report["macro_f1"], shown.macro_f1);
    assert_eq!(report["rows"], 48);
    desk.focus(Pane::Report);
    desk.sees(&format!("accuracy {:.3}", shown.accuracy));
}
