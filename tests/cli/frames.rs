//! Measuring frames, and pictures of the workbench.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::home::Home;

/// A home with a folder for temporary files of its own.
fn home() -> Home {
    let home = Home::with_session();
    fs::create_dir(home.path().join("tmp")).unwrap();
    home
}

fn temporary(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.path().join("tmp")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_picture_shows_what_keys_have_done() {
    let home = home();
    let keys = "wait e \"Hello \" ctrl-r wait";
    let take = |name: &str, more: &[&str]| {
        let arguments = ["picture", "session.toml", "-o", name, "--keys"];
        let mut process = home.process();
        process.env("TMPDIR", home.path().join("tmp")).args(arguments).args(more);
        let output = process.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(home.path().join(name)).unwrap()
    };
    let before = home.files();
    let picture = take("a.svg", &[keys, "--size", "100x30"]);
    assert!(picture.starts_with("<svg") && picture.contains("Confusion"), "{picture}");
    // What ran and was typed is gone with the copy.
    let after: Vec<_> = home.files().into_iter().filter(|path| !before.contains(path)).collect();
    assert_eq!(after, [home.path().join("a.svg")]);
    assert!(temporary(&home).is_empty(), "{:?}", temporary(&home));
    assert!(!home.path().join("state/shotglass/recovery").exists());
    // Memory and speed are left out where nothing has run.
    let plain = ["", "--ascii", "--size", "80x24"];
    assert_eq!(take("b.svg", &plain), take("c.svg", &plain));
}

#[test]
fn a_picture_that_cannot_be_taken_says_why() {
    let home = home();
    let error = |more: &[&str]| home.error(&[&["picture", "session.toml", "-o", "a.svg"], more].concat());
    assert!(error(&["--keys", "tba"]).contains("unknown key `tba`"));
    assert!(error(&["--theme", "pink"]).contains("terminal, dark, light, contrast"));
    assert!(error(&["--keys", "wait", "--set", "model.source=./none"]).contains("./none"));
    assert!(error(&["--set", "data.path=none.csv", "--keys", "wait"]).contains("none.csv"));
}

#[cfg(unix)]
#[test]
fn measuring_frames_is_stopped_by_a_signal_and_leaves_nothing() {
    let home = home();
    let mut process = home.process();
    process.env("TMPDIR", home.path().join("tmp")).args(["bench", "ui", "session.toml"]);
    let mut child = process.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let told = BufReader::new(child.stderr.take().unwrap());
    let mut lines = told.lines().map(Result::unwrap);
    // The workbench runs, and is typed at.
    assert!(lines.any(|line| line.contains("typing while the engine is busy")));
    assert_eq!(temporary(&home).len(), 1);
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let since = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "it does not stop");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(130));
    assert!(temporary(&home).is_empty(), "{:?}", temporary(&home));
    assert!(lines.any(|line| line.contains("cancelled")));
}

#[test]
fn measuring_says_at_once_what_is_wrong() {
    let home = home();
    assert!(home.error(&["bench", "ui", "none.toml"]).contains("none.toml: no such session file"));
    assert!(home.error(&["bench", "ui", "session.toml", "--set", "data.path=none.csv"]).contains("none.csv"));
    assert!(home.error(&["bench", "ui", "--format", "md"]).contains("`bench` writes text or json"));
}
