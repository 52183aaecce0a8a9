//! Runs made by hand: a manifest, predictions, a report.

use std::fs;

use super::*;
use crate::data::Split;
use crate::metrics::{Confusion, Report};
use crate::session::Session;
use crate::session::export::Format;
use crate::session::folder::{self, DataRecord, Leg, ModelRecord, PromptRecord, Seeds};
use crate::session::predictions::{Prediction, Writer};

fn manifest(started: &str) -> Manifest {
    let text = "version = 1\n[data]\npath = \"a\"\n[prompt]\ntemplate = \"a\"\nshots = 2\n";
    Manifest {
        version: "0".into(),
        platform: "none".into(),
        name: None,
        status: Status::Finished,
        error: None,
        started: started.into(),
        changed: started.into(),
        file: "a.toml".into(),
        session: Session::parse("a.toml", text, &[]).unwrap(),
        split: Split::Test,
        limit: Some(9),
        rows: 2,
        labels: vec!["yes".into(), "no".into()],
        seeds: Seeds { data: 1, prompt: 2, decode: 3 },
        data: DataRecord { path: "a".into(), sha256: "aa".into(), rows: 9 },
        prompt: PromptRecord { template_sha256: "ff".into(), demos: vec![], duplicates: 0 },
        model: ModelRecord {
            name: "tiny".into(),
            origin: "here".into(),
            sha256: "bb".into(),
            device: "cpu".into(),
            dtype: "f32".into(),
            threads: 1,
            classifier: false,
            scoring: None,
        },
        legs: vec![Leg { started: started.into(), seconds: 1.5, rows: 2 }],
        stats: None,
        training: None,
        tried: None,
    }
}

fn columns() -> Columns {
    Columns { labels: vec!["yes".into(), "no".into()], extra: vec![] }
}

fn run(runs: &Path, name: &str, manifest: &Manifest) -> PathBuf {
    let path = runs.join(name);
    fs::create_dir_all(&path).unwrap();
    manifest.write(&path).unwrap();
    let (mut writer, _) = Writer::open(&path.join(PREDICTIONS), columns()).unwrap();
    let prediction = |row| Prediction {
        row,
        split: Split::Test,
        gold: Some("yes".into()),
        predicted: if row == 0 { "yes" } else { "no" }.into(),
        answer: String::new(),
        margin: Some(1.0),
        logprobs: vec![Some(-1.0), Some(-2.0)],
        extra: vec![],
    };
    writer.append(&[prediction(0), prediction(1)]).unwrap();
    if manifest.status == Status::Finished {
        let report = Some(Report::new(Confusion::of([("yes", "yes"), ("yes", "no")])));
        let summary =
            Summary { run: name.into(), rows: 2, seconds: Some(1.5), cached_rows: None, report, simulation: None };
        folder::write_json(&path.join(REPORT), &summary).unwrap();
    }
    path
}

#[test]
fn runs_are_listed_newest_first_with_their_figures() {
    let home = tempfile::tempdir().unwrap();
    let runs = home.path().join("mine/runs");
    let named = Manifest { name: Some("Best yet".into()), ..manifest("2025-01-02T00:00:00Z") };
    run(&runs, "20250102-000000-aaaa", &named);
    run(&runs, "20250103-000000-aaaa", &Manifest { status: Status::Failed, ..manifest("2025-01-03T00:00:00Z") });
    let other = home.path().join("other/runs");
    run(&other, "20250104-000000-aaaa", &Manifest { status: Status::Running, ..manifest("2025-01-04T00:00:00Z") });
    fs::create_dir_all(runs.join("20250101-000000-aaaa")).unwrap();
    let torn = run(&runs, "20241231-000000-aaaa", &manifest("2024-12-31T00:00:00Z"));
    let whole = fs::read(torn.join(MANIFEST)).unwrap();
    fs::write(torn.join(MANIFEST), &whole[..whole.len() / 2]).unwrap();
    run(&runs, ".new-1234", &manifest("2025-01-09T00:00:00Z"));
    fs::write(runs.join("notes.txt"), "").unwrap();

    // The session is the one that was run; of a folder that cannot be read, the one that it lies beside.
    let list = list(&[runs.clone(), other, home.path().join("none/runs")]);
    let shown: Vec<_> = list.iter().map(|run| (run.session.as_str(), run.name.as_str(), run.facts.is_ok())).collect();
    assert_eq!(
        shown,
        [
            ("a", "20250104-000000-aaaa", true),
            ("a", "20250103-000000-aaaa", true),
            ("a", "Best yet", true),
            ("mine", "20250101-000000-aaaa", false),
            ("mine", "20241231-000000-aaaa", false),
        ]
    );
    let facts = |at: usize| list[at].facts.clone().unwrap();
    assert_eq!((facts(0).status, facts(0).live, facts(0).accuracy), (Status::Running, false, None));
    let best = facts(2);
    assert_eq!((best.accuracy, best.majority_accuracy, best.model.as_str()), (Some(0.5), Some(1.0), "tiny"));
    assert_eq!((best.macro_f1, best.rows, best.done, best.shots), (Some(1.0 / 3.0), 2, 2, 2));
    assert!(list[3].facts.as_ref().unwrap_err().contains("no run is there"));
    assert!(list[4].facts.as_ref().unwrap_err().contains(MANIFEST));
}

#[test]
fn a_run_that_is_being_written_is_live_and_stays() {
    let home = tempfile::tempdir().unwrap();
    let runs = home.path().join("mine/runs");
    let path = run(&runs, "a", &Manifest { status: Status::Running, ..manifest("2025-01-04T00:00:00Z") });
    let live = || list(std::slice::from_ref(&runs))[0].facts.clone().unwrap().live;
    let writer = Writer::open(&path.join(PREDICTIONS), columns()).unwrap();
    assert!(live());
    let error = delete(&path).unwrap_err();
    assert!(matches!(error, ChangeError::Busy { .. }), "{error}");
    assert!(path.join(MANIFEST).is_file());
    drop(writer);
    assert!(!live());
    delete(&path).unwrap();
    assert_eq!(fs::read_dir(&runs).unwrap().count(), 0);
}

#[test]
fn only_runs_are_deleted() {
    let home = tempfile::tempdir().unwrap();
    let path = run(home.path(), "a", &manifest("2025-01-04T00:00:00Z"));
    let folder = home.path().join("b");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("mine.txt"), "").unwrap();
    for other in [folder.as_path(), &home.path().join("none"), &path.join(MANIFEST), Path::new("/")] {
        assert!(matches!(delete(other), Err(ChangeError::Folder(FolderError::NoRun { .. }))), "{}", other.display());
    }
    assert!(folder.join("mine.txt").is_file());
    #[cfg(unix)]
    {
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(delete(&link).is_err() && path.join(MANIFEST).is_file());
    }
    // What a kill left of another is taken along; it was never listed.
    run(home.path(), ".deleted-x", &manifest("2025-01-04T00:00:00Z"));
    assert!(!list(&[home.path().to_owned()]).iter().any(|run| run.path.ends_with(".deleted-x")));
    delete(&path).unwrap();
    assert!(!path.exists() && !home.path().join(".deleted-x").exists() && folder.exists());
}

#[test]
fn names_come_and_go_and_nothing_else_changes() {
    let home = tempfile::tempdir().unwrap();
    let path = run(home.path(), "a", &manifest("2025-01-04T00:00:00Z"));
    rename(&path, "  First – 日本 ").unwrap();
    let named = Manifest { name: Some("First – 日本".into()), ..manifest("2025-01-04T00:00:00Z") };
    assert_eq!(Manifest::read(&path).unwrap(), named);
    for name in ["x".repeat(81), "a\nb".into(), "\u{1b}[31m".into(), "a\u{202e}b".into()] {
        assert!(matches!(rename(&path, &name), Err(ChangeError::Name { .. })), "{name}");
    }
    assert_eq!(Manifest::read(&path).unwrap(), named);
    // A manifest of another version keeps what this one does not know.
    let text = fs::read_to_string(path.join(MANIFEST)).unwrap().replacen('{', "{\n  \"later\": [1],", 1);
    fs::write(path.join(MANIFEST), text).unwrap();
    rename(&path, "").unwrap();
    assert_eq!(Manifest::read(&path).unwrap().name, None);
    assert!(fs::read_to_string(path.join(MANIFEST)).unwrap().contains("\"later\""));
    assert!(matches!(rename(home.path(), "a"), Err(ChangeError::Folder(FolderError::NoRun { .. }))));
    fs::write(path.join(MANIFEST), "{").unwrap();
    assert!(matches!(rename(&path, "a"), Err(ChangeError::Folder(FolderError::Read { .. }))));
}

#[test]
fn a_run_is_read_whole_wherever_it_was_cut() {
    let home = tempfile::tempdir().unwrap();
    let path = run(home.path(), "a", &manifest("2025-01-04T00:00:00Z"));
    let loaded = load(&path).unwrap();
    assert_eq!((loaded.predictions.rows.len(), loaded.summary.unwrap().report.unwrap().accuracy), (2, 0.5));
    let table = path.join(PREDICTIONS);
    let whole = fs::read(&table).unwrap();
    for end in 0..whole.len() {
        fs::write(&table, &whole[..end]).unwrap();
        assert!(load(&path).unwrap().predictions.rows.len() < 2, "{end}");
    }
    fs::remove_file(&table).unwrap();
    fs::remove_file(path.join(REPORT)).unwrap();
    let loaded = load(&path).unwrap();
    assert_eq!((loaded.predictions.columns, loaded.predictions.rows.len()), (columns(), 0));
    assert!(loaded.summary.is_none());
    fs::write(path.join(REPORT), "{").unwrap();
    assert!(load(&path).unwrap_err().to_string().contains(REPORT));
    assert!(matches!(load(home.path()), Err(LoadError::Folder(FolderError::NoRun { .. }))));
}

#[test]
fn exports_overwrite_nothing() {
    let home = tempfile::tempdir().unwrap();
    let path = run(home.path(), "a", &manifest("2025-01-04T00:00:00Z"));
    let target = home.path().join("out.csv");
    export_to(&path, Format::Csv, &target).unwrap();
    assert_eq!(fs::read(&target).unwrap(), fs::read(path.join(PREDICTIONS)).unwrap());
    let error = export_to(&path, Format::Json, &target).unwrap_err();
    assert!(matches!(error, ChangeError::Exists { .. }) && error.to_string().contains("out.csv"), "{error}");
    let none = home.path().join("none/out.md");
    assert!(matches!(export_to(&path, Format::Md, &none), Err(ChangeError::Write { .. })));
    assert!(matches!(export_to(home.path(), Format::Md, &home.path().join("b")), Err(ChangeError::Export(_))));
    let mut left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["a", "out.csv"]);
}

#[test]
fn folders_of_a_session_and_its_neighbours() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("mine.toml");
    fs::write(&path, "").unwrap();
    for folder in ["mine/runs", "other/runs", "third"] {
        fs::create_dir_all(home.path().join(folder)).unwrap();
    }
    let file = SessionFile::find(path.to_str().unwrap()).unwrap();
    let folders = folders(&file);
    let own: Vec<_> = folders.iter().filter_map(|folder| folder.strip_prefix(home.path()).ok()).collect();
    assert_eq!(own, [Path::new("mine/runs"), Path::new("other/runs")]);
}

#[test]
fn five_hundred_runs_are_listed_at_once() {
    let home = tempfile::tempdir().unwrap();
    for at in 0..500 {
        run(home.path(), &format!("20250101-{at:06}-aaaa"), &manifest("2025-01-04T00:00:00Z"));
    }
    let begin = std::time::Instant::now();
    let list = list(&[home.path().to_owned()]);
    let took = begin.elapsed();
    assert!(list.len() == 500 && list.iter().all(|run| run.facts.is_ok()));
    // A tenth of that when the machine has nothing else to do.
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
}
