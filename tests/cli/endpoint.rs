//! Runs at a server: what is written of them, how they go on, and that the key is nowhere.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;

use super::home::Home;

#[path = "../../src/engine/remote/tests/fixture.rs"]
mod fixture;

use fixture::{Kind, Reply, Server, healthy};

const KEY: &str = "hunter2";

/// A server that is well, or else answers four requests for rows and refuses the others.
fn start(is_well: &Arc<AtomicBool>, kind: Kind) -> Server {
    let (well, asked) = (Arc::clone(is_well), AtomicUsize::new(0));
    Server::start(move |request| {
        let is_row =
            ["The capital", "One, two", "The opposite"].iter().all(|start| !request.prompt().starts_with(start));
        let is_late = request.path == "/completions" && is_row && asked.fetch_add(1, Ordering::Relaxed) > 3;
        match is_late && !well.load(Ordering::Relaxed) {
            true => Reply::error(400, "", &format!("no: {}", request.authorization.clone().unwrap_or_default())),
            false => healthy(kind, request),
        }
    })
}

fn run(home: &Home, server: &Server, arguments: &[&str]) -> Output {
    let source = format!("model.source={}", server.address);
    let settings = ["--set", &source, "--set", "model.name=m", "--set", "model.concurrency=2"];
    home.process().args(arguments).args(settings).env("SHOTGLASS_API_KEY", KEY).output().unwrap()
}

/// Everything that lies in a folder, as one text.
fn all(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(
            |path| {
                if path.is_dir() { all(&path) } else { String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned() }
            },
        )
        .collect()
}

#[test]
fn a_run_that_fails_goes_on_and_keeps_no_key() {
    let is_well = Arc::new(AtomicBool::new(false));
    let server = start(&is_well, Kind::Echo);
    let home = Home::with_session();
    let failed = run(&home, &server, &["run", "session.toml"]);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    let url = format!("{}/completions: the server answers 400: no: Bearer …", server.address);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains(&url) && said.contains("shotglass run --resume"), "{said}");
    assert!(
        said.contains(&format!("m at {}; log-probabilities: labels' own tokens, echoed", server.address)),
        "{said}"
    );

    is_well.store(true, Ordering::Relaxed);
    let folder = home.only_run();
    let resume = ["run", "session.toml", "--resume", folder.to_str().unwrap()];
    let resumed = run(&home, &server, &resume);
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let model = &manifest["model"];
    assert_eq!(
        (&model["name"], &model["origin"], &model["device"]),
        (&"m".into(), &server.address.clone().into(), &"remote".into())
    );
    assert_eq!(model["scoring"], "labels' own tokens, echoed");
    assert!(model["sha256"].as_str().unwrap().starts_with("endpoint:"));
    let rows = fs::read_to_string(folder.join("predictions.csv")).unwrap();
    assert_eq!(rows.lines().count(), manifest["rows"].as_u64().unwrap() as usize + 1);
    // The log and the cache are among what lies there.
    let written = all(home.path());
    assert!(written.contains(&server.address) && !written.contains(KEY));
    assert!(server.requests().iter().all(|request| request.authorization.as_deref() == Some("Bearer hunter2")));
}

#[test]
fn what_a_server_cannot_do_is_said() {
    let server = start(&Arc::new(AtomicBool::new(true)), Kind::None);
    let home = Home::with_session();
    let scored = run(&home, &server, &["run", "session.toml"]);
    let said = String::from_utf8_lossy(&scored.stderr).into_owned();
    assert!(said.contains("tells no log-probabilities: set decode.method = \"generate\""), "{said}");
    let written = run(&home, &server, &["run", "session.toml", "--set", "decode.method=generate", "--out", "written"]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let nameless = home.error(&["run", "session.toml", "--set", &format!("model.source={}", server.address)]);
    assert!(nameless.contains("`model.name` must say which model"), "{nameless}");
    let secret = home.error(&["run", "session.toml", "--set", "model.source=http://me:hunter2@host/v1"]);
    assert!(secret.contains("`model.source` must hold no user name") && !secret.contains(KEY), "{secret}");
}

#[test]
fn commands_without_a_session_ask_servers_too() {
    let server = start(&Arc::new(AtomicBool::new(true)), Kind::List);
    let home = Home::new();
    let endpoint = ["-m", server.address.as_str(), "--name", "m"];
    let json = |arguments: &[&str]| home.json(&[arguments, &endpoint].concat());
    let score = json(&["score", "--labels", "support,oppose", "ab"]);
    assert_eq!(score["labels"]["support"]["logprob"], -0.25);
    assert!(score.get("token_ids").is_none());
    assert_eq!(json(&["next", "--top", "2", "ab"])["next"][0]["token"], " support");
    assert_eq!(json(&["generate", "ab"])["text"], " support");
    assert_eq!(json(&["generate", "--chat", "ab"])["text"], "support");
    // Chat prompts are shown as what is sent, and no model is looked for.
    let home = Home::with_session();
    let source = format!("model.source={}", server.address);
    let chat = ["--set", "prompt.chat=true", "--set", &source, "--set", "model.name=m"];
    let shown = home.stdout(&[&["prompt", "session.toml", "--row", "1"][..], &chat].concat());
    assert!(shown.starts_with("[{\"") && shown.contains("let it sink"), "{shown}");
}
