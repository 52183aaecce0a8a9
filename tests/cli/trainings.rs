//! Trainings as a user runs them, on the small random BERT: killed and resumed, stopped, and their results put to use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use serde_json::Value;

use super::home::{Home, session};

const BERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/tiny-bert");

/// A home with rows whose words tell the label, and a session that learns from them.
fn home(rows: usize) -> Home {
    let home = Home::new();
    let (good, bad) = (["proud", "lantern", "song"], ["waste", "blocked", "noise"]);
    let common = ["ferry", "council", "harbour", "march", "quay", "night", "seven"];
    let mut text = "text,stance\n".to_owned();
    for row in 0..rows {
        let own = if row % 3 == 0 { bad } else { good };
        let words: Vec<&str> = (0..row % 9 + 2).map(|place| common[(row * 5 + place * 3) % 7]).collect();
        text += &format!("\"{} {} {row}\",{}\n", words.join(" "), own[row / 3 % 3], usize::from(row % 3 != 0));
    }
    home.write("rows.csv", &text);
    let train = format!(
        "\n[train]\nmodel = \"{BERT}\"\nepochs = 3\nbatch_size = 8\nmax_length = 48\nlearning_rate = 2e-3\nlogging_steps = 5\n\
         save_steps = 60\n"
    );
    home.write("session.toml", &(session("") + &train));
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

/// What a training left, but for names and times.
fn left(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let files = ["metrics.csv", "evaluation.csv", "predictions.csv", "best/model.safetensors", "best/config.json"];
    files.map(|file| (file, fs::read(folder.join(file)).unwrap())).to_vec()
}

#[test]
fn killed_at_ten_moments_and_resumed() {
    let unbroken = home(3000);
    let started = Instant::now();
    assert!(start(&unbroken, &["train", "session.toml"]).wait().unwrap().success());
    let length = started.elapsed();
    let expected = left(&folder(&unbroken).unwrap());

    let mut random = 0x5eed_u64;
    let (mut kills, mut amidst) = (0, 0);
    while kills < 10 {
        let home = home(3000);
        loop {
            let run = folder(&home).map(|run| run.to_str().unwrap().to_owned());
            let arguments = match &run {
                Some(run) => vec!["train", "--resume", run],
                None => vec!["train", "session.toml"],
            };
            let mut child = start(&home, &arguments);
            if kills < 10 {
                // A linear congruential generator: its upper bits are random enough.
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                sleep(length.mul_f64((random >> 33) as f64 / (1_u64 << 31) as f64));
                child.kill().unwrap();
                kills += 1;
            }
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                break;
            }
            let checkpoints = folder(&home).map(|run| run.join("checkpoints"));
            amidst += usize::from(checkpoints.is_some_and(|path| path.exists()));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code().is_none(), "after {kills} kills: {said}");
        }
        let run = folder(&home).unwrap();
        for ((file, got), (_, want)) in left(&run).into_iter().zip(&expected) {
            assert!(got == *want, "{file} differs after {kills} kills");
        }
        let hidden = |path: &Path| {
            let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            entries.filter(|name| name.starts_with('.')).collect::<Vec<_>>()
        };
        assert!(hidden(&run).is_empty() && hidden(&run.join("checkpoints")).is_empty(), "something is left");
    }
    println!("{kills} kills, {amidst} of them after the first checkpoint, of a training of {length:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_a_checkpoint() {
    let unbroken = home(2000);
    assert!(start(&unbroken, &["train", "session.toml"]).wait().unwrap().success());
    let home = home(2000);
    let mut child = start(&home, &["train", "session.toml"]);
    while !folder(&home).is_some_and(|run| run.join("checkpoints").exists()) {
        assert!(child.try_wait().unwrap().is_none(), "the training ended too early: make it longer");
        sleep(std::time::Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.lines().last().unwrap().contains("shotglass train --resume "), "{stderr}");
    let run = folder(&home).unwrap();
    assert!(start(&home, &["train", "--resume", run.to_str().unwrap()]).wait().unwrap().success());
    assert_eq!(left(&run), left(&folder(&unbroken).unwrap()));
}

#[test]
fn the_best_weights_classify_like_any_model() {
    let home = home(2000);
    let trained = home.json(&["train", "session.toml", "--threads", "2"]);
    assert_eq!(trained["epochs"].as_array().unwrap().len(), 3);
    assert!(trained["accuracy"].as_f64().unwrap() > 0.9, "{trained}");
    for key in ["epoch", "train_loss", "eval_loss", "accuracy", "precision", "recall", "f1"] {
        assert!(trained["epochs"][0][key].is_number(), "{key}: {trained}");
    }
    let run = folder(&home).unwrap();
    let best = run.join("best");
    let source = format!("model.source={}", best.display());
    let classified =
        home.json(&["run", "session.toml", "--split", "test", "--set", &source, "--threads", "2", "--out", "others"]);
    for key in ["rows", "accuracy", "macro_f1", "classes", "confusion"] {
        assert_eq!(classified[key], trained[key], "{key}");
    }
    let report: Value = home.json(&["report", run.to_str().unwrap()]);
    assert_eq!(report["accuracy"], trained["accuracy"]);
    // What is no classifier's business is said so.
    let output = home.run(&["generate", "-m", best.to_str().unwrap(), "a text"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("continues no text"), "{output:?}");
    let shown = home.stdout(&["models", "show", best.to_str().unwrap()]);
    assert!(shown.contains("tells apart"), "{shown}");
}
