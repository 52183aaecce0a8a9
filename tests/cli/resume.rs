//! Runs that are stopped or killed go on, and end as they would have ended unbroken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::home::{Home, session};

/// A home with a run long enough to be stopped in the middle.
fn long_home(rows: usize) -> Home {
    let home = Home::new();
    let words = ["ferry", "lantern", "council", "harbour", "march", "quay", "horn", "night", "seven", "pelican"];
    let mut text = "text,stance\n".to_owned();
    for row in 0..rows {
        let tweet: Vec<&str> = (0..row % 9 + 2).map(|place| words[(row * 7 + place * 3 + row / 10) % 10]).collect();
        text += &format!("\"{} {row}, they said\",{}\n", tweet.join(" "), row % 3 % 2);
    }
    home.write("rows.csv", &text);
    home.write(
        "session.toml",
        &session("").replace("train = 0.5, validation = 0.25", "train = 0.1, validation = 0.65"),
    );
    home
}

fn start(home: &Home, arguments: &[&str]) -> Child {
    let mut command = home.process();
    command.args(arguments).args(["--threads", "2"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The run's folder, once it is there.
fn folder(home: &Home) -> Option<PathBuf> {
    let entries = fs::read_dir(home.path().join("session/runs")).ok()?;
    let mut runs = entries.map(|entry| entry.unwrap().path());
    runs.find(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'))
}

/// What a run left, but for names and times.
fn left(folder: &Path) -> (String, Value) {
    let mut report: Value = serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap();
    for field in ["run", "seconds"] {
        report.as_object_mut().unwrap().remove(field).unwrap();
    }
    (fs::read_to_string(folder.join("predictions.csv")).unwrap(), report)
}

fn wait_for_rows(home: &Home, child: &mut Child, rows: usize) -> PathBuf {
    loop {
        let run = folder(home);
        let predictions = run.as_ref().and_then(|run| fs::read_to_string(run.join("predictions.csv")).ok());
        if predictions.is_some_and(|text| text.lines().count() > rows) {
            return run.unwrap();
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended too early: make it longer");
        sleep(Duration::from_millis(2));
    }
}

#[test]
fn killed_twenty_times_and_resumed() {
    const ROWS: usize = 3000;
    let started = Instant::now();
    let unbroken = long_home(ROWS);
    assert!(start(&unbroken, &["run", "session.toml"]).wait().unwrap().success());
    let length = started.elapsed();
    let expected = left(&folder(&unbroken).unwrap());
    assert_eq!(expected.0.lines().count(), ROWS * 65 / 100 + 1);

    let mut random = 0x5eed_u64;
    let (mut kills, mut amidst) = (0, 0);
    while kills < 20 {
        let home = long_home(ROWS);
        loop {
            let run = folder(&home).map(|run| run.to_str().unwrap().to_owned());
            let arguments = match &run {
                Some(run) => vec!["run", "--resume", run],
                None => vec!["run", "session.toml"],
            };
            let mut child = start(&home, &arguments);
            if kills < 20 {
                // A linear congruential generator: its upper bits are random enough.
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                sleep(length.mul_f64((random >> 33) as f64 / (1_u64 << 31) as f64));
                child.kill().unwrap();
                kills += 1;
            }
            let status = child.wait().unwrap();
            let rows = folder(&home)
                .and_then(|run| fs::read_to_string(run.join("predictions.csv")).ok())
                .map_or(0, |text| text.lines().count().saturating_sub(1));
            if status.success() {
                break;
            }
            amidst += usize::from(rows > 0 && rows < expected.0.lines().count() - 1);
            assert_ne!(status.code(), Some(2), "after {kills} kills");
        }
        assert_eq!(left(&folder(&home).unwrap()), expected, "after {kills} kills");
        assert_eq!(fs::read_dir(folder(&home).unwrap()).unwrap().count(), 3, "nothing else is left");
    }
    println!("{kills} kills, {amidst} of them amidst the rows, of a run of {length:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_answered() {
    let unbroken = long_home(3000);
    assert!(start(&unbroken, &["run", "session.toml"]).wait().unwrap().success());
    for signal in ["-INT", "-TERM"] {
        let home = long_home(3000);
        let mut child = start(&home, &["run", "session.toml"]);
        let run = wait_for_rows(&home, &mut child, 1);
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        let hint = stderr.lines().last().unwrap();
        assert!(hint.starts_with("cancelled; ") && hint.contains("shotglass run --resume "), "{stderr}");
        let manifest: Value = serde_json::from_slice(&fs::read(run.join("manifest.json")).unwrap()).unwrap();
        assert_eq!(manifest["status"], "cancelled");

        // The folder may be said relative to where the program runs.
        let relative = run.strip_prefix(home.path()).unwrap().to_str().unwrap();
        let mut again = start(&home, &["run", "session.toml", "--resume", relative]);
        assert!(again.wait().unwrap().success());
        assert_eq!(left(&run), left(&folder(&unbroken).unwrap()));
        let report = home.json(&["run", "--resume", relative]);
        assert_eq!((&report["rows"], &report["run"]), (&1950.into(), &relative.into()));
    }
}

#[test]
fn two_programs_do_not_write_to_one_run() {
    let home = long_home(3000);
    let mut child = start(&home, &["run", "session.toml"]);
    let run = wait_for_rows(&home, &mut child, 1);
    // Else it might be through before the other one has read everything.
    assert!(Command::new("kill").args(["-STOP", &child.id().to_string()]).status().unwrap().success());
    let error = home.error(&["run", "--threads", "2", "--resume", run.to_str().unwrap()]);
    assert!(error.contains("another run is writing"), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn only_the_same_run_goes_on() {
    let home = long_home(3000);
    let mut child = start(&home, &["run", "session.toml", "--limit", "1900", "--set", "data.seed=7"]);
    let run = wait_for_rows(&home, &mut child, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let run = run.to_str().unwrap();
    let resume = ["run", "session.toml", "--threads", "2", "--resume", run];
    let with = |more: &[&str]| home.error(&[&resume[..], more].concat());
    assert!(with(&[]).ends_with("`data.seed` was 7 and is 42"));
    assert!(with(&["--set", "data.seed=7", "--limit", "5"]).ends_with("the limit was 1900 and is 5"));
    assert!(
        with(&["--set", "data.seed=7", "--split", "test"]).ends_with("the split was \"validation\" and is \"test\"")
    );
    let template = with(&["--set", "data.seed=7", "--set", "prompt.template={{ text }}!"]);
    assert!(template.contains("`prompt.template` was "), "{template}");
    assert!(home.error(&["run", "--resume", run, "--set", "data.seed=7"]).contains("--set needs the session file"));

    let rows = fs::read_to_string(home.path().join("rows.csv")).unwrap();
    home.write("rows.csv", &rows.replacen("ferry", "fairy", 1));
    assert!(with(&["--set", "data.seed=7"]).contains("the data's SHA-256 was "));
    home.write("rows.csv", &rows);
    assert_eq!(home.json(&[&resume[..], &["--set", "data.seed=7"]].concat())["rows"], 1900);
}

#[test]
fn rows_that_a_finished_run_has_lost_are_told_and_asked_again() {
    let home = long_home(60);
    home.stdout(&["run", "session.toml"]);
    let run = folder(&home).unwrap();
    let (whole, report) = left(&run);
    let kept: String = whole.split_inclusive('\n').take(12).collect();
    fs::write(run.join("predictions.csv"), &kept).unwrap();
    let path = run.to_str().unwrap();
    let gone = "rows of the finished run are gone: 11 of 39 are there";
    for command in
        [&["report", path][..], &["calibrate", path, "--method", "batch"], &["export", path], &["compare", path, path]]
    {
        let stderr = String::from_utf8(home.run(command).stderr).unwrap();
        assert!(stderr.contains(gone), "{command:?}: {stderr}");
    }
    let page = home.stdout(&["export", path, "--format", "md"]);
    assert!(page.contains("**Rows of the finished run are gone: "), "{page}");
    assert!(page.contains("11 of the 39 rows of the validation split"), "{page}");
    home.stdout(&["run", "--resume", path]);
    assert_eq!(left(&run), (whole, report));

    // What is broken beside the rows is told, or done without.
    fs::write(run.join("calibration.json"), "{").unwrap();
    let error = home.error(&["calibrate", path]);
    assert!(error.contains("calibration.json") && error.contains("delete the file"), "{error}");
    fs::write(run.join("report.json"), "{\n").unwrap();
    assert!(home.stdout(&["export", path, "--format", "md"]).contains("## Results"));
}
